//! Bad input of every kind: a message that names the file and what was expected, exit code 1 or
//! 2, and nothing half-written.

use crate::support::{fail, idx, names, run, shuzi, succeed};
use flate2::{Compression, write::GzEncoder};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use tempfile::tempdir;

const IMAGES: u32 = 0x0000_0803;
const LABELS: u32 = 0x0000_0801;
const COUNT: u32 = 20;

fn images() -> Vec<u8> {
    let bytes: Vec<u8> = (0..COUNT * 784).map(|i| (i % 251) as u8).collect();
    idx(IMAGES, &[COUNT, 28, 28], &bytes)
}

fn labels() -> Vec<u8> {
    idx(LABELS, &[COUNT], &(0..COUNT).map(|i| (i % 10) as u8).collect::<Vec<_>>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A data set of these files, for training and test alike.
fn data_set(folder: &Path, images: &[u8], labels: &[u8]) {
    fs::create_dir_all(folder.join("data")).unwrap();
    for part in ["train", "t10k"] {
        fs::write(folder.join(format!("data/{part}-images-idx3-ubyte")), images).unwrap();
        fs::write(folder.join(format!("data/{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

const TRAIN: [&str; 9] = ["train", "--data", "data", "--out", "run", "--epochs", "1", "--batch-size", "5"];

#[test]
fn idx_files_that_lie_are_named_with_what_was_expected_and_found() {
    let folder = tempdir().unwrap();
    data_set(folder.path(), &images(), &labels());
    succeed(folder.path(), &[&TRAIN[..], &["--quiet"]].concat()); // nothing else is wrong
    fs::remove_dir_all(folder.path().join("run")).unwrap();

    let (good, all) = (images(), labels());
    let other_magic = [&[0x12, 0x34, 0x56, 0x78], &good[4..]].concat();
    let too_many = [&good[..7], &[COUNT as u8 + 5], &good[8..]].concat();
    let overflow = idx(IMAGES, &[u32::MAX, u32::MAX, u32::MAX], b"x");
    let wide = idx(IMAGES, &[COUNT, 14, 56], &good[16..]);
    let eleven = [&all[..10], &[11], &all[11..]].concat();
    let bomb = gzip(&vec![0; 64 << 20]);
    let packed = gzip(&good);
    for (images, labels, words) in [
        (&other_magic, &all, ["0x12345678", "0x00000803"]),
        (&all, &good, ["labels", "exchanged"]),
        (&too_many, &all, ["15696 bytes", "19616"]),
        (&overflow, &all, ["4294967295", "28x28"]),
        (&wide, &all, ["14x56", "28x28"]),
        (&good[..good.len() - 1].to_vec(), &all, ["15695 bytes", "15696"]),
        (&[good.clone(), vec![0]].concat(), &all, ["15697 bytes", "15696"]),
        (&vec![], &all, ["empty", "shuzi data fetch"]),
        (&good[..9].to_vec(), &all, ["header", "train-images"]),
        (&good, &eleven, ["label 11 at index 2", "0 to 9"]),
        (&good, &idx(LABELS, &[COUNT - 1], &all[8..27]), ["20 images", "19 labels"]),
        (&packed[..packed.len() / 2].to_vec(), &all, ["gzip", "cut off"]),
        (&[&packed[..40], &[0xff; 40], &packed[80..]].concat(), &all, ["gzip", "damaged"]),
        (&bomb, &all, ["magic number 0x00000000", "0x00000803"]),
        (&gzip(&[good.clone(), vec![0; 64 << 20]].concat()), &all, ["more bytes", "15696"]),
    ] {
        data_set(folder.path(), images, labels);
        let (code, error) = fail(folder.path(), &TRAIN);
        assert_eq!(code, 1, "{error}");
        for word in words.iter().chain(&["data/train-"]) {
            assert!(error.contains(word), "expected {word:?}: {error}");
        }
        assert_eq!(names(folder.path()), ["data"], "nothing was written: {error}");
    }
}

#[test]
fn what_is_no_file_is_told_apart() {
    let folder = tempdir().unwrap();
    data_set(folder.path(), &images(), &labels());
    let path = folder.path().join("data/train-images-idx3-ubyte");
    fs::remove_file(&path).unwrap();
    assert!(fail(folder.path(), &TRAIN).1.contains("train-images-idx3-ubyte"));
    fs::create_dir(&path).unwrap();
    let error = fail(folder.path(), &TRAIN).1;
    assert!(error.contains("train-images-idx3-ubyte") && error.contains("folder"), "{error}");
    assert!(fail(folder.path(), &["train", "--data", "nowhere"]).1.contains("nowhere"));
    assert_eq!(names(folder.path()), ["data"]);
}

#[test]
#[cfg(unix)]
fn pipes_and_devices_are_refused_before_anybody_waits_for_them() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("pipe.png", folder.path().join("pipe.csv")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    for arguments in [
        &["recognize", "pipe.png"][..],
        &["recognize", "socket"],
        &["recognize", "/dev/zero"],
        &["recognize", "--model", "pipe.png", "/dev/null"],
        &["evaluate", "pipe.png", "--data", "synthetic:100"],
        &["export", "pipe.png", "--to", "npz", "--out", "written.npz"],
        &["train", "--recipe", "./pipe.png", "--data", "synthetic:100"],
        &["train", "--initial-weights", "pipe.png", "--data", "synthetic:100", "--out", "run"],
    ] {
        let (code, error) = fail(folder.path(), arguments);
        assert!(code == 1 && error.contains("expected a regular file"), "{arguments:?}: {code} {error}");
    }
    let (code, error) = fail(folder.path(), &["train", "--data", "pipe.csv"]);
    assert!(code == 1 && error.contains("pipe.csv"), "{error}");
    fs::remove_file(folder.path().join("pipe.csv")).unwrap();
    data_set(folder.path(), &images(), &labels());
    let images = folder.path().join("data/train-images-idx3-ubyte");
    fs::remove_file(&images).unwrap();
    fs::rename(&pipe, &images).unwrap();
    assert!(fail(folder.path(), &TRAIN).1.contains("expected a regular file"));
    assert_eq!(names(folder.path()), ["data", "socket"]);
}

#[test]
#[cfg(unix)]
fn what_was_opened_for_the_program_is_read_as_a_file() {
    let folder = tempdir().unwrap();
    let (bytes, text) = crate::support::page(&crate::support::CLEAR);
    fs::write(folder.path().join("page.png"), bytes).unwrap();
    let program = env!("CARGO_BIN_EXE_shuzi");
    for script in [
        format!("{program} recognize <(cat page.png)"),
        format!("cat page.png | {program} recognize /dev/stdin"),
        format!("cat page.png | {program} recognize -"),
        format!("{program} recognize /dev/stdin < page.png"),
    ] {
        let mut bash = std::process::Command::new("bash");
        let (code, out, error) = run(bash.current_dir(folder.path()).args(["-c", &script]));
        assert!(code == 0 && out.contains(&text), "{script}: {out}{error}");
    }
}

#[test]
#[cfg(unix)]
fn files_without_permission_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    data_set(folder.path(), &images(), &labels());
    let path = folder.path().join("data/train-labels-idx1-ubyte");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    let mut command = shuzi(folder.path(), &TRAIN);
    if fs::File::open(&path).is_ok() {
        // Root may read everything, so somebody else tries.
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        if command.output().is_err() {
            crate::support::skip("this user may read every file, and nobody else may run the program");
            return;
        }
    }
    let (code, _, error) = run(&mut command);
    assert_eq!(code, 1);
    assert!(error.contains("train-labels-idx1-ubyte") && error.contains("permission"), "{error}");
}

/// An `.npy` file of a pickle.
fn pickled(instructions: &[u8]) -> Vec<u8> {
    let header = format!("{:<117}\n", "{'descr': '|O', 'fortran_order': False, 'shape': (), }");
    [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), instructions].concat()
}

#[test]
fn model_files_that_are_damaged_or_hostile_are_refused() {
    let folder = tempdir().unwrap();
    let read = |format: &str| {
        let file = format!("good.{format}");
        succeed(folder.path(), &["export", "classic", "--to", format, "--out", &file, "--quiet"]);
        fs::read(folder.path().join(file)).unwrap()
    };
    let (native, npz, npy) = (read("safetensors"), read("npz"), read("npy"));
    let mut nan = native.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let mut other_weight = native.clone();
    other_weight[end - 4] ^= 1;
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let call = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.";
    for (name, bytes, words) in [
        ("half.safetensors", half(&native), "safetensors"),
        ("half.npz", half(&npz), "zip"),
        ("half.npy", half(&npy), "ends at byte"),
        ("nan.safetensors", nan, "NaN"),
        ("changed.safetensors", other_weight, "SHA-256"),
        ("hostile.npy", pickled(call), "posix.system"),
        ("empty.npy", vec![], "empty"),
        ("text.txt", b"no model at all".to_vec(), "safetensors"),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
        for arguments in [
            vec!["evaluate", name, "--data", "synthetic:100", "--out", "run"],
            vec!["export", name, "--to", "npz", "--out", "written.npz"],
            vec!["train", "--initial-weights", name, "--data", "synthetic:100", "--out", "run"],
        ] {
            let (code, error) = fail(folder.path(), &arguments);
            assert_eq!(code, 1, "{arguments:?}: {error}");
            let says_why = error.contains(words) || name == "changed.safetensors" && arguments[0] == "train";
            assert!(error.contains(name) && says_why, "{arguments:?}: {error}");
        }
    }
    assert!(!folder.path().join("run").exists() && !folder.path().join("written.npz").exists());
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let folder = tempdir().unwrap();
    succeed(folder.path(), &["export", "classic", "--to", "npz", "--out", "classic.npz", "--quiet"]);
    let arguments =
        ["train", "--recipe", "mlp", "--initial-weights", "classic.npz", "--data", "synthetic:100"];
    let error = fail(folder.path(), &arguments).1;
    assert!(error.contains("classic.npz") && error.contains("w1") && error.contains("[784, 512]"), "{error}");
    let quick = ["train", "--recipe", "quick", "--initial-weights", "classic.npz", "--data", "synthetic:500"];
    let error = fail(folder.path(), &quick).1;
    assert!(error.contains("classic.npz") && error.contains("conv1.weight"), "{error}");
    assert_eq!(names(folder.path()), ["classic.npz"]);
}

#[test]
fn values_out_of_range_are_wrong_usage() {
    let folder = tempdir().unwrap();
    for (arguments, words) in [
        (["--hidden", "0"], "1 to 16384"),
        (["--hidden", "32,,16"], "--hidden"),
        (["--batch-size", "0"], "batch"),
        (["--batch-size", "101"], "100 training examples"),
        (["--batch-size", "some"], "some"),
        (["--learning-rate", "-1"], "-1"),
        (["--learning-rate", "0"], "0"),
        (["--learning-rate", "NaN"], "NaN"),
        (["--learning-rate", "inf"], "inf"),
        (["--epochs", "0"], "epochs"),
        (["--threads", "0"], "1 to 1024"),
        (["--threads", "1025"], "1 to 1024"),
        (["--threads", "18446744073709551615"], "1 to 1024"),
        (["--log-every", "0"], "1 or more"),
        (["--validation", "100"], "100"),
        (["--seed", "-1"], "-1"),
        (["--recipe", "clasic"], "classic"),
        (["--learnrate", "1"], "--learning-rate"),
        (["--lang", "fr"], "zh-CN"),
    ] {
        let (code, error) =
            fail(folder.path(), &[&["train", "--data", "synthetic:100"], &arguments[..]].concat());
        assert!(code == 2 && error.contains(words), "{arguments:?}: {code} {error}");
    }
    let quick = ["train", "--recipe", "quick", "--hidden", "64", "--data", "synthetic:100"];
    let (code, error) = fail(folder.path(), &quick);
    assert!(code == 2 && error.contains("quick") && error.contains("--hidden"), "{error}");
    assert_eq!(names(folder.path()), [""; 0], "nothing was written");
}

#[test]
fn recipes_with_mistakes_are_refused_by_line() {
    let folder = tempdir().unwrap();
    let classic = include_str!("../../../shuzi-engine/recipes/classic.toml");
    for (from, to, words) in [
        ("learning-rate", "learning-rat", "learning-rate"),
        ("epochs = 3", "epochs = 0", "epochs"),
        ("[training]", "[training", "line"),
        ("{ linear = 10 }", "{ linear = 1 }", "2 to 255"),
        ("\"relu\"", "\"rellu\"", "relu"),
    ] {
        assert!(classic.contains(from), "{from}");
        fs::write(folder.path().join("mine.toml"), classic.replacen(from, to, 1)).unwrap();
        let (_, error) = fail(folder.path(), &["train", "--recipe", "mine.toml", "--data", "synthetic:100"]);
        assert!(error.contains("mine.toml") && error.contains(words), "{to}: {error}");
    }
    fs::write(folder.path().join("mine.toml"), [0xff; 100]).unwrap();
    assert!(fail(folder.path(), &["train", "--recipe", "mine.toml"]).1.contains("mine.toml"));
    assert_eq!(names(folder.path()), ["mine.toml"]);
}

#[test]
fn mistakes_are_explained_in_chinese_too() {
    let folder = tempdir().unwrap();
    data_set(folder.path(), &labels(), &images());
    let error = fail(folder.path(), &[&TRAIN[..], &["--lang", "zh-CN"]].concat()).1;
    assert!(error.contains("错误：") && error.contains("标签") && !error.contains("expected"), "{error}");
}

#[test]
fn an_output_that_cannot_be_written_is_said_before_training() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for out in ["file", "file/run", "/dev/null/run"] {
        let (code, error) = fail(folder.path(), &["train", "--data", "synthetic:100", "--out", out]);
        assert!(code == 1 && error.contains(out) && !error.contains("epoch"), "{error}");
    }
    assert_eq!(names(folder.path()), ["file"]);
}

/// A file system of this size in a new folder, or a word that there can be none.
fn small_file_system(folder: &Path, size: &str) -> Option<PathBuf> {
    let place = folder.join("small");
    fs::create_dir(&place).unwrap();
    let options = format!("size={size}");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
        .arg(&place)
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        crate::support::skip("this user may not mount a small file system");
    }
    mounted.then_some(place)
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let folder = tempdir().unwrap();
    let Some(place) = small_file_system(folder.path(), "200k") else { return };
    let arguments = ["train", "--data", "synthetic:500", "--epochs", "1", "--out", "small/run"];
    let (code, _, error) = run(&mut shuzi(folder.path(), &arguments));
    let left = names(&place.join("run"));
    let sizes: Vec<u64> =
        left.iter().map(|name| fs::metadata(place.join("run").join(name)).unwrap().len()).collect();
    assert!(std::process::Command::new("umount").arg(&place).status().unwrap().success());
    assert!(code == 1 && error.contains("small/run") && error.contains("full"), "{code} {error}");
    let whole = [
        "model.safetensors",
        "recipe.toml",
        "metrics.jsonl",
        "accuracy.svg",
        "loss.svg",
        "learning-rate.svg",
        "confusion.svg",
        "reliability.svg",
    ];
    assert!(left.iter().all(|name| whole.contains(&name.as_str())), "{left:?}");
    assert!(sizes.iter().all(|size| *size > 0), "{left:?} {sizes:?}");
}
