//! The worst mistakes as a sheet of pictures: image, label, what it was read as, how surely.

use std::fmt::Write;

use super::{Digits, grouped, html, svg::Escaped, things};
use rust_i18n::t;

/// The most that are shown; more would make the page long, not the reader wiser.
const SHOWN: usize = 40;
/// Probabilities shown of each.
const MOST_PROBABLE: usize = 3;

/// Appends the section to the page.
pub fn write_section(page: &mut String, digits: &Digits) {
    let mistakes = digits.evaluation.worst_mistakes();
    let shown = mistakes.len().min(SHOWN);
    let (count, things) = (grouped(mistakes.len()), things(digits.evaluation.classes()));
    let sentence = match (mistakes.len(), shown) {
        (0, _) => t!("report.mistakes_none"),
        (all, shown) if all == shown => t!("report.mistakes_all", count = count, things = things),
        _ => t!("report.mistakes_shown", shown = shown, count = count, things = things),
    };
    let heading = t!("report.mistakes");
    write!(
        page,
        "<section id=\"mistakes\">\n<h2>{}</h2>\n<p class=\"note\">{}</p>\n",
        Escaped(&heading),
        Escaped(&sentence)
    )
    .expect("a string takes all");
    if shown > 0 {
        let named = html::named(digits.evaluation.classes());
        writeln!(page, "<ol class=\"mistakes{named}\">").expect("a string takes all");
        for &index in &mistakes[..shown] {
            write_mistake(page, digits, index);
        }
        page.push_str("</ol>\n");
    }
    page.push_str("</section>\n");
}

fn write_mistake(page: &mut String, digits: &Digits, index: usize) {
    let (label, prediction) = (digits.evaluation.label(index), digits.evaluation.prediction(index));
    let classes = digits.evaluation.classes();
    let [read_as, shown] = [prediction, label].map(|label| classes.name(label));
    let words = t!("report.mistake", label = shown, prediction = read_as);
    let place = match digits.origins {
        Some(origins) => origins[index].as_str().into(),
        None => t!("report.mistake_image", index = index),
    };
    html::write_image(page, &digits.images.image(index), &words);
    let [read_as, shown, place] = [read_as, shown, &place].map(Escaped);
    write!(
        page,
        "<p class=\"verdict\"><span class=\"label\">{shown}</span> → <span class=\"wrong\">{read_as}</span>\
         <small>{place}</small></p>"
    )
    .expect("a string takes all");
    let probabilities = digits.evaluation.probabilities(index);
    for reading in most_probable_first(probabilities).into_iter().take(MOST_PROBABLE) {
        let class = match reading {
            _ if reading == prediction => "wrong",
            _ if reading == label => "label",
            _ => "",
        };
        html::write_probability(page, classes.name(reading), probabilities[usize::from(reading)], class);
    }
    page.push_str("</li>\n");
}

/// All labels.
fn most_probable_first(probabilities: &[f32]) -> Vec<u8> {
    let mut labels: Vec<u8> = (0..probabilities.len()).map(|label| label as u8).collect();
    labels.sort_by(|&a, &b| probabilities[usize::from(b)].total_cmp(&probabilities[usize::from(a)]));
    labels
}
