//! The parameters cut into tiles, which threads share among themselves.
//!
//! In: an architecture, and how many threads there are. Out: for each thread the [`Tile`]s whose gradient it computes and that it updates,
//! each small enough for a cache. No sum goes over the border of a tile, so the bits do not depend on the cut.

use super::{Architecture, Layer};
use crate::{image::PIXELS, kernels::pixels::by_pixel::HALVES};
use std::ops::Range;

/// A part of one layer's parameters that one thread computes the gradient of and updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    pub(super) layer: usize,
    /// Rows of the layer's weights; the row behind the last is the bias.
    pub(super) rows: Range<usize>,
    /// Its place in the flat list of parameters.
    pub range: Range<usize>,
}

impl Architecture {
    /// Cuts the parameters into shares for so many `threads`, in order and without gaps, and each
    /// share into tiles of one layer, and in the first layer of one half of the picture. The first
    /// `threads` shares are the first layer's weights, as many for either half; the others are the
    /// rest. A share may be empty.
    pub fn shares(&self, threads: usize) -> Vec<Vec<Tile>> {
        /// Parameters of a tile: what a tile of the first layer reads and writes fits into the first
        /// cache, in other layers many rows share what they read.
        const FIRST_TILE: usize = 4096;
        const OTHER_TILE: usize = 25600;
        /// Rows that stay together.
        const ROWS: usize = 4;
        let first_weights = PIXELS * self.widths[0];
        let rest = self.parameter_count() - first_weights;
        let mut shares: Vec<Vec<Tile>> = vec![vec![]; 2 * threads];
        for (layer, kind) in self.layers.iter().enumerate() {
            let Layer::Linear(linear) = kind else { continue };
            for start in (0..linear.inputs + 1).step_by(ROWS) {
                let rows = start..(start + ROWS).min(linear.inputs + 1);
                let first = self.ranges[layer].start;
                let range = first + rows.start * linear.outputs..first + rows.end * linear.outputs;
                let half = usize::from(start >= HALVES[1].start);
                let (share, tile_size) = if range.end <= first_weights {
                    let Range { start: first_row, end } = HALVES[half];
                    let row = half * (end - first_row) + start - first_row;
                    (row * threads / (2 * (end - first_row)), FIRST_TILE)
                } else {
                    let middle = (range.start + range.end) / 2 - first_weights;
                    (threads + middle * threads / rest, OTHER_TILE)
                };
                let other_half = layer == 0 && start == HALVES[1].start;
                match shares[share].last_mut() {
                    Some(tile)
                        if tile.layer == layer
                            && !other_half
                            && tile.range.len() + range.len() <= tile_size =>
                    {
                        (tile.rows.end, tile.range.end) = (rows.end, range.end);
                    }
                    _ => shares[share].push(Tile { layer, rows, range }),
                }
            }
        }
        shares
    }
}
