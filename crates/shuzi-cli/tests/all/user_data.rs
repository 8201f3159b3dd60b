//! User data: tables and folders of pictures are read, split, reported when they are wrong, and fine-tuned on.

use crate::support::{
    as_it_is, digits, fail, json, names, on_paper, pictures, png, run, shuzi, succeed, table,
};
use serde_json::Value;
use shuzi_engine::{dataset::synthetic, image::PIXELS};
use std::{fs, path::Path};
use tempfile::tempdir;

/// A training that takes a moment.
fn train<'a>(data: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let classic = ["--recipe", "classic", "--epochs", "2", "--batch-size", "20"];
    [&["train", "--data", data, "--out", "run"], &classic[..], more].concat()
}

#[test]
fn a_table_is_split_alike_for_training_and_evaluation() {
    let folder = tempdir().unwrap();
    let all = digits(300);
    fs::write(folder.path().join("mine.csv"), table(&all)).unwrap();
    let trained = json(folder.path(), &train("mine.csv", &[]));
    assert_eq!(trained["data"], "csv:mine.csv");
    let held_out: usize =
        (0..10).map(|digit| (all.iter().filter(|(_, label)| *label == digit).count() + 2) / 5).sum();
    assert_eq!(trained["test_count"], held_out);
    let evaluate = ["evaluate", "run", "--data", "mine.csv", "--out", "evaluated"];
    let evaluated = json(folder.path(), &evaluate);
    assert_eq!(
        [&evaluated["count"], &evaluated["correct"]],
        [&trained["test_count"], &trained["test_correct"]]
    );
    assert_eq!(json(folder.path(), &[&evaluate[..], &["--all"]].concat())["count"], 300);
    let other = json(folder.path(), &train("mine.csv", &["--split-seed", "1"]));
    assert_ne!(other["weights_sha256"], trained["weights_sha256"]);
    let words = succeed(folder.path(), &evaluate);
    assert!(words.contains("accuracy"), "{words}");
    let report = fs::read_to_string(folder.path().join("evaluated/report.html")).unwrap();
    assert!(report.contains("1 in 5 of each label by split seed 0"), "the rule is stated");
    let (code, error) = fail(folder.path(), &["evaluate", "--data", "synthetic:10", "--all"]);
    assert!(code == 2 && error.contains("--all"), "{error}");
}

#[test]
fn two_tables_are_training_and_test() {
    let folder = tempdir().unwrap();
    let all = digits(60);
    fs::create_dir(folder.path().join("both")).unwrap();
    fs::write(folder.path().join("both/my_train.csv"), table(&all[..50])).unwrap();
    fs::write(folder.path().join("both/my_test.csv"), table(&all[50..])).unwrap();
    assert_eq!(json(folder.path(), &train("both", &[]))["test_count"], 10);
    fs::write(folder.path().join("both/test2.csv"), "").unwrap();
    let (code, error) = fail(folder.path(), &train("both", &[]));
    assert!(code == 1 && error.contains("train and test"), "which is it? {error}");
}

#[test]
fn a_table_that_is_wrong_is_told_with_its_line() {
    let folder = tempdir().unwrap();
    let good = table(&digits(5));
    for (text, line, expected) in [
        (good.replacen(",0,", ",300,", 1), "line 1", "0 to 255"),
        (good.clone() + "3,1,2\n", "line 6", "785"),
        (good.clone() + &good.lines().next().unwrap().replacen("0,", "11,", 1), "line 6", "0 to 9"),
        (format!("a{}\n{good}", ",b".repeat(PIXELS)), "line 1", "label"),
        (String::new(), "mine.csv", "a label and its pixels"),
    ] {
        fs::write(folder.path().join("mine.csv"), text).unwrap();
        let (code, error) = fail(folder.path(), &train("mine.csv", &[]));
        assert!(code == 1 && ["mine.csv", line, expected].iter().all(|word| error.contains(word)), "{error}");
        let chinese = fail(folder.path(), &train("mine.csv", &["--lang", "zh-CN"])).1;
        assert!(chinese.contains("应为") || chinese.contains("没有"), "{chinese}");
    }
    assert_eq!(names(folder.path()), ["mine.csv"], "nothing was written");
}

#[test]
fn small_pictures_are_taken_pixel_for_pixel() {
    let folder = tempdir().unwrap();
    let all = digits(100);
    fs::write(folder.path().join("mine.csv"), table(&all)).unwrap();
    pictures(&folder.path().join("mine"), &all, as_it_is);
    let [table, pictures] = ["mine.csv", "mine"].map(|data| json(folder.path(), &train(data, &[])));
    assert_eq!(pictures["data"], "pictures:mine");
    assert_eq!(pictures["weights_sha256"], table["weights_sha256"]);
}

#[test]
fn pictures_on_paper_are_prepared_as_for_recognition() {
    let folder = tempdir().unwrap();
    pictures(&folder.path().join("mine/train"), &digits(40), on_paper);
    pictures(&folder.path().join("mine/test"), &digits(80)[..60], on_paper);
    let evaluate = ["evaluate", "photo", "--data", "mine/test", "--all", "--out", "evaluated"];
    let read = json(folder.path(), &evaluate);
    assert_eq!(read["count"], 60);
    assert!(read["correct"].as_u64().unwrap() >= 58, "{read}"); // as well as `recognize` reads them
    assert_eq!(json(folder.path(), &train("mine", &[]))["test_count"], 60);
    succeed(folder.path(), &["data", "show", "--data", "mine", "--out", "sheet.png"]);
}

#[test]
fn what_cannot_be_used_is_told_picture_by_picture() {
    let folder = tempdir().unwrap();
    let mine = folder.path().join("mine");
    pictures(&mine, &digits(80), on_paper);
    let write = |name: &str, bytes: &[u8]| {
        fs::create_dir_all(mine.join(name).parent().unwrap()).unwrap();
        fs::write(mine.join(name), bytes).unwrap();
    };
    // None of this is looked at.
    for name in ["4/.hidden", "4/Thumbs.db", ".git/3/x.png", "__MACOSX/3/x.png", "notes.txt"] {
        write(name, b"?");
    }
    write("4/more/inside.png", &on_paper(&synthetic::draw(77, 1000).0));
    let sound = json(folder.path(), &train("mine", &[]));
    fs::remove_dir_all(folder.path().join("run")).unwrap();

    write("3/text.png", b"no picture");
    write("3/phone.HEIC", b"\0\0\0\x18ftypheic");
    write("5/empty.png", b"");
    write("5/blank.png", &png(50, 40, &[200; 50 * 40]));
    write("stray.png", &on_paper(&synthetic::draw(77, 1001).0));
    fs::remove_dir_all(mine.join("7")).unwrap();
    fs::create_dir(mine.join("7")).unwrap();
    let (code, error) = fail(folder.path(), &train("mine", &["--quiet"]));
    assert_eq!(code, 1, "{error}");
    for (name, reason) in [
        ("3/text.png", "neither PNG"),
        ("3/phone.HEIC", "HEIC is not read"),
        ("5/empty.png", "empty"),
        ("5/blank.png", "nothing is to be seen"),
        ("stray.png", "no label's folder"),
        ("mine/7", "no picture in this folder"),
    ] {
        let line =
            error.lines().find(|line| line.contains(&name.replace('/', std::path::MAIN_SEPARATOR_STR)));
        assert!(line.is_some_and(|line| line.contains(reason)), "{name}: {error}");
    }
    assert!(error.contains("6 pictures or folders") && error.contains("--skip-bad"), "{error}");
    assert_eq!(error.lines().count(), 7, "nothing else: {error}");
    assert_eq!(names(folder.path()), ["mine"], "nothing was written");

    let skipped = json(folder.path(), &train("mine", &["--skip-bad"]));
    assert!(skipped["test_count"].as_u64() < sound["test_count"].as_u64(), "the sevens are gone");
    for verb in [&["evaluate"][..], &["data", "show"]] {
        let (code, error) = fail(folder.path(), &[verb, &["--data", "mine"]].concat());
        assert!(code == 1 && error.contains("3/text.png"), "{verb:?}: {error}");
    }
}

#[test]
fn another_size_among_small_pictures_is_told() {
    let folder = tempdir().unwrap();
    let mine = folder.path().join("mine");
    pictures(&mine, &digits(40), as_it_is);
    fs::write(mine.join("2/large.png"), on_paper(&synthetic::draw(77, 1000).0)).unwrap();
    let (code, error) = fail(folder.path(), &train("mine", &["--quiet"]));
    assert!(code == 1 && error.contains("large.png: it has 114x94 pixels"), "{error}");
    pictures(&mine, &digits(90)[..60], on_paper); // now small ones are few
    json(folder.path(), &train("mine", &[]));
}

#[test]
fn a_folder_without_labels_says_what_is_expected() {
    let folder = tempdir().unwrap();
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    let complain = |words: &str| {
        let (code, error) = fail(folder.path(), &train("mine", &["--quiet"]));
        assert!(code == 1 && error.contains(words), "{words}: {error}");
    };
    complain("a folder for each label");
    fs::write(mine.join("one.png"), as_it_is(&synthetic::draw(77, 1).0)).unwrap();
    complain("a folder for each label");
    fs::create_dir(mine.join("3")).unwrap();
    complain("no picture to be used");
    fs::remove_file(mine.join("one.png")).unwrap();
    fs::write(mine.join("3/one.png"), as_it_is(&synthetic::draw(77, 1).0)).unwrap();
    complain("no label with two examples");
}

#[test]
fn folders_of_any_names_are_classes() {
    let folder = tempdir().unwrap();
    let all = digits(60);
    let draw = |place: &str, names: &[(&str, u8)]| {
        for (name, digit) in names {
            fs::create_dir_all(folder.path().join(place).join(name)).unwrap();
            for (number, (image, _)) in all.iter().filter(|(_, label)| label == digit).enumerate() {
                fs::write(
                    folder.path().join(place).join(name).join(format!("{number}.png")),
                    as_it_is(image),
                )
                .unwrap();
            }
        }
    };
    draw("shapes", &[("ring", 0), ("line", 1), ("hook", 7)]);
    let train = ["train", "--recipe", "classic", "--data", "shapes", "--out", "run", "--batch-size", "5"];
    let trained = json(folder.path(), &train);
    assert_eq!(trained["parameters"], 25_818 - 7 * 17);
    let evaluated = json(folder.path(), &["evaluate", "run", "--data", "shapes", "--out", "evaluated"]);
    assert_eq!(
        (&evaluated["correct"], evaluated["confusion"].as_array().unwrap().len()),
        (&trained["test_correct"], 3)
    );
    let report = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(report.contains("hook, line, ring"), "in the order of their names");

    draw("more", &[("ring", 9)]); // one that the model knows
    let tune = ["train", "--from", "run", "--out", "tuned", "--batch-size", "5", "--data"];
    let tuned = json(folder.path(), &[&tune[..], &["shapes"]].concat());
    assert_eq!((&tuned["data"], &tuned["gain"]["mnist"]), (&"pictures:shapes".into(), &Value::Null));
    let (code, error) = fail(folder.path(), &[&tune[..], &["more"]].concat());
    assert!(code == 1 && error.contains("2 to 255"), "one label: {error}");
    draw("more", &[("hook", 4)]);
    json(folder.path(), &[&tune[..], &["more"]].concat());
}

#[test]
#[cfg(unix)]
fn links_are_followed_but_not_in_a_circle() {
    use std::os::unix::fs::symlink;
    let folder = tempdir().unwrap();
    let mine = folder.path().join("mine");
    pictures(&folder.path().join("elsewhere"), &digits(100), as_it_is);
    fs::create_dir(&mine).unwrap();
    for digit in 0..10 {
        symlink(folder.path().join(format!("elsewhere/{digit}")), mine.join(digit.to_string())).unwrap();
    }
    symlink(&mine, folder.path().join("elsewhere/4/circle")).unwrap();
    let evaluate = ["evaluate", "--data", "mine", "--all", "--out", "evaluated"];
    assert_eq!(json(folder.path(), &evaluate)["count"], 100);
    symlink("nowhere", mine.join("4/broken.png")).unwrap();
    let (code, error) = fail(folder.path(), &evaluate);
    assert!(code == 1 && error.contains("broken.png"), "{error}");
}

#[test]
fn what_nothing_can_be_learned_from_is_refused() {
    let folder = tempdir().unwrap();
    let ones: Vec<_> = digits(100).into_iter().filter(|(_, label)| *label == 1).collect();
    assert!(ones.len() > 5);
    fs::write(folder.path().join("ones.csv"), table(&ones)).unwrap();
    let alone = ["train", "--data", "ones.csv", "--out", "run", "--quiet", "--epochs", "1"];
    let (code, error) = fail(folder.path(), &[&alone[..], &["--recipe", "classic"]].concat());
    assert!(code == 2 && error.contains("--from photo") && error.contains("batch of 90"), "{error}");
    let small_batches = [&alone[..], &["--batch-size", "2"]].concat();
    let (code, error) = fail(folder.path(), &small_batches);
    assert!(code == 1 && error.contains("same label"), "{error}");
    succeed(folder.path(), &[&alone[..], &["--from", "classic"]].concat());
}

/// A fine-tuning that takes a moment.
const TUNE: [&str; 9] =
    ["train", "--from", "classic", "--data", "mine", "--out", "tuned", "--batch-size", "50"];

/// A handful: two of each digit, four of some.
fn handful(folder: &Path) {
    let all = digits(200);
    let some = (0..10).flat_map(|digit| {
        let its = all.iter().filter(move |(_, label)| *label == digit);
        its.take(if digit < 3 { 4 } else { 2 }).copied()
    });
    pictures(&folder.join("mine"), &some.collect::<Vec<_>>(), on_paper);
}

#[test]
fn fine_tuning_says_its_effect() {
    let folder = tempdir().unwrap();
    handful(folder.path());
    let tuned = json(folder.path(), &TUNE);
    assert_eq!(
        (&tuned["data"], &tuned["recipe"]),
        (&"pictures:mine + synthetic".into(), &"classic-tuned".into())
    );
    let own = &tuned["gain"]["own"];
    assert_eq!((own["count"].as_u64(), &own["correct"]), (Some(10), &tuned["test_correct"]));
    let classic = json(folder.path(), &["evaluate", "classic", "--data", "mine", "--out", "evaluated"]);
    assert_eq!((&classic["count"], &classic["correct"]), (&own["count"], &own["correct_before"]));
    assert_eq!(tuned["gain"]["from_sha256"], classic["weights_sha256"]);
    assert_ne!(tuned["weights_sha256"], classic["weights_sha256"]);
    assert_eq!(tuned["gain"]["mnist"], Value::Null, "it is not on this machine");
    let recipe = fs::read_to_string(folder.path().join("tuned/recipe.toml")).unwrap();
    assert!(
        recipe.contains("from = \"classic\"") && recipe.contains(classic["weights_sha256"].as_str().unwrap())
    );

    let other_threads = json(folder.path(), &[&TUNE[..], &["--threads", "3"]].concat());
    assert_eq!(other_threads["weights_sha256"], tuned["weights_sha256"]);
    for (language, words) in [("en", "may be chance"), ("zh-CN", "偶然")] {
        let text = succeed(folder.path(), &[&TUNE[..], &["--lang", language]].concat());
        assert!(text.contains(words), "ten digits are too few to say: {text}");
        let report = fs::read_to_string(folder.path().join("tuned/report.html")).unwrap();
        assert!(report.contains(words), "{language}");
    }
}

#[test]
fn a_fine_tuning_goes_on_after_a_break() {
    let folder = tempdir().unwrap();
    handful(folder.path());
    let whole = json(folder.path(), &TUNE);
    // A checkpoint is what a killed training leaves; here one that no longer can write is stopped by a folder in its way.
    let keep = [&TUNE[..5], &["--out", "broken", "--batch-size", "50", "--checkpoint-every", "7", "--quiet"]]
        .concat();
    fs::create_dir_all(folder.path().join("broken/model.safetensors/in-the-way")).unwrap();
    assert_eq!(fail(folder.path(), &keep).0, 1);
    fs::remove_dir_all(folder.path().join("broken/model.safetensors")).unwrap();
    let resume = ["train", "--resume", "broken"];
    let (code, error) = fail(folder.path(), &resume);
    assert!(code == 2 && error.contains("--data"), "{error}");
    fs::write(folder.path().join("other.csv"), table(&digits(50))).unwrap();
    let (code, error) = fail(folder.path(), &[&resume[..], &["--data", "other.csv"]].concat());
    assert!(code == 2 && error.contains("csv:other.csv"), "{error}");
    let resumed = json(folder.path(), &[&resume[..], &["--data", "mine"]].concat());
    assert!(resumed["resumed_at_step"].as_u64() > Some(0), "{resumed}");
    for key in ["weights_sha256", "gain"] {
        assert_eq!(resumed[key], whole[key], "{key}");
    }
}

#[test]
fn what_cannot_be_fine_tuned_is_refused() {
    let folder = tempdir().unwrap();
    handful(folder.path());
    succeed(folder.path(), &["export", "classic", "--to", "npz", "--out", "numpy.npz", "--quiet"]);
    for (from, more, words) in [
        ("numpy.npz", &[][..], "--initial-weights"),
        ("nothing", &[], "nothing"),
        ("classic", &["--recipe", "tiny"], "other layers"),
        ("classic", &["--hidden", "20"], "--hidden"),
        ("classic", &["--resume", "run"], "--resume"),
    ] {
        let arguments = [&["train", "--from", from, "--data", "mine"], more].concat();
        let (code, out, error) = run(&mut shuzi(folder.path(), &arguments));
        assert!(code == 2 && error.contains(words), "{from} {more:?}: {out}{error}");
    }
}
