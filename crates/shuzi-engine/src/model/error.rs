//! Why bytes are no model: one variant for each thing that may be wrong with a file.
//!
//! Each carries what was found and what was expected, and the errors of the formats as their source. Knows neither files nor the
//! words of any language but English; the program explains them.

use super::{FORMAT_VERSION, INT8_FORMAT_VERSION, LAYERS_FORMAT_VERSION, safetensors::SafetensorsError};
#[cfg(feature = "numpy")]
use super::{npy::NpyError, npz::NpzError};
use crate::{
    classes::ClassesError,
    network::{ArchitectureError, QuantizationError},
    recipe::RecipeError,
};

/// Bytes that are no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Not a safetensors file.
    #[error("reading it as safetensors")]
    Safetensors(#[from] SafetensorsError),
    /// A file of NumPy, which only the feature `numpy` reads.
    #[cfg(not(feature = "numpy"))]
    #[error("a NumPy file, which is read with the feature numpy only")]
    NumpyIsOff,
    /// Not a `.npy` file.
    #[cfg(feature = "numpy")]
    #[error("reading it as .npy")]
    Npy(#[from] NpyError),
    /// Not a `.npz` file.
    #[cfg(feature = "numpy")]
    #[error("reading it as .npz")]
    Npz(#[from] NpzError),
    /// A `.npy` file with one array instead of a dictionary of weights.
    #[cfg(feature = "numpy")]
    #[error("the .npy file holds one array, expected a dictionary w1, b1, w2, b2, …")]
    SingleArray,
    /// A version of the native file that this program does not know.
    #[error(
        "format version {found:?}, expected {FORMAT_VERSION:?}, {LAYERS_FORMAT_VERSION:?} or {INT8_FORMAT_VERSION:?}"
    )]
    Version {
        /// The version found.
        found: String,
    },
    /// A weight or bias is missing.
    #[error("there is no array {name}")]
    Missing {
        /// Its name.
        name: String,
    },
    /// An array that is no weight or bias of the network.
    #[error("array {name} belongs to no layer")]
    Surplus {
        /// Its name.
        name: String,
    },
    /// An array of the wrong shape.
    #[error("array {name} has shape {found:?}, expected {expected}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape found.
        found: Vec<usize>,
        /// The shape expected.
        expected: String,
    },
    /// A weight that is infinite or not a number.
    #[error("array {name} has {value} at index {index}")]
    NotFinite {
        /// The array.
        name: String,
        /// Where, counted row by row.
        index: usize,
        /// The value.
        value: f32,
    },
    /// Layers that make no network.
    #[error("its layers")]
    Architecture(#[from] ArchitectureError),
    /// Layers that only a recipe could name.
    #[error("a file of version {LAYERS_FORMAT_VERSION} without its recipe")]
    NoRecipe,
    /// Layers that are not those of the recipe beside them, or that cannot be read where there is only they.
    #[error("layers {found:?}, expected those of its network, as JSON")]
    Layers {
        /// The text found; empty if there is none.
        found: String,
    },
    /// A variance that is none.
    #[error("array {name} has {value} at index {index}, expected 0 or more")]
    Negative {
        /// The array.
        name: String,
        /// Where, counted row by row.
        index: usize,
        /// The value.
        value: f32,
    },
    /// Names that are none of classes.
    #[error("its classes")]
    Classes(#[from] ClassesError),
    /// Another number of outputs than of classes.
    #[error("its network has {outputs} outputs, but the file names {names} classes")]
    ClassCount {
        /// What the network has.
        outputs: usize,
        /// How many names there are; without names the ten digits.
        names: usize,
    },
    /// An integer outside of its range, or none.
    #[error("array {name} has {value} at index {index}, expected {expected}")]
    Integer {
        /// The array.
        name: String,
        /// Where.
        index: usize,
        /// The number.
        value: i64,
        /// The range.
        expected: &'static str,
    },
    /// Integers that make no network.
    #[error("its int8 numbers")]
    Quantization(#[from] QuantizationError),
    /// Its recipe cannot be read.
    #[error("the recipe in it")]
    Recipe(#[from] RecipeError),
    /// A temperature that is no finite number above 0.
    #[error("temperature {found:?}, expected a number above 0")]
    Temperature {
        /// The text found.
        found: String,
    },
    /// A calibration that is no scale above 0 and a shift.
    #[error("calibration {found:?}, expected a scale above 0 and a shift")]
    Calibration {
        /// The text found.
        found: String,
    },
    /// Its hash is not that of its weights.
    #[error("the weights have SHA-256 {found}, the file says {expected}")]
    Hash {
        /// Of the weights found.
        found: String,
        /// As the file says.
        expected: String,
    },
}
