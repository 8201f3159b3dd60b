//! What a line reader is made of and how it is trained, as data: `recipes/lines.toml`.

use crate::{
    network::{Architecture, InitialWeights, LayerKind, Network},
    recipe::{RecipeError, TrainingRecipe, parse},
    signs::SIGNS,
};
use rand::SeedableRng;
use serde::{Deserialize, Serialize};

/// A line network and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LineRecipe {
    /// What it is called.
    pub name: String,
    /// Strips that are drawn, each once.
    pub strips: u64,
    /// The layers.
    pub network: LineNetwork,
    /// As of other recipes; each strip is seen in one epoch.
    pub training: TrainingRecipe,
}

/// The layers of a line network: from strips of any width to one row of logits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LineNetwork {
    /// From the strip to a number for each sign and the blank.
    pub layers: Vec<LayerKind>,
    /// What training begins with.
    pub initial_weights: InitialWeights,
}

impl LineRecipe {
    /// Reads a recipe.
    ///
    /// # Errors
    ///
    /// If it is no recipe, a number is out of range, or the layers do not fit.
    pub fn from_toml(bytes: &[u8]) -> Result<Self, RecipeError> {
        let recipe: LineRecipe = parse(bytes)?;
        recipe.training.check()?;
        recipe.architecture()?;
        Ok(recipe)
    }

    /// The steps of its training.
    pub fn steps(&self) -> u64 {
        self.strips.div_ceil(self.training.batch_size.of(usize::MAX) as u64)
    }

    fn architecture(&self) -> Result<Architecture, RecipeError> {
        Ok(Architecture::of_lines(&self.network.layers, SIGNS + 1)?)
    }

    /// The network that training begins with.
    ///
    /// # Panics
    ///
    /// If the recipe was changed so that its layers do not fit any more.
    pub fn initial_network(&self) -> Network {
        let architecture = self.architecture().expect("the recipe was checked");
        let mut rng = crate::Rng::seed_from_u64(self.training.seed);
        Network::random(architecture, self.network.initial_weights, &mut rng)
    }
}
