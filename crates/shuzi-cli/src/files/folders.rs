//! Folders: what lies in them, who else works there, and what is left over.

use super::paths::{UNFINISHED, reading, writing};
use anyhow::{Context, bail};
use rust_i18n::t;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

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

/// Makes sure that there is such a folder.
pub fn ensure_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::read_dir(folder).map(drop).with_context(reading(folder))
}

/// Creates a folder, and those it lies in. Whether it was not there.
pub fn create_new_folder(folder: &Path) -> anyhow::Result<bool> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).with_context(writing(parent))?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        created => created.map(|()| true).with_context(writing(folder)),
    }
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
