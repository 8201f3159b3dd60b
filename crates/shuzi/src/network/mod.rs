//! The network: a chain of layers from pixels to logits, written out forward and backward.
//!
//! The set of layers is closed: a `match` over [`Layer`], no automatic differentiation. All
//! parameters lie in one flat list in the order of the layers, so that saving, hashing and
//! updating them is one loop each. A batch is worked through in [`Block`]s of images; the first layer
//! takes each in two [`Half`]s of the picture, so that a thread can keep to half of its weights.
//!
//! Throughout, `x` goes into a layer and `y` comes out; `dx` means ∂loss/∂x, `dy` ∂loss/∂y.

mod block;
pub mod init;
pub mod linear;
pub mod relu;
pub mod softmax;

pub use self::{
    block::{Block, Half, Recognizer},
    init::InitialWeights,
    linear::Linear,
};
use crate::{
    Rng,
    image::{DIGITS, PIXELS, most_probable},
    kernels::{
        Level, Numbers,
        pixels::{
            Images,
            by_image::ImageLists,
            by_pixel::{self, HALVES},
        },
        zeros,
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

    /// Outputs of the layer that the pixels go into.
    pub fn first_width(&self) -> usize {
        self.widths[0]
    }

    /// The layer that the pixels go into.
    fn first(&self) -> Linear {
        let Layer::Linear(linear) = self.layers[0] else { unreachable!("the first layer is linear") };
        linear
    }

    /// The fully connected layers, each with its range in the flat list of parameters.
    pub fn linear_layers(&self) -> impl Iterator<Item = (Linear, Range<usize>)> {
        self.layers.iter().zip(&self.ranges).filter_map(|(layer, range)| match layer {
            Layer::Linear(linear) => Some((*linear, range.clone())),
            Layer::Relu => None,
        })
    }

    /// Where the first layer's weights of the pixels of `half` lie.
    pub fn half_range(&self, half: &Half) -> Range<usize> {
        let pixels = half.pixels.pixels();
        pixels.start * self.widths[0]..pixels.end * self.widths[0]
    }

    /// The first layer's sums over one half of the picture, with its `weights`, see
    /// [`half_range`](Self::half_range). On the way `upcoming` images are brought near.
    pub fn forward_half<'a>(&self, weights: &[f32], half: &mut Half, upcoming: impl Images<'a>) {
        let sums = &mut half.sums[..half.pixels.images() * self.widths[0]];
        by_pixel::forward(half.level, &half.pixels, weights, self.widths[0], sums, upcoming);
    }

    /// Fills the logits of a block (and everything before them) from the sums of the upper and the
    /// lower halves, see [`forward_half`](Self::forward_half), where its images begin at `first`.
    pub fn forward(&self, parameters: &[f32], halves: [&Half; 2], first: usize, block: &mut Block) {
        let linear = self.first();
        let y = &mut block.outputs[0][..block.labels.len() * linear.outputs];
        let sums = halves.map(|half| &half.sums[first * linear.outputs..][..y.len()]);
        linear.join_halves(block.level, &parameters[self.ranges[0].clone()], sums, y);
        self.forward_from_first(parameters, block);
    }

    /// Fills the logits of a block (and everything before them) from whole images.
    pub(super) fn read(&self, parameters: &[f32], images: &ImageLists, block: &mut Block) {
        let y = &mut block.outputs[0][..block.labels.len() * self.widths[0]];
        self.first().forward_images(block.level, &parameters[self.ranges[0].clone()], images, y);
        self.forward_from_first(parameters, block);
    }

    /// From the first layer's output to the logits, probabilities and losses.
    fn forward_from_first(&self, parameters: &[f32], block: &mut Block) {
        let (images, level) = (block.labels.len(), block.level);
        for (index, layer) in self.layers.iter().enumerate().skip(1) {
            let (before, after) = block.outputs.split_at_mut(index);
            let x = &before[index - 1][..images * self.widths[index - 1]];
            let y = &mut after[0][..images * self.widths[index]];
            match layer {
                Layer::Linear(linear) => {
                    linear.forward(level, &parameters[self.ranges[index].clone()], x, y);
                }
                Layer::Relu => relu::forward(level, x, y),
            }
        }
        let logits = &block.outputs[self.layers.len() - 1];
        let probabilities = &mut block.probabilities[..images * DIGITS];
        let losses = &mut block.losses[..images];
        softmax::cross_entropy(level, &logits[..images * DIGITS], &block.labels, probabilities, losses);
        let readings = block.probabilities().iter().zip(&block.labels);
        block.correct = readings.filter(|&(p, &label)| most_probable(p) == label).count();
    }

    /// Fills ∂loss/∂y of every layer, after [`forward`](Self::forward); the first layer's goes to
    /// `first_gradient`. `weight` is what each example counts: 1 / batch size for the mean loss.
    /// Nothing needs the gradient of the pixels, so it is not computed.
    pub fn backward(&self, parameters: &[f32], block: &mut Block, first_gradient: &mut [f32], weight: f32) {
        let (images, level) = (block.labels.len(), block.level);
        let last = self.layers.len() - 1;
        let dlogits = if last == 0 { &mut *first_gradient } else { &mut block.gradients[last][..] };
        let probabilities = &block.probabilities[..images * DIGITS];
        softmax::backward(level, probabilities, &block.labels, weight, &mut dlogits[..images * DIGITS]);
        for index in (1..=last).rev() {
            let (before, after) = block.gradients.split_at_mut(index);
            let dy = &after[0][..images * self.widths[index]];
            let dx = if index == 1 { &mut *first_gradient } else { &mut before[index - 1][..] };
            let dx = &mut dx[..images * self.widths[index - 1]];
            match self.layers[index] {
                Layer::Linear(linear) => {
                    linear.backward(level, &parameters[self.ranges[index].clone()], dy, dx)
                }
                Layer::Relu => relu::backward(level, &block.outputs[index - 1][..dx.len()], dy, dx),
            }
        }
    }

    /// Cuts the parameters into shares for so many `threads`, in order and without gaps, and each
    /// share into tiles of one layer, and in the first layer of one half of the picture. The first
    /// `threads` shares are the first layer's weights, as many for either half; the others are the
    /// rest. A share may be empty.
    pub fn shares(&self, threads: usize) -> Vec<Vec<Tile>> {
        /// Parameters of a tile: what a tile of the first layer reads and writes fits into the first
        /// cache, in other layers many rows share what they read.
        const FIRST_TILE: usize = 4096;
        const OTHER_TILE: usize = 25600;
        /// Rows that stay together.
        const ROWS: usize = 4;
        let first_weights = PIXELS * self.widths[0];
        let rest = self.parameter_count() - first_weights;
        let mut shares: Vec<Vec<Tile>> = vec![vec![]; 2 * threads];
        for (layer, kind) in self.layers.iter().enumerate() {
            let Layer::Linear(linear) = kind else { continue };
            for start in (0..linear.inputs + 1).step_by(ROWS) {
                let rows = start..(start + ROWS).min(linear.inputs + 1);
                let first = self.ranges[layer].start;
                let range = first + rows.start * linear.outputs..first + rows.end * linear.outputs;
                let half = usize::from(start >= HALVES[1].start);
                let (share, tile_size) = if range.end <= first_weights {
                    let Range { start: first_row, end } = HALVES[half];
                    let row = half * (end - first_row) + start - first_row;
                    (row * threads / (2 * (end - first_row)), FIRST_TILE)
                } else {
                    let middle = (range.start + range.end) / 2 - first_weights;
                    (threads + middle * threads / rest, OTHER_TILE)
                };
                let other_half = layer == 0 && start == HALVES[1].start;
                match shares[share].last_mut() {
                    Some(tile)
                        if tile.layer == layer
                            && !other_half
                            && tile.range.len() + range.len() <= tile_size =>
                    {
                        (tile.rows.end, tile.range.end) = (rows.end, range.end);
                    }
                    _ => shares[share].push(Tile { layer, rows, range }),
                }
            }
        }
        shares
    }

    /// The gradient of one tile's parameters, summed over the images of a batch in their order.
    /// `halves` has at least those of the tile, `first_gradient` is ∂loss/∂y of the first layer for
    /// all images.
    pub fn gradient(
        &self,
        level: Level,
        tile: &Tile,
        halves: &[Half],
        first_gradient: &[f32],
        blocks: &[Block],
        gradient: &mut [f32],
    ) {
        let Layer::Linear(linear) = self.layers[tile.layer] else { unreachable!("a tile has parameters") };
        if tile.layer == 0 {
            let pixels = halves.iter().map(|half| &half.pixels);
            let pixels = pixels.filter(|pixels| pixels.pixels().contains(&tile.rows.start));
            linear.gradient_pixels(level, pixels, first_gradient, tile.rows.clone(), gradient);
        } else {
            let blocks = blocks.iter().map(|block| {
                let images = block.labels.len();
                let x = &block.outputs[tile.layer - 1][..images * linear.inputs];
                (x, &block.gradients[tile.layer][..images * linear.outputs])
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
