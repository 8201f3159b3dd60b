//! Quantised networks in the native file, version 3 (`docs/model-file.md`).
//!
//! The numbers of all layers lie in four tensors, not in three for each layer, whose names alone would be a fifth of the smallest
//! file. The layers stand beside them as JSON: those that are left when batch normalisation went into the weights.

use super::{
    INT8_FORMAT_VERSION, Model, ModelError,
    arrays::{Array, Values},
    native::{LAYERS, layers_to_json},
    safetensors::{self, Raw, SafetensorsError},
};
use crate::{
    network::{Architecture, MAX_FRACTION_BITS, MAX_SHIFT, Network, QuantizedNetwork},
    recipe::Recipe,
};
use std::collections::BTreeMap;

const BIASES: &str = "biases";
const FRACTION_BITS: &str = "fraction_bits";
const SHIFTS: &str = "shifts";
const WEIGHTS: &str = "weights";

impl Model {
    /// [`Model::to_safetensors`] of a quantised network.
    pub(super) fn quantized_to_safetensors(&self, quantized: &QuantizedNetwork) -> Vec<u8> {
        let mut metadata = vec![
            ("format", "shuzi".to_string()),
            ("format_version", INT8_FORMAT_VERSION.to_string()),
            ("pixels", "raw".to_string()),
            ("weights_sha256", self.weights_sha256()),
            (LAYERS, layers_to_json(&self.network.architecture().kinds())),
        ];
        metadata.extend(self.classes_text());
        metadata.extend(self.record.texts());
        if let Some(recipe) = &self.record.recipe {
            let texts = metadata.iter_mut().filter(|(key, _)| *key == "recipe");
            texts.for_each(|(_, text)| *text = compact(recipe));
        }
        let metadata: Vec<_> = metadata.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        safetensors::write_raw(tensors(quantized).into_iter(), &metadata)
    }
}

/// A recipe's TOML without the blanks that only people need: with them the file of `micro` would have more than 12,000 bytes.
fn compact(recipe: &Recipe) -> String {
    let (full, mut is_quoted) = (recipe.to_toml(), false);
    let needed = |letter: &char| {
        is_quoted ^= *letter == '"';
        is_quoted || *letter != ' '
    };
    let text: String = full.chars().filter(needed).collect();
    // Quotes in a name may be taken for its end.
    let is_same = Recipe::from_toml(text.as_bytes()).is_ok_and(|read| read == *recipe);
    if is_same { text } else { full }
}

/// The numbers as a file has them, those of two bytes first.
pub(super) fn tensors(quantized: &QuantizedNetwork) -> [Raw<'static>; 4] {
    let bytes = |name, bytes: Vec<u8>| Raw { name, element: "I8", shape: vec![bytes.len()], bytes };
    let biases = quantized.biases.iter().flat_map(|bias| bias.to_le_bytes()).collect();
    let weights = quantized.weights.iter().map(|&weight| weight as u8).collect();
    [
        Raw { name: BIASES, element: "I16", shape: vec![quantized.biases.len()], bytes: biases },
        bytes(FRACTION_BITS, vec![quantized.fraction_bits]),
        bytes(SHIFTS, quantized.shifts.clone()),
        bytes(WEIGHTS, weights),
    ]
}

/// A network of these layers with the numbers of a file.
pub(super) fn network(
    arrays: Vec<(String, Array)>,
    architecture: Architecture,
) -> Result<Network, ModelError> {
    let mut arrays: BTreeMap<String, Array> = arrays.into_iter().collect();
    let (weights, outputs) = architecture.weights_and_outputs();
    let quantized = QuantizedNetwork {
        biases: remove_array(&mut arrays, BIASES, outputs, "-32768 to 32767", |value| value.try_into().ok())?,
        fraction_bits: remove_array(&mut arrays, FRACTION_BITS, 1, "0 to 30", |value| {
            value.try_into().ok().filter(|bits| *bits <= MAX_FRACTION_BITS)
        })?[0],
        shifts: remove_array(&mut arrays, SHIFTS, outputs, "0 to 30", |value| {
            value.try_into().ok().filter(|shift| *shift <= MAX_SHIFT)
        })?,
        weights: remove_array(&mut arrays, WEIGHTS, weights, "-128 to 127", |value| value.try_into().ok())?,
    };
    if let Some((name, _)) = arrays.pop_first() {
        return Err(ModelError::Surplus { name });
    }
    Ok(Network::from_quantized(architecture, quantized)?)
}

/// The array of this name, of so many integers that all have a `form`.
fn remove_array<T>(
    arrays: &mut BTreeMap<String, Array>,
    name: &str,
    count: usize,
    expected: &'static str,
    form: impl Fn(i64) -> Option<T>,
) -> Result<Vec<T>, ModelError> {
    let name = name.to_string();
    let Some(array) = arrays.remove(&name) else { return Err(ModelError::Missing { name }) };
    if array.shape() != [count] {
        let (found, expected) = (array.shape().to_vec(), format!("[{count}]"));
        return Err(ModelError::Shape { name, found, expected });
    }
    let Values::Integers(values) = array.values() else {
        return Err(SafetensorsError::ElementType { name, found: "floats".into() }.into());
    };
    let integer = |(index, &value): (usize, &i64)| {
        let name = || name.clone();
        form(value).ok_or_else(|| ModelError::Integer { name: name(), index, value, expected })
    };
    values.iter().enumerate().map(integer).collect()
}

#[cfg(test)]
mod tests;
