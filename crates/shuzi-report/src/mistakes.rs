//! The worst mistakes as a sheet of pictures, to see where the network errs and to check labels by: image, label,
//! what it was read as, how surely. A second sheet has the labels that are known to be wrong.

use std::fmt::Write;

use crate::{
    content::Digits,
    html,
    numbers::{grouped, percent, things},
    svg::Escaped,
};
use rust_i18n::t;

/// Mistakes that are shown, and more up to the most while there are suspected label errors; further ones would make
/// the page long, not the reader wiser.
const SHOWN: usize = 40;
const MOST_SHOWN: usize = 120;
/// Probabilities shown of each.
const MOST_PROBABLE: usize = 3;

/// Appends the section to the page.
pub fn write_section(page: &mut String, digits: &Digits) {
    let mistakes = digits.evaluation.worst_mistakes();
    let suspected = digits.evaluation.suspected_label_errors();
    let shown = mistakes.len().min(suspected.len().clamp(SHOWN, MOST_SHOWN));
    let (count, things) = (grouped(mistakes.len()), things(digits.evaluation.classes()));
    let sentence = match (mistakes.len(), shown) {
        (0, _) => t!("report.mistakes_none"),
        (all, shown) if all == shown => t!("report.mistakes_all", count = count, things = things),
        _ => t!("report.mistakes_shown", shown = shown, count = count, things = things),
    };
    let heading = t!("mistakes.heading");
    write!(
        page,
        "<section id=\"mistakes\">\n<h2>{}</h2>\n<p class=\"note\">{}</p>\n",
        Escaped(&heading),
        Escaped(&sentence)
    )
    .expect("a string takes all");
    if !suspected.is_empty() {
        let sentence = t!("mistakes.label-errors", count = grouped(suspected.len()));
        writeln!(page, "<p class=\"note\">{}</p>", Escaped(&sentence)).expect("a string takes all");
    }
    write_images(page, digits, &mistakes[..shown], &suspected);
    page.push_str("</section>\n");
}

/// Appends the labels that are known to be wrong, where there are such.
pub fn write_wrong_labels(page: &mut String, digits: &Digits) {
    let (evaluation, wrong) = (digits.evaluation, digits.evaluation.known_wrong_labels());
    if wrong.is_empty() {
        return;
    }
    let others = evaluation.without(wrong);
    let interval = others.interval();
    let sentence = t!(
        "mistakes.wrong-labels-note",
        count = wrong.len(),
        correct = evaluation.correct() - others.correct(),
        all = percent(evaluation.accuracy(), 2),
        others = percent(others.accuracy(), 2),
        low = percent(interval.low, 2),
        high = percent(interval.high, 2)
    );
    html::open_section(page, "wrong-labels", &t!("mistakes.wrong-labels"));
    writeln!(page, "<p class=\"note\">{}</p>", Escaped(&sentence)).expect("a string takes all");
    write_images(page, digits, wrong, &evaluation.suspected_label_errors());
    page.push_str("</section>\n");
}

/// The images at `indices`; labels at `suspected` get a question mark.
fn write_images(page: &mut String, digits: &Digits, indices: &[usize], suspected: &[usize]) {
    if indices.is_empty() {
        return;
    }
    let named = html::named(digits.evaluation.classes());
    writeln!(page, "<ol class=\"mistakes{named}\">").expect("a string takes all");
    for &index in indices {
        write_image(page, digits, index, suspected.contains(&index));
    }
    page.push_str("</ol>\n");
}

fn write_image(page: &mut String, digits: &Digits, index: usize, is_suspected: bool) {
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
    let mark = if is_suspected { "?" } else { "" };
    let class = if prediction == label { "label" } else { "wrong" };
    write!(
        page,
        "<p class=\"verdict\"><span class=\"label\">{shown}{mark}</span> → <span class=\"{class}\">{read_as}</span>\
         <small>{place}</small></p>"
    )
    .expect("a string takes all");
    let probabilities = digits.evaluation.probabilities(index);
    for reading in most_probable_first(probabilities).into_iter().take(MOST_PROBABLE) {
        let class = match reading {
            _ if reading == label => "label",
            _ if reading == prediction => "wrong",
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
