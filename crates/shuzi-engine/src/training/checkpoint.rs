//! Checkpoints: everything that a training is made of between two steps, to bytes and back.
//!
//! In: a training at rest ([`Pause`]) and what it is about ([`Task`]). Out: bytes (`docs/checkpoints.md`), from which
//! [`resume`](super::resume) goes on bit for bit as if there had been no break. There is no generator's state
//! in them, because none outlives a step. Bytes are mistrusted; knows nothing of files.

mod error;
mod file;

pub use self::{
    error::CheckpointError,
    file::{FORMAT_VERSION, MAX_BYTES, seal},
};
use super::{
    data::{Examples, Order},
    state::{Best, State},
};
use crate::{
    hash::hexadecimal,
    network::Network,
    recipe::{Recipe, TrainingRecipe},
};
use sha2::{Digest, Sha256};

/// What a training is about: who goes on with it needs the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What is trained and how, the seed included.
    pub recipe: Recipe,
    /// On what, in words.
    pub trained_on: String,
    /// Training examples in an epoch.
    pub examples: usize,
    /// SHA-256 of the examples and of their order, see [`Task::new`].
    pub examples_sha256: String,
}

impl Task {
    /// The examples' hash takes a moment: 30 ms for MNIST.
    pub fn new(recipe: Recipe, trained_on: String, examples: Examples<'_>) -> Self {
        let examples_sha256 = examples_sha256(examples);
        Task { recipe, trained_on, examples: examples.count(), examples_sha256 }
    }
}

/// A training between two steps: the moment for a checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Pause<'a> {
    pub(super) recipe: &'a TrainingRecipe,
    pub(super) state: &'a State,
}

impl Pause<'_> {
    /// Steps taken, in all epochs.
    pub fn steps(self) -> u64 {
        self.state.optimizer.steps()
    }

    /// Whether an epoch is over, its [report](super::EpochReport) included.
    pub fn between_epochs(self) -> bool {
        self.state.sums.steps == 0
    }

    /// A copy of all numbers, to go on from.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::NotFinite`]: the training is about to diverge, and nobody would go on from there.
    ///
    /// # Panics
    ///
    /// If this is not a training of the task's recipe.
    pub fn checkpoint(self, task: &Task) -> Result<Checkpoint, CheckpointError> {
        assert_eq!(task.recipe.training, *self.recipe, "Pause::checkpoint: recipe");
        let checkpoint = Checkpoint { task: task.clone(), state: self.state.clone() };
        for (name, list) in checkpoint.lists() {
            if let Some(index) = list.iter().position(|number| !number.is_finite()) {
                return Err(CheckpointError::NotFinite { name: name.into(), index, value: list[index] });
            }
        }
        Ok(checkpoint)
    }
}

/// A training that can go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    task: Task,
    state: State,
}

impl Checkpoint {
    /// What the training is about.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The network so far.
    pub fn network(&self) -> &Network {
        &self.state.network
    }

    /// Steps taken, in all epochs.
    pub fn steps(&self) -> u64 {
        self.state.optimizer.steps()
    }

    /// Epochs that are over, their reports included.
    pub fn epochs(&self) -> usize {
        self.state.epoch
    }

    pub(super) fn into_parts(self) -> (Task, State) {
        (self.task, self.state)
    }

    /// Whether a training by this recipe may go on from here. Its name does not matter.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::OtherRecipe`], with the first value that differs.
    pub fn check_recipe(&self, recipe: &Recipe) -> Result<(), CheckpointError> {
        let [found, expected] = [recipe, &self.task.recipe].map(|recipe| {
            let table: toml::Table = recipe.to_toml().parse().expect("what was written can be read");
            [("network", table["network"].clone()), ("training", table["training"].clone())]
        });
        for ((section, found), (_, expected)) in found.iter().zip(&expected) {
            if let Some(error) = first_difference(section, Some(found), Some(expected)) {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether a training on these examples may go on from here.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::OtherData`], [`OtherCount`](CheckpointError::OtherCount) or
    /// [`OtherExamples`](CheckpointError::OtherExamples).
    pub fn check_data(&self, trained_on: &str, examples: Examples<'_>) -> Result<(), CheckpointError> {
        let Task { trained_on: expected, examples: count, examples_sha256: hash, .. } = &self.task;
        if trained_on != expected {
            return Err(CheckpointError::OtherData { found: trained_on.into(), expected: expected.clone() });
        }
        if examples.count() != *count {
            return Err(CheckpointError::OtherCount { found: examples.count(), expected: *count });
        }
        let found = examples_sha256(examples);
        if found != *hash {
            return Err(CheckpointError::OtherExamples { found, expected: hash.clone() });
        }
        Ok(())
    }

    /// All numbers, by name; what the training does not have is left out.
    fn lists(&self) -> Vec<(&'static str, &[f32])> {
        let State { network, optimizer, last_good, best, .. } = &self.state;
        let [first_moment, second_moment, average] = optimizer.memory();
        let mut lists = vec![
            ("parameters", network.parameters()),
            ("statistics", network.statistics()),
            ("first_moment", first_moment),
            ("second_moment", second_moment),
            ("average", average),
            ("last_good_parameters", last_good.parameters()),
            ("last_good_statistics", last_good.statistics()),
        ];
        if let Some(Best { network, .. }) = best {
            lists.push(("best_parameters", network.parameters()));
            lists.push(("best_statistics", network.statistics()));
        }
        lists.retain(|(_, list)| !list.is_empty());
        lists
    }
}

/// The hash of all bytes that decide what a training sees, in which order. Of drawn digits: of their seed.
fn examples_sha256(examples: Examples<'_>) -> String {
    let mut hasher = Sha256::new();
    match examples {
        Examples::Kept { data, indices, order } => {
            for bytes in [data.images(), data.labels()] {
                hasher.update(bytes);
            }
            if !data.classes().are_digits() {
                hasher.update(data.classes().to_json());
            }
            let orders = match order {
                Order::Shuffled => &[][..],
                Order::Given(epochs) => epochs,
            };
            for index in indices.iter().chain(orders.iter().flatten()) {
                hasher.update(index.to_le_bytes());
            }
        }
        Examples::Drawn { seed, count } => {
            hasher.update(format!("drawn {seed} {count}"));
        }
    }
    hexadecimal(&hasher.finalize())
}

/// Where two values of a recipe differ first, as an error.
fn first_difference(
    key: &str,
    found: Option<&toml::Value>,
    expected: Option<&toml::Value>,
) -> Option<CheckpointError> {
    use toml::Value::Table;
    if found == expected {
        return None;
    }
    if let (Some(Table(found)), Some(Table(expected))) = (found, expected) {
        let keys = expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key)));
        return keys
            .map(|inner| (format!("{key}.{inner}"), found.get(inner), expected.get(inner)))
            .find_map(|(key, found, expected)| first_difference(&key, found, expected));
    }
    let [found, expected] = [found, expected].map(|value| value.map(ToString::to_string));
    Some(CheckpointError::OtherRecipe { key: key.into(), found, expected })
}

#[cfg(test)]
mod tests;
