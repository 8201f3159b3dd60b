//! What a training, an evaluation or a comparison looks like, and how pictures were read: curves, matrix,
//! mistakes, one page, a summary.
//!
//! In: an [`Evaluation`](shuzi_engine::evaluation::Evaluation), the recorded [`Curves`], facts as text. Out: named files as bytes
//! (SVG, HTML, PNG) and text for the terminal. Opens no file and reads no clock; the words
//! come from `locales/`, in the language that `rust_i18n::set_locale` has set.
#![forbid(unsafe_code)]

mod annotation;
pub mod comparison;
mod confusion;
mod content;
mod curves;
mod explanation;
mod html;
mod mistakes;
pub mod models;
mod numbers;
mod page;
pub mod pictures;
pub mod png;
mod reliability;
mod rendered;
pub mod robustness;
mod summary;
mod svg;

pub use annotation::{annotate, thumbnail};
pub use content::{Corrupted, Curves, Digits, EpochPoint, FactGroup, Report, StepPoint};
pub use explanation::{Explained, explain};
pub use numbers::{grouped, nats, percent};
pub use summary::{aligned, summary};

rust_i18n::i18n!("locales", fallback = "en");

/// The files of a report and their names: the pictures, `report.html`, and with `png` also
/// each picture as PNG. Without [`Report::curves`] and [`Report::robustness`] there are no curves.
pub fn render(report: &Report, png: bool) -> Vec<(String, Vec<u8>)> {
    let mut pictures = Vec::new();
    if let Some(curves) = report.curves {
        pictures.push(("accuracy", curves::accuracy(curves, svg::Layout::Wide)));
        pictures.push(("loss", curves::loss(curves, svg::Layout::Wide)));
        pictures.push(("learning-rate", curves::learning_rate(curves, svg::Layout::Wide)));
    }
    pictures.extend(rendered::digit_pictures(&report.digits));
    if let Some(corrupted) = report.robustness {
        pictures.push(("robustness", robustness::draw(corrupted.measured, svg::Layout::Wide)));
    }
    rendered::files(&pictures, page::page(report), png)
}
