//! What the layers of a training step work with besides their numbers: workspace, and weights in the forms that
//! they are multiplied by. Kept from step to step, so that after the first no memory is asked for.

use crate::kernels::{Level, packed_bf16};

/// The workspace of a layer.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Padded images.
    pub(super) padded: Vec<f32>,
    /// Packed bfloat16 ([`crate::kernels::packed_bf16`]).
    pub(super) packed: Vec<f32>,
    pub(super) more_packed: Vec<f32>,
}

impl Scratch {
    /// Asks for so much memory, or more.
    pub(super) fn reserve(&mut self, padded: usize, packed: usize, more_packed: usize) {
        self.padded.reserve_exact(padded);
        self.packed.reserve_exact(packed);
        self.more_packed.reserve_exact(more_packed);
    }
}

/// A layer's weights in the forms that a training step multiplies by, made once a step; those that the layer
/// does not need are empty.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// Packed bfloat16, along the inputs.
    pub(super) packed: Vec<f32>,
    /// Turned for the way back.
    pub(super) turned: Vec<f32>,
    /// The same in packed bfloat16, along the outputs.
    pub(super) packed_turned: Vec<f32>,
    /// The same before they are turned.
    pub(super) neighbours: Vec<f32>,
}

/// A network's weights, for a pass through its layers.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// As they lie in the network.
    pub parameters: &'a [f32],
    /// Those of each layer in other forms; empty if none is needed.
    pub prepared: &'a [Prepared],
}

/// One layer's weights.
#[derive(Clone, Copy, Debug)]
pub struct LayerWeights<'a> {
    /// As they lie in the network.
    pub parameters: &'a [f32],
    /// In other forms.
    pub prepared: &'a Prepared,
}

impl Prepared {
    /// Whether the way forward goes in packed bfloat16.
    pub(super) fn has_bf16(&self) -> bool {
        !self.packed.is_empty()
    }

    /// Whether the way back does.
    pub(super) fn has_packed_turned(&self) -> bool {
        !self.packed_turned.is_empty()
    }
}

/// [`packed_bf16::neighbours`] into a buffer.
pub(super) fn neighbours<'a>(level: Level, x: &[f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
    buffer.resize(x.len() / 2, 0.0);
    packed_bf16::neighbours(level, x, buffer);
    buffer
}

/// [`packed_bf16::distant`] into a buffer.
pub(super) fn distant<'a>(level: Level, x: &[f32], distance: usize, buffer: &'a mut Vec<f32>) -> &'a [f32] {
    buffer.resize(x.len(), 0.0);
    packed_bf16::distant(level, x, distance, buffer);
    buffer
}

/// [`packed_bf16::rows`] into a buffer.
pub(super) fn rows<'a>(level: Level, x: &[f32], columns: usize, buffer: &'a mut Vec<f32>) -> &'a [f32] {
    buffer.resize((x.len() / columns).div_ceil(2) * columns, 0.0);
    packed_bf16::rows(level, x, columns, buffer);
    buffer
}

/// Rows of so many `columns` become columns.
pub(super) fn turn(x: &[f32], columns: usize, to: &mut [f32]) {
    const TILE: usize = 16; // so that what is read and written stays in the first cache
    let rows = x.len() / columns;
    for first in (0..rows).step_by(TILE) {
        let tile = first..rows.min(first + TILE);
        for column in 0..columns {
            for row in tile.clone() {
                to[column * rows + row] = x[row * columns + column];
            }
        }
    }
}
