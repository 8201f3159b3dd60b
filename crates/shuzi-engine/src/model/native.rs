//! shuzi's own file: named tensors in safetensors, and what is known of them as text (`docs/model-file.md`).
//!
//! Version 1 has fully connected layers, whose shapes say everything. Version 2 has others too, which follow from the recipe in it, or
//! from the layers beside it. Version 3 is [int8](super::int8). What is read is checked against its recipe, its
//! layers and its hash. Never opens a file.

use super::{
    Model, ModelError, Record, TestResult,
    arrays::Array,
    fully_connected::{chain, fit},
    int8, safetensors,
};
use crate::{
    classes::Classes,
    network::{Architecture, LayerKind, Network, Place, Storage, Tensor},
    preprocess::PixelScale,
    recipe::Recipe,
};
use std::collections::BTreeMap;

/// The version of a native file with fully connected layers; a reader refuses what it does not know.
pub const FORMAT_VERSION: &str = "1";
/// The key of the layers, for readers that know no recipes.
pub(super) const LAYERS: &str = "layers";
/// The key of the names of the classes, where these are not the digits.
const CLASSES: &str = "classes";
/// The version of a native file with other layers too, which follow from its recipe.
pub const LAYERS_FORMAT_VERSION: &str = "2";
/// The version of a native file in int8, which names its layers itself.
pub const INT8_FORMAT_VERSION: &str = "3";

impl Model {
    /// Reads a native file without its recipe, for a reader that must be small: the layers stand beside it as JSON. Files of
    /// version 2 that were written before they did are refused.
    ///
    /// # Errors
    ///
    /// [`ModelError`]: as [`from_bytes`](Self::from_bytes), and [`ModelError::NoRecipe`] where there are no layers beside the recipe.
    pub fn for_reading(bytes: &[u8]) -> Result<Model, ModelError> {
        let (arrays, metadata) = safetensors::read_all(bytes)?;
        let architecture = read_layers(&metadata)?;
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
            ("pixels", pixels_to_text(self.network.architecture().pixel_scale()).to_string()),
            ("weights_sha256", self.weights_sha256()),
        ];
        if version == LAYERS_FORMAT_VERSION {
            metadata.extend(
                self.record.recipe.as_ref().map(|recipe| (LAYERS, layers_to_json(&recipe.network.layers))),
            );
        }
        metadata.extend(self.classes_text());
        metadata.extend(self.record.texts());
        let metadata: Vec<_> = metadata.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        safetensors::write(&tensors, &metadata)
    }

    /// The names of the classes, unless they are the digits.
    pub(super) fn classes_text(&self) -> Option<(&'static str, String)> {
        (!self.classes.are_digits()).then(|| (CLASSES, self.classes.to_json()))
    }
}

fn pixels_to_text(scale: PixelScale) -> &'static str {
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
pub(super) fn layers_to_json(layers: &[LayerKind]) -> String {
    serde_json::to_string(layers).expect("layers can be written")
}

/// The architecture of the layers that stand in a file as JSON, if they do.
fn read_layers(metadata: &BTreeMap<String, String>) -> Result<Option<Architecture>, ModelError> {
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
pub(super) fn read_native(
    arrays: Vec<(String, Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<Model, ModelError> {
    let recipe = metadata.get("recipe").map(|text| Recipe::from_toml(text.as_bytes())).transpose()?;
    if metadata.get("format_version").is_some_and(|version| is_int8(version)) {
        return assemble(arrays, metadata, read_layers(metadata)?, recipe);
    }
    let architecture = recipe.as_ref().map(Recipe::architecture).transpose()?;
    if let (Some(found), Some(recipe)) = (metadata.get(LAYERS), &recipe)
        && *found != layers_to_json(&recipe.network.layers)
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
        Some(architecture) => fit(chain(arrays, names, scale)?, &architecture)?,
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
pub(super) fn fill(arrays: Vec<(String, Array)>, architecture: Architecture) -> Result<Network, ModelError> {
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
