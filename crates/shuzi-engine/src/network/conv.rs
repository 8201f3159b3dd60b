//! Convolution, `y[p, o] = b[o] + Σ x[window of p]·W[·, o]` for every place `p` of the window.
//!
//! Backward: `dW = Σₚ x[window of p]ᵀ·dy[p]` and `db = Σₚ dy[p]`, summed over the images too; `dx` is a
//! convolution again, of `dy` with zeros between its pixels (the stride) and around them, by `W` turned
//! by half a turn, outputs and channels exchanged (Dumoulin & Visin 2016). Depthwise, each channel is a
//! convolution of its own. Zeros around the picture (padding) are copied around it first.

use super::{
    Precision, Shape,
    prepared::{LayerWeights, Prepared, Scratch, distant, neighbours, rows, turn},
};
use crate::kernels::{
    self, Activation, Level,
    convolution::{self, Filters, Geometry},
    depthwise,
    product::add_rows,
};

/// The shape of a convolution; the parameters are `W`, `[kernel, kernel, channels, outputs]` (depthwise
/// `[kernel, kernel, channels]`), then `b`, `[outputs]`, if there is a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Of the padded images.
    pub(super) geometry: Geometry,
    /// Rows and columns of zeros around an image.
    pub(super) padding: usize,
    /// Each channel by itself.
    pub(super) depthwise: bool,
    /// Whether there is a bias; none is needed before batch normalisation.
    pub(super) bias: bool,
    /// Whether it takes the ReLU behind it along, in reading.
    pub(super) rectified: bool,
}

/// The geometry where two neighbouring channels are packed into one.
fn halved(geometry: Geometry) -> Geometry {
    Geometry { channels: geometry.channels / 2, ..geometry }
}

impl Conv {
    /// Of images that have no zeros around them, with a bias.
    pub(super) fn new(geometry: Geometry) -> Self {
        Conv { geometry, padding: 0, depthwise: false, bias: true, rectified: false }
    }

    /// The same where so many rows and columns of zeros are around an image; its geometry has them already.
    pub(super) fn with_padding(self, padding: usize) -> Self {
        Conv { padding, ..self }
    }

    /// The same with each channel by itself.
    pub(super) fn depthwise(self) -> Self {
        Conv { depthwise: true, ..self }
    }

    /// The same without a bias.
    pub(super) fn without_bias(self) -> Self {
        Conv { bias: false, ..self }
    }

    /// What comes out.
    pub fn output(&self) -> Shape {
        let Conv { geometry, .. } = self;
        Shape { height: geometry.output_height(), width: geometry.output_width(), channels: geometry.outputs }
    }

    /// What goes in, without the zeros around it.
    pub fn input(&self) -> Shape {
        let Conv { geometry, padding, .. } = *self;
        let [height, width] = [geometry.height, geometry.width].map(|side| side - 2 * padding);
        Shape { height, width, channels: geometry.channels }
    }

    /// Numbers of a pixel that comes out.
    pub fn outputs(&self) -> usize {
        self.geometry.outputs
    }

    /// Rows and columns of the window.
    pub fn kernel(&self) -> usize {
        self.geometry.kernel
    }

    /// Pixels that the window moves on.
    pub fn stride(&self) -> usize {
        self.geometry.stride
    }

    /// Rows and columns of zeros around an image.
    pub fn padding(&self) -> usize {
        self.padding
    }

    /// Whether each channel is a convolution of its own.
    pub fn is_depthwise(&self) -> bool {
        self.depthwise
    }

    /// Whether there is a bias.
    pub fn has_bias(&self) -> bool {
        self.bias
    }

    /// How many parameters.
    pub fn parameter_count(&self) -> usize {
        self.weight_count() + if self.bias { self.outputs() } else { 0 }
    }

    fn weight_count(&self) -> usize {
        self.inputs() * self.outputs()
    }

    /// How many numbers each output is summed from.
    pub fn inputs(&self) -> usize {
        let Geometry { kernel, channels, .. } = self.geometry;
        kernel * kernel * if self.depthwise { 1 } else { channels }
    }

    /// The shape of `W`.
    pub(super) fn weight_shape(&self) -> Vec<usize> {
        let Geometry { kernel, channels, outputs, .. } = self.geometry;
        if self.depthwise { vec![kernel, kernel, channels] } else { vec![kernel, kernel, channels, outputs] }
    }

    /// Multiplications for one image.
    pub(super) fn multiplications(&self) -> usize {
        self.geometry.output_len() * self.inputs()
    }

    /// `W` and `b` in this layer's parameters; `b` may be empty.
    pub(super) fn weight_and_bias<'a>(&self, parameters: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        parameters.split_at(self.weight_count())
    }

    /// The convolution that gives `dx`, and how many zeros are above and left of its images' pixels.
    fn turned(&self) -> (Geometry, usize) {
        let Geometry { height, width, channels, kernel, outputs, .. } = self.geometry;
        let geometry = Geometry {
            height: height - 2 * self.padding + kernel - 1,
            width: width - 2 * self.padding + kernel - 1,
            channels: outputs,
            kernel,
            stride: 1,
            outputs: channels,
        };
        (geometry, kernel - 1 - self.padding)
    }

    /// From `x` `[batch, height, width, channels]` to `y`, likewise.
    pub fn forward(
        &self,
        level: Level,
        weights: LayerWeights<'_>,
        x: &[f32],
        y: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let LayerWeights { parameters, prepared } = weights;
        let (weight, bias) = self.weight_and_bias(parameters);
        let x = self.padded(x, &mut scratch.padded);
        let filters = Filters { geometry: self.geometry, weight, bias, activation: self.activation() };
        if self.depthwise {
            depthwise::forward(level, self.geometry, weight, bias, x, y);
        } else if prepared.has_bf16() {
            let x = neighbours(level, x, &mut scratch.packed);
            let filters = Filters { geometry: halved(self.geometry), weight: &prepared.packed, ..filters };
            convolution::forward_bf16(level, filters, x, y);
        } else {
            convolution::forward(level, filters, x, y);
        }
    }

    /// Fills `dx` from `dy`.
    pub fn backward(
        &self,
        level: Level,
        prepared: &Prepared,
        dy: &[f32],
        dx: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (turned, border) = self.turned();
        let output = self.output();
        let images = dy.len() / output.len();
        let spread = Spread { from: output, to: turned, border, step: self.geometry.stride };
        let dy = spread.copy(dy, images, &mut scratch.padded);
        let filters = Filters {
            geometry: turned,
            weight: &prepared.turned,
            bias: &[],
            activation: Activation::Identity,
        };
        if self.depthwise {
            depthwise::forward(level, turned, &prepared.turned, &[], dy, dx);
        } else if prepared.has_packed_turned() {
            let dy = neighbours(level, dy, &mut scratch.packed);
            let filters = Filters { geometry: halved(turned), weight: &prepared.packed_turned, ..filters };
            convolution::forward_bf16(level, filters, dy, dx);
        } else {
            convolution::forward(level, filters, dy, dx);
        }
    }

    /// Fills the gradient of this layer's parameters.
    pub fn gradient(&self, level: Level, x: &[f32], dy: &[f32], gradient: &mut [f32], scratch: &mut Scratch) {
        let x = self.padded(x, &mut scratch.padded);
        let (weight, bias) = gradient.split_at_mut(self.weight_count());
        if self.depthwise {
            depthwise::gradient(level, self.geometry, x, dy, weight);
        } else {
            convolution::gradient(level, self.geometry, x, dy, weight);
        }
        self.bias_gradient(level, dy, bias);
    }

    /// [`gradient`](Self::gradient) from packed bfloat16, where the layer has a form for it.
    pub fn gradient_packed(
        &self,
        level: Level,
        x: &[f32],
        dy: &[f32],
        gradient: &mut [f32],
        scratch: &mut Scratch,
    ) {
        if self.depthwise {
            return self.gradient(level, x, dy, gradient, scratch);
        }
        let x = self.padded(x, &mut scratch.padded);
        let (weight, bias) = gradient.split_at_mut(self.weight_count());
        let Geometry { stride, channels, outputs, .. } = self.geometry;
        let [packed_x, packed_dy] = [&mut scratch.packed, &mut scratch.more_packed];
        let packed_x = distant(level, x, stride * channels, packed_x);
        let row = self.geometry.output_width() * outputs;
        let packed_row = self.geometry.output_width().div_ceil(2) * outputs;
        packed_dy.resize(dy.len() / row * packed_row, 0.0);
        for (row, packed) in dy.chunks_exact(row).zip(packed_dy.chunks_exact_mut(packed_row)) {
            kernels::packed_bf16::rows(level, row, outputs, packed);
        }
        convolution::gradient_bf16(level, self.geometry, packed_x, packed_dy, weight);
        self.bias_gradient(level, dy, bias);
    }

    fn bias_gradient(&self, level: Level, dy: &[f32], bias: &mut [f32]) {
        if self.bias {
            bias.fill(0.0);
            add_rows(level, bias, dy);
        }
    }

    /// What is done to the sums, in reading.
    fn activation(&self) -> Activation {
        if self.rectified { Activation::Relu } else { Activation::Identity }
    }

    /// The weights in the forms that a training step multiplies by; packed bfloat16 where they fit, if the precision is
    /// that.
    pub fn prepare(&self, level: Level, precision: Precision, parameters: &[f32], prepared: &mut Prepared) {
        let (weight, _) = self.weight_and_bias(parameters);
        let Geometry { kernel, outputs, .. } = self.geometry;
        let windows = kernel * kernel;
        let is_packed = precision == Precision::Bf16;
        if is_packed {
            self.prepare_packed(level, parameters, prepared);
        }
        if is_packed && !self.depthwise && outputs.is_multiple_of(2) {
            let Prepared { neighbours: buffer, packed_turned, .. } = prepared;
            let weight = neighbours(level, weight, buffer);
            packed_turned.resize(weight.len(), 0.0);
            let turned = packed_turned.chunks_exact_mut(weight.len() / windows);
            for (window, turned) in weight.chunks_exact(weight.len() / windows).rev().zip(turned) {
                turn(window, outputs / 2, turned);
            }
            return;
        }
        prepared.turned.resize(weight.len(), 0.0);
        let turned = prepared.turned.chunks_exact_mut(weight.len() / windows);
        for (window, turned) in weight.chunks_exact(weight.len() / windows).rev().zip(turned) {
            if self.depthwise {
                turned.copy_from_slice(window);
            } else {
                turn(window, outputs, turned);
            }
        }
    }

    /// Asks for all the memory that so many images may take.
    pub(super) fn reserve(&self, images: usize, scratch: &mut Scratch) {
        let (input, turned) = (self.geometry.input_len(), self.turned().0.input_len());
        let output = self.geometry.output_len();
        scratch.reserve(
            images * input.max(turned),
            images * input.max(turned),
            images * (output + self.outputs()),
        );
    }

    /// The weights in packed bfloat16 for the way forward, where they fit.
    pub(super) fn prepare_packed(&self, level: Level, parameters: &[f32], prepared: &mut Prepared) {
        if !self.depthwise && self.geometry.channels.is_multiple_of(2) {
            rows(level, self.weight_and_bias(parameters).0, self.outputs(), &mut prepared.packed);
        }
    }

    /// The images with zeros around them.
    fn padded<'a>(&self, x: &'a [f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        let Geometry { height, width, channels, .. } = self.geometry;
        let from = Shape { height: height - 2 * self.padding, width: width - 2 * self.padding, channels };
        let spread = Spread { from, to: self.geometry, border: self.padding, step: 1 };
        spread.copy(x, x.len() / from.len(), buffer)
    }
}

/// Larger images that are 0 elsewhere.
struct Spread {
    from: Shape,
    to: Geometry,
    /// Zeros above and left.
    border: usize,
    /// From one pixel to the next.
    step: usize,
}

impl Spread {
    /// `x` in such images; where they are no larger, `x` itself.
    fn copy<'a>(&self, x: &'a [f32], images: usize, to: &'a mut Vec<f32>) -> &'a [f32] {
        if self.border == 0 && self.step == 1 {
            return x;
        }
        let channels = self.from.channels;
        let row = self.to.width * channels;
        to.clear();
        to.resize(images * self.to.input_len(), 0.0);
        for (image, x) in x.chunks_exact(self.from.len()).enumerate() {
            for (y, pixels) in x.chunks_exact(self.from.width * channels).enumerate() {
                let place = image * self.to.input_len()
                    + (self.border + y * self.step) * row
                    + self.border * channels;
                if self.step == 1 {
                    to[place..][..pixels.len()].copy_from_slice(pixels);
                } else {
                    for (x, pixel) in pixels.chunks_exact(channels).enumerate() {
                        to[place + x * self.step * channels..][..channels].copy_from_slice(pixel);
                    }
                }
            }
        }
        to
    }
}
