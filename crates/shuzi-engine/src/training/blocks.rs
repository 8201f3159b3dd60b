//! Training of any network: each block of the batch goes all the way forward and backward on one thread, with
//! a gradient of its own; then these are added in the order of the blocks, and the parameters are
//! moved. A block is a ghost batch, whose size is the recipe's, so that nothing depends on the number of threads.

use super::{
    Batch, Optimizer,
    optimizer::{SLICES, Step},
};
use crate::{
    kernels::{Level, Numbers, Processor, product::add_rows, team::Team, zeros},
    network::{Architecture, Block, Network, Precision, Prepared},
    recipe::TrainingRecipe,
};
use std::ops::Range;

/// Everything a step writes to, made once.
pub(super) struct ByBlocks {
    level: Level,
    /// Whether the processor multiplies pairs of bfloat16, and is asked to.
    pairs: bool,
    /// Images of a block.
    block_size: usize,
    /// For each layer its weights.
    prepared: Vec<Prepared>,
    /// One for each thread.
    rooms: Vec<Block>,
    /// What each block of the batch gave.
    results: Vec<BlockResult>,
    /// Parts of the parameters.
    pieces: Vec<Range<usize>>,
    gradient: Numbers,
    /// Mean and mean square of all blocks measured so far.
    moments: Vec<f64>,
}

/// What a block gave.
struct BlockResult {
    images: usize,
    gradient: Numbers,
    /// What batch normalisation has measured.
    statistics: Numbers,
    loss: f32,
    correct: usize,
}

impl ByBlocks {
    pub fn new(
        recipe: &TrainingRecipe,
        architecture: &Architecture,
        processor: Processor,
        batch_size: usize,
    ) -> Self {
        /// Parameters that are moved together.
        const PIECE: usize = 4096;
        let Processor { threads, level } = processor;
        let block_size = recipe.ghost_batch.min(batch_size);
        let parameters = architecture.parameter_count();
        let pairs = recipe.precision == Precision::Bf16 && level.has_pairs();
        let room = || {
            Block::new(architecture, level, block_size)
                .with_label_smoothing(recipe.label_smoothing)
                .with_pairs(pairs)
        };
        let result = || BlockResult {
            images: 0,
            gradient: zeros(parameters),
            statistics: zeros(architecture.statistic_count()),
            loss: 0.0,
            correct: 0,
        };
        ByBlocks {
            level,
            pairs,
            block_size,
            prepared: vec![Prepared::default(); architecture.layers().len()],
            rooms: (0..threads).map(|_| room()).collect(),
            results: (0..batch_size.div_ceil(block_size)).map(|_| result()).collect(),
            pieces: (0..parameters)
                .step_by(PIECE)
                .map(|start| start..parameters.min(start + PIECE))
                .collect(),
            gradient: zeros(parameters),
            moments: vec![0.0; architecture.statistic_count()],
        }
    }

    /// Each block's loss and gradient. Mean loss of the batch, and the fraction of it read right. Dropout
    /// draws by `key`.
    pub fn forward_and_backward(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        key: u64,
        team: &mut Team<'_>,
    ) -> (f32, f32) {
        let (architecture, parameters) = (network.architecture(), network.parameters());
        let weight = 1.0 / batch.indices.len() as f32;
        let results = self.visit(network, batch, team, |index, prepared, block, result| {
            let key = key.wrapping_add((index as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03)); // odd, far apart
            architecture.forward_and_backward(parameters, prepared, block, weight, key, &mut result.gradient);
        });
        let loss: f32 = results.iter().map(|result| result.loss).sum();
        let correct: usize = results.iter().map(|result| result.correct).sum();
        (loss * weight, correct as f32 * weight)
    }

    /// Calls `work` for each block of the batch, loaded, and keeps what it gave.
    fn visit(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        team: &mut Team<'_>,
        work: impl Fn(usize, &[Prepared], &mut Block, &mut BlockResult) + Sync,
    ) -> &[BlockResult] {
        let (architecture, level, pairs) = (network.architecture(), self.level, self.pairs);
        team.for_each(&mut self.prepared, |layer, prepared| {
            architecture.prepare(layer, level, pairs, network.parameters(), prepared);
        });
        let prepared = &self.prepared;
        let block_size = self.block_size;
        let scale = architecture.pixel_scale().factor();
        let results = &mut self.results[..batch.indices.len().div_ceil(block_size)];
        team.for_each_in_room(results, &mut self.rooms, |index, result, block| {
            let Batch { data, indices, targets } = batch.part(index, block_size);
            block.set_labels(indices.iter().map(|&index| data.labels()[index as usize]));
            block.set_targets(targets);
            block.set_pixels(data.images_at(indices), scale);
            work(index, prepared, block, result);
            result.images = indices.len();
            result.statistics.copy_from_slice(block.measured());
            result.loss = block.losses().iter().sum();
            result.correct = block.correct();
        });
        results
    }

    /// Adds the blocks' gradients, moves the parameters, and follows the batch's statistics.
    pub fn update(
        &mut self,
        network: &mut Network,
        optimizer: &mut Optimizer,
        step: Step,
        batch: Batch<'_>,
        team: &mut Team<'_>,
    ) {
        /// How far the statistics go towards those of a batch in a step.
        const MOMENTUM: f64 = 0.1;
        let (level, pieces) = (self.level, &self.pieces);
        let results = &self.results[..batch.indices.len().div_ceil(self.block_size)];
        let (_, parameters, _) = network.parts_mut();
        let add = |piece: &Range<usize>, gradient: &mut [f32]| {
            gradient.copy_from_slice(&results[0].gradient[piece.clone()]);
            for result in &results[1..] {
                add_rows(level, gradient, &result.gradient[piece.clone()]);
            }
        };
        if step.needs_norm() {
            // Nothing may move before all gradients are known.
            team.for_each_piece([&mut self.gradient], pieces, |index, [gradient]| {
                add(&pieces[index], gradient);
            });
            optimizer.move_clipped(step, level, parameters, &mut self.gradient, pieces, team);
        } else {
            let slices = optimizer.slices(parameters, &mut self.gradient);
            team.for_each_piece(slices, pieces, |index, slices: [&mut [f32]; SLICES]| {
                add(&pieces[index], slices[1]);
                step.update(level, slices);
            });
        }
        self.forget_moments();
        let images = self.add_moments(network.architecture(), batch);
        self.follow(network, images, MOMENTUM);
    }

    /// Measures the statistics of `batch` as training would, and adds them to those of earlier calls; see
    /// [`set_statistics`](Self::set_statistics). Returns how many images these are.
    pub fn measure(&mut self, network: &Network, batch: Batch<'_>, key: u64, team: &mut Team<'_>) -> usize {
        let (architecture, parameters) = (network.architecture(), network.parameters());
        self.visit(network, batch, team, |_, prepared, block, _| {
            architecture.measure(parameters, prepared, block, key);
        });
        self.add_moments(architecture, batch)
    }

    /// Forgets what was [measured](Self::measure).
    pub fn forget_moments(&mut self) {
        self.moments.fill(0.0);
    }

    /// Replaces the network's statistics by those measured of so many images.
    pub fn set_statistics(&self, network: &mut Network, images: usize) {
        self.follow(network, images, 1.0);
    }

    /// Adds means and mean squares of the blocks, each weighted by its images.
    fn add_moments(&mut self, architecture: &Architecture, batch: Batch<'_>) -> usize {
        let results = &self.results[..batch.indices.len().div_ceil(self.block_size)];
        for result in results {
            for range in architecture.statistic_ranges() {
                let (mean, variance) = result.statistics[range.clone()].split_at(range.len() / 2);
                let (means, squares) = self.moments[range.clone()].split_at_mut(range.len() / 2);
                let images = result.images as f64;
                for i in 0..mean.len() {
                    let mean = f64::from(mean[i]);
                    means[i] += images * mean;
                    squares[i] += images * (f64::from(variance[i]) + mean * mean);
                }
            }
        }
        batch.indices.len()
    }

    /// Moves the network's statistics by a fraction `rate` of the way to those measured of so many images.
    fn follow(&self, network: &mut Network, images: usize, rate: f64) {
        let (architecture, _, statistics) = network.parts_mut();
        for range in architecture.statistic_ranges() {
            let (means, squares) = self.moments[range.clone()].split_at(range.len() / 2);
            let (mean, variance) = statistics[range.clone()].split_at_mut(range.len() / 2);
            for i in 0..mean.len() {
                let [measured, square] = [means[i], squares[i]].map(|sum| sum / images as f64);
                let measured_variance = (square - measured * measured).max(0.0);
                mean[i] = (f64::from(mean[i]) + rate * (measured - f64::from(mean[i]))) as f32;
                let old = f64::from(variance[i]);
                variance[i] = (old + rate * (measured_variance - old)) as f32;
            }
        }
    }
}
