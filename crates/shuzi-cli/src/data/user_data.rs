//! One's own digits: a table of pixels (CSV), a folder of pictures for each label, or a table of pictures and labels.
//!
//! In: the file or folder that `--data` names. Out: [`UserData`], the examples, and which of them are held out for the test. A picture
//! is prepared as `shuzi recognize --single` prepares it, but where most of them have MNIST's form already: these are taken
//! pixel for pixel. One that cannot be used is told on standard error with the reason, and ends the work unless the user wants
//! to go on without it.

use crate::{
    data::{labels, pictures},
    ending::UsageError,
    files::{self, Entries},
    machine, models,
};
use anyhow::{Context, bail};
use rust_i18n::t;
use shuzi_engine::{
    classes::{Classes, ClassesError},
    dataset::{Dataset, HELD_OUT, Part, Split, csv},
    decode::Limits,
    image::{DigitImage, Picture, SIDE},
    recognition::{Options, Reader, recognize},
};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What is wanted of one's own digits.
#[derive(clap::Args, Default)]
pub struct UserDataArguments {
    #[arg(long)]
    skip_bad: bool,
    #[arg(long, value_name = "N", default_value_t = 0)]
    split_seed: u64,
}

impl UserDataArguments {
    /// What to say again for the same digits.
    pub fn again(&self) -> Vec<String> {
        let mut options = vec![];
        if self.skip_bad {
            options.push("--skip-bad".to_owned());
        }
        if self.split_seed != 0 {
            options.extend(["--split-seed".to_owned(), self.split_seed.to_string()]);
        }
        options
    }
}

/// One's own digits.
pub struct UserData {
    data: Dataset,
    /// The picture of each example; none of a table of pixels.
    paths: Vec<PathBuf>,
    split: Split,
    /// What they are called: the file's or folder's own name.
    name: String,
    form: Form,
    held_out_by: HeldOutBy,
}

/// What they were read from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    /// Pictures, in which the digit was found.
    Pictures,
    /// Pictures that were taken pixel for pixel.
    SmallPictures,
}

/// Who said which of them are held out.
enum HeldOutBy {
    /// Two files, or two folders.
    Files,
    /// The seed.
    Chance { seed: u64 },
}

impl UserData {
    /// Reads what lies at `path`.
    pub fn read(path: &Path, arguments: &UserDataArguments, quiet: bool) -> anyhow::Result<Self> {
        let Place { kind, training, test } = place(path)?;
        let mut complaints = Complaints { skip: arguments.skip_bad, ..Complaints::default() };
        let (mut form, mut sets, mut paths) = (Form::Table, vec![], vec![]);
        let places = [Some(training), test].into_iter().flatten();
        if kind == Kind::Pixels {
            sets = places.map(|table| read_table(&table)).collect::<Result<_, _>>()?;
        } else {
            let mut listings: Vec<Vec<Listed>> = vec![];
            for place in places {
                listings.push(match kind {
                    Kind::Labels => listed_in_table(&place, &mut complaints)?,
                    _ => listed(&place, &mut complaints)?,
                });
            }
            let classes = classes(listings.iter().flatten()).with_context(|| match kind {
                Kind::Labels => t!("user_data.table-classes", path = path.display()).into_owned(),
                _ => t!("user_data.classes", path = path.display()).into_owned(),
            })?;
            for listing in listings {
                let pictures = read_pictures(path, listing, &classes, quiet, &mut complaints)?;
                form = pictures.form;
                sets.push(pictures.data);
                paths.extend(pictures.paths);
            }
        }
        let mut sets = sets.into_iter();
        let mut data = sets.next().expect("there is something to train on");
        let (split, held_out_by) = match sets.next() {
            Some(test) => {
                let (end, all) = (data.len() as u32, (data.len() + test.len()) as u32);
                data.append(&test);
                let split =
                    Split { training: (0..end).collect(), test: (end..all).collect(), ..Split::default() };
                (split, HeldOutBy::Files)
            }
            None => {
                let seed = arguments.split_seed;
                (Split::with_test(&data, seed), HeldOutBy::Chance { seed })
            }
        };
        complaints.end()?;
        let name = std::path::absolute(path).unwrap_or_default();
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(UserData { data, paths, split, name, form, held_out_by })
    }

    /// What they show.
    pub fn classes(&self) -> &Classes {
        self.data.classes()
    }

    /// Gives them the labels that a model knows them by.
    pub fn relabel(&mut self, known: &Classes) -> anyhow::Result<()> {
        self.data = self.data.clone().relabelled(known)?;
        Ok(())
    }

    /// Whether a model of these classes knows them all.
    pub fn is_known_to(&self, known: &Classes) -> bool {
        self.classes().names().all(|name| known.label(name).is_some())
    }

    /// A picture that is held out for the test, if there are pictures.
    pub fn held_out_picture(&self) -> Option<&Path> {
        self.split.test.first().and_then(|&index| self.paths.get(index as usize)).map(PathBuf::as_path)
    }

    /// A copy of a part.
    pub fn part(&self, part: Part) -> anyhow::Result<Dataset> {
        Ok(match part {
            Part::Training => self.data.select(&self.split.training), // never empty: no label gives all of its examples
            Part::Test => {
                self.check_test()?;
                self.data.select(&self.split.test)
            }
            Part::All => self.data.clone(),
        })
    }

    /// Refuses data of which nothing is held out, before anybody waits for a training.
    pub fn check_test(&self) -> anyhow::Result<()> {
        if self.split.test.is_empty() {
            bail!(t!("user_data.none-held-out", name = self.name).into_owned());
        }
        Ok(())
    }

    /// Refuses what no network can begin to learn from: fewer digits than a batch, or one label.
    pub fn check_training(&self, batch: usize, validation: usize) -> anyhow::Result<()> {
        let examples = self.split.training.len().saturating_sub(validation);
        if examples < batch {
            return Err(UsageError(t!("user_data.few", batch = batch, examples = examples).into()).into());
        }
        let labels = self.data.histogram().iter().filter(|&&count| count > 0).count();
        if labels < 2 {
            bail!(t!("user_data.one-label", name = self.name).into_owned());
        }
        Ok(())
    }

    /// What they are and which are held out, in the user's language.
    pub fn describe(&self) -> String {
        let form = match self.form {
            Form::Table => t!("user_data.table", count = self.data.len(), name = self.name),
            Form::Pictures => {
                t!("user_data.pictures", count = self.data.len(), name = self.name, classes = self.classes())
            }
            Form::SmallPictures => {
                t!(
                    "user_data.small-pictures",
                    count = self.data.len(),
                    name = self.name,
                    classes = self.classes()
                )
            }
        };
        let test = self.split.test.len();
        let split = match self.held_out_by {
            HeldOutBy::Files => t!("user_data.as-found", test = test),
            HeldOutBy::Chance { seed } => t!("user_data.drawn", test = test, one_in = HELD_OUT, seed = seed),
        };
        t!("user_data.what", form = form, split = split).into()
    }

    /// What they are, for the model's record: the same in every language, without the way to them.
    pub fn record(&self) -> String {
        let form = if self.form == Form::Table { TABLE } else { PICTURES };
        format!("{form}{}", self.name)
    }
}

/// What records of one's own digits begin with.
const TABLE: &str = "csv:";
const PICTURES: &str = "pictures:";

/// Whether a [record](UserData::record) is of one's own digits.
pub fn is_user_data(record: &str) -> bool {
    record.starts_with(TABLE) || record.starts_with(PICTURES)
}

/// What digits are in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A table of labels and pixels.
    Pixels,
    /// A table of pictures and labels.
    Labels,
    /// A folder of pictures for each label.
    Folders,
}

/// Where digits lie.
struct Place {
    kind: Kind,
    training: PathBuf,
    /// If those to test on lie apart.
    test: Option<PathBuf>,
}

/// Finds out what the user has named.
fn place(path: &Path) -> anyhow::Result<Place> {
    if path.is_file() {
        return tables(path.into(), None);
    }
    let Entries { folders, files } = files::entries(path)?;
    if let Some((training, test)) = pair(&folders, str::starts_with) {
        return Ok(Place { kind: Kind::Folders, training, test: Some(test) });
    }
    if !folders.is_empty() {
        return Ok(Place { kind: Kind::Folders, training: path.into(), test: None });
    }
    let tables: Vec<PathBuf> = files.into_iter().filter(|file| is_table(file)).collect();
    if let Some((training, test)) = pair(&tables, str::contains) {
        return self::tables(training, Some(test));
    }
    if let [table] = &tables[..] {
        return self::tables(table.clone(), None);
    }
    bail!(t!("user_data.no-layout", path = path.display()).into_owned())
}

/// One or two tables, both of the kind that the first line tells.
fn tables(training: PathBuf, test: Option<PathBuf>) -> anyhow::Result<Place> {
    let kind = if labels::has_header(&training)? { Kind::Labels } else { Kind::Pixels };
    Ok(Place { kind, training, test })
}

/// The one whose name has the word `train`, and the one that has `test`, if there is one of each.
fn pair(paths: &[PathBuf], has: fn(&str, &'static str) -> bool) -> Option<(PathBuf, PathBuf)> {
    let only = |word: &'static str| {
        let is_it = |path: &&PathBuf| has(&file_name(path).to_ascii_lowercase(), word);
        let mut found = paths.iter().filter(is_it);
        found.next().filter(|_| found.next().is_none()).cloned()
    };
    only("train").zip(only("test"))
}

fn is_table(path: &Path) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    [".csv", ".csv.gz"].iter().any(|ending| name.ends_with(ending))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What cannot be used, told as it is found.
#[derive(Default)]
struct Complaints {
    count: usize,
    /// Go on all the same.
    skip: bool,
}

impl Complaints {
    fn add(&mut self, path: &Path, reason: &str) {
        self.count += 1;
        let _ = writeln!(io::stderr(), "{}", t!("user_data.bad", path = path.display(), reason = reason));
    }

    fn end(&self) -> anyhow::Result<()> {
        match self.count {
            0 => Ok(()),
            count if self.skip => {
                let _ = writeln!(io::stderr(), "{}", t!("user_data.skipped", count = count));
                Ok(())
            }
            count => bail!(t!("user_data.stopped", count = count).into_owned()),
        }
    }
}

/// A file of a table of digits, raw or gzip.
fn read_table(path: &Path) -> anyhow::Result<Dataset> {
    let file = files::open_to_read(path)?;
    csv::read(file).with_context(|| t!("files.reading", path = path.display()).into_owned())
}

/// A label, and all files of it.
struct Listed {
    name: String,
    paths: Vec<PathBuf>,
}

/// Every label's folder that is in a folder, in the order of their names.
fn listed(folder: &Path, complaints: &mut Complaints) -> anyhow::Result<Vec<Listed>> {
    let Entries { folders, files } = files::entries(folder)?;
    let mut listing = vec![];
    for folder in folders {
        let (name, paths) = (file_name(&folder), files::files_below(&folder)?);
        if paths.is_empty() {
            complaints.add(&folder, &t!("user_data.empty"));
        } else {
            listing.push(Listed { name, paths });
        }
    }
    for file in files.iter().filter(|file| pictures::is_picture(file)) {
        complaints.add(file, &t!("user_data.stray"));
    }
    if listing.is_empty() {
        bail!(t!("user_data.none", path = folder.display()).into_owned());
    }
    Ok(listing)
}

/// The pictures of each label in a table, in the order of the labels. The paths are from the table's folder.
fn listed_in_table(table: &Path, complaints: &mut Complaints) -> anyhow::Result<Vec<Listed>> {
    let folder = table.parent().unwrap_or(Path::new(""));
    let mut listed: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for labels::Labelled { line, path, label, .. } in labels::read(table)?.pictures {
        let path = folder.join(path);
        if label.is_empty() {
            complaints.add(&path, &t!("user_data.no-label", line = line));
        } else {
            listed.entry(label).or_default().push(path);
        }
    }
    if listed.is_empty() {
        complaints.end()?;
        bail!(t!("user_data.none", path = table.display()).into_owned());
    }
    Ok(listed.into_iter().map(|(name, paths)| Listed { name, paths }).collect())
}

/// The digits if all names are digits, else what the names say, numbers in their order.
fn classes<'a>(listed: impl Iterator<Item = &'a Listed>) -> Result<Classes, ClassesError> {
    let mut names: Vec<String> = listed.map(|listed| listed.name.clone()).collect();
    if names.iter().all(|name| Classes::digits().label(name).is_some()) {
        return Ok(Classes::digits());
    }
    names.sort_by_cached_key(|name| (name.parse::<u64>().unwrap_or(u64::MAX), name.clone()));
    names.dedup();
    Classes::new(names)
}

/// A picture of a label.
struct Labelled {
    path: PathBuf,
    label: u8,
}

/// What is known of a picture before all of them were seen.
enum Seen {
    /// It is as small as MNIST's.
    Small(Picture, DigitImage),
    /// The digit that was found in a larger or smaller one.
    Other { digit: Option<DigitImage>, width: usize, height: usize },
}

impl Seen {
    fn has_mnists_form(&self) -> bool {
        matches!(self, Seen::Small(_, image) if image.has_dark_rim())
    }

    /// Its digit in the form that the pictures have, or why there is none.
    fn into_digit(self, form: Form, finder: &Finder) -> Result<DigitImage, Cow<'static, str>> {
        match (form, self) {
            (Form::SmallPictures, Seen::Small(_, image)) => Ok(image),
            (Form::SmallPictures, Seen::Other { width, height, .. }) => {
                Err(t!("user_data.other-size", width = width, height = height, side = SIDE))
            }
            (_, Seen::Small(picture, _)) => finder.digit(&picture).ok_or(t!("user_data.blank")),
            (_, Seen::Other { digit, .. }) => digit.ok_or(t!("user_data.blank")),
        }
    }
}

/// Finds the one digit of a picture.
struct Finder(Reader);

impl Finder {
    fn new() -> anyhow::Result<Self> {
        Ok(Finder(Reader::new(&models::for_pictures(), machine::processor(None)?.level)))
    }

    fn digit(&self, picture: &Picture) -> Option<DigitImage> {
        let reading = recognize(&self.0, picture, Options { single: true, ..Options::default() });
        reading.digits.first().map(|digit| digit.image)
    }

    fn look(&self, path: &Path) -> anyhow::Result<Seen> {
        let picture = pictures::decode(path, Limits::default())?;
        let (width, height) = (picture.width(), picture.height());
        Ok(match picture.as_digit_image() {
            Some(image) => Seen::Small(picture, image),
            None => Seen::Other { digit: self.digit(&picture), width, height },
        })
    }
}

/// Pictures that were read.
struct Pictures {
    data: Dataset,
    /// In the order of the data.
    paths: Vec<PathBuf>,
    form: Form,
}

/// Reads the pictures of each label.
fn read_pictures(
    folder: &Path,
    listing: Vec<Listed>,
    classes: &Classes,
    quiet: bool,
    complaints: &mut Complaints,
) -> anyhow::Result<Pictures> {
    let labelled: Vec<Labelled> = listing
        .into_iter()
        .flat_map(|Listed { name, paths }| {
            let label = classes.label(&name).expect("every name is a class");
            paths.into_iter().map(move |path| Labelled { path, label })
        })
        .collect();
    let finder = Finder::new()?;
    let mut all = vec![];
    let keep = |item: &Labelled, seen| {
        all.push((item.path.clone(), item.label, seen));
        Ok(())
    };
    let look = |item: &Labelled| finder.look(&item.path);
    complaints.count += pictures::read_each(&labelled, machine::available_threads(), quiet, look, keep)?;

    let small = all.iter().filter(|(_, _, seen)| seen.has_mnists_form()).count();
    let form = if 2 * small > all.len() { Form::SmallPictures } else { Form::Pictures };
    let (mut images, mut labels, mut paths) = (vec![], vec![], vec![]);
    for (path, label, seen) in all {
        match seen.into_digit(form, &finder) {
            Ok(image) => {
                images.extend(image.0);
                labels.push(label);
                paths.push(path);
            }
            Err(reason) => complaints.add(&path, &reason),
        }
    }
    if labels.is_empty() {
        complaints.end()?;
    }
    let data = Dataset::with_classes(images, labels, classes.clone())
        .with_context(|| t!("user_data.none", path = folder.display()).into_owned())?;
    Ok(Pictures { data, paths, form })
}
