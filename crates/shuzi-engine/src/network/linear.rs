//! Fully connected layer, `y = x·W + b`.
//!
//! Backward: `dx = dy·Wᵀ`, `dW = xᵀ·dy` summed over the batch, `db = Σ dy`. The bias is the
//! row of weights of an input that is always 1, and is stored so: behind the last row of `W`.
//! Where `x` is the picture itself, it is read as bytes ([`crate::kernels::pixels`]),
//! half by half: `y = (b + Σ upper half) + Σ lower half`.

use super::Conv;
use crate::kernels::{
    Level, Loop,
    convolution::Geometry,
    pixels::{
        by_image::{self, ImageLists},
        by_pixel::{self, PixelBlock},
    },
    product::{Matrix, Output, add_rows, multiply},
};
use std::ops::Range;

/// The shape of a fully connected layer: `W` is `[inputs, outputs]`, `b` `[outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Numbers that come in for each example.
    pub inputs: usize,
    /// Numbers that go out for each example.
    pub outputs: usize,
}

impl Linear {
    /// How many parameters: `W` row by row, then `b`.
    pub fn parameter_count(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// `W` and `b` in this layer's parameters.
    pub fn weight_and_bias<'a>(&self, parameters: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        parameters.split_at(self.inputs * self.outputs)
    }

    /// `y = x·W + b`: from `x` `[batch, inputs]` to `y` `[batch, outputs]`.
    pub fn forward(&self, level: Level, parameters: &[f32], x: &[f32], y: &mut [f32]) {
        let (weight, bias) = self.weight_and_bias(parameters);
        let batch = x.len() / self.inputs;
        for y in y.chunks_exact_mut(self.outputs) {
            y.copy_from_slice(bias);
        }
        let weight = Matrix::new(weight, self.inputs, self.outputs);
        multiply(level, y, Matrix::new(x, batch, self.inputs), weight, Output::Add);
    }

    /// The layer as a convolution of one row of pixels, the examples of the batch; it has the forms for
    /// packed bfloat16.
    pub(super) fn as_convolution(&self, batch: usize) -> Conv {
        let Linear { inputs: channels, outputs } = *self;
        Conv::new(Geometry { height: 1, width: batch, channels, kernel: 1, stride: 1, outputs })
    }

    /// [`forward`](Self::forward) of a first layer, from whole images.
    pub fn forward_images(&self, level: Level, parameters: &[f32], images: &ImageLists, y: &mut [f32]) {
        let (weight, bias) = self.weight_and_bias(parameters);
        by_image::forward(level, images, weight, bias, y);
    }

    /// `y = (b + sums₀) + sums₁` from the sums over either half of the picture
    /// ([`by_pixel::forward`]): [`forward`](Self::forward) of a first layer.
    pub fn join_shards(&self, level: Level, parameters: &[f32], sums: [&[f32]; 2], y: &mut [f32]) {
        let (_, bias) = self.weight_and_bias(parameters);
        level.vectorize(JoinShards { bias, sums, y });
    }

    /// `dx = dy·Wᵀ`: from `dy` `[batch, outputs]` to `dx` `[batch, inputs]`.
    pub fn backward(&self, level: Level, parameters: &[f32], dy: &[f32], dx: &mut [f32]) {
        let (weight, _) = self.weight_and_bias(parameters);
        let batch = dy.len() / self.outputs;
        let weight = Matrix::new(weight, self.inputs, self.outputs);
        multiply(level, dx, Matrix::new(dy, batch, self.outputs), weight.transposed(), Output::Overwrite);
    }

    /// Rows of `∂loss/∂W = xᵀ·dy`; row number `inputs` is the bias. `blocks` gives `x` and `dy`
    /// of each block of the batch; the sum is taken in their order.
    pub fn gradient<'a>(
        &self,
        level: Level,
        blocks: impl Iterator<Item = (&'a [f32], &'a [f32])> + Clone,
        rows: Range<usize>,
        gradient: &mut [f32],
    ) {
        let weight_rows = rows.start..rows.end.min(self.inputs);
        let (weight, bias) = gradient.split_at_mut(weight_rows.len() * self.outputs);
        if !weight.is_empty() {
            for (index, (x, dy)) in blocks.clone().enumerate() {
                let batch = x.len() / self.inputs;
                let x = Matrix::new(x, batch, self.inputs).columns(weight_rows.clone()).transposed();
                let output = if index == 0 { Output::Overwrite } else { Output::Add };
                multiply(level, weight, x, Matrix::new(dy, batch, self.outputs), output);
            }
        }
        sum_rows(level, blocks.map(|(_, dy)| dy), bias);
    }

    /// [`gradient`](Self::gradient) of a first layer, from the pixels of the half that has `rows`.
    pub fn gradient_pixels<'a>(
        &self,
        level: Level,
        pixels: impl Iterator<Item = &'a PixelBlock>,
        dy: &[f32],
        rows: Range<usize>,
        gradient: &mut [f32],
    ) {
        let weight_rows = rows.start..rows.end.min(self.inputs);
        let (weight, bias) = gradient.split_at_mut(weight_rows.len() * self.outputs);
        if !weight.is_empty() {
            by_pixel::gradient(level, pixels, dy, weight_rows, self.outputs, weight);
        }
        sum_rows(level, std::iter::once(dy), bias);
    }
}

/// The bias gradient, `Σ dy` over all rows; nothing to do if `sum` is empty.
fn sum_rows<'a>(level: Level, blocks: impl Iterator<Item = &'a [f32]>, sum: &mut [f32]) {
    if sum.is_empty() {
        return;
    }
    sum.fill(0.0);
    for dy in blocks {
        add_rows(level, sum, dy);
    }
}

struct JoinShards<'a> {
    bias: &'a [f32],
    sums: [&'a [f32]; 2],
    y: &'a mut [f32],
}

impl Loop for JoinShards<'_> {
    #[inline(always)]
    fn run(self) {
        let width = self.bias.len();
        let [first, second] = self.sums.map(|sums| sums.chunks_exact(width));
        for ((y, first), second) in self.y.chunks_exact_mut(width).zip(first).zip(second) {
            for (((y, bias), first), second) in y.iter_mut().zip(self.bias).zip(first).zip(second) {
                *y = (bias + first) + second;
            }
        }
    }
}
