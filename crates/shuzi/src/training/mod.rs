//! Training: mini-batch gradient descent over a data set, the textbook's loop.
//!
//! In: a [`Recipe`], a network, [`Examples`]. Out: the trained network, and an [`Event`] for
//! every step on the way. A step has three parts: the first layer sums over the halves of the
//! images, blocks of the batch go the rest of the way forward and backward, then each tile of
//! the parameters gets its gradient and is updated. Each is shared out among the threads so
//! that no sum depends on how many there are.

pub mod optimizer;
mod portion;

use self::portion::{Changes, Portion};
pub use self::{optimizer::Optimizer, portion::augmented};
use crate::{
    Rng,
    dataset::{Dataset, synthetic},
    evaluation::{Evaluation, evaluate},
    kernels::{
        Level, Numbers, Processor,
        pixels::Images,
        team::{Team, with_team},
        zeros,
    },
    network::{Block, Half, Network, Tile},
    recipe::{LastBatch, Recipe, TrainingRecipe},
};
use rand::{SeedableRng, seq::SliceRandom};
use std::{
    mem,
    ops::{ControlFlow, Range},
};

/// What chance is drawn for; each purpose has its own stream of the seed.
#[derive(Clone, Copy)]
enum Purpose {
    InitialWeights,
    Split,
    Order,
    Augmentation,
}

/// A generator for one purpose, and for one epoch where that matters.
fn generator(seed: u64, purpose: Purpose, epoch: usize) -> Rng {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2⁶⁴ / golden ratio: spreads small numbers far
    let stream = (purpose as u64).wrapping_mul(1 << 32).wrapping_add(epoch as u64);
    Rng::seed_from_u64(seed ^ stream.wrapping_add(1).wrapping_mul(ODD))
}

/// The network that a recipe starts from.
///
/// # Panics
///
/// If the recipe was changed and not [checked](Recipe::check).
pub fn initial_network(recipe: &Recipe) -> Network {
    let architecture = recipe.architecture().expect("a checked recipe");
    let mut rng = generator(recipe.training.seed, Purpose::InitialWeights, 0);
    Network::random(architecture, recipe.network.initial_weights, &mut rng)
}

/// The examples to train on, and those held out.
pub struct Split {
    /// Indices of the training examples.
    pub training: Vec<u32>,
    /// A copy of the held-out examples, if there are any.
    pub validation: Option<Dataset>,
}

/// Holds `validation` examples out, drawn at random by the seed.
///
/// # Panics
///
/// If no example would be left for training.
pub fn split(data: &Dataset, validation: usize, seed: u64) -> Split {
    assert!(validation < data.len(), "split: {validation} of {} examples held out", data.len());
    let mut training: Vec<u32> = (0..data.len() as u32).collect();
    if validation == 0 {
        return Split { training, validation: None };
    }
    training.shuffle(&mut generator(seed, Purpose::Split, 0));
    let held_out = training.split_off(data.len() - validation);
    Split { training, validation: Some(data.select(&held_out)) }
}

/// The order of the training examples in each epoch.
pub enum Order {
    /// Shuffled anew for each epoch, by the seed.
    Shuffled,
    /// Given: for each epoch the indices in the order used, to replay another program's run.
    Given(Vec<Vec<u32>>),
}

/// What a training learns from.
#[derive(Clone, Copy)]
pub enum Examples<'a> {
    /// Examples that are kept in memory.
    Kept {
        /// Where they are.
        data: &'a Dataset,
        /// Which of them, see [`split`].
        indices: &'a [u32],
        /// In which order.
        order: &'a Order,
    },
    /// Synthetic digits, drawn anew in each epoch, some thousands at a time and in the order of
    /// their numbers: any amount in the same memory.
    Drawn {
        /// The seed of [`synthetic::draw`].
        seed: u64,
        /// How many: those with the numbers 0 to `count - 1`.
        count: usize,
    },
}

impl<'a> Examples<'a> {
    /// The training part of a data set, shuffled for each epoch.
    pub fn shuffled(data: &'a Dataset, split: &'a Split) -> Self {
        Examples::Kept { data, indices: &split.training, order: &Order::Shuffled }
    }

    /// How many an epoch has.
    pub fn count(&self) -> usize {
        match self {
            Examples::Kept { indices, .. } => indices.len(),
            Examples::Drawn { count, .. } => *count,
        }
    }
}

/// What training tells on its way.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step was taken.
    Step(StepReport),
    /// An epoch is over.
    Epoch(EpochReport<'a>),
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step within the epoch, from 0.
    pub iteration: usize,
    /// Examples in the batch.
    pub examples: usize,
    /// Mean cross-entropy over the batch, before the step, in nats.
    pub loss: f32,
    /// Fraction of the batch read right, before the step.
    pub batch_accuracy: f32,
    /// The learning rate of this step.
    pub learning_rate: f32,
}

/// One epoch.
#[derive(Clone, Copy, Debug)]
pub struct EpochReport<'a> {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Mean of the losses of its steps.
    pub mean_loss: f32,
    /// Mean of their batch accuracies.
    pub mean_batch_accuracy: f32,
    /// What the network says of the held-out examples, if there are any.
    pub validation: Option<&'a Evaluation>,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs.
    Finished,
    /// The observer asked to stop.
    Stopped,
}

/// The loss was no longer a number. The network has the last weights that were good.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq)]
#[error("the loss became {loss} in epoch {epoch}, iteration {iteration}")]
pub struct Diverged {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step within the epoch, from 0.
    pub iteration: usize,
    /// The loss: infinite or not a number.
    pub loss: f32,
}

/// How many steps each epoch has.
pub fn steps_per_epoch(recipe: &TrainingRecipe, examples: usize) -> usize {
    let batch_size = recipe.batch_size.of(examples);
    match recipe.last_batch {
        LastBatch::Keep => examples.div_ceil(batch_size),
        LastBatch::Drop => examples / batch_size,
    }
}

/// Trains `network` in place, with `processor`. `observe` hears of every step and
/// epoch, and may stop the training.
///
/// The result depends on recipe, network and examples, not on the number of threads.
///
/// # Errors
///
/// [`Diverged`] when the loss becomes infinite or NaN.
///
/// # Panics
///
/// If there is no thread, an index is behind the last example, or the batch is larger than the
/// training set.
pub fn train(
    recipe: &TrainingRecipe,
    network: &mut Network,
    examples: Examples<'_>,
    validation: Option<&Dataset>,
    processor: Processor,
    observe: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Outcome, Diverged> {
    let count = examples.count();
    let batch_size = recipe.batch_size.of(count);
    assert!((1..=count).contains(&batch_size), "train: batches of {batch_size}");
    let mut run = Run {
        recipe,
        batch_size,
        steps: (steps_per_epoch(recipe, count) * recipe.epochs) as u64,
        steps_done: 0,
        workshop: Workshop::new(recipe, network, processor, batch_size),
        portion: Portion::default(),
        network,
        observe,
    };
    with_team(processor.threads, |team| {
        for epoch in 0..recipe.epochs {
            let mut sums = EpochSums::default();
            let flow = match examples {
                Examples::Kept { data, indices, order } => {
                    let order = epoch_order(order, indices, recipe.seed, epoch);
                    run.take_augmented_steps(data, 0, &order, epoch, &mut sums, team)?
                }
                Examples::Drawn { seed, count } => {
                    run.take_drawn_steps(seed, count, epoch, &mut sums, team)?
                }
            };
            if flow.is_break() {
                return Ok(Outcome::Stopped);
            }
            let validation = validation.map(|data| evaluate(run.network, data, processor));
            let report = EpochReport {
                epoch,
                mean_loss: sums.loss / sums.steps as f32,
                mean_batch_accuracy: sums.batch_accuracy / sums.steps as f32,
                validation: validation.as_ref(),
            };
            if (run.observe)(Event::Epoch(report)).is_break() && epoch + 1 < recipe.epochs {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Finished)
    })
}

/// Sums over the steps of an epoch.
#[derive(Default)]
struct EpochSums {
    steps: usize,
    loss: f32,
    batch_accuracy: f32,
}

/// A training on its way.
struct Run<'a, O> {
    recipe: &'a TrainingRecipe,
    batch_size: usize,
    /// Of all epochs together.
    steps: u64,
    steps_done: u64,
    workshop: Workshop,
    portion: Portion,
    network: &'a mut Network,
    observe: O,
}

impl<O: FnMut(Event<'_>) -> ControlFlow<()>> Run<'_, O> {
    /// One step for each batch of `order`.
    fn take_steps(
        &mut self,
        data: &Dataset,
        order: &[u32],
        epoch: usize,
        sums: &mut EpochSums,
        team: &mut Team<'_>,
    ) -> Result<ControlFlow<()>, Diverged> {
        let count = match self.recipe.last_batch {
            LastBatch::Keep => order.len(),
            LastBatch::Drop => order.len() / self.batch_size * self.batch_size,
        };
        let batches = order[..count].chunks(self.batch_size);
        let batch = |index: usize| Batch { data, indices: batches.clone().nth(index).unwrap_or_default() };
        self.workshop.begin(self.network, batch(0), batch(1), team);
        for index in 0..batches.len() {
            let rate = self.recipe.learning_rate * self.recipe.schedule.factor(self.steps_done, self.steps);
            let (loss, batch_accuracy) = self.workshop.forward_and_backward(self.network, batch(index), team);
            let iteration = sums.steps;
            if !loss.is_finite() {
                *self.network = Network::new(self.network.architecture().clone(), &self.workshop.last_good);
                return Err(Diverged { epoch, iteration, loss });
            }
            self.workshop.remember_good_weights(self.network, self.steps_done);
            let [batch, next, after_next] = [0, 1, 2].map(|ahead| batch(index + ahead));
            self.workshop.update(self.network, batch, rate, [next, after_next], team);
            self.steps_done += 1;
            sums.steps += 1;
            sums.loss += loss;
            sums.batch_accuracy += batch_accuracy;
            let examples = batch.indices.len();
            let step = StepReport { epoch, iteration, examples, loss, batch_accuracy, learning_rate: rate };
            if (self.observe)(Event::Step(step)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// [`take_steps`](Self::take_steps) with the images that the recipe's augmentation makes of them,
    /// if it has one. `first` is the number of the first example of `data`.
    fn take_augmented_steps(
        &mut self,
        data: &Dataset,
        first: usize,
        order: &[u32],
        epoch: usize,
        sums: &mut EpochSums,
        team: &mut Team<'_>,
    ) -> Result<ControlFlow<()>, Diverged> {
        let Some(changes) = Changes::new(self.recipe, epoch, self.workshop.level) else {
            return self.take_steps(data, order, epoch, sums, team);
        };
        let mut portion = mem::take(&mut self.portion);
        for indices in order.chunks(Portion::size(self.batch_size)) {
            let (data, order) = portion.fill(&changes, data, first, indices, team);
            if self.take_steps(data, order, epoch, sums, team)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.portion = portion; // its memory serves the next epoch
        Ok(ControlFlow::Continue(()))
    }

    /// The steps of an epoch of synthetic digits. Only a portion of whole batches is in memory.
    fn take_drawn_steps(
        &mut self,
        seed: u64,
        count: usize,
        epoch: usize,
        sums: &mut EpochSums,
        team: &mut Team<'_>,
    ) -> Result<ControlFlow<()>, Diverged> {
        let portion = Portion::size(self.batch_size);
        for first in (0..count).step_by(portion) {
            let range = first..count.min(first + portion);
            let order: Vec<u32> = (0..range.len() as u32).collect();
            let data = synthetic::generate_range(range, seed, team.threads());
            if self.take_augmented_steps(&data, first, &order, epoch, sums, team)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn epoch_order(order: &Order, training: &[u32], seed: u64, epoch: usize) -> Vec<u32> {
    match order {
        Order::Given(epochs) => epochs[epoch].clone(),
        Order::Shuffled => {
            let mut order = training.to_vec();
            order.shuffle(&mut generator(seed, Purpose::Order, epoch));
            order
        }
    }
}

/// Everything a training step writes to, made once.
///
/// How a batch and the parameters are cut depends on the number of threads, the result does
/// not: what a layer computes for an image does not depend on the image's block, and every
/// gradient is summed image after image in the order of the batch.
struct Workshop {
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
    optimizer: Optimizer,
    last_good: Vec<f32>,
}

impl Workshop {
    fn new(recipe: &TrainingRecipe, network: &Network, processor: Processor, batch_size: usize) -> Self {
        /// Images of a half and of a block at most, so that the first layer's sums stay in the first
        /// cache, and what a block leaves in all layers in the second.
        const MAX_HALF: usize = 128;
        const MAX_BLOCK: usize = 64;
        let Processor { threads, level } = processor;
        let architecture = network.architecture();
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
        Workshop {
            level,
            block_size,
            half_size,
            halves,
            blocks: vec![Block::new(architecture, level, block_size); block_count],
            first_gradient: zeros(batch_size * architecture.first_width()),
            shares,
            share_ranges,
            tile_ranges: tiles.iter().map(|tile| tile.range.clone()).collect(),
            tiles,
            gradient: zeros(network.parameters().len()),
            optimizer: Optimizer::new(recipe.optimizer, network.parameters().len()),
            last_good: network.parameters().to_vec(),
        }
    }

    /// The first part of a step: the first layer's sums over each half of the batch's images.
    fn begin(&mut self, network: &Network, batch: Batch<'_>, next: Batch<'_>, team: &mut Team<'_>) {
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
    fn forward_and_backward(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        team: &mut Team<'_>,
    ) -> (f32, f32) {
        let (architecture, parameters) = (network.architecture(), network.parameters());
        let Batch { data, indices } = batch;
        let (block_size, half_size, example_weight) =
            (self.block_size, self.half_size, 1.0 / indices.len() as f32);
        let (upper, lower) = self.halves.split_at(self.halves.len() / 2);
        let blocks = &mut self.blocks[..indices.len().div_ceil(block_size)];
        let width = architecture.first_width();
        let first_gradient = &mut self.first_gradient[..indices.len() * width];
        team.for_each_with_piece(
            blocks,
            first_gradient,
            block_size * width,
            |index, block, first_gradient| {
                let first = index * block_size;
                let indices = &indices[first..indices.len().min(first + block_size)];
                block.set_labels(indices.iter().map(|&index| data.labels()[index as usize]));
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
    fn update(
        &mut self,
        network: &mut Network,
        batch: Batch<'_>,
        learning_rate: f32,
        [next, after_next]: [Batch<'_>; 2],
        team: &mut Team<'_>,
    ) {
        let step = self.optimizer.begin_step(learning_rate);
        let Optimizer { first_moment, second_moment, .. } = &mut self.optimizer;
        let blocks = &self.blocks[..batch.indices.len().div_ceil(self.block_size)];
        let (level, half_size) = (self.level, self.half_size);
        let (architecture, parameters) = network.parts_mut();
        let first_gradient = &self.first_gradient[..batch.indices.len() * architecture.first_width()];
        let slices = [parameters, &mut self.gradient, first_moment, second_moment];
        let move_tile = |tile: &Tile, halves: &[Half], slices: [&mut [f32]; 4]| {
            let [weights, gradient, first, second] = slices;
            architecture.gradient(level, tile, halves, first_gradient, blocks, gradient);
            step.update(level, weights, gradient, first, second);
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

    /// Keeps a copy of the weights now and then, for the day the loss is no number.
    fn remember_good_weights(&mut self, network: &Network, step: u64) {
        const INTERVAL: u64 = 100;
        if step.is_multiple_of(INTERVAL) && network.parameters().iter().all(|weight| weight.is_finite()) {
            self.last_good.copy_from_slice(network.parameters());
        }
    }
}

/// Some examples of a data set.
#[derive(Clone, Copy)]
struct Batch<'a> {
    data: &'a Dataset,
    indices: &'a [u32],
}

impl<'a> Batch<'a> {
    fn images(self, part: usize, size: usize) -> impl Images<'a> {
        self.data.images_at(self.indices.chunks(size).nth(part).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
