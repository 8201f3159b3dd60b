//! What the layers of a training step work with besides their numbers: room, and weights in the forms that
//! they are multiplied by. Kept from step to step, so that after the first no memory is asked for.

use crate::kernels::{Level, packed_bf16};

/// Room that a layer works in.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Padded images.
    pub(super) padded: Vec<f32>,
    /// Pairs of bfloat16 ([`crate::kernels::pairs`]).
    pub(super) pairs: Vec<f32>,
    pub(super) more_pairs: Vec<f32>,
}

impl Scratch {
    /// Asks for so much room, or more.
    pub(super) fn reserve(&mut self, padded: usize, pairs: usize, more_pairs: usize) {
        self.padded.reserve_exact(padded);
        self.pairs.reserve_exact(pairs);
        self.more_pairs.reserve_exact(more_pairs);
    }
}

/// A layer's weights in the forms that a training step multiplies by, made once a step; those that the layer
/// does not need are empty.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// Pairs of bfloat16 along the inputs.
    pub(super) pairs: Vec<f32>,
    /// Turned for the way back.
    pub(super) turned: Vec<f32>,
    /// The same in pairs of bfloat16, along the outputs.
    pub(super) turned_pairs: Vec<f32>,
    /// Such pairs before they are turned.
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
    /// Whether the way forward goes in pairs.
    pub(super) fn has_bf16(&self) -> bool {
        !self.pairs.is_empty()
    }

    /// Whether the way back does.
    pub(super) fn has_turned_pairs(&self) -> bool {
        !self.turned_pairs.is_empty()
    }
}

/// [`packed_bf16::neighbours`] into a room.
pub(super) fn neighbours<'a>(level: Level, x: &[f32], room: &'a mut Vec<f32>) -> &'a [f32] {
    room.resize(x.len() / 2, 0.0);
    packed_bf16::neighbours(level, x, room);
    room
}

/// [`packed_bf16::distant`] into a room.
pub(super) fn distant<'a>(level: Level, x: &[f32], distance: usize, room: &'a mut Vec<f32>) -> &'a [f32] {
    room.resize(x.len(), 0.0);
    packed_bf16::distant(level, x, distance, room);
    room
}

/// [`packed_bf16::rows`] into a room.
pub(super) fn rows<'a>(level: Level, x: &[f32], columns: usize, room: &'a mut Vec<f32>) -> &'a [f32] {
    room.resize((x.len() / columns).div_ceil(2) * columns, 0.0);
    packed_bf16::rows(level, x, columns, room);
    room
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
