//! A checkpoint as a file (`docs/checkpoints.md`): safetensors with a hash over all its bytes.
//!
//! In: a [`Checkpoint`], or bytes, which are mistrusted. Out: bytes, or a checkpoint whose lists have the lengths that its
//! recipe's network needs, all numbers finite. Opens no file.

use super::{Checkpoint, CheckpointError, Task};
use crate::{
    hash::hexadecimal,
    model::{
        arrays::Array,
        safetensors::{self, MAX_HEADER},
    },
    network::{Architecture, MAX_NUMBERS, Network},
    recipe::{EarlyStopping, Recipe},
    training::{
        data::{step_count, steps_per_epoch},
        optimizer::{MEMORY, Optimizer},
        state::{Best, EpochSums, State},
    },
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, ops::Range, str::FromStr};

/// The version of the file; a reader refuses others.
pub const FORMAT_VERSION: &str = "1";
/// No checkpoint has more bytes: its lists are the weights, what batch normalisation measured, each of them three
/// times, and what the optimizer remembers.
pub const MAX_BYTES: u64 = (MAX_HEADER + 4 * (6 + MEMORY) * MAX_NUMBERS) as u64;

impl Checkpoint {
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
    hexadecimal(&hasher.finalize())
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
