//! Writing that loses nothing, and follows no link that somebody else has put there.

use super::paths::{UNFINISHED, writing};
use anyhow::{Context, bail};
use rust_i18n::t;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

/// Opens a file of the program's own to write; creates it if need be, and leaves what is in it. A symbolic link is refused:
/// whoever put it there chose which other file is to be overwritten.
fn open_to_write(path: &Path) -> anyhow::Result<File> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
