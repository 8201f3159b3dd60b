//! `shuzi export`: the same weights in every form.

use crate::support::{fail, json, succeed};
use std::fs;
use tempfile::tempdir;

#[test]
fn weights_survive_every_way_round() {
    let folder = tempdir().unwrap();
    let hash = |model: &str| {
        let object = json(folder.path(), &["evaluate", model, "--data", "synthetic:100", "--out", "run"]);
        object["weights_sha256"].as_str().unwrap().to_string()
    };
    let expected = hash("classic");
    let mut model = "classic".to_string();
    for (step, format) in ["npz", "npy", "safetensors", "npy", "npz", "safetensors"].iter().enumerate() {
        let file = format!("{step}.{format}");
        succeed(folder.path(), &["export", &model, "--to", format, "--out", &file, "--quiet"]);
        assert_eq!(hash(&file), expected, "{model} to {file}");
        model = file;
    }
}

#[test]
fn a_convolutional_network_is_its_own_file_and_no_tutorials() {
    let folder = tempdir().unwrap();
    let train = ["train", "--recipe", "quick", "--data", "synthetic:600", "--out", "run"];
    let trained = json(folder.path(), &train);
    succeed(folder.path(), &["export", "run", "--to", "safetensors", "--out", "copy", "--quiet"]);
    let copy = json(folder.path(), &["evaluate", "copy", "--data", "synthetic:100", "--out", "evaluation"]);
    assert_eq!(copy["weights_sha256"], trained["weights_sha256"]);
    for format in ["npz", "npy"] {
        let (code, error) = fail(folder.path(), &["export", "run", "--to", format, "--out", "weights"]);
        assert!(code == 1 && error.contains("safetensors or onnx"), "{error}");
    }
    assert_eq!(crate::support::names(folder.path()), ["copy", "evaluation", "run"]);
}

#[test]
fn an_npz_file_holds_the_tutorials_names_and_shapes() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &["export", "classic", "--to", "npz", "--out", "model.npz"]);
    let arrays = shuzi_engine::model::npz::read(&fs::read(folder.path().join("model.npz")).unwrap()).unwrap();
    let shapes: Vec<_> = arrays.iter().map(|(name, array)| (name.as_str(), array.shape().to_vec())).collect();
    let expected = [
        ("w1", vec![784, 32]),
        ("b1", vec![1, 32]),
        ("w2", vec![32, 16]),
        ("b2", vec![1, 16]),
        ("w3", vec![16, 10]),
        ("b3", vec![1, 10]),
    ];
    assert_eq!(shapes, expected);
}

#[test]
fn an_onnx_file_bears_the_models_name_and_tells_where_it_is_from() {
    let folder = tempdir().unwrap();
    for name in ["default", "photo", "tiny", "classic"] {
        let (code, out, error) =
            crate::support::run(&mut crate::support::shuzi(folder.path(), &["export", name, "--to", "onnx"]));
        assert!(code == 0 && out.is_empty() && error.contains(&format!("wrote {name}.onnx")), "{error}");
        let file = fs::read(folder.path().join(format!("{name}.onnx"))).unwrap();
        assert!(file.starts_with(b"\x08\x08\x12\x05shuzi"), "{name}: version 8 of the format, made by shuzi");
        let text = String::from_utf8_lossy(&file);
        for word in ["pixels", "logits", "probabilities", "test_accuracy", "MNIST", "linear1.weight"] {
            assert!(text.contains(word), "{name}: {word}");
        }
        assert_eq!(text.contains("Conv"), name != "classic", "{name}");
        assert_eq!(text.contains("Div"), name == "photo", "{name}: a temperature divides");
    }
    let export = ["export", "tiny", "--to", "onnx", "--out"];
    let mut to_stdout = crate::support::shuzi(folder.path(), &[&export[..], &["-"]].concat());
    assert_eq!(to_stdout.output().unwrap().stdout, fs::read(folder.path().join("tiny.onnx")).unwrap());
    succeed(folder.path(), &[&export[..], &["sure", "--quiet", "--temperature", "0.5"]].concat());
    let sure = fs::read(folder.path().join("sure")).unwrap();
    assert!(String::from_utf8_lossy(&sure).contains("Div"));
    let (code, error) = fail(folder.path(), &["evaluate", "tiny.onnx", "--data", "synthetic:100"]);
    assert!(code == 1 && error.contains("tiny.onnx"), "written only: {error}");
}

#[test]
fn a_temperature_is_kept() {
    let folder = tempdir().unwrap();
    let export = ["export", "tiny", "--to", "safetensors", "--out", "sure", "--quiet", "--temperature"];
    succeed(folder.path(), &[&export[..], &["0.5"]].concat());
    let evaluate =
        |model| json(folder.path(), &["evaluate", model, "--data", "synthetic:100", "--out", "run"]);
    let (before, after) = (evaluate("tiny"), evaluate("sure"));
    assert_eq!((&before["temperature"], &after["temperature"]), (&serde_json::Value::Null, &0.5.into()));
    assert_eq!(before["weights_sha256"], after["weights_sha256"]);
    for wrong in ["0", "-1", "nan", "inf", "warm"] {
        assert_eq!(fail(folder.path(), &[&export[..], &[wrong]].concat()).0, 2, "{wrong}");
    }
    let pickled = ["export", "classic", "--to", "npz", "--out", "model.npz", "--temperature", "0.5"];
    let (code, error) = fail(folder.path(), &pickled);
    assert!(code == 2 && error.contains("safetensors"), "{error}");
    assert_eq!(crate::support::names(folder.path()), ["run", "sure"]);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("a-folder")).unwrap();
    for (arguments, code, words) in [
        (["default", "--to", "onyx", "--out", "x"], 2, "npy, npz, onnx, safetensors"),
        (["classic", "--to", "npy", "--out", "a-folder"], 1, "a-folder"),
        (["classic", "--to", "npy", "--out", "nowhere/x.npy"], 1, "nowhere/x.npy"),
        (["nothing", "--to", "npy", "--out", "x.npy"], 2, "nothing"),
    ] {
        let (found, error) = fail(folder.path(), &[&["export"], &arguments[..]].concat());
        assert!(found == code && error.contains(words), "{arguments:?}: {found} {error}");
    }
    assert_eq!(crate::support::names(folder.path()), ["a-folder"]);
}
