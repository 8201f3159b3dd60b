//! How a picture was read, step by step, as one page: the picture, the ink found in it, its pieces, each digit as the network saw it, and
//! its probabilities.

use super::{
    annotation,
    html::{begin, end, named, open_section, write_image, write_probability},
    percent, png,
    svg::Escaped,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rust_i18n::t;
use shuzi::{
    classes::Classes,
    image::Picture,
    recognition::{DigitReading, Reading},
};
use std::fmt::Write;

/// A picture that was read, for a page.
pub struct Explained<'a> {
    /// What it is called.
    pub name: String,
    /// Itself.
    pub picture: &'a Picture,
    /// What was found.
    pub reading: &'a Reading,
    /// The digits as text.
    pub text: String,
}

/// The page of one picture.
pub fn explain(explained: &Explained<'_>) -> String {
    let Explained { name, picture, reading, text } = explained;
    let mut page = begin(name);
    let answer = if text.is_empty() { t!("explain.none") } else { text.as_str().into() };
    write!(
        page,
        "<dl class=\"headline\"><div class=\"main\"><dt>{}</dt><dd>{}</dd></div></dl>\n</header>\n<main>\n",
        Escaped(&t!("explain.reading")),
        Escaped(&answer)
    )
    .expect("a string takes all");
    section(&mut page, "picture", &t!("explain.picture"), &t!("explain.picture-note"));
    write_picture(&mut page, &annotation::annotate(picture, reading), &t!("explain.picture"));
    page.push_str("</section>\n");
    if let Some(ink) = &reading.ink {
        let note = if ink.is_dark { t!("explain.dark") } else { t!("explain.light") };
        let note =
            t!("explain.ink-note", kind = note, contrast = percent(f64::from(ink.contrast) / 255.0, 0));
        section(&mut page, "ink", &t!("explain.ink"), &note);
        let image = &ink.image;
        write_picture(
            &mut page,
            &png::gray(image.width(), image.height(), image.pixels()),
            &t!("explain.ink"),
        );
        page.push_str("</section>\n");
    }
    if !reading.pieces.is_empty() {
        let note = t!("explain.pieces-note", count = reading.pieces.len());
        section(&mut page, "pieces", &t!("explain.pieces"), &note);
        write_picture(&mut page, &annotation::outline(picture, &reading.pieces), &t!("explain.pieces"));
        page.push_str("</section>\n");
    }
    section(&mut page, "digits", &t!("explain.digits"), &t!("explain.digits-note"));
    writeln!(page, "<ol class=\"mistakes{}\">", named(&reading.classes)).expect("a string takes all");
    for digit in &reading.digits {
        write_digit(&mut page, &reading.classes, digit);
    }
    page.push_str("</ol>\n</section>\n");
    end(&mut page);
    page
}

fn section(page: &mut String, id: &str, heading: &str, note: &str) {
    open_section(page, id, heading);
    writeln!(page, "<p class=\"note\">{}</p>", Escaped(note)).expect("a string takes all");
}

fn write_picture(page: &mut String, png: &[u8], words: &str) {
    let (data, words) = (BASE64_STANDARD.encode(png), Escaped(words));
    writeln!(page, "<img class=\"picture\" src=\"data:image/png;base64,{data}\" alt=\"{words}\">")
        .expect("a string takes all");
}

fn write_digit(page: &mut String, classes: &Classes, digit: &DigitReading) {
    let (verdict, class) = if digit.rejected {
        (t!("explain.rejected"), "wrong")
    } else {
        (classes.name(digit.digit).into(), "label")
    };
    write_image(page, &digit.image, &verdict);
    write!(page, "<p class=\"verdict\"><span class=\"{class}\">{}</span></p>", Escaped(&verdict))
        .expect("a string takes all");
    for (name, &probability) in classes.names().zip(&digit.probabilities) {
        let class = if name == classes.name(digit.digit) { "label" } else { "" };
        write_probability(page, name, probability, class);
    }
    page.push_str("</li>\n");
}
