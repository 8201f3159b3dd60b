//! Training of a fully connected network. A step has three parts: the first layer sums over the halves of the
//! batch's images, blocks of the batch go the rest of the way forward and backward, then each tile of the
//! parameters gets its gradient and is moved. Each is shared out among the threads so that no sum
//! depends on how many there are.

use super::{
    Batch, Optimizer,
    optimizer::{SLICES, Step},
};
use crate::{
    kernels::{Level, Numbers, Processor, team::Team, zeros},
    network::{Architecture, Block, Half, Network, Tile},
    recipe::TrainingRecipe,
};
use std::ops::Range;

/// Everything a training step writes to, made once.
///
/// How a batch and the parameters are cut depends on the number of threads, the result does
/// not: what a layer computes for an image does not depend on the image's block, and every
/// gradient is summed image after image in the order of the batch.
pub(super) struct ByHalves {
    level: Level,
    /// Images of a block.
    block_size: usize,
    /// Images of a half: those of some blocks.
    half_size: usize,
    /// All upper halves, then all lower ones.
    halves: Vec<Half>,
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

impl ByHalves {
    pub fn new(
        recipe: &TrainingRecipe,
        architecture: &Architecture,
        processor: Processor,
        batch_size: usize,
    ) -> Self {
        /// Images of a half and of a block at most, so that the first layer's sums stay in the first
        /// cache, and what a block leaves in all layers in the second.
        const MAX_HALF: usize = 128;
        const MAX_BLOCK: usize = 64;
        let Processor { threads, level } = processor;
        // As many halves and blocks as all threads can share out evenly.
        let half_pairs = batch_size.div_ceil(MAX_HALF).next_multiple_of(threads.div_ceil(2));
        let blocks_per_half =
            (batch_size.div_ceil(half_pairs).div_ceil(MAX_BLOCK)).max(threads.div_ceil(half_pairs));
        let block_size = batch_size.div_ceil(half_pairs * blocks_per_half);
        let half_size = block_size * blocks_per_half;
        let (block_count, half_pairs) = (batch_size.div_ceil(block_size), batch_size.div_ceil(half_size));
        let shares = architecture.shares(threads);
        let halves = (0..2 * half_pairs).map(|i| Half::new(architecture, level, i / half_pairs, half_size));
        let halves: Vec<Half> = halves.collect();
        let mut end = 0;
        let share_ranges = shares.iter().map(|share| {
            let start = end;
            end = share.last().map_or(start, |tile| tile.range.end);
            start..end
        });
        let share_ranges = share_ranges.collect();
        let tiles = shares.concat();
        ByHalves {
            level,
            block_size,
            half_size,
            halves,
            blocks: (0..block_count)
                .map(|_| {
                    Block::new(architecture, level, block_size).with_label_smoothing(recipe.label_smoothing)
                })
                .collect(),
            first_gradient: zeros(batch_size * architecture.first_width()),
            shares,
            share_ranges,
            tile_ranges: tiles.iter().map(|tile| tile.range.clone()).collect(),
            tiles,
            gradient: zeros(architecture.parameter_count()),
        }
    }

    /// The first part of a step: the first layer's sums over each half of the batch's images.
    pub fn begin(&mut self, network: &Network, batch: Batch<'_>, next: Batch<'_>, team: &mut Team<'_>) {
        let (architecture, half_size) = (network.architecture(), self.half_size);
        let parts = self.halves.len() / 2;
        team.for_each(&mut self.halves, |index, half| {
            let [images, upcoming] = [batch, next].map(|batch| batch.images(index % parts, half_size));
            half.load(images);
            let weights = &network.parameters()[architecture.half_range(half)];
            architecture.forward_half(weights, half, upcoming);
        });
    }

    /// The second part. Mean loss of the batch, and the fraction of it read right. Leaves in the
    /// blocks what [`update`](Self::update) needs.
    pub fn forward_and_backward(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        team: &mut Team<'_>,
    ) -> (f32, f32) {
        let (architecture, parameters) = (network.architecture(), network.parameters());
        let count = batch.indices.len();
        let (block_size, half_size, example_weight) = (self.block_size, self.half_size, 1.0 / count as f32);
        let (upper, lower) = self.halves.split_at(self.halves.len() / 2);
        let blocks = &mut self.blocks[..count.div_ceil(block_size)];
        let width = architecture.first_width();
        let first_gradient = &mut self.first_gradient[..count * width];
        team.for_each_with_piece(
            blocks,
            first_gradient,
            block_size * width,
            |index, block, first_gradient| {
                let first = index * block_size;
                let Batch { data, indices, targets } = batch.part(index, block_size);
                block.set_labels(indices.iter().map(|&index| data.labels()[index as usize]));
                block.set_targets(targets);
                let halves = [upper, lower].map(|halves| &halves[first / half_size]);
                architecture.forward(parameters, halves, first % half_size, block);
                architecture.backward(parameters, block, first_gradient, example_weight);
            },
        );
        let losses = blocks.iter().flat_map(Block::losses);
        let loss_sum: f32 = losses.sum();
        let correct: usize = blocks.iter().map(Block::correct).sum();
        (loss_sum * example_weight, correct as f32 * example_weight)
    }

    /// The third part: each tile of the parameters gets its gradient and is moved. Then the first
    /// part of the next step. In a small batch one or two threads need not meet in between: each has
    /// just moved the weights of the half that it goes on with, and they are still in its cache.
    pub fn update(
        &mut self,
        network: &mut Network,
        optimizer: &mut Optimizer,
        step: Step,
        batch: Batch<'_>,
        [next, after_next]: [Batch<'_>; 2],
        team: &mut Team<'_>,
    ) {
        let blocks = &self.blocks[..batch.indices.len().div_ceil(self.block_size)];
        let (level, half_size) = (self.level, self.half_size);
        let (architecture, parameters, _) = network.parts_mut();
        let first_gradient = &self.first_gradient[..batch.indices.len() * architecture.first_width()];
        if step.needs_norm() {
            // Nothing may move before all gradients are known.
            let (tiles, halves) = (&self.tiles, &self.halves);
            team.for_each_piece([&mut self.gradient], &self.tile_ranges, |index, [gradient]| {
                architecture.gradient(level, &tiles[index], halves, first_gradient, blocks, gradient);
            });
            optimizer.move_clipped(step, level, parameters, &mut self.gradient, &self.tile_ranges, team);
            return self.begin(network, next, after_next, team);
        }
        let slices = optimizer.slices(parameters, &mut self.gradient);
        let move_tile = |tile: &Tile, halves: &[Half], slices: [&mut [f32]; SLICES]| {
            architecture.gradient(level, tile, halves, first_gradient, blocks, slices[1]);
            step.update(level, slices);
        };
        if team.threads() > 2 || self.halves.len() > 2 {
            let (tiles, halves) = (&self.tiles, &self.halves);
            team.for_each_piece(slices, &self.tile_ranges, |index, slices| {
                move_tile(&tiles[index], halves, slices);
            });
            return self.begin(network, next, after_next, team);
        }
        let (shares, ranges) = (&self.shares, &self.share_ranges);
        team.for_each_dealt_piece(&mut self.halves, slices, ranges, |index, halves, mut slices| {
            let inside =
                |range: Range<usize>| range.start - ranges[index].start..range.end - ranges[index].start;
            for tile in &shares[index] {
                let slices = slices.each_mut().map(|slice| match slice.len() {
                    0 => &mut [][..],
                    _ => &mut slice[inside(tile.range.clone())],
                });
                move_tile(tile, halves, slices);
            }
            for half in halves {
                let weights = &slices[0][inside(architecture.half_range(half))];
                half.load(next.images(0, half_size));
                architecture.forward_half(weights, half, after_next.images(0, half_size));
            }
        });
    }
}
