//! The folder of a run.

use crate::files;
use anyhow::bail;
use rust_i18n::t;
use std::path::{Path, PathBuf};

/// A new folder for a run: `runs/NAME-1`, or the first number that is free.
pub fn next_run_folder(name: &str) -> anyhow::Result<PathBuf> {
    let safe = |letter: char| if letter.is_alphanumeric() || "-_".contains(letter) { letter } else { '-' };
    let name: String = name.chars().take(64).map(safe).collect();
    for number in 1..1_000_000 {
        let folder = Path::new("runs").join(format!("{name}-{number}"));
        if files::create_new_folder(&folder)? {
            return Ok(folder);
        }
    }
    bail!(t!("files.writing", path = "runs").into_owned())
}
