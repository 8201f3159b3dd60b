//! `shuzi export --to int8` and `--to c`: a network without floating point, by the same verbs as any other.

use crate::support::{fail, json, succeed};
use std::fs;
use tempfile::tempdir;

#[test]
fn a_model_of_whole_numbers_is_read_like_any_other() {
    let folder = tempdir().unwrap();
    for name in ["classic", "tiny"] {
        succeed(folder.path(), &["export", name, "--to", "int8", "--quiet"]);
        let file = format!("{name}.int8.safetensors");
        let evaluate = |model: &str| {
            json(folder.path(), &["evaluate", model, "--data", "synthetic:300", "--out", "evaluation"])
        };
        let (floats, whole) = (evaluate(name), evaluate(&file));
        let correct = |object: &serde_json::Value| object["correct"].as_i64().unwrap();
        let (floats_correct, whole_correct) = (correct(&floats), correct(&whole)); // of 10,000
        assert!((floats_correct - whole_correct).abs() <= 30, "{name}: {floats_correct}, {whole_correct}");
        assert_ne!(floats["weights_sha256"], whole["weights_sha256"]);
        // Integers stay what they are.
        succeed(folder.path(), &["export", &file, "--to", "int8", "--out", "again", "--quiet"]);
        succeed(folder.path(), &["export", &file, "--to", "safetensors", "--out", "copy", "--quiet"]);
        let [first, again, copy] =
            [&file[..], "again", "copy"].map(|name| fs::read(folder.path().join(name)).unwrap());
        assert!(first == again && first == copy, "{name}");
        // As ONNX it is a network of floats.
        succeed(folder.path(), &["export", &file, "--to", "onnx", "--out", "floats.onnx", "--quiet"]);
    }
    let bytes = fs::metadata(folder.path().join("tiny.int8.safetensors")).unwrap().len();
    assert!(bytes < 12_000, "tiny has {bytes} bytes");
}

#[test]
fn the_header_tells_what_it_is_and_how_to_use_it() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &["export", "tiny", "--to", "int8", "--out", "tiny.safetensors", "--quiet"]);
    succeed(folder.path(), &["export", "tiny.safetensors", "--to", "c", "--quiet"]);
    let header = fs::read_to_string(folder.path().join("tiny.h")).unwrap();
    let evaluated =
        json(folder.path(), &["evaluate", "tiny.safetensors", "--data", "synthetic:9", "--out", "e"]);
    let hash = evaluated["weights_sha256"].as_str().unwrap();
    for words in [hash, "Recipe tiny, seed 0", "Trained on MNIST", "MIT or Apache-2.0", "centre of mass"] {
        assert!(header.contains(words), "{words}");
    }
    assert!(!header.contains("test images"), "in int8 it was not tested");
    let mut to_stdout = crate::support::shuzi(folder.path(), &["export", "tiny", "--to", "c", "--out", "-"]);
    let of_floats = to_stdout.output().unwrap();
    assert_eq!(
        String::from_utf8(of_floats.stdout).unwrap(),
        header,
        "a model in floating point is quantised"
    );
}

#[test]
fn a_recipe_of_whole_numbers_ends_with_them() {
    let folder = tempdir().unwrap();
    let recipe = |layers: &str| {
        format!(
            "name = \"few\"\n[network]\npixels = \"unit\"\nlayers = [{layers}]\ninitial-weights = \"he\"\n[training]\nepochs = 2\n\
             batch-size = 50\nlearning-rate = 0.01\noptimizer = {{ kind = \"adam\", beta1 = 0.9, beta2 = 0.99 }}\nstorage = \"i8\"\n"
        )
    };
    let layers =
        "{ conv = { channels = 8, kernel = 5, stride = 2 } }, \"batch-norm\", \"relu\", { linear = 10 }";
    fs::write(folder.path().join("few.toml"), recipe(layers)).unwrap();
    let train = |data: &str, out: &str, more: &[&str]| {
        let train = ["train", "--recipe", "few.toml", "--data", data, "--out", out];
        json(folder.path(), &[&train[..], more].concat())
    };
    let trained = train("synthetic:600", "run", &["--threads", "1"]);
    assert_eq!(
        train("synthetic:600", "again", &["--threads", "2"])["weights_sha256"],
        trained["weights_sha256"]
    );
    let held_out = train("synthetic:600", "held-out", &["--validation", "100"]);
    assert!(held_out["temperature"].is_number());
    for run in ["run", "held-out"] {
        let file = fs::read(folder.path().join(run).join("model.safetensors")).unwrap();
        let text = String::from_utf8_lossy(&file);
        assert!(text.contains("\"format_version\":\"3\"") && text.contains("\"dtype\":\"I8\""), "{run}");
        assert_eq!(text.contains("temperature"), run == "held-out");
    }
    succeed(folder.path(), &["export", "run", "--to", "c", "--quiet"]);

    let of_pixels =
        "{ crop = 20 }, { residual = [{ conv = { channels = 1, kernel = 1 } }] }, { linear = 10 }";
    fs::write(folder.path().join("few.toml"), recipe(of_pixels)).unwrap();
    let (code, error) = fail(folder.path(), &["train", "--recipe", "few.toml", "--data", "synthetic:100"]);
    assert!(code != 0 && error.contains("i8") && error.contains("residual"), "{error}");
    fs::write(folder.path().join("few.toml"), recipe(of_pixels).replace("storage = \"i8\"\n", "")).unwrap();
    train("synthetic:100", "floats", &[]);
    for format in ["c", "int8"] {
        let (code, error) = fail(folder.path(), &["export", "floats", "--to", format, "--out", "x"]);
        assert!(code == 1 && error.contains("residual"), "{error}");
    }
}
