//! What a training, an evaluation or a comparison looks like, and how pictures were read: curves, matrix,
//! mistakes, one page, a summary.
//!
//! In: an [`Evaluation`], the recorded [`Curves`], facts as text. Out: named files as bytes
//! (SVG, HTML, PNG) and text for the terminal. Opens no file and reads no clock; the words
//! come from `locales/report.yml` in the language that is set.

mod annotation;
pub mod comparison;
mod confusion;
mod curves;
mod explanation;
mod html;
mod mistakes;
pub mod pictures;
pub mod png;
mod reliability;
pub mod robustness;
mod summary;
mod svg;

use rust_i18n::t;
use shuzi_engine::{classes::Classes, dataset::Dataset, evaluation::Evaluation};

pub use annotation::{annotate, thumbnail};
pub use explanation::{Explained, explain};
pub use summary::{aligned, summary};

/// All that a report shows.
pub struct Report<'a> {
    /// Heading of the page, such as the name of the recipe.
    pub title: String,
    /// Recipe, data, timing, machine, hash of the weights …: plain text, in this order.
    pub facts: Vec<FactGroup>,
    /// The recipe as its author wrote it; an empty one is left out.
    pub recipe_toml: &'a str,
    /// What the network said.
    pub digits: Digits<'a>,
    /// How the training went; `None` when only an evaluation is reported.
    pub curves: Option<&'a Curves>,
    /// How robust it is, where that was measured.
    pub robustness: Option<&'a robustness::Corrupted<'a>>,
}

/// Digits that a network was asked about, and its answers.
#[derive(Clone, Copy)]
pub struct Digits<'a> {
    /// What the network said of `images`.
    pub evaluation: &'a Evaluation,
    /// The images that were evaluated, in the same order.
    pub images: &'a Dataset,
    /// The temperature in the model's record, where the probabilities are those without it.
    pub temperature: Option<f64>,
    /// Where each image is from; without, they are told apart by number.
    pub origins: Option<&'a [String]>,
}

/// Facts that belong together.
pub struct FactGroup {
    /// Such as "Machine".
    pub heading: String,
    /// Name and value, such as "processor" and its model.
    pub facts: Vec<(String, String)>,
}

/// What was recorded during a training, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// One point for each mini-batch.
    pub steps: Vec<StepPoint>,
    /// One point for each finished epoch.
    pub epochs: Vec<EpochPoint>,
    /// Accuracy on the test set after the last step, 0..=1.
    pub test_accuracy: Option<f64>,
    /// Mean cross-entropy on the test set after the last step, in nats.
    pub test_loss: Option<f64>,
}

/// One mini-batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPoint {
    /// Counted from 0 through all epochs.
    pub iteration: u64,
    /// The epoch it belongs to, from 0.
    pub epoch: usize,
    /// Mean cross-entropy of the batch, in nats; may be infinite or NaN when training diverges.
    pub loss: f32,
    /// Fraction of the batch read right, 0..=1.
    pub batch_accuracy: f32,
    /// The learning rate of its step.
    pub learning_rate: f32,
}

/// One finished epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochPoint {
    /// The iteration at its end.
    pub iteration: u64,
    /// Mean over its batches, in nats.
    pub mean_loss: f32,
    /// Mean over its batches, 0..=1.
    pub mean_batch_accuracy: f32,
    /// Accuracy (0..=1) and loss (nats) on the validation set.
    pub validation: Option<(f64, f64)>,
}

/// The files of a report and their names: the pictures, `report.html`, and with `png` also
/// each picture as PNG. Without [`Report::curves`] and [`Report::robustness`] there are no curves.
pub fn render(report: &Report, png: bool) -> Vec<(String, Vec<u8>)> {
    let mut pictures = Vec::new();
    if let Some(curves) = report.curves {
        pictures.push(("accuracy", curves::accuracy(curves, svg::Room::Wide)));
        pictures.push(("loss", curves::loss(curves, svg::Room::Wide)));
        pictures.push(("learning-rate", curves::learning_rate(curves, svg::Room::Wide)));
    }
    pictures.extend(digit_pictures(&report.digits));
    if let Some(corrupted) = report.robustness {
        pictures.push(("robustness", robustness::draw(corrupted.measured, svg::Room::Wide)));
    }
    files(&pictures, html::page(report), png)
}

fn digit_pictures(digits: &Digits) -> [(&'static str, svg::Drawing); 2] {
    let Digits { evaluation, temperature, .. } = digits;
    [
        ("confusion", confusion::draw(evaluation, svg::Room::Wide)),
        ("reliability", reliability::draw(evaluation, *temperature, svg::Room::Wide)),
    ]
}

/// Pictures and a page as files; with `png` each picture twice.
fn files(pictures: &[(&str, svg::Drawing)], page: String, png: bool) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (name, picture) in pictures {
        files.push((format!("{name}.svg"), picture.document(svg::Themes::LightAndDark).into_bytes()));
    }
    files.push(("report.html".to_owned(), page.into_bytes()));
    if png {
        let painter = png::Painter::new();
        for (name, picture) in pictures {
            files.push((format!("{name}.png"), painter.paint(&picture.document(svg::Themes::Light))));
        }
    }
    files
}

/// What is told apart, in a word: a digit, or a class.
fn thing(classes: &Classes) -> String {
    if classes.are_digits() { t!("report.digit") } else { t!("report.class") }.into_owned()
}

/// [`thing`] of several.
fn things(classes: &Classes) -> String {
    if classes.are_digits() { t!("report.digits") } else { t!("report.classes") }.into_owned()
}

/// A fraction in percent. Only a full 1 is "100 %": what rounds up to it is not all.
pub fn percent(fraction: f64, decimals: usize) -> String {
    let scale = 10f64.powi(decimals as i32);
    let mut value = (fraction * 100.0 * scale).round() / scale;
    if fraction < 1.0 && value >= 100.0 {
        value = 100.0 - 1.0 / scale;
    }
    t!("report.percent", value = format!("{value:.decimals$}")).into_owned()
}

/// [`percent`] with two decimals, or a dash where there is none.
fn percent_or_none(fraction: Option<f64>) -> String {
    fraction.map_or_else(|| t!("report.none").into_owned(), |fraction| percent(fraction, 2))
}

/// A loss with its unit, to four significant digits where it is small.
pub fn nats(loss: f64) -> String {
    let value = match loss.abs() {
        size if size >= 1000.0 || (size > 0.0 && size < 1e-3) => format!("{loss:.3e}"),
        size if size >= 1.0 => format!("{loss:.3}"),
        _ => format!("{loss:.4}"),
    };
    t!("report.nats", value = value).into_owned()
}

/// A count with its thousands set apart: 10,000.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn only_all_of_them_is_a_hundred_percent() {
        for (fraction, start) in [(1.0, "100.00"), (0.99999, "99.99"), (0.9607, "96.07"), (0.0, "0.00")] {
            let text = percent(fraction, 2);
            assert!(text.starts_with(start), "{fraction}: {text}");
        }
    }
}
