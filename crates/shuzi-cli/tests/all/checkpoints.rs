//! A training survives what may happen to it: killed, interrupted, a damaged file, a full disk. What comes out in
//! the end is what an undisturbed training gives, to the last bit.
#![cfg(unix)]

use crate::support::{fail, json, names, run, shuzi, succeed};
use serde_json::Value;
use shuzi_engine::training::{Checkpoint, checkpoint::seal};
use std::{
    fs,
    hint::black_box,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::tempdir;

/// A hundred epochs of 15 steps.
const TRAINING: [&str; 13] = [
    "train",
    "--data",
    "synthetic:1550",
    "--validation",
    "50",
    "--batch-size",
    "100",
    "--epochs",
    "100",
    "--hidden",
    "20",
    "--log-every",
    "4",
];

fn training<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&TRAINING[..], more].concat()
}

/// What `metrics.jsonl` says but for the speed, which depends on the machine.
fn metrics(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().remove("examples_per_second");
        value.to_string()
    };
    text.lines().map(line).collect()
}

/// The checkpoints of a run, the oldest first.
fn checkpoints(run: &Path) -> Vec<PathBuf> {
    let folder = run.join("checkpoints");
    names(&folder).iter().map(|name| folder.join(name)).filter(|path| path.extension().is_some()).collect()
}

/// Starts it, and waits until so many epochs were reported.
fn start(folder: &Path, arguments: &[&str], epochs: usize) -> (Child, BufReader<impl Read + use<>>) {
    let mut command = shuzi(folder, arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut words = BufReader::new(child.stderr.take().unwrap());
    let (mut reported, mut line) = (0, String::new());
    while reported < epochs && words.read_line(&mut line).unwrap() > 0 {
        reported += usize::from(line.starts_with("epoch "));
        line.clear();
    }
    (child, words)
}

/// A run in `folder` that was killed in the middle, with some checkpoints.
fn killed(folder: &Path, more: &[&str]) {
    let more = [&["--out", "run", "--checkpoint-every", "5"], more].concat();
    let (mut child, _) = start(folder, &training(&more), 8);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(!checkpoints(&folder.join("run")).is_empty());
}

#[test]
fn killed_twenty_times_it_learns_the_same() {
    let folder = tempdir().unwrap();
    let undisturbed = json(folder.path(), &training(&["--out", "undisturbed"]));
    let every = ["--checkpoint-every", "7", "--log-every", "4"];
    let (mut kills, mut chance) = (0, 12_345_u64);
    while kills < 20 {
        let resume = [&["train", "--resume", "run"][..], &every].concat();
        let first = training(&[&["--out", "run"], &every[..2]].concat());
        // At the first time nothing is there; a run without a checkpoint begins anew.
        let begin = checkpoints(&folder.path().join("run")).is_empty();
        let (mut child, _) = start(folder.path(), if begin { &first } else { &resume }, 1 + kills % 3);
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for moment in 0..chance >> 43 {
            black_box(moment); // a millisecond or so at most
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "it ended by itself after {kills} kills");
        kills += 1;
    }
    let last = [&["train", "--resume", "run"][..], &every[2..]].concat();
    let resumed = json(folder.path(), &last);
    assert_eq!(resumed["weights_sha256"], undisturbed["weights_sha256"]);
    assert!(resumed["resumed_at_step"].as_u64().unwrap() > 200, "{resumed}");
    let [run, other] = ["run", "undisturbed"].map(|name| folder.path().join(name));
    assert_eq!(metrics(&run), metrics(&other), "no line twice, none missing");
    assert_eq!(names(&run), names(&other), "nothing is left over");
    let recipes = [&run, &other].map(|run| fs::read(run.join("recipe.toml")).unwrap());
    assert_eq!(recipes[0], recipes[1]);
}

#[test]
fn an_interrupted_training_goes_on_with_other_threads_and_other_words_for_its_recipe() {
    let folder = tempdir().unwrap();
    let recipe = ["--recipe", "mlp"];
    let undisturbed = json(folder.path(), &training(&[&recipe[..], &["--out", "undisturbed"]].concat()));
    let arguments = training(&[&recipe[..], &["--out", "run", "--threads", "1"]].concat());
    let (mut child, mut words) = start(folder.path(), &arguments, 3);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    words.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("train --resume run"), "says how to go on: {rest}");
    assert_eq!(checkpoints(&folder.path().join("run")).len(), 1, "the only one, at the interruption");
    let again = [&["train", "--resume", "run", "--threads", "3"], &recipe[..], &TRAINING[3..]].concat();
    let resumed = json(folder.path(), &again);
    assert_eq!(resumed["weights_sha256"], undisturbed["weights_sha256"]);
    assert_eq!(resumed["recipe"], "mlp");

    let said = succeed(folder.path(), &["train", "--resume", "run"]);
    assert!(said.contains("finished") && said.contains("run/model.safetensors"), "{said}");
    assert_eq!(json(folder.path(), &["train", "--resume", "run"])["finished"], true);
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_used() {
    let folder = tempdir().unwrap();
    let expected = json(folder.path(), &training(&["--out", "undisturbed"]))["weights_sha256"].clone();
    killed(folder.path(), &["--keep-checkpoints", "4"]);
    let run_folder = folder.path().join("run");
    let files = checkpoints(&run_folder);
    assert!((4..=5).contains(&files.len()), "one more if it was killed before the oldest was removed");
    let newest = files.len() - 1;
    let whole = fs::read(&files[newest]).unwrap();
    let other_version = {
        let place = whole.windows(20).position(|window| window == b"\"format_version\":\"1\"").unwrap() + 18;
        let mut bytes = whole.clone();
        bytes[place] = b'7';
        seal(&mut bytes);
        bytes
    };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (damaged, reason) in [
        (vec![], "empty"),
        (whole[..whole.len() / 2].to_vec(), "cut off"),
        (flipped, "damaged"),
        (other_version, "version 7"),
        (b"no checkpoint".to_vec(), "does not begin"),
    ] {
        fs::write(&files[newest], &damaged).unwrap();
        // A recipe that differs ends it before it goes on.
        let (_, error) = fail(folder.path(), &["train", "--resume", "run", "--epochs", "7"]);
        let [bad, used] =
            [newest, newest - 1].map(|index| files[index].file_name().unwrap().to_str().unwrap());
        assert!(error.contains(bad) && error.contains(reason), "{reason}: {error}");
        let after = error.split("Warning").nth(1).unwrap().split("error").nth(1).unwrap();
        assert!(after.contains(used), "{error}");
    }
    let resumed = json(folder.path(), &["train", "--resume", "run"]);
    assert_eq!(resumed["weights_sha256"], expected);

    killed(folder.path(), &[]);
    for file in checkpoints(&run_folder) {
        fs::write(file, "").unwrap();
    }
    let (code, error) = fail(folder.path(), &["train", "--resume", "run"]);
    assert!(code == 1 && error.contains("none of the checkpoints"), "{error}");
}

#[test]
fn nothing_begins_from_scratch_by_mistake_and_nothing_goes_on_with_something_else() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    killed(folder.path(), &[]);
    let before = checkpoints(&folder.path().join("run"));
    for (arguments, expected_code, words) in [
        (&["--resume", "nowhere"][..], 1, &["nowhere", "no such"][..]),
        (&["--resume", "empty"], 1, &["empty", "no checkpoint"]),
        (&["--out", "run"], 1, &["--resume run", "not finished"]),
        (
            &["--out", "run", "--data", "digits", "--skip-bad", "--split-seed", "3"],
            1,
            &["train --resume run --data digits --skip-bad --split-seed 3\n"],
        ),
        (&["--out", "run", "--batch-order", "o.npz"], 1, &["train --resume run --batch-order o.npz\n"]),
        (&["--resume", "run", "--out", "other"], 2, &["--out", "--resume"]),
        (&["--resume", "run", "--initial-weights", "w.npz"], 2, &["--initial-weights"]),
        (&["--resume", "run", "--epochs", "9"], 2, &["training.epochs = 100", "asked for is 9", ".ckpt"]),
        (&["--resume", "run", "--seed", "9"], 2, &["training.seed = 0", "asked for is 9"]),
        (&["--resume", "run", "--recipe", "mlp"], 2, &["network.initial-weights"]),
        (&["--resume", "run", "--data", "synthetic:1551"], 2, &["synthetic:1550", "synthetic:1551"]),
        (&["--resume", "run", "--checkpoint-every", "0"], 2, &["1 or more"]),
    ] {
        let (code, error) = fail(folder.path(), &[&["train"], arguments].concat());
        assert_eq!(code, expected_code, "{arguments:?}: {error}");
        assert!(words.iter().all(|word| error.contains(word)), "{arguments:?}: {error}");
    }
    assert_eq!(checkpoints(&folder.path().join("run")), before);
    let (_, error) = fail(folder.path(), &["train", "--resume", "run", "--epochs", "9", "--lang", "zh-CN"]);
    assert!(error.contains("检查点") || error.contains("不属于这次训练"), "{error}");
}

#[test]
#[cfg(unix)]
fn two_programs_do_not_train_into_one_folder() {
    let folder = tempdir().unwrap();
    let arguments = training(&["--out", "run", "--checkpoint-every", "5"]);
    let (mut child, _) = start(folder.path(), &arguments, 2);
    for other in [&["--resume", "run"][..], &["--out", "run"], &["--out", "run", "--keep-checkpoints", "0"]] {
        let (code, error) = fail(folder.path(), &[&["train"], other].concat());
        assert!(code == 1 && error.contains("another shuzi is training in run"), "{other:?}: {error}");
        assert!(!error.contains("delete"), "no advice harms the other: {error}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    succeed(folder.path(), &["train", "--resume", "run"]); // the lock went with the program
}

#[test]
fn as_many_are_kept_as_the_user_says() {
    let folder = tempdir().unwrap();
    for (keep, expected) in [("1", 1..=2), ("2", 2..=3)] {
        killed(folder.path(), &["--keep-checkpoints", keep]);
        let count = checkpoints(&folder.path().join("run")).len();
        assert!(expected.contains(&count), "{keep}: {count}, one more at most when it was killed just then");
        fs::remove_dir_all(folder.path().join("run")).unwrap();
    }
    let none = ["--out", "run", "--checkpoint-every", "1", "--keep-checkpoints", "0"];
    let (mut child, _) = start(folder.path(), &training(&none), 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.path().join("run/checkpoints").exists());
}

/// Runs it where no file may have more than so many kilobytes: writing fails in the middle of a file, as on a disk
/// that is full.
fn with_small_files(folder: &Path, kilobytes: u32, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_shuzi")]).args(arguments);
    run(command.current_dir(folder).env_clear().env("HOME", folder.join("home")).env("LANG", "C"))
}

#[test]
fn a_training_goes_on_when_checkpoints_cannot_be_written() {
    let folder = tempdir().unwrap();
    let wide = ["--recipe", "mlp", "--hidden", "80", "--epochs", "4"]; // a checkpoint of 750 KB, a model of 250
    let arguments: Vec<&str> = ["train", "--data", "synthetic:1500"].into_iter().chain(wide).collect();
    let expected = json(folder.path(), &[&arguments[..], &["--out", "undisturbed"]].concat());
    let often = ["--checkpoint-every", "10", "--json"];

    let limited = [&arguments[..], &often, &["--out", "limited"]].concat();
    let (code, out, error) = with_small_files(folder.path(), 500, &limited);
    fs::create_dir(folder.path().join("blocked")).unwrap();
    fs::write(folder.path().join("blocked/checkpoints"), "a file").unwrap();
    let blocked = run(&mut shuzi(folder.path(), &[&arguments[..], &often, &["--out", "blocked"]].concat()));
    for (code, out, error, reason) in
        [(code, out, error, "larger"), (blocked.0, blocked.1, blocked.2, "not a folder")]
    {
        assert_eq!(code, 0, "{error}");
        let object: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(object["weights_sha256"], expected["weights_sha256"], "{error}");
        let failed = object["checkpoints_failed"].as_u64().unwrap();
        assert!(failed > 3 && error.contains(&format!("written: {failed}")), "{error}");
        let warnings = error.matches("Warning").count();
        assert!(warnings == 2 && error.contains(reason), "once, and at the end: {error}");
    }
    assert!(!folder.path().join("limited/checkpoints").exists(), "nothing half-written");
}

#[test]
fn old_checkpoints_stay_whole_on_a_full_disk_and_the_training_can_be_finished_later() {
    let folder = tempdir().unwrap();
    let expected = json(folder.path(), &training(&["--out", "undisturbed"]))["weights_sha256"].clone();
    killed(folder.path(), &[]);
    let files = || {
        let paths = checkpoints(&folder.path().join("run")).into_iter();
        paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let before = files();
    let arguments = ["train", "--resume", "run", "--checkpoint-every", "5"];
    let (code, _, error) = with_small_files(folder.path(), 40, &arguments); // the model has 64 KB
    assert!(code == 1 && error.contains("model.safetensors") && error.contains("larger"), "{error}");
    assert!(error.contains("train --resume run"), "says how to go on: {error}");
    assert!(files() == before, "{error}");
    assert!(before.iter().all(|(_, bytes)| Checkpoint::from_bytes(bytes).is_ok()));
    assert_eq!(json(folder.path(), &arguments)["weights_sha256"], expected);
}

#[test]
#[cfg(unix)]
fn metrics_are_not_written_through_a_link() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("other"), "precious").unwrap();
    fs::create_dir(folder.path().join("run")).unwrap();
    std::os::unix::fs::symlink("../other", folder.path().join("run/metrics.jsonl")).unwrap();
    let (code, error) = fail(folder.path(), &training(&["--out", "run"]));
    assert!(code == 1 && error.contains("run/metrics.jsonl is a symbolic link"), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("other")).unwrap(), "precious");
    // The folder itself may be one.
    fs::create_dir(folder.path().join("place")).unwrap();
    std::os::unix::fs::symlink("place", folder.path().join("linked")).unwrap();
    succeed(folder.path(), &training(&["--out", "linked"]));
    assert!(folder.path().join("place/metrics.jsonl").is_file());
}
