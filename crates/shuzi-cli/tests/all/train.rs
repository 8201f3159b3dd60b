//! `shuzi train`: repeatable, replayable, and complete in what it leaves behind.

use crate::support::{fail, golden, json, mnist, names, run, shuzi, succeed};
use serde_json::Value;
use std::{fs, path::Path};
use tempfile::tempdir;

/// A training that takes a moment.
const QUICK: [&str; 6] = ["train", "--data", "synthetic:1500", "--epochs", "2", "--out"];

fn quick<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&QUICK[..], &[out], more].concat()
}

fn metrics(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_weights_do_not_depend_on_threads_and_come_again() {
    let folder = tempdir().unwrap();
    let recipes: [&[&str]; 4] = [
        &["--recipe", "classic"],
        &["--recipe", "mlp", "--hidden", "96,40"],
        &["--recipe", "quick"],
        &["--recipe", "good"],
    ];
    for recipe in recipes {
        let hash = |threads, seed| {
            let more = [recipe, &["--threads", threads, "--seed", seed]].concat();
            json(folder.path(), &quick("run", &more))["weights_sha256"].as_str().unwrap().to_string()
        };
        let expected = hash("1", "7");
        assert_eq!(expected.len(), 64);
        for threads in ["1", "2", "3", "8"] {
            assert_eq!(hash(threads, "7"), expected, "{recipe:?}, {threads} threads");
        }
        assert_ne!(hash("2", "8"), expected, "another seed");
    }
}

#[test]
fn a_run_leaves_model_metrics_report_and_pictures() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let more = ["--validation", "100", "--batch-size", "50", "--log-every", "5", "--png"];
    let object = json(folder.path(), &quick("run", &more));
    for key in [
        "run",
        "model",
        "weights_sha256",
        "test_accuracy",
        "load_seconds",
        "train_seconds",
        "evaluate_seconds",
    ] {
        assert!(!object[key].is_null(), "{key}: {object}");
    }
    let expected = [
        "accuracy.png",
        "accuracy.svg",
        "confusion.png",
        "confusion.svg",
        "learning-rate.png",
        "learning-rate.svg",
        "loss.png",
        "loss.svg",
        "metrics.jsonl",
        "model.safetensors",
        "recipe.toml",
        "reliability.png",
        "reliability.svg",
        "report.html",
    ];
    assert_eq!(names(&run), expected);
    for picture in ["accuracy.png", "loss.png", "confusion.png", "learning-rate.png", "reliability.png"] {
        let mut decoder =
            png::Decoder::new(std::io::BufReader::new(fs::File::open(run.join(picture)).unwrap()));
        let info = decoder.read_header_info().unwrap();
        assert!(info.width > 600 && info.height > 500, "{picture}");
    }

    let metrics = metrics(&run);
    let steps: Vec<_> = metrics.iter().filter(|line| line.get("iteration").is_some()).collect();
    let place = |step: &&Value| (step["epoch"].as_u64().unwrap(), step["iteration"].as_u64().unwrap());
    let expected =
        [0, 1].into_iter().flat_map(|epoch| (0..28).step_by(5).map(move |iteration| (epoch, iteration)));
    assert!(steps.iter().map(place).eq(expected), "every fifth of an epoch's 1,400 / 50 steps: {steps:?}");
    for step in &steps {
        assert!(step["loss"].as_f64().unwrap() > 0.0 && step["examples_per_second"].as_f64().unwrap() > 0.0);
        assert!((0.0..=1.0).contains(&step["batch_accuracy"].as_f64().unwrap()));
        assert_eq!(step["learning_rate"], 0.01);
    }
    let epochs: Vec<_> = metrics.iter().filter(|line| line.get("validation_accuracy").is_some()).collect();
    assert_eq!(epochs.len(), 2);
}

#[test]
fn the_recipe_of_a_run_gives_the_run_again() {
    let folder = tempdir().unwrap();
    let more = [
        "--recipe",
        "mlp",
        "--hidden",
        "24,12",
        "--batch-size",
        "75",
        "--learning-rate",
        "0.03",
        "--seed",
        "5",
    ];
    let first = json(folder.path(), &quick("first", &more));
    let recipe = fs::read_to_string(folder.path().join("first/recipe.toml")).unwrap();
    for line in [
        "layers = [{ linear = 24 }, \"relu\", { linear = 12 }, \"relu\", { linear = 10 }]",
        "epochs = 2",
        "batch-size = 75",
        "learning-rate = 0.03",
        "seed = 5",
    ] {
        assert!(recipe.contains(line), "{line}: {recipe}");
    }
    let again = json(
        folder.path(),
        &["train", "--recipe", "first/recipe.toml", "--data", "synthetic:1500", "--out", "again"],
    );
    assert_eq!(again["weights_sha256"], first["weights_sha256"]);
}

#[test]
fn full_batch_and_single_examples_are_batch_sizes() {
    let folder = tempdir().unwrap();
    for (size, steps_an_epoch) in [("all", 1), ("1", 1500), ("400", 3)] {
        json(folder.path(), &quick("run", &["--batch-size", size, "--log-every", "1"]));
        let steps =
            metrics(&folder.path().join("run")).iter().filter(|line| line.get("iteration").is_some()).count();
        assert_eq!(steps, 2 * steps_an_epoch, "{size}: the classic recipe drops the incomplete batch");
    }
}

#[test]
fn without_a_folder_every_run_gets_a_new_one() {
    let folder = tempdir().unwrap();
    for expected in ["runs/classic-1", "runs/classic-2"] {
        let out = json(folder.path(), &["train", "--data", "synthetic:500", "--epochs", "1"]);
        assert!(out["run"].as_str().unwrap().ends_with(expected), "{out}");
    }
}

#[test]
fn the_report_is_one_file_that_loads_nothing() {
    let folder = tempdir().unwrap();
    for (language, word) in [("en", "Worst mistakes"), ("zh-CN", "最严重的错误")] {
        succeed(folder.path(), &quick("run", &["--lang", language, "--quiet"]));
        let report = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
        assert!(report.contains(word) && report.contains(&format!("lang=\"{language}\"")), "{language}");
        for loading in ["<script", "<iframe", "@import", "url(http", "url(\"http", "url(//"] {
            assert!(!report.contains(loading), "{language}: {loading}");
        }
        for address in report.split("src=\"").skip(1).chain(report.split("href=\"").skip(1)) {
            assert!(address.starts_with("data:") || address.starts_with('#'), "{language}: {address:.60}");
        }
        for picture in ["accuracy.svg", "loss.svg", "confusion.svg", "learning-rate.svg", "reliability.svg"] {
            let svg = fs::read_to_string(folder.path().join("run").join(picture)).unwrap();
            assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>"), "{picture}");
        }
    }
    let loss = fs::read_to_string(folder.path().join("run/loss.svg")).unwrap();
    assert!(loss.contains("损失（") && !loss.contains("准确率（"), "its axis is the loss");
}

#[test]
fn the_temperature_comes_from_the_held_out_part_and_stays_with_the_model() {
    let folder = tempdir().unwrap();
    let trained = json(folder.path(), &quick("run", &["--validation", "500"]));
    let temperature = trained["temperature"].as_f64().unwrap();
    assert!((0.01..100.0).contains(&temperature), "{trained}");
    assert!(trained["test_calibration_error"].as_f64().unwrap() > 0.0, "{trained}");
    let evaluated = json(folder.path(), &["evaluate", "run", "--data", "synthetic:1", "--out", "again"]);
    assert_eq!(evaluated["temperature"], trained["temperature"]);
    assert_eq!(evaluated["calibration_error"], trained["test_calibration_error"]);
    assert!(evaluated["tempered_calibration_error"].as_f64().unwrap() > 0.0, "{evaluated}");
    for report in ["run", "again"] {
        let page = fs::read_to_string(folder.path().join(report).join("report.html")).unwrap();
        assert!(page.contains("with temperature"), "{report}");
    }

    let without = json(folder.path(), &quick("run", &[]));
    assert!(without["temperature"].is_null(), "nothing was held out: {without}");
    let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(!page.contains("with temperature"));
}

#[test]
fn classic_on_mnist_reaches_what_the_tutorial_reaches() {
    let Some(mnist) = mnist() else { return };
    let folder = tempdir().unwrap();
    let trained = json(folder.path(), &["train", "--data", mnist.to_str().unwrap(), "--out", "run"]);
    let accuracy = trained["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.95, "{accuracy}");
    let evaluated = json(
        folder.path(),
        &["evaluate", "run/model.safetensors", "--data", mnist.to_str().unwrap(), "--out", "again"],
    );
    assert_eq!(evaluated["accuracy"], trained["test_accuracy"]);
    assert_eq!(evaluated["count"], 10_000);
    assert_eq!(evaluated["weights_sha256"], trained["weights_sha256"]);
}

#[test]
fn another_programs_run_is_replayed() {
    let (Some(mnist), Some(golden)) = (mnist(), golden()) else { return };
    let folder = tempdir().unwrap();
    let trace = golden.join("classic-seed0.npz");
    let (mnist, trace) = (mnist.to_str().unwrap(), trace.to_str().unwrap());
    let replay = ["train", "--recipe", "classic", "--initial-weights", trace, "--batch-order", trace];
    json(folder.path(), &[&replay[..], &["--data", mnist, "--out", "run", "--log-every", "1"]].concat());

    let arrays = shuzi_engine::model::npz::read(&fs::read(trace).unwrap()).unwrap();
    let array = |wanted: &str| arrays.iter().find(|(name, _)| name == wanted).unwrap().1.clone().into_f32();
    let losses: Vec<f64> =
        metrics(&folder.path().join("run")).iter().filter_map(|line| line["loss"].as_f64()).collect();
    assert_eq!(losses.len(), 1998);
    for (step, (ours, reference)) in losses.iter().zip(array("loss")).enumerate() {
        let difference = (ours / f64::from(reference) - 1.0).abs();
        assert!(difference < 1e-4, "step {step}: {ours}, reference {reference}");
    }
    json(
        folder.path(),
        &["evaluate", "run", "--data", mnist, "--predictions", "table.csv", "--out", "again"],
    );
    let table = fs::read_to_string(folder.path().join("table.csv")).unwrap();
    let predictions: Vec<f32> =
        table.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect();
    assert_eq!(predictions, array("test_pred"));
}

#[test]
fn a_training_that_diverges_keeps_the_last_good_weights() {
    let folder = tempdir().unwrap();
    let (code, error) = fail(folder.path(), &quick("run", &["--learning-rate", "1e30", "--quiet"]));
    assert_eq!(code, 1);
    assert!(error.contains("--learning-rate"), "says what to do: {error}");
    json(
        folder.path(),
        &["evaluate", "run/model.safetensors", "--data", "synthetic:100", "--out", "evaluated"],
    );
}

#[test]
fn the_plain_kernels_train_as_well() {
    let folder = tempdir().unwrap();
    let quick = |kernels: &str| {
        let arguments = quick("run", &["--quiet", "--threads", "2"]);
        run(shuzi(folder.path(), &arguments).env("SHUZI_KERNELS", kernels))
    };
    let (code, out, error) = quick("plain");
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("accuracy"), "{out}");
    let report = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(report.contains("2, plain"), "the report says which kernels computed it");

    let (code, _, error) = quick("quantum");
    assert!((1..=2).contains(&code) && error.contains("quantum") && error.contains("plain"), "{error}");
}

#[test]
fn more_digits_than_fit_into_memory_are_drawn_on_the_way() {
    let folder = tempdir().unwrap();
    let count = ["--data", "synthetic:100100", "--validation", "50"]; // just above what is kept
    let arguments = [&["train"][..], &count, &["--epochs", "1", "--out", "run"]].concat();
    let object = json(folder.path(), &arguments);
    assert!(object["test_accuracy"].as_f64().unwrap() > 0.5, "{object}");
    let many = ["--data", "synthetic:3000000"];
    for all_at_once in [
        &["data", "show"][..],
        &["train", "--batch-size", "all"],
        &["train", "--batch-size", "2900000"],
        &["train", "--validation", "2900000"],
    ] {
        let (_, error) = fail(folder.path(), &[all_at_once, &many].concat());
        assert!(error.contains("3000000") && error.contains("2000000"), "{all_at_once:?}: {error}");
    }
}
