//! One's own data work the first time: a recipe that fits them, tables of every kind, classes that a model does not know, weights of
//! other programs.

use crate::support::{as_it_is, digits, fail, json, on_paper, pictures, run, shuzi, succeed, table};
use serde_json::Value;
use shuzi_engine::image::DigitImage;
use std::{fs, path::Path};
use tempfile::tempdir;

/// Three kinds of shapes, and the digits that have them.
const SHAPES: [(&str, u8); 3] = [("hook", 7), ("line", 1), ("ring", 0)];

/// So many of each shape, in the order of their names.
fn shapes(each: usize) -> Vec<(DigitImage, &'static str)> {
    let all = digits(16 * each as u64 + 100);
    let of = |(name, digit): (&'static str, u8)| {
        let its: Vec<_> = all.iter().filter(|(_, label)| *label == digit).take(each).collect();
        assert_eq!(its.len(), each);
        its.into_iter().map(move |(image, _)| (*image, name)).collect::<Vec<_>>()
    };
    SHAPES.into_iter().flat_map(of).collect()
}

/// Writes a picture of each: `NAME/NUMBER.png`.
fn draw(folder: &Path, shapes: &[(DigitImage, &str)], picture: impl Fn(&DigitImage) -> Vec<u8>) {
    for (number, (image, name)) in shapes.iter().enumerate() {
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join(format!("{number:04}.png")), picture(image)).unwrap();
    }
}

/// What a command says on both outputs.
fn words(folder: &Path, arguments: &[&str]) -> String {
    let (code, out, error) = run(&mut shuzi(folder, arguments));
    assert_eq!(code, 0, "{arguments:?}: {error}");
    out + &error
}

#[test]
fn a_few_pictures_of_three_classes_are_learned_without_a_word() {
    let folder = tempdir().unwrap();
    draw(&folder.path().join("shapes"), &shapes(60), on_paper);
    let train = ["train", "--data", "shapes", "--out", "run"];
    let trained = json(folder.path(), &train);
    assert_eq!((&trained["recipe"], &trained["test_count"]), (&"quick".into(), &36.into()));
    assert!(trained["test_accuracy"].as_f64().unwrap() > 0.9, "{trained}");
    assert!((trained["guessing_accuracy"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9);
    for (language, chosen) in [("en", "(epochs: 75, batch size: 32)"), ("zh-CN", "（75 轮，批大小 32）")]
    {
        let said = words(folder.path(), &[&train[..], &["--lang", language]].concat());
        assert!(said.contains(chosen) && !said.contains("Warning") && !said.contains("警告"), "{said}");
    }
    // Who says how to learn is heard.
    let own_way = json(folder.path(), &[&train[..], &["--epochs", "2", "--batch-size", "9"]].concat());
    let recipe = fs::read_to_string(folder.path().join("run/recipe.toml")).unwrap();
    assert!(recipe.contains("epochs = 2\n") && recipe.contains("batch-size = 9\n"), "{recipe}");
    assert_ne!(own_way["weights_sha256"], trained["weights_sha256"]);
    let hidden = json(folder.path(), &[&train[..], &["--hidden", "20", "--batch-size", "9"]].concat());
    assert_eq!(hidden["recipe"], "classic");
    let named = json(folder.path(), &[&train[..], &["--recipe", "classic", "--batch-size", "9"]].concat());
    assert_eq!(named["recipe"], "classic");
    let synthetic = ["train", "--data", "synthetic:200", "--out", "run"];
    assert_eq!(json(folder.path(), &synthetic)["recipe"], "classic", "these are nobody's own");
}

#[test]
fn a_network_that_guesses_is_told_so() {
    let folder = tempdir().unwrap();
    let mixed_up: Vec<_> =
        shapes(30).into_iter().enumerate().map(|(index, (image, _))| (image, SHAPES[index % 3].0)).collect();
    draw(&folder.path().join("shapes"), &mixed_up, as_it_is);
    for (language, warning) in [("en", "no better than always guessing"), ("zh-CN", "一律猜最常见的类别")]
    {
        let train =
            ["train", "--data", "shapes", "--out", "run", "--epochs", "2", "--quiet", "--lang", language];
        let (code, out, error) = run(&mut shuzi(folder.path(), &train));
        assert!(code == 0 && error.contains(warning) && error.contains("33.33"), "{out}{error}");
        assert!(error.contains("shuzi data show --data shapes"), "{error}");
    }
}

#[test]
fn a_table_of_paths_and_labels_is_what_folders_are() {
    let folder = tempdir().unwrap();
    let shapes = shapes(20);
    draw(&folder.path().join("shapes"), &shapes, on_paper);
    let line =
        |(number, (_, name)): (usize, &(DigitImage, &str))| format!("{name}/{number:04}.png;{name};x\n");
    let lines: String = shapes.iter().enumerate().map(line).collect();
    fs::write(folder.path().join("shapes/mine.csv"), format!("\u{feff}path;label;more\n{lines}")).unwrap();
    let train = |data| json(folder.path(), &["train", "--data", data, "--out", "run", "--epochs", "3"]);
    let (of_table, of_folders) = (train("shapes/mine.csv"), train("shapes"));
    assert_eq!(of_table["data"], "pictures:mine.csv");
    assert_eq!(of_table["weights_sha256"], of_folders["weights_sha256"]);
    let evaluate = ["evaluate", "run", "--data", "shapes/mine.csv", "--out", "evaluated"];
    assert_eq!(json(folder.path(), &evaluate)["correct"], of_table["test_correct"]);
    succeed(folder.path(), &["data", "show", "--data", "shapes/mine.csv", "--out", "sheet.png"]);

    // Alone with its pictures a table is found in their folder; two are training and test.
    let flat = folder.path().join("flat");
    fs::create_dir(&flat).unwrap();
    let (mut training, mut test) = (String::from("label,path\n"), String::from("label,path\n"));
    for (number, (image, name)) in shapes.iter().enumerate() {
        fs::write(flat.join(format!("{number}.png")), on_paper(image)).unwrap();
        *(if number % 4 == 0 { &mut test } else { &mut training }) += &format!("{name},{number}.png\n");
    }
    fs::write(flat.join("train.csv"), &training).unwrap();
    assert_eq!(train("flat")["test_count"], 9);
    fs::write(flat.join("test.csv"), &test).unwrap();
    assert_eq!(train("flat")["test_count"], 15);

    for (lines, reasons) in [
        ("label,path,ambiguous\nring,1.png,perhaps\n", ["labels.csv, line 2", "ambiguous is perhaps"]),
        ("label,path\nring,1.png,3\n", ["labels.csv, line 2", "3 columns"]),
        ("label,path\nring,1.png\n,2.png\n", ["2.png", "line 3"]),
        ("label,path\nring,1.png\nline,nowhere.png\n", ["nowhere.png", "there is no such file"]),
        ("label,path\nring,1.png\nring,2.png\n", ["labels.csv", "2 to 255"]),
        ("label,path\n", ["labels.csv", "no picture"]),
    ] {
        fs::write(flat.join("labels.csv"), lines).unwrap();
        let (code, error) = fail(folder.path(), &["train", "--data", "flat/labels.csv", "--quiet"]);
        assert!(code == 1 && reasons.iter().all(|reason| error.contains(reason)), "{lines}: {error}");
    }
}

#[test]
fn a_table_of_numbers_from_0_to_1_is_one_of_0_to_255() {
    let folder = tempdir().unwrap();
    let bytes = table(&digits(60));
    let unit = |line: &str| {
        let mut cells = line.split(',');
        let label = cells.next().unwrap().to_owned();
        let pixels = cells.map(|cell| format!("{:.6}", cell.parse::<f64>().unwrap() / 255.0));
        std::iter::once(label).chain(pixels).collect::<Vec<_>>().join(",") + "\n"
    };
    let units: String = bytes.lines().map(unit).collect();
    fs::write(folder.path().join("bytes.csv"), &bytes).unwrap();
    fs::write(folder.path().join("units.csv"), &units).unwrap();
    let [one, other] = ["bytes.csv", "units.csv"]
        .map(|data| json(folder.path(), &["train", "--data", data, "--out", "run", "--epochs", "2"]));
    assert_eq!(one["weights_sha256"], other["weights_sha256"]);
    // The last line is of another scale.
    fs::write(folder.path().join("mixed.csv"), units + bytes.lines().last().unwrap()).unwrap();
    for (language, place) in [("en", "line 61, column"), ("zh-CN", "第 61 行第")] {
        let (code, error) = fail(folder.path(), &["train", "--data", "mixed.csv", "--lang", language]);
        assert!(code == 1 && error.contains(place) && error.contains("255"), "{error}");
    }
}

#[test]
fn a_model_learns_classes_that_it_does_not_know() {
    let folder = tempdir().unwrap();
    draw(&folder.path().join("shapes"), &shapes(60), as_it_is);
    for (from, language, said) in [
        ("small", "en", "small does not know hook, line, ring"),
        ("photo", "zh-CN", "photo 不认识 hook、line、ring"),
    ] {
        let train = ["train", "--from", from, "--data", "shapes", "--out", "run", "--epochs", "3", "--json"];
        let (code, out, error) =
            run(&mut shuzi(folder.path(), &[&train[..], &["--lang", language]].concat()));
        assert!(code == 0 && error.contains(said), "{error}");
        let trained: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&trained["gain"], &trained["test_count"]), (&Value::Null, &36.into()));
        assert!(trained["test_accuracy"].as_f64().unwrap() > 0.9, "{from}: {trained}");
    }
    // A class more: what is known goes on.
    draw(&folder.path().join("more"), &shapes(60), as_it_is);
    let others = digits(600).into_iter().filter(|(_, label)| *label == 8).map(|(image, _)| (image, "knot"));
    draw(&folder.path().join("more"), &others.collect::<Vec<_>>(), as_it_is);
    succeed(folder.path(), &["train", "--data", "shapes", "--out", "of-three", "--quiet"]);
    let train = ["train", "--from", "of-three", "--data", "more", "--out", "of-four"];
    let text = words(folder.path(), &train);
    assert!(text.contains("of-three does not know knot") && text.contains("unchanged"), "{text}");
    let evaluated = json(folder.path(), &["evaluate", "of-four", "--data", "more", "--out", "evaluated"]);
    assert!(evaluated["accuracy"].as_f64().unwrap() > 0.8, "{evaluated}");
    // With another recipe the layers before the last one must be the model's.
    let (code, error) =
        fail(folder.path(), &["train", "--from", "small", "--recipe", "tiny", "--data", "shapes"]);
    assert!(code == 2 && error.contains("other layers"), "{error}");
    let (code, error) = fail(folder.path(), &["train", "--from", "micro", "--data", "shapes"]);
    assert!(code == 2 && error.contains("int8"), "{error}");
}

#[test]
fn weights_for_pixels_of_0_to_1_are_noticed_and_read() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("mine.csv"), table(&digits(400))).unwrap();
    let train = ["train", "--recipe", "mlp", "--epochs", "3", "--data", "mine.csv", "--out", "run"];
    let trained = json(folder.path(), &train);
    succeed(folder.path(), &["export", "run", "--to", "npz", "--out", "weights.npz", "--quiet"]);
    let evaluate = ["evaluate", "weights.npz", "--data", "mine.csv", "--out", "evaluated"];
    for (language, warning) in [("en", "with --pixels unit it is"), ("zh-CN", "加 --pixels unit 时为")] {
        let text = words(folder.path(), &[&evaluate[..], &["--lang", language]].concat());
        assert!(text.contains(warning), "{text}");
    }
    let (code, out, error) =
        run(&mut shuzi(folder.path(), &[&evaluate[..], &["--pixels", "unit", "--json", "--quiet"]].concat()));
    assert!(code == 0 && error.is_empty(), "{error}");
    let evaluated: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(evaluated["correct"], trained["test_correct"]);
    assert_eq!(evaluated["loss"], trained["test_loss"]);

    // What is shown of a picture read so is what the file says that knows its pixels.
    succeed(folder.path(), &["data", "show", "--data", "mine.csv", "--out", "sheet.png", "--quiet"]);
    let confidences = |model: &[&str]| {
        let digits = json(folder.path(), &[&["recognize", "sheet.png", "--model"], model].concat());
        digits["digits"].clone()
    };
    let [raw, unit] = ["raw", "unit"].map(|pixels| confidences(&["weights.npz", "--pixels", pixels]));
    assert!(unit == confidences(&["run"]) && raw != unit, "{unit}");

    // The exported file says it, so that nobody need say it again.
    let export =
        ["export", "weights.npz", "--pixels", "unit", "--to", "safetensors", "--out", "m.safetensors"];
    succeed(folder.path(), &export);
    let again =
        json(folder.path(), &["evaluate", "m.safetensors", "--data", "mine.csv", "--out", "evaluated"]);
    assert_eq!(again["correct"], trained["test_correct"]);
    // A fine-tuning reads it as its recipe says.
    let tune = ["train", "--from", "weights.npz", "--recipe", "mlp", "--data", "mine.csv", "--out", "tuned"];
    let tuned = json(folder.path(), &[&tune[..], &["--epochs", "1"]].concat());
    assert_eq!(tuned["gain"]["own"]["correct_before"], trained["test_correct"]);

    let (code, error) = fail(folder.path(), &["evaluate", "small", "--data", "mine.csv", "--pixels", "raw"]);
    assert!(code == 2 && error.contains("small says itself"), "{error}");
}

#[test]
fn json_is_never_dropped() {
    let folder = tempdir().unwrap();
    let evaluate = ["evaluate", "classic", "--data", "synthetic:10", "--json", "--predictions", "-"];
    let (code, error) = fail(folder.path(), &evaluate);
    assert!(code == 2 && error.contains("--json"), "{error}");
    let (code, error) = fail(folder.path(), &["data", "show", "--data", "synthetic:10", "--json"]);
    assert!(code == 2 && error.contains("--json"), "{error}");
}

#[test]
fn one_thread_is_one() {
    let folder = tempdir().unwrap();
    for (threads, said) in [("1", "1 thread\n"), ("2", "2 threads\n")] {
        let train = ["train", "--data", "synthetic:100", "--out", "run", "--threads", threads];
        assert!(words(folder.path(), &train).contains(said), "{said}");
    }
}

#[test]
fn chinese_messages_have_no_english_sentences() {
    let folder = tempdir().unwrap();
    let classic = include_str!("../../../shuzi-engine/recipes/classic.toml");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("word.toml", classic.replace("\"drop\"", "\"dorp\"").as_bytes());
    write("type.toml", classic.replace("epochs = 3", "epochs = \"three\"").as_bytes());
    write("key.toml", classic.replace("epochs = 3", "").as_bytes());
    write("cut.npz", b"PK\x03\x04 and no archive");
    write("labels.csv", b"path,label\n\xff.png,1\n");
    for arguments in [
        &["train", "--recipe", "word.toml"][..],
        &["train", "--recipe", "type.toml"],
        &["train", "--recipe", "key.toml"],
        &["train", "--data", "labels.csv"],
        &["train", "--batch-order", "cut.npz", "--data", "synthetic:100"],
        &["evaluate", "cut.npz"],
    ] {
        let (_, error) = fail(folder.path(), &[arguments, &["--lang", "zh-CN"]].concat());
        let is_word = |word: &&str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase());
        let words: Vec<&str> = error.split(' ').collect();
        let sentence = words.windows(2).find(|pair| pair.iter().all(is_word));
        assert_eq!(sentence, None, "{error}");
    }
}

/// Every command of the program in some text: from its name to the end of the line.
fn commands(text: &str) -> Vec<String> {
    let command = |line: &str| {
        let verbs = ["train", "evaluate", "recognize", "export", "data"];
        let place = verbs.iter().filter_map(|verb| line.find(&format!("shuzi {verb} "))).min()?;
        Some(line[place..].to_owned())
    };
    text.lines().filter_map(command).collect()
}

/// Runs each command that some text suggests as a user does who copies it; returns them.
#[cfg(unix)]
fn run_suggested(folder: &Path, text: &str) -> Vec<String> {
    let commands = commands(text);
    let program = Path::new(env!("CARGO_BIN_EXE_shuzi")).parent().unwrap();
    for command in &commands {
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", command]).current_dir(folder).env_clear();
        shell.env("PATH", program).env("HOME", folder.join("home")).env("LANG", "C");
        let (code, out, error) = run(&mut shell);
        assert_eq!(code, 0, "{command}\nof {text}\n{out}{error}");
    }
    commands
}

#[test]
#[cfg(unix)]
fn every_suggested_command_runs_as_printed() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    draw(&path.join("my shapes"), &shapes(30), on_paper);
    pictures(&path.join("it's $HOME"), &digits(80), on_paper);
    fs::write(path.join("-mine \"1\".csv"), table(&digits(150))).unwrap();
    fs::write(path.join("my shapes/bad; rm.png"), "no picture").unwrap();
    let few = ["--epochs", "2"];
    for (arguments, count) in [
        (&["train", "--data", "my shapes", "--skip-bad", "--split-seed", "3", "--out", "of shapes"][..], 2),
        (&["train", "--data", "it's $HOME", "--lang", "zh-CN"], 3),
        (&["train", "--data=-mine \"1\".csv", "--out=-run"], 2),
        (&["train", "--data=-mine \"1\".csv", "--out", "net", "--recipe", "classic", "--batch-size", "9"], 2),
        (&["train", "--data", "synthetic:40", "--batch-size", "9", "--out", "classic"], 2),
        (&["train", "--data", "synthetic:300"], 3),
        (&["train", "--data", "synthetic:300", "--recipe", "quick"], 2),
        (&["train", "--from", "of shapes", "--data", "my shapes", "--skip-bad", "--out", "tuned"], 2),
        (&["train", "--from", "small", "--data", "my shapes", "--skip-bad", "--out", "tuned anew"], 2),
    ] {
        let text = words(path, &[arguments, &few].concat());
        let suggested = run_suggested(path, &text);
        let guessing = usize::from(text.contains("data show"));
        assert_eq!(suggested.len(), count + guessing, "{arguments:?}: {suggested:#?}");
    }
}

#[test]
#[cfg(unix)]
fn a_training_that_waits_says_how_to_go_on() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    draw(&path.join("my \"shapes\""), &shapes(20), as_it_is);
    // What a killed training leaves: here one whose model has a folder in its way.
    fs::create_dir_all(path.join("the run/model.safetensors/in-the-way")).unwrap();
    let train =
        ["train", "--data", "my \"shapes\"", "--out", "the run", "--checkpoint-every", "4", "--epochs", "9"];
    let (code, interrupted) = fail(path, &train);
    assert_eq!(code, 1, "{interrupted}");
    fs::remove_dir_all(path.join("the run/model.safetensors")).unwrap();
    let (code, refused) = fail(path, &train);
    assert_eq!((code, commands(&refused).len()), (1, 1), "{refused}");
    assert_eq!(commands(&refused), commands(&interrupted));
    run_suggested(path, &refused);
}
