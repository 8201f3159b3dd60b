//! Why bytes are no checkpoint, or one of another training.

use super::file::FORMAT_VERSION;
use crate::{model::safetensors::SafetensorsError, recipe::RecipeError};

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
