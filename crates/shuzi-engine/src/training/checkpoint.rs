//! Checkpoints: everything that a training is made of between two steps, to bytes and back.
//!
//! In: a training at rest ([`Pause`]) and what it is about ([`Task`]). Out: bytes (`docs/checkpoints.md`), from which
//! [`resume`](super::resume) goes on bit for bit as if there had been no break. There is no generator's state
//! in them, because none outlives a step. Bytes are mistrusted; knows nothing of files.

use super::{
    data::{Examples, Order, step_count, steps_per_epoch},
    optimizer::{MEMORY, Optimizer},
    state::{Best, EpochSums, State},
};
use crate::{
    model::{
        arrays::Array,
        safetensors::{self, MAX_HEADER, SafetensorsError},
    },
    network::{Architecture, MAX_NUMBERS, Network},
    recipe::{EarlyStopping, Recipe, RecipeError, TrainingRecipe},
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, ops::Range, str::FromStr};

/// The version of the file; a reader refuses others.
pub const FORMAT_VERSION: &str = "1";
/// No checkpoint has more bytes: its lists are the weights, what batch normalisation measured, each of them three
/// times, and what the optimizer remembers.
pub const MAX_BYTES: u64 = (MAX_HEADER + 4 * (6 + MEMORY) * MAX_NUMBERS) as u64;

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

/// Bytes that are no checkpoint, or one of another training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not a checkpoint's first bytes.
    #[error("{found} bytes that do not begin like a checkpoint")]
    Beginning {
        /// Bytes found.
        found: usize,
    },
    /// Its hash is not that of its bytes.
    #[error("the bytes have SHA-256 {found}, the file says {expected}")]
    Hash {
        /// Of the bytes found.
        found: String,
        /// As the file says.
        expected: String,
    },
    /// Not sound safetensors.
    #[error("reading it as safetensors")]
    Safetensors(#[from] SafetensorsError),
    /// A version that this program does not know.
    #[error("format version {found:?}, expected {FORMAT_VERSION:?}")]
    Version {
        /// The version found.
        found: String,
    },
    /// Its recipe cannot be read.
    #[error("the recipe in it")]
    Recipe(#[from] RecipeError),
    /// A value or a list is missing.
    #[error("there is no {name}")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A list that the recipe's training does not have.
    #[error("{name} does not belong to a training by its recipe")]
    Surplus {
        /// Its name.
        name: String,
    },
    /// A value that cannot be.
    #[error("{name} is {found:?}, expected {expected}")]
    Value {
        /// Its name.
        name: &'static str,
        /// The value found.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// A list of another length than the recipe's network has.
    #[error("{name} has shape {found:?}, expected [{expected}]")]
    Length {
        /// Its name.
        name: &'static str,
        /// The shape found.
        found: Vec<usize>,
        /// The length expected.
        expected: usize,
    },
    /// A number that is infinite or none.
    #[error("{name} has {value} at index {index}")]
    NotFinite {
        /// The list.
        name: String,
        /// Where.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A mean of squares, or a variance, below 0.
    #[error("{name} has {value} at index {index}, expected 0 or more")]
    Negative {
        /// The list.
        name: &'static str,
        /// Where.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A training by another recipe.
    #[error("its recipe has {key} = {expected:?}, now it is {found:?}")]
    OtherRecipe {
        /// The first key that differs.
        key: String,
        /// The value now, if there is one.
        found: Option<String>,
        /// The checkpoint's value, if there is one.
        expected: Option<String>,
    },
    /// A training on other data.
    #[error("it was trained on {expected:?}, now it is {found:?}")]
    OtherData {
        /// What there is now.
        found: String,
        /// What the checkpoint says.
        expected: String,
    },
    /// A training on another number of examples.
    #[error("it was trained on {expected} examples, now there are {found}")]
    OtherCount {
        /// How many there are now.
        found: usize,
        /// How many the checkpoint says.
        expected: usize,
    },
    /// A training on as many other examples, or in another order.
    #[error("the examples and their order have SHA-256 {found}, the checkpoint says {expected}")]
    OtherExamples {
        /// Of the examples now.
        found: String,
        /// As the checkpoint says.
        expected: String,
    },
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

    /// The checkpoint as a file, `docs/checkpoints.md`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Task { recipe, trained_on, examples, examples_sha256 } = &self.task;
        let State { best, epoch, sums, .. } = &self.state;
        let mut metadata = vec![
            ("sha256", "0".repeat(HASH.len())),
            ("format", FORMAT.to_string()),
            ("format_version", FORMAT_VERSION.to_string()),
            ("recipe", recipe.to_toml()),
            ("trained_on", trained_on.clone()),
            ("examples", examples.to_string()),
            ("examples_sha256", examples_sha256.clone()),
            ("steps", self.steps().to_string()),
            ("epoch", epoch.to_string()),
            ("epoch_loss", sums.loss.to_string()),
            ("epoch_batch_accuracy", sums.batch_accuracy.to_string()),
        ];
        if let Some(Best { loss, epochs_since, .. }) = best {
            metadata.push(("best_loss", loss.to_string()));
            metadata.push(("best_epochs_since", epochs_since.to_string()));
        }
        let metadata: Vec<_> = metadata.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        let lists = self.lists().into_iter();
        let tensors: Vec<_> = lists
            .map(|(name, list)| (name.to_string(), Array::from_f32(vec![list.len()], list.to_vec())))
            .collect();
        let mut bytes = safetensors::write(&tensors, &metadata);
        seal(&mut bytes);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`]: no checkpoint, an unknown version, cut off, damaged, or one whose parts contradict each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        if bytes.len() < HASH.end || !bytes[8..].starts_with(BEGINNING) {
            return Err(CheckpointError::Beginning { found: bytes.len() });
        }
        let (found, expected) = (digest(bytes), String::from_utf8_lossy(&bytes[HASH]));
        if found != expected {
            return Err(CheckpointError::Hash { found, expected: expected.into() });
        }
        let (tensors, metadata) = safetensors::read(bytes)?;
        let found = Found { metadata, lists: tensors.into_iter().collect() };
        let version = found.text("format_version")?;
        if found.text("format")? != FORMAT || version != FORMAT_VERSION {
            return Err(CheckpointError::Version { found: version.into() });
        }
        let recipe = Recipe::from_toml(found.text("recipe")?.as_bytes())?;
        let task = Task {
            trained_on: found.text("trained_on")?.into(),
            examples: found.number("examples", "a number of examples")?,
            examples_sha256: found.text("examples_sha256")?.into(),
            recipe,
        };
        let state = found.state(&task)?;
        Ok(Checkpoint { task, state })
    }
}

/// Which kind of safetensors file this is.
const FORMAT: &str = "shuzi checkpoint";
/// What follows the eight bytes of the header's length: the hash comes first, so that it is always at the
/// same place.
const BEGINNING: &[u8] = br#"{"__metadata__":{"sha256":""#;
/// Where it is.
const HASH: Range<usize> = 8 + BEGINNING.len()..8 + BEGINNING.len() + 64;

/// Writes the hash of a checkpoint's bytes into its place, which counts as 64 times `0` in it. For who makes
/// a checkpoint by hand; does nothing to bytes that have no such place.
pub fn seal(bytes: &mut [u8]) {
    if bytes.len() >= HASH.end {
        let digest = digest(bytes);
        bytes[HASH].copy_from_slice(digest.as_bytes());
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(&bytes[..HASH.start]);
    hasher.update([b'0'; HASH.end - HASH.start]);
    hasher.update(&bytes[HASH.end..]);
    hexadecimal(hasher)
}

fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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
    hexadecimal(hasher)
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

/// What a file holds.
struct Found {
    metadata: BTreeMap<String, String>,
    lists: BTreeMap<String, Array>,
}

impl Found {
    fn text(&self, name: &str) -> Result<&str, CheckpointError> {
        let text = self.metadata.get(name).map(String::as_str);
        text.ok_or_else(|| CheckpointError::Missing { name: name.into() })
    }

    fn number<T: FromStr>(&self, name: &'static str, expected: &str) -> Result<T, CheckpointError> {
        let text = self.text(name)?;
        text.parse().map_err(|_| unexpected(name, text, expected))
    }

    fn finite<T: FromStr + Into<f64> + Copy>(&self, name: &'static str) -> Result<T, CheckpointError> {
        let number: T = self.number(name, "a number")?;
        if number.into().is_finite() {
            return Ok(number);
        }
        Err(unexpected(name, self.text(name)?, "a finite number"))
    }

    /// The list of that name, of so many finite numbers. One of none is not there.
    fn list(&mut self, name: &'static str, expected: usize) -> Result<Vec<f32>, CheckpointError> {
        if expected == 0 {
            return Ok(vec![]);
        }
        let Some(array) = self.lists.remove(name) else {
            return Err(CheckpointError::Missing { name: name.into() });
        };
        if *array.shape() != [expected] {
            return Err(CheckpointError::Length { name, found: array.shape().to_vec(), expected });
        }
        let list = array.into_f32();
        match list.iter().position(|number| !number.is_finite()) {
            Some(index) => Err(CheckpointError::NotFinite { name: name.into(), index, value: list[index] }),
            None => Ok(list),
        }
    }

    fn network(
        &mut self,
        architecture: &Architecture,
        [parameters, statistics]: [&'static str; 2],
    ) -> Result<Network, CheckpointError> {
        let numbers = self.list(parameters, architecture.parameter_count())?;
        let measured = self.list(statistics, architecture.statistic_count())?;
        for range in architecture.statistic_ranges() {
            let variances = range.start + range.len() / 2..range.end;
            not_negative(statistics, &measured, variances)?;
        }
        Ok(Network::new(architecture.clone(), &numbers, &measured))
    }

    /// The training's state, of which nothing is larger than the lists found.
    fn state(mut self, task: &Task) -> Result<State, CheckpointError> {
        let recipe = &task.recipe.training;
        let architecture = task.recipe.architecture().expect("a recipe that was read is checked");
        let (steps, epoch, sums) = self.position(task)?;
        let network = self.network(&architecture, ["parameters", "statistics"])?;
        let all_steps = step_count(recipe, task.examples);
        let mut optimizer = Optimizer::new(recipe, architecture.parameter_count(), all_steps);
        let [first, second, average] = optimizer.memory().map(<[f32]>::len);
        let memory = [
            self.list("first_moment", first)?,
            self.list("second_moment", second)?,
            self.list("average", average)?,
        ];
        not_negative("second_moment", &memory[1], 0..second)?;
        optimizer.restore(steps, memory.each_ref().map(Vec::as_slice));
        let last_good = self.network(&architecture, ["last_good_parameters", "last_good_statistics"])?;
        let best = match recipe.early_stopping {
            Some(EarlyStopping { patience }) if epoch > 0 => {
                let epochs_since = self.number("best_epochs_since", "a number of epochs")?;
                if epochs_since >= patience.min(epoch) {
                    let expected = format!("less than {}", patience.min(epoch));
                    return Err(unexpected("best_epochs_since", epochs_since, &expected));
                }
                let network = self.network(&architecture, ["best_parameters", "best_statistics"])?;
                Some(Best { network, loss: self.finite("best_loss")?, epochs_since })
            }
            _ => None,
        };
        if let Some((name, _)) = self.lists.pop_first() {
            return Err(CheckpointError::Surplus { name });
        }
        Ok(State { network, optimizer, last_good, best, epoch, sums })
    }

    /// Steps taken, epochs that are over, and the sums of the one that is not.
    fn position(&self, task: &Task) -> Result<(u64, usize, EpochSums), CheckpointError> {
        /// As many as indices can name.
        const MAX_EXAMPLES: usize = u32::MAX as usize;
        let recipe = &task.recipe.training;
        let fewest = recipe.batch_size.of(1);
        if !(fewest..=MAX_EXAMPLES).contains(&task.examples) {
            let expected = format!("{fewest} to {MAX_EXAMPLES}");
            return Err(unexpected("examples", task.examples, &expected));
        }
        let epoch: usize = self.number("epoch", "a number of epochs")?;
        if epoch >= recipe.epochs {
            return Err(unexpected("epoch", epoch, &format!("less than {}", recipe.epochs)));
        }
        let per_epoch = steps_per_epoch(recipe, task.examples) as u64;
        let (before, steps) = (epoch as u64 * per_epoch, self.number("steps", "a number of steps")?);
        if !(before..=before + per_epoch).contains(&steps) {
            return Err(unexpected("steps", steps, &format!("{before} to {}", before + per_epoch)));
        }
        let sums = EpochSums {
            steps: (steps - before) as usize,
            loss: self.finite("epoch_loss")?,
            batch_accuracy: self.finite("epoch_batch_accuracy")?,
        };
        Ok((steps, epoch, sums))
    }
}

fn unexpected(name: &'static str, found: impl ToString, expected: &str) -> CheckpointError {
    CheckpointError::Value { name, found: found.to_string(), expected: expected.into() }
}

fn not_negative(name: &'static str, list: &[f32], range: Range<usize>) -> Result<(), CheckpointError> {
    match range.into_iter().find(|&index| list[index] < 0.0) {
        Some(index) => Err(CheckpointError::Negative { name, index, value: list[index] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
