//! Other data sets than MNIST through the same door: any classes, with names, from the files to the reports.

use crate::support::{Answer, Server, fail, idx, json, run, shuzi, succeed};
use flate2::{Compression, write::GzEncoder};
use shuzi_engine::{
    dataset::synthetic,
    image::{PIXELS, SIDE},
};
use std::{fs, io::Write, path::Path};
use tempfile::tempdir;

/// Images and labels as IDX: digits that shuzi draws, each labelled by `label`, and changed by `form`.
fn part(
    count: usize,
    seed: u64,
    label: impl Fn(u8) -> u8,
    form: fn([u8; PIXELS]) -> [u8; PIXELS],
) -> [Vec<u8>; 2] {
    let drawn: Vec<_> = (0..count as u64).map(|index| synthetic::draw(seed, index)).collect();
    let images: Vec<u8> = drawn.iter().flat_map(|(image, _)| form(image.0)).collect();
    let labels: Vec<u8> = drawn.iter().map(|(_, digit)| label(*digit)).collect();
    let count = count as u32;
    [idx(0x803, &[count, 28, 28], &images), idx(0x801, &[count], &labels)]
}

fn upright(image: [u8; PIXELS]) -> [u8; PIXELS] {
    image
}

fn lying(image: [u8; PIXELS]) -> [u8; PIXELS] {
    std::array::from_fn(|place| image[place % SIDE * SIDE + place / SIDE])
}

/// Writes the four files of a set; `names` are those of images and labels for training and test.
fn write_set(folder: &Path, names: [&str; 4], files: [[Vec<u8>; 2]; 2]) {
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in names.iter().zip(files.into_iter().flatten()) {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

const MNISTS_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// A folder of images in 26 classes; only ten of them occur.
fn write_alphabet(folder: &Path) {
    let label = |digit: u8| 2 * digit + 3;
    write_set(
        folder,
        MNISTS_NAMES,
        [(300, 1), (100, 2)].map(|(count, seed)| part(count, seed, label, upright)),
    );
    let names: Vec<String> = ('A'..='Z').map(String::from).collect();
    fs::write(folder.join("classes.txt"), names.join("\n")).unwrap();
}

const QUICK: [&str; 6] = ["train", "--hidden", "16", "--epochs", "3", "--seed"];

#[test]
fn classes_with_names_go_from_the_folder_to_model_report_and_reading() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_alphabet(&path.join("alphabet"));
    let trained = json(
        path,
        &[&QUICK[..], &["1", "--data", "alphabet", "--out", "run", "--batch-size", "10", "--recipe", "mlp"]]
            .concat(),
    );
    assert_eq!(trained["data"], "alphabet");
    assert!(trained["test_accuracy"].as_f64().unwrap() > 0.5, "{trained}");
    let recipe = fs::read_to_string(path.join("run/recipe.toml")).unwrap();
    assert!(recipe.contains("linear = 26") && !recipe.contains("linear = 10"), "{recipe}");
    let model = fs::read(path.join("run/model.safetensors")).unwrap();
    assert!(String::from_utf8_lossy(&model).contains(r#""classes":"[\"A\",\"B\","#));
    for report in ["run/report.html", "run/confusion.svg"] {
        let text = fs::read_to_string(path.join(report)).unwrap();
        assert!(text.contains(">V<") && text.contains("each class"), "{report}");
    }

    let evaluate =
        ["evaluate", "run", "--data", "alphabet", "--out", "evaluated", "--predictions", "table.csv"];
    let evaluated = json(path, &evaluate);
    assert_eq!(evaluated["confusion"].as_array().unwrap().len(), 26);
    assert_eq!(evaluated["correct"], trained["test_correct"]);
    let table = fs::read_to_string(path.join("table.csv")).unwrap();
    assert!(
        table.starts_with("index,label,prediction,p0,p1,") && table.lines().next().unwrap().ends_with(",p25")
    );
    let words = succeed(path, &["evaluate", "run", "--data", "alphabet", "--out", "evaluated", "--quiet"]);
    assert!(words.contains("class  images") && words.contains("\n      V  "), "{words}");

    let (picture, _) = crate::support::page(&crate::support::CLEAR[..1]);
    fs::write(path.join("letter.png"), picture).unwrap();
    let read = json(path, &["recognize", "letter.png", "--model", "run", "--single"]);
    let (text, letter) = (read["text"].as_str().unwrap(), &read["digits"][0]);
    let class = letter["digit"].as_u64().unwrap() as u8;
    assert_eq!((text, letter["class"].as_str().unwrap()), (&*char::from(b'A' + class).to_string(), text));
    assert_eq!(letter["probabilities"].as_array().unwrap().len(), 26);

    // The data of fewer classes, by their names, in another order.
    let label = |digit: u8| u8::from(digit.is_multiple_of(2));
    write_set(
        &path.join("few"),
        MNISTS_NAMES,
        [(20, 1), (20, 2)].map(|(count, seed)| part(count, seed, label, upright)),
    );
    fs::write(path.join("few/classes.txt"), "\u{feff}V\r\nD\r\n\r\n").unwrap();
    let few = json(path, &["evaluate", "run", "--data", "few", "--out", "evaluated"]);
    let rows: Vec<u64> = few["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum())
        .collect();
    assert_eq!((rows[3] + rows[21], rows.iter().sum::<u64>()), (20, 20), "D and V");
}

#[test]
fn what_makes_no_sense_for_other_classes_is_said() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_alphabet(&path.join("alphabet"));
    json(
        path,
        &[&QUICK[..], &["1", "--data", "alphabet", "--out", "run", "--batch-size", "10", "--recipe", "mlp"]]
            .concat(),
    );
    fs::write(path.join("labels.csv"), "path,label\na.png,1\n").unwrap();
    let taught = include_str!("../../../shuzi-engine/recipes/mlp.toml").replace(
        "[training]",
        "[training]\ndistillation = { teacher = \"small\", weight = 0.5, temperature = 2 }",
    );
    fs::write(path.join("taught.toml"), taught).unwrap();
    for (arguments, words, chinese) in [
        (&["evaluate", "run", "--data", "synthetic:10"][..], ["A, B, C, …, Z", "0, 1, 2, …, 9"], "不认识"),
        (&["evaluate", "classic", "--data", "alphabet"], ["A, B, C, …, Z", "0, 1, 2, …, 9"], "不认识"),
        (
            &["evaluate", "run", "classic", "--data", "alphabet"],
            ["run has the classes A, B, C, …, Z", "classic 0"],
            "无法比较",
        ),
        (
            &["evaluate", "run", "--data", ".", "--labels", "labels.csv"],
            ["run classifies A", "a model of digits"],
            "识别数字的模型",
        ),
        (
            &["train", "--recipe", "photo", "--data", "alphabet"],
            ["training.additions", "A, B, C, …, Z"],
            "请从配方中去掉",
        ),
        (
            &["train", "--recipe", "taught.toml", "--data", "alphabet"],
            ["the teacher has the classes 0", "A, B, C, …, Z"],
            "教师模型",
        ),
    ] {
        let (code, error) = fail(path, arguments);
        assert!(code == 1 && words.iter().all(|word| error.contains(word)), "{arguments:?}: {code} {error}");
        let (code, error) = fail(path, &[arguments, &["--lang", "zh-CN"]].concat());
        assert!(code == 1 && error.contains(chinese), "{arguments:?}: {code} {error}");
    }
    assert!(
        !path.join("runs").exists() || fs::read_dir(path.join("runs")).unwrap().next().is_none(),
        "nothing is begun"
    );
}

#[test]
fn labels_and_names_that_do_not_fit_are_told() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_alphabet(&path.join("alphabet"));
    let names = path.join("alphabet/classes.txt");
    let train = ["train", "--data", "alphabet"];
    for (text, words) in [
        ("only\n", ["classes.txt", "1 classes"]),
        ("a\nb\na\n", ["classes.txt", "two classes are called a"]),
        ("a\nb\nc\n", ["train-labels-idx1-ubyte", "expected 0 to 2"]),
        ("a\nb\u{7}\n", ["classes.txt", "class number 2"]),
    ] {
        fs::write(&names, text).unwrap();
        let (code, error) = fail(path, &train);
        assert!(code == 1 && words.iter().all(|word| error.contains(word)), "{text:?}: {code} {error}");
    }
    fs::write(&names, [0xff, 0xfe, 10]).unwrap();
    assert!(fail(path, &train).1.contains("not UTF-8"));
    fs::remove_file(&names).unwrap();
    let (code, error) = fail(path, &train);
    assert!(code == 1 && error.contains("expected 0 to 9") && error.contains("classes.txt"), "{error}");
}

/// The sheet of a folder's training set.
fn sheet(folder: &Path, data: &str) -> Vec<u8> {
    succeed(folder, &["data", "show", "--data", data, "--out", "sheet.png", "--quiet"]);
    fs::read(folder.join("sheet.png")).unwrap()
}

#[test]
fn emnists_letters_are_stood_up_and_counted_from_zero() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_alphabet(&path.join("alphabet"));
    let names = |set: &str| {
        ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"]
            .map(|name| format!("emnist-{set}-{name}-ubyte"))
    };
    let label = |digit: u8| 2 * digit + 4;
    let letters = || [(300, 1), (100, 2)].map(|(count, seed)| part(count, seed, label, lying));
    write_set(&path.join("emnist"), names("letters").each_ref().map(String::as_str), letters());
    assert_eq!(sheet(path, "emnist"), sheet(path, "alphabet"));
    let (_, _, said) = run(&mut shuzi(path, &["data", "show", "--data", "emnist"]));
    assert!(said.contains("EMNIST Letters"), "{said}");
    let verified = json_of_verify(path, "emnist");
    assert_eq!(
        (verified["sound"].as_bool(), &verified["files"][0]["expected"]),
        (Some(true), &serde_json::Value::Null)
    );
    assert_eq!(verified["sets"][0]["histogram"].as_array().unwrap().len(), 26);

    // By its name it is found where SHUZI_DATA has it; beside digits a folder alone does not say which is meant.
    let digits = [(30, 1), (10, 2)].map(|(count, seed)| part(count, seed, |digit| digit, lying));
    write_set(&path.join("emnist"), names("digits").each_ref().map(String::as_str), digits);
    let (code, error) = fail(path, &["data", "show", "--data", "emnist"]);
    assert!(code == 1 && error.contains("EMNIST Digits and EMNIST Letters"), "{error}");
    for (name, count) in [("emnist-letters", 26), ("emnist-digits", 10)] {
        let mut command = shuzi(path, &["data", "verify", "--data", name, "--json"]);
        let (code, out, error) = run(command.env("SHUZI_DATA", "."));
        let verified: serde_json::Value = serde_json::from_str(&out).expect(&error);
        assert_eq!((code, verified["sets"][1]["histogram"].as_array().unwrap().len()), (0, count));
    }
    // A label 0 belongs to no letter.
    let mut labels = letters()[0][1].clone();
    labels[8] = 0;
    fs::write(path.join("emnist").join(&names("letters")[1]), labels).unwrap();
    let (code, _, error) = run(shuzi(path, &["train", "--data", "emnist-letters"]).env("SHUZI_DATA", "."));
    assert!(code == 1 && error.contains("label 0 at index 0, expected 1 to 26"), "{error}");
}

fn json_of_verify(folder: &Path, data: &str) -> serde_json::Value {
    serde_json::from_str(&succeed(folder, &["data", "verify", "--data", data, "--json"])).unwrap()
}

#[test]
fn qmnists_labels_are_the_first_of_eight_numbers() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let rows = |[images, labels]: [Vec<u8>; 2]| {
        let rows = labels[8..].iter().flat_map(|&label| [u32::from(label), 4, 9, 12, 3, 7, 0, 0]);
        let numbers: Vec<u8> = rows.flat_map(u32::to_be_bytes).collect();
        let mut gzip = GzEncoder::new(vec![], Compression::fast());
        gzip.write_all(&idx(0xc02, &[labels.len() as u32 - 8, 8], &numbers)).unwrap();
        [images, gzip.finish().unwrap()]
    };
    let names = [
        "qmnist-train-images-idx3-ubyte",
        "qmnist-train-labels-idx2-int.gz",
        "qmnist-test-images-idx3-ubyte",
        "qmnist-test-labels-idx2-int.gz",
    ];
    let parts = || [(200, 1), (100, 2)].map(|(count, seed)| part(count, seed, |digit| digit, upright));
    write_set(&path.join("rows"), names, parts().map(rows));
    write_set(&path.join("bytes"), MNISTS_NAMES, parts());
    assert_eq!(sheet(path, "rows"), sheet(path, "bytes"));
    let (code, _, error) = run(&mut shuzi(path, &["data", "verify", "--data", "rows"]));
    assert!(
        code == 1 && error.contains("QMNIST as published"),
        "the labels are packed, so their hash is known: {error}"
    );
}

#[test]
fn a_set_that_cannot_be_had_is_told_by_its_name() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let missing = Server::new(|_| Answer::Status(404, vec![]));
    for (name, title, files) in [
        ("fashion", "Fashion-MNIST", "train-images-idx3-ubyte.gz"),
        ("emnist-letters", "EMNIST Letters", "gzip.zip"),
    ] {
        let (code, error) = fail(path, &["train", "--data", name, "--mirror", &missing.url]);
        let advice = format!("shuzi data fetch {name}");
        let words = [&format!("{title} was not found in"), "HTTP status 404", &advice, files];
        assert!(code == 1 && words.iter().all(|word| error.contains(word)), "{error}");
    }
    assert_eq!(missing.count(), 2, "raw files are not asked for where only the hash of packed ones is known");
    let wrong = Server::new(|_| Answer::Status(200, b"\x1f\x8b".to_vec()));
    let (code, error) = fail(path, &["data", "fetch", "kmnist", "--to", "cache", "--mirror", &wrong.url]);
    assert!(code == 1 && error.contains("other data than KMNIST's"), "{error}");
    let (code, error) = fail(path, &["data", "fetch", "cifar"]);
    assert!(code == 2 && error.contains("fashion") && error.contains("qmnist"), "{error}");
}
