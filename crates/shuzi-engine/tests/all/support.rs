//! What the tests share: MNIST and the reference's traces, where they are.

#[path = "../support/mod.rs"]
mod requirements;

pub use requirements::{golden, skip};
use shuzi_engine::dataset::{Dataset, idx};
use std::fs;

/// MNIST's `train` or `t10k` in `SHUZI_DATA`, packed or not; without them the test is skipped.
pub fn mnist(part: &str) -> Option<Dataset> {
    let folder = requirements::mnist()?;
    let read = |kind: &str| {
        let name = format!("{part}-{kind}-ubyte");
        fs::read(folder.join(&name)).or_else(|_| fs::read(folder.join(format!("{name}.gz")))).unwrap()
    };
    let images = idx::read_images(&read("images-idx3")[..], None).unwrap();
    Some(Dataset::new(images, idx::read_labels(&read("labels-idx1")[..], None).unwrap()).unwrap())
}
