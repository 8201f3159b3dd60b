//! Images on their way through the layers, forward and backward.
//!
//! A fully connected network is worked through in [`InputShard`]s of the picture, then in [`Block`]s, then in
//! tiles of its parameters. Any other network takes each block of images all the way forward and back.

use super::{
    Architecture, Block, InputShard, Layer, Network, Prepared, Tile, dropout, relu,
    softmax::{self, Targets},
};
use crate::{
    image::{DIGITS, NO_DIGIT, PIXELS, most_probable},
    kernels::{
        Level,
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
    /// Where the first layer's weights of the pixels of `half` lie.
    pub fn shard_range(&self, half: &InputShard) -> Range<usize> {
        let pixels = half.pixels.pixels();
        pixels.start * self.widths[0]..pixels.end * self.widths[0]
    }

    /// The first layer's sums over one half of the picture, with its `weights`, see
    /// [`shard_range`](Self::shard_range). On the way `upcoming` images are brought near.
    pub fn forward_shard<'a>(&self, weights: &[f32], half: &mut InputShard, upcoming: impl Images<'a>) {
        let sums = &mut half.sums[..half.pixels.images() * self.widths[0]];
        by_pixel::forward(half.level, &half.pixels, weights, self.widths[0], sums, upcoming);
    }

    /// Fills the logits of a block (and everything before them) from the sums of the upper and the
    /// lower halves, see [`forward_shard`](Self::forward_shard), where its images begin at `first`.
    pub fn forward(&self, parameters: &[f32], halves: [&InputShard; 2], first: usize, block: &mut Block) {
        let linear = self.first();
        let y = &mut block.outputs[0][..block.labels.len() * linear.outputs];
        let sums = halves.map(|half| &half.sums[first * linear.outputs..][..y.len()]);
        linear.join_halves(block.level, &parameters[self.ranges[0].clone()], sums, y);
        self.forward_from(1, Purpose::Read { statistics: &[] }, parameters, &[], block);
        self.judge(block);
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
        let parameters = network.parameters();
        self.first().forward_images(block.level, &parameters[self.ranges[0].clone()], images, y);
        self.forward_from(1, Purpose::Read { statistics: network.statistics() }, parameters, prepared, block);
        self.judge(block);
    }

    /// Fills the logits of a block (and everything before them) from its pixels.
    pub(super) fn read(&self, network: &Network, prepared: &[Prepared], block: &mut Block) {
        let purpose = Purpose::Read { statistics: network.statistics() };
        let (images, alone, together) = (block.labels.len(), self.layers_alone(), self.images_alone());
        for first in (0..images).step_by(together) {
            let part = first..images.min(first + together);
            self.forward_part(0..alone, part, purpose, network.parameters(), prepared, block);
        }
        self.forward_from(alone, purpose, network.parameters(), prepared, block);
        self.judge(block);
    }

    /// The output of every layer from `first` on.
    fn forward_from(
        &self,
        first: usize,
        purpose: Purpose<'_>,
        parameters: &[f32],
        prepared: &[Prepared],
        block: &mut Block,
    ) {
        let images = 0..block.labels.len();
        self.forward_part(first..self.layers.len(), images, purpose, parameters, prepared, block);
    }

    /// What some layers give for some images of a block; but for the last layer's it lies where that of the first
    /// images does. `prepared` are the weights of each layer in other forms, or empty.
    fn forward_part(
        &self,
        layers: Range<usize>,
        part: Range<usize>,
        purpose: Purpose<'_>,
        parameters: &[f32],
        prepared: &[Prepared],
        block: &mut Block,
    ) {
        let as_they_are = Prepared::default();
        let (images, level) = (part.len(), block.level);
        for index in layers.clone() {
            let layer = &self.layers[index];
            let (before, after) = block.outputs.split_at_mut(index);
            if self.is_done_before(index) && before[index - 1].len() == after[0].len() {
                mem::swap(&mut before[index - 1], &mut after[0]);
                continue;
            }
            let x = match before.last() {
                Some(output) => &output[..images * self.widths[index - 1]],
                None => &block.pixels[part.start * PIXELS..][..images * PIXELS],
            };
            let place = if index + 1 == layers.end { part.start } else { 0 };
            let y = &mut after[0][place * self.widths[index]..][..images * self.widths[index]];
            let parameters = &parameters[self.ranges[index].clone()];
            let statistics = self.statistics[index].clone();
            let prepared = prepared.get(index).unwrap_or(&as_they_are);
            match *layer {
                Layer::Linear(linear) if prepared.has_pairs() => {
                    let conv = linear.as_convolution(images);
                    conv.forward(level, parameters, prepared, x, y, &mut block.scratch);
                }
                Layer::Linear(linear) => linear.forward(level, parameters, x, y),
                Layer::Conv(conv) => conv.forward(level, parameters, prepared, x, y, &mut block.scratch),
                Layer::Crop(crop) => crop.forward(x, y),
                Layer::MaxPool(windows) => pooling::maximum(level, windows, x, y),
                Layer::AveragePool(windows) => pooling::average(level, windows, x, y),
                Layer::BatchNorm(batch_norm) => {
                    let statistics = match purpose {
                        Purpose::Read { statistics: measured } => &measured[statistics],
                        Purpose::Train { .. } => {
                            batch_norm.measure(level, x, &mut block.measured[statistics.clone()]);
                            &block.measured[statistics]
                        }
                    };
                    batch_norm.forward(level, parameters, statistics, x, y, &mut block.room);
                }
                Layer::Relu => relu::forward(level, x, y),
                Layer::Dropout(probability) => match purpose {
                    Purpose::Read { .. } => y.copy_from_slice(x),
                    Purpose::Train { key } => {
                        y.copy_from_slice(x);
                        dropout::apply(level, probability, layer_key(key, index), y);
                    }
                },
                Layer::Add { from } => {
                    y.copy_from_slice(x);
                    add_rows(level, y, &before[from][..x.len()]);
                }
                Layer::Flatten => y.copy_from_slice(x),
            }
        }
    }

    /// Probabilities, losses and right readings from the logits.
    pub(super) fn judge(&self, block: &mut Block) {
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
    pub fn measure(&self, parameters: &[f32], prepared: &[Prepared], block: &mut Block, key: u64) {
        self.forward_from(0, Purpose::Train { key }, parameters, prepared, block);
        self.judge(block);
    }

    /// The weights of layer `index` in the forms that a training step multiplies by, in pairs of bfloat16 if
    /// so asked.
    pub fn prepare(
        &self,
        index: usize,
        level: Level,
        pairs: bool,
        parameters: &[f32],
        prepared: &mut Prepared,
    ) {
        let parameters = &parameters[self.ranges[index].clone()];
        match self.layers[index] {
            Layer::Conv(conv) => conv.prepare(level, pairs, parameters, prepared),
            Layer::Linear(linear) if pairs => {
                linear.as_convolution(1).prepare(level, pairs, parameters, prepared);
            }
            _ => {}
        }
    }

    /// The weights of layer `index` in pairs of bfloat16, if it is one that multiplies them.
    pub(super) fn prepare_reading(
        &self,
        index: usize,
        level: Level,
        parameters: &[f32],
        prepared: &mut Prepared,
    ) {
        let parameters = &parameters[self.ranges[index].clone()];
        match self.layers[index] {
            Layer::Conv(conv) => conv.prepare_pairs(level, parameters, prepared),
            Layer::Linear(linear) => linear.as_convolution(1).prepare_pairs(level, parameters, prepared),
            _ => {}
        }
    }

    /// Takes a block all the way forward and back, in training: fills everything in it, and the `gradient`
    /// of all parameters, summed over its images in their order. `weight` is what each example counts;
    /// dropout draws by `key`. Its pixels and labels are set, the weights [prepared](Self::prepare).
    pub fn forward_and_backward(
        &self,
        parameters: &[f32],
        prepared: &[Prepared],
        block: &mut Block,
        weight: f32,
        key: u64,
        gradient: &mut [f32],
    ) {
        self.forward_from(0, Purpose::Train { key }, parameters, prepared, block);
        self.judge(block);
        let (images, level, pairs) = (block.labels.len(), block.level, block.pairs);
        let (last, classes) = (self.layers.len() - 1, block.classes);
        let dlogits = &mut block.gradients[last][..images * classes];
        let probabilities = &block.probabilities[..images * classes];
        let targets = targets(&block.targets, &block.labels, block.label_smoothing);
        softmax::backward(level, classes, probabilities, targets, weight, dlogits);
        for index in (0..=last).rev() {
            let (before, after) = block.gradients.split_at_mut(index);
            let dy = &after[0][..images * self.widths[index]];
            let x = match index {
                0 => &block.pixels[..images * PIXELS],
                _ => &block.outputs[index - 1][..images * self.widths[index - 1]],
            };
            let parameters = &parameters[self.ranges[index].clone()];
            let gradient = &mut gradient[self.ranges[index].clone()];
            match self.layers[index] {
                Layer::Linear(linear) if pairs => {
                    linear.as_convolution(images).gradient(level, pairs, x, dy, gradient, &mut block.scratch);
                }
                Layer::Linear(linear) => {
                    linear.gradient(level, iter::once((x, dy)), 0..linear.inputs + 1, gradient);
                }
                Layer::Conv(conv) => conv.gradient(level, pairs, x, dy, gradient, &mut block.scratch),
                _ => {}
            }
            // Nothing before the first parameter needs a gradient.
            let Some(room) = before.last_mut().filter(|_| self.ranges[index].start > 0) else { break };
            if self.layers[index].changes_in_place() {
                mem::swap(room, &mut after[0]); // what dx is made of
            }
            let (dx, dy) = (&mut room[..x.len()], &after[0][..images * self.widths[index]]);
            match self.layers[index] {
                Layer::Linear(linear) if prepared[index].has_turned_pairs() => {
                    let (conv, scratch) = (linear.as_convolution(images), &mut block.scratch);
                    conv.backward(level, &prepared[index], dy, dx, scratch);
                }
                Layer::Linear(linear) => linear.backward(level, parameters, dy, dx),
                Layer::Conv(conv) => conv.backward(level, &prepared[index], dy, dx, &mut block.scratch),
                Layer::Crop(crop) => crop.backward(dy, dx),
                Layer::MaxPool(windows) => {
                    pooling::maximum_backward(level, windows, x, &block.outputs[index][..dy.len()], dy, dx);
                }
                Layer::AveragePool(windows) => pooling::average_backward(level, windows, dy, dx),
                Layer::BatchNorm(batch_norm) => {
                    let measured = &block.measured[self.statistics[index].clone()];
                    batch_norm.backward(level, parameters, measured, x, dy, dx, gradient, &mut block.room);
                }
                Layer::Relu => relu::backward_in_place(level, x, dx),
                Layer::Dropout(probability) => {
                    dropout::apply(level, probability, layer_key(key, index), dx);
                }
                Layer::Flatten => {}
                Layer::Add { .. } => dx.copy_from_slice(dy),
            }
            // What a residual adds gets its gradient once the residual's own layers are done.
            let ends = self.layers.iter().enumerate().skip(index);
            for (end, _) in ends.filter(|(_, layer)| **layer == Layer::Add { from: index - 1 }) {
                let dy = &after[end - index][..dx.len()];
                add_rows(level, dx, dy);
            }
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
    /// `halves` has at least those of the tile, `first_gradient` is ∂loss/∂y of the first layer for
    /// all images.
    pub fn gradient(
        &self,
        level: Level,
        tile: &Tile,
        halves: &[InputShard],
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
