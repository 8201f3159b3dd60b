//! The network: a chain of layers from pixels to logits, written out forward and backward.
//!
//! The set of layers is closed: a `match` over [`Layer`], no automatic differentiation. All
//! parameters lie in one flat list in the order of the layers, so that saving, hashing and
//! updating them is one loop each. A batch is worked through in [`Block`]s of images.
//!
//! Throughout, `x` goes into a layer and `y` comes out; `dx` means ∂loss/∂x, `dy` ∂loss/∂y.

pub mod init;
pub mod linear;
pub mod relu;
pub mod softmax;

pub use self::{init::InitialWeights, linear::Linear};
use crate::{
    Rng,
    image::{DIGITS, PIXELS, most_probable},
    kernels::{
        Level, Numbers,
        pixels::{PixelBlock, SEGMENT},
        prefetch, zeros,
    },
    preprocess::PixelScale,
};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One layer's kind and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Fully connected.
    Linear(Linear),
    /// Rectified linear unit, as wide as the layer before it.
    Relu,
}

/// A layer as a recipe names it: its own numbers, without those of the layer before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// Fully connected with so many outputs.
    Linear(usize),
    /// Rectified linear unit.
    Relu,
}

/// The layers of a network and where their parameters lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    pixel_scale: PixelScale,
    layers: Vec<Layer>,
    /// For each layer its range in the flat list of parameters.
    ranges: Vec<Range<usize>>,
    /// For each layer how many numbers it gives for an example.
    widths: Vec<usize>,
}

/// Layers that do not make a network from 784 pixels to 10 digits.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// The pixels go into a fully connected layer.
    #[error("the first layer must be linear")]
    FirstLayer,
    /// Ten logits, one for each digit, must come out.
    #[error("the last layer must be linear with {DIGITS} outputs")]
    LastLayer,
    /// A layer without neurons.
    #[error("layer {layer} has {width} outputs, expected 1 to {max}", max = MAX_WIDTH)]
    Width {
        /// Its place, from 0.
        layer: usize,
        /// Its outputs.
        width: usize,
    },
    /// More layers than anyone trains by this program.
    #[error("{found} layers, at most {max} are accepted", max = MAX_LAYERS)]
    TooManyLayers {
        /// Layers asked for.
        found: usize,
    },
}

/// Outputs that a layer may have at most: what is read from a file must not fill the memory.
pub const MAX_WIDTH: usize = 16_384;
/// Layers that a network may have at most.
pub const MAX_LAYERS: usize = 256;

impl Architecture {
    /// Chains `layers` behind the 784 pixels of an image.
    ///
    /// # Errors
    ///
    /// If they do not lead from 784 pixels to 10 logits.
    pub fn new(pixel_scale: PixelScale, layers: &[LayerKind]) -> Result<Self, ArchitectureError> {
        if layers.len() > MAX_LAYERS {
            return Err(ArchitectureError::TooManyLayers { found: layers.len() });
        }
        if !matches!(layers.first(), Some(LayerKind::Linear(_))) {
            return Err(ArchitectureError::FirstLayer);
        }
        if layers.last() != Some(&LayerKind::Linear(DIGITS)) {
            return Err(ArchitectureError::LastLayer);
        }
        let mut architecture = Architecture {
            pixel_scale,
            layers: vec![],
            ranges: vec![],
            widths: Vec::with_capacity(layers.len()),
        };
        let (mut width, mut end) = (PIXELS, 0);
        for (index, &kind) in layers.iter().enumerate() {
            let (layer, parameter_count) = match kind {
                LayerKind::Linear(outputs) if (1..=MAX_WIDTH).contains(&outputs) => {
                    let linear = Linear { inputs: width, outputs };
                    width = outputs;
                    (Layer::Linear(linear), linear.parameter_count())
                }
                LayerKind::Linear(width) => return Err(ArchitectureError::Width { layer: index, width }),
                LayerKind::Relu => (Layer::Relu, 0),
            };
            architecture.layers.push(layer);
            architecture.ranges.push(end..end + parameter_count);
            architecture.widths.push(width);
            end += parameter_count;
        }
        Ok(architecture)
    }

    /// The layers from pixels to logits.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// What a pixel's byte is multiplied by.
    pub fn pixel_scale(&self) -> PixelScale {
        self.pixel_scale
    }

    /// How many numbers are learned.
    pub fn parameter_count(&self) -> usize {
        self.ranges.last().map_or(0, |range| range.end)
    }

    /// Multiplications of one image's way through the network.
    pub fn multiplications(&self) -> usize {
        self.linear_layers().map(|(linear, _)| linear.inputs * linear.outputs).sum()
    }

    /// The fully connected layers, each with its range in the flat list of parameters.
    pub fn linear_layers(&self) -> impl Iterator<Item = (Linear, Range<usize>)> {
        self.layers.iter().zip(&self.ranges).filter_map(|(layer, range)| match layer {
            Layer::Linear(linear) => Some((*linear, range.clone())),
            Layer::Relu => None,
        })
    }

    /// Fills the logits of a block (and everything before them).
    pub fn forward(&self, parameters: &[f32], block: &mut Block) {
        let (images, level) = (block.labels.len(), block.level);
        for (index, layer) in self.layers.iter().enumerate() {
            let (before, after) = block.outputs.split_at_mut(index);
            let y = &mut after[0][..images * self.widths[index]];
            let parameters = &parameters[self.ranges[index].clone()];
            match (layer, before.last()) {
                (Layer::Linear(linear), None) => {
                    linear.forward_pixels(level, parameters, &block.pixels, y);
                }
                (Layer::Linear(linear), Some(x)) => {
                    linear.forward(level, parameters, &x[..images * linear.inputs], y)
                }
                (Layer::Relu, Some(x)) => relu::forward(level, &x[..y.len()], y),
                (Layer::Relu, None) => unreachable!("the first layer is linear"),
            }
        }
        let logits = &block.outputs[self.layers.len() - 1];
        let probabilities = &mut block.probabilities[..images * DIGITS];
        let losses = &mut block.losses[..images];
        softmax::cross_entropy(level, &logits[..images * DIGITS], &block.labels, probabilities, losses);
        let readings = block.probabilities().iter().zip(&block.labels);
        block.correct = readings.filter(|&(p, &label)| most_probable(p) == label).count();
    }

    /// Fills ∂loss/∂y of every layer, after [`forward`](Self::forward). `weight` is what each
    /// example counts: 1 / batch size for the mean loss. Nothing needs the gradient of the
    /// pixels, so it is not computed.
    pub fn backward(&self, parameters: &[f32], block: &mut Block, weight: f32) {
        let (images, level) = (block.labels.len(), block.level);
        let last = self.layers.len() - 1;
        let dlogits = &mut block.gradients[last][..images * DIGITS];
        dlogits.copy_from_slice(&block.probabilities[..images * DIGITS]);
        for (dlogits, &label) in dlogits.chunks_exact_mut(DIGITS).zip(&block.labels) {
            softmax::backward(dlogits, label, weight);
        }
        for index in (1..=last).rev() {
            let (before, after) = block.gradients.split_at_mut(index);
            let dy = &after[0][..images * self.widths[index]];
            let dx = &mut before[index - 1][..images * self.widths[index - 1]];
            match self.layers[index] {
                Layer::Linear(linear) => {
                    linear.backward(level, &parameters[self.ranges[index].clone()], dy, dx)
                }
                Layer::Relu => relu::backward(level, &block.outputs[index - 1][..dx.len()], dy, dx),
            }
        }
    }

    /// Cuts the parameters into `parts` shares of about the same size, in order and without gaps,
    /// and each share into tiles that fit into the second cache. The first layer's gradient skips
    /// zeros, but a parameter of it takes as long as another: it waits for memory.
    pub fn shares(&self, parts: usize) -> Vec<Vec<Tile>> {
        const TILE_PARAMETERS: usize = 25600;
        let mut shares: Vec<Vec<Tile>> = vec![vec![]; parts];
        for (layer, kind) in self.layers.iter().enumerate() {
            let Layer::Linear(linear) = kind else { continue };
            for start in (0..linear.inputs + 1).step_by(SEGMENT) {
                let rows = start..(start + SEGMENT).min(linear.inputs + 1);
                let first = self.ranges[layer].start;
                let range = first + rows.start * linear.outputs..first + rows.end * linear.outputs;
                let middle = (range.start + range.end) / 2;
                let share = &mut shares[middle * parts / self.parameter_count()];
                match share.last_mut() {
                    Some(tile)
                        if tile.layer == layer && tile.range.len() + range.len() <= TILE_PARAMETERS =>
                    {
                        (tile.rows.end, tile.range.end) = (rows.end, range.end);
                    }
                    _ => share.push(Tile { layer, rows, range }),
                }
            }
        }
        shares
    }

    /// The gradient of one tile's parameters, summed over the blocks of a batch in their order.
    pub fn gradient(&self, level: Level, tile: &Tile, blocks: &[Block], gradient: &mut [f32]) {
        let Layer::Linear(linear) = self.layers[tile.layer] else { unreachable!("a tile has parameters") };
        let dy = |block: &'_ Block| block.labels.len() * linear.outputs;
        if tile.layer == 0 {
            let blocks = blocks.iter().map(|block| (&block.pixels, &block.gradients[0][..dy(block)]));
            linear.gradient_pixels(level, blocks, tile.rows.clone(), gradient);
        } else {
            let blocks = blocks.iter().map(|block| {
                let x = &block.outputs[tile.layer - 1][..block.labels.len() * linear.inputs];
                (x, &block.gradients[tile.layer][..dy(block)])
            });
            linear.gradient(level, blocks, tile.rows.clone(), gradient);
        }
    }
}

/// A part of one layer's parameters that one thread computes the gradient of and updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    layer: usize,
    /// Rows of the layer's weights; the row behind the last is the bias.
    rows: Range<usize>,
    /// Its place in the flat list of parameters.
    pub range: Range<usize>,
}

/// A few images on their way through a network, and all that backward needs of it.
///
/// Made once and filled again for each batch: after the first no memory is asked for.
#[derive(Clone, Debug)]
pub struct Block {
    level: Level,
    pixels: PixelBlock,
    labels: Vec<u8>,
    correct: usize,
    /// For each layer `[images, width]`.
    outputs: Vec<Numbers>,
    /// ∂loss/∂output, of the same shapes.
    gradients: Vec<Numbers>,
    /// `[images, 10]`.
    probabilities: Numbers,
    losses: Vec<f32>,
}

impl Block {
    /// Room for up to `capacity` images and all that [`Architecture::forward`] and
    /// [`Architecture::backward`] write.
    pub fn new(architecture: &Architecture, level: Level, capacity: usize) -> Self {
        let room = || architecture.widths.iter().map(|width| zeros(width * capacity)).collect();
        Block { gradients: room(), ..Block::for_recognition(architecture, level, capacity) }
    }

    /// The same without room for gradients.
    pub fn for_recognition(architecture: &Architecture, level: Level, capacity: usize) -> Self {
        Block {
            level,
            pixels: PixelBlock::new(capacity, architecture.pixel_scale.factor()),
            labels: Vec::with_capacity(capacity),
            correct: 0,
            outputs: architecture.widths.iter().map(|width| zeros(width * capacity)).collect(),
            gradients: vec![],
            probabilities: zeros(DIGITS * capacity),
            losses: vec![0.0; capacity],
        }
    }

    /// Replaces the images: the 784 bytes and the label of each.
    ///
    /// # Panics
    ///
    /// If there are more than fit.
    pub fn load<'a>(
        &mut self,
        examples: impl ExactSizeIterator<Item = (&'a [u8], u8)> + Clone,
        upcoming: impl Iterator<Item = &'a [u8]>,
    ) {
        assert!(examples.len() <= self.losses.len(), "Block::load: too many images");
        let mut upcoming = upcoming.fuse();
        self.labels.clear();
        self.labels.extend(examples.clone().map(|(_, label)| label));
        let images = examples.map(|(image, _)| image).inspect(|_| {
            if let Some(image) = upcoming.next() {
                prefetch(image);
            }
        });
        self.pixels.load(self.level, images);
    }

    /// The labels of its images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// How many images were read right, after forward.
    pub fn correct(&self) -> usize {
        self.correct
    }

    /// The cross-entropy of each image, after forward.
    pub fn losses(&self) -> &[f32] {
        &self.losses[..self.labels.len()]
    }

    /// The probability of each digit for each image, after forward.
    pub fn probabilities(&self) -> &[[f32; DIGITS]] {
        &self.probabilities.as_chunks().0[..self.labels.len()]
    }
}

/// Layers and the numbers they have learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    architecture: Architecture,
    parameters: Numbers,
}

impl Network {
    /// A network with random weights and biases of 0.
    pub fn random(architecture: Architecture, initial_weights: InitialWeights, rng: &mut Rng) -> Self {
        let mut parameters = zeros(architecture.parameter_count());
        for (linear, range) in architecture.linear_layers() {
            let weight = &mut parameters[range][..linear.inputs * linear.outputs];
            initial_weights.fill(weight, linear.inputs, linear.outputs, rng);
        }
        Network { architecture, parameters }
    }

    /// A network with the given parameters, as [`Architecture`] lays them out.
    ///
    /// # Panics
    ///
    /// If there are not as many as the architecture has.
    pub fn new(architecture: Architecture, parameters: &[f32]) -> Self {
        assert_eq!(parameters.len(), architecture.parameter_count(), "Network::new: parameters");
        Network { architecture, parameters: Numbers::from_slice(64, parameters) }
    }

    /// Its layers, and its parameters for the optimizer to change.
    pub(crate) fn parts_mut(&mut self) -> (&Architecture, &mut [f32]) {
        (&self.architecture, &mut self.parameters)
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
