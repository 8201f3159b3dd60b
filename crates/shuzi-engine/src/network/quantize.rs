//! From a trained network of floats to int8 (post-training quantisation).
//!
//! Batch normalisation and the scale of the pixels go into the weights. Then every output of a layer gets a power of two that its
//! weights are counted in, so that the largest is 64 to 127, and every layer one that its outputs are counted in, so that
//! the largest that was seen on sample images is 8,192 to 16,384: as much again is left for larger ones. What is added in a
//! residual, or goes through a layer without weights, is counted in the same.

use super::{
    Architecture, DepthwiseKind, InferenceModel, InferenceSession, Layer, LayerKind, Network, Precision,
    batch_norm::Normalization,
    int8::{MAX_FRACTION_BITS, MAX_SHIFT, Part, QuantizationError, QuantizedNetwork, fits},
    layer::Kinds,
};
use crate::{kernels::Level, preprocess::PixelScale};

/// The largest weight.
const MAX_WEIGHT: f32 = 127.0;
/// The largest number of 16 bits that is given to sample images.
const MAX_SEEN: f32 = (1 << 14) as f32;
/// Bits behind the point at most, and at least: what floats can say without losing any.
const BITS: [i32; 2] = [-60, 60];

/// The same function in int8, nearly. How large what its layers give may be is seen on `images`, 784 bytes each, like
/// those that it will read; some hundreds are enough.
///
/// # Errors
///
/// If its layers are none that can be, or its numbers too far apart.
pub fn quantize<'a>(
    network: &Network,
    images: impl Iterator<Item = &'a [u8]>,
) -> Result<Network, QuantizationError> {
    if network.quantized().is_some() {
        return Ok(network.clone());
    }
    network.architecture().check_quantizable()?;
    let plain = plain(network);
    let scales = Scales::choose(&plain, images)?;
    let fraction_bits = scales.fraction_bits()?;
    let mut quantized = QuantizedNetwork { weights: vec![], shifts: vec![], biases: vec![], fraction_bits };
    for part in plain.architecture().parts() {
        round_part(&plain, part, &scales, &mut quantized);
    }
    Network::from_quantized(plain.architecture().clone(), quantized)
}

/// How many bits behind the point all numbers have.
struct Scales {
    /// Of each layer the group of what it gives.
    groups: Vec<usize>,
    /// Of each group.
    group_bits: Vec<i32>,
    /// Of the weights of each output of a layer with weights.
    weight_bits: Vec<i32>,
}

impl Scales {
    fn choose<'a>(
        plain: &Network,
        images: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Scales, QuantizationError> {
        let groups = groups(plain.architecture());
        let weight_bits = weight_bits(plain);
        let mut group_bits = output_bits(plain, images, &groups);
        let logits = &mut group_bits[groups[groups.len() - 1]];
        *logits = (*logits).min(MAX_FRACTION_BITS.into());
        let mut scales = Scales { groups, group_bits, weight_bits };
        scales.coarsen(plain.architecture())?;
        Ok(scales)
    }

    /// Sums are only moved down. Where the weights are so large that an output had to be moved up, it is counted in less.
    fn coarsen(&mut self, architecture: &Architecture) -> Result<(), QuantizationError> {
        const ROUNDS: usize = 64;
        for _ in 0..ROUNDS {
            let Some((layer, missing)) = self.too_fine(architecture) else { return Ok(()) };
            self.group_bits[self.groups[layer]] -= missing;
        }
        match self.too_fine(architecture) {
            Some((layer, _)) => Err(QuantizationError::Range { layer }),
            None => Ok(()),
        }
    }

    /// The first layer whose sums have fewer bits than its outputs, and how many are missing.
    fn too_fine(&self, architecture: &Architecture) -> Option<(usize, i32)> {
        architecture.parts().into_iter().find_map(|part| {
            let least = self.weight_bits[part.outputs..][..part.shape.outputs].iter().min().expect("outputs");
            let missing = self.output_bits(part.layer) - self.input_bits(part.layer) - least;
            (missing > 0).then_some((part.layer, missing))
        })
    }

    /// Of what goes into a layer.
    fn input_bits(&self, layer: usize) -> i32 {
        self.group_bits[group_before(&self.groups, layer)]
    }

    /// Of what a layer gives.
    fn output_bits(&self, layer: usize) -> i32 {
        self.group_bits[self.groups[layer]]
    }

    /// Of the logits.
    fn fraction_bits(&self) -> Result<u8, QuantizationError> {
        let layer = self.groups.len() - 1;
        u8::try_from(self.output_bits(layer)).map_err(|_| QuantizationError::Range { layer })
    }
}

/// Adds a layer's weights, shifts and biases as integers.
fn round_part(plain: &Network, part: Part, scales: &Scales, quantized: &mut QuantizedNetwork) {
    let architecture = plain.architecture();
    let (x, y) = (scales.input_bits(part.layer), scales.output_bits(part.layer));
    let outputs = part.shape.outputs;
    let parameters = &plain.parameters()[architecture.ranges[part.layer].clone()];
    let (weights, biases) = parameters.split_at(part.shape.inputs() * outputs);
    quantized.weights.resize(part.weights + weights.len(), 0);
    for (output, bias) in biases.iter().enumerate() {
        let bias = counted(*bias, y) as i16; // or the nearest that there is
        // Tiny weights need no more bits than the shift may take away.
        let mut shift = (scales.weight_bits[part.outputs + output] + x - y).min(MAX_SHIFT.into());
        let rounded = loop {
            let of_output = weights.iter().skip(output).step_by(outputs);
            let rounded: Vec<i8> = of_output.map(|&weight| counted(weight, shift + y - x) as i8).collect();
            // Where a sum may overflow, its weights are counted in less.
            if fits(rounded.iter(), architecture.largest_input(part.layer), shift as u8, bias) || shift == 0 {
                break rounded;
            }
            shift -= 1;
        };
        let to = quantized.weights[part.weights..].iter_mut().skip(output).step_by(outputs);
        to.zip(rounded).for_each(|(to, weight)| *to = weight);
        quantized.shifts.push(shift as u8);
        quantized.biases.push(bias);
    }
}

/// A number counted in `2^-bits`, rounded.
fn counted(number: f32, bits: i32) -> f64 {
    (f64::from(number) * f64::from(bits).exp2()).round()
}

/// The same function of pixels from 0 to 255 by layers that int8 has: batch normalisation that no layer could
/// take in becomes a depthwise convolution of single pixels.
fn plain(network: &Network) -> Network {
    let folded = network.folded();
    let old = folded.architecture();
    let mut kinds = Kinds::default();
    let mut parameters: Vec<f32> = vec![];
    let mut factor = old.pixel_scale().factor();
    for (index, layer) in old.layers().iter().enumerate() {
        let numbers = &folded.parameters()[old.ranges[index].clone()];
        match *layer {
            Layer::Linear(linear) => {
                let (weights, biases) = linear.weight_and_bias(numbers);
                parameters.extend(weights.iter().map(|weight| weight * factor));
                parameters.extend(biases);
                factor = 1.0;
            }
            Layer::Conv(conv) => {
                let (weights, biases) = conv.weight_and_bias(numbers);
                parameters.extend(weights.iter().map(|weight| weight * factor));
                parameters.extend(biases);
                parameters.resize(parameters.len() + conv.outputs() - biases.len(), 0.0);
                factor = 1.0;
            }
            Layer::BatchNorm(batch_norm) => {
                let (mut scale, mut shift) = (vec![0.0; batch_norm.channels], vec![0.0; batch_norm.channels]);
                let measured = &folded.statistics()[old.statistics[index].clone()];
                let by = Normalization { parameters: numbers, statistics: measured };
                batch_norm.scale_and_shift(by, &mut scale, &mut shift);
                parameters.extend(scale.iter().map(|scale| scale * factor));
                parameters.extend(shift);
                factor = 1.0;
                let single = LayerKind::DepthwiseConv(DepthwiseKind { kernel: 1, stride: 1, padding: 0 });
                kinds.0.push((index, single));
                if batch_norm.rectified {
                    kinds.0.push((index, LayerKind::Relu));
                }
                continue;
            }
            Layer::Dropout(_) => continue,
            _ => {}
        }
        kinds.push(index, layer);
    }
    let architecture =
        Architecture::new(PixelScale::Raw, &kinds.finish()).expect("shapes that fitted before");
    Network::new(architecture, &parameters, &[])
}

/// Of each layer the group of what it gives: all of a group is counted in the same. Group 0 is that of the pixels.
fn groups(architecture: &Architecture) -> Vec<usize> {
    let (mut groups, mut count): (Vec<usize>, _) = (vec![], 1);
    for layer in architecture.layers() {
        let before = groups.last().copied().unwrap_or(0);
        let group = match *layer {
            Layer::Linear(_) | Layer::Conv(_) => {
                count += 1;
                count - 1
            }
            Layer::Add { from } => {
                let group = groups[from];
                groups.iter_mut().filter(|other| **other == before).for_each(|other| *other = group);
                group
            }
            _ => before,
        };
        groups.push(group);
    }
    groups
}

/// The group of what goes into a layer.
fn group_before(groups: &[usize], layer: usize) -> usize {
    layer.checked_sub(1).map_or(0, |before| groups[before])
}

/// So many bits behind the point that `largest` is counted as `most` at most.
fn bits_for(largest: f32, most: f32) -> i32 {
    ((f64::from(most) / f64::from(largest)).log2().floor() as i32).clamp(BITS[0], BITS[1])
}

/// Of each output of a layer with weights, how many bits behind the point its weights have.
fn weight_bits(plain: &Network) -> Vec<i32> {
    let of_part = |part: Part| {
        let weights = &plain.parameters()[plain.architecture().ranges[part.layer].clone()];
        let (outputs, count) = (part.shape.outputs, part.shape.inputs() * part.shape.outputs);
        (0..outputs).map(move |output| {
            let of_output = weights[..count].iter().skip(output).step_by(outputs);
            bits_for(of_output.fold(0.0, |largest, weight| weight.abs().max(largest)), MAX_WEIGHT)
        })
    };
    plain.architecture().parts().into_iter().flat_map(of_part).collect()
}

/// Of each group, how many bits behind the point its numbers have.
fn output_bits<'a>(plain: &Network, images: impl Iterator<Item = &'a [u8]>, groups: &[usize]) -> Vec<i32> {
    let architecture = plain.architecture();
    let mut largest = vec![0.0f32; groups.iter().max().expect("there are layers") + 1];
    for part in architecture.parts() {
        let biases = plain.parameters()[architecture.ranges[part.layer].clone()].iter().rev();
        // A bias has no need of the part that is left for larger outputs.
        let of_biases =
            biases.take(part.shape.outputs).fold(0.0, |most, bias: &f32| bias.abs().max(most)) / 2.0;
        let group = groups[part.layer];
        largest[group] = largest[group].max(of_biases);
    }
    // All levels of instructions round alike but for the plain one, which every processor has.
    let ready = InferenceModel::new(plain, Level::Plain, Precision::F32);
    let mut session = InferenceSession::new(&ready, 1);
    for image in images {
        session.logits([image].into_iter());
        for (index, outputs) in session.layer_outputs().enumerate() {
            // What is below 0 before a ReLU makes no difference.
            let goes_on_rectified = architecture.layers().get(index + 1) == Some(&Layer::Relu)
                && !architecture.layers().contains(&Layer::Add { from: index });
            if !goes_on_rectified {
                let most = outputs.iter().fold(0.0, |most: f32, output| output.abs().max(most));
                largest[groups[index]] = largest[groups[index]].max(most);
            }
        }
    }
    let mut bits: Vec<i32> = largest.into_iter().map(|largest| bits_for(largest, MAX_SEEN)).collect();
    bits[0] = 0; // pixels are integers
    bits
}

#[cfg(test)]
mod tests;
