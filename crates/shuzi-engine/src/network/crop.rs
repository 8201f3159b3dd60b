//! The middle of a picture: what is left when as many rows and columns are cut off on all sides.
//!
//! MNIST's digits lie in a box of 20x20 pixels around their centre of mass, so most of a picture's border
//! is empty, and convolutions need not walk over it. Backward: `dx = dy` inside, 0 outside.

use super::Shape;

/// The shape of a crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// What goes in.
    pub(super) input: Shape,
    /// Rows and columns that stay.
    pub(super) side: usize,
}

impl Crop {
    /// What comes out.
    pub fn output(&self) -> Shape {
        Shape { height: self.side, width: self.side, ..self.input }
    }

    /// The row and the column of the input that come first.
    pub fn corner(&self) -> (usize, usize) {
        ((self.input.height - self.side) / 2, (self.input.width - self.side) / 2)
    }

    /// The rows that stay, each as its range in an image of the input.
    pub(super) fn rows(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let Crop { input: Shape { width, channels, .. }, side } = *self;
        let (top, left) = self.corner();
        (top..top + side).map(move |row| {
            let start = (row * width + left) * channels;
            start..start + side * channels
        })
    }

    /// Numbers of a row that stays.
    pub(super) fn row_len(&self) -> usize {
        self.side * self.input.channels
    }

    /// From `x` `[batch, height, width, channels]` to `y`, likewise.
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        let images = x.chunks_exact(self.input.len()).zip(y.chunks_exact_mut(self.output().len()));
        for (x, y) in images {
            for (row, y) in self.rows().zip(y.chunks_exact_mut(self.row_len())) {
                y.copy_from_slice(&x[row]);
            }
        }
    }

    /// Fills `dx` from `dy`.
    pub fn backward(&self, dy: &[f32], dx: &mut [f32]) {
        dx.fill(0.0);
        let images = dx.chunks_exact_mut(self.input.len()).zip(dy.chunks_exact(self.output().len()));
        for (dx, dy) in images {
            for (row, dy) in self.rows().zip(dy.chunks_exact(self.row_len())) {
                dx[row].copy_from_slice(dy);
            }
        }
    }
}
