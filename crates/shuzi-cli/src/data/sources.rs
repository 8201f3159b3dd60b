//! Where the labelled images of a run come from: a data set by its name or folder; without a wish MNIST if it can be had, else synthetic
//! digits.

use crate::{
    data::{
        data_sets::{DataSet, MNIST},
        data_source::{DataSource, SYNTHETIC_COUNT},
        download,
        part::Part,
        set_files::{self, SetFiles},
        user_data::{UserData, UserDataArguments},
    },
    ending::UsageError,
    machine,
};
use rust_i18n::t;
use shuzi_engine::{
    classes::Classes,
    dataset::{Dataset, synthetic},
    recipe::{Additions, FineTuning},
    training::{self, Examples, Order, Split},
};
use std::io::{self, Write};

/// Synthetic digits are the same for everyone: their seeds are fixed, and those for training
/// and test differ.
const SYNTHETIC_TRAINING_SEED: u64 = 1;
const SYNTHETIC_TEST_SEED: u64 = 2;
const SYNTHETIC_TEST_COUNT: usize = 10_000;
/// Synthetic digits up to which a training keeps them all: drawing takes longer than learning.
const MAX_KEPT: usize = 100_000;

/// What else needs them all at once may have so many: 1.6 GB.
const MAX_IN_MEMORY: usize = 2_000_000;

/// A source that has been found.
pub enum Found {
    Set(SetFiles),
    Synthetic(usize),
    UserData(UserData),
}

/// Finds what the user asked for. Without a wish: MNIST where it lies, else downloaded, else,
/// with a warning, synthetic digits.
pub fn find(
    source: &DataSource,
    user_data: &UserDataArguments,
    mirrors: &[String],
    quiet: bool,
) -> anyhow::Result<Found> {
    let (set, insist) = match source {
        DataSource::Synthetic(count) => return Ok(Found::Synthetic(*count)),
        DataSource::Folder(folder) if set_files::has_set_file(folder) => {
            return set_files::set_in(folder).map(Found::Set);
        }
        DataSource::Folder(path) => return UserData::read(path, user_data, quiet).map(Found::UserData),
        DataSource::Set(set) => (*set, true),
        DataSource::Auto => (&MNIST, false),
    };
    let looked_in = match set_files::find_set(set)? {
        Ok(files) => return Ok(Found::Set(files)),
        Err(looked_in) => looked_in,
    };
    let looked_in: Vec<String> = looked_in.iter().map(|folder| folder.display().to_string()).collect();
    let looked_in = looked_in.join(", ");
    match download::fetch(set, &set_files::cache_folder(set)?, mirrors, download::PATIENCE, quiet) {
        Ok(files) => Ok(Found::Set(files)),
        Err(error) if insist => Err(error.context(not_found(set, &looked_in))),
        Err(error) => {
            let warning =
                t!("data.falling-back", folders = looked_in, reason = crate::explain::chain(&error));
            let _ = writeln!(io::stderr(), "{warning}");
            Ok(Found::Synthetic(SYNTHETIC_COUNT))
        }
    }
}

/// That a data set is in none of these folders, and what to do.
pub fn not_found(set: &DataSet, folders: &str) -> String {
    let argument = if *set == MNIST { String::new() } else { format!(" {}", set.name) };
    t!("data.not-found", set = set.title, folders = folders, argument = argument).into_owned()
}

/// What a record joins data and what is rehearsed with.
pub const JOINT: &str = " + ";

/// The source that a [record](Found::record) speaks of.
pub fn of_record(trained_on: &str) -> Option<DataSource> {
    let data = trained_on.split(JOINT).next().unwrap_or_default();
    match data.to_ascii_lowercase().parse() {
        Ok(source @ (DataSource::Set(_) | DataSource::Synthetic(_))) => Some(source),
        _ => None,
    }
}

/// Digits to train on.
pub enum TrainingSet {
    /// In memory.
    Kept(Dataset),
    /// So many synthetic ones, drawn while the training goes on.
    Drawn(usize),
}

impl TrainingSet {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            TrainingSet::Kept(data) => data.len(),
            TrainingSet::Drawn(count) => *count,
        }
    }

    /// Holds `validation` of them out, drawn at random by the seed where they are kept.
    pub fn split(&self, validation: usize, seed: u64) -> Split {
        match self {
            TrainingSet::Kept(data) => training::split(data, validation, seed),
            TrainingSet::Drawn(count) => {
                let held_out = count - validation..*count;
                let threads = machine::available_threads();
                let validation = (validation > 0)
                    .then(|| synthetic::generate_range(held_out, SYNTHETIC_TRAINING_SEED, threads));
                Split { training: vec![], validation }
            }
        }
    }

    /// Adds what a recipe asks for to what is kept.
    pub fn add(&mut self, split: &mut Split, additions: Option<Additions>) {
        if let (TrainingSet::Kept(data), Some(additions)) = (self, additions) {
            training::add(data, split, additions, machine::available_threads());
        }
    }

    /// Adds what a recipe rehearses to what is kept.
    pub fn rehearse(&mut self, split: &mut Split, fine_tuning: &FineTuning, known: Option<&Dataset>) {
        if let TrainingSet::Kept(data) = self {
            training::rehearse(data, split, known, fine_tuning);
        }
    }

    /// Those that a split leaves to train on.
    pub fn examples<'a>(&'a self, split: &'a Split, order: &'a Order) -> Examples<'a> {
        match self {
            TrainingSet::Kept(data) => Examples::Kept { data, indices: &split.training, order },
            TrainingSet::Drawn(count) => {
                let count = count - split.validation.as_ref().map_or(0, Dataset::len);
                Examples::Drawn { seed: SYNTHETIC_TRAINING_SEED, count }
            }
        }
    }
}

impl Found {
    /// The digits to train on, where `at_once` of them are needed at the same time: what is that
    /// large, or small altogether, is kept in memory.
    pub fn training_set(&self, at_once: usize) -> anyhow::Result<TrainingSet> {
        match self {
            Found::Synthetic(count) if *count > MAX_KEPT && at_once <= MAX_KEPT => {
                Ok(TrainingSet::Drawn(*count))
            }
            _ => self.read(Part::Training).map(TrainingSet::Kept),
        }
    }

    /// Reads (or draws) a part.
    pub fn read(&self, part: Part) -> anyhow::Result<Dataset> {
        match (self, part) {
            (Found::UserData(user_data), part) => user_data.part(part),
            (_, Part::All) => Err(UsageError(t!("user_data.all-of-others").into()).into()),
            (Found::Set(files), Part::Training) => files.read_training_set(),
            (Found::Set(files), Part::Test) => files.read_test_set(),
            (Found::Synthetic(count), Part::Training) if *count > MAX_IN_MEMORY => {
                let message = t!("data.synthetic-too-many", count = count, max = MAX_IN_MEMORY);
                Err(UsageError(message.into()).into())
            }
            (Found::Synthetic(count), Part::Training) => {
                Ok(synthetic::generate(*count, SYNTHETIC_TRAINING_SEED, machine::available_threads()))
            }
            (Found::Synthetic(_), Part::Test) => {
                let threads = machine::available_threads();
                Ok(synthetic::generate(SYNTHETIC_TEST_COUNT, SYNTHETIC_TEST_SEED, threads))
            }
        }
    }

    /// The classes of its images.
    pub fn classes(&self) -> Classes {
        match self {
            Found::Set(files) => files.classes(),
            Found::Synthetic(_) => Classes::digits(),
            Found::UserData(user_data) => user_data.classes().clone(),
        }
    }

    /// Gives its images the labels that a model knows them by. Whether it knows them all: if not, nothing is changed.
    pub fn relabel(&mut self, known: &Classes) -> anyhow::Result<bool> {
        match self {
            Found::UserData(user_data) if user_data.is_known_to(known) => {
                user_data.relabel(known).map(|()| true)
            }
            other => Ok(other.classes() == *known),
        }
    }

    /// Whether it is its user's own, which nobody has chosen a recipe for.
    pub fn is_users(&self) -> bool {
        match self {
            Found::UserData(_) => true,
            Found::Set(files) => files.has_own_classes(),
            Found::Synthetic(_) => false,
        }
    }

    /// What it is, in the user's language.
    pub fn describe(&self) -> String {
        match self {
            Found::Set(files) => {
                t!("data.set-from", set = files.title(), folder = files.folder().display()).into()
            }
            Found::Synthetic(count) => t!("data.synthetic", count = count).into(),
            Found::UserData(user_data) => user_data.describe(),
        }
    }

    /// What it is, for the model's record: the same in every language.
    pub fn record(&self) -> String {
        match self {
            Found::Set(files) => files.title(),
            Found::Synthetic(count) => format!("synthetic:{count}"),
            Found::UserData(user_data) => user_data.record(),
        }
    }
}
