//! Draws a page of ruled paper in the light of a lamp, with a line of synthetic digits on it, as a PGM picture on standard output.
//!
//! ```sh
//! cargo run --release --example page -- 2718281828 7 > page.pgm
//! ```
//!
//! The second argument is the seed of the handwriting.

use shuzi_engine::{dataset::synthetic, image::SIDE};
use std::{
    env,
    io::{self, Write},
};

/// Pixels of the page for one of a digit.
const SCALE: usize = 5;
const MARGIN: usize = 60;
/// From one ruled line to the next.
const RULING: usize = 78;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let digits = arguments.next().ok_or("which digits?")?;
    let seed = arguments.next().unwrap_or_default().parse().unwrap_or(1);
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    let (width, height) = (digits.len() * 20 * SCALE + 2 * MARGIN, SIDE * SCALE + 2 * MARGIN);
    let mut page: Vec<f32> =
        (0..width * height).map(|i| paper(i % width, i / width, width, height)).collect();

    let mut drawn = (0..).map(|index| synthetic::draw_varied(seed, index));
    for (place, digit) in digits.into_iter().enumerate() {
        let (image, _) = drawn.find(|(_, label)| *label == digit).expect("an endless row");
        let (left, top) = (MARGIN + place * 20 * SCALE - 4 * SCALE, MARGIN + place * 13 % 11);
        for y in 0..SIDE * SCALE {
            for x in 0..SIDE * SCALE {
                let ink = smooth(&image.0, x, y);
                if let Some(light) = page.get_mut((top + y) * width + left + x) {
                    *light *= 1.0 - 0.75 * ink;
                }
            }
        }
    }
    let bytes: Vec<u8> = page.into_iter().map(|light| (light * 255.0) as u8).collect();
    let mut out = io::stdout().lock();
    write!(out, "P5\n{width} {height}\n255\n")?;
    out.write_all(&bytes)?;
    Ok(())
}

/// How light the paper is, 0 to 1: a lamp at the upper left, a shadow at the right, blue lines, and its own grain.
fn paper(x: usize, y: usize, width: usize, height: usize) -> f32 {
    let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
    let lamp = 0.95 - 0.3 * u - 0.12 * v;
    let shadow = if u + 0.4 * v > 0.95 { 0.7 } else { 1.0 };
    let line = if (y + x / 90) % RULING < 2 { 0.72 } else { 1.0 };
    let grain = ((x * 7919 + y * 104_729) as u32).wrapping_mul(0x9e37_79b9) >> 24;
    lamp * shadow * line * (0.985 + 0.03 * grain as f32 / 255.0)
}

/// The ink of a digit at a pixel of the page, 0 to 1, in proportion between its own pixels.
fn smooth(image: &[u8], x: usize, y: usize) -> f32 {
    let at = |place: usize| {
        let place = (place as f32 + 0.5) / SCALE as f32 - 0.5;
        let low = place.max(0.0) as usize;
        (low, (low + 1).min(SIDE - 1), (place - low as f32).max(0.0))
    };
    let ((left, right, across), (top, bottom, down)) = (at(x), at(y));
    let row = |y: usize| {
        let ink = |x: usize| f32::from(image[y * SIDE + x]) / 255.0;
        ink(left) * (1.0 - across) + ink(right) * across
    };
    row(top) * (1.0 - down) + row(bottom) * down
}
