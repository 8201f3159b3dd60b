//! How a picture was read, step by step, as one page: the picture, the ink found in it, its pieces, each digit as the network saw it, and
//! its probabilities.

use crate::{
    annotation,
    html::{begin, end, named, open_section, write_image, write_probability},
    numbers::percent,
    png,
    svg::Escaped,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use resvg::tiny_skia::Pixmap;
use rust_i18n::t;
use shuzi_engine::{
    classes::Classes,
    image::Picture,
    recognition::{DigitReading, Reading},
};
use std::fmt::Write;

/// Pixels of a picture on the page, along its longer side; screens show no more.
const MOST_PIXELS: usize = 1000;
/// Bytes of a picture on the page, so that all three and the digits are less than 1 MB.
const MOST_BYTES: usize = 160_000;
/// Digits on the page, each with its image and probabilities.
const MOST_DIGITS: usize = 200;

/// So many letters stand in the heading's size on a phone.
const LARGE: usize = 10;

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
    let is_long = answer.lines().count() > 1 || answer.chars().count() > LARGE;
    let class = if is_long { "text long" } else { "text" };
    write!(
        page,
        "<dl class=\"headline\"><div class=\"main\"><dt>{}</dt><dd class=\"{class}\">{}</dd></div></dl>\n\
         </header>\n<main>\n",
        Escaped(&t!("explain.reading")),
        Escaped(&answer)
    )
    .expect("a string takes all");
    section(&mut page, "picture", &t!("explain.picture"), &t!("explain.picture-note"));
    let annotated = annotation::annotated_copy(picture, reading, MOST_PIXELS);
    write_picture(&mut page, &annotated, &t!("explain.picture"));
    page.push_str("</section>\n");
    if let Some(ink) = &reading.ink {
        let note = if ink.is_dark { t!("explain.dark") } else { t!("explain.light") };
        let note =
            t!("explain.ink-note", kind = note, contrast = percent(f64::from(ink.contrast) / 255.0, 0));
        section(&mut page, "ink", &t!("explain.ink"), &note);
        let image = &ink.image;
        let image = Picture::gray(image.width(), image.height(), image.pixels().to_vec());
        write_picture(&mut page, &annotation::pixmap(&image.shrunk(MOST_PIXELS)), &t!("explain.ink"));
        page.push_str("</section>\n");
    }
    if !reading.pieces.is_empty() {
        let note = t!("explain.pieces-note", count = reading.pieces.len());
        section(&mut page, "pieces", &t!("explain.pieces"), &note);
        let outlined = annotation::outlined_copy(picture, &reading.pieces, MOST_PIXELS);
        write_picture(&mut page, &outlined, &t!("explain.pieces"));
        page.push_str("</section>\n");
    }
    section(&mut page, "digits", &t!("explain.digits"), &t!("explain.digits-note"));
    let count = reading.digits.len();
    if count > MOST_DIGITS {
        let words = t!("explain.first-digits", shown = MOST_DIGITS, count = count);
        writeln!(page, "<p class=\"note\">{}</p>", Escaped(&words)).expect("a string takes all");
    }
    writeln!(page, "<ol class=\"mistakes{}\">", named(&reading.classes)).expect("a string takes all");
    for digit in reading.digits.iter().take(MOST_DIGITS) {
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

fn write_picture(page: &mut String, pixels: &Pixmap, words: &str) {
    let (data, words) = (data_url(pixels), Escaped(words));
    writeln!(page, "<img class=\"picture\" src=\"{data}\" alt=\"{words}\">").expect("a string takes all");
}

/// A picture for a page: PNG where that is small, as of drawings and scans, else the best JPEG that is.
fn data_url(pixels: &Pixmap) -> String {
    const QUALITIES: [u8; 5] = [85, 70, 55, 40, 25];
    let (width, height) = (pixels.width(), pixels.height());
    let colors: Vec<u8> =
        pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    let jpeg = |quality| {
        let mut bytes = vec![];
        let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
        encoder.write_image(&colors, width, height, ExtendedColorType::Rgb8).expect("memory takes all");
        bytes
    };
    let png = png::color(width, height, &colors);
    let (kind, bytes) = if png.len() <= MOST_BYTES {
        ("png", png)
    } else {
        let small = QUALITIES.into_iter().map(jpeg).find(|jpeg| jpeg.len() <= MOST_BYTES);
        ("jpeg", small.unwrap_or_else(|| jpeg(1)))
    };
    format!("data:image/{kind};base64,{}", BASE64_STANDARD.encode(bytes))
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
