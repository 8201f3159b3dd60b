//! What to train and how: layers, optimiser, schedule, augmentation.

use shuzi_engine::recipe;

/// What to train and how. Built in are those of the table in `docs/accuracy.md`; others are TOML files of the same form.
///
/// ```
/// # fn main() -> Result<(), shuzi::RecipeError> {
/// let recipe = shuzi::Recipe::named("classic")?.with_epochs(10).with_seed(7);
/// assert_eq!((recipe.name(), recipe.epochs()), ("classic", 10));
/// assert_eq!(shuzi::Recipe::from_toml(&recipe.to_toml())?, recipe);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    pub(crate) inner: recipe::Recipe,
}

impl Recipe {
    /// A built-in recipe; [`names`](Self::names) lists them.
    ///
    /// # Errors
    ///
    /// [`RecipeError`], if none has this name.
    pub fn named(name: &str) -> Result<Recipe, RecipeError> {
        recipe::Recipe::built_in(name).map(|inner| Recipe { inner }).map_err(RecipeError)
    }

    /// The names of the built-in recipes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        recipe::BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Reads a recipe.
    ///
    /// # Errors
    ///
    /// [`RecipeError`], with the line and what was expected.
    pub fn from_toml(text: &str) -> Result<Recipe, RecipeError> {
        recipe::Recipe::from_toml(text.as_bytes()).map(|inner| Recipe { inner }).map_err(RecipeError)
    }

    /// The recipe as TOML, every value included.
    pub fn to_toml(&self) -> String {
        self.inner.to_toml()
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// How often each image is seen.
    pub fn epochs(&self) -> usize {
        self.inner.training.epochs
    }

    /// The same with another number of epochs.
    ///
    /// # Panics
    ///
    /// If it is 0 or above 1,000,000.
    pub fn with_epochs(mut self, epochs: usize) -> Recipe {
        self.inner.training.epochs = epochs;
        self.checked("epochs")
    }

    /// The same with another number of images in a mini-batch.
    ///
    /// # Panics
    ///
    /// If it is 0.
    pub fn with_batch_size(mut self, batch_size: usize) -> Recipe {
        self.inner.training.batch_size = recipe::BatchSize::Examples(batch_size);
        self.checked("batch size")
    }

    /// The same with another (peak) learning rate.
    ///
    /// # Panics
    ///
    /// If it is not a finite number above 0.
    pub fn with_learning_rate(mut self, learning_rate: f32) -> Recipe {
        self.inner.training.learning_rate = learning_rate;
        self.checked("learning rate")
    }

    /// The same with another seed, from which all random choices are drawn.
    pub fn with_seed(mut self, seed: u64) -> Recipe {
        self.inner.training.seed = seed;
        self
    }

    fn checked(self, what: &str) -> Recipe {
        if let Err(fault) = self.inner.check() {
            panic!("Recipe: {what}: {fault}");
        }
        self
    }
}

/// A recipe that cannot be read or used; its text says where and what was expected.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RecipeError(pub(crate) recipe::RecipeError);
