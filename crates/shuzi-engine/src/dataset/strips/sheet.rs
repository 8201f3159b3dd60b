//! The picture while it is drawn: paper and ink apart, in pixels of the camera.

use super::{path::Point, pen::Pen, random::between, text::Content};
use crate::{Rng, preprocess::strip::STRIP_HEIGHT};
use rand::RngExt;

/// What is written on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// A screen: flat.
    Screen,
    /// Scanned paper: evenly lit.
    Scan,
    /// A photo of paper, with its light.
    Photo,
    /// A scanned cheque or form, with print under the writing.
    Security,
}

impl Ground {
    pub fn random(content: &Content, rng: &mut Rng) -> Self {
        let first = if matches!(content, Content::Blank) { 20 } else { 0 }; // blank screens all look alike
        match rng.random_range(first..100) {
            0..26 => Ground::Screen,
            26..48 => Ground::Scan,
            48..80 => Ground::Photo,
            _ => Ground::Security,
        }
    }
}

/// One number a pixel, row by row.
#[derive(Debug)]
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<f32>,
}

impl Plane {
    pub fn new(width: usize, height: usize) -> Self {
        Plane { width, height, pixels: vec![0.0; width * height] }
    }

    /// Inks all within `radius` of the line from `a` to `b`, with an edge one pixel soft. Lines thinner than a pixel are paler instead.
    pub fn stamp(&mut self, a: Point, b: Point, radius: f32, density: f32) {
        let reach = radius.max(0.5) + 0.5;
        let density = density * (2.0 * radius).min(1.0);
        let (left, right) = span(a[0], b[0], reach, self.width);
        let (top, bottom) = span(a[1], b[1], reach, self.height);
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let per_length = 1.0 / (dx * dx + dy * dy).max(1e-6);
        for y in top..bottom {
            let from_y = y as f32 + 0.5 - a[1];
            let row = &mut self.pixels[y * self.width..][left..right];
            for (x, ink) in row.iter_mut().enumerate() {
                let from_x = (left + x) as f32 + 0.5 - a[0];
                let t = ((from_x * dx + from_y * dy) * per_length).clamp(0.0, 1.0);
                let (away_x, away_y) = (from_x - t * dx, from_y - t * dy);
                let distance = (away_x * away_x + away_y * away_y).sqrt();
                *ink = ink.max((reach - distance).clamp(0.0, 1.0) * density);
            }
        }
    }

    /// [`stamp`](Self::stamp) for lines across much of the plane: in pieces, so that few pixels are looked at.
    pub fn line(&mut self, a: Point, b: Point, radius: f32, density: f32) {
        let longer = (b[0] - a[0]).abs().max((b[1] - a[1]).abs());
        let pieces = (longer / 24.0) as usize + 1;
        let at = |piece: usize| -> Point {
            let t = piece as f32 / pieces as f32;
            std::array::from_fn(|k| a[k] + t * (b[k] - a[k]))
        };
        (0..pieces).for_each(|piece| self.stamp(at(piece), at(piece + 1), radius, density));
    }
}

/// The pixels from `reach` before to `reach` behind two places, inside of a side.
fn span(a: f32, b: f32, reach: f32, side: usize) -> (usize, usize) {
    let low = (a.min(b) - reach) as usize; // negative becomes 0
    let high = (a.max(b) + reach + 1.0) as usize;
    (low.min(side), high.min(side).max(low.min(side)))
}

/// Paper and ink.
#[derive(Debug)]
pub(super) struct Sheet {
    pub ground: Ground,
    /// Pixels of the sheet for one of the strip.
    pub fineness: f32,
    /// Grey levels, 0 to 255.
    pub paper: Plane,
    /// 0 to 1.
    pub ink: Plane,
    /// The grey of blank paper.
    pub white: f32,
    /// How much darker the ink is than the paper.
    pub contrast: f32,
    /// The same of the strokes in the picture, which thin or faint ones have less of: what else is on the paper must not hide them.
    pub visible: f32,
    /// Room for planes and rows.
    pub spare: Vec<f32>,
    pub row: Vec<f32>,
}

impl Sheet {
    /// Paper of `rows` pixels in height, for a strip of `columns` with digits of `height` pixels by this pen.
    pub fn new(ground: Ground, [columns, rows]: [usize; 2], pen: &Pen, height: f32, rng: &mut Rng) -> Self {
        let fineness = rows as f32 / STRIP_HEIGHT as f32;
        let width = ((columns as f32 * fineness + 0.5) as usize).max(4);
        let (white, contrast) = levels(ground, rng);
        Sheet {
            ground,
            fineness,
            paper: Plane::new(width, rows),
            ink: Plane::new(width, rows),
            white,
            contrast,
            visible: contrast * pen.visibility(height * fineness),
            spare: vec![],
            row: vec![],
        }
    }

    /// Darkens the paper by `strength` where `draw` puts ink.
    pub fn print(&mut self, strength: f32, draw: impl FnOnce(&mut Plane)) {
        let (width, height) = (self.paper.width, self.paper.height);
        let mut pixels = std::mem::take(&mut self.spare);
        pixels.clear();
        pixels.resize(width * height, 0.0);
        let mut plane = Plane { width, height, pixels };
        draw(&mut plane);
        for (paper, ink) in self.paper.pixels.iter_mut().zip(&plane.pixels) {
            *paper -= strength * ink;
        }
        self.spare = plane.pixels;
    }
}

/// The grey of the paper, and how much darker the ink is.
fn levels(ground: Ground, rng: &mut Rng) -> (f32, f32) {
    let (low, high) = match ground {
        Ground::Screen => (205.0, 255.0),
        Ground::Scan => (170.0, 255.0),
        Ground::Photo => (95.0, 240.0),
        Ground::Security => (150.0, 235.0),
    };
    let is_white = ground == Ground::Screen && rng.random_range(0..4) > 0;
    let white = if is_white { 255.0 } else { between(rng, low, high) };
    let share = match rng.random_range(0..20) {
        _ if ground == Ground::Screen => between(rng, 0.5, 1.0),
        0 => between(rng, 0.06, 0.15),
        1..5 => between(rng, 0.15, 0.4),
        _ => between(rng, 0.4, 0.92),
    };
    (white, (white * share).max(8.0))
}
