//! `shuzi data verify` and `shuzi data show`. What `fetch` does is in `download.rs`.

use crate::support::{fail, mnist, run, shuzi, succeed};
use std::{fs, path::Path};
use tempfile::tempdir;

#[test]
fn mnist_is_verified_and_a_changed_byte_is_found() {
    let Some(mnist) = mnist() else { return };
    let folder = tempdir().unwrap();
    let out = succeed(folder.path(), &["data", "verify", "--data", mnist.to_str().unwrap(), "--json"]);
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(object["sound"], true);
    assert_eq!(object["sets"][0]["count"], 60_000);
    // LeCun's page gives no histogram; these are counted by every program that reads the files.
    assert_eq!(
        object["sets"][1]["histogram"],
        serde_json::json!([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    );
    let words = succeed(folder.path(), &["data", "verify", "--data", mnist.to_str().unwrap()]);
    assert!(
        words.contains("60000")
            && words.contains("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db")
    );

    for entry in fs::read_dir(&mnist).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name.contains("ubyte") {
            fs::copy(entry.path(), folder.path().join(&name)).unwrap();
        }
    }
    let labels = folder.path().join("t10k-labels-idx1-ubyte.gz");
    let unpacked = {
        let mut bytes = vec![];
        let file = fs::File::open(&labels).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut bytes).unwrap();
        bytes
    };
    fs::remove_file(&labels).unwrap();
    let changed = [&unpacked[..8], &[(unpacked[8] + 1) % 10], &unpacked[9..]].concat();
    fs::write(folder.path().join("t10k-labels-idx1-ubyte"), changed).unwrap();
    let (code, out, error) = run(&mut shuzi(folder.path(), &["data", "verify", "--data", "."]));
    assert_eq!(code, 1);
    let wrong = out.lines().skip_while(|line| !line.contains("t10k-labels")).nth(1).unwrap();
    assert!(wrong.contains("WRONG") && !error.is_empty(), "{out}{error}");
    assert_eq!(out.matches("WRONG").count(), 1, "{out}");
}

#[test]
fn a_variable_that_leads_to_no_data_is_said() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let verify = |value: &str, more: &[&str]| {
        let mut command = shuzi(folder.path(), &[&["data", "verify"], more].concat());
        let (code, _, error) = run(command.env("SHUZI_DATA", value));
        assert_eq!(code, 1, "{value}: {error}");
        error
    };
    for (value, reason) in [
        ("", "is set, but empty"),
        ("nowhere", "reading nowhere"),
        ("file", "not a folder"),
        ("empty", "empty lacks train-images-idx3-ubyte"),
    ] {
        let error = verify(value, &[]);
        let warning = error.lines().find(|line| line.contains("$SHUZI_DATA")).unwrap_or_default();
        assert!(warning.starts_with("warning: ") && warning.contains(reason), "{value}: {error}");
    }
    // A folder need not have all sets.
    assert!(!verify("empty", &["--data", "fashion"]).contains("$SHUZI_DATA"));
    assert!(verify("nowhere", &["--data", "fashion"]).contains("$SHUZI_DATA"));
    let chinese = verify("", &["--lang", "zh-CN"]);
    assert!(chinese.contains("警告：$SHUZI_DATA"), "{chinese}");
}

/// Writes a sheet with these arguments: width and pixels.
fn sheet(folder: &Path, arguments: &[&str]) -> (usize, Vec<u8>) {
    let show = ["data", "show", "--data", "synthetic:500", "--out", "sheet.png", "--quiet"];
    succeed(folder, &[&show[..], arguments].concat());
    let bytes = fs::read(folder.join("sheet.png")).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert!(pixels.contains(&255) && pixels.contains(&0));
    (reader.info().width as usize, pixels)
}

#[test]
fn a_sheet_is_a_picture_that_the_seed_decides() {
    let folder = tempdir().unwrap();
    let sheet = |seed| sheet(folder.path(), &["--seed", seed]);
    assert_eq!(sheet("1"), sheet("1"));
    assert_ne!(sheet("1"), sheet("2"));
}

/// `classic` with these lines in its augmentation.
fn write_recipe(folder: &Path, lines: &str) {
    let recipe = include_str!("../../../shuzi-engine/recipes/classic.toml");
    fs::write(folder.join("mine.toml"), format!("{recipe}\n[training.augmentation]\n{lines}")).unwrap();
}

#[test]
fn a_sheet_of_augmented_digits_begins_each_row_with_the_digit_as_it_is() {
    let folder = tempdir().unwrap();
    // The column of a picture of the sheet: 28 pixels twice as large, behind a margin of 4.
    let column = |(width, pixels): &(usize, Vec<u8>), place: usize| -> Vec<u8> {
        pixels.chunks(*width).flat_map(|line| line[4 + 60 * place..][..56].to_vec()).collect()
    };
    let augment = ["--augment", "mine.toml"];
    write_recipe(folder.path(), "rotation = 15\nelastic = { strength = 1, grid = 4 }\n");
    let changed = sheet(folder.path(), &augment);
    write_recipe(folder.path(), "");
    let unchanged = sheet(folder.path(), &augment);
    assert_eq!(column(&changed, 0), column(&unchanged, 0));
    for place in 1..10 {
        assert_eq!(column(&unchanged, place), column(&unchanged, 0), "nothing is switched on");
        assert_ne!(column(&changed, place), column(&changed, place - 1));
    }
    let (code, out, error) = run(&mut shuzi(
        folder.path(),
        &["data", "show", "--data", "synthetic:20", "--augment", "mine.toml", "--lang", "zh-CN"],
    ));
    assert!(code == 0 && out.is_empty() && error.contains("digits.png"), "{error}");
}

#[test]
fn a_recipe_that_cannot_augment_is_refused_before_anything_is_written() {
    let folder = tempdir().unwrap();
    for (lines, words) in [
        ("rotatoin = 3", ["rotatoin", "rotation?"]),
        ("rotation = 200", ["training.augmentation.rotation is 200", "0 to 180"]),
        ("elastic = { strength = 1, grid = 2 }", ["training.augmentation.elastic.grid is 2", "3 to 8"]),
        ("scale = true", ["line", "mine.toml"]),
    ] {
        write_recipe(folder.path(), lines);
        for verb in [&["data", "show", "--augment"][..], &["train", "--recipe"]] {
            let (code, error) =
                fail(folder.path(), &[verb, &["mine.toml", "--data", "synthetic:100"]].concat());
            assert!(code == 1 && words.iter().all(|word| error.contains(word)), "{lines}: {code} {error}");
        }
    }
    for (arguments, words) in [
        (&["--augment", "classic"][..], "[training.augmentation]"),
        (&["--augment", "nothing.toml"], "nothing.toml"),
        (&["--augment", "mine.toml", "--test"], "--test"),
    ] {
        let (code, error) =
            fail(folder.path(), &[&["data", "show", "--data", "synthetic:100"], arguments].concat());
        assert!(code == 2 && error.contains(words), "{arguments:?}: {code} {error}");
    }
    assert_eq!(crate::support::names(folder.path()), ["mine.toml"]);
}

#[test]
fn without_mnist_verify_says_where_it_looked() {
    let folder = tempdir().unwrap();
    let (code, error) = fail(folder.path(), &["data", "verify"]);
    assert!(code == 1 && error.contains("mnist_data") && error.contains("shuzi data fetch"), "{error}");
}
