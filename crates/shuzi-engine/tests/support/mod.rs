//! What a test does that lacks something: it says so, and is counted. All crates' tests share this.
//!
//! `SHUZI_REQUIRE_ALL=1` makes every such test fail; `.ci/run` sets it.

#![allow(dead_code, reason = "each test program uses its part")]

use std::{
    env, fs,
    io::{Write, stderr},
    path::{Path, PathBuf},
    thread,
};

/// Says that the test that calls this is skipped, or a part of it, and why.
///
/// # Panics
///
/// With `SHUZI_REQUIRE_ALL=1`.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("unknown");
    let line = format!("SKIPPED: {}::{test}: {reason}\n", env!("CARGO_CRATE_NAME"));
    assert!(
        env::var_os("SHUZI_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "SHUZI_REQUIRE_ALL=1, but {line}"
    );
    // Written directly: what `eprintln` prints, the harness keeps to itself when a test passes.
    stderr().write_all(line.as_bytes()).unwrap();
    let mut list = fs::OpenOptions::new().create(true).append(true).open(list_of_skipped()).unwrap();
    list.write_all(line.as_bytes()).unwrap();
}

/// Those that were skipped in this run of `cargo test` so far, a line each. Forgets them.
pub fn take_skipped() -> Vec<String> {
    let lines = fs::read_to_string(list_of_skipped()).unwrap_or_default();
    let _ = fs::remove_file(list_of_skipped()); // there is none when nothing was skipped
    lines.lines().map(String::from).collect()
}

/// One `cargo test` is the parent of all its test programs, so each run has its own list.
fn list_of_skipped() -> PathBuf {
    #[cfg(unix)]
    let run = std::os::unix::process::parent_id();
    #[cfg(not(unix))]
    let run = 0;
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("skipped-{run}.txt"))
}

/// The folder that a variable names, if these files are in it; otherwise the test is skipped. Of names that end in `.gz` the unpacked
/// files will do.
pub fn folder_with(variable: &str, files: &[&str]) -> Option<PathBuf> {
    let Some(folder) = env::var_os(variable).filter(|folder| !folder.is_empty()) else {
        skip(&format!("{variable} is not set"));
        return None;
    };
    // Cargo runs tests in the crate's folder; the variable is meant from the project's.
    let folder = Path::new("../..").join(folder);
    for file in files {
        if !folder.join(file).is_file() && !folder.join(file.trim_end_matches(".gz")).is_file() {
            skip(&format!("{variable}: there is no {}", folder.join(file).display()));
            return None;
        }
    }
    Some(folder.canonicalize().unwrap())
}

/// The folder with MNIST's four files, which `SHUZI_DATA` names.
pub fn mnist() -> Option<PathBuf> {
    let files = [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ];
    folder_with("SHUZI_DATA", &files)
}

/// The folder with the traces of MNIST by `reference/trace.py`, which `SHUZI_GOLDEN` names.
pub fn golden() -> Option<PathBuf> {
    let files = [
        "classic-seed0.npz",
        "mlp-32-16-1epoch-numpy1.npy",
        "mlp-32-16-1epoch-numpy1.npz",
        "mlp-32-16-1epoch-numpy2.npy",
        "mlp-32-16-1epoch-numpy2.npz",
    ];
    folder_with("SHUZI_GOLDEN", &files)
}
