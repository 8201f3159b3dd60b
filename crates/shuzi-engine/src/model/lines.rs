//! A line network's file: named tensors in safetensors (`docs/model-file.md`), each number as the nearest float16.
//!
//! In: a network whose layers do not depend on the width, and its calibration. Out: bytes, and the same back, checked against the layers
//! in it and its hash.

use super::{
    ModelError,
    arrays::Array,
    native::{LAYERS, fill, layers_to_json},
    safetensors, weights_sha256,
};
use crate::{
    network::{Architecture, ArchitectureError, LayerKind, Network, calibration::Calibration},
    signs::SIGNS,
};

/// What the file calls itself; a model of single digits is `shuzi`.
const FORMAT: &str = "shuzi-lines";
/// The version that is written; a reader refuses what it does not know.
const VERSION: &str = "1";
/// Scale and shift, as text.
const CALIBRATION: &str = "calibration";

/// A trained line network, and how its probabilities become chances.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibratedLines {
    /// The network.
    pub network: Network,
    /// What was measured on lines of writers that it was not trained on.
    pub calibration: Calibration,
}

/// The file of a line network, with what is known of it as text.
pub fn line_network_to_safetensors(lines: &CalibratedLines, record: &[(&str, String)]) -> Vec<u8> {
    let CalibratedLines { network, calibration } = lines;
    let architecture = network.architecture();
    let tensors: Vec<_> = architecture
        .tensors()
        .into_iter()
        .map(|tensor| {
            let array = Array::from_f32(tensor.shape.clone(), network.tensor(&tensor).to_vec());
            let half = array.to_f16();
            (tensor.name, half.unwrap_or(array))
        })
        .collect();
    let mut metadata = vec![
        ("format", FORMAT.to_string()),
        ("format_version", VERSION.to_string()),
        ("weights_sha256", weights_sha256(network)),
        (LAYERS, layers_to_json(&architecture.kinds())),
        (CALIBRATION, format!("{} {}", calibration.scale, calibration.shift)),
    ];
    metadata.extend(record.iter().cloned());
    let metadata: Vec<_> = metadata.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    safetensors::write(&tensors, &metadata)
}

/// Reads such a file.
///
/// # Errors
///
/// [`ModelError`]: no such file, an unknown version, layers that read no line, a hash that is not that of the weights, or a calibration
/// that is none. A file without a calibration means its probabilities as they are.
pub fn line_network_from_bytes(bytes: &[u8]) -> Result<CalibratedLines, ModelError> {
    let (arrays, metadata) = safetensors::read_all(bytes)?;
    let text = |key: &str| metadata.get(key).cloned().unwrap_or_default();
    if (text("format"), text("format_version")) != (FORMAT.into(), VERSION.into()) {
        return Err(ModelError::Version { found: format!("{} {}", text("format"), text("format_version")) });
    }
    let refused = || ModelError::Layers { found: text(LAYERS) };
    let layers: Vec<LayerKind> = serde_json::from_str(&text(LAYERS)).map_err(|_| refused())?;
    let architecture = Architecture::of_lines(&layers, SIGNS + 1).map_err(|error| match error {
        ArchitectureError::Lines { .. } => refused(),
        error => error.into(),
    })?;
    let network = fill(arrays, architecture)?;
    let (found, expected) = (weights_sha256(&network), text("weights_sha256"));
    if found != expected {
        return Err(ModelError::Hash { found, expected });
    }
    let calibration =
        metadata.get(CALIBRATION).map_or(Ok(Calibration::default()), |text| calibration(text))?;
    Ok(CalibratedLines { network, calibration })
}

fn calibration(text: &str) -> Result<Calibration, ModelError> {
    let numbers: Option<Vec<f32>> = text.split(' ').map(|number| number.parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[scale, shift]) if scale > 0.0 && scale.is_finite() && shift.is_finite() => {
            Ok(Calibration { scale, shift })
        }
        _ => Err(ModelError::Calibration { found: text.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Rng,
        network::{InitialWeights, Shape},
        preprocess::{PixelScale, strip::STRIP_HEIGHT},
    };
    use rand::SeedableRng;

    fn network(layers: &str) -> Network {
        let layers: Vec<LayerKind> = serde_json::from_str(layers).unwrap();
        let input = Shape { height: STRIP_HEIGHT, width: 64, channels: 1 };
        let architecture = Architecture::of_pictures(PixelScale::Raw, input, &layers).unwrap();
        let mut network = Network::random(architecture, InitialWeights::He, &mut Rng::seed_from_u64(1));
        network.round_to(crate::network::Storage::F16);
        network
    }

    fn file_of(layers: &str) -> Vec<u8> {
        let calibration = Calibration::default();
        line_network_to_safetensors(&CalibratedLines { network: network(layers), calibration }, &[])
    }

    const LAYERS: &str = r#"[{"conv":{"channels":4,"kernel":3,"padding":1}},"batch-norm","relu",{"max-pool":4},
        {"max-pool-rows":8},{"conv":{"channels":19,"kernel":1}}]"#;

    #[test]
    fn a_line_network_comes_back_as_it_was() {
        let calibration = Calibration { scale: 0.75, shift: -0.125 };
        let lines = CalibratedLines { network: network(LAYERS), calibration };
        let file = line_network_to_safetensors(&lines, &[("trained_on", "nothing".into())]);
        assert!(line_network_from_bytes(&file).unwrap() == lines);
    }

    #[test]
    fn other_files_are_refused() {
        let file = file_of(LAYERS);
        for end in [0, 7, 100, file.len() - 1] {
            assert!(line_network_from_bytes(&file[..end]).is_err(), "{end}");
        }
        let mut other = file.clone();
        *other.last_mut().unwrap() ^= 1;
        assert!(matches!(line_network_from_bytes(&other), Err(ModelError::Hash { .. })));
        let text = |from: &str, to: &str| {
            let place = file.windows(from.len()).position(|found| found == from.as_bytes()).unwrap();
            [&file[..place], to.as_bytes(), &file[place + from.len()..]].concat()
        };
        for found in ["0 1", "NaN", "a 0", "1 a"] {
            let other = text("\"calibration\":\"1 0\"", &format!("\"calibration\":\"{found}\""));
            let error = line_network_from_bytes(&other);
            assert!(matches!(error, Err(ModelError::Calibration { .. })), "{found}: {error:?}");
        }
        let version = text("\"format_version\":\"1\"", "\"format_version\":\"9\"");
        assert!(matches!(line_network_from_bytes(&version), Err(ModelError::Version { .. })));
        for (layers, why) in [
            (r#"[{"conv":{"channels":4,"kernel":3}},"flatten",{"linear":19}]"#, "it needs its width"),
            (r#"[{"conv":{"channels":18,"kernel":1}},{"max-pool-rows":32}]"#, "a number is missing"),
            (
                r#"[{"conv":{"channels":19,"kernel":1}},{"max-pool":8},{"max-pool-rows":4}]"#,
                "steps are too long",
            ),
            (r#"[{"conv":{"channels":19,"kernel":3}},{"max-pool-rows":30}]"#, "the ends are lost"),
        ] {
            let file = file_of(layers);
            assert!(matches!(line_network_from_bytes(&file), Err(ModelError::Layers { .. })), "{why}");
        }
    }
}
