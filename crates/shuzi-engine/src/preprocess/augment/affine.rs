//! Affine maps: rotation, scale, stretch, shear and shift as one matrix and one offset.
//!
//! In: angles, factors and pixels. Out: where each place of an image comes to lie, and the other way round. IEEE arithmetic
//! without the machine's `sin`: the same on every machine. Touches no pixel.

use super::{
    padded::{InkBounds, PADDING, PaddedImage},
    resample::Resample,
};
use crate::{
    image::{PIXELS, SIDE},
    kernels::Level,
};
use std::ops::Range;

/// Moves ink by given numbers, without chance: slants, turns and scales about the image's centre, then shifts.
/// What leaves the image is cut off. The default leaves an image as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Clockwise, up to [`MAX_ROTATION`](super::MAX_ROTATION) either way.
    pub rotation_degrees: f64,
    /// Both sides are multiplied by it: 0.1 to 10.
    pub scale: f64,
    /// How far a row moves to the side for each row that it lies from the centre, up to [`MAX_SHEAR`](super::MAX_SHEAR) either way.
    pub shear: f64,
    /// Pixels to the right and down, up to [`SIDE`] either way.
    pub shift: [f64; 2],
}

impl Default for Affine {
    fn default() -> Self {
        Affine { rotation_degrees: 0.0, scale: 1.0, shear: 0.0, shift: [0.0; 2] }
    }
}

impl Affine {
    /// Moves one image, sampled bilinearly.
    pub fn apply(&self, level: Level, image: &[u8; PIXELS], out: &mut [u8; PIXELS]) {
        let straight = AffineMap::new(self.rotation_degrees.to_radians(), self.scale, 1.0, self.shear);
        let map = AffineMap { shift: self.shift, ..straight };
        level.vectorize(Resample {
            image: &PaddedImage::new(image),
            map: &map,
            displacement: None,
            rows: 0..SIDE,
            out,
        });
    }
}

/// The centre of the image, which rotation and scale leave where it is.
pub(super) const CENTER: f64 = (SIDE - 1) as f64 / 2.0;

/// Where the straight part takes the image: a place `p` comes to lie at
/// `linear · (p - center) + center + shift`.
pub(super) struct AffineMap {
    pub linear: [[f64; 2]; 2],
    pub shift: [f64; 2],
}

impl AffineMap {
    /// Stretches the width, slants, turns by `angle` radians and scales, in this order.
    pub fn new(angle: f64, scale: f64, stretch: f64, shear: f64) -> Self {
        let (sin, cos) = sin_cos(angle);
        let column = [cos * scale * stretch, sin * scale * stretch];
        let slanted = [(shear * cos - sin) * scale, (shear * sin + cos) * scale];
        AffineMap { linear: [[column[0], slanted[0]], [column[1], slanted[1]]], shift: [0.0; 2] }
    }

    /// How far from the centre the ink and `more` pixels around it reach along an axis, not shifted.
    fn reach(&self, axis: usize, ink: &InkBounds, more: f64) -> [f64; 2] {
        let mut reach = [0.0; 2];
        for (factor, [first, last]) in self.linear[axis].into_iter().zip([ink.columns, ink.rows]) {
            let ends = [first as f64 - more - CENTER, last as f64 + more - CENTER].map(|end| factor * end);
            reach[0] += ends[0].min(ends[1]);
            reach[1] += ends[0].max(ends[1]);
        }
        reach
    }

    /// Makes what would be larger than the image as large as it, and sets the shift, cut so that all
    /// ink lies in the image.
    pub fn fit(&mut self, ink: &InkBounds, shift: [f64; 2]) {
        const HALF: f64 = SIDE as f64 / 2.0;
        let reaches = [0, 1].map(|axis| self.reach(axis, ink, 0.5));
        let longer = reaches.iter().fold(0.0f64, |longer, [low, high]| longer.max(high - low));
        let smaller = (2.0 * HALF / longer).min(1.0);
        self.linear = self.linear.map(|row| row.map(|factor| factor * smaller));
        for (axis, shift) in shift.into_iter().enumerate() {
            let [low, high] = reaches[axis].map(|end| end * smaller);
            self.shift[axis] = shift.max(-HALF - low).min(HALF - high);
        }
    }

    /// The rows that ink may come to lie in, if places are then bent by `strength` at most.
    pub fn rows(&self, ink: &InkBounds, strength: f64) -> Range<usize> {
        let [low, high] = self.reach(1, ink, 1.0 + strength).map(|end| end + self.shift[1] + CENTER);
        let end = ((high + 1.0).max(0.0) as usize).min(SIDE); // saturates
        (low.max(0.0) as usize).min(end)..end
    }

    /// The other way round: `p = matrix · q + offset` is where the pixel `q` is sampled, in a padded image.
    pub fn inverse(&self) -> ([[f64; 2]; 2], [f64; 2]) {
        let [[a, b], [c, d]] = self.linear;
        let scale = 1.0 / (a * d - b * c);
        let matrix = [[d * scale, -b * scale], [-c * scale, a * scale]];
        let origin = self.shift.map(|shift| CENTER + shift);
        let offset = matrix.map(|[x, y]| CENTER + PADDING as f64 - x * origin[0] - y * origin[1]);
        (matrix, offset)
    }
}

/// The Taylor series: for half a turn at most, its first 24 terms are exact to 12 digits. The
/// machine's own functions differ from machine to machine.
fn sin_cos(angle: f64) -> (f64, f64) {
    let (mut sums, mut term) = ([0.0; 4], 1.0);
    for i in 0..24 {
        sums[i % 4] += term;
        term *= angle / (i + 1) as f64;
    }
    (sums[1] - sums[3], sums[0] - sums[2])
}
