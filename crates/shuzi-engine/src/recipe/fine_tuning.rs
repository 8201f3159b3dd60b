//! Fine-tuning: a trained network learns a little more, of examples that are its user's own.
//!
//! In: the recipe that a network was trained by. Out: one that goes gently on from there. What was learned before is rehearsed
//! meanwhile, so that it is not forgotten; `training/rehearsal.rs` mixes the examples.

use super::{Additions, MAX_ADDITIONS, Range, Recipe, RecipeError, Schedule, TrainingRecipe, range::check};
use serde::{Deserialize, Serialize};

/// What a training goes on from, and what it rehearses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FineTuning {
    /// Where the trained network is: the name of a shipped model, a run folder or a model file. The library opens none.
    pub from: String,
    /// The hash of its weights, written down when training begins: from then on it must be this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_sha256: Option<String>,
    /// Examples of what it knows that are mixed in.
    pub rehearsal: usize,
    /// The fraction of all examples that are the user's own, 0 to below 1: fewer are repeated until they are so many.
    pub own: f32,
}

impl FineTuning {
    /// From this network, as [`Recipe::fine_tuning`] does it.
    pub fn new(from: String, from_sha256: String) -> Self {
        FineTuning { from, from_sha256: Some(from_sha256), rehearsal: REHEARSAL, own: OWN }
    }

    pub(super) fn check(&self) -> Result<(), RecipeError> {
        let any_number = Range::Between(0.0, MAX_ADDITIONS as f32);
        check("training.fine-tuning.rehearsal", self.rehearsal as f32, any_number)?;
        check("training.fine-tuning.own", self.own, Range::BelowOne)
    }
}

const REHEARSAL: usize = 4000;
const OWN: f32 = 0.25;
const EPOCHS: usize = 5;
/// Of the learning rate that the network was trained with.
const LEARNING_RATE: f32 = 0.05;
/// Times that rate, where the last layer begins anew.
const FASTER: f32 = 5.0;
/// Examples that [additions](Additions) were meant to be beside: as many as MNIST has.
const USUAL: usize = 60_000;

impl Recipe {
    /// How to fine-tune a network of this recipe (docs/lab/own-data.md says how it was chosen): at a twentieth of its learning rate, which
    /// falls to 0; with its augmentation and its share of [additions](Additions). All examples are trained on.
    pub fn fine_tuning(&self, from: FineTuning) -> Recipe {
        let share = |count: usize| count * from.rehearsal / USUAL;
        let additions = self
            .training
            .additions
            .map(|Additions { digits, others }| Additions { digits: share(digits), others: share(others) });
        let training = TrainingRecipe {
            epochs: EPOCHS,
            learning_rate: self.training.learning_rate * LEARNING_RATE,
            schedule: Schedule::Linear { warmup: 0.1 },
            averaging: None,
            distillation: None,
            early_stopping: None,
            validation: 0,
            seed: 0,
            additions,
            fine_tuning: Some(from),
            ..self.training.clone()
        };
        let name = self.name.strip_suffix(SUFFIX).unwrap_or(&self.name);
        Recipe { name: format!("{name}{SUFFIX}"), network: self.network.clone(), training }
    }
}

impl Recipe {
    /// A [fine-tuning](Self::fine_tuning) for classes that the network does not know: its last layer begins anew, which takes larger
    /// steps and more epochs. Nothing is added, as that is drawn for digits.
    pub fn with_new_classes(mut self) -> Recipe {
        self.training.epochs *= 2;
        self.training.learning_rate *= FASTER;
        self.training.additions = None;
        self
    }
}

/// What names of such recipes end in.
const SUFFIX: &str = "-tuned";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{BUILT_IN, RecipeError};

    #[test]
    fn every_recipe_has_one_that_goes_on_from_it() {
        for (name, _) in BUILT_IN {
            let recipe = Recipe::built_in(name).unwrap();
            let tuned = recipe.fine_tuning(FineTuning::new("photo".into(), "0123".into()));
            assert_eq!(tuned.check(), Ok(()));
            assert_eq!(Recipe::from_toml(tuned.to_toml().as_bytes()).unwrap(), tuned, "{}", tuned.to_toml());
            assert_eq!((&tuned.name, &tuned.network), (&format!("{name}-tuned"), &recipe.network));
            let anew = tuned.clone().with_new_classes();
            assert_eq!((anew.check(), anew.training.additions), (Ok(()), None));
            assert!(anew.training.learning_rate < recipe.training.learning_rate);
            let again = tuned.fine_tuning(FineTuning::new("runs/photo-tuned-1".into(), "4567".into()));
            assert_eq!(again.name, tuned.name);
        }
    }

    #[test]
    fn its_mistakes_are_named() {
        let with = |lines: &str| {
            Recipe::from_toml(format!("{}\n[training.fine-tuning]\n{lines}", BUILT_IN[0].1).as_bytes())
        };
        assert!(with("from = \"small\"\nrehearsal = 0\nown = 0").is_ok());
        for (lines, key) in [
            ("from = \"small\"\nrehearsal = 1000001\nown = 0.5", "rehearsal"),
            ("from = \"small\"\nrehearsal = 10\nown = 1", "own"),
            ("from = \"small\"\nrehearsal = 10\nown = -0.1", "own"),
        ] {
            let error = with(lines).unwrap_err();
            let RecipeError::OutOfRange { key: found, .. } = &error else { panic!("{lines}: {error:?}") };
            assert_eq!(found.strip_prefix("training.fine-tuning."), Some(key), "{error}");
        }
    }
}
