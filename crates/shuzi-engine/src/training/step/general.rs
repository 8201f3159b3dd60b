//! Training of any network: each block of the batch goes all the way forward and backward on one thread, with
//! a gradient of its own; then these are added in the order of the blocks, and the parameters are
//! moved. A block is a ghost batch, whose size is the recipe's, so that nothing depends on the number of threads.
//!
//! In: a network and a batch. Out: the batch's loss, the moved parameters, and the network's statistics, which follow
//! the batch's.

use crate::{
    kernels::{Level, Processor, team::Team},
    network::{Architecture, Block, Network, Precision, Prepared, Weights},
    recipe::TrainingRecipe,
    training::{
        epoch::Batch,
        optimizer::WeightUpdate,
        random::{Purpose, key},
        statistics::Moments,
        step::{
            BatchScore,
            results::{BlockResult, BlockResults, add_moments},
        },
    },
};

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
    results: BlockResults,
}

impl GeneralTrainer {
    pub fn new(
        recipe: &TrainingRecipe,
        architecture: &Architecture,
        processor: Processor,
        batch_size: usize,
    ) -> Self {
        let Processor { threads, level } = processor;
        let block_size = recipe.ghost_batch.min(batch_size);
        let precision = recipe.precision.available(level);
        let workspace = || {
            Block::new(architecture, level, block_size)
                .with_label_smoothing(recipe.label_smoothing)
                .with_precision(precision)
        };
        GeneralTrainer {
            level,
            precision,
            seed: recipe.seed,
            block_size,
            prepared: vec![Prepared::default(); architecture.layers().len()],
            workspaces: (0..threads).map(|_| workspace()).collect(),
            results: BlockResults::new(architecture, level, batch_size.div_ceil(block_size)),
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
        let results = &mut self.results.blocks[..batch.indices.len().div_ceil(block_size)];
        team.for_each_with_workspace(results, &mut self.workspaces, |index, result, block| {
            let batch = batch.part(index, block_size);
            block.set_labels(batch.labels());
            block.set_targets(batch.targets);
            block.set_pixels(batch.data.images_at(batch.indices), scale);
            work(index, weights, block, result);
            result.examples = batch.indices.len();
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
        update: WeightUpdate<'_>,
        batch: Batch<'_>,
        team: &mut Team<'_>,
    ) {
        /// How far the statistics go towards those of a batch in a step.
        const MOMENTUM: f64 = 0.1;
        let blocks = batch.indices.len().div_ceil(self.block_size);
        self.results.update(network, update, blocks, MOMENTUM, team);
    }
}
