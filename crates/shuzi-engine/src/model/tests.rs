//! Models through every format and back, and bytes that are damaged in every way.

use super::{npy::NpyError, npz::NpzError, safetensors::SafetensorsError, *};
use crate::{
    network::{Architecture, ConvKind, DepthwiseKind, InitialWeights, LayerKind, Storage},
    recipe::Recipe,
    training::initial_network,
};
use rand::SeedableRng;

fn model() -> Model {
    let mut recipe = Recipe::built_in("classic").unwrap();
    recipe.network.layers = vec![LayerKind::Linear(3), LayerKind::Relu, LayerKind::Linear(10)];
    let network = initial_network(&recipe);
    let record = Record {
        recipe: Some(recipe),
        trained_on: Some("MNIST".into()),
        test: Some(TestResult { count: 9, correct: 7 }),
        temperature: Some(1.0 / 3.0),
    };
    Model { network, classes: Classes::digits(), record }
}

/// A model of three classes.
fn model_of(names: [&str; 3]) -> Model {
    let classes = Classes::new(names.map(String::from).to_vec()).unwrap();
    let Model { record, .. } = model();
    let recipe = record.recipe.clone().unwrap().for_classes(&classes).unwrap();
    let network = initial_network(&recipe);
    Model { network, classes, record: Record { recipe: Some(recipe), ..record } }
}

#[test]
fn the_names_of_the_classes_are_in_the_file() {
    let model = model_of(["A", "お", "T-shirt/top \"M\""]);
    let bytes = model.to_safetensors();
    assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
    assert_eq!(Model::for_reading(&bytes).unwrap().classes, model.classes);
    let file = String::from_utf8_lossy(&bytes);
    assert!(file.contains(r#""classes":"[\"A\",\"お\",\"T-shirt/top \\\"M\\\"\"]""#), "{}", &file[..900]);
    assert!(
        !String::from_utf8_lossy(&self::model().to_safetensors()).contains("classes"),
        "digits need none"
    );
    assert!(matches!(
        Model::from_bytes(&model.to_npz()),
        Err(ModelError::ClassCount { outputs: 3, names: 10 })
    ));
}

#[test]
fn classes_that_are_none_or_too_few_are_refused() {
    let bytes = model_of(["A", "B", "C"]).to_safetensors();
    // As long as what they replace, so that the tensors stay where they are.
    let read = |names: &str| {
        let from = r#"[\"A\",\"B\",\"C\"]"#;
        let place = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut changed = bytes.clone();
        changed[place..place + from.len()].copy_from_slice(format!("{names:<19}").as_bytes());
        Model::from_bytes(&changed).unwrap_err().to_string()
    };
    for names in [
        "",
        "null",
        "3",
        r#"{\"A\": 1}"#,
        r#"[\"A\"]"#,
        r#"[\"A\",\"A\"]"#,
        r#"[\"A\",\"\"]"#,
        r#"[\"A\",\"\\n\"]"#,
    ] {
        assert_eq!(read(names), "its classes", "{names}");
    }
    assert_eq!(read(r#"[\"A\",\"B\"]"#), "its network has 3 outputs, but the file names 2 classes");
    assert_eq!(read(r#"[\"A\",\"B\",\"D\"]"#.replace("D", "A").as_str()), "its classes");
}

/// A model with layers that only its recipe names, and statistics that are not those it began with.
fn convolutional_model() -> Model {
    let mut recipe = Recipe::built_in("quick").unwrap();
    let conv = ConvKind { channels: 3, kernel: 5, stride: 2, padding: 1 };
    recipe.network.layers = vec![
        LayerKind::Conv(conv),
        LayerKind::BatchNorm,
        LayerKind::Residual(vec![LayerKind::DepthwiseConv(DepthwiseKind {
            kernel: 3,
            stride: 1,
            padding: 1,
        })]),
        LayerKind::MaxPool(4),
        LayerKind::Linear(10),
    ];
    let network = initial_network(&recipe);
    let statistics = [0.25, -0.5, 1.0, 2.0, 0.0, 1e-9];
    let network = Network::new(network.architecture().clone(), network.parameters(), &statistics);
    Model {
        network,
        classes: Classes::digits(),
        record: Record { recipe: Some(recipe), ..Record::default() },
    }
}

#[test]
fn a_convolutional_model_survives_its_file() {
    let model = convolutional_model();
    assert_eq!(Model::from_bytes(&model.to_safetensors()).unwrap(), model);
    let tensors: Vec<_> = model
        .network
        .architecture()
        .tensors()
        .into_iter()
        .map(|tensor| (tensor.name, tensor.shape))
        .collect();
    let expected: [(&str, &[usize]); 9] = [
        ("conv1.weight", &[5, 5, 1, 3]),
        ("batch_norm1.weight", &[3]),
        ("batch_norm1.bias", &[3]),
        ("batch_norm1.mean", &[3]),
        ("batch_norm1.variance", &[3]),
        ("conv2.weight", &[3, 3, 3]),
        ("conv2.bias", &[3]),
        ("linear1.weight", &[27, 10]),
        ("linear1.bias", &[10]),
    ];
    assert_eq!(tensors, expected.map(|(name, shape)| (name.to_string(), shape.to_vec())));
}

#[test]
fn a_model_of_halves_survives_a_file_of_half_the_size() {
    let mut model = convolutional_model();
    let full = model.to_safetensors();
    model.record.recipe.as_mut().unwrap().training.storage = Storage::F16;
    assert_eq!(Model::from_bytes(&model.to_safetensors()).unwrap(), model, "what is not rounded stays f32");
    model.network.round_to(Storage::F16);
    let half = model.to_safetensors();
    let text = String::from_utf8_lossy(&half);
    assert!(text.contains(r#""dtype":"F16""#) && !text.contains(r#""dtype":"F32""#));
    let numbers = model.network.parameters().len() + model.network.statistics().len();
    assert!(full.len() - half.len() > 2 * numbers - 64, "{} of {}", half.len(), full.len());
    assert_eq!(Model::from_bytes(&half).unwrap(), model);
}

#[test]
fn a_file_in_bfloat16_is_read_as_others_write_it() {
    let model = convolutional_model();
    let (arrays, mut metadata) = safetensors::read(&model.to_safetensors()).unwrap();
    metadata.remove("weights_sha256"); // of the numbers as they were
    let metadata: Vec<_> = metadata.into_iter().collect();
    let (mut rounded, mut tensors) = (vec![], vec![]);
    for (name, array) in &arrays {
        let values: Vec<_> = array.clone().into_f32().into_iter().map(half::bf16::from_f32).collect();
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push(safetensors::Raw { name, element: "BF16", shape: array.shape().to_vec(), bytes });
        let values = values.into_iter().map(f32::from).collect();
        rounded.push((name.clone(), Array::from_f32(array.shape().to_vec(), values)));
    }
    let file = safetensors::write_raw(tensors.into_iter(), &metadata);
    assert_eq!(safetensors::read(&file).unwrap().0, rounded);
    let found = Model::from_bytes(&file).unwrap();
    assert_eq!(found, Model::from_bytes(&safetensors::write(&rounded, &metadata)).unwrap());
    assert_eq!(found.network.architecture(), model.network.architecture());
}

#[test]
fn a_convolutional_model_with_a_part_missing_or_wrong_is_refused_by_name() {
    let (arrays, metadata) = safetensors::read(&convolutional_model().to_safetensors()).unwrap();
    let mut without_hash = metadata.clone();
    without_hash.remove("weights_sha256");
    let write = |arrays: &[(String, Array)], metadata: &BTreeMap<String, String>| {
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        Model::from_bytes(&safetensors::write(arrays, &metadata))
    };
    assert!(write(&arrays, &metadata).is_ok() && write(&arrays, &without_hash).is_ok());
    for place in 0..arrays.len() {
        let name = arrays[place].0.clone();
        let mut missing = arrays.clone();
        missing.remove(place);
        assert!(matches!(write(&missing, &metadata), Err(ModelError::Missing { name: n }) if n == name));
        let mut changed = arrays.clone();
        let mut values = arrays[place].1.clone().into_f32();
        values[0] += 1.0;
        changed[place].1 = Array::from_f32(arrays[place].1.shape().to_vec(), values.clone());
        assert!(matches!(write(&changed, &metadata), Err(ModelError::Hash { .. })));
        values[0] = f32::NAN;
        changed[place].1 = Array::from_f32(arrays[place].1.shape().to_vec(), values.clone());
        let error = write(&changed, &without_hash).unwrap_err();
        assert!(
            matches!(error, ModelError::Safetensors(SafetensorsError::NotFinite { name: n, .. }) if n == name)
        );
        values[0] = 0.0;
        values.push(1.0);
        changed[place].1 = Array::from_f32(vec![values.len()], values);
        assert!(matches!(write(&changed, &metadata), Err(ModelError::Shape { name: n, .. }) if n == name));
    }
    let mut surplus = arrays.clone();
    surplus.push(("conv3.weight".into(), Array::from_f32(vec![1], vec![1.0])));
    assert!(matches!(write(&surplus, &metadata), Err(ModelError::Surplus { .. })));
    let mut negative = arrays.clone();
    negative[4].1 = Array::from_f32(vec![3], vec![1.0, -1.0, 1.0]);
    assert!(matches!(write(&negative, &without_hash), Err(ModelError::Negative { index: 1, .. })));
    let mut no_recipe = metadata;
    no_recipe.remove("recipe");
    assert!(matches!(write(&arrays, &no_recipe), Err(ModelError::NoRecipe)));
}

#[test]
fn starting_weights_of_a_convolutional_network_must_fit_layer_by_layer() {
    let model = convolutional_model();
    let bytes = model.to_safetensors();
    let architecture = model.network.architecture();
    assert_eq!(initial_weights(&bytes, architecture).unwrap(), model.network);
    let mut recipe = model.record.recipe.clone().unwrap();
    recipe.network.layers.remove(2);
    let error = initial_weights(&bytes, &recipe.architecture().unwrap()).unwrap_err();
    assert!(matches!(&error, ModelError::Missing { name } if name == "linear1.weight"), "{error:?}");
    let LayerKind::Conv(conv) = &mut recipe.network.layers[0] else { panic!() };
    conv.channels = 4;
    let error = initial_weights(&bytes, &recipe.architecture().unwrap()).unwrap_err();
    assert!(matches!(&error, ModelError::Shape { name, .. } if name == "conv1.weight"), "{error:?}");
    let tutorial = Model { network: initial_network(&Recipe::built_in("classic").unwrap()), ..model.clone() };
    for bytes in [tutorial.to_npz(), bytes.clone()] {
        let other = if bytes == tutorial.to_npz() {
            architecture.clone()
        } else {
            tutorial.network.architecture().clone()
        };
        assert!(initial_weights(&bytes, &other).is_err());
    }
}

/// A `.npy` or `.npz` says nothing of a recipe.
fn without_record(model: &Model) -> Model {
    Model { record: Record::default(), ..model.clone() }
}

#[test]
fn a_model_survives_every_format() {
    let model = model();
    assert_eq!(Model::from_bytes(&model.to_safetensors()).unwrap(), model);
    assert_eq!(Model::from_bytes(&model.to_npy()).unwrap(), without_record(&model));
    assert_eq!(Model::from_bytes(&model.to_npz()).unwrap(), without_record(&model));
}

#[test]
fn equal_models_are_equal_bytes() {
    for write in [Model::to_safetensors, Model::to_npy, Model::to_npz] {
        assert_eq!(write(&model()), write(&model()));
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let model = model();
    let convolutional = convolutional_model().to_safetensors();
    for bytes in [model.to_safetensors(), model.to_npy(), model.to_npz(), convolutional] {
        let near_the_ends = (0..2000).chain(bytes.len() - 2000..bytes.len());
        for end in near_the_ends.chain((2000..bytes.len() - 2000).step_by(97)) {
            assert!(Model::from_bytes(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_flipped_byte_is_an_error_or_another_model_but_never_a_panic() {
    let model = model();
    for bytes in [model.to_safetensors(), model.to_npy(), model.to_npz()] {
        let near_the_ends = (0..700).chain(bytes.len() - 700..bytes.len());
        for place in near_the_ends {
            for change in [1, 0x10, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[place] ^= change;
                let _ = Model::from_bytes(&damaged);
                let _ = initial_weights(&damaged, model.network.architecture());
                let _ = batch_order(&damaged);
            }
        }
    }
}

#[test]
fn a_changed_weight_is_found_by_its_hash() {
    let mut bytes = model().to_safetensors();
    let last = bytes.len() - 4;
    bytes[last] ^= 1;
    assert!(matches!(Model::from_bytes(&bytes), Err(ModelError::Hash { .. })));
}

#[test]
fn a_temperature_is_a_number_above_0_or_is_not_there() {
    let mut model = model();
    let bytes = model.to_safetensors();
    for damaged in ["0", "-1", "NaN", "inf", "1e999", "", "warm"] {
        let wrong = rewritten(&bytes, "temperature", damaged);
        let error = Model::from_bytes(&wrong).unwrap_err();
        assert!(matches!(error, ModelError::Temperature { ref found } if found == damaged), "{error}");
    }
    assert_eq!(
        Model::from_bytes(&rewritten(&bytes, "temperature", "2.5")).unwrap().record.temperature,
        Some(2.5)
    );
    model.record.temperature = None;
    assert_eq!(Model::from_bytes(&model.to_safetensors()).unwrap().record.temperature, None);
}

#[test]
fn a_file_is_read_without_its_recipe() {
    for model in [model(), convolutional_model()] {
        let mut bare = Model::for_reading(&model.to_safetensors()).unwrap();
        assert_eq!((&bare.network, bare.record.test), (&model.network, model.record.test));
        assert_eq!(bare.record.recipe.take(), None);
    }
    let bytes = convolutional_model().to_safetensors();
    for damaged in ["", "[]", "[\"flatten\"]", "{}", "[{\"linear\":10}]"] {
        let wrong = rewritten(&bytes, "layers", damaged);
        assert!(Model::for_reading(&wrong).is_err(), "{damaged}");
        let error = Model::from_bytes(&wrong).unwrap_err();
        assert!(matches!(error, ModelError::Layers { ref found } if found == damaged), "{error}");
    }
    let (arrays, mut metadata) = safetensors::read(&bytes).unwrap();
    metadata.remove("layers"); // as before there were any
    let old = safetensors::write(&arrays, &metadata.into_iter().collect::<Vec<_>>());
    assert_eq!(Model::from_bytes(&old).unwrap(), convolutional_model());
    assert!(matches!(Model::for_reading(&old), Err(ModelError::NoRecipe)));
}

/// The file with another value for one key of its metadata.
fn rewritten(bytes: &[u8], key: &str, value: &str) -> Vec<u8> {
    let (arrays, mut metadata) = safetensors::read(bytes).unwrap();
    *metadata.get_mut(key).unwrap() = value.to_string();
    safetensors::write(&arrays, &metadata.into_iter().collect::<Vec<_>>())
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY] {
        let mut model = model();
        model.network.parts_mut().1[5] = value;
        let native = Model::from_bytes(&model.to_safetensors());
        assert!(matches!(
            native,
            Err(ModelError::Safetensors(SafetensorsError::NotFinite { index: 5, ref name, .. })) if name == "linear1.weight"
        ));
        for bytes in [model.to_npy(), model.to_npz()] {
            let error = Model::from_bytes(&bytes).unwrap_err();
            assert!(
                matches!(error, ModelError::NotFinite { ref name, index: 5, .. } if name == "w1"),
                "{error}"
            );
        }
    }
}

#[test]
fn arrays_that_make_no_network_are_named() {
    let array = |shape: &[usize]| Array::from_f32(shape.to_vec(), vec![0.5; shape.iter().product()]);
    let npz = |arrays: &[(&str, &[usize])]| {
        let arrays: Vec<_> = arrays.iter().map(|(name, shape)| (name.to_string(), array(shape))).collect();
        Model::from_bytes(&npz::write(&arrays)).map(|_| ()).unwrap_err().to_string()
    };
    for (arrays, expected) in [
        (vec![("v", &[3][..])], "there is no array w1"),
        (vec![("w1", &[784, 10])], "there is no array b1"),
        (vec![("w1", &[700, 10]), ("b1", &[10])], "array w1 has shape [700, 10], expected [784, outputs]"),
        (vec![("w1", &[784, 10]), ("b1", &[1, 9])], "array b1 has shape [1, 9], expected [10] / [1, 10]"),
        (
            vec![("w1", &[784, 5]), ("b1", &[5]), ("w2", &[6, 10]), ("b2", &[10])],
            "array w2 has shape [6, 10], expected [5, outputs]",
        ),
        (vec![("w1", &[784, 10]), ("b1", &[10]), ("w3", &[10, 10])], "array w3 belongs to no layer"),
        (vec![("w1", &[784, 1]), ("b1", &[1])], "its layers"),
        (vec![("w1", &[784, 9]), ("b1", &[9])], "its network has 9 outputs, but the file names 10 classes"),
        (vec![("w1", &[784]), ("b1", &[10])], "array w1 has shape [784], expected [784, outputs]"),
    ] {
        assert_eq!(npz(&arrays), expected);
    }
}

#[test]
fn starting_weights_must_fit_the_recipe() {
    let model = model();
    let other = Recipe::built_in("classic").unwrap().architecture().unwrap();
    for bytes in [model.to_safetensors(), model.to_npz(), model.to_npy()] {
        assert_eq!(initial_weights(&bytes, model.network.architecture()).unwrap(), model.network);
        let error = initial_weights(&bytes, &other).unwrap_err();
        assert!(matches!(error, ModelError::Shape { ref name, .. } if name == "w1"), "{error}");
    }
    let (mut arrays, mut without_biases) = (vec![], model.network.clone());
    for (name, array) in model.tutorial_arrays().into_iter().filter(|(name, _)| name.starts_with('w')) {
        arrays.push((format!("init_{name}"), array));
    }
    without_biases.parts_mut().1[784 * 3..][..3].fill(0.0); // they were 0 anyway
    let network = initial_weights(&npz::write(&arrays), model.network.architecture()).unwrap();
    assert_eq!(network, without_biases);
}

#[test]
fn an_order_is_read_from_both_files() {
    let order = Array::from_f64(vec![1, 2], vec![1.0, 0.0]);
    assert!(batch_order(&npy::write_array(&order)).is_err(), "floating point is no order");
    let header = "{'descr': '<u4', 'fortran_order': False, 'shape': (2, 3), }\n";
    let numbers: Vec<u8> = [0u32, 2, 1, 1, 0, 2].iter().flat_map(|n| n.to_le_bytes()).collect();
    let npy = [npy::MAGIC, &[1, 0, header.len() as u8, 0], header.as_bytes(), &numbers].concat();
    assert_eq!(batch_order(&npy).unwrap(), [[0, 2, 1], [1, 0, 2]]);
    let without = npz::write(&[("w1".to_string(), order)]);
    assert!(matches!(batch_order(&without), Err(ModelError::Missing { .. })));
}

#[test]
fn headers_of_npy_files_that_lie_are_refused() {
    let npy = |header: &str, data: &[u8]| {
        npy::read(
            &[npy::MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat(),
        )
    };
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", &[0; 4]).unwrap();
    npy("{'shape': (2,1), 'fortran_order': True, 'descr': '<f4'}", &[0; 8]).unwrap();
    for header in [
        "",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,99999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': (1,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
    ] {
        assert!(npy(header, &[0; 4]).is_err(), "{header}");
    }
    assert!(matches!(npy::read(b"\x93NUMPY\x04\0\0\0\0\0"), Err(NpyError::Version { found: 4 })));
    let claim = [npy::MAGIC, &[2, 0], &u32::MAX.to_le_bytes()].concat();
    assert!(matches!(npy::read(&claim), Err(NpyError::HeaderTooLong { .. })));
}

#[test]
fn a_zip_bomb_is_not_unpacked() {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    archive.start_file("w1.npy", zip::write::SimpleFileOptions::default()).unwrap();
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (600000000,), }\n";
    archive.write_all(&[npy::MAGIC, &[1, 0, header.len() as u8, 0], header.as_bytes()].concat()).unwrap();
    for _ in 0..600 {
        archive.write_all(&[0; 1_000_000]).unwrap();
    }
    let bomb = archive.finish().unwrap().into_inner();
    assert!(bomb.len() < 2_000_000 && matches!(npz::read(&bomb), Err(NpzError::TooLarge)));
}

#[test]
fn headers_of_safetensors_files_that_lie_are_refused() {
    let file = |header: &str, data: usize| {
        let header = header.as_bytes();
        Model::from_bytes(&[&(header.len() as u64).to_le_bytes(), header, &vec![0; data]].concat())
    };
    for (header, data) in [
        ("{}", 0),
        ("{", 0),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8),
        (
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            4,
        ),
        (r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, 4),
        (r#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#, 4),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8),
    ] {
        assert!(file(header, data).is_err(), "{header}");
    }
    assert!(Model::from_bytes(&u64::MAX.to_le_bytes()).is_err());
    let mut other_version = model().to_safetensors();
    let key = b"format_version\":\"";
    let place = other_version.windows(key.len()).position(|window| window == key).unwrap();
    other_version[place + key.len()] = b'9';
    assert!(matches!(Model::from_bytes(&other_version), Err(ModelError::Version { .. })));
}

#[test]
fn float32_and_random_networks_survive_the_tutorials_format_exactly() {
    let architecture = Architecture::new(
        PixelScale::Raw,
        &[
            LayerKind::Linear(4),
            LayerKind::Relu,
            LayerKind::Linear(6),
            LayerKind::Relu,
            LayerKind::Linear(10),
        ],
    )
    .unwrap();
    let network = Network::random(architecture, InitialWeights::He, &mut crate::Rng::seed_from_u64(9));
    let model = Model { network, classes: Classes::digits(), record: Record::default() };
    assert_eq!(Model::from_bytes(&model.to_npy()).unwrap(), model);
}
