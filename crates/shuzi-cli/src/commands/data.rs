//! `shuzi data`: get a data set, check it, look at it.

use crate::{
    data::{
        data_sets::{self, DataSet, MNIST},
        data_source::DataSource,
        download,
        part::Part,
        set_files, sources,
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

impl Verify {
    fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let set = match &self.data {
            DataSource::Set(set) => *set,
            _ => &MNIST,
        };
        let files = match &self.data {
            DataSource::Folder(folder) => set_files::set_in(folder)?,
            DataSource::Set(_) | DataSource::Auto => match set_files::find_set(set)? {
                Ok(files) => files,
                Err(looked_in) => {
                    let folders: Vec<_> =
                        looked_in.iter().map(|folder| folder.display().to_string()).collect();
                    anyhow::bail!(sources::not_found(set, &folders.join(", ")));
                }
            },
            DataSource::Synthetic(_) => return Err(UsageError(t!("data.verify-synthetic").into()).into()),
        };
        let mut sound = true;
        let mut reports = vec![];
        for (file, path) in files.set.files.iter().zip(&files.paths) {
            let opened = files::open_to_read(path)?;
            let (found, expected, problem) = match download::hash_to_check(file, opened) {
                Ok((found, expected)) => (found, expected, None),
                Err(error) => (String::new(), file.unpacked, Some(error.to_string())),
            };
            let right = expected.map(|expected| found == expected);
            sound &= right.unwrap_or(true) && problem.is_none();
            if !self.json {
                let word = match (right, expected) {
                    (Some(false), Some(expected)) => t!("data.wrong", expected = expected),
                    (None, _) => t!("data.hash-unknown"),
                    _ => t!("data.right"),
                };
                let problem = problem.map(|problem| format!(" ({problem})")).unwrap_or_default();
                writeln!(out, "{}\n  SHA-256 {found} {word}{problem}", path.display())?;
            }
            reports.push(json!({ "path": path, "sha256": found, "expected": expected, "right": right }));
        }
        let mut parts = vec![];
        let sets = [("training", files.read_training_set()), ("test", files.read_test_set())];
        for (name, set) in sets {
            let set = match set {
                Ok(set) => set,
                Err(error) if sound => return Err(error),
                Err(_) => continue, // a file with the wrong hash need not be readable
            };
            let histogram = set.histogram();
            if !self.json {
                let title = if name == "training" { t!("data.training-set") } else { t!("data.test-set") };
                writeln!(out, "{title}: {}", t!("data.images", count = set.len()))?;
                for (name, count) in set.classes().names().zip(&histogram) {
                    writeln!(out, "  {name} {count:>6}  {}", "█".repeat(count * 200 / set.len()))?;
                }
            }
            parts.push(json!({ "name": name, "count": set.len(), "histogram": histogram }));
        }
        if self.json {
            writeln!(out, "{}", json!({ "sound": sound, "files": reports, "sets": parts }))?;
        }
        if !sound {
            let (title, folder) = (files.set.title, files.folder().display());
            anyhow::bail!(t!("data.not-as-published", set = title, folder = folder).into_owned());
        }
        Ok(())
    }
}

#[derive(clap::Args)]
struct Show {
    #[arg(long, value_name = "DIR|FILE.csv|mnist|synthetic[:N]", default_value = "auto")]
    data: DataSource,
    #[command(flatten)]
    own: UserDataArguments,
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
        let found = sources::find(&self.data, &self.own, &self.mirror, self.quiet)?;
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
