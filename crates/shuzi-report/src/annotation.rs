//! A picture with what was read in it: a box around each digit, and the digit above it.

use crate::{png::Painter, svg::Escaped};
use resvg::tiny_skia::{ColorU8, Pixmap};
use shuzi_engine::{
    classes::Classes,
    image::Picture,
    recognition::{Area, DigitReading, Reading},
};
use std::fmt::Write;

/// A line on a picture, in its pixels, is not thinner.
const THINNEST: f64 = 2.0;

/// The picture as PNG, with boxes: green for digits, grey for what was rejected.
pub fn annotate(picture: &Picture, reading: &Reading) -> Vec<u8> {
    as_png(&paint(picture, reading, 1.0, letters_of(picture)))
}

/// [`annotate`] of a small copy, neither side of which has more than `most` pixels. Its letters are as large as fit.
pub fn thumbnail(picture: &Picture, reading: &Reading, most: usize) -> Vec<u8> {
    const LETTERS: f64 = 16.0;
    let small = picture.shrunk(most);
    as_png(&paint(&small, reading, scale_of(&small, picture), LETTERS))
}

/// The pixels of [`annotate`], of a copy as small as a thumbnail's.
pub fn annotated_copy(picture: &Picture, reading: &Reading, most: usize) -> Pixmap {
    let small = picture.shrunk(most);
    paint(&small, reading, scale_of(&small, picture), large_letters_of(&small))
}

/// The pixels of such a copy with a blue box around each of `areas`.
pub fn outlined_copy(picture: &Picture, areas: &[Area], most: usize) -> Pixmap {
    let small = picture.shrunk(most);
    let (scale, width) = (scale_of(&small, picture), large_letters_of(&small) / 8.0);
    overlay(&small, |svg| areas.iter().for_each(|area| draw_box(svg, *area, scale, "#2563eb", width)))
}

/// How high letters on a picture are, in its pixels.
fn letters_of(picture: &Picture) -> f64 {
    (longest(picture) / 60.0).max(8.0)
}

/// The same on a copy that may be shown on a phone.
fn large_letters_of(picture: &Picture) -> f64 {
    (longest(picture) / 36.0).max(8.0)
}

fn scale_of(small: &Picture, picture: &Picture) -> f64 {
    longest(small) / longest(picture)
}

fn longest(picture: &Picture) -> f64 {
    picture.width().max(picture.height()) as f64
}

/// A picture with the boxes of a reading on a larger one; letters are `size` pixels high.
fn paint(picture: &Picture, reading: &Reading, scale: f64, size: f64) -> Pixmap {
    overlay(picture, |svg| {
        reading.digits.iter().for_each(|digit| draw(svg, &reading.classes, digit, scale, size))
    })
}

/// A picture with what is drawn on it.
fn overlay(picture: &Picture, draw: impl FnOnce(&mut String)) -> Pixmap {
    let (width, height) = (picture.width(), picture.height());
    let mut svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">"#);
    draw(&mut svg);
    svg.push_str("</svg>");
    let mut pixels = pixmap(picture);
    Painter::new().paint_over(&svg, &mut pixels);
    pixels
}

fn as_png(pixels: &Pixmap) -> Vec<u8> {
    pixels.encode_png().expect("a PNG in memory takes all")
}

fn draw(svg: &mut String, classes: &Classes, digit: &DigitReading, scale: f64, size: f64) {
    let color = if digit.rejected { "#8a94a6" } else { "#0a8f3c" };
    let line = size / 8.0;
    draw_box(svg, digit.area, scale, color, line);
    let (left, top) = (digit.area.left as f64 * scale, digit.area.top as f64 * scale);
    let label = Escaped(if digit.rejected { "?" } else { classes.name(digit.digit) });
    // Above the box, or inside it where there is no space.
    let baseline = if top > size { top - size / 4.0 } else { top + size };
    write!(
        svg,
        r#"<text x="{left}" y="{baseline}" font-size="{size}" font-family="sans-serif" font-weight="700" fill="{color}" stroke="white" stroke-width="{}" paint-order="stroke">{label}</text>"#,
        line.max(THINNEST)
    )
    .expect("a string takes everything");
}

fn draw_box(svg: &mut String, area: Area, scale: f64, color: &str, line: f64) {
    let [left, top, width, height] =
        [area.left, area.top, area.width, area.height].map(|pixels| pixels as f64 * scale);
    write!(
        svg,
        r#"<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="{color}" stroke-width="{}"/>"#,
        line.max(THINNEST)
    )
    .expect("a string takes everything");
}

/// The pixels of a picture.
pub fn pixmap(picture: &Picture) -> Pixmap {
    let mut pixels =
        Pixmap::new(picture.width() as u32, picture.height() as u32).expect("pictures have pixels");
    let rows = (0..picture.height()).flat_map(|y| picture.row(y).chunks_exact(picture.channels()));
    for (to, pixel) in pixels.pixels_mut().iter_mut().zip(rows) {
        let (red, green, blue) = (pixel[0], pixel[pixel.len() / 2], pixel[pixel.len() - 1]);
        *to = ColorU8::from_rgba(red, green, blue, 255).premultiply();
    }
    pixels
}
