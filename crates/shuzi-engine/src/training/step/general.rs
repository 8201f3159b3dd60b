//! Training of any network: each block of the batch goes all the way forward and backward on one thread, with
//! a gradient of its own; then these are added in the order of the blocks, and the parameters are
//! moved. A block is a ghost batch, whose size is the recipe's, so that nothing depends on the number of threads.
//!
//! In: a network and a batch. Out: the batch's loss, the moved parameters, and the network's statistics, which follow
//! the batch's.

use crate::{
    kernels::{Level, Numbers, Processor, product::add_rows, team::Team, zeros},
    network::{Architecture, Block, Network, Precision, Prepared, Weights},
    recipe::TrainingRecipe,
    training::{
        epoch::Batch,
        optimizer::{SLICES, WeightUpdate},
        random::{Purpose, key},
        statistics::Moments,
        step::BatchScore,
    },
};
use std::ops::Range;

/// Everything a step writes to, made once.
pub(in crate::training) struct GeneralTrainer {
    level: Level,
    /// What the processor multiplies, if it can do as it is asked.
    precision: Precision,
    seed: u64,
    /// Images of a block.
    block_size: usize,
    /// For each layer its weights.
    prepared: Vec<Prepared>,
    /// One for each thread.
    workspaces: Vec<Block>,
    /// What each block of the batch gave.
    results: Vec<BlockResult>,
    /// Parts of the parameters.
    pieces: Vec<Range<usize>>,
    gradient: Numbers,
    /// What the blocks of a batch have measured.
    moments: Moments,
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

impl BlockResult {
    fn new(architecture: &Architecture) -> Self {
        BlockResult {
            images: 0,
            gradient: zeros(architecture.parameter_count()),
            statistics: zeros(architecture.statistic_count()),
            loss: 0.0,
            correct: 0,
        }
    }
}

impl GeneralTrainer {
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
        let precision = recipe.precision.available(level);
        let workspace = || {
            Block::new(architecture, level, block_size)
                .with_label_smoothing(recipe.label_smoothing)
                .with_precision(precision)
        };
        let pieces = (0..parameters).step_by(PIECE).map(|start| start..parameters.min(start + PIECE));
        let blocks = batch_size.div_ceil(block_size);
        GeneralTrainer {
            level,
            precision,
            seed: recipe.seed,
            block_size,
            prepared: vec![Prepared::default(); architecture.layers().len()],
            workspaces: (0..threads).map(|_| workspace()).collect(),
            results: (0..blocks).map(|_| BlockResult::new(architecture)).collect(),
            pieces: pieces.collect(),
            gradient: zeros(parameters),
            moments: Moments::new(architecture),
        }
    }

    /// Each block's loss and gradient.
    pub fn forward_backward(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        step: u64,
        team: &mut Team<'_>,
    ) -> BatchScore {
        let architecture = network.architecture();
        let (weight, key) = (1.0 / batch.indices.len() as f32, key(self.seed, Purpose::Dropout, step));
        let results = self.for_each_block(network, batch, team, |index, weights, block, result| {
            let key = key.wrapping_add((index as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03)); // odd, far apart
            architecture.forward_and_backward(weights, block, weight, key, &mut result.gradient);
        });
        let loss: f32 = results.iter().map(|result| result.loss).sum();
        let correct: usize = results.iter().map(|result| result.correct).sum();
        BatchScore::new(batch.indices.len(), loss, correct)
    }

    /// Adds the statistics of `batch` as training would measure them to `moments`.
    pub fn measure(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        moments: &mut Moments,
        team: &mut Team<'_>,
    ) {
        let architecture = network.architecture();
        let key = key(self.seed, Purpose::Measure, moments.images() as u64);
        let results = self.for_each_block(network, batch, team, |_, weights, block, _| {
            architecture.measure(weights, block, key);
        });
        add_moments(moments, architecture, results);
    }

    /// Calls `work` for each block of the batch, loaded, and keeps what it gave.
    fn for_each_block(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        team: &mut Team<'_>,
        work: impl Fn(usize, Weights<'_>, &mut Block, &mut BlockResult) + Sync,
    ) -> &[BlockResult] {
        let (architecture, level, precision) = (network.architecture(), self.level, self.precision);
        team.for_each(&mut self.prepared, |layer, prepared| {
            architecture.prepare(layer, level, precision, network.parameters(), prepared);
        });
        let weights = Weights { parameters: network.parameters(), prepared: &self.prepared };
        let block_size = self.block_size;
        let scale = architecture.pixel_scale().factor();
        let results = &mut self.results[..batch.indices.len().div_ceil(block_size)];
        team.for_each_with_workspace(results, &mut self.workspaces, |index, result, block| {
            let batch = batch.part(index, block_size);
            block.set_labels(batch.labels());
            block.set_targets(batch.targets);
            block.set_pixels(batch.data.images_at(batch.indices), scale);
            work(index, weights, block, result);
            result.images = batch.indices.len();
            result.statistics.copy_from_slice(block.measured());
            result.loss = block.losses().iter().sum();
            result.correct = block.correct();
        });
        results
    }

    /// Adds the blocks' gradients, moves the parameters, and lets the network's statistics follow the batch's.
    pub fn update(
        &mut self,
        network: &mut Network,
        mut update: WeightUpdate<'_>,
        batch: Batch<'_>,
        team: &mut Team<'_>,
    ) {
        let (level, pieces) = (self.level, &self.pieces);
        let results = &self.results[..batch.indices.len().div_ceil(self.block_size)];
        let (_, parameters, _) = network.parts_mut();
        let add = |piece: &Range<usize>, gradient: &mut [f32]| {
            gradient.copy_from_slice(&results[0].gradient[piece.clone()]);
            for result in &results[1..] {
                add_rows(level, gradient, &result.gradient[piece.clone()]);
            }
        };
        if update.needs_norm() {
            // Nothing may move before all gradients are known.
            team.for_each_piece([&mut self.gradient], pieces, |index, [gradient]| {
                add(&pieces[index], gradient);
            });
            update.move_clipped(level, parameters, &mut self.gradient, pieces, team);
        } else {
            let (step, slices) = update.split(parameters, &mut self.gradient);
            team.for_each_piece(slices, pieces, |index, slices: [&mut [f32]; SLICES]| {
                add(&pieces[index], slices[1]);
                step.update(level, slices);
            });
        }
        self.update_statistics(network, batch);
    }

    /// Lets the network's statistics follow those of the batch.
    fn update_statistics(&mut self, network: &mut Network, batch: Batch<'_>) {
        /// How far the statistics go towards those of a batch in a step.
        const MOMENTUM: f64 = 0.1;
        let results = &self.results[..batch.indices.len().div_ceil(self.block_size)];
        self.moments.clear();
        add_moments(&mut self.moments, network.architecture(), results);
        self.moments.move_statistics(network, MOMENTUM);
    }
}

/// Adds what blocks have measured, each weighted by its images.
fn add_moments(moments: &mut Moments, architecture: &Architecture, results: &[BlockResult]) {
    for result in results {
        moments.add(architecture, &result.statistics, result.images);
    }
}
