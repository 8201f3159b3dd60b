//! A model: a trained network and its record, to bytes and back.
//!
//! In and out: shuzi's own [`safetensors`] file, and the tutorial's [`npy`] and [`npz`] files
//! (`w1,b1,w2,b2,…`). Out only: [ONNX](Model::to_onnx), for other runtimes, and [C](Model::to_c). Bytes are mistrusted here,
//! once; behind this border the shapes fit and every weight is a finite number. Knows nothing of files.

pub mod arrays;
mod c;
mod error;
mod fully_connected;
mod initial;
mod int8;
#[cfg(feature = "lines")]
mod lines;
mod native;
#[cfg(feature = "numpy")]
pub mod npy;
#[cfg(feature = "numpy")]
pub mod npz;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "numpy")]
pub mod pickle;
#[cfg(feature = "onnx")]
mod protobuf;
pub mod safetensors;

#[cfg(feature = "numpy")]
pub use self::initial::batch_order;
#[cfg(feature = "lines")]
pub use self::lines::{CalibratedLines, line_network_from_bytes, line_network_to_safetensors};
#[cfg(feature = "onnx")]
pub use self::onnx::InputShape;
use self::{arrays::Array, native::read_native};
pub use self::{
    error::ModelError,
    initial::initial_weights,
    native::{FORMAT_VERSION, INT8_FORMAT_VERSION, LAYERS_FORMAT_VERSION},
};
#[cfg(feature = "numpy")]
use self::{fully_connected::tutorial_network, npy::Content};
#[cfg(feature = "numpy")]
use crate::preprocess::PixelScale;
use crate::{classes::Classes, hash::hexadecimal, network::Network, recipe::Recipe};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A network and what is known of how it came to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The function from pixels to logits.
    pub network: Network,
    /// What each logit is for: as many as there are logits.
    pub classes: Classes,
    /// How it came to be.
    pub record: Record,
}

/// How a network came to be; empty for a file of another program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// What it was trained by, the seed included.
    pub recipe: Option<Recipe>,
    /// What it was trained on, in words.
    pub trained_on: Option<String>,
    /// How many test images it was tested on, and how many it read right.
    pub test: Option<TestResult>,
    /// By what to divide the logits so that the network is as sure as it is right: a finite number
    /// above 0, chosen on the validation part.
    pub temperature: Option<f64>,
}

impl Record {
    /// Itself as keys and texts, for a file's metadata; what is not known is not there.
    fn texts(&self) -> Vec<(&'static str, String)> {
        let mut texts = vec![];
        if let Some(recipe) = &self.recipe {
            texts.push(("recipe", recipe.to_toml()));
            texts.push(("seed", recipe.training.seed.to_string()));
        }
        if let Some(trained_on) = &self.trained_on {
            texts.push(("trained_on", trained_on.clone()));
        }
        if let Some(test) = self.test {
            texts.push(("test_accuracy", (test.correct as f64 / test.count as f64).to_string()));
            texts.push(("test_correct", test.correct.to_string()));
            texts.push(("test_count", test.count.to_string()));
        }
        if let Some(temperature) = self.temperature {
            texts.push(("temperature", temperature.to_string()));
        }
        texts
    }
}

/// What a test gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// Images.
    pub count: usize,
    /// Images read right.
    pub correct: usize,
}

impl Model {
    fn new(network: Network, classes: Classes, record: Record) -> Result<Model, ModelError> {
        let (outputs, names) = (network.architecture().classes(), classes.count());
        if outputs == names {
            Ok(Model { network, classes, record })
        } else {
            Err(ModelError::ClassCount { outputs, names })
        }
    }

    /// Reads a model in any of the three formats, which its first bytes distinguish.
    ///
    /// # Errors
    ///
    /// [`ModelError`]: none of the formats, an unknown version, arrays that make no network, or a hash that is not that of the weights.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
        match Arrays::from_bytes(bytes)? {
            Arrays::Native(arrays, metadata) => read_native(arrays, &metadata),
            #[cfg(feature = "numpy")]
            Arrays::Numpy(arrays) => {
                let network = tutorial_network(arrays, "", PixelScale::Raw)?;
                Model::new(network, Classes::digits(), Record::default())
            }
        }
    }

    /// The tutorial's `.npy`: a pickled dictionary `w1,b1,w2,b2,…` of float64. Of a network that is not
    /// [fully connected](crate::network::Architecture::is_fully_connected) it has only the linear layers.
    #[cfg(feature = "numpy")]
    pub fn to_npy(&self) -> Vec<u8> {
        npy::write_dictionary(&self.tutorial_arrays())
    }

    /// An `.npz` with the same arrays.
    #[cfg(feature = "numpy")]
    pub fn to_npz(&self) -> Vec<u8> {
        npz::write(&self.tutorial_arrays())
    }

    /// An ONNX file, opset 17: from `pixels` of 0 to 255 in this shape to `probabilities` and `logits`, `[batch, classes]`
    /// (`docs/model-file.md`). With it what is known of the model, as text.
    #[cfg(feature = "onnx")]
    pub fn to_onnx(&self, input: InputShape) -> Vec<u8> {
        let mut metadata = vec![("weights_sha256", self.weights_sha256())];
        metadata.extend(self.record.recipe.as_ref().map(|recipe| ("name", recipe.name.clone())));
        metadata.extend(self.classes_text());
        metadata.extend(self.record.texts());
        onnx::write(
            &self.network,
            input,
            &self.classes,
            self.record.temperature.map(|temperature| temperature as f32),
            &metadata,
        )
    }

    /// SHA-256 of all numbers as little-endian float32, in the order of the
    /// [tensors](crate::network::Architecture::tensors), of a quantised network of these as its file has them; in hexadecimal. Equal hashes
    /// mean equal networks to the last bit.
    pub fn weights_sha256(&self) -> String {
        let Some(quantized) = self.network.quantized() else { return weights_sha256(&self.network) };
        let mut hasher = Sha256::new();
        int8::tensors(quantized).iter().for_each(|tensor| hasher.update(&tensor.bytes));
        hexadecimal(&hasher.finalize())
    }
}

/// SHA-256 of a network's numbers, which is not quantised.
fn weights_sha256(network: &Network) -> String {
    let mut hasher = Sha256::new();
    for tensor in network.architecture().tensors() {
        for number in network.tensor(&tensor) {
            hasher.update(number.to_le_bytes());
        }
    }
    hexadecimal(&hasher.finalize())
}

/// The first bytes of a `.npy` file.
const NPY_MAGIC: &[u8] = b"\x93NUMPY";
/// The first bytes of a `.npz` file, a ZIP archive.
const NPZ_MAGIC: &[u8] = b"PK\x03\x04";

/// The arrays of a file, before anyone knows their meaning, and the text beside them.
enum Arrays {
    Native(Vec<(String, Array)>, BTreeMap<String, String>),
    #[cfg(feature = "numpy")]
    Numpy(Vec<(String, Array)>),
}

impl Arrays {
    #[cfg(feature = "numpy")]
    fn from_bytes(bytes: &[u8]) -> Result<Arrays, ModelError> {
        if bytes.starts_with(NPY_MAGIC) {
            match npy::read(bytes)? {
                Content::Dictionary(arrays) => Ok(Arrays::Numpy(arrays)),
                Content::Array(_) => Err(ModelError::SingleArray),
            }
        } else if bytes.starts_with(NPZ_MAGIC) {
            Ok(Arrays::Numpy(npz::read(bytes)?))
        } else {
            Self::native(bytes)
        }
    }

    #[cfg(not(feature = "numpy"))]
    fn from_bytes(bytes: &[u8]) -> Result<Arrays, ModelError> {
        if bytes.starts_with(NPY_MAGIC) || bytes.starts_with(NPZ_MAGIC) {
            return Err(ModelError::NumpyIsOff);
        }
        Self::native(bytes)
    }

    fn native(bytes: &[u8]) -> Result<Arrays, ModelError> {
        let (arrays, metadata) = safetensors::read_all(bytes)?;
        Ok(Arrays::Native(arrays, metadata))
    }
}

#[cfg(test)]
mod tests;
