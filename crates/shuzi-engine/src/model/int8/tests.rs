use super::*;
use crate::{
    classes::Classes,
    image::PIXELS,
    model::{Record, TestResult},
    network::quantize,
    training::initial_network,
};

fn model() -> Model {
    let recipe = Recipe::built_in("micro").unwrap();
    let images: Vec<[u8; PIXELS]> =
        (0..5).map(|i| std::array::from_fn(|place| (place * i % 251) as u8)).collect();
    let network = initial_network(&recipe);
    let network = quantize(&network, images.iter().map(|image| &image[..])).unwrap();
    let test = Some(TestResult { count: 10_000, correct: 9999 });
    let trained_on = Some("MNIST".to_string());
    Model {
        network,
        classes: Classes::default(),
        record: Record { recipe: Some(recipe), test, trained_on, temperature: None },
    }
}

#[test]
fn a_quantised_network_survives_a_file() {
    let model = model();
    let file = model.to_safetensors();
    assert!(file.len() <= 12_000, "micro has {} bytes", file.len());
    assert_eq!(Model::from_bytes(&file).unwrap(), model);
    for name in ["a b", "\"a  b", "'a  \"b\"  c'", "a\n  \"\"\"b"] {
        let mut named = model.clone();
        named.record.recipe.as_mut().unwrap().name = name.into();
        assert_eq!(Model::from_bytes(&named.to_safetensors()).unwrap(), named, "{name}");
    }
    let for_reading = Model::for_reading(&file).unwrap();
    assert_eq!(for_reading.network, model.network);
    let start = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    use sha2::Digest;
    let sha256: String =
        sha2::Sha256::digest(&file[start..]).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(model.weights_sha256(), sha256, "that of the bytes behind the header");
    assert!(String::from_utf8_lossy(&file).contains(&sha256));
}

#[test]
fn every_bit_of_the_numbers_counts() {
    let file = model().to_safetensors();
    let start = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    for place in (start..file.len()).step_by(97).chain([file.len() - 1]) {
        let mut damaged = file.clone();
        damaged[place] ^= 1;
        assert!(matches!(Model::from_bytes(&damaged), Err(ModelError::Hash { .. })), "byte {place}");
    }
}

/// Reads a file of these tensors, beside these layers.
fn read(tensors: Vec<Raw<'static>>, layers: &str, version: &str) -> Result<Model, ModelError> {
    let metadata = [("format", "shuzi"), ("format_version", version), ("pixels", "raw"), ("layers", layers)]
        .map(|(key, value)| (key.to_string(), value.to_string()));
    Model::from_bytes(&safetensors::write_raw(tensors.into_iter(), &metadata))
}

#[test]
fn numbers_that_make_no_network_are_refused() {
    let model = model();
    let quantized = model.network.quantized().unwrap();
    let layers = layers_to_json(&model.network.architecture().kinds());
    let error = |change: &dyn Fn(&mut Vec<Raw<'static>>)| {
        let mut tensors = tensors(quantized).into_iter().collect();
        change(&mut tensors);
        read(tensors, &layers, "3").unwrap_err()
    };
    for place in 0..4 {
        assert!(matches!(error(&|tensors| drop(tensors.remove(place))), ModelError::Missing { .. }));
        let shorter = error(&|tensors| {
            let width = if tensors[place].element == "I16" { 2 } else { 1 };
            tensors[place].shape[0] -= 1;
            let length = tensors[place].bytes.len() - width;
            tensors[place].bytes.truncate(length);
        });
        // A tensor without numbers has a name alone.
        assert!(matches!(shorter, ModelError::Shape { .. }), "{place}: {shorter:?}");
        let floats = error(&|tensors| {
            let bytes = tensors[place].shape[0] * 4;
            (tensors[place].element, tensors[place].bytes) = ("F32", vec![0; bytes]);
        });
        assert!(
            matches!(floats, ModelError::Safetensors(SafetensorsError::ElementType { .. })),
            "{floats:?}"
        );
    }
    let surplus = error(&|tensors| {
        tensors.push(Raw { name: "more", element: "I8", shape: vec![1], bytes: vec![0] });
    });
    assert!(matches!(surplus, ModelError::Surplus { name } if name == "more"));
    for (place, name) in [(1, "fraction_bits"), (2, "shifts")] {
        for value in [31, 255] {
            let large = error(&|tensors| tensors[place].bytes[0] = value);
            assert!(
                matches!(&large, ModelError::Integer { name: found, index: 0, .. } if found == name),
                "{large:?}"
            );
        }
    }
    let large = error(&|tensors| {
        let bytes = quantized.weights.iter().flat_map(|weight| (i16::from(*weight) + 200).to_le_bytes());
        (tensors[3].element, tensors[3].bytes) = ("I16", bytes.collect());
    });
    assert!(matches!(large, ModelError::Integer { .. }), "{large:?}");
}

#[test]
fn layers_that_make_no_network_are_refused() {
    let model = model();
    let layers = layers_to_json(&model.network.architecture().kinds());
    let read = |layers: &str, version: &str| {
        read(tensors(model.network.quantized().unwrap()).into(), layers, version)
    };
    read(&layers, "3").unwrap();
    for wrong in ["", "[]", "[\"relu\"]", "[{\"linear\":10}", "[{\"linear\":1}]"] {
        let error = read(wrong, "3").unwrap_err();
        assert!(
            matches!(error, ModelError::Layers { .. } | ModelError::Architecture(_)),
            "{wrong}: {error:?}"
        );
    }
    let normalised = read(&layers.replacen("\"relu\"", "\"batch-norm\"", 1), "3").unwrap_err();
    assert!(matches!(normalised, ModelError::Quantization(_)), "{normalised:?}");
    let other = read(&layers, "4").unwrap_err();
    assert!(matches!(other, ModelError::Version { .. }), "{other:?}");
    for version in ["1", "2"] {
        let error = read(&layers, version).unwrap_err();
        let is_refused = matches!(error, ModelError::Safetensors(SafetensorsError::ElementType { .. }));
        assert!(is_refused, "integers are no weights of version {version}: {error:?}");
    }
}
