//! The network: a chain of layers from pixels to logits, written out forward and backward.
//!
//! The set of layers is closed: a `match` over [`Layer`], no automatic differentiation. All
//! parameters lie in one flat list in the order of the layers, so that saving, hashing and
//! updating them is one loop each. A batch is worked through in [`Block`]s of images; in a fully connected
//! network the first layer takes it in [`InputShard`]s of the picture, so that a thread can keep to half of its weights.
//!
//! Throughout, `x` goes into a layer and `y` comes out; `dx` means ∂loss/∂x, `dy` ∂loss/∂y.

mod architecture;
pub mod batch_norm;
mod block;
pub mod calibration;
mod chain;
pub mod conv;
pub mod crop;
pub mod ctc;
pub mod dropout;
mod folding;
mod inference;
pub mod init;
mod int8;
mod layer;
pub mod line_model;
pub mod linear;
mod pass;
mod prepared;
mod quantize;
pub mod relu;
pub mod softmax;
mod tiles;

pub use self::{
    architecture::{Architecture, Place, Tensor},
    block::{Block, InputShard},
    chain::{ArchitectureError, MAX_LAYERS, MAX_NUMBERS, MAX_WIDTH, MOST_COLUMNS_PER_STEP},
    conv::Conv,
    inference::{InferenceModel, InferenceSession},
    init::InitialWeights,
    int8::{MAX_FRACTION_BITS, MAX_SHIFT, QuantizationError, QuantizedNetwork},
    layer::{ConvKind, DepthwiseKind, Layer, LayerKind, Shape},
    linear::Linear,
    pass::BatchPass,
    prepared::{LayerWeights, Prepared, Weights},
    quantize::quantize,
    tiles::Tile,
};
use crate::{
    Rng,
    kernels::{Level, Numbers, zeros},
    preprocess::PixelScale,
};
use half::f16;
use serde::{Deserialize, Serialize};

/// What numbers are multiplied; sums and weights are always f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// f32.
    #[default]
    F32,
    /// bfloat16 where the processor multiplies them faster (AVX-512 BF16), else f32. What comes out then
    /// depends on the processor.
    Bf16,
}

impl Precision {
    /// What is multiplied at this level.
    pub fn available(self, level: Level) -> Precision {
        if level.has_bf16() { self } else { Precision::F32 }
    }
}

/// What the numbers of a trained network are rounded to, and stored as. Until training ends they are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// f32: they stay as they are.
    #[default]
    F32,
    /// IEEE 754 half precision: half the file.
    F16,
    /// Integers of 8 bits, by which it reads without floating point ([`quantize`]): a quarter of the file.
    I8,
}

/// Layers and the numbers they have learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    architecture: Architecture,
    parameters: Numbers,
    /// What batch normalisation has measured; empty without it.
    statistics: Numbers,
    /// What it reads by in place of the parameters, if it is quantised.
    quantized: Option<QuantizedNetwork>,
}

impl Network {
    /// A network with random weights and biases of 0.
    pub fn random(architecture: Architecture, initial_weights: InitialWeights, rng: &mut Rng) -> Self {
        let mut parameters = zeros(architecture.parameter_count());
        let mut statistics = zeros(architecture.statistic_count());
        for (index, layer) in architecture.layers.iter().enumerate() {
            let parameters = &mut parameters[architecture.ranges[index].clone()];
            match layer {
                Layer::Linear(Linear { inputs, outputs }) => {
                    initial_weights.fill(&mut parameters[..inputs * outputs], *inputs, *outputs, rng);
                }
                Layer::Conv(conv) => {
                    let count = conv.weight_and_bias(parameters).0.len();
                    initial_weights.fill(&mut parameters[..count], conv.inputs(), conv.outputs(), rng);
                }
                Layer::BatchNorm(batch_norm) => {
                    parameters[..batch_norm.channels].fill(1.0);
                    let statistics = &mut statistics[architecture.statistics[index].clone()];
                    statistics[batch_norm.channels..].fill(1.0);
                }
                _ => {}
            }
        }
        Network { architecture, parameters, statistics, quantized: None }
    }

    /// A network with the given parameters and statistics, as [`Architecture`] lays them out.
    ///
    /// # Panics
    ///
    /// If there are not as many as the architecture has.
    pub fn new(architecture: Architecture, parameters: &[f32], statistics: &[f32]) -> Self {
        assert_eq!(parameters.len(), architecture.parameter_count(), "Network::new: parameters");
        assert_eq!(statistics.len(), architecture.statistic_count(), "Network::new: statistics");
        let [parameters, statistics] =
            [parameters, statistics].map(|numbers| Numbers::from_slice(64, numbers));
        Network { architecture, parameters, statistics, quantized: None }
    }

    /// A quantised network. Its parameters are the same as floats.
    ///
    /// # Errors
    ///
    /// If a sum might overflow, or there is a layer that they cannot have.
    ///
    /// # Panics
    ///
    /// If there are not [as many](Architecture::weights_and_outputs) as the architecture has.
    pub fn from_quantized(
        architecture: Architecture,
        quantized: QuantizedNetwork,
    ) -> Result<Self, QuantizationError> {
        quantized.check(&architecture)?;
        let parameters = quantized.parameters(&architecture);
        Ok(Network { quantized: Some(quantized), ..Network::new(architecture, &parameters, &[]) })
    }

    /// The same numbers for pixels of another scale.
    pub fn with_pixel_scale(mut self, scale: PixelScale) -> Network {
        self.architecture.pixel_scale = scale;
        self
    }

    /// A network for other classes. `architecture` is this one's but for the outputs. Output `i` of the last layer with weights goes on
    /// from output `kept[i]` of this network, or begins at random; everything before it goes on.
    ///
    /// # Panics
    ///
    /// If the layers before the last one with weights differ, or `kept` does not fit.
    pub fn with_classes(
        &self,
        architecture: Architecture,
        kept: &[Option<u8>],
        initial_weights: InitialWeights,
        rng: &mut Rng,
    ) -> Network {
        assert_eq!(architecture.classes(), kept.len(), "Network::with_classes: classes");
        let (before, classes) = (self.architecture.classes(), kept.len());
        let last =
            architecture.layers.iter().rposition(|layer| matches!(layer, Layer::Linear(_) | Layer::Conv(_)));
        let last = last.expect("some layer gives the logits");
        let body = [architecture.ranges[last].start, architecture.statistics[last].start];
        let mut network = Network::random(architecture, initial_weights, rng);
        let [body_parameters, body_statistics] = body;
        network.parameters[..body_parameters].copy_from_slice(&self.parameters[..body_parameters]);
        network.statistics[..body_statistics].copy_from_slice(&self.statistics[..body_statistics]);
        // What follows has a number for each class side by side, be it weights, biases or statistics.
        for (new, old) in [
            (&mut network.parameters[body_parameters..], &self.parameters[body_parameters..]),
            (&mut network.statistics[body_statistics..], &self.statistics[body_statistics..]),
        ] {
            assert_eq!(new.len() * before, old.len() * classes, "Network::with_classes: layers");
            for (new, old) in new.chunks_exact_mut(classes).zip(old.chunks_exact(before)) {
                for (new, kept) in new.iter_mut().zip(kept) {
                    if let Some(kept) = kept {
                        *new = old[usize::from(*kept)];
                    }
                }
            }
        }
        network
    }

    /// Rounds all numbers to the nearest that `storage` has, those beyond its range to its largest. Integers come by
    /// [`quantize`] instead.
    pub fn round_to(&mut self, storage: Storage) {
        if storage == Storage::F16 {
            let [least, most] = [f16::MIN, f16::MAX].map(f32::from);
            for number in self.parameters.iter_mut().chain(self.statistics.iter_mut()) {
                *number = f16::from_f32(number.clamp(least, most)).into();
            }
        }
    }

    /// Its layers, its parameters for the optimizer to change, and its statistics for training to measure.
    pub(crate) fn parts_mut(&mut self) -> (&Architecture, &mut [f32], &mut [f32]) {
        self.quantized = None; // they would no longer be the same
        (&self.architecture, &mut self.parameters, &mut self.statistics)
    }

    /// Takes the numbers of a network of the same architecture.
    ///
    /// # Panics
    ///
    /// If it is of another.
    pub(crate) fn copy_from(&mut self, other: &Network) {
        self.quantized.clone_from(&other.quantized);
        self.parameters.copy_from_slice(&other.parameters);
        self.statistics.copy_from_slice(&other.statistics);
    }

    /// The int8 numbers that it reads by, if it does.
    pub fn quantized(&self) -> Option<&QuantizedNetwork> {
        self.quantized.as_ref().filter(|_| cfg!(feature = "int8"))
    }

    /// What batch normalisation has measured: for each such layer the means, then the variances.
    pub fn statistics(&self) -> &[f32] {
        &self.statistics
    }

    /// The numbers of one of its [tensors](Architecture::tensors).
    pub fn tensor(&self, tensor: &Tensor) -> &[f32] {
        match &tensor.place {
            Place::Parameters(range) => &self.parameters[range.clone()],
            Place::Statistics(range) => &self.statistics[range.clone()],
        }
    }

    /// All parameters, layer after layer; of each linear layer the weight `[inputs, outputs]`,
    /// then the bias.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Its layers.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Weight (`[inputs, outputs]`) and bias of each fully connected layer.
    pub fn weights_and_biases(&self) -> impl Iterator<Item = (Linear, &[f32], &[f32])> {
        self.architecture.linear_layers().map(|(linear, range)| {
            let (weight, bias) = linear.weight_and_bias(&self.parameters[range]);
            (linear, weight, bias)
        })
    }
}

#[cfg(test)]
mod tests;
