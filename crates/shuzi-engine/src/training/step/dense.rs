//! Training of a fully connected network. A step has three parts: the first layer sums over the input shards (the upper and
//! the lower half of every image), blocks of the batch go the rest of the way forward and backward, then each tile of the
//! parameters gets its gradient and is moved. Each is shared out among the threads so that no sum
//! depends on how many there are.
//!
//! In: a network and a batch, and the batches behind it. Out: the batch's loss, the moved parameters, and the first part
//! of the next step, already done.

use crate::{
    kernels::{Level, Numbers, Processor, team::Team, zeros},
    network::{Architecture, BatchPass, Block, InputShard, Network, Tile},
    recipe::TrainingRecipe,
    training::{
        epoch::Batch,
        optimizer::{SLICES, WeightUpdate},
        step::BatchScore,
    },
};
use std::ops::Range;

/// Everything a training step writes to, made once.
///
/// How a batch and the parameters are cut depends on the number of threads, the result does
/// not: what a layer computes for an image does not depend on the image's block, and every
/// gradient is summed image after image in the order of the batch.
pub(in crate::training) struct DenseTrainer {
    level: Level,
    cut: BatchCut,
    /// All upper halves, then all lower ones.
    shards: Vec<InputShard>,
    /// Whether the shards have the first layer's sums of the next batch.
    is_first_layer_done: bool,
    blocks: Vec<Block>,
    /// ∂loss/∂y of the first layer, `[batch, outputs]`.
    first_gradient: Numbers,
    /// The parts of the parameters, see [`Architecture::shares`], and where they lie.
    shares: Vec<Vec<Tile>>,
    share_ranges: Vec<Range<usize>>,
    /// All tiles of these in order, and where they lie.
    tiles: Vec<Tile>,
    tile_ranges: Vec<Range<usize>>,
    gradient: Numbers,
}

/// How a batch is cut.
#[derive(Clone, Copy)]
struct BatchCut {
    /// Images of a block.
    block_size: usize,
    /// Images of an input shard: those of some blocks.
    shard_size: usize,
}

impl BatchCut {
    fn new(batch_size: usize, threads: usize) -> Self {
        /// Images of a shard and of a block at most, so that the first layer's sums stay in the first
        /// cache, and what a block leaves in all layers in the second.
        const MAX_SHARD: usize = 128;
        const MAX_BLOCK: usize = 64;
        // As many shards and blocks as all threads can share out evenly.
        let shard_pairs = batch_size.div_ceil(MAX_SHARD).next_multiple_of(threads.div_ceil(2));
        let blocks_per_shard =
            (batch_size.div_ceil(shard_pairs).div_ceil(MAX_BLOCK)).max(threads.div_ceil(shard_pairs));
        let block_size = batch_size.div_ceil(shard_pairs * blocks_per_shard);
        BatchCut { block_size, shard_size: block_size * blocks_per_shard }
    }
}

impl DenseTrainer {
    pub fn new(
        recipe: &TrainingRecipe,
        architecture: &Architecture,
        processor: Processor,
        batch_size: usize,
    ) -> Self {
        let Processor { threads, level } = processor;
        let cut = BatchCut::new(batch_size, threads);
        let shard_pairs = batch_size.div_ceil(cut.shard_size);
        let shard = |i| InputShard::new(architecture, level, i / shard_pairs, cut.shard_size);
        let block =
            || Block::new(architecture, level, cut.block_size).with_label_smoothing(recipe.label_smoothing);
        let shares = architecture.shares(threads);
        let tiles = shares.concat();
        DenseTrainer {
            level,
            cut,
            shards: (0..2 * shard_pairs).map(shard).collect(),
            is_first_layer_done: false,
            blocks: (0..batch_size.div_ceil(cut.block_size)).map(|_| block()).collect(),
            first_gradient: zeros(batch_size * architecture.first_width()),
            share_ranges: ranges(&shares),
            shares,
            tile_ranges: tiles.iter().map(|tile| tile.range.clone()).collect(),
            tiles,
            gradient: zeros(architecture.parameter_count()),
        }
    }

    /// The first part of a step: the first layer's sums over each shard of the batch.
    fn forward_first_layer(&mut self, network: &Network, batch: Batch<'_>, team: &mut Team<'_>) {
        let (architecture, shard_size) = (network.architecture(), self.cut.shard_size);
        let parts = self.shards.len() / 2;
        team.for_each(&mut self.shards, |index, shard| {
            let [images, upcoming] =
                [batch, batch.next()].map(|batch| batch.images(index % parts, shard_size));
            shard.load(images);
            let weights = &network.parameters()[architecture.shard_range(shard)];
            architecture.forward_shard(weights, shard, upcoming);
        });
        self.is_first_layer_done = !batch.indices.is_empty();
    }

    /// The first part, unless the step before has done it, and the second. Leaves in the blocks what
    /// [`update`](Self::update) needs.
    pub fn forward_backward(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        team: &mut Team<'_>,
    ) -> BatchScore {
        if !self.is_first_layer_done {
            self.forward_first_layer(network, batch, team);
        }
        let (architecture, parameters) = (network.architecture(), network.parameters());
        let count = batch.indices.len();
        let (BatchCut { block_size, shard_size }, example_weight) = (self.cut, 1.0 / count as f32);
        let (upper, lower) = self.shards.split_at(self.shards.len() / 2);
        let blocks = &mut self.blocks[..count.div_ceil(block_size)];
        let width = architecture.first_width();
        let first_gradient = &mut self.first_gradient[..count * width];
        team.for_each_with_piece(
            blocks,
            first_gradient,
            block_size * width,
            |index, block, first_gradient| {
                let first = index * block_size;
                let batch = batch.part(index, block_size);
                block.set_labels(batch.labels());
                block.set_targets(batch.targets);
                let shards = [upper, lower].map(|shards| &shards[first / shard_size]);
                architecture.forward(parameters, shards, first % shard_size, block);
                architecture.backward(parameters, block, first_gradient, example_weight);
            },
        );
        let losses = blocks.iter().flat_map(Block::losses);
        let loss_sum: f32 = losses.sum();
        let correct: usize = blocks.iter().map(Block::correct).sum();
        BatchScore::new(count, loss_sum, correct)
    }

    /// The third part: each tile of the parameters gets its gradient and is moved. Then the first
    /// part of the next step.
    pub fn update(
        &mut self,
        network: &mut Network,
        mut update: WeightUpdate<'_>,
        batch: Batch<'_>,
        team: &mut Team<'_>,
    ) {
        if !update.needs_norm() && team.threads() <= 2 && self.shards.len() <= 2 {
            return self.update_and_go_on(network, update, batch, team);
        }
        let blocks = &self.blocks[..batch.indices.len().div_ceil(self.cut.block_size)];
        let (architecture, parameters, _) = network.parts_mut();
        let first_gradient = &self.first_gradient[..batch.indices.len() * architecture.first_width()];
        let (level, tiles, ranges) = (self.level, &self.tiles, &self.tile_ranges);
        let pass = BatchPass { shards: &self.shards, blocks, first_gradient };
        if update.needs_norm() {
            // Nothing may move before all gradients are known.
            team.for_each_piece([&mut self.gradient], ranges, |index, [gradient]| {
                architecture.gradient(level, &tiles[index], pass, gradient);
            });
            update.move_clipped(level, parameters, &mut self.gradient, ranges, team);
        } else {
            let (step, slices) = update.split(parameters, &mut self.gradient);
            team.for_each_piece(slices, ranges, |index, slices: [&mut [f32]; SLICES]| {
                architecture.gradient(level, &tiles[index], pass, slices[1]);
                step.update(level, slices);
            });
        }
        self.forward_first_layer(network, batch.next(), team);
    }

    /// The third part, and the first one of the next step. In a small batch one or two threads need not meet in between:
    /// each has just moved the weights of the shard that it goes on with, and they are still in its cache.
    fn update_and_go_on(
        &mut self,
        network: &mut Network,
        mut update: WeightUpdate<'_>,
        batch: Batch<'_>,
        team: &mut Team<'_>,
    ) {
        let blocks = &self.blocks[..batch.indices.len().div_ceil(self.cut.block_size)];
        let (level, shard_size, next) = (self.level, self.cut.shard_size, batch.next());
        let (architecture, parameters, _) = network.parts_mut();
        let first_gradient = &self.first_gradient[..batch.indices.len() * architecture.first_width()];
        let (step, slices) = update.split(parameters, &mut self.gradient);
        let (shares, ranges) = (&self.shares, &self.share_ranges);
        team.for_each_dealt_piece(&mut self.shards, slices, ranges, |index, shards, mut slices| {
            let inside =
                |range: Range<usize>| range.start - ranges[index].start..range.end - ranges[index].start;
            let pass = BatchPass { shards, blocks, first_gradient };
            for tile in &shares[index] {
                let slices: [&mut [f32]; SLICES] = slices.each_mut().map(|slice| match slice.len() {
                    0 => &mut [][..],
                    _ => &mut slice[inside(tile.range.clone())],
                });
                architecture.gradient(level, tile, pass, slices[1]);
                step.update(level, slices);
            }
            for shard in shards {
                let weights = &slices[0][inside(architecture.shard_range(shard))];
                shard.load(next.images(0, shard_size));
                architecture.forward_shard(weights, shard, next.next().images(0, shard_size));
            }
        });
        self.is_first_layer_done = !next.indices.is_empty();
    }
}

/// Where shares of the parameters lie, one behind the other.
fn ranges(shares: &[Vec<Tile>]) -> Vec<Range<usize>> {
    let mut end = 0;
    let ranges = shares.iter().map(|share| {
        let start = end;
        end = share.last().map_or(start, |tile| tile.range.end);
        start..end
    });
    ranges.collect()
}
