//! Digits as images, as MNIST has them, in the place of strokes.
//!
//! In: a data set of digits. Out: where each of some digits stands on a line, and its ink on a sheet.

use super::{
    layout::Layout,
    path::{Bounds, Path},
    random::{bell, chance},
    sheet::Plane,
    writing::Manner,
};
use crate::{
    Rng,
    dataset::Dataset,
    image::{DIGITS, SIDE},
};
use rand::RngExt;

/// The height of a digit in its image, in pixels.
const HEIGHT: f32 = 20.0;
/// What is darker belongs to a digit, 0 to 255.
const INK: u8 = 40;

/// An image on a line, in units of a digit's height.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    index: usize,
    left: f32,
    top: f32,
    /// Of one of its pixels.
    width: f32,
    height: f32,
    /// How far right it moves from its top to a unit below.
    lean: f32,
}

/// Digits side by side: their labels, where they stand, and their bounding boxes.
pub(super) fn row(digits: &Dataset, manner: &Manner, rng: &mut Rng) -> (Vec<u8>, Vec<Scan>, Path) {
    let count = if chance(rng, 0.5) { 1 } else { rng.random_range(2..=8) };
    let (mut labels, mut scans, mut path) = (vec![], vec![], Path::default());
    let mut end: Option<[f32; 2]> = None; // the right of the digit before, and its middle
    while scans.len() < count {
        let index = rng.random_range(0..digits.len());
        let (image, label) = digits.example(index);
        let Some(ink) = bounds(image).filter(|_| usize::from(label) < DIGITS) else { continue };
        let height = (1.0 + 0.1 * bell(rng)).max(0.6) / HEIGHT;
        let width = height * (1.0 + 0.1 * bell(rng)).max(0.6);
        let half = 0.5 * width * ink.width();
        let start = end.map_or(0.0, |[right, middle]| {
            let step = manner.least_step * if labels.last() == Some(&label) { 2.0 } else { 1.0 };
            (right + manner.gap + manner.gap_deviation * bell(rng)).max(middle + step - half)
        });
        let foot = manner.wobble * bell(rng);
        let (left, top) = (start - width * ink.left, foot - height * ink.bottom);
        scans.push(Scan { index, left, top, width, height, lean: 0.1 * bell(rng) });
        path.stroke([[start, top + height * ink.top], [start + 2.0 * half, foot]]);
        labels.push(label);
        end = Some([start + 2.0 * half, start + half]);
    }
    (labels, scans, path)
}

/// Where the ink of an image is.
fn bounds(image: &[u8]) -> Option<Bounds> {
    let inked = image.iter().enumerate().filter(|&(_, &pixel)| pixel > INK);
    let corners = inked.flat_map(|(place, _)| {
        let (x, y) = ((place % SIDE) as f32, (place / SIDE) as f32);
        [[x, y], [x + 1.0, y + 1.0]]
    });
    let corners: Vec<_> = corners.collect();
    (!corners.is_empty()).then(|| Bounds::of(&corners))
}

impl Scan {
    /// Inks a plane with it.
    pub fn draw(&self, digits: &Dataset, (layout, fineness): (&Layout, f32), ink: &mut Plane) {
        let image = digits.example(self.index).0;
        let middle = self.top + 0.5 * SIDE as f32 * self.height;
        for (row, line) in ink.pixels.chunks_exact_mut(ink.width).enumerate() {
            for (column, ink) in line.iter_mut().enumerate() {
                let [x, y] = layout.unit([(column as f32 + 0.5) / fineness, (row as f32 + 0.5) / fineness]);
                let x = (x - self.left - self.lean * (y - middle)) / self.width - 0.5;
                *ink = ink.max(sample(image, x, (y - self.top) / self.height - 0.5));
            }
        }
    }
}

/// An image between its pixels, 0 to 1.
fn sample(image: &[u8], x: f32, y: f32) -> f32 {
    let side = SIDE as f32;
    if x <= -1.0 || y <= -1.0 || x >= side || y >= side {
        return 0.0;
    }
    let (left, top) = (x.floor(), y.floor());
    let (u, v) = (x - left, y - top);
    let pixel = |x: f32, y: f32| {
        let inside = x >= 0.0 && y >= 0.0 && x < side && y < side;
        if inside { f32::from(image[y as usize * SIDE + x as usize]) } else { 0.0 }
    };
    let row = |y| (1.0 - u) * pixel(left, y) + u * pixel(left + 1.0, y);
    ((1.0 - v) * row(top) + v * row(top + 1.0)) / 255.0
}
