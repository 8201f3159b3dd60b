//! Whether a file holds the bytes that were published.

use super::mirror_error::{MirrorError, disk};
use crate::{data::data_sets::DataFile, files};
use flate2::read::MultiGzDecoder;
use shuzi_engine::hash;
use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

/// What a file of bytes that cannot be packed becomes longer by.
pub(super) const SLACK: u64 = 65_536;

/// Renames a complete file into place, if it holds the bytes that are expected.
pub(super) fn put_in_place(part: &Path, goal: &PathBuf, file: &DataFile) -> Result<(), MirrorError> {
    let disk = |error| disk(goal, error);
    let hash = hash_to_check(file, File::open(part).map_err(disk)?);
    let (found, expected) = hash.map_err(|error| MirrorError::Damaged(error.to_string()))?;
    if Some(&*found) != expected {
        return Err(MirrorError::Hash(found));
    }
    fs::rename(part, goal).map_err(disk)?;
    files::sync_folder(goal.parent().unwrap_or(Path::new("."))).map_err(disk)
}

/// SHA-256 by which a file can be checked, and the one that it should have: of its unpacked bytes, raw or gzip, where that is
/// known, else of itself; the second is not known of a file that was unpacked or came in an archive.
pub fn hash_to_check(file: &DataFile, mut opened: File) -> io::Result<(String, Option<&'static str>)> {
    let mut start = [0; 2];
    let read = opened.read(&mut start)?;
    opened.rewind()?;
    let is_gzip = start[..read] == [0x1f, 0x8b];
    let is_packed = is_gzip || file.name.ends_with(".zip");
    let (reader, expected): (Box<dyn Read>, _) = match file.unpacked {
        Some(_) if is_gzip => (Box::new(MultiGzDecoder::new(opened)), file.unpacked),
        Some(_) => (Box::new(opened), file.unpacked),
        None => (Box::new(opened), file.packed.filter(|_| is_packed)),
    };
    Ok((hash::sha256_of(reader.take(file.most_bytes + SLACK))?, expected))
}
