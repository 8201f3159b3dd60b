//! The worst mistakes as a sheet of pictures: image, label, what it was read as, how surely.

use std::fmt::Write;

use rust_i18n::t;
use shuzi::image::DIGITS;

use super::{Digits, grouped, html, svg::Escaped};

/// The most that are shown; more would make the page long, not the reader wiser.
const SHOWN: usize = 40;
/// Probabilities shown of each.
const MOST_PROBABLE: usize = 3;

/// Appends the section to the page.
pub fn write_section(page: &mut String, digits: &Digits) {
    let mistakes = digits.evaluation.worst_mistakes();
    let shown = mistakes.len().min(SHOWN);
    let count = grouped(mistakes.len());
    let sentence = match (mistakes.len(), shown) {
        (0, _) => t!("report.mistakes_none"),
        (all, shown) if all == shown => t!("report.mistakes_all", count = count),
        _ => t!("report.mistakes_shown", shown = shown, count = count),
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
        page.push_str("<ol class=\"mistakes\">\n");
        for &index in &mistakes[..shown] {
            write_mistake(page, digits, index);
        }
        page.push_str("</ol>\n");
    }
    page.push_str("</section>\n");
}

fn write_mistake(page: &mut String, digits: &Digits, index: usize) {
    let (label, prediction) = (digits.evaluation.label(index), digits.evaluation.prediction(index));
    let words = t!("report.mistake", label = label, prediction = prediction);
    let place = match digits.origins {
        Some(origins) => origins[index].as_str().into(),
        None => t!("report.mistake_image", index = index),
    };
    html::write_image(page, &digits.images.image(index), &words);
    let place = Escaped(&place);
    write!(
        page,
        "<p class=\"verdict\"><span class=\"label\">{label}</span> → <span class=\"wrong\">{prediction}</span>\
         <small>{place}</small></p>"
    )
    .expect("a string takes all");
    let probabilities = digits.evaluation.probabilities(index);
    for digit in most_probable_first(probabilities).into_iter().take(MOST_PROBABLE) {
        let class = match digit {
            _ if digit == usize::from(prediction) => "wrong",
            _ if digit == usize::from(label) => "label",
            _ => "",
        };
        html::write_probability(page, digit, probabilities[digit], class);
    }
    page.push_str("</li>\n");
}

fn most_probable_first(probabilities: &[f32; DIGITS]) -> [usize; DIGITS] {
    let mut digits = std::array::from_fn(|digit| digit);
    digits.sort_by(|&a: &usize, &b: &usize| probabilities[b].total_cmp(&probabilities[a]));
    digits
}
