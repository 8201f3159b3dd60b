//! shuzi in the browser: bytes and pixels across the border to JavaScript, nothing else.
//!
//! Words that people see stay on the other side: an error is the library's own English sentence for whoever
//! looks closer. Structured answers are JSON, lists of numbers are typed arrays.

#[cfg(feature = "training")]
mod training;

#[cfg(feature = "training")]
pub use training::Training;

use serde_json::{Value, json};
use shuzi_engine::{
    image::{DigitImage, PIXELS, Picture},
    kernels::Level,
    network::{Layer, Network},
    recognition::{self, Options, Reader, Reading, Wording},
};
use wasm_bindgen::prelude::*;

/// An error and its causes in one line.
fn explain(error: impl std::error::Error) -> JsError {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    JsError::new(&line)
}

/// A trained network, ready to read.
#[wasm_bindgen]
pub struct Model {
    model: shuzi_engine::model::Model,
    reader: Reader,
}

#[wasm_bindgen]
impl Model {
    /// From the bytes of a model file: of any kind that shuzi reads, or without the feature `training` of a native one alone.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes, or that the model classifies other things than digits.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8]) -> Result<Model, JsError> {
        #[cfg(feature = "training")]
        let model = shuzi_engine::model::Model::from_bytes(bytes).map_err(explain)?;
        #[cfg(not(feature = "training"))]
        let model = shuzi_engine::model::Model::for_reading(bytes).map_err(explain)?;
        if !model.classes.are_digits() {
            return Err(JsError::new(&format!(
                "the model classifies {}, the page reads digits",
                model.classes
            )));
        }
        let reader = Reader::new(&model, Level::detect());
        Ok(Model { model, reader })
    }

    /// How large it is, and how it did in its test: `{"parameters", "correct", "count"}`, the last two null without one.
    pub fn describe(&self) -> String {
        let test = self.model.record.test;
        json!({
            "parameters": self.model.network.parameters().len(),
            "correct": test.map(|test| test.correct),
            "count": test.map(|test| test.count),
        })
        .to_string()
    }

    /// Reads a picture of `4 * width * height` bytes, red, green, blue and alpha.
    ///
    /// # Errors
    ///
    /// If there are not as many bytes, or no pixel.
    pub fn read(
        &self,
        pixels: Vec<u8>,
        width: usize,
        height: usize,
        single: bool,
    ) -> Result<Answer, JsError> {
        if pixels.len() != 4 * width * height || pixels.is_empty() {
            return Err(JsError::new(&format!("{} bytes for a picture of {width} x {height}", pixels.len())));
        }
        let picture = Picture::rgba(width, height, pixels);
        let options = Options { single, ..Options::default() };
        Ok(Answer { reading: recognition::recognize(&self.reader, &picture, options) })
    }

    /// What each layer gives for an image of 784 bytes: `[{"kind", "shape", "first", "last"}]`, places in [`Outputs::values`].
    ///
    /// # Errors
    ///
    /// If there are not 784 bytes.
    pub fn outputs(&self, image: &[u8]) -> Result<Outputs, JsError> {
        let outputs = self.reader.outputs(&digit_image(image)?);
        let (mut layers, mut values) = (vec![], vec![]);
        for output in outputs {
            let first = values.len();
            values.extend(output.values);
            let shape = output.shape;
            layers.push(json!({
                "kind": kind(&output.layer), "shape": [shape.height, shape.width, shape.channels],
                "first": first, "last": values.len(),
            }));
        }
        Ok(Outputs { layers: Value::from(layers).to_string(), values })
    }

    /// How much each pixel of an image of 784 bytes speaks for a digit, see [`Reader::occlusion`].
    ///
    /// # Errors
    ///
    /// If there are not 784 bytes, or the digit is above 9.
    pub fn occlusion(&self, image: &[u8], digit: u8) -> Result<Vec<f32>, JsError> {
        if digit > 9 {
            return Err(JsError::new(&format!("digit {digit}, expected 0 to 9")));
        }
        Ok(self.reader.occlusion(&digit_image(image)?, digit).to_vec())
    }

    /// Weights of the first layer that has any, as pictures side by side, see [`Weights`].
    pub fn first_weights(&self) -> Weights {
        first_weights(&self.model.network)
    }

    /// Of a fully connected network the weights of each layer `[inputs, outputs]`, one behind the other; else empty.
    pub fn linear_weights(&self) -> Vec<f32> {
        let network = &self.model.network;
        if !network.architecture().is_fully_connected() {
            return vec![];
        }
        network.weights_and_biases().flat_map(|(_, weight, _)| weight.to_vec()).collect()
    }
}

fn digit_image(bytes: &[u8]) -> Result<DigitImage, JsError> {
    let bytes: [u8; PIXELS] =
        bytes.try_into().map_err(|_| JsError::new(&format!("{} bytes, expected {PIXELS}", bytes.len())))?;
    Ok(DigitImage(bytes))
}

/// What a layer is called; the page has words for each.
fn kind(layer: &Layer) -> &'static str {
    match layer {
        Layer::Linear(_) => "linear",
        Layer::Conv(_) => "conv",
        Layer::Crop(_) => "crop",
        Layer::MaxPool(_) => "max-pool",
        Layer::AveragePool(_) => "average-pool",
        Layer::BatchNorm(_) => "batch-norm",
        Layer::Relu => "relu",
        Layer::Dropout(_) => "dropout",
        Layer::Add { .. } => "add",
        Layer::Flatten => "flatten",
    }
}

/// What was read in a picture.
#[wasm_bindgen]
pub struct Answer {
    reading: Reading,
}

#[wasm_bindgen]
impl Answer {
    /// As in `shuzi recognize --json`, without the file.
    pub fn json(&self) -> String {
        self.reading.to_json(Wording::default()).to_string()
    }

    /// What the ink was cut into: left, top, width and height of each piece, one behind the other.
    pub fn pieces(&self) -> Vec<u32> {
        let areas = self.reading.pieces.iter();
        areas
            .flat_map(|area| [area.left, area.top, area.width, area.height].map(|side| side as u32))
            .collect()
    }

    /// The 28x28 that the network saw of each digit, 784 bytes each, one behind the other.
    pub fn images(&self) -> Vec<u8> {
        self.reading.digits.iter().flat_map(|digit| digit.image.0).collect()
    }

    /// The ink that was found, a byte a pixel; empty without any.
    pub fn ink(&self) -> Vec<u8> {
        self.reading.ink.as_ref().map_or(vec![], |ink| ink.image.pixels().to_vec())
    }

    /// Pixels in a row of [`ink`](Self::ink).
    pub fn ink_width(&self) -> usize {
        self.reading.ink.as_ref().map_or(0, |ink| ink.image.width())
    }
}

/// What the layers give for one image.
#[wasm_bindgen]
pub struct Outputs {
    layers: String,
    values: Vec<f32>,
}

#[wasm_bindgen]
impl Outputs {
    /// `[{"kind", "shape": [rows, columns, channels], "first", "last"}]`.
    pub fn layers(&self) -> String {
        self.layers.clone()
    }

    /// The numbers of all layers, one layer behind the other.
    pub fn values(&self) -> Vec<f32> {
        self.values.clone()
    }
}

/// Weights as pictures: `count` of `side` x `side` numbers, one behind the other.
#[wasm_bindgen]
pub struct Weights {
    values: Vec<f32>,
    side: usize,
}

#[wasm_bindgen]
impl Weights {
    /// All numbers.
    pub fn values(&self) -> Vec<f32> {
        self.values.clone()
    }

    /// Rows and columns of a picture.
    pub fn side(&self) -> usize {
        self.side
    }
}

/// The first layer's weights: of a fully connected one 28x28 for each neuron, of a convolution its windows.
fn first_weights(network: &Network) -> Weights {
    let architecture = network.architecture();
    let tensor =
        architecture.tensors().into_iter().find(|tensor| tensor.shape.len() > 1).expect("it has weights");
    let outputs = *tensor.shape.last().expect("it has a shape");
    let numbers = network.tensor(&tensor);
    let window = numbers.len() / outputs;
    let values =
        (0..outputs).flat_map(|output| (0..window).map(move |i| numbers[i * outputs + output])).collect();
    Weights { values, side: window.isqrt() }
}
