//! Elastic distortion: a smooth displacement of every pixel (after Simard, Steinkraus and Platt 2003, "Best practices for
//! convolutional neural networks applied to visual document analysis").
//!
//! In: an [`Elastic`] and a generator. Out: a [`DisplacementField`], a quadratic B-spline over a coarse grid of random
//! knots. Touches no pixel.

use super::{Elastic, GRIDS, padded::STRIDE};
use crate::{Rng, image::SIDE};
use rand::RngExt;

/// Places are integers: so many to a pixel.
pub(super) const ONE: f64 = 65536.0;

/// A smooth displacement: a quadratic B-spline over a grid of knots.
pub(super) struct DisplacementField {
    /// Knots along each side.
    grid: usize,
    /// For each axis `[row][column]`, in places; what the grid does not have is 0.
    pub knots: [[[i32; GRIDS[1]]; GRIDS[1]]; 2],
    /// How much each knot of a line counts at each pixel, `[knot][pixel]`, with so
    /// many [`BITS`](Self::BITS) behind the point.
    basis: [[i32; STRIDE]; GRIDS[1]],
}

impl DisplacementField {
    const BITS: u32 = 10;

    /// Draws the knots.
    pub fn random(Elastic { strength, grid }: Elastic, rng: &mut Rng) -> Self {
        let strength = strength * ONE as f32;
        let mut knots = [[[0; GRIDS[1]]; GRIDS[1]]; 2];
        for row in knots.iter_mut().flat_map(|axis| &mut axis[..grid]) {
            for four in row[..grid].chunks_mut(4) {
                let bits: u64 = rng.random(); // sixteen are enough for each
                for (i, knot) in four.iter_mut().enumerate() {
                    let drawn = f32::from((bits >> (16 * i)) as u16);
                    *knot = (strength * ((drawn + 0.5) / 32768.0 - 1.0)) as i32;
                }
            }
        }
        let mut basis = [[0; STRIDE]; GRIDS[1]];
        let spans_per_pixel = (grid - 2) as f32 / SIDE as f32;
        for (knot, basis) in basis[..grid].iter_mut().enumerate() {
            for (pixel, weight) in basis.iter_mut().enumerate() {
                let distance = (0.5 + (pixel as f32 + 0.5) * spans_per_pixel - knot as f32).abs();
                let [wide, narrow] = [1.5, 0.5].map(|end: f32| (end - distance).max(0.0));
                *weight = ((0.5 * wide * wide - 1.5 * narrow * narrow) * (1 << Self::BITS) as f32) as i32;
            }
        }
        DisplacementField { grid, knots, basis }
    }

    /// The displacements of a row of pixels along an axis, in places.
    #[inline(always)]
    pub fn row(&self, axis: usize, y: usize) -> [i32; STRIDE] {
        let first = (2 * y + 1) * (self.grid - 2) / (2 * SIDE); // of the three knots that act here
        let mut line = [0; GRIDS[1]];
        for i in 0..GRIDS[1] {
            let knot = |k: usize| self.basis[k][y] * self.knots[axis][k][i];
            line[i] = (knot(first) + knot(first + 1) + knot(first + 2)) >> Self::BITS;
        }
        let mut row = [0; STRIDE];
        for i in 0..STRIDE {
            for k in 0..GRIDS[1] {
                row[i] += line[k] * self.basis[k][i];
            }
            row[i] >>= Self::BITS;
        }
        row
    }
}
