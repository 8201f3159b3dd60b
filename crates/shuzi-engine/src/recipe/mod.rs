//! Recipes: what to train and how, as data. The TOML text is the one source of every setting.
//!
//! In: TOML, and single values that override it. Out: a [`Recipe`] whose values were checked.
//! Knows nothing of files; the recipes that come with shuzi are part of the library.

mod by_size;
mod error;
mod fine_tuning;
mod range;
pub mod schedule;
mod training;

pub use self::{
    error::RecipeError,
    fine_tuning::FineTuning,
    range::{MAX_EPOCHS, Range},
    schedule::Schedule,
    training::{
        Additions, All, Averaging, BatchSize, Distillation, EarlyStopping, LastBatch, OptimizerKind,
        Statistics, TrainingRecipe,
    },
};
use self::{
    error::{explain, nearest},
    range::check,
};
use crate::{
    classes::Classes,
    network::{Architecture, ArchitectureError, ConvKind, InitialWeights, LayerKind, Storage},
    preprocess::PixelScale,
};
use serde::{Deserialize, Serialize};

/// The recipes that come with shuzi: name and TOML text.
pub const BUILT_IN: [(&str, &str); 10] = [
    ("classic", include_str!("../../recipes/classic.toml")),
    ("mlp", include_str!("../../recipes/mlp.toml")),
    ("mlp-large", include_str!("../../recipes/mlp-large.toml")),
    ("quick", include_str!("../../recipes/quick.toml")),
    ("good", include_str!("../../recipes/good.toml")),
    ("micro", include_str!("../../recipes/micro.toml")),
    ("tiny", include_str!("../../recipes/tiny.toml")),
    ("small", include_str!("../../recipes/small.toml")),
    ("best", include_str!("../../recipes/best.toml")),
    ("photo", include_str!("../../recipes/photo.toml")),
];

/// A recipe's TOML text may have at most so many bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// So many examples of a kind can be added to the training examples.
pub const MAX_ADDITIONS: usize = 1_000_000;

/// What to train and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is called.
    pub name: String,
    /// The layers and their beginning.
    pub network: NetworkRecipe,
    /// The way from there.
    pub training: TrainingRecipe,
}

/// The layers and their beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NetworkRecipe {
    /// What the bytes of an image become.
    pub pixels: PixelScale,
    /// The layers from pixels to logits.
    pub layers: Vec<LayerKind>,
    /// How the weights start.
    pub initial_weights: InitialWeights,
}

/// What is written in TOML, unchecked.
pub(crate) fn parse<R: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<R, RecipeError> {
    if bytes.len() > MAX_BYTES {
        return Err(RecipeError::TooLong { found: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| RecipeError::NotText)?;
    toml::from_str(text).map_err(|error| explain(&error, text))
}

impl Recipe {
    /// The built-in recipe of that name.
    ///
    /// # Errors
    ///
    /// [`RecipeError::UnknownName`], with the nearest name there is.
    pub fn built_in(name: &str) -> Result<Recipe, RecipeError> {
        let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) else {
            let nearest = nearest(name, BUILT_IN.iter().map(|(name, _)| *name));
            return Err(RecipeError::UnknownName { name: name.into(), nearest });
        };
        Ok(Recipe::from_toml(text.as_bytes()).expect("built-in recipes are tested"))
    }

    /// Reads TOML text and checks every value.
    ///
    /// # Errors
    ///
    /// [`RecipeError`], with the line of what is no recipe, or the key whose value is out of range.
    pub fn from_toml(bytes: &[u8]) -> Result<Recipe, RecipeError> {
        let recipe: Recipe = parse(bytes)?;
        recipe.check()?;
        Ok(recipe)
    }

    /// The recipe as TOML; [`from_toml`](Self::from_toml) reads it back.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every recipe can be written")
    }

    /// Checks every value, for a recipe that was changed after it was read.
    ///
    /// # Errors
    ///
    /// [`RecipeError`]: a value out of its range, or layers that make no network.
    pub fn check(&self) -> Result<(), RecipeError> {
        let architecture = self.architecture()?;
        if self.training.storage == Storage::I8 {
            architecture.check_quantizable()?;
        }
        if let InitialWeights::Normal(deviation) = self.network.initial_weights {
            check("network.initial-weights.normal", deviation, Range::NotNegative)?;
        }
        self.training.check()
    }

    /// The same for data of these classes: the last layer with weights gets an output for each, whatever number stands there.
    ///
    /// # Errors
    ///
    /// [`RecipeError::Additions`] if it adds digits to what are none, [`RecipeError::Layers`] if no such layer gives the
    /// logits.
    pub fn for_classes(mut self, classes: &Classes) -> Result<Recipe, RecipeError> {
        if self.training.additions.is_some() && !classes.are_digits() {
            return Err(RecipeError::Additions { classes: classes.clone() });
        }
        let outputs = self.network.layers.iter_mut().rev().find_map(|layer| match layer {
            LayerKind::Linear(outputs) | LayerKind::Conv(ConvKind { channels: outputs, .. }) => Some(outputs),
            _ => None,
        });
        if let Some(outputs) = outputs {
            *outputs = classes.count();
        }
        if self.architecture()?.classes() != classes.count() {
            return Err(ArchitectureError::LastLayer.into());
        }
        Ok(self)
    }

    /// The layers of its network.
    ///
    /// # Errors
    ///
    /// [`ArchitectureError`]: layers that do not fit on each other.
    pub fn architecture(&self) -> Result<Architecture, ArchitectureError> {
        Architecture::new(self.network.pixels, &self.network.layers)
    }
}

#[cfg(test)]
mod tests;
