//! `shuzi evaluate`: what it reads, and what it reports.

use crate::support::{fail, golden, idx, json, mnist, names, run, shuzi, succeed};
use shuzi_engine::{dataset::synthetic, kernels::Level};
use std::{fs, path::Path};
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
fn without_a_model_it_is_the_default() {
    let folder = tempdir().unwrap();
    let without = json(folder.path(), &["evaluate", "--data", "synthetic:1", "--out", "run"]);
    let named = json(folder.path(), &["evaluate", "default", "--data", "synthetic:1", "--out", "run"]);
    assert_eq!(without["model"], "default");
    assert_eq!(without["weights_sha256"], named["weights_sha256"]);
}

/// Two small networks, `a` and `b`.
fn train_two(folder: &Path) {
    for (out, epochs) in [("a", "1"), ("b", "3")] {
        let train = ["train", "--data", "synthetic:2000", "--epochs", epochs, "--out", out, "--quiet"];
        succeed(folder, &[&train[..], &["--validation", "200"]].concat());
    }
}

/// Label and prediction of each image.
fn predictions(folder: &Path, model: &str) -> Vec<[u8; 2]> {
    let evaluate = ["evaluate", model, "--data", "synthetic:1", "--out", "run", "--predictions", "-"];
    let table = succeed(folder, &evaluate);
    let digits = |line: &str| [1, 2].map(|column| line.split(',').nth(column).unwrap().parse().unwrap());
    table.lines().skip(1).map(digits).collect()
}

#[test]
fn several_models_are_compared_with_the_first() {
    let folder = tempdir().unwrap();
    train_two(folder.path());
    let compare = ["evaluate", "a", "b", "classic", "--data", "synthetic:1", "--out", "compared", "--png"];
    let object = json(folder.path(), &compare);
    assert_eq!(names(&folder.path().join("compared")), ["comparison.png", "comparison.svg", "report.html"]);

    let tables = ["a", "b", "classic"].map(|model| predictions(folder.path(), model));
    let right = |model: usize, image: usize| tables[model][image][0] == tables[model][image][1];
    for model in 0..3 {
        let reported = &object["models"][model];
        let alone = json(
            folder.path(),
            &["evaluate", reported["model"].as_str().unwrap(), "--data", "synthetic:1", "--out", "run"],
        );
        for key in [
            "weights_sha256",
            "correct",
            "accuracy",
            "interval",
            "loss",
            "calibration_error",
            "temperature",
            "tempered_calibration_error",
            "best_temperature",
            "loss_at_best_temperature",
        ] {
            assert_eq!(reported[key], alone[key], "{key}");
        }
    }
    let file = fs::metadata(folder.path().join("a/model.safetensors")).unwrap();
    assert_eq!(object["models"][0]["bytes"], file.len());
    assert_eq!(object["models"][0]["parameters"], 25_818);
    for other in 1..3 {
        let comparison = &object["comparisons"][other - 1];
        let only = |one: usize, not: usize| {
            (0..10_000).filter(|&image| right(one, image) && !right(not, image)).count()
        };
        assert_eq!(comparison["only_model_right"], only(other, 0));
        assert_eq!(comparison["only_against_right"], only(0, other));
        assert!((0.0..=1.0).contains(&comparison["p_value"].as_f64().unwrap()));
    }

    for (language, words) in [
        ("en", ["only_ images are read right by B only", "exact McNemar test", "tempered ECE"]),
        ("zh-CN", ["仅 B 识别正确的图像有 only_ 幅", "精确 McNemar 检验", "温度后 ECE"]),
    ] {
        let text = succeed(folder.path(), &[&compare[..], &["--lang", language]].concat());
        let page = fs::read_to_string(folder.path().join("compared/report.html")).unwrap();
        let only = object["comparisons"][0]["only_model_right"].to_string();
        let grouped = if only.len() > 3 { format!("{},{}", &only[..1], &only[1..]) } else { only };
        for words in words.map(|words| words.replace("only_", &grouped)) {
            assert!(text.contains(&words), "{language}: {words}: {text}");
        }
        for words in &words[1..2] {
            assert!(page.contains(words), "{language}: {words}");
        }
        assert!(page.contains("<svg") && page.contains("data:image/png") && !page.contains("<script"));
    }
}

#[test]
fn an_ensemble_is_the_mean_of_what_its_models_say() {
    let folder = tempdir().unwrap();
    train_two(folder.path());
    let compare = ["evaluate", "a", "b", "--ensemble", "--data", "synthetic:1", "--out", "compared"];
    let object = json(folder.path(), &compare);
    let table = |evaluate: &[&str]| {
        let table = succeed(folder.path(), &[evaluate, &["--predictions", "-"]].concat());
        let row = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect::<Vec<f64>>();
        table.lines().skip(1).map(row).collect::<Vec<_>>()
    };
    let tables = ["a", "b"].map(|model| table(&["evaluate", model, "--data", "synthetic:1", "--out", "run"]));
    for ((a, b), together) in tables[0].iter().zip(&tables[1]).zip(table(&compare)) {
        assert_eq!((together[0], together[1]), (a[0], a[1]), "index and label");
        assert!((3..13).all(|cell| (together[cell] - (a[cell] + b[cell]) / 2.0).abs() < 1e-6));
    }
    let right = tables[0].iter().zip(&tables[1]).filter(|(a, b)| {
        let mean = |class: usize| a[3 + class] + b[3 + class];
        (0..10).all(|class| mean(class) <= mean(a[1] as usize))
    });
    let right = right.count();
    let ensemble = &object["models"][2];
    assert_eq!((&ensemble["correct"], &ensemble["parameters"]), (&right.into(), &51_636.into()));
    assert!(right > object["models"][0]["correct"].as_u64().unwrap() as usize, "two read better than one");
    assert_eq!(object["comparisons"][1]["model"], ensemble["model"]);
    for (language, words) in [("en", "mean of the probabilities of 2"), ("zh-CN", "2 个模型概率的平均")]
    {
        succeed(folder.path(), &[&compare[..], &["--lang", language]].concat());
        assert!(fs::read_to_string(folder.path().join("compared/report.html")).unwrap().contains(words));
    }
    for one in [&["evaluate", "--ensemble"][..], &["evaluate", "a", "--ensemble"]] {
        let (code, error) = fail(folder.path(), one);
        assert!(code == 2 && error.contains("two models"), "{error}");
    }
}

#[test]
fn the_same_weights_under_two_names_are_reported() {
    let folder = tempdir().unwrap();
    let compare = ["evaluate", "small", "default", "--data", "synthetic:1", "--out", "compared"];
    let text = succeed(folder.path(), &compare);
    assert!(text.contains("the same weights"), "{text}");
    let page = fs::read_to_string(folder.path().join("compared/report.html")).unwrap();
    assert!(page.contains("the models read every image alike"));
    assert_eq!(json(folder.path(), &compare)["comparisons"][0]["p_value"], 1.0);
}

#[test]
fn a_model_that_is_not_there_stops_a_comparison_before_it_begins() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("broken"), "no model").unwrap();
    for (models, expected, code) in [
        (["classic", "no-such-model"], "no-such-model", 2),
        (["classic", "broken"], "broken", 1),
        (["classic", "classic"], "twice", 2),
    ] {
        let evaluate = [&["evaluate"][..], &models, &["--data", "synthetic:1", "--out", "run"]].concat();
        let (found, error) = fail(folder.path(), &evaluate);
        assert!(found == code && error.contains(expected), "{models:?}: {error}");
    }
    assert_eq!(names(folder.path()), ["broken"], "nothing was written");
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

#[test]
fn shipped_models_read_as_many_test_images_right_as_they_say() {
    let Some(mnist) = mnist() else { return };
    let folder = tempdir().unwrap();
    let listed: serde_json::Value =
        serde_json::from_str(&succeed(folder.path(), &["models", "--json"])).unwrap();
    let models = listed["models"].as_array().unwrap();
    assert!(models.len() >= 3);
    for model in models {
        let name = model["name"].as_str().unwrap();
        // The stated figures hold for every kind of instructions, though sums are taken in another order.
        for level in Level::all() {
            let mut command = shuzi(
                folder.path(),
                &["evaluate", name, "--data", mnist.to_str().unwrap(), "--out", "run", "--json", "--quiet"],
            );
            let (code, out, error) = run(command.env("SHUZI_KERNELS", level.to_string()));
            assert_eq!(code, 0, "{name}, {level}: {error}");
            let object: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert_eq!(object["count"], model["test_count"], "{name}");
            assert_eq!(object["correct"], model["test_correct"], "{name}, {level}");
            assert_eq!(object["weights_sha256"], model["weights_sha256"], "{name}");
        }
    }
}

/// MNIST's four files with a few synthetic digits each.
fn tiny_data(folder: &Path) {
    let (mut pixels, mut labels) = (vec![], vec![]);
    for index in 0..20 {
        let (image, label) = synthetic::draw(2, index);
        pixels.extend(image.0);
        labels.push(label);
    }
    fs::create_dir(folder).unwrap();
    for part in ["train", "t10k"] {
        let images = idx(0x803, &[20, 28, 28], &pixels);
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), idx(0x801, &[20], &labels)).unwrap();
    }
}

#[test]
fn robustness_is_reported_in_json_in_words_and_as_curves_with_a_sheet() {
    let folder = tempdir().unwrap();
    tiny_data(&folder.path().join("data"));
    let evaluate = ["evaluate", "classic", "--data", "data", "--out", "run", "--robustness", "--png"];
    let object = json(folder.path(), &evaluate);
    let files = names(&folder.path().join("run"));
    assert!(["robustness.png", "robustness.svg"].iter().all(|name| files.contains(&(*name).to_string())));

    let robustness = &object["robustness"];
    assert_eq!(robustness["clean_accuracy"], object["accuracy"]);
    let corruptions = robustness["corruptions"].as_object().unwrap();
    assert_eq!(corruptions.len(), 15);
    let mean = corruptions.values().map(|accuracy| accuracy.as_f64().unwrap()).sum::<f64>() / 15.0;
    assert!((robustness["mean_corruption_accuracy"].as_f64().unwrap() - mean).abs() < 1e-9);
    for (sweep, identity, count) in
        [("shift", 0.0, 9), ("rotation", 0.0, 10), ("scale", 1.0, 11), ("noise", 0.0, 11)]
    {
        let points = robustness["sweeps"][sweep].as_array().unwrap();
        assert_eq!(points.len(), count, "{sweep}");
        let unchanged = points.iter().find(|point| point[0] == identity).unwrap();
        assert_eq!(unchanged[1], object["accuracy"], "{sweep}");
    }
    let one = json(folder.path(), &[&evaluate[..], &["--threads", "1"]].concat());
    assert_eq!(one["robustness"], object["robustness"], "whatever the number of threads");

    for (language, words) in [
        ("en", ["Canny edges", "mean of the fifteen", "Rotation, degrees"]),
        ("zh-CN", ["Canny 边缘", "十五种的平均", "旋转（度）"]),
    ] {
        let text = succeed(folder.path(), &[&evaluate[..], &["--lang", language]].concat());
        let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
        assert!(words.iter().all(|words| text.contains(words)), "{language}: {text}");
        assert!(page.contains(words[0]) && page.contains(words[2]), "{language}");
        let sheet = &page[page.find("id=\"corruptions\"").unwrap()..];
        let sheet = &sheet[..sheet.find("</section>").unwrap()];
        assert_eq!(sheet.matches("data:image/png").count(), 16, "as it is, and fifteen corruptions");
    }
}

#[test]
fn robustness_is_measured_of_one_model_and_only_if_asked_for() {
    let folder = tempdir().unwrap();
    tiny_data(&folder.path().join("data"));
    let (code, error) =
        fail(folder.path(), &["evaluate", "classic", "tiny", "--data", "data", "--robustness"]);
    assert!(code == 2 && error.contains("one by one"), "{error}");
    let labels = ["evaluate", "--data", "data", "--labels", "x.csv", "--robustness"];
    let (code, error) = fail(folder.path(), &labels);
    assert!(code == 2 && error.contains("--robustness"), "{error}");
    let object = json(folder.path(), &["evaluate", "classic", "--data", "data", "--out", "run"]);
    assert!(object.get("robustness").is_none());
    assert!(!names(&folder.path().join("run")).contains(&"robustness.svg".to_string()));
}

#[test]
fn a_label_that_the_network_contradicts_is_suspected() {
    let folder = tempdir().unwrap();
    tiny_data(&folder.path().join("data"));
    let evaluate = ["evaluate", "small", "--data", "data", "--out", "run"];
    let table = succeed(folder.path(), &[&evaluate[..], &["--predictions", "-"]].concat());
    let rows: Vec<Vec<f64>> = table
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect();
    // The digit that is read right most surely gets another label.
    let sure =
        rows.iter().filter(|row| row[1] == row[2]).max_by(|a, b| probability(a).total_cmp(&probability(b)));
    let (index, digit) = (sure.unwrap()[0] as usize, sure.unwrap()[1] as u8);
    let path = folder.path().join("data/t10k-labels-idx1-ubyte");
    let mut labels = fs::read(&path).unwrap();
    labels[8 + index] = (digit + 1) % 10;
    fs::write(&path, labels).unwrap();

    let object = json(folder.path(), &evaluate);
    let table = fs::read_to_string(folder.path().join("run/label-errors.csv")).unwrap();
    let (heading, lines) = table.split_once('\n').unwrap();
    assert_eq!(heading, "index,label,prediction,label_probability,prediction_probability");
    let rows: Vec<Vec<f64>> =
        lines.lines().map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let indices: Vec<usize> = rows.iter().map(|row| row[0] as usize).collect();
    assert_eq!(object["suspected_label_errors"], serde_json::json!(indices));
    assert!(rows.is_sorted_by(|a, b| a[3] <= b[3]) && rows.iter().all(|row| row[4] > 0.5), "{table}");
    let found = rows.iter().find(|row| row[0] as usize == index).expect("the wrong label is in the table");
    assert_eq!([found[1], found[2]], [f64::from((digit + 1) % 10), f64::from(digit)]);
    assert!(object["known_wrong_labels"].is_null(), "files with MNIST's names are not MNIST");

    for (language, words) in [("en", "Suspected label errors"), ("zh-CN", "疑似标注错误")] {
        let text = succeed(folder.path(), &[&evaluate[..], &["--lang", language]].concat());
        assert!(text.contains(words) && text.contains("label-errors.csv"), "{language}: {text}");
        let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
        let verdict = format!(
            "<span class=\"label\">{}?</span> → <span class=\"wrong\">{digit}</span>",
            (digit + 1) % 10
        );
        assert!(page.contains(&verdict) && !page.contains("id=\"wrong-labels\""), "{language}");
    }
}

#[test]
fn only_a_network_that_is_seldom_wrong_suspects_labels() {
    let Some(mnist) = mnist() else { return };
    let folder = tempdir().unwrap();
    for (model, mistakes, suspected, known) in [("classic", 385, 25, 4), ("small", 29, 21, 6)] {
        let evaluate = ["evaluate", model, "--data", mnist.to_str().unwrap(), "--out", "run"];
        let object = json(folder.path(), &evaluate);
        let indices = |value: &serde_json::Value| serde_json::from_value::<Vec<u64>>(value.clone()).unwrap();
        let found = indices(&object["suspected_label_errors"]);
        let wrong = indices(&object["known_wrong_labels"]["indices"]);
        assert_eq!(object["worst_mistakes"].as_array().unwrap().len(), mistakes, "{model}");
        assert_eq!(found.len(), suspected, "{model}");
        assert_eq!(found.iter().filter(|index| wrong.contains(index)).count(), known, "{model}");
    }
}

/// Of the digit that an image was read as, in a line of the table of predictions.
fn probability(row: &[f64]) -> f64 {
    row[3 + row[2] as usize]
}

#[test]
fn wrong_labels_of_mnist_are_shown_and_the_accuracy_without_them_is_reported() {
    let Some(mnist) = mnist() else { return };
    let folder = tempdir().unwrap();
    let evaluate = ["evaluate", "classic", "--data", mnist.to_str().unwrap(), "--out", "run"];
    let object = json(folder.path(), &[&evaluate[..], &["--predictions", "table.csv"]].concat());
    let known = &object["known_wrong_labels"];
    let indices: Vec<u64> = serde_json::from_value(known["indices"].clone()).unwrap();
    assert_eq!((indices.len(), indices[0], indices[14]), (15, 947, 9729));
    let table = fs::read_to_string(folder.path().join("table.csv")).unwrap();
    let (mut right, mut right_of_wrong) = (0, 0);
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        if cells[1] == cells[2] {
            let is_wrong = indices.contains(&cells[0].parse().unwrap());
            *if is_wrong { &mut right_of_wrong } else { &mut right } += 1;
        }
    }
    assert_eq!(known["read_as_labelled"], right_of_wrong);
    assert_eq!(known["accuracy_without"], f64::from(right) / 9985.0);

    for (language, words) in
        [("en", "without the 15 labels known to be wrong"), ("zh-CN", "不计 15 个已知的错误标签")]
    {
        let text = succeed(folder.path(), &[&evaluate[..], &["--lang", language]].concat());
        let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
        assert!(text.contains(words) && page.contains(words), "{language}: {text}");
        let sheet = &page[page.find("id=\"wrong-labels\"").unwrap()..];
        let sheet = &sheet[..sheet.find("</section>").unwrap()];
        assert_eq!(sheet.matches("data:image/png").count(), 15);
    }
    let training = json(folder.path(), &[&evaluate[..], &["--training"]].concat());
    assert_eq!((&training["count"], &training["part"]), (&60_000.into(), &"training".into()));
    assert!(training["known_wrong_labels"].is_null(), "they are of the test set");
}

#[test]
fn the_training_set_is_read_where_that_is_asked_for_and_reported() {
    let folder = tempdir().unwrap();
    let evaluate = ["evaluate", "classic", "--data", "synthetic:100", "--out", "run", "--training"];
    let object = json(folder.path(), &evaluate);
    assert_eq!((&object["count"], &object["part"]), (&100.into(), &"training".into()));
    for (language, words) in [("en", "training set"), ("zh-CN", "训练集")] {
        let text = succeed(folder.path(), &[&evaluate[..], &["--lang", language]].concat());
        assert!(text.contains(words), "{language}: {text}");
        let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
        assert!(page.contains(words), "{language}");
        let text =
            succeed(folder.path(), &[&["evaluate", "tiny"], &evaluate[1..], &["--lang", language]].concat());
        assert!(text.contains(words) && text.contains("100"), "{language}: {text}");
    }
    let (code, error) = fail(folder.path(), &["evaluate", "--data", ".", "--labels", "x.csv", "--training"]);
    assert!(code == 2 && error.contains("--training"), "{error}");
}
