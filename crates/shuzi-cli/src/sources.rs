//! Where the labelled digits of a run come from: MNIST if it can be had, else synthetic ones.

use crate::{
    download,
    files::{self, DataSource, MnistFiles},
    machine,
};
use rust_i18n::t;
use shuzi::dataset::{Dataset, synthetic};
use std::io::{self, Write};

/// Synthetic digits are the same for everyone: their seeds are fixed, and those for training
/// and test differ.
const SYNTHETIC_TRAINING_SEED: u64 = 1;
const SYNTHETIC_TEST_SEED: u64 = 2;
const SYNTHETIC_TEST_COUNT: usize = 10_000;

/// Which part of a source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Training,
    Test,
}

/// A source that has been found.
pub enum Found {
    Mnist(MnistFiles),
    Synthetic(usize),
}

/// Finds what the user asked for. Without a wish: MNIST where it lies, else downloaded, else,
/// with a warning, synthetic digits.
pub fn find(source: &DataSource, mirrors: &[String], quiet: bool) -> anyhow::Result<Found> {
    let insist = match source {
        DataSource::Synthetic(count) => return Ok(Found::Synthetic(*count)),
        DataSource::Folder(folder) => return files::mnist_in(folder).map(Found::Mnist),
        DataSource::Mnist => true,
        DataSource::Auto => false,
    };
    let looked_in = match files::find_mnist()? {
        Ok(files) => return Ok(Found::Mnist(files)),
        Err(looked_in) => looked_in,
    };
    let looked_in: Vec<String> = looked_in.iter().map(|folder| folder.display().to_string()).collect();
    let looked_in = looked_in.join(", ");
    match download::fetch_mnist(&files::cache_folder()?, mirrors, download::PATIENCE, quiet) {
        Ok(files) => Ok(Found::Mnist(files)),
        Err(error) if insist => Err(error.context(t!("data.no-mnist", folders = looked_in).into_owned())),
        Err(error) => {
            let warning =
                t!("data.falling-back", folders = looked_in, reason = crate::explain::chain(&error));
            let _ = writeln!(io::stderr(), "{warning}");
            Ok(Found::Synthetic(files::SYNTHETIC_COUNT))
        }
    }
}

impl Found {
    /// Reads (or draws) a part.
    pub fn read(&self, part: Part) -> anyhow::Result<Dataset> {
        match (self, part) {
            (Found::Mnist(files), Part::Training) => files.read_training_set(),
            (Found::Mnist(files), Part::Test) => files.read_test_set(),
            (Found::Synthetic(count), part) => {
                let threads = machine::available_threads();
                Ok(match part {
                    Part::Training => synthetic::generate(*count, SYNTHETIC_TRAINING_SEED, threads),
                    Part::Test => synthetic::generate(SYNTHETIC_TEST_COUNT, SYNTHETIC_TEST_SEED, threads),
                })
            }
        }
    }

    /// What it is, in the user's language.
    pub fn describe(&self) -> String {
        match self {
            Found::Mnist(files) => t!("data.mnist-from", folder = files.folder().display()).into(),
            Found::Synthetic(count) => t!("data.synthetic", count = count).into(),
        }
    }

    /// What it is, for the model's record: the same in every language.
    pub fn record(&self) -> String {
        match self {
            Found::Mnist(_) => "MNIST".into(),
            Found::Synthetic(count) => format!("synthetic:{count}"),
        }
    }
}
