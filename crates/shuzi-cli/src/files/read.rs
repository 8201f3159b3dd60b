//! Reading with limits: no file is larger than the reader wants, and none keeps the program waiting for ever.

use super::paths::reading;
use anyhow::{Context, bail};
use rust_i18n::t;
use std::{
    fmt::Display,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_above_the_limit_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), [0; 10]).unwrap();
        assert!(read(file.path(), 9).is_err());
        assert_eq!(read(file.path(), 10).unwrap().len(), 10);
    }
}
