//! A model: a trained network and its record, to bytes and back.
//!
//! In and out: shuzi's own [`safetensors`] file, and the tutorial's [`npy`] and [`npz`] files
//! (`w1,b1,w2,b2,…`). Out only: [ONNX](Model::to_onnx), for other runtimes, and [C](Model::to_c). Bytes are mistrusted here,
//! once; behind this border the shapes fit and every weight is a finite number. Knows nothing of files.

pub mod arrays;
mod c;
mod int8;
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

#[cfg(feature = "onnx")]
pub use onnx::InputShape;

use self::{arrays::Array, safetensors::SafetensorsError};
#[cfg(feature = "numpy")]
use self::{
    npy::{Content, NpyError},
    npz::NpzError,
};
use crate::{
    classes::{Classes, ClassesError},
    image::PIXELS,
    network::{
        Architecture, ArchitectureError, LayerKind, Network, Place, QuantizationError, Storage, Tensor,
    },
    preprocess::PixelScale,
    recipe::{Recipe, RecipeError},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The version of a native file with fully connected layers; a reader refuses what it does not know.
pub const FORMAT_VERSION: &str = "1";
/// The key of the layers, for readers that know no recipes.
const LAYERS: &str = "layers";
/// The key of the names of what is told apart, where these are not the digits.
const CLASSES: &str = "classes";
/// The version of a native file with other layers too, which follow from its recipe.
pub const LAYERS_FORMAT_VERSION: &str = "2";
/// The version of a native file in int8, which tells its layers itself.
pub const INT8_FORMAT_VERSION: &str = "3";

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
    /// Layers that only a recipe could tell.
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
    #[error("its network tells {outputs} classes apart, but the file names {names}")]
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
    /// Whole numbers that make no network.
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
    /// Its hash is not that of its weights.
    #[error("the weights have SHA-256 {found}, the file says {expected}")]
    Hash {
        /// Of the weights found.
        found: String,
        /// As the file says.
        expected: String,
    },
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

    /// Reads a model in any of the three formats, told by its first bytes.
    ///
    /// # Errors
    ///
    /// [`ModelError`]: none of the formats, an unknown version, arrays that make no network, or a hash that is not that of the weights.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, ModelError> {
        match Arrays::from_bytes(bytes)? {
            Arrays::Native(arrays, metadata) => native(arrays, &metadata),
            #[cfg(feature = "numpy")]
            Arrays::Numpy(arrays) => {
                let network = tutorial_network(arrays, "", PixelScale::Raw)?;
                Model::new(network, Classes::digits(), Record::default())
            }
        }
    }

    /// Reads a native file without its recipe, for a reader that must be small: the layers stand beside it as JSON. Files of
    /// version 2 that were written before they did are refused.
    ///
    /// # Errors
    ///
    /// [`ModelError`]: as [`from_bytes`](Self::from_bytes), and [`ModelError::NoRecipe`] where the layers are not told beside the recipe.
    pub fn for_reading(bytes: &[u8]) -> Result<Model, ModelError> {
        let (arrays, metadata) = safetensors::read_all(bytes)?;
        let architecture = told_architecture(&metadata)?;
        assemble(arrays, &metadata, architecture, None)
    }

    /// The native file, `model.safetensors` (`docs/model-file.md`).
    pub fn to_safetensors(&self) -> Vec<u8> {
        if let Some(quantized) = self.network.quantized() {
            return self.quantized_to_safetensors(quantized);
        }
        let architecture = self.network.architecture();
        let is_half =
            self.record.recipe.as_ref().is_some_and(|recipe| recipe.training.storage == Storage::F16);
        let tensors: Vec<_> = architecture
            .tensors()
            .into_iter()
            .map(|tensor| {
                let array = Array::from_f32(tensor.shape.clone(), self.network.tensor(&tensor).to_vec());
                let half = array.to_f16().filter(|_| is_half);
                (tensor.name, half.unwrap_or(array))
            })
            .collect();
        let version = if architecture.is_fully_connected() { FORMAT_VERSION } else { LAYERS_FORMAT_VERSION };
        let mut metadata = vec![
            ("format", "shuzi".to_string()),
            ("format_version", version.to_string()),
            ("pixels", pixel_word(self.network.architecture().pixel_scale()).to_string()),
            ("weights_sha256", self.weights_sha256()),
        ];
        if version == LAYERS_FORMAT_VERSION {
            metadata.extend(
                self.record.recipe.as_ref().map(|recipe| (LAYERS, layers_text(&recipe.network.layers))),
            );
        }
        metadata.extend(self.classes_text());
        metadata.extend(self.record.texts());
        let metadata: Vec<_> = metadata.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        safetensors::write(&tensors, &metadata)
    }

    /// The tutorial's `.npy`: a pickled dictionary `w1,b1,w2,b2,…` of float64. Of a network that is not
    /// [fully connected](Architecture::is_fully_connected) it has only the linear layers.
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

    /// The names of the classes, unless they are the digits.
    fn classes_text(&self) -> Option<(&'static str, String)> {
        (!self.classes.are_digits()).then(|| (CLASSES, self.classes.to_json()))
    }

    /// `w1,b1,w2,b2,…` as the tutorial has them: `[inputs, outputs]` and `[1, outputs]`, float64.
    #[cfg(feature = "numpy")]
    fn tutorial_arrays(&self) -> Vec<(String, Array)> {
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
        let mut arrays = vec![];
        for (number, (linear, weight, bias)) in (1..).zip(self.network.weights_and_biases()) {
            arrays.push((
                format!("w{number}"),
                Array::from_f64(vec![linear.inputs, linear.outputs], wide(weight)),
            ));
            arrays.push((format!("b{number}"), Array::from_f64(vec![1, linear.outputs], wide(bias))));
        }
        arrays
    }

    /// SHA-256 of all numbers as little-endian float32, in the order of the
    /// [tensors](Architecture::tensors), of a quantised network of these as its file has them; in hexadecimal. Equal hashes
    /// mean equal networks to the last bit.
    pub fn weights_sha256(&self) -> String {
        let mut hasher = Sha256::new();
        if let Some(quantized) = self.network.quantized() {
            int8::tensors(quantized).iter().for_each(|tensor| hasher.update(&tensor.bytes));
            return hexadecimal(hasher);
        }
        for tensor in self.network.architecture().tensors() {
            for number in self.network.tensor(&tensor) {
                hasher.update(number.to_le_bytes());
            }
        }
        hexadecimal(hasher)
    }
}

fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The weights that a training starts from, from an `.npz` or `.npy` file: `w1,b1,…` or
/// `init_w1,init_b1,…`; a bias that is not there is 0. They must fit `architecture`.
///
/// # Errors
///
/// [`ModelError`]: no such file, or weights of other shapes.
pub fn initial_weights(bytes: &[u8], architecture: &Architecture) -> Result<Network, ModelError> {
    match Arrays::from_bytes(bytes)? {
        Arrays::Native(arrays, metadata) => fits(native(arrays, &metadata)?.network, architecture),
        #[cfg(feature = "numpy")]
        Arrays::Numpy(arrays) => {
            let prefix = if arrays.iter().any(|(name, _)| name == "init_w1") { "init_" } else { "" };
            fits(tutorial_network(arrays, prefix, architecture.pixel_scale())?, architecture)
        }
    }
}

fn fits(network: Network, architecture: &Architecture) -> Result<Network, ModelError> {
    if !architecture.is_fully_connected() || !network.architecture().is_fully_connected() {
        return fits_by_tensors(network, architecture);
    }
    let shapes = |architecture: &Architecture| {
        architecture
            .linear_layers()
            .map(|(linear, _)| vec![linear.inputs, linear.outputs])
            .collect::<Vec<_>>()
    };
    let (found, expected) = (shapes(network.architecture()), shapes(architecture));
    for number in 1..=found.len().max(expected.len()) {
        let name = format!("w{number}");
        match (found.get(number - 1), expected.get(number - 1)) {
            (Some(_), None) => return Err(ModelError::Surplus { name }),
            (None, _) => return Err(ModelError::Missing { name }),
            (Some(found), Some(expected)) if found != expected => {
                return Err(ModelError::Shape {
                    name,
                    found: found.clone(),
                    expected: format!("{expected:?}"),
                });
            }
            _ => {}
        }
    }
    Ok(Network::new(architecture.clone(), network.parameters(), &[]))
}

/// [`fits`], for networks whose numbers are more than weights and biases of a chain.
fn fits_by_tensors(network: Network, architecture: &Architecture) -> Result<Network, ModelError> {
    let (found, expected) = (network.architecture().tensors(), architecture.tensors());
    for place in 0..found.len().max(expected.len()) {
        let (found, expected) = match (found.get(place), expected.get(place)) {
            (Some(found), Some(expected)) if found == expected => continue,
            (Some(found), Some(expected)) if found.name == expected.name => (found, expected),
            (_, Some(expected)) => return Err(ModelError::Missing { name: expected.name.clone() }),
            (Some(found), None) => return Err(ModelError::Surplus { name: found.name.clone() }),
            (None, None) => unreachable!("one of them is longer"),
        };
        let (name, found) = (found.name.clone(), found.shape.clone());
        return Err(ModelError::Shape { name, found, expected: format!("{:?}", expected.shape) });
    }
    Ok(Network::new(architecture.clone(), network.parameters(), network.statistics()))
}

/// The order of examples in each epoch, from an `.npz` file's array `order` or an `.npy` file:
/// `[epochs, examples]`.
///
/// # Errors
///
/// [`ModelError`]: no such file, no array `order`, or one that holds no indices.
#[cfg(feature = "numpy")]
pub fn batch_order(bytes: &[u8]) -> Result<Vec<Vec<u32>>, ModelError> {
    let name = || "order".to_string();
    let array = if bytes.starts_with(npz::MAGIC) {
        let mut arrays = npz::read(bytes)?;
        let Some(place) = arrays.iter().position(|(name, _)| name == "order") else {
            return Err(ModelError::Missing { name: name() });
        };
        arrays.swap_remove(place).1
    } else {
        match npy::read(bytes)? {
            Content::Array(array) => array,
            Content::Dictionary(_) => return Err(ModelError::Missing { name: name() }),
        }
    };
    let &[epochs, examples] = array.shape() else {
        let found = array.shape().to_vec();
        return Err(ModelError::Shape { name: name(), found, expected: "[epochs, examples]".into() });
    };
    let found = array.shape().to_vec();
    let shape = |expected: &str| ModelError::Shape { name: name(), found, expected: expected.into() };
    if epochs == 0 || examples == 0 {
        return Err(shape("[epochs, examples] > 0"));
    }
    let indices = array.into_indices().map_err(|_| shape("0, 1, 2, …"))?;
    Ok(indices.chunks_exact(examples).map(<[u32]>::to_vec).collect())
}

/// The first bytes of a `.npy` file.
const NPY_MAGIC: &[u8] = b"\x93NUMPY";
/// The first bytes of a `.npz` file, a ZIP archive.
const NPZ_MAGIC: &[u8] = b"PK\x03\x04";

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

fn pixel_word(scale: PixelScale) -> &'static str {
    match scale {
        PixelScale::Raw => "raw",
        PixelScale::Unit => "unit",
    }
}

fn pixel_scale(metadata: &BTreeMap<String, String>) -> PixelScale {
    let is_int8 = metadata.get("format_version").is_some_and(|version| version == INT8_FORMAT_VERSION);
    match metadata.get("pixels").map(String::as_str) {
        Some("raw") => PixelScale::Raw,
        _ if is_int8 => PixelScale::Raw, // it multiplies bytes
        _ => PixelScale::Unit,
    }
}

/// Layers as JSON, each as a recipe names it.
fn layers_text(layers: &[LayerKind]) -> String {
    serde_json::to_string(layers).expect("layers can be written")
}

/// The architecture of the layers that a file tells, if it does.
fn told_architecture(metadata: &BTreeMap<String, String>) -> Result<Option<Architecture>, ModelError> {
    let Some(text) = metadata.get(LAYERS) else { return Ok(None) };
    let layers: Option<Vec<LayerKind>> = serde_json::from_str(text).ok();
    let layers = layers.ok_or_else(|| ModelError::Layers { found: text.clone() })?;
    Ok(Some(Architecture::new(pixel_scale(metadata), &layers)?))
}

/// Whether a file of this version is in int8, and such files can be read.
fn is_int8(version: &str) -> bool {
    cfg!(feature = "int8") && version == INT8_FORMAT_VERSION
}

/// Puts a native file's tensors together, and checks them against its recipe and hash.
fn native(arrays: Vec<(String, Array)>, metadata: &BTreeMap<String, String>) -> Result<Model, ModelError> {
    let recipe = metadata.get("recipe").map(|text| Recipe::from_toml(text.as_bytes())).transpose()?;
    if metadata.get("format_version").is_some_and(|version| is_int8(version)) {
        return assemble(arrays, metadata, told_architecture(metadata)?, recipe);
    }
    let architecture = recipe.as_ref().map(Recipe::architecture).transpose()?;
    if let (Some(found), Some(recipe)) = (metadata.get(LAYERS), &recipe)
        && *found != layers_text(&recipe.network.layers)
    {
        return Err(ModelError::Layers { found: found.clone() });
    }
    assemble(arrays, metadata, architecture, recipe)
}

/// Puts a native file's tensors together, and checks them against the layers and its hash.
fn assemble(
    arrays: Vec<(String, Array)>,
    metadata: &BTreeMap<String, String>,
    architecture: Option<Architecture>,
    recipe: Option<Recipe>,
) -> Result<Model, ModelError> {
    let version = metadata.get("format_version").map_or(FORMAT_VERSION, String::as_str);
    match version {
        FORMAT_VERSION | LAYERS_FORMAT_VERSION => safetensors::check_floats(&arrays)?,
        version if is_int8(version) => {}
        _ => return Err(ModelError::Version { found: version.into() }),
    }
    let names = |number| (format!("linear{number}.weight"), format!("linear{number}.bias"));
    let scale = pixel_scale(metadata);
    let network = match architecture {
        Some(architecture) if is_int8(version) => int8::network(arrays, architecture)?,
        None if is_int8(version) => {
            return Err(ModelError::Layers { found: String::new() });
        }
        Some(architecture) if version == LAYERS_FORMAT_VERSION => fill(arrays, architecture)?,
        Some(architecture) => fits(chain(arrays, names, scale)?, &architecture)?,
        None if version == LAYERS_FORMAT_VERSION => return Err(ModelError::NoRecipe),
        None => chain(arrays, names, scale)?,
    };
    let number = |key: &str| metadata.get(key).and_then(|text| text.parse().ok());
    let test = match (number("test_count"), number("test_correct")) {
        (Some(count), Some(correct)) if 0 < count && correct <= count => Some(TestResult { count, correct }),
        _ => None,
    };
    let temperature = metadata.get("temperature").map(|text| temperature(text)).transpose()?;
    let record = Record { recipe, trained_on: metadata.get("trained_on").cloned(), test, temperature };
    let classes = metadata.get(CLASSES).map(|text| Classes::from_json(text)).transpose()?;
    let model = Model::new(network, classes.unwrap_or_default(), record)?;
    if let Some(expected) = metadata.get("weights_sha256") {
        let found = model.weights_sha256();
        if found != *expected {
            return Err(ModelError::Hash { found, expected: expected.clone() });
        }
    }
    Ok(model)
}

/// A network of this architecture with the numbers of the arrays.
fn fill(arrays: Vec<(String, Array)>, architecture: Architecture) -> Result<Network, ModelError> {
    let mut arrays: BTreeMap<String, Array> = arrays.into_iter().collect();
    let (mut parameters, mut statistics) = (vec![], vec![]);
    for Tensor { name, shape, place } in architecture.tensors() {
        let Some(array) = arrays.remove(&name) else { return Err(ModelError::Missing { name }) };
        if array.shape() != shape {
            let (found, expected) = (array.shape().to_vec(), format!("{shape:?}"));
            return Err(ModelError::Shape { name, found, expected });
        }
        let values = array.into_f32(); // finite, as everything that `safetensors` has read
        match place {
            Place::Parameters(_) => parameters.extend(values),
            Place::Statistics(_) => {
                let is_variance = name.ends_with(".variance");
                if let Some(index) = values.iter().position(|&value| is_variance && value < 0.0) {
                    return Err(ModelError::Negative { name, index, value: values[index] });
                }
                statistics.extend(values);
            }
        }
    }
    if let Some((name, _)) = arrays.pop_first() {
        return Err(ModelError::Surplus { name });
    }
    Ok(Network::new(architecture, &parameters, &statistics))
}

fn temperature(text: &str) -> Result<f64, ModelError> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| ModelError::Temperature { found: text.into() })
}

/// Puts the tutorial's arrays together: `w1,b1,…` behind `prefix`, other arrays left aside.
#[cfg(feature = "numpy")]
fn tutorial_network(
    arrays: Vec<(String, Array)>,
    prefix: &str,
    scale: PixelScale,
) -> Result<Network, ModelError> {
    let is_parameter = |name: &str| {
        let number = name.strip_prefix(prefix).and_then(|name| name.strip_prefix(['w', 'b']));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut arrays: Vec<_> = arrays.into_iter().filter(|(name, _)| is_parameter(name)).collect();
    if !prefix.is_empty() {
        // Starting biases are 0 unless given.
        for number in 1.. {
            let (weight, bias) = (format!("{prefix}w{number}"), format!("{prefix}b{number}"));
            let Some((_, weight)) = arrays.iter().find(|(name, _)| *name == weight) else { break };
            if let (&[_, outputs], false) = (weight.shape(), arrays.iter().any(|(name, _)| *name == bias)) {
                arrays.push((bias, Array::from_f32(vec![outputs], vec![0.0; outputs])));
            }
        }
    }
    chain(arrays, |number| (format!("{prefix}w{number}"), format!("{prefix}b{number}")), scale)
}

/// Chains layers 1, 2, … by their arrays' names, with a ReLU between.
fn chain(
    arrays: Vec<(String, Array)>,
    names: impl Fn(usize) -> (String, String),
    scale: PixelScale,
) -> Result<Network, ModelError> {
    let mut arrays: BTreeMap<String, Array> = arrays.into_iter().collect();
    let (mut layers, mut parameters, mut width) = (vec![], vec![], PIXELS);
    for number in 1.. {
        let (weight_name, bias_name) = names(number);
        let Some(weight) = arrays.remove(&weight_name) else {
            if number == 1 {
                return Err(ModelError::Missing { name: weight_name });
            }
            break;
        };
        let Some(bias) = arrays.remove(&bias_name) else {
            return Err(ModelError::Missing { name: bias_name });
        };
        let outputs = match *weight.shape() {
            [inputs, outputs] if inputs == width && outputs > 0 => outputs,
            ref found => {
                let (found, expected) = (found.to_vec(), format!("[{width}, outputs]"));
                return Err(ModelError::Shape { name: weight_name, found, expected });
            }
        };
        if !matches!(*bias.shape(), [n] | [1, n] if n == outputs) {
            let expected = format!("[{outputs}] / [1, {outputs}]");
            return Err(ModelError::Shape { name: bias_name, found: bias.shape().to_vec(), expected });
        }
        if number > 1 {
            layers.push(LayerKind::Relu);
        }
        layers.push(LayerKind::Linear(outputs));
        for (name, array) in [(weight_name, weight), (bias_name, bias)] {
            let values = array.into_f32();
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(ModelError::NotFinite { name, index, value: values[index] });
            }
            parameters.extend(values);
        }
        width = outputs;
    }
    if let Some((name, _)) = arrays.pop_first() {
        return Err(ModelError::Surplus { name });
    }
    Ok(Network::new(Architecture::new(scale, &layers)?, &parameters, &[]))
}

#[cfg(test)]
mod tests;
