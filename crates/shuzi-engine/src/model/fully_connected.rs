//! Fully connected networks from arrays that are named by layer: weight and bias of each, with a ReLU between.
//!
//! In: arrays by name, the tutorial's `w1,b1,w2,b2,…` or those of a native file of version 1. Out: a [`Network`], whose shapes fit and whose
//! numbers are finite; and back to the tutorial's arrays. Also says what is wrong with a network where another was expected.

#[cfg(feature = "numpy")]
use super::Model;
use super::{ModelError, arrays::Array};
use crate::{
    image::PIXELS,
    network::{Architecture, LayerKind, Network},
    preprocess::PixelScale,
};
use std::collections::BTreeMap;

#[cfg(feature = "numpy")]
impl Model {
    /// `w1,b1,w2,b2,…` as the tutorial has them: `[inputs, outputs]` and `[1, outputs]`, float64.
    pub(super) fn tutorial_arrays(&self) -> Vec<(String, Array)> {
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
}

/// Puts the tutorial's arrays together: `w1,b1,…` behind `prefix`, other arrays left aside.
#[cfg(feature = "numpy")]
pub(super) fn tutorial_network(
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
pub(super) fn chain(
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

/// The network in this architecture, if its layers are the same.
pub(super) fn fit(network: Network, architecture: &Architecture) -> Result<Network, ModelError> {
    if !architecture.is_fully_connected() || !network.architecture().is_fully_connected() {
        return fit_by_tensors(network, architecture);
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

/// [`fit`], for networks whose numbers are more than weights and biases of a chain.
fn fit_by_tensors(network: Network, architecture: &Architecture) -> Result<Network, ModelError> {
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
