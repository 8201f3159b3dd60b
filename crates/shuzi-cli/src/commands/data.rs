//! `shuzi data`: get a data set, check it, look at it.

use crate::{
    data::{
        data_sets::{self, DataFile, DataSet, MNIST},
        data_source::DataSource,
        download,
        part::Part,
        set_files::{self, SetFiles},
        sources,
        user_data::UserDataArguments,
    },
    ending::UsageError,
    files, recipes, spelling,
};
use clap::Subcommand;
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    dataset::Dataset,
    image::{DigitImage, SIDE},
    recipe::Recipe,
    training::augmented,
};
use shuzi_report::png;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

#[derive(clap::Args)]
pub struct Data {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Fetch(Fetch),
    Verify(Verify),
    Show(Show),
}

impl Data {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        match self.verb {
            Verb::Fetch(fetch) => fetch.run(out),
            Verb::Verify(verify) => verify.run(out),
            Verb::Show(show) => show.run(out),
        }
    }
}

#[derive(clap::Args)]
struct Fetch {
    #[arg(value_name = "NAME", value_parser = set, default_value = MNIST.name)]
    set: &'static DataSet,
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    #[arg(long, value_name = "SECONDS", default_value_t = download::PATIENCE.as_secs_f64(), allow_negative_numbers = true)]
    timeout: f64,
    #[arg(long, short)]
    quiet: bool,
}

fn set(text: &str) -> Result<&'static DataSet, String> {
    let unknown = || {
        let suggestion = spelling::did_you_mean(text, data_sets::ALL.map(|set| set.name));
        let known = t!("data.no-set", found = text, names = data_sets::names());
        format!("{known}{}", suggestion.unwrap_or_default())
    };
    data_sets::by_name(text).ok_or_else(unknown)
}

impl Fetch {
    fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let folder = self.to.map_or_else(|| set_files::cache_folder(self.set), Ok)?;
        let Ok(patience) = Duration::try_from_secs_f64(self.timeout) else {
            return Err(UsageError(t!("data.timeout", found = self.timeout).into()).into());
        };
        let files = download::fetch(self.set, &folder, &self.mirror, patience, self.quiet)?;
        writeln!(out, "{}", t!("data.fetched", set = self.set.title, folder = files.folder().display()))?;
        Ok(())
    }
}

#[derive(clap::Args)]
struct Verify {
    #[arg(long, value_name = "DIR|NAME", default_value = MNIST.name)]
    data: DataSource,
    #[arg(long)]
    json: bool,
}

/// A file of a data set, and whether it is as published.
struct FileCheck<'a> {
    path: &'a Path,
    /// Its SHA-256; empty if it cannot be read.
    found: String,
    /// The published one, if it is known.
    expected: Option<&'static str>,
    problem: Option<String>,
}

impl<'a> FileCheck<'a> {
    fn new(file: &DataFile, path: &'a Path) -> anyhow::Result<Self> {
        let opened = files::open_to_read(path)?;
        Ok(match download::hash_to_check(file, opened) {
            Ok((found, expected)) => FileCheck { path, found, expected, problem: None },
            Err(error) => {
                let problem = Some(error.to_string());
                FileCheck { path, found: String::new(), expected: file.unpacked, problem }
            }
        })
    }

    fn is_right(&self) -> Option<bool> {
        self.expected.map(|expected| self.found == expected)
    }

    fn is_sound(&self) -> bool {
        self.is_right().unwrap_or(true) && self.problem.is_none()
    }

    fn in_words(&self) -> String {
        let word = match (self.is_right(), self.expected) {
            (Some(false), Some(expected)) => t!("data.wrong", expected = expected),
            (None, _) => t!("data.hash-unknown"),
            _ => t!("data.right"),
        };
        let problem = self.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
        format!("{}\n  SHA-256 {} {word}{problem}", self.path.display(), self.found)
    }

    fn to_json(&self) -> serde_json::Value {
        json!({ "path": self.path, "sha256": self.found, "expected": self.expected, "right": self.is_right() })
    }
}

impl Verify {
    fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let files = self.files()?;
        let mut checked = vec![];
        for (file, path) in files.set.files.iter().zip(&files.paths) {
            let file = FileCheck::new(file, path)?;
            if !self.json {
                writeln!(out, "{}", file.in_words())?;
            }
            checked.push(file);
        }
        let sound = checked.iter().all(FileCheck::is_sound);
        let mut parts = vec![];
        let sets = [("training", files.read_training_set()), ("test", files.read_test_set())];
        for (name, set) in sets {
            let set = match set {
                Ok(set) => set,
                Err(error) if sound => return Err(error),
                Err(_) => continue, // a file with the wrong hash need not be readable
            };
            if !self.json {
                let title = if name == "training" { t!("data.training-set") } else { t!("data.test-set") };
                write_histogram(&title, &set, out)?;
            }
            parts.push(json!({ "name": name, "count": set.len(), "histogram": set.histogram() }));
        }
        if self.json {
            let files: Vec<_> = checked.iter().map(FileCheck::to_json).collect();
            writeln!(out, "{}", json!({ "sound": sound, "files": files, "sets": parts }))?;
        }
        if !sound {
            let (title, folder) = (files.set.title, files.folder().display());
            anyhow::bail!(t!("data.not-as-published", set = title, folder = folder).into_owned());
        }
        Ok(())
    }

    fn files(&self) -> anyhow::Result<SetFiles> {
        let set = match &self.data {
            DataSource::Folder(folder) => return set_files::set_in(folder),
            DataSource::Synthetic(_) => return Err(UsageError(t!("data.verify-synthetic").into()).into()),
            DataSource::Set(set) => *set,
            DataSource::Auto => &MNIST,
        };
        set_files::find_set(set)?.map_err(|looked_in| {
            let folders: Vec<_> = looked_in.iter().map(|folder| folder.display().to_string()).collect();
            anyhow::anyhow!(sources::not_found(set, &folders.join(", ")))
        })
    }
}

/// How many examples each class has, as bars.
fn write_histogram(title: &str, set: &Dataset, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{title}: {}", t!("data.images", count = set.len()))?;
    for (name, count) in set.classes().names().zip(&set.histogram()) {
        writeln!(out, "  {name} {count:>6}  {}", "█".repeat(count * 200 / set.len()))?;
    }
    Ok(())
}

#[derive(clap::Args)]
struct Show {
    #[arg(long, value_name = "DIR|FILE.csv|mnist|synthetic[:N]", default_value = "auto")]
    data: DataSource,
    #[command(flatten)]
    user_data: UserDataArguments,
    #[arg(long, conflicts_with = "augment")]
    test: bool,
    #[arg(long, value_name = "NAME|FILE")]
    augment: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[arg(long, value_name = "FILE", default_value = "digits.png")]
    out: PathBuf,
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    #[arg(long, short)]
    quiet: bool,
}

impl Show {
    fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let recipe = self.augment.as_deref().map(recipe_with_augmentation).transpose()?;
        let found = sources::find(&self.data, &self.user_data, &self.mirror, self.quiet)?;
        let set = found.read(if self.test { Part::Test } else { Part::Training })?;
        let sample = |count| set.sample_of_each_class(count, self.seed).into_iter();
        let rows: Vec<Vec<DigitImage>> = match &recipe {
            None => sample(COLUMNS)
                .map(|row| row.iter().map(|&index| set.image(index as usize)).collect())
                .collect(),
            Some(recipe) => sample(1).map(|row| augmented_row(recipe, &set, &row)).collect(),
        };
        let (width, height, pixels) = sheet(&rows);
        let picture = png::gray(width, height, &pixels);
        if self.out == Path::new("-") {
            return Ok(out.write_all(&picture)?);
        }
        files::write_atomically(&self.out, &picture)?;
        if !self.quiet {
            let (path, data) = (self.out.display(), found.describe());
            let message = match recipe {
                None => t!("data.shown", path = path, data = data),
                Some(recipe) => {
                    let epochs = COLUMNS - 1;
                    t!(
                        "data.shown-augmented",
                        path = path,
                        recipe = recipe.name,
                        epochs = epochs,
                        data = data
                    )
                }
            };
            writeln!(io::stderr(), "{message}")?;
        }
        Ok(())
    }
}

/// Images in a row of a sheet.
const COLUMNS: usize = 10;

fn recipe_with_augmentation(name: &str) -> anyhow::Result<Recipe> {
    let recipe = recipes::read(name)?;
    if recipe.training.augmentation.is_none() {
        return Err(UsageError(t!("data.no-augmentation", recipe = recipe.name).into()).into());
    }
    Ok(recipe)
}

/// The example at the only index, if there is one, and what training sees of it, epoch by epoch.
fn augmented_row(recipe: &Recipe, set: &Dataset, index: &[u32]) -> Vec<DigitImage> {
    let Some(&index) = index.first() else { return vec![] };
    let (number, image) = (index as usize, set.image(index as usize));
    let epochs = 0..COLUMNS - 1;
    let changed = epochs.map(|epoch| augmented(&recipe.training, &image, number, epoch));
    std::iter::once(image).chain(changed).collect()
}

/// A sheet of digits, row by row: width, height, pixels.
fn sheet(rows: &[Vec<DigitImage>]) -> (usize, usize, Vec<u8>) {
    const ZOOM: usize = 2;
    const MARGIN: usize = 4;
    let cell = SIDE * ZOOM + MARGIN;
    let side = |cells: usize| cells * cell + MARGIN;
    let (width, height) = (side(COLUMNS), side(rows.len()));
    let mut pixels = vec![64; width * height]; // dark grey between the digits
    for (row, images) in rows.iter().enumerate() {
        for (column, image) in images.iter().enumerate() {
            for y in 0..SIDE * ZOOM {
                let start = (MARGIN + row * cell + y) * width + MARGIN + column * cell;
                for x in 0..SIDE * ZOOM {
                    pixels[start + x] = image.0[y / ZOOM * SIDE + x / ZOOM];
                }
            }
        }
    }
    (width, height, pixels)
}
