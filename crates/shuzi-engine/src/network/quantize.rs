//! From a trained network of floats to int8 (post-training quantisation).
//!
//! Batch normalisation and the scale of the pixels go into the weights. Then every output of a layer gets a power of two that its
//! weights are counted in, so that the largest is 64 to 127, and every layer one that its outputs are counted in, so that
//! the largest that was seen on sample images is 8,192 to 16,384: as much again is left for larger ones. What is added in a
//! residual, or goes through a layer without weights, is counted in the same.

use super::{
    Architecture, DepthwiseKind, InferenceModel, InferenceSession, Layer, LayerKind, Network, Precision,
    layer::Kinds,
    batch_norm::Normalization,
    int8::{MAX_FRACTION_BITS, MAX_SHIFT, Part, QuantizationError, QuantizedNetwork, fits},
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
    let architecture = plain.architecture();
    let groups = groups(architecture);
    let weight_bits = weight_bits(&plain);
    let mut bits = output_bits(&plain, images, &groups);
    let of_logits = groups[groups.len() - 1];
    bits[of_logits] = bits[of_logits].min(MAX_FRACTION_BITS.into());
    // Sums are only moved down. Where the weights are so large that an output had to be moved up, it is counted in less.
    const ROUNDS: usize = 64;
    for round in 0.. {
        let too_fine = architecture.parts().into_iter().find_map(|part| {
            let (x, y) = (group_before(&groups, part.layer), groups[part.layer]);
            let least = weight_bits[part.outputs..][..part.shape.outputs].iter().min().expect("outputs");
            let missing = bits[y] - bits[x] - least;
            (missing > 0).then_some((part.layer, y, missing))
        });
        let Some((layer, y, missing)) = too_fine else { break };
        if round == ROUNDS {
            return Err(QuantizationError::Range { layer });
        }
        bits[y] -= missing;
    }
    let too_large = QuantizationError::Range { layer: groups.len() - 1 };
    let fraction_bits = u8::try_from(bits[of_logits]).map_err(|_| too_large)?;
    let mut quantized = QuantizedNetwork { weights: vec![], shifts: vec![], biases: vec![], fraction_bits };
    for part in architecture.parts() {
        let (x, y) = (bits[group_before(&groups, part.layer)], bits[groups[part.layer]]);
        let outputs = part.shape.outputs;
        let parameters = &plain.parameters()[architecture.ranges[part.layer].clone()];
        let (weights, biases) = parameters.split_at(part.shape.inputs() * outputs);
        quantized.weights.resize(part.weights + weights.len(), 0);
        for (output, bias) in biases.iter().enumerate() {
            let bias = counted(*bias, y) as i16; // or the nearest that there is
            // Tiny weights need no more bits than the shift may take away.
            let mut shift = (weight_bits[part.outputs + output] + x - y).min(MAX_SHIFT.into());
            loop {
                let of_output = weights.iter().skip(output).step_by(outputs);
                let rounded: Vec<i8> =
                    of_output.map(|&weight| counted(weight, shift + y - x) as i8).collect();
                let largest_input = architecture.largest_input(part.layer);
                // Where a sum may overflow, its weights are counted in less.
                if fits(rounded.iter(), largest_input, shift as u8, bias) || shift == 0 {
                    let to = quantized.weights[part.weights..].iter_mut().skip(output).step_by(outputs);
                    to.zip(rounded).for_each(|(to, weight)| *to = weight);
                    break;
                }
                shift -= 1;
            }
            quantized.shifts.push(shift as u8);
            quantized.biases.push(bias);
        }
    }
    Network::from_quantized(architecture.clone(), quantized)
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
            // What is below 0 before a ReLU need not be told apart.
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
