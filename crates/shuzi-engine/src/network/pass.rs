//! Images on their way through the layers, forward and backward.
//!
//! A fully connected network is worked through in [`InputShard`]s of the picture, then in [`Block`]s, then in
//! tiles of its parameters. Any other network takes each block of images all the way forward and back.

use super::{
    Architecture, Block, InputShard, Layer, LayerWeights, Network, Precision, Prepared, Tile, Weights,
    batch_norm::{LayerGradients, Normalization},
    dropout,
    prepared::Scratch,
    relu,
    softmax::{self, Targets},
};
use crate::{
    image::{DIGITS, NO_DIGIT, most_probable},
    kernels::{
        Level, Numbers,
        pixels::{Images, by_image::ImageLists, by_pixel},
        pooling,
        product::add_rows,
    },
};
use std::{iter, mem, ops::Range};

/// What of a layer depends on why images go through it.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// Batch normalisation uses what was measured, nothing is dropped out.
    Read {
        /// See [`Network::statistics`].
        statistics: &'a [f32],
    },
    /// Batch normalisation measures, dropout draws by this key.
    Train { key: u64 },
}

/// What goes through a layer.
struct Flow<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    /// What all layers before it give.
    before: &'a [Numbers],
}

/// What a layer works with besides.
struct Workspace<'a> {
    level: Level,
    scratch: &'a mut Scratch,
    channel_constants: &'a mut Vec<f32>,
    /// What batch normalisation measures, of all layers.
    measured: &'a mut [f32],
}

/// What the way of a batch through a fully connected network, forward and back, has left behind.
#[derive(Clone, Copy, Debug)]
pub struct BatchPass<'a> {
    /// Of the picture's halves, at least those that a gradient is taken of.
    pub shards: &'a [InputShard],
    /// In the order of the batch.
    pub blocks: &'a [Block],
    /// ∂loss/∂y of the first layer, `[batch, outputs]`.
    pub first_gradient: &'a [f32],
}

/// A teacher's targets if there are any, else the labels.
fn targets<'a>(soft: &'a [f32], labels: &'a [u8], smoothing: f32) -> Targets<'a> {
    if soft.is_empty() { Targets::Labels { labels, smoothing } } else { Targets::Soft(soft) }
}

/// How many of these probabilities give their label; that of no digit is given by none that is more probable than not.
#[inline(always)]
fn count_right(classes: usize, probabilities: &[f32], labels: &[u8]) -> usize {
    let is_right = |(probabilities, &label): (&[f32], &u8)| {
        let class = most_probable(probabilities);
        class == label || label == NO_DIGIT && probabilities[usize::from(class)] < 0.5
    };
    probabilities.chunks_exact(classes).zip(labels).filter(|&reading| is_right(reading)).count()
}

/// A key for one layer's dropout.
fn layer_key(key: u64, layer: usize) -> u64 {
    key ^ (layer as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) // 2⁶⁴ / golden ratio: far apart
}

impl Architecture {
    /// Where the first layer's weights of the pixels of `shard` lie.
    pub fn shard_range(&self, shard: &InputShard) -> Range<usize> {
        let pixels = shard.pixels.pixels();
        pixels.start * self.widths[0]..pixels.end * self.widths[0]
    }

    /// The first layer's sums over one half of the picture, with its `weights`, see
    /// [`shard_range`](Self::shard_range). On the way `upcoming` images are brought near.
    pub fn forward_shard<'a>(&self, weights: &[f32], shard: &mut InputShard, upcoming: impl Images<'a>) {
        let sums = &mut shard.sums[..shard.pixels.images() * self.widths[0]];
        by_pixel::forward(shard.level, &shard.pixels, weights, self.widths[0], sums, upcoming);
    }

    /// Fills the logits of a block (and everything before them) from the sums of the upper and the
    /// lower shards, see [`forward_shard`](Self::forward_shard), where its images begin at `first`.
    pub fn forward(&self, parameters: &[f32], shards: [&InputShard; 2], first: usize, block: &mut Block) {
        let linear = self.first();
        let y = &mut block.outputs[0][..block.labels.len() * linear.outputs];
        let sums = shards.map(|shard| &shard.sums[first * linear.outputs..][..y.len()]);
        linear.join_shards(block.level, &parameters[self.ranges[0].clone()], sums, y);
        self.forward_from(1, Purpose::Read { statistics: &[] }, Weights { parameters, prepared: &[] }, block);
        self.score(block);
    }

    /// Fills the logits of a block (and everything before them) from whole images, for a network whose
    /// first layer is fully connected.
    pub(super) fn read_lists(
        &self,
        network: &Network,
        prepared: &[Prepared],
        images: &ImageLists,
        block: &mut Block,
    ) {
        let y = &mut block.outputs[0][..block.labels.len() * self.widths[0]];
        let weights = Weights { parameters: network.parameters(), prepared };
        self.first().forward_images(block.level, &weights.parameters[self.ranges[0].clone()], images, y);
        self.forward_from(1, Purpose::Read { statistics: network.statistics() }, weights, block);
    }

    /// Fills the logits of a block (and everything before them) from its pixels.
    pub(super) fn read(&self, network: &Network, prepared: &[Prepared], block: &mut Block) {
        let purpose = Purpose::Read { statistics: network.statistics() };
        let weights = Weights { parameters: network.parameters(), prepared };
        let (images, alone, together) = (block.labels.len(), self.layers_alone(), self.images_alone());
        for first in (0..images).step_by(together) {
            let part = first..images.min(first + together);
            self.forward_part(0..alone, part, purpose, weights, block);
        }
        self.forward_from(alone, purpose, weights, block);
    }

    /// The output of every layer from `first` on.
    fn forward_from(&self, first: usize, purpose: Purpose<'_>, weights: Weights<'_>, block: &mut Block) {
        let images = 0..block.labels.len();
        self.forward_part(first..self.layers.len(), images, purpose, weights, block);
    }

    /// What some layers give for some images of a block; but for the last layer's it lies where that of the first
    /// images does.
    fn forward_part(
        &self,
        layers: Range<usize>,
        part: Range<usize>,
        purpose: Purpose<'_>,
        weights: Weights<'_>,
        block: &mut Block,
    ) {
        let as_they_are = Prepared::default();
        let (images, level) = (part.len(), block.level);
        for index in layers.clone() {
            let (before, after) = block.outputs.split_at_mut(index);
            if self.is_done_before(index) && before[index - 1].len() == after[0].len() {
                mem::swap(&mut before[index - 1], &mut after[0]);
                continue;
            }
            let x = match before.last() {
                Some(output) => &output[..images * self.widths[index - 1]],
                None => &block.pixels[part.start * self.input.len()..][..images * self.input.len()],
            };
            let place = if index + 1 == layers.end { part.start } else { 0 };
            let y = &mut after[0][place * self.widths[index]..][..images * self.widths[index]];
            let parameters = &weights.parameters[self.ranges[index].clone()];
            let prepared = weights.prepared.get(index).unwrap_or(&as_they_are);
            let weights = LayerWeights { parameters, prepared };
            let workspace = Workspace {
                level,
                scratch: &mut block.scratch,
                channel_constants: &mut block.channel_constants,
                measured: &mut block.measured,
            };
            self.forward_layer(index, purpose, weights, Flow { x, y, before }, workspace);
        }
    }

    /// What one layer gives.
    fn forward_layer(
        &self,
        index: usize,
        purpose: Purpose<'_>,
        weights: LayerWeights<'_>,
        Flow { x, y, before }: Flow<'_>,
        Workspace { level, scratch, channel_constants, measured }: Workspace<'_>,
    ) {
        let LayerWeights { parameters, prepared } = weights;
        match self.layers[index] {
            Layer::Linear(linear) if prepared.has_bf16() => {
                linear.as_convolution(x.len() / linear.inputs).forward(level, weights, x, y, scratch);
            }
            Layer::Linear(linear) => linear.forward(level, parameters, x, y),
            Layer::Conv(conv) => conv.forward(level, weights, x, y, scratch),
            Layer::Crop(crop) => crop.forward(x, y),
            Layer::MaxPool(windows) => pooling::maximum(level, windows, x, y),
            Layer::AveragePool(windows) => pooling::average(level, windows, x, y),
            Layer::BatchNorm(batch_norm) => {
                let range = self.statistics[index].clone();
                let statistics = match purpose {
                    Purpose::Read { statistics } => &statistics[range],
                    Purpose::Train { .. } => {
                        batch_norm.measure(level, x, &mut measured[range.clone()]);
                        &measured[range]
                    }
                };
                let by = Normalization { parameters, statistics };
                batch_norm.forward(level, by, x, y, channel_constants);
            }
            Layer::Relu => relu::forward(level, x, y),
            Layer::Dropout(probability) => {
                y.copy_from_slice(x);
                if let Purpose::Train { key } = purpose {
                    dropout::apply(level, probability, layer_key(key, index), y);
                }
            }
            Layer::Add { from } => {
                y.copy_from_slice(x);
                add_rows(level, y, &before[from][..x.len()]);
            }
            Layer::Flatten => y.copy_from_slice(x),
        }
    }

    /// Probabilities, losses and right readings from the logits.
    pub(super) fn score(&self, block: &mut Block) {
        let (images, level) = (block.labels.len(), block.level);
        let classes = block.classes;
        let logits = &block.outputs[self.layers.len() - 1][..images * classes];
        let probabilities = &mut block.probabilities[..images * classes];
        let losses = &mut block.losses[..images];
        let targets = targets(&block.targets, &block.labels, block.label_smoothing);
        softmax::cross_entropy(level, classes, logits, targets, probabilities, losses);
        block.correct = match classes {
            DIGITS => count_right(DIGITS, probabilities, &block.labels), // written out, as in softmax.rs
            _ => count_right(classes, probabilities, &block.labels),
        };
    }

    /// Takes a block forward as in training, for what batch normalisation measures of it
    /// ([`Block::measured`]). Its pixels and labels are set.
    pub fn measure(&self, weights: Weights<'_>, block: &mut Block, key: u64) {
        self.forward_from(0, Purpose::Train { key }, weights, block);
        self.score(block);
    }

    /// The weights of layer `index` in the forms that a training step multiplies by, in numbers of this precision.
    pub fn prepare(
        &self,
        index: usize,
        level: Level,
        precision: Precision,
        parameters: &[f32],
        prepared: &mut Prepared,
    ) {
        let parameters = &parameters[self.ranges[index].clone()];
        match self.layers[index] {
            Layer::Conv(conv) => conv.prepare(level, precision, parameters, prepared),
            Layer::Linear(linear) if precision == Precision::Bf16 => {
                linear.as_convolution(1).prepare(level, precision, parameters, prepared);
            }
            _ => {}
        }
    }

    /// The weights of layer `index` in packed bfloat16, if it is one that multiplies them.
    pub(super) fn prepare_reading(
        &self,
        index: usize,
        level: Level,
        parameters: &[f32],
        prepared: &mut Prepared,
    ) {
        let parameters = &parameters[self.ranges[index].clone()];
        match self.layers[index] {
            Layer::Conv(conv) => conv.prepare_packed(level, parameters, prepared),
            Layer::Linear(linear) => linear.as_convolution(1).prepare_packed(level, parameters, prepared),
            _ => {}
        }
    }

    /// Takes a block all the way forward and back, in training: fills everything in it, and the `gradient`
    /// of all parameters, summed over its images in their order. `weight` is what each example counts;
    /// dropout draws by `key`. Its pixels and labels are set, the weights [prepared](Self::prepare).
    pub fn forward_and_backward(
        &self,
        weights: Weights<'_>,
        block: &mut Block,
        weight: f32,
        key: u64,
        gradient: &mut [f32],
    ) {
        self.forward_in_training(weights, block, key);
        self.score(block);
        self.loss_gradient(block, weight);
        self.backward_from_logits(weights, block, key, gradient);
    }

    /// Takes a block forward as in training; dropout draws by `key`. Its pixels are set.
    pub fn forward_in_training(&self, weights: Weights<'_>, block: &mut Block, key: u64) {
        self.forward_from(0, Purpose::Train { key }, weights, block);
    }

    /// Takes a block all the way back from ∂loss/∂logits, [written](Block::logits_and_gradient) after
    /// [`forward_in_training`](Self::forward_in_training) with the same key: fills the `gradient` of all parameters, summed over its
    /// images in their order.
    pub fn backward_from_logits(
        &self,
        weights: Weights<'_>,
        block: &mut Block,
        key: u64,
        gradient: &mut [f32],
    ) {
        for index in (0..self.layers.len()).rev() {
            let gradient = &mut gradient[self.ranges[index].clone()];
            self.parameter_gradient(index, block, gradient);
            // Nothing before the first parameter needs a gradient.
            if index == 0 || self.ranges[index].start == 0 {
                break;
            }
            self.input_gradient(index, weights, block, key, gradient);
            self.add_residual_gradients(index, block);
        }
    }

    /// Fills ∂loss/∂logits.
    fn loss_gradient(&self, block: &mut Block, weight: f32) {
        let (images, level) = (block.labels.len(), block.level);
        let (last, classes) = (self.layers.len() - 1, block.classes);
        let dlogits = &mut block.gradients[last][..images * classes];
        let probabilities = &block.probabilities[..images * classes];
        let targets = targets(&block.targets, &block.labels, block.label_smoothing);
        softmax::backward(level, classes, probabilities, targets, weight, dlogits);
    }

    /// What goes into a layer: the pixels, or what the layer before gives.
    fn layer_input<'a>(
        &self,
        index: usize,
        images: usize,
        pixels: &'a [f32],
        outputs: &'a [Numbers],
    ) -> &'a [f32] {
        match index {
            0 => &pixels[..images * self.input.len()],
            _ => &outputs[index - 1][..images * self.widths[index - 1]],
        }
    }

    /// Fills the gradient of a layer's parameters; that of a batch normalisation comes with its input's.
    fn parameter_gradient(&self, index: usize, block: &mut Block, gradient: &mut [f32]) {
        let (images, level) = (block.labels.len(), block.level);
        let dy = &block.gradients[index][..images * self.widths[index]];
        let x = self.layer_input(index, images, &block.pixels, &block.outputs);
        let scratch = &mut block.scratch;
        match (self.layers[index], block.precision) {
            (Layer::Linear(linear), Precision::Bf16) => {
                linear.as_convolution(images).gradient_packed(level, x, dy, gradient, scratch);
            }
            (Layer::Linear(linear), Precision::F32) => {
                linear.gradient(level, iter::once((x, dy)), 0..linear.inputs + 1, gradient);
            }
            (Layer::Conv(conv), Precision::Bf16) => conv.gradient_packed(level, x, dy, gradient, scratch),
            (Layer::Conv(conv), Precision::F32) => conv.gradient(level, x, dy, gradient, scratch),
            _ => {}
        }
    }

    /// Fills the gradient of what goes into a layer, and that of a batch normalisation's parameters.
    fn input_gradient(
        &self,
        index: usize,
        weights: Weights<'_>,
        block: &mut Block,
        key: u64,
        gradient: &mut [f32],
    ) {
        let (images, level) = (block.labels.len(), block.level);
        let x = self.layer_input(index, images, &block.pixels, &block.outputs);
        let (before, after) = block.gradients.split_at_mut(index);
        let output = &mut before[index - 1];
        if self.layers[index].changes_in_place() {
            mem::swap(output, &mut after[0]); // what dx is made of
        }
        let (dx, dy) = (&mut output[..x.len()], &after[0][..images * self.widths[index]]);
        let (parameters, prepared) =
            (&weights.parameters[self.ranges[index].clone()], &weights.prepared[index]);
        match self.layers[index] {
            Layer::Linear(linear) if prepared.has_packed_turned() => {
                linear.as_convolution(images).backward(level, prepared, dy, dx, &mut block.scratch);
            }
            Layer::Linear(linear) => linear.backward(level, parameters, dy, dx),
            Layer::Conv(conv) => conv.backward(level, prepared, dy, dx, &mut block.scratch),
            Layer::Crop(crop) => crop.backward(dy, dx),
            Layer::MaxPool(windows) => {
                pooling::maximum_backward(level, windows, x, &block.outputs[index][..dy.len()], dy, dx);
            }
            Layer::AveragePool(windows) => pooling::average_backward(level, windows, dy, dx),
            Layer::BatchNorm(batch_norm) => {
                let statistics = &block.measured[self.statistics[index].clone()];
                let gradients = LayerGradients { dy, dx, parameters: gradient };
                let by = Normalization { parameters, statistics };
                batch_norm.backward(level, by, x, gradients, &mut block.channel_constants);
            }
            Layer::Relu => relu::backward_in_place(level, x, dx),
            Layer::Dropout(probability) => {
                dropout::apply(level, probability, layer_key(key, index), dx);
            }
            Layer::Flatten => {}
            Layer::Add { .. } => dx.copy_from_slice(dy),
        }
    }

    /// What a residual adds gets its gradient once the residual's own layers are done, of which layer `index` is the
    /// first.
    fn add_residual_gradients(&self, index: usize, block: &mut Block) {
        let (before, after) = block.gradients.split_at_mut(index);
        let dx = &mut before[index - 1][..block.labels.len() * self.widths[index - 1]];
        let ends = self.layers.iter().enumerate().skip(index);
        for (end, _) in ends.filter(|(_, layer)| **layer == Layer::Add { from: index - 1 }) {
            add_rows(block.level, dx, &after[end - index][..dx.len()]);
        }
    }

    /// Fills ∂loss/∂y of every layer of a fully connected network, after [`forward`](Self::forward); the first layer's goes to
    /// `first_gradient`. `weight` is what each example counts: 1 / batch size for the mean loss.
    /// Nothing needs the gradient of the pixels, so it is not computed.
    pub fn backward(&self, parameters: &[f32], block: &mut Block, first_gradient: &mut [f32], weight: f32) {
        let (images, level) = (block.labels.len(), block.level);
        let (last, classes) = (self.layers.len() - 1, block.classes);
        let dlogits = if last == 0 { &mut *first_gradient } else { &mut block.gradients[last][..] };
        let probabilities = &block.probabilities[..images * classes];
        let dlogits = &mut dlogits[..images * classes];
        let targets = targets(&block.targets, &block.labels, block.label_smoothing);
        softmax::backward(level, classes, probabilities, targets, weight, dlogits);
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
                _ => unreachable!("a fully connected network"),
            }
        }
    }

    /// The gradient of one tile's parameters, summed over the images of a batch in their order.
    pub fn gradient(&self, level: Level, tile: &Tile, pass: BatchPass<'_>, gradient: &mut [f32]) {
        let BatchPass { shards, blocks, first_gradient } = pass;
        let Layer::Linear(linear) = self.layers[tile.layer] else { unreachable!("a tile has parameters") };
        if tile.layer == 0 {
            let pixels = shards.iter().map(|shard| &shard.pixels);
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
