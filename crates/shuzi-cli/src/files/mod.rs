//! The only code that opens files: reading with limits, writing that loses nothing, and where
//! the four files of a data set may lie.

use crate::data_sets::{self, DataSet};
use anyhow::{Context, bail};
use etcetera::BaseStrategy;
use rust_i18n::t;
use sha2::{Digest, Sha256};
use shuzi_engine::{
    classes::Classes,
    dataset::{
        Dataset, DatasetError, csv,
        idx::{self, IdxError},
    },
};
use std::{
    fmt::Display,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

/// What the names of files begin with while they are written.
const UNFINISHED: &str = ".shuzi-";

/// How many synthetic digits are drawn for training when no number is given: as many as MNIST has.
pub const SYNTHETIC_COUNT: usize = 60_000;
/// How many can be asked for; beyond some, they are drawn while the training goes on.
const MAX_SYNTHETIC: usize = 1_000_000_000;

/// What the user asked for with `--data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// Nothing: the best that can be had.
    Auto,
    /// This one or nothing.
    Set(&'static DataSet),
    /// What lies here: the files of a data set in a folder, or one's own pictures or table.
    Folder(PathBuf),
    /// So many synthetic digits.
    Synthetic(usize),
}

impl FromStr for DataSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(DataSource::Auto),
            "synthetic" => Ok(DataSource::Synthetic(SYNTHETIC_COUNT)),
            _ => match text.strip_prefix("synthetic:") {
                Some(count) => match count.parse() {
                    Ok(count) if (1..=MAX_SYNTHETIC).contains(&count) => Ok(DataSource::Synthetic(count)),
                    _ => Err(t!("data.synthetic-count", count = count, max = MAX_SYNTHETIC).into()),
                },
                None => match data_sets::by_name(text) {
                    Some(set) => Ok(DataSource::Set(set)),
                    None => match data_sets::suggestion(text).filter(|_| !Path::new(text).exists()) {
                        Some(suggestion) => Err(suggestion),
                        None => Ok(DataSource::Folder(text.into())),
                    },
                },
            },
        }
    }
}

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

    /// What the images show.
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
            let (file, length) = open(path)?;
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

/// The files of a data set in `folder`, which the user named: what is missing is an error. Which one it is, their names tell; of
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
    let entries = fs::metadata(folder).and_then(|metadata| {
        if metadata.is_dir() {
            fs::read_dir(folder).map(drop)
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    });
    entries.with_context(reading(folder))?;
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

/// The names of classes, one a line.
fn class_names(path: &Path) -> anyhow::Result<Classes> {
    const MAX_BYTES: u64 = 1 << 16;
    let bytes = read(path, MAX_BYTES)?;
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
    let (file, length) = open(path)?;
    if length > MAX_BYTES {
        return Ok(None);
    }
    let mut bytes = vec![];
    file.take(MAX_BYTES).read_to_end(&mut bytes).with_context(reading(path))?;
    let found = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
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
        t!("data.variable-wrong", set = set.title, reason = crate::explain::chain(&error))
    };
    let _ = writeln!(io::stderr(), "{warning}"); // nobody is left to tell
}

/// Where downloaded data is kept for this user.
pub fn cache_folder(set: &DataSet) -> anyhow::Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy().context(t!("files.no-home").into_owned())?;
    Ok(strategy.cache_dir().join("shuzi").join(set.folder))
}

/// A new folder for a run: `runs/NAME-1`, or the first number that is free.
pub fn next_run_folder(name: &str) -> anyhow::Result<PathBuf> {
    let safe = |letter: char| if letter.is_alphanumeric() || "-_".contains(letter) { letter } else { '-' };
    let name: String = name.chars().take(64).map(safe).collect();
    fs::create_dir_all("runs").with_context(|| t!("files.writing", path = "runs").into_owned())?;
    for number in 1..1_000_000 {
        let folder = Path::new("runs").join(format!("{name}-{number}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| t!("files.writing", path = folder.display()).into_owned());
            }
        }
    }
    bail!(t!("files.writing", path = "runs").into_owned())
}

fn reading(path: &Path) -> impl Fn() -> String + '_ {
    move || t!("files.reading", path = path.display()).into_owned()
}

fn writing(path: &Path) -> impl Fn() -> String + '_ {
    move || t!("files.writing", path = path.display()).into_owned()
}

/// Opens a regular file, and says how long it is. A named pipe that nobody writes to, or a device, would keep the program waiting
/// for ever; only what was opened for this program, by `program <(command)` for example, may be anything.
fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    let kind = fs::metadata(path).with_context(reading(path))?;
    if kind.is_dir() {
        bail!(t!("files.is-folder", path = path.display()).into_owned());
    }
    if !kind.is_file() && !is_descriptor(path) {
        bail!(t!("files.not-regular", path = path.display()).into_owned());
    }
    let file = File::open(path).with_context(reading(path))?;
    let length = file.metadata().with_context(reading(path))?.len();
    Ok((file, length))
}

/// Whether a path names what is open already, by its number.
fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

/// The first bytes of a file, at most so many.
pub fn read_start(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![];
    open(path)?.0.take(most).read_to_end(&mut bytes).with_context(reading(path))?;
    Ok(bytes)
}

/// A file has more bytes than it may.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TooLarge(String);

/// All bytes of a file, if there are at most `limit`.
pub fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let (file, length) = open(path)?;
    let too_large = |length: &dyn Display| {
        TooLarge(t!("files.too-large", path = path.display(), length = length, limit = limit).into_owned())
    };
    if length > limit {
        bail!(too_large(&length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(limit + 1).read_to_end(&mut bytes).with_context(reading(path))?;
    if bytes.len() as u64 > limit {
        bail!(too_large(&format!("> {limit}"))); // a pipe, or a file that grew
    }
    Ok(bytes)
}

/// A small text file that need not be there.
pub fn read_text_if_there(path: &str) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A file to be hashed or packed piece by piece.
pub fn open_to_read(path: &Path) -> anyhow::Result<File> {
    Ok(open(path)?.0)
}

/// Opens a file of the program's own to write; creates it if need be, and leaves what is in it. A symbolic link is refused:
/// whoever put it there chose which other file is to be overwritten.
pub fn open_to_write(path: &Path) -> anyhow::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            bail!(t!("files.is-link", path = path.display()).into_owned());
        }
        Ok(found) if !found.is_file() => bail!(t!("files.not-regular", path = path.display()).into_owned()),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)] // a link that was put there since
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
    options.open(path).with_context(writing(path))
}

/// Creates a file of the program's own, or empties the one that is there.
pub fn create(path: &Path) -> anyhow::Result<File> {
    continue_behind(path, 0)
}

/// Opens a file of the program's own, which need not be there, to write on behind its first `length` bytes; the others are cut off.
pub fn continue_behind(path: &Path, length: u64) -> anyhow::Result<File> {
    let mut file = open_to_write(path)?;
    file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))).with_context(writing(path))?;
    Ok(file)
}

/// Replaces a file as a whole: written beside its place, synced, renamed, the folder synced. On
/// any failure the old file is as it was, and nothing half-written is left.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace(path, |file| file.write_all(bytes)).with_context(writing(path))
}

/// [`write_atomically`] of whatever `write` writes.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)] // elsewhere files have no mode
    builder.permissions(as_if_created_plainly());
    let mut temporary = builder.tempfile_in(folder)?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Files are for everyone that the user's mask lets in; temporary files would be for the user only.
#[cfg(unix)]
fn as_if_created_plainly() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o666)
}

/// Makes a rename last through a power failure.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows opens no folders, and renames through its journal.
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

/// Creates `folder` if need be, and makes sure that a file can be written there.
pub fn ensure_writable_folder(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(writing(folder))?;
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).with_context(writing(folder))?;
    Ok(())
}

/// Keeps others who ask so out of `folder`, as long as what is returned lives and at most until this program ends, however
/// it ends. Where folders cannot be locked (Windows, some network drives) nobody is kept out.
pub fn lock_folder(folder: &Path) -> anyhow::Result<Option<File>> {
    if cfg!(windows) {
        return Ok(None);
    }
    let opened = File::open(folder).with_context(reading(folder))?;
    match opened.try_lock() {
        Ok(()) => Ok(Some(opened)),
        Err(TryLockError::WouldBlock) => bail!(t!("files.locked", folder = folder.display()).into_owned()),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// The files of a folder that are named by a number between `prefix` and `ending`, the highest first. A folder
/// that is not there has none.
pub fn numbered(folder: &Path, prefix: &str, ending: &str) -> Vec<(u64, PathBuf)> {
    let number = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix(prefix)?.strip_suffix(ending)?.parse().ok()
    };
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths.filter_map(|path| Some((number(&path)?, path))).collect();
    files.sort_by(|one, other| other.cmp(one));
    files
}

/// Whether a file's name ends as that of a picture does, one that [must be converted](is_heic) included.
pub fn is_picture(path: &Path) -> bool {
    const ENDINGS: [&str; 14] =
        ["png", "jpg", "jpeg", "jpe", "gif", "bmp", "tif", "tiff", "webp", "pgm", "ppm", "pbm", "pnm", "pam"];
    has_ending(path, &ENDINGS) || is_heic(path)
}

/// Whether a file's name ends as that of a phone's picture in HEIC, or its relative AVIF.
pub fn is_heic(path: &Path) -> bool {
    has_ending(path, &["heic", "heif", "hif", "avif"])
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// What lies in a folder, by name; what begins with a dot or an operating system puts there is left out.
pub struct Entries {
    pub folders: Vec<PathBuf>,
    pub files: Vec<PathBuf>,
}

/// What lies in a folder itself. Links count as what they lead to; one that leads nowhere is a file.
pub fn entries(folder: &Path) -> anyhow::Result<Entries> {
    const JUNK: [&str; 3] = ["__MACOSX", "Thumbs.db", "desktop.ini"];
    let mut entries = Entries { folders: vec![], files: vec![] };
    for entry in fs::read_dir(folder).with_context(reading(folder))? {
        let entry = entry.with_context(reading(folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || JUNK.contains(&&*name) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() { &mut entries.folders } else { &mut entries.files }.push(path);
    }
    entries.folders.sort();
    entries.files.sort();
    Ok(entries)
}

/// Every file in a folder and the folders in it, in the order of their names, but for [what `entries` leaves out](entries).
pub fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut folders, mut files) = (vec![folder.to_path_buf()], vec![]);
    while let Some(folder) = folders.pop() {
        let found = entries(&folder)?;
        files.extend(found.files);
        folders.extend(found.folders.into_iter().filter(|folder| !folder.is_symlink())); // no circles
    }
    files.sort();
    Ok(files)
}

/// A file of a table of digits, raw or gzip.
pub fn read_table(path: &Path) -> anyhow::Result<Dataset> {
    let (file, _) = open(path)?;
    csv::read(file).with_context(reading(path))
}

/// All bytes of standard input, if there are at most `limit`.
pub fn read_standard_input(limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![];
    let reading = || t!("files.reading", path = "-").into_owned();
    io::stdin().lock().take(limit + 1).read_to_end(&mut bytes).with_context(reading)?;
    if bytes.len() as u64 > limit {
        let message = t!("files.too-large", path = "-", length = format!("> {limit}"), limit = limit);
        bail!(TooLarge(message.into_owned()));
    }
    Ok(bytes)
}

/// Makes sure that there is such a folder.
pub fn ensure_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::read_dir(folder).map(drop).with_context(reading(folder))
}

/// Creates a folder, which may be there.
pub fn create_folder(folder: &Path) -> anyhow::Result<()> {
    match fs::create_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::Error::from(io::ErrorKind::NotADirectory)).with_context(writing(folder))
        }
        created => created.with_context(writing(folder)),
    }
}

/// Removes files that nobody needs; one that stays does no harm.
pub fn remove(paths: impl IntoIterator<Item = PathBuf>) {
    for path in paths {
        let _ = fs::remove_file(path);
    }
}

/// Removes a folder if nothing is in it.
pub fn remove_empty_folder(folder: &Path) {
    let _ = fs::remove_dir(folder);
}

/// Removes what a program that was killed was writing.
pub fn remove_unfinished(folder: &Path) {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let unfinished = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED));
    remove(unfinished.map(|entry| entry.path()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sources_are_understood() {
        for (text, expected) in [
            ("mnist", Ok(DataSource::Set(&data_sets::MNIST))),
            ("emnist-letters", Ok(DataSource::Set(data_sets::ALL[4]))),
            ("synthetic", Ok(DataSource::Synthetic(SYNTHETIC_COUNT))),
            ("synthetic:100", Ok(DataSource::Synthetic(100))),
            ("some/folder", Ok(DataSource::Folder("some/folder".into()))),
        ] {
            assert_eq!(text.parse(), expected);
        }
        for wrong in ["synthetic:", "synthetic:0", "synthetic:-1", "synthetic:99999999999999999999", "fasion"]
        {
            assert!(wrong.parse::<DataSource>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write_atomically(&path, b"old").unwrap();
        let result = replace(&path, |file| {
            file.write_all(b"ne")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(result.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

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

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_file_of_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (link, other) = (folder.path().join("metrics.jsonl"), folder.path().join("other"));
        fs::write(&other, b"precious").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        for error in [create(&link).unwrap_err(), continue_behind(&link, 3).unwrap_err()] {
            assert!(error.to_string().contains("symbolic link"), "{error}");
        }
        assert_eq!(fs::read(&other).unwrap(), b"precious");
        // A folder may be a link: whoever made it chose it as the place.
        let runs = folder.path().join("runs");
        std::os::unix::fs::symlink(folder.path(), &runs).unwrap();
        let mut file = continue_behind(&runs.join("other"), 3).unwrap();
        file.write_all(b"!").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"pre!");
    }

    #[test]
    fn a_file_above_the_limit_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), [0; 10]).unwrap();
        assert!(read(file.path(), 9).is_err());
        assert_eq!(read(file.path(), 10).unwrap().len(), 10);
    }
}
