//! Where the writing lies on the strip, and how large it is.

use super::{
    path::{Bounds, Path, Point},
    random::{between, chance, mostly_low},
    sheet::Ground,
    signs::columns_needed,
    writing::Writing,
};
use crate::{Rng, preprocess::strip::STRIP_HEIGHT};

/// Columns of a strip.
pub(super) const FEWEST_COLUMNS: usize = 16;
pub(super) const MOST_COLUMNS: usize = 512;
/// Columns of a strip are a multiple of this, and a network answers once for so many.
pub(super) const STRIDE: usize = 4;
const ROWS: f32 = STRIP_HEIGHT as f32;
/// Rows of a sheet at most, and its pixels.
const MOST_ROWS: f32 = 60.0;
const MOST_PIXELS: f32 = 14_000.0;

/// How closely the strip was cut around the ink.
pub(super) struct Crop {
    /// The height of the ink, in heights of the strip; above 1 it is cut.
    pub occupancy: f32,
    /// Paper at both ends, in heights of the strip.
    margins: [f32; 2],
}

impl Crop {
    pub fn random(rng: &mut Rng) -> Self {
        let occupancy = match between(rng, 0.0, 1.0) {
            ..0.58 => between(rng, 0.7, 0.98),
            ..0.88 => between(rng, 0.35, 0.7),
            _ => between(rng, 0.98, 1.1),
        };
        let most = if chance(rng, 0.75) { 0.35 } else { 1.3 };
        Crop { occupancy, margins: [0, 1].map(|_| mostly_low(rng, 0.0, most)) }
    }

    /// With paper all around.
    pub fn wide(rng: &mut Rng) -> Self {
        let occupancy = between(rng, 0.3, 0.8);
        Crop { occupancy, margins: [0, 1].map(|_| mostly_low(rng, 0.2, 1.5)) }
    }

    /// How far apart, in heights of a digit, the middles of signs are that are [`STRIDE`] columns apart.
    pub fn least_step(&self) -> f32 {
        1.1 * STRIDE as f32 / (ROWS * self.occupancy / 1.15)
    }
}

/// From the writing's units to pixels of the strip.
pub(super) struct Layout {
    pub columns: usize,
    /// Pixels of a digit's height.
    pub height: f32,
    /// Horizontal pixels for a unit.
    across: f32,
    /// Where the writing's origin lies.
    origin: [f32; 2],
    /// Where the ink lies.
    pub ink: Bounds,
}

impl Layout {
    pub fn new(writing: &Writing, crop: &Crop, rng: &mut Rng) -> Self {
        if writing.path.points.is_empty() {
            return Layout::blank(rng);
        }
        let bounds = Bounds::of(&writing.path.points);
        let least = if chance(rng, 0.3) { 0.3 } else { 0.7 }; // a dash alone is not enlarged to a bar
        let most = MOST_COLUMNS as f32 - STRIDE as f32;
        let mut height = ROWS * crop.occupancy / bounds.height().max(least);
        let [before, behind] = crop.margins.map(|margin| margin * ROWS);
        if bounds.width() * height + before + behind > most {
            height = ((most - before - behind) / bounds.width()).min(height);
        }
        let needed = (STRIDE * columns_needed(&writing.labels)) as f32;
        let wide = (bounds.width() * height).max(1e-3);
        let across = height * (needed / wide).clamp(1.0, 1.4).min((most / wide).max(1.0));
        let taken = (bounds.width() * across + before + behind).max(needed).max(FEWEST_COLUMNS as f32);
        let columns = (taken.ceil() as usize).next_multiple_of(STRIDE).min(MOST_COLUMNS);
        let free = columns as f32 - bounds.width() * across - before - behind;
        let left = before + free * between(rng, 0.0, 1.0);
        let top = (ROWS - bounds.height() * height) * 0.5 * (between(rng, 0.0, 1.0) + between(rng, 0.0, 1.0));
        Layout {
            columns,
            height,
            across,
            origin: [left - bounds.left * across, top - bounds.top * height],
            ink: Bounds {
                left,
                top,
                right: left + bounds.width() * across,
                bottom: top + bounds.height() * height,
            },
        }
    }

    /// A strip without writing.
    fn blank(rng: &mut Rng) -> Self {
        let columns = (mostly_low(rng, 16.0, 400.0) as usize).next_multiple_of(STRIDE);
        let height = between(rng, 14.0, 30.0);
        let foot = 0.5 * (ROWS + height);
        let ink = Bounds { left: 4.0, top: foot - height, right: columns as f32 - 4.0, bottom: foot };
        Layout { columns, height, across: height, origin: [4.0, foot], ink }
    }

    /// Where the digits stand.
    pub fn foot(&self) -> f32 {
        self.origin[1]
    }

    /// The column of a place in the writing.
    pub fn column(&self, x: f32) -> f32 {
        self.origin[0] + x * self.across
    }

    /// The place in the writing of a pixel of the strip.
    pub fn unit(&self, [column, row]: Point) -> Point {
        [(column - self.origin[0]) / self.across, (row - self.origin[1]) / self.height]
    }

    /// Moves strokes from the writing's units to pixels, `fineness` of them for one of the strip.
    pub fn apply(&self, path: &mut Path, fineness: f32) {
        path.change(0, |[x, y]| [fineness * self.column(x), fineness * (self.origin[1] + y * self.height)]);
    }

    /// Rows of the sheet: how fine the camera is.
    pub fn rows(&self, ground: Ground, is_coarse: bool, rng: &mut Rng) -> usize {
        let coarse = if ground == Ground::Screen { 0.15 } else { 0.25 };
        let rows = if is_coarse {
            20.0 * ROWS / self.height // as MNIST's digits
        } else if chance(rng, coarse) {
            between(rng, 10.0, 18.0) * ROWS / self.height
        } else {
            between(rng, 26.0, MOST_ROWS)
        };
        let affordable = (MOST_PIXELS * ROWS / self.columns as f32).sqrt();
        rows.min(affordable).clamp(10.0, MOST_ROWS) as usize
    }
}
