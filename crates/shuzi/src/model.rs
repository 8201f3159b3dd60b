//! A trained network and what is known of how it came to be.

use crate::{model_names, shipped};
use shuzi_engine::model;

/// A trained network, its classes, and how it came to be.
///
/// ```
/// # #[cfg(feature = "photo")]
/// # fn main() -> Result<(), shuzi::ModelError> {
/// let model = shuzi::Model::named("photo")?;
/// assert_eq!(model.classes().count(), 10);
/// let again = shuzi::Model::from_bytes(&model.to_bytes())?;
/// assert_eq!(again, model);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "photo"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(crate) inner: model::Model,
}

impl Model {
    /// A model that is inside the library; [`model_names`] lists them.
    ///
    /// # Errors
    ///
    /// [`ModelErrorKind::UnknownName`], which names those that there are.
    pub fn named(name: &str) -> Result<Model, ModelError> {
        let bytes = shipped::bytes(name).ok_or_else(|| ModelError(Fault::UnknownName(name.into())))?;
        Model::from_bytes(bytes)
    }

    /// Reads a model file: safetensors as [`to_bytes`](Self::to_bytes) writes it, or with the feature `numpy` the tutorial's `.npy` or an
    /// `.npz`. Its first bytes say which.
    ///
    /// # Errors
    ///
    /// [`ModelErrorKind::Invalid`]: another file, a damaged one, or layers that do not fit together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
        model::Model::from_bytes(bytes)
            .map(|inner| Model { inner })
            .map_err(|fault| ModelError(Fault::Invalid(fault)))
    }

    /// The model as a safetensors file, with its layers, classes and recipe in the metadata (`docs/model-file.md`).
    pub fn to_bytes(&self) -> Vec<u8> {
        self.inner.to_safetensors()
    }

    /// The model as an ONNX file, opset 17: from `pixels` `[batch, 28, 28]` of 0 to 255 to `probabilities` and `logits` `[batch, classes]`.
    #[cfg(feature = "onnx")]
    pub fn to_onnx(&self) -> Vec<u8> {
        self.inner.to_onnx(model::InputShape::Nhw)
    }

    /// The weights as an `.npz` with the tutorial's names: `w1`, `b1`, `w2`, …; of linear layers only.
    #[cfg(feature = "numpy")]
    pub fn to_npz(&self) -> Vec<u8> {
        self.inner.to_npz()
    }

    /// The names of its classes, by label.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.inner.classes.names()
    }

    /// How many numbers were learned.
    pub fn parameters(&self) -> usize {
        self.inner.network.parameters().len()
    }

    /// The SHA-256 of the weights, in hexadecimal: equal for equal weights.
    pub fn weights_sha256(&self) -> String {
        self.inner.weights_sha256()
    }
}

/// A model that could not be had; its text says what was found.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ModelError(Fault);

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("no model is called {0:?}; inside are {names}", names = model_names().collect::<Vec<_>>().join(", "))]
    UnknownName(String),
    #[error(transparent)]
    Invalid(model::ModelError),
}

/// What kind of [`ModelError`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// No model of this name is inside; perhaps its feature is off.
    UnknownName,
    /// Bytes that are no model.
    Invalid,
}

impl ModelError {
    /// What kind of error it is, for programs.
    pub fn kind(&self) -> ModelErrorKind {
        match self.0 {
            Fault::UnknownName(_) => ModelErrorKind::UnknownName,
            Fault::Invalid(_) => ModelErrorKind::Invalid,
        }
    }
}
