//! Quantised networks: they read without floating point.
//!
//! Weights have 8 bits, what layers give 16, sums 32. A layer with weights gives
//! `y = clamp(⌊Σ x·w / 2^s + 1/2⌋ + b)`, with a shift `s` and a bias `b` for each output; a sum of products and a shift are all that
//! small processors need (fixed-point arithmetic; Jacob et al. 2018, with powers of two for their factors). All other layers
//! give integers as they are: the largest, the rounded mean, `max(x, 0)`, `clamp(a + b)`. The pixels are bytes; the logits are
//! integers of `2^-fraction_bits`. [`quantize`](super::quantize()) makes such networks.
//!
//! Numbers from a file are checked [once](QuantizedNetwork::check), so that no sum can overflow.

use super::{Architecture, Layer, Shape};
use crate::{
    image::PIXELS,
    kernels::{Level, int8, pooling::Windows},
};

/// A shift is at most so large: half of `2^shift` is added to sums of 32 bits.
pub const MAX_SHIFT: u8 = 30;
/// The logits have at most so many bits behind the point.
pub const MAX_FRACTION_BITS: u8 = 30;
/// The largest pixel.
const MAX_PIXEL: i64 = 255;
/// The largest number of 16 bits, whatever its sign.
const MAX_NUMBER: i64 = 1 << 15;

/// The numbers of a quantised network, layer after layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantizedNetwork {
    /// Of each layer with weights, in the order of [`Network::parameters`](super::Network::parameters).
    pub weights: Vec<i8>,
    /// Of each output of such a layer: by how many bits its sum is moved down, 0 to [`MAX_SHIFT`].
    pub shifts: Vec<u8>,
    /// Of each output of such a layer: what is added then.
    pub biases: Vec<i16>,
    /// The logits count `2^-fraction_bits`; 0 to [`MAX_FRACTION_BITS`].
    pub fraction_bits: u8,
}

/// Layers or numbers that make no int8 network.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuantizationError {
    /// A layer that int8 does not have, such as batch normalisation that no layer has taken in.
    #[error("layer {layer} cannot be quantised to int8")]
    Layer {
        /// Its place, from 0.
        layer: usize,
    },
    /// A residual that adds pixels, or is added to the logits.
    #[error("the residual that ends at layer {layer} adds pixels or logits, expected what stands between")]
    Residual {
        /// The place of its end, from 0.
        layer: usize,
    },
    /// Numbers so far apart that no shifts bring them together.
    #[error("the numbers of layer {layer} cover too wide a range for int8")]
    Range {
        /// Its place, from 0.
        layer: usize,
    },
    /// A shift that is too large.
    #[error("the shift at index {index} is {found}, expected 0 to {MAX_SHIFT}")]
    Shift {
        /// Where.
        index: usize,
        /// The shift.
        found: u8,
    },
    /// Weights whose products may sum to more than 32 bits hold.
    #[error("the sum of output {output} of layer {layer} may overflow 32 bits")]
    Overflow {
        /// The layer's place, from 0.
        layer: usize,
        /// The output, from 0.
        output: usize,
    },
}

/// A layer with weights: its place, its shape, and where its numbers begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub layer: usize,
    pub shape: int8::Shape,
    /// In [`QuantizedNetwork::weights`].
    pub weights: usize,
    /// In [`QuantizedNetwork::shifts`] and [`QuantizedNetwork::biases`].
    pub outputs: usize,
}

/// A layer with weights as the kernel takes it.
fn shape(layer: &Layer) -> Option<int8::Shape> {
    match *layer {
        Layer::Linear(linear) => Some(int8::Shape {
            height: 1,
            width: 1,
            channels: linear.inputs,
            kernel: 1,
            stride: 1,
            padding: 0,
            outputs: linear.outputs,
            depthwise: false,
        }),
        Layer::Conv(conv) => {
            let Shape { height, width, channels } = conv.input();
            Some(int8::Shape {
                height,
                width,
                channels,
                kernel: conv.kernel(),
                stride: conv.stride(),
                padding: conv.padding(),
                outputs: conv.outputs(),
                depthwise: conv.is_depthwise(),
            })
        }
        _ => None,
    }
}

impl Architecture {
    /// The layers with weights.
    pub(super) fn parts(&self) -> Vec<Part> {
        let (mut weights, mut outputs, mut parts) = (0, 0, vec![]);
        for (layer, kind) in self.layers().iter().enumerate() {
            let Some(shape) = shape(kind) else { continue };
            parts.push(Part { layer, shape, weights, outputs });
            weights += shape.inputs() * shape.outputs;
            outputs += shape.outputs;
        }
        parts
    }

    /// How many weights, and how many outputs of layers with weights, there are.
    pub fn weights_and_outputs(&self) -> (usize, usize) {
        self.parts().last().map_or((0, 0), |part| {
            (part.weights + part.shape.inputs() * part.shape.outputs, part.outputs + part.shape.outputs)
        })
    }

    /// Whether [`quantize`](super::quantize()) knows all of these layers.
    ///
    /// # Errors
    ///
    /// The first that it does not.
    pub fn check_quantizable(&self) -> Result<(), QuantizationError> {
        self.check_layers(|_| false)
    }

    /// Whether a network of these layers can be quantised: has no batch normalisation and no dropout, which
    /// [`quantize`](super::quantize()) takes away.
    fn check_quantized(&self) -> Result<(), QuantizationError> {
        self.check_layers(|layer| matches!(layer, Layer::BatchNorm(_) | Layer::Dropout(_)))
    }

    /// The first layer that is refused, or a residual that begins before the first weights or ends behind the last.
    fn check_layers(&self, is_refused: impl Fn(&Layer) -> bool) -> Result<(), QuantizationError> {
        let with_weights = |layer: &Layer| layer.has_weights();
        let first = self.layers().iter().position(with_weights).unwrap_or(0);
        let last = self.layers().iter().rposition(with_weights).unwrap_or(0);
        for (layer, kind) in self.layers().iter().enumerate() {
            match *kind {
                refused if is_refused(&refused) => return Err(QuantizationError::Layer { layer }),
                Layer::Add { from } if from < first || layer > last => {
                    return Err(QuantizationError::Residual { layer });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The largest number that goes into a layer, whatever its sign.
    pub(super) fn largest_input(&self, layer: usize) -> i64 {
        let behind_weights = self.layers()[..layer].iter().any(Layer::has_weights);
        if behind_weights { MAX_NUMBER } else { MAX_PIXEL }
    }
}

impl Part {
    /// The weights of an output, in steps of as many as there are outputs.
    pub fn of_output<'a, T>(&self, weights: &'a [T], output: usize) -> impl Iterator<Item = &'a T> {
        let outputs = self.shape.outputs;
        weights[self.weights..][..self.shape.inputs() * outputs].iter().skip(output).step_by(outputs)
    }
}

/// Whether a sum of products stays in 32 bits, with half of `2^shift` and behind it the bias, in whatever order it is summed.
pub(super) fn fits<'a>(
    weights: impl Iterator<Item = &'a i8>,
    largest_input: i64,
    shift: u8,
    bias: i16,
) -> bool {
    let sum: i64 = weights.map(|&weight| i64::from(weight).abs()).sum();
    sum * largest_input + (1 << shift) + i64::from(bias).abs() <= i64::from(i32::MAX)
}

impl QuantizedNetwork {
    /// Whether they make a network of these layers that cannot overflow.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    ///
    /// # Panics
    ///
    /// If there are not [as many](Architecture::weights_and_outputs) as the layers have.
    pub fn check(&self, architecture: &Architecture) -> Result<(), QuantizationError> {
        let (weights, outputs) = architecture.weights_and_outputs();
        assert_eq!(self.weights.len(), weights, "QuantizedNetwork::check: weights");
        assert!(
            self.shifts.len() == outputs && self.biases.len() == outputs,
            "QuantizedNetwork::check: outputs"
        );
        architecture.check_quantized()?;
        if let Some(index) = self.shifts.iter().position(|&shift| shift > MAX_SHIFT) {
            return Err(QuantizationError::Shift { index, found: self.shifts[index] });
        }
        for part in architecture.parts() {
            let largest_input = architecture.largest_input(part.layer);
            for output in 0..part.shape.outputs {
                let (shift, bias) = (self.shifts[part.outputs + output], self.biases[part.outputs + output]);
                if !fits(part.of_output(&self.weights, output), largest_input, shift, bias) {
                    return Err(QuantizationError::Overflow { layer: part.layer, output });
                }
            }
        }
        Ok(())
    }

    /// The same as parameters of a network of floats, which has no rounding and no bounds: what its layers give are the same
    /// numbers, and its logits those divided by `2^fraction_bits`.
    pub(super) fn parameters(&self, architecture: &Architecture) -> Vec<f32> {
        let parts = architecture.parts();
        let mut parameters = Vec::with_capacity(architecture.parameter_count());
        for (number, part) in (1..).zip(&parts) {
            let of_logits = if number == parts.len() { i32::from(self.fraction_bits) } else { 0 };
            let outputs = part.outputs..part.outputs + part.shape.outputs;
            let (shifts, biases) = (&self.shifts[outputs.clone()], &self.biases[outputs]);
            let weights = &self.weights[part.weights..][..part.shape.inputs() * part.shape.outputs];
            let power = |shift: i32| (-shift as f32).exp2();
            for row in weights.chunks_exact(part.shape.outputs) {
                let exact =
                    |(&weight, &shift): (&i8, &u8)| f32::from(weight) * power(of_logits + i32::from(shift));
                parameters.extend(row.iter().zip(shifts).map(exact));
            }
            parameters.extend(biases.iter().map(|&bias| f32::from(bias) * power(of_logits)));
        }
        parameters
    }
}

/// A quantised network, ready to read.
#[derive(Clone, Debug)]
pub(super) struct PreparedInt8 {
    /// Of each layer with weights.
    packed: Vec<Option<int8::Packed>>,
    fraction_bits: u8,
    level: Level,
}

/// What each layer of a quantised network gives for an image.
#[derive(Clone, Debug)]
pub(super) struct Int8Workspace {
    pixels: Vec<i16>,
    pub values: Vec<Vec<i16>>,
}

impl Int8Workspace {
    pub fn new(architecture: &Architecture) -> Self {
        let buffer = |shape: &Shape| vec![0; shape.len()];
        Int8Workspace { pixels: vec![0; PIXELS], values: architecture.shapes().iter().map(buffer).collect() }
    }
}

impl PreparedInt8 {
    /// From numbers that are checked.
    pub fn new(architecture: &Architecture, quantized: &QuantizedNetwork, level: Level) -> Self {
        let mut packed = vec![None; architecture.layers().len()];
        for part in architecture.parts() {
            let outputs = part.outputs..part.outputs + part.shape.outputs;
            packed[part.layer] = Some(int8::Packed::new(
                part.shape,
                &quantized.weights[part.weights..][..part.shape.inputs() * part.shape.outputs],
                &quantized.shifts[outputs.clone()],
                &quantized.biases[outputs],
            ));
        }
        PreparedInt8 { packed, fraction_bits: quantized.fraction_bits, level }
    }

    /// What an integer logit is multiplied by.
    pub fn logit_unit(&self) -> f32 {
        (-f32::from(self.fraction_bits)).exp2()
    }

    /// The integer logits of an image, 784 bytes, and in `workspace` those of all layers.
    pub fn read<'a>(
        &self,
        architecture: &Architecture,
        image: &[u8],
        workspace: &'a mut Int8Workspace,
    ) -> &'a [i16] {
        let Int8Workspace { pixels, values } = workspace;
        assert_eq!(image.len(), PIXELS, "PreparedInt8::read: pixels");
        pixels.iter_mut().zip(image).for_each(|(pixel, &byte)| *pixel = i16::from(byte));
        for (index, layer) in architecture.layers().iter().enumerate() {
            let (before, after) = values.split_at_mut(index);
            let (x, y) = (before.last().unwrap_or(pixels), &mut after[0]);
            match layer {
                Layer::Linear(_) | Layer::Conv(_) => {
                    let packed = self.packed[index].as_ref().expect("it has weights");
                    packed.convolve(self.level, x, y);
                }
                Layer::Crop(crop) => {
                    let rows = crop.rows().zip(y.chunks_exact_mut(crop.row_len()));
                    rows.for_each(|(row, y)| y.copy_from_slice(&x[row]));
                }
                Layer::MaxPool(windows) => maximum(*windows, x, y),
                Layer::AveragePool(windows) => mean(*windows, x, y),
                Layer::Relu => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x.max(0)),
                Layer::Add { from } => {
                    let both = before[*from].iter().zip(x);
                    y.iter_mut().zip(both).for_each(|(y, (a, b))| *y = a.saturating_add(*b));
                }
                Layer::Flatten => y.copy_from_slice(x),
                Layer::BatchNorm(_) | Layer::Dropout(_) => unreachable!("it was checked"),
            }
        }
        values.last().expect("there are layers")
    }
}

/// The largest number of each window.
fn maximum(windows: Windows, x: &[i16], y: &mut [i16]) {
    for (place, y) in windows.places(1).zip(y.chunks_exact_mut(windows.channels)) {
        y.fill(i16::MIN);
        for inside in windows.inside() {
            let x = &x[place + inside..][..y.len()];
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = x.max(*y));
        }
    }
}

/// The mean of each window, rounded, halves up.
fn mean(windows: Windows, x: &[i16], y: &mut [i16]) {
    let count = (windows.window_height * windows.window_width) as i32; // 784 at most, so that sums fit
    for (place, y) in windows.places(1).zip(y.chunks_exact_mut(windows.channels)) {
        for (channel, y) in y.iter_mut().enumerate() {
            let sum: i32 = windows.inside().map(|inside| i32::from(x[place + inside + channel])).sum();
            *y = (sum + count / 2).div_euclid(count) as i16;
        }
    }
}
