//! What is trained on, and what is held out.
//!
//! In: a data set, how many examples are held out for validation, what a recipe adds to it. Out: a [`Split`], and the
//! [`TrainingData`] that every epoch goes through. Which examples are for the test is decided before, in
//! [`dataset`](crate::dataset).

use super::random::{Purpose, generator};
use crate::{
    classes::Classes,
    dataset::{Dataset, Split, synthetic},
    network::Network,
    recipe::{Additions, LastBatch, TrainingRecipe},
};

/// Holds `validation` examples out, drawn at random by the seed.
///
/// # Panics
///
/// If no example would be left for training.
pub fn split(data: &Dataset, validation: usize, seed: u64) -> Split {
    Split::all_training(data.len()).hold_out(validation, &mut generator(seed, Purpose::Split, 0))
}

/// Adds what a recipe asks for to the training examples of a split.
///
/// # Panics
///
/// If there are more than 4,294,967,296 examples then, or the data does not show digits, see
/// [`Recipe::for_classes`](crate::recipe::Recipe::for_classes).
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

/// What a network is trained on: examples, and a network that knows better if the recipe asks for one.
#[derive(Clone, Copy)]
pub struct TrainingData<'a> {
    /// The examples.
    pub examples: Examples<'a>,
    /// The teacher that the recipe's [`Distillation`](crate::recipe::Distillation) means.
    pub teacher: Option<&'a Network>,
}

impl<'a> From<Examples<'a>> for TrainingData<'a> {
    fn from(examples: Examples<'a>) -> Self {
        TrainingData { examples, teacher: None }
    }
}

/// How many steps each epoch has.
pub fn steps_per_epoch(recipe: &TrainingRecipe, examples: usize) -> usize {
    let batch_size = recipe.batch_size.of(examples);
    match recipe.last_batch {
        LastBatch::Keep => examples.div_ceil(batch_size),
        LastBatch::Drop => examples / batch_size,
    }
}

/// How many steps all epochs have together.
pub(super) fn step_count(recipe: &TrainingRecipe, examples: usize) -> u64 {
    (steps_per_epoch(recipe, examples) * recipe.epochs) as u64
}
