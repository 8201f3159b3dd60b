//! Training: mini-batch gradient descent over a data set, the textbook's loop.
//!
//! In: a [`Recipe`], a network, [`Examples`]. Out: the trained network, and an [`Event`] for
//! every step on the way. A step has two parts: blocks of the batch go forward and backward,
//! then each tile of the parameters gets its gradient and is updated. Both are shared out
//! among the threads so that no sum depends on how many there are.

pub mod optimizer;

pub use self::optimizer::Optimizer;
use crate::{
    Rng,
    dataset::{Dataset, synthetic},
    evaluation::{Evaluation, evaluate},
    kernels::{
        Level, Numbers, Processor,
        team::{Team, with_team},
        zeros,
    },
    network::{Block, Network, Tile},
    recipe::{LastBatch, Recipe, TrainingRecipe},
};
use rand::{SeedableRng, seq::SliceRandom};
use std::ops::{ControlFlow, Range};

/// What chance is drawn for; each purpose has its own stream of the seed.
#[derive(Clone, Copy)]
enum Purpose {
    InitialWeights,
    Split,
    Order,
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
        network,
        observe,
    };
    with_team(processor.threads, |team| {
        for epoch in 0..recipe.epochs {
            let mut sums = EpochSums::default();
            let flow = match examples {
                Examples::Kept { data, indices, order } => {
                    let order = epoch_order(order, indices, recipe.seed, epoch);
                    run.take_steps(data, &order, epoch, &mut sums, team)?
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
        let mut batches = order.chunks(self.batch_size).peekable();
        while let Some(batch) = batches.next() {
            if batch.len() < self.batch_size && self.recipe.last_batch == LastBatch::Drop {
                break;
            }
            let rate = self.recipe.learning_rate * self.recipe.schedule.factor(self.steps_done, self.steps);
            let next = batches.peek().copied().unwrap_or_default();
            let (loss, batch_accuracy) =
                self.workshop.forward_and_backward(self.network, data, batch, next, team);
            let iteration = sums.steps;
            if !loss.is_finite() {
                *self.network = Network::new(self.network.architecture().clone(), &self.workshop.last_good);
                return Err(Diverged { epoch, iteration, loss });
            }
            self.workshop.remember_good_weights(self.network, self.steps_done);
            self.workshop.update(self.network, batch.len(), rate, team);
            self.steps_done += 1;
            sums.steps += 1;
            sums.loss += loss;
            sums.batch_accuracy += batch_accuracy;
            let examples = batch.len();
            let step = StepReport { epoch, iteration, examples, loss, batch_accuracy, learning_rate: rate };
            if (self.observe)(Event::Step(step)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
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
        const PORTION: usize = 4096;
        let portion = PORTION.next_multiple_of(self.batch_size);
        for first in (0..count).step_by(portion) {
            let range = first..count.min(first + portion);
            let order: Vec<u32> = (0..range.len() as u32).collect();
            let data = synthetic::generate_range(range, seed, team.threads());
            if self.take_steps(&data, &order, epoch, sums, team)?.is_break() {
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
    block_size: usize,
    blocks: Vec<Block>,
    /// For each thread its part of the parameters.
    shares: Vec<Vec<Tile>>,
    pieces: Vec<Range<usize>>,
    gradient: Numbers,
    optimizer: Optimizer,
    last_good: Vec<f32>,
}

impl Workshop {
    fn new(recipe: &TrainingRecipe, network: &Network, processor: Processor, batch_size: usize) -> Self {
        /// Images of a block at most: what they leave in each layer stays in the second cache.
        const MAX_BLOCK: usize = 64;
        let Processor { threads, level } = processor;
        let architecture = network.architecture();
        let block_count = batch_size.div_ceil(MAX_BLOCK).next_multiple_of(threads).min(batch_size);
        let block_size = batch_size.div_ceil(block_count);
        let shares: Vec<Vec<Tile>> =
            architecture.shares(threads).into_iter().filter(|share| !share.is_empty()).collect();
        Workshop {
            level,
            block_size,
            blocks: vec![Block::new(architecture, level, block_size); block_count],
            pieces: shares
                .iter()
                .map(|share| share[0].range.start..share[share.len() - 1].range.end)
                .collect(),
            shares,
            gradient: zeros(network.parameters().len()),
            optimizer: Optimizer::new(recipe.optimizer, network.parameters().len()),
            last_good: network.parameters().to_vec(),
        }
    }

    /// Mean loss of the batch, and the fraction of it read right. Leaves in the blocks what
    /// [`update`](Self::update) needs.
    fn forward_and_backward(
        &mut self,
        network: &Network,
        data: &Dataset,
        batch: &[u32],
        next_batch: &[u32],
        team: &mut Team<'_>,
    ) -> (f32, f32) {
        let architecture = network.architecture();
        let (block_size, example_weight) = (self.block_size, 1.0 / batch.len() as f32);
        let blocks = &mut self.blocks[..batch.len().div_ceil(block_size)];
        team.for_each(blocks, |index, block| {
            let start = index * block_size;
            let end = batch.len().min(start + block_size);
            let examples = batch[start..end].iter().map(|&index| data.example(index as usize));
            let upcoming = next_batch.iter().skip(start).map(|&index| data.example(index as usize).0);
            block.load(examples, upcoming);
            architecture.forward(network.parameters(), block);
            architecture.backward(network.parameters(), block, example_weight);
        });
        let losses = blocks.iter().flat_map(Block::losses);
        let loss_sum: f32 = losses.sum();
        let correct: usize = blocks.iter().map(Block::correct).sum();
        (loss_sum * example_weight, correct as f32 * example_weight)
    }

    /// Takes the step: each tile of the parameters gets its gradient and is moved.
    fn update(&mut self, network: &mut Network, batch_len: usize, learning_rate: f32, team: &mut Team<'_>) {
        let step = self.optimizer.begin_step(learning_rate);
        let Optimizer { first_moment, second_moment, .. } = &mut self.optimizer;
        let blocks = &self.blocks[..batch_len.div_ceil(self.block_size)];
        let (level, shares) = (self.level, &self.shares);
        let (architecture, parameters) = network.parts_mut();
        team.for_each_piece(
            [parameters, &mut self.gradient, first_moment, second_moment],
            &self.pieces,
            |index, [mut weights, mut gradient, mut first, mut second]| {
                for tile in &shares[index] {
                    let count = tile.range.len();
                    let weights = take(&mut weights, count);
                    let gradient = take(&mut gradient, count);
                    let (first, second) = (take(&mut first, count), take(&mut second, count));
                    architecture.gradient(level, tile, blocks, gradient);
                    step.update(level, weights, gradient, first, second);
                }
            },
        );
    }

    /// Keeps a copy of the weights now and then, for the day the loss is no number.
    fn remember_good_weights(&mut self, network: &Network, step: u64) {
        const INTERVAL: u64 = 100;
        if step.is_multiple_of(INTERVAL) && network.parameters().iter().all(|weight| weight.is_finite()) {
            self.last_good.copy_from_slice(network.parameters());
        }
    }
}

/// Splits the next `count` numbers off, or none if there is none (a moment that is not kept).
fn take<'a>(numbers: &mut &'a mut [f32], count: usize) -> &'a mut [f32] {
    let count = count.min(numbers.len());
    numbers.split_off_mut(..count).expect("so many are there")
}

#[cfg(test)]
mod tests;
