//! Batch normalisation, `y = γ·x̂ + β` with `x̂ = (x − μ) / √(σ² + ε)`, channel by channel
//! (Ioffe & Szegedy 2015).
//!
//! In training, mean `μ` and variance `σ²` are those of the pixels of a *ghost batch* (Hoffer et al. 2017):
//! the images that go through the network together on one thread. Their number is the recipe's, so no
//! result depends on the number of threads. Backward, over the `m` pixels of the ghost batch:
//! `dβ = Σ dy`, `dγ = Σ dy·x̂`, `dx = γ / √(σ² + ε) · (dy − dβ/m − x̂·dγ/m)`.
//! In reading they are what training has measured. A ReLU right behind is taken in the same loops: it costs nothing
//! there, and saves a way to memory and back.

use crate::kernels::{
    Activation, Level,
    channels::{BackwardSums, ScaleAndShift, backward_sums, combine, moments, scale_and_shift},
};

/// ε: keeps the root away from 0.
pub const EPSILON: f32 = 1e-5;

/// The shape of a batch normalisation: the parameters are `γ`, then `β`, `[channels]` each; what it
/// measures is `μ`, then `σ²`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchNorm {
    /// Numbers of a pixel.
    pub channels: usize,
    /// Whether `max(y, 0)` comes out.
    pub rectified: bool,
}

/// What a layer normalises by.
#[derive(Clone, Copy, Debug)]
pub struct Normalization<'a> {
    /// `γ`, then `β`.
    pub parameters: &'a [f32],
    /// `μ`, then `σ²`.
    pub statistics: &'a [f32],
}

/// What comes back to a layer in training, and what it makes of it.
#[derive(Debug)]
pub struct LayerGradients<'a> {
    /// ∂loss/∂y.
    pub dy: &'a [f32],
    /// ∂loss/∂x, to be filled.
    pub dx: &'a mut [f32],
    /// The gradient of the layer's parameters, to be filled.
    pub parameters: &'a mut [f32],
}

impl BatchNorm {
    /// Constants of each channel that [`backward`](Self::backward) works with.
    pub(super) const CONSTANTS: usize = 5;

    /// Measures the pixels of `x`, `[pixels, channels]`, into `statistics`.
    pub fn measure(&self, level: Level, x: &[f32], statistics: &mut [f32]) {
        let (mean, variance) = statistics.split_at_mut(self.channels);
        moments(level, x, mean, variance);
    }

    /// From `x` to `y`.
    pub fn forward(
        &self,
        level: Level,
        by: Normalization<'_>,
        x: &[f32],
        y: &mut [f32],
        constants: &mut Vec<f32>,
    ) {
        constants.clear();
        constants.resize(2 * self.channels, 0.0);
        let (scale, shift) = constants.split_at_mut(self.channels);
        self.scale_and_shift(by, scale, shift);
        let activation = if self.rectified { Activation::Relu } else { Activation::Identity };
        scale_and_shift(level, x, ScaleAndShift { scale, shift }, activation, y);
    }

    /// The same as one multiplication and one sum, `y = x·scale + shift`.
    pub(super) fn scale_and_shift(&self, by: Normalization<'_>, scale: &mut [f32], shift: &mut [f32]) {
        let (gamma, beta) = by.parameters.split_at(self.channels);
        let (mean, variance) = by.statistics.split_at(self.channels);
        for c in 0..self.channels {
            scale[c] = gamma[c] / (variance[c] + EPSILON).sqrt();
            shift[c] = beta[c] - mean[c] * scale[c];
        }
    }

    /// Fills the gradient of the parameters, and `dx` from `dy`; it was normalised by the statistics of `x`.
    pub fn backward(
        &self,
        level: Level,
        by: Normalization<'_>,
        x: &[f32],
        gradients: LayerGradients<'_>,
        constants: &mut Vec<f32>,
    ) {
        let LayerGradients { dy, dx, parameters: gradient } = gradients;
        let pixels = (x.len() / self.channels) as f32;
        let gamma = &by.parameters[..self.channels];
        let (mean, variance) = by.statistics.split_at(self.channels);
        let (dgamma, dbeta) = gradient.split_at_mut(self.channels);
        constants.clear();
        constants.resize(Self::CONSTANTS * self.channels, 0.0);
        let mut constants = constants.chunks_exact_mut(self.channels);
        let [scale, shift, a, b, c] =
            std::array::from_fn(|_| constants.next().expect("as many as `CONSTANTS`"));
        self.scale_and_shift(by, scale, shift);
        let rectify = self.rectified.then_some(ScaleAndShift { scale, shift });
        backward_sums(level, x, dy, mean, rectify, BackwardSums { dy: dbeta, dy_x: dgamma });
        for i in 0..self.channels {
            let inverse_deviation = 1.0 / (variance[i] + EPSILON).sqrt();
            dgamma[i] *= inverse_deviation;
            a[i] = gamma[i] * inverse_deviation;
            b[i] = -a[i] * inverse_deviation * dgamma[i] / pixels;
            c[i] = -a[i] * dbeta[i] / pixels - b[i] * mean[i];
        }
        combine(level, x, dy, [a, b, c], rectify, dx);
    }
}
