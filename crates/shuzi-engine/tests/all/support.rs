//! What the tests share: MNIST and the reference traces, where they are.

use shuzi_engine::dataset::{Dataset, idx};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder that an environment variable names, or a word that the test skips.
pub fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable);
    if folder.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    // Cargo runs tests in the crate's folder; the variable is meant from the project's.
    folder.map(|folder| Path::new("../..").join(folder))
}

/// MNIST's `train` or `t10k` in `SHUZI_DATA`, packed or not, or a word that the test skips.
pub fn mnist(part: &str) -> Option<Dataset> {
    let folder = folder("SHUZI_DATA")?;
    let read = |kind: &str| {
        let name = format!("{part}-{kind}-ubyte");
        let raw = fs::read(folder.join(&name));
        raw.or_else(|_| fs::read(folder.join(format!("{name}.gz")))).expect("SHUZI_DATA has MNIST's files")
    };
    let images = idx::read_images(&read("images-idx3")[..], None).unwrap();
    Some(Dataset::new(images, idx::read_labels(&read("labels-idx1")[..], None).unwrap()).unwrap())
}
