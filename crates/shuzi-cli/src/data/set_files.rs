//! The four files of a data set: where they may lie, which set they are of, and what is in them.

use crate::{
    data::data_sets::{self, DataSet},
    explain, files,
};
use anyhow::{Context, bail};
use etcetera::BaseStrategy;
use rust_i18n::t;
use shuzi_engine::{
    classes::Classes,
    dataset::{
        Dataset, DatasetError,
        idx::{self, IdxError},
    },
    hash,
};
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The names of the classes of files that are called as MNIST's are, one a line.
pub const CLASS_NAMES: &str = "classes.txt";

/// The four files of a data set, where they lie. The last part of each name is as it was found.
#[derive(Clone, Debug)]
pub struct SetFiles {
    folder: PathBuf,
    /// Which it is; if it has classes of its own, the one that its files are called as.
    pub set: &'static DataSet,
    own_classes: Option<Classes>,
    /// In the order of the set's.
    pub paths: [PathBuf; 4],
}

impl SetFiles {
    /// The folder they lie in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is, the same in every language: the set's title, or of one with classes of its own the folder's name.
    pub fn title(&self) -> String {
        let name = || self.folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let own_name = self.own_classes.as_ref().and_then(|_| name());
        own_name.unwrap_or_else(|| self.set.title.into())
    }

    /// Whether it has classes of its own, so that it is its user's.
    pub fn has_own_classes(&self) -> bool {
        self.own_classes.is_some()
    }

    /// The classes of the images.
    pub fn classes(&self) -> Classes {
        self.own_classes.clone().unwrap_or_else(|| self.set.classes())
    }

    /// The examples to train on.
    pub fn read_training_set(&self) -> anyhow::Result<Dataset> {
        self.read_part(&self.paths[0], &self.paths[1])
    }

    /// The examples to test on.
    pub fn read_test_set(&self) -> anyhow::Result<Dataset> {
        self.read_part(&self.paths[2], &self.paths[3])
    }

    fn read_part(&self, images: &Path, labels: &Path) -> anyhow::Result<Dataset> {
        let read = |path: &Path, parse: fn(File, Option<u64>) -> Result<Vec<u8>, IdxError>| {
            let file = files::open_to_read(path)?;
            let length = file.metadata().with_context(reading(path))?.len();
            parse(file, Some(length)).with_context(reading(path))
        };
        let (image_bytes, label_bytes) = (read(images, idx::read_images)?, read(labels, idx::read_labels)?);
        let data = Dataset::labelled_from(self.set.first_label, image_bytes, label_bytes, self.classes());
        let data = data.with_context(|| {
            t!("data.joining", images = images.display(), labels = labels.display()).into_owned()
        });
        let data = data.map_err(|error| match error.downcast_ref() {
            Some(DatasetError::Label { .. })
                if *self.set == data_sets::MNIST && self.own_classes.is_none() =>
            {
                error.context(t!("data.name-classes", file = CLASS_NAMES).into_owned())
            }
            _ => error,
        })?;
        Ok(if self.set.is_transposed { data.transposed() } else { data })
    }
}

/// The files of a data set in `folder`, which the user named: what is missing is an error. Which one it is follows from their names; of
/// those that are called as MNIST's are, a file of [names](CLASS_NAMES) or else the hash of the labels.
pub fn set_in(folder: &Path) -> anyhow::Result<SetFiles> {
    let others = data_sets::ALL.into_iter().filter(|set| set.files[0].name != data_sets::MNIST.files[0].name);
    let mut complete = others.filter_map(|set| files_of(set, folder).ok());
    match (complete.next(), complete.next()) {
        (Some(found), None) => return Ok(found),
        (Some(one), Some(other)) => {
            bail!(
                t!(
                    "data.several",
                    folder = folder.display(),
                    one = one.set.title,
                    other = other.set.title,
                    name = other.set.name
                )
                .into_owned()
            );
        }
        _ => {}
    }
    let mut found = files_of(&data_sets::MNIST, folder)?;
    let names = folder.join(CLASS_NAMES);
    if names.exists() {
        found.own_classes = Some(class_names(&names)?);
    } else if let Some(set) = set_of_labels(&found.paths[1])? {
        found.set = set;
    }
    Ok(found)
}

/// Whether a file of any data set that is known by name is in `folder`.
pub fn has_set_file(folder: &Path) -> bool {
    let mut files = data_sets::ALL.into_iter().flat_map(|set| set.files);
    files.any(|file| find_file(folder, file.name).is_some())
}

/// The files of this data set in `folder`: what is missing is an error.
pub fn files_of(set: &'static DataSet, folder: &Path) -> anyhow::Result<SetFiles> {
    files::entries(folder)?;
    let paths = set.files.map(|file| find_file(folder, file.name));
    let missing: Vec<&str> =
        set.files.iter().zip(&paths).filter(|(_, path)| path.is_none()).map(|(file, _)| file.name).collect();
    if !missing.is_empty() {
        bail!(t!("data.missing", folder = folder.display(), files = missing.join(", ")).into_owned());
    }
    let paths = paths.map(|path| path.expect("none is missing"));
    Ok(SetFiles { folder: folder.into(), set, own_classes: None, paths })
}

/// The file of that name, with `-` or `.` before `idx`, raw or `.gz`.
fn find_file(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let names = [name.to_string(), dotted.clone(), format!("{name}.gz"), format!("{dotted}.gz")];
    names.into_iter().map(|name| folder.join(name)).find(|path| path.exists())
}

fn reading(path: &Path) -> impl Fn() -> String + '_ {
    move || t!("files.reading", path = path.display()).into_owned()
}

/// The names of classes, one a line.
fn class_names(path: &Path) -> anyhow::Result<Classes> {
    const MAX_BYTES: u64 = 1 << 16;
    let bytes = files::read(path, MAX_BYTES)?;
    let text = String::from_utf8(bytes)
        .ok()
        .with_context(|| t!("data.no-text").into_owned())
        .with_context(reading(path))?;
    let names = text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|name| !name.is_empty());
    Classes::new(names.map(String::from).collect()).with_context(reading(path))
}

/// The data set whose training labels a file holds, if it is one that is called as MNIST's are and not MNIST.
fn set_of_labels(path: &Path) -> anyhow::Result<Option<&'static DataSet>> {
    const MAX_BYTES: u64 = 1 << 20;
    let bytes = match files::read(path, MAX_BYTES) {
        Err(error) if error.is::<files::TooLarge>() => return Ok(None),
        bytes => bytes?,
    };
    let found = hash::sha256(&bytes);
    let is_it = |set: &&DataSet| {
        let labels = &set.files[1];
        [labels.packed, labels.unpacked].contains(&Some(&found))
    };
    Ok(data_sets::ALL.into_iter().find(is_it).filter(|set| **set != data_sets::MNIST))
}

/// A data set's files where they are looked for, or the folders that do not have them all. Whoever set `$SHUZI_DATA` hears on
/// standard error when it is of no use.
pub fn find_set(set: &'static DataSet) -> anyhow::Result<Result<SetFiles, Vec<PathBuf>>> {
    let is_mnist = *set == data_sets::MNIST;
    let mut looked_in = vec![];
    if let Some(wish) = std::env::var_os("SHUZI_DATA").map(PathBuf::from) {
        let folder = if is_mnist { wish.clone() } else { wish.join(set.folder) };
        match set_at(set, &folder) {
            Ok(files) => return Ok(Ok(files)),
            // Other sets than MNIST have folders of their own in it, of which some may be elsewhere.
            Err(error) if is_mnist || !wish.is_dir() => warn_of_variable(set, &wish, error),
            Err(_) => {}
        }
        if !wish.as_os_str().is_empty() {
            looked_in.push(folder);
        }
    }
    for folder in is_mnist.then(|| PathBuf::from("mnist_data")).into_iter().chain([cache_folder(set)?]) {
        match set_at(set, &folder) {
            Ok(files) => return Ok(Ok(files)),
            Err(_) => looked_in.push(folder),
        }
    }
    Ok(Err(looked_in))
}

/// The files of exactly this data set in `folder`.
fn set_at(set: &'static DataSet, folder: &Path) -> anyhow::Result<SetFiles> {
    if *set != data_sets::MNIST {
        return files_of(set, folder);
    }
    let found = set_in(folder)?;
    if found.set != set || found.own_classes.is_some() {
        bail!(t!("data.other-set", folder = folder.display(), found = found.title()).into_owned());
    }
    Ok(found)
}

/// Says that `$SHUZI_DATA` does not lead to a data set.
fn warn_of_variable(set: &DataSet, value: &Path, error: anyhow::Error) {
    let warning = if value.as_os_str().is_empty() {
        t!("data.variable-empty")
    } else {
        t!("data.variable-wrong", set = set.title, reason = explain::chain(&error))
    };
    let _ = writeln!(io::stderr(), "{warning}"); // nobody is left to tell
}

/// Where downloaded data is kept for this user.
pub fn cache_folder(set: &DataSet) -> anyhow::Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy().context(t!("files.no-home").into_owned())?;
    Ok(strategy.cache_dir().join("shuzi").join(set.folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_with_dash_or_dot_raw_or_gz_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["train-images.idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte"];
        for name in names {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        let error = set_in(folder.path()).unwrap_err().to_string();
        assert!(error.contains("t10k-labels-idx1-ubyte") && !error.contains("train-labels"), "{error}");
        fs::write(folder.path().join("t10k-labels.idx1-ubyte.gz"), b"").unwrap();
        assert!(set_in(folder.path()).unwrap().paths[1].ends_with("train-labels-idx1-ubyte.gz"));
    }
}
