//! `shuzi evaluate`: what it reads, and what it tells.

mod support;

use std::fs;
use support::{golden, json, mnist, succeed};
use tempfile::tempdir;

#[test]
fn the_json_object_adds_up() {
    let folder = tempdir().unwrap();
    let object = json(folder.path(), &["evaluate", "default", "--data", "synthetic:100", "--out", "run"]);
    let confusion = object["confusion"].as_array().unwrap();
    let at = |label: usize, prediction: usize| confusion[label][prediction].as_u64().unwrap();
    let all: u64 = (0..10).flat_map(|label| (0..10).map(move |prediction| at(label, prediction))).sum();
    let right: u64 = (0..10).map(|digit| at(digit, digit)).sum();
    assert_eq!((Some(all), Some(right)), (object["count"].as_u64(), object["correct"].as_u64()));
    let accuracy = object["accuracy"].as_f64().unwrap();
    assert_eq!(accuracy, right as f64 / all as f64);
    let interval = |end: usize| object["interval"][end].as_f64().unwrap();
    assert!(interval(0) < accuracy && accuracy < interval(1) && object["loss"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_table_of_predictions_has_a_line_for_each_image() {
    let folder = tempdir().unwrap();
    let evaluate = ["evaluate", "classic", "--data", "synthetic:100", "--out", "run", "--predictions"];
    let object = json(folder.path(), &[&evaluate[..], &["table.csv"]].concat());
    let table = fs::read_to_string(folder.path().join("table.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("index,label,prediction,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9"));
    let mut right = 0;
    for (index, line) in lines.enumerate() {
        let numbers: Vec<f64> = line.split(',').map(|number| number.parse().unwrap()).collect();
        let [place, label, prediction] = [0, 1, 2].map(|column| numbers[column] as usize);
        let probabilities = &numbers[3..];
        assert!(place == index && probabilities.len() == 10, "{line}");
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{line}");
        assert!(probabilities.iter().all(|p| *p <= probabilities[prediction]), "{line}");
        right += usize::from(label == prediction);
    }
    assert_eq!(object["correct"], right);
    let out = succeed(folder.path(), &[&evaluate[..], &["-", "--quiet"]].concat());
    assert_eq!(out, table, "standard output is a file like any other");
}

#[test]
fn the_tutorials_files_are_read() {
    let (Some(mnist), Some(golden)) = (mnist(), golden()) else { return };
    let folder = tempdir().unwrap();
    for name in ["numpy1.npy", "numpy2.npy", "numpy1.npz", "numpy2.npz"] {
        let model = golden.join(format!("mlp-32-16-1epoch-{name}"));
        let arguments =
            ["evaluate", model.to_str().unwrap(), "--data", mnist.to_str().unwrap(), "--out", "run"];
        assert_eq!(json(folder.path(), &arguments)["accuracy"], 0.9607, "{name}");
    }
}
