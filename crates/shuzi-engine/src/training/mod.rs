//! Training: mini-batch gradient descent over a data set, the textbook's loop.
//!
//! In: a [`Recipe`], a network, [`Examples`]. Out: the trained network, and an [`Event`] for
//! every step on the way. How a batch is shared out among the threads is told in `halves.rs` for fully
//! connected networks and in `blocks.rs` for all others.
//!
//! Chance is drawn for a purpose and a place (an epoch, a step, an example), each time from a generator made for it
//! of the recipe's seed. So no generator outlives a step, and a [`Checkpoint`] holds none.

mod blocks;
pub mod checkpoint;
mod halves;
pub mod optimizer;
mod portion;
mod rehearsal;
mod teacher;

use self::{
    blocks::ByBlocks,
    halves::ByHalves,
    optimizer::Step,
    portion::{Changes, Portion},
    teacher::Teacher,
};
pub use self::{
    checkpoint::{Checkpoint, CheckpointError, Pause, Task},
    optimizer::Optimizer,
    portion::augmented,
    rehearsal::rehearse,
};
use crate::{
    Rng,
    classes::Classes,
    dataset::{Dataset, synthetic},
    evaluation::{Evaluation, evaluate},
    kernels::{
        Level, Processor,
        pixels::Images,
        team::{Team, with_team},
    },
    network::{Network, ReadyNetwork, Storage, quantize},
    recipe::{Additions, EarlyStopping, LastBatch, Recipe, Statistics, TrainingRecipe},
};
use rand::{SeedableRng, seq::SliceRandom};
use std::{mem, ops::ControlFlow};

/// What chance is drawn for; each purpose has its own stream of the seed.
#[derive(Clone, Copy)]
enum Purpose {
    InitialWeights,
    Split,
    Order,
    Augmentation,
    Dropout,
    Measure,
}

/// A generator for one purpose, and for one epoch where that matters.
fn generator(seed: u64, purpose: Purpose, epoch: usize) -> Rng {
    Rng::seed_from_u64(key(seed, purpose, epoch as u64))
}

/// A number for one purpose, and one place in the training.
fn key(seed: u64, purpose: Purpose, place: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2⁶⁴ / golden ratio: spreads small numbers far
    let stream = (purpose as u64).wrapping_mul(1 << 32).wrapping_add(place);
    seed ^ stream.wrapping_add(1).wrapping_mul(ODD)
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

/// The network that a recipe goes on to from another one, which tells other classes apart: output `i` of its last layer with weights is
/// output `kept[i]` of that one, or begins at random. Everything before it is that one's.
///
/// # Panics
///
/// If the recipe was changed and not [checked](Recipe::check), or its layers differ in more than the outputs.
pub fn network_for_new_classes(recipe: &Recipe, from: &Network, kept: &[Option<u8>]) -> Network {
    let architecture = recipe.architecture().expect("a checked recipe");
    let mut rng = generator(recipe.training.seed, Purpose::InitialWeights, 0);
    from.with_classes(architecture, kept, recipe.network.initial_weights, &mut rng)
}

/// The examples to train on, and those held out.
pub struct Split {
    /// Indices of the training examples.
    pub training: Vec<u32>,
    /// A copy of the held-out examples, if there are any.
    pub validation: Option<Dataset>,
}

impl Split {
    /// Adds examples behind `data`, to train on.
    ///
    /// # Panics
    ///
    /// If there are more than 4,294,967,296 examples then.
    fn append(&mut self, data: &mut Dataset, examples: &Dataset) {
        let end = u32::try_from(data.len() + examples.len()).expect("Split::append: too many examples");
        self.training.extend(data.len() as u32..end);
        data.append(examples);
    }
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

/// Adds what a recipe asks for to the training examples of a split.
///
/// # Panics
///
/// If there are more than 4,294,967,296 examples then, or the data does not show digits, see
/// [`Recipe::for_classes`].
pub fn add(data: &mut Dataset, split: &mut Split, additions: Additions, threads: usize) {
    const SEED: u64 = 3; // 1 and 2 are those of data sets that are synthetic as a whole
    let Additions { digits, others } = additions;
    let drawn = [
        (digits > 0).then(|| synthetic::generate_varied(digits, SEED, threads)),
        (others > 0).then(|| synthetic::generate_others(others, SEED, threads)),
    ];
    drawn.iter().flatten().for_each(|drawn| split.append(data, drawn));
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

    /// What they show.
    pub fn classes(&self) -> Classes {
        match self {
            Examples::Kept { data, .. } => data.classes().clone(),
            Examples::Drawn { .. } => Classes::digits(),
        }
    }

    /// How many an epoch has.
    pub fn count(&self) -> usize {
        match self {
            Examples::Kept { indices, .. } => indices.len(),
            Examples::Drawn { count, .. } => *count,
        }
    }
}

/// Examples to learn from, and a network that knows better if the recipe asks for one.
#[derive(Clone, Copy)]
pub struct Lessons<'a> {
    /// The examples.
    pub examples: Examples<'a>,
    /// The teacher that the recipe's [`Distillation`](crate::recipe::Distillation) means.
    pub teacher: Option<&'a Network>,
}

impl<'a> From<Examples<'a>> for Lessons<'a> {
    fn from(examples: Examples<'a>) -> Self {
        Lessons { examples, teacher: None }
    }
}

/// What training tells on its way.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step was taken.
    Step(StepReport),
    /// An epoch is over.
    Epoch(EpochReport<'a>),
    /// After each step, and after each epoch but the last: all numbers are at rest, and a checkpoint can be
    /// made of them.
    Pause(Pause<'a>),
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
    /// The validation loss had not fallen for as long as the recipe waits; the network is the one with
    /// the smallest.
    StoppedEarly,
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
/// If there is no thread, an index is behind the last example, the batch is larger than the
/// training set, the network tells another number of classes apart than the examples have, or there is a teacher against the
/// recipe's word.
pub fn train<'a>(
    recipe: &TrainingRecipe,
    network: &mut Network,
    lessons: impl Into<Lessons<'a>>,
    validation: Option<&Dataset>,
    processor: Processor,
    observe: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Outcome, Diverged> {
    let state = State::new(recipe, network.clone());
    train_from(state, recipe, network, lessons.into(), validation, processor, observe)
}

/// Goes on from a checkpoint: `network` becomes what the training would have made of it without a break, to the
/// last bit, and `observe` hears the rest of what it would have heard.
///
/// # Errors
///
/// As [`train`].
///
/// # Panics
///
/// As [`train`], and if there are not as many examples as the checkpoint says; [`Checkpoint::check_data`] tells
/// before.
pub fn resume<'a>(
    checkpoint: Checkpoint,
    network: &mut Network,
    lessons: impl Into<Lessons<'a>>,
    validation: Option<&Dataset>,
    processor: Processor,
    observe: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Outcome, Diverged> {
    let ((task, state), lessons) = (checkpoint.into_parts(), lessons.into());
    assert_eq!(lessons.examples.count(), task.examples, "resume: examples");
    train_from(state, &task.recipe.training, network, lessons, validation, processor, observe)
}

fn train_from(
    state: State,
    recipe: &TrainingRecipe,
    trained: &mut Network,
    Lessons { examples, teacher }: Lessons<'_>,
    validation: Option<&Dataset>,
    processor: Processor,
    observe: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Outcome, Diverged> {
    let count = examples.count();
    let batch_size = recipe.batch_size.of(count);
    assert!((1..=count).contains(&batch_size), "train: batches of {batch_size}");
    let outputs = trained.architecture().classes();
    assert_eq!(outputs, examples.classes().count(), "train: outputs and classes");
    let teacher = teacher.map(|network| ReadyNetwork::new(network, processor.level, recipe.precision));
    let mut run = Run {
        recipe,
        teacher: Teacher::new(teacher.as_ref(), recipe, processor.threads, batch_size),
        batch_size,
        steps: (steps_per_epoch(recipe, count) * recipe.epochs) as u64,
        workshop: Workshop::new(recipe, &state.network, processor, batch_size),
        level: processor.level,
        portion: Portion::default(),
        state,
        observe,
    };
    let ended = with_team(processor.threads, |team| {
        loop {
            let epoch = run.state.epoch;
            if run.take_epoch(examples, epoch, &mut Work::Train, team)?.is_break() {
                return Ok(Outcome::Stopped);
            }
            let is_last = epoch + 1 == recipe.epochs;
            // The network to judge, and at the end to keep, if it is not the one that learns.
            let kept = match validation {
                None if !is_last => None,
                _ => run.kept(examples, epoch, team)?,
            };
            let judged = kept.as_ref().unwrap_or(&run.state.network);
            let validation = validation.map(|data| evaluate(judged, data, processor));
            let sums = mem::take(&mut run.state.sums);
            let report = EpochReport {
                epoch,
                mean_loss: sums.loss / sums.steps as f32,
                mean_batch_accuracy: sums.batch_accuracy / sums.steps as f32,
                validation: validation.as_ref(),
            };
            let flow = (run.observe)(Event::Epoch(report));
            let stop = match (recipe.early_stopping, &validation) {
                (Some(EarlyStopping { patience }), Some(validation)) => {
                    see(&mut run.state.best, validation.loss(), judged) >= patience
                }
                _ => false,
            };
            if let Some(kept) = kept.filter(|_| is_last) {
                run.state.network = kept;
            }
            if stop || is_last {
                if let Some(best) = run.state.best.take() {
                    run.state.network = best.network;
                }
                return Ok(if is_last { Outcome::Finished } else { Outcome::StoppedEarly });
            }
            run.state.epoch += 1;
            if flow.is_break() || run.pause().is_break() {
                return Ok(Outcome::Stopped);
            }
        }
    });
    *trained = run.state.network;
    match recipe.storage {
        Storage::I8 => *trained = in_whole_numbers(trained, examples),
        storage => trained.round_to(storage),
    }
    ended
}

/// The network in whole numbers; as it is, if its numbers are too far apart, as those of a training gone astray may be.
fn in_whole_numbers(network: &Network, examples: Examples<'_>) -> Network {
    const SAMPLES: usize = 500;
    let quantized = match examples {
        Examples::Kept { data, indices, .. } => {
            let samples = indices.iter().take(SAMPLES);
            quantize(network, samples.map(|&index| data.example(index as usize).0))
        }
        Examples::Drawn { seed, count } => {
            let samples = synthetic::generate_range(0..count.min(SAMPLES), seed, 1);
            quantize(network, (0..samples.len()).map(|index| samples.example(index).0))
        }
    };
    quantized.unwrap_or_else(|_| network.clone())
}

/// Everything that a training is made of between two steps.
#[derive(Clone, Debug, PartialEq)]
struct State {
    network: Network,
    /// Counts the steps, too.
    optimizer: Optimizer,
    /// For the day the loss is no number.
    last_good: Network,
    /// For early stopping.
    best: Option<Best>,
    /// The epoch that the next step belongs to, unless all steps of this one are done.
    epoch: usize,
    /// Of this epoch.
    sums: EpochSums,
}

impl State {
    /// Before the first step.
    fn new(recipe: &TrainingRecipe, network: Network) -> Self {
        State {
            optimizer: Optimizer::new(recipe, network.parameters().len()),
            last_good: network.clone(),
            network,
            best: None,
            epoch: 0,
            sums: EpochSums::default(),
        }
    }

    /// Keeps a copy of the weights now and then, for the day the loss is no number.
    fn remember_good_weights(&mut self) {
        const INTERVAL: u64 = 100;
        let is_finite = |numbers: &[f32]| numbers.iter().all(|number| number.is_finite());
        if self.optimizer.steps().is_multiple_of(INTERVAL) && is_finite(self.network.parameters()) {
            self.last_good.copy_from(&self.network);
        }
    }
}

/// The network with the smallest validation loss so far.
#[derive(Clone, Debug, PartialEq)]
struct Best {
    network: Network,
    loss: f64,
    epochs_since: usize,
}

/// Compares a network with the best so far. How many epochs ago the best was.
fn see(best: &mut Option<Best>, loss: f64, network: &Network) -> usize {
    match best {
        Some(best) if loss < best.loss => (),
        None => (),
        Some(best) => {
            best.epochs_since += 1;
            return best.epochs_since;
        }
    }
    *best = Some(Best { network: network.clone(), loss, epochs_since: 0 });
    0
}

/// Sums over the steps of an epoch.
#[derive(Clone, Debug, Default, PartialEq)]
struct EpochSums {
    steps: usize,
    loss: f32,
    batch_accuracy: f32,
}

/// A training on its way.
struct Run<'a, O> {
    recipe: &'a TrainingRecipe,
    teacher: Option<Teacher<'a>>,
    batch_size: usize,
    /// Of all epochs together.
    steps: u64,
    workshop: Workshop,
    level: Level,
    /// What is augmented, if anything is.
    portion: Portion,
    state: State,
    observe: O,
}

/// What batches are taken for.
enum Work<'a> {
    /// A step for each that the epoch has not had.
    Train,
    /// Batch normalisation's statistics of so many images, with this network.
    Measure(&'a Network, &'a mut usize),
}

impl<O: FnMut(Event<'_>) -> ControlFlow<()>> Run<'_, O> {
    /// Gives the observer a moment to make a checkpoint.
    fn pause(&mut self) -> ControlFlow<()> {
        (self.observe)(Event::Pause(Pause { recipe: self.recipe, state: &self.state }))
    }

    /// How images are changed for this work, if they are.
    fn changes(&self, epoch: usize, work: &Work<'_>) -> Option<Changes> {
        match (work, self.recipe.statistics) {
            (Work::Measure(..), Statistics::Clean) => None,
            _ => Changes::new(self.recipe, epoch, self.level),
        }
    }

    /// How many of an epoch's batches need not be taken again.
    fn batches_done(&self, work: &Work<'_>) -> usize {
        match work {
            Work::Train => self.state.sums.steps,
            Work::Measure(..) => 0,
        }
    }

    /// All batches of an epoch.
    fn take_epoch(
        &mut self,
        examples: Examples<'_>,
        epoch: usize,
        work: &mut Work<'_>,
        team: &mut Team<'_>,
    ) -> Result<ControlFlow<()>, Diverged> {
        match examples {
            Examples::Kept { data, indices, order } => {
                let order = epoch_order(order, indices, self.recipe.seed, epoch);
                self.take_augmented(data, 0, &order, epoch, work, team)
            }
            Examples::Drawn { seed, count } => self.take_drawn_batches(seed, count, epoch, work, team),
        }
    }

    /// The examples of `order`, augmented if the recipe says so for this work; `first` is the number of the first
    /// example of `data`, and of those that the epoch had before.
    fn take_augmented(
        &mut self,
        data: &Dataset,
        first: usize,
        order: &[u32],
        epoch: usize,
        work: &mut Work<'_>,
        team: &mut Team<'_>,
    ) -> Result<ControlFlow<()>, Diverged> {
        let mut before = first / self.batch_size;
        let Some(changes) = self.changes(epoch, work) else {
            return self.take_batches(data, order, before, epoch, work, team);
        };
        let mut portion = mem::take(&mut self.portion);
        let mut flow = ControlFlow::Continue(());
        for indices in order.chunks(Portion::size(self.batch_size)) {
            let batches = indices.len().div_ceil(self.batch_size);
            before += batches;
            if before <= self.batches_done(work) {
                continue;
            }
            let (data, order) = portion.fill(&changes, data, first, indices, team);
            flow = self.take_batches(data, order, before - batches, epoch, work, team)?;
            if flow.is_break() {
                break;
            }
        }
        self.portion = portion;
        Ok(flow)
    }

    /// The batches of `order`; the epoch had so many `before`.
    fn take_batches(
        &mut self,
        data: &Dataset,
        order: &[u32],
        before: usize,
        epoch: usize,
        work: &mut Work<'_>,
        team: &mut Team<'_>,
    ) -> Result<ControlFlow<()>, Diverged> {
        let count = match self.recipe.last_batch {
            LastBatch::Keep => order.len(),
            LastBatch::Drop => order.len() / self.batch_size * self.batch_size,
        };
        let batches = order[..count].chunks(self.batch_size);
        let batch = |index: usize| {
            let indices = batches.clone().nth(index).unwrap_or_default();
            Batch { data, indices, targets: &[] }
        };
        match work {
            Work::Train => {
                let start = self.state.sums.steps - before;
                if start < batches.len() {
                    self.workshop.begin(&self.state.network, batch(start), batch(start + 1), team);
                }
                for index in start..batches.len() {
                    let batches = [0, 1, 2].map(|ahead| batch(index + ahead));
                    if self.take_step(batches, epoch, team)?.is_break() || self.pause().is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok(ControlFlow::Continue(()))
            }
            Work::Measure(network, images) => Ok(self.workshop.measure(
                network,
                (0..batches.len()).map(batch),
                images,
                self.recipe.seed,
                team,
            )),
        }
    }

    /// One step, with the first of `batches`; the others are those behind it.
    fn take_step(
        &mut self,
        [batch, next, after_next]: [Batch<'_>; 3],
        epoch: usize,
        team: &mut Team<'_>,
    ) -> Result<ControlFlow<()>, Diverged> {
        let targets = self.teacher.as_mut().map_or(&[][..], |teacher| teacher.targets(batch, team));
        let batch = Batch { targets, ..batch };
        let state = &mut self.state;
        let steps_done = state.optimizer.steps();
        let rate = self.recipe.learning_rate * self.recipe.schedule.factor(steps_done, self.steps);
        let key = key(self.recipe.seed, Purpose::Dropout, steps_done);
        let (loss, batch_accuracy) = self.workshop.forward_and_backward(&state.network, batch, key, team);
        let iteration = state.sums.steps;
        if !loss.is_finite() {
            state.network = state.last_good.clone();
            return Err(Diverged { epoch, iteration, loss });
        }
        state.remember_good_weights();
        let step = state.optimizer.begin_step(rate, self.steps);
        let State { network, optimizer, .. } = state;
        self.workshop.update(network, optimizer, step, batch, [next, after_next], team);
        state.sums.steps += 1;
        state.sums.loss += loss;
        state.sums.batch_accuracy += batch_accuracy;
        let examples = batch.indices.len();
        let step = StepReport { epoch, iteration, examples, loss, batch_accuracy, learning_rate: rate };
        Ok((self.observe)(Event::Step(step)))
    }

    /// The batches of an epoch of synthetic digits. Only a portion of whole batches is in memory.
    fn take_drawn_batches(
        &mut self,
        seed: u64,
        count: usize,
        epoch: usize,
        work: &mut Work<'_>,
        team: &mut Team<'_>,
    ) -> Result<ControlFlow<()>, Diverged> {
        let portion = Portion::size(self.batch_size);
        for first in (0..count).step_by(portion) {
            let range = first..count.min(first + portion);
            if range.end.div_ceil(self.batch_size) <= self.batches_done(work) {
                continue;
            }
            let order: Vec<u32> = (0..range.len() as u32).collect();
            let data = synthetic::generate_range(range, seed, team.threads());
            if self.take_augmented(&data, first, &order, epoch, work, team)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The network that the recipe would keep if training ended now, unless it is the one that learns: with the
    /// average of the weights, statistics measured with what is kept, and rounded.
    fn kept(
        &mut self,
        examples: Examples<'_>,
        epoch: usize,
        team: &mut Team<'_>,
    ) -> Result<Option<Network>, Diverged> {
        let State { network, optimizer, .. } = &self.state;
        let has_statistics = network.architecture().statistic_count() > 0;
        let has_other_weights = optimizer.average().is_some();
        let measures = has_statistics && (has_other_weights || self.recipe.statistics == Statistics::Clean);
        if !has_other_weights && !measures && self.recipe.storage != Storage::F16 {
            return Ok(None);
        }
        let mut kept = match optimizer.average() {
            None => network.clone(),
            Some(average) => Network::new(network.architecture().clone(), average, network.statistics()),
        };
        if measures {
            let mut images = 0;
            let _enough = self.take_epoch(examples, epoch, &mut Work::Measure(&kept, &mut images), team)?;
            self.workshop.set_statistics(&mut kept, images);
        }
        kept.round_to(self.recipe.storage);
        Ok(Some(kept))
    }
}

/// How a batch is shared out among the threads, and everything that a step writes to.
///
/// How a batch and the parameters are cut may depend on the number of threads, the result does
/// not: what a layer computes for an image does not depend on the image's block, except for batch
/// normalisation, whose blocks are the recipe's; and gradients are added in the order of the batch.
enum Workshop {
    Halves(Box<ByHalves>),
    Blocks(ByBlocks),
}

impl Workshop {
    fn new(recipe: &TrainingRecipe, network: &Network, processor: Processor, batch_size: usize) -> Self {
        let architecture = network.architecture();
        if architecture.is_fully_connected() {
            Workshop::Halves(Box::new(ByHalves::new(recipe, architecture, processor, batch_size)))
        } else {
            Workshop::Blocks(ByBlocks::new(recipe, architecture, processor, batch_size))
        }
    }

    /// What can be done before the first step.
    fn begin(&mut self, network: &Network, batch: Batch<'_>, next: Batch<'_>, team: &mut Team<'_>) {
        if let Workshop::Halves(halves) = self {
            halves.begin(network, batch, next, team);
        }
    }

    /// Mean loss of the batch, and the fraction of it read right. Leaves behind what
    /// [`update`](Self::update) needs.
    fn forward_and_backward(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        key: u64,
        team: &mut Team<'_>,
    ) -> (f32, f32) {
        match self {
            Workshop::Halves(halves) => halves.forward_and_backward(network, batch, team),
            Workshop::Blocks(blocks) => blocks.forward_and_backward(network, batch, key, team),
        }
    }

    /// Moves the parameters, and begins the next step.
    fn update(
        &mut self,
        network: &mut Network,
        optimizer: &mut Optimizer,
        step: Step,
        batch: Batch<'_>,
        next: [Batch<'_>; 2],
        team: &mut Team<'_>,
    ) {
        match self {
            Workshop::Halves(halves) => halves.update(network, optimizer, step, batch, next, team),
            Workshop::Blocks(blocks) => blocks.update(network, optimizer, step, batch, team),
        }
    }

    /// Measures the statistics of `batches`, until enough images are; breaks then.
    fn measure<'a>(
        &mut self,
        network: &Network,
        batches: impl Iterator<Item = Batch<'a>>,
        images: &mut usize,
        seed: u64,
        team: &mut Team<'_>,
    ) -> ControlFlow<()> {
        /// Enough for means and variances to a percent.
        const ENOUGH: usize = 5_000;
        let Workshop::Blocks(blocks) = self else { return ControlFlow::Break(()) };
        if *images == 0 {
            blocks.forget_moments();
        }
        for batch in batches {
            *images += blocks.measure(network, batch, key(seed, Purpose::Measure, *images as u64), team);
            if *images >= ENOUGH {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Replaces the network's statistics by those measured of so many images.
    fn set_statistics(&self, network: &mut Network, images: usize) {
        if let Workshop::Blocks(blocks) = self {
            blocks.set_statistics(network, images);
        }
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

/// Some examples of a data set.
#[derive(Clone, Copy)]
struct Batch<'a> {
    data: &'a Dataset,
    indices: &'a [u32],
    /// A teacher's, `[examples, classes]`, if there is one, in the batch whose turn it is.
    targets: &'a [f32],
}

impl<'a> Batch<'a> {
    /// Part number `part` of so many examples.
    fn part(self, part: usize, size: usize) -> Batch<'a> {
        let indices = self.indices.chunks(size).nth(part).unwrap_or_default();
        let mut targets = self.targets.chunks(size * self.data.classes().count());
        Batch { indices, targets: targets.nth(part).unwrap_or_default(), ..self }
    }

    fn images(self, part: usize, size: usize) -> impl Images<'a> {
        self.data.images_at(self.part(part, size).indices)
    }
}

#[cfg(test)]
mod tests;
