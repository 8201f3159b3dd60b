//! Pictures in files: read on all processors, within limits, and reported in order.
//!
//! In: things that each have a picture, such as paths. Out: each picture with its reading, or why it was not read. Such a picture
//! stops no other, and makes an error of the whole only at the end.

use crate::{files, run::progress::PictureProgress};
use anyhow::{Context, bail};
use rust_i18n::t;
use shuzi_engine::{
    decode::{self, DecodeError, Decoded, Limits},
    image::Picture,
    recognition::{Options, Reader, Reading, recognize},
};
use std::{
    collections::BTreeMap,
    io::{self, Write},
    num::NonZeroU64,
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

/// How large pictures may be.
#[derive(clap::Args)]
pub struct LimitArguments {
    #[arg(long, value_name = "N", default_value = "100")]
    max_megapixels: NonZeroU64,
    #[arg(long, value_name = "N", default_value = "256")]
    max_megabytes: NonZeroU64,
}

impl LimitArguments {
    /// Reads a picture; `-` is standard input.
    pub fn read(&self, path: &Path, reader: &Reader, options: Options) -> anyhow::Result<Found> {
        let picture = decode(path, self.limits())?;
        let reading = recognize(reader, &picture, options);
        Ok(Found { picture, reading, is_cut_short: false })
    }

    /// The same, and where the picture is cut short what is there of it.
    pub fn read_partial(&self, path: &Path, reader: &Reader, options: Options) -> anyhow::Result<Found> {
        let Decoded { picture, is_cut_short } = decode_by(decode::decode_partial, path, self.limits())?;
        let reading = recognize(reader, &picture, options);
        Ok(Found { picture, reading, is_cut_short })
    }

    fn limits(&self) -> Limits {
        Limits {
            pixels: self.max_megapixels.get().saturating_mul(1_000_000),
            bytes: self.max_megabytes.get().saturating_mul(1_000_000),
        }
    }
}

/// A picture from its file; `-` is standard input.
pub fn decode(path: &Path, limits: Limits) -> anyhow::Result<Picture> {
    decode_by(decode::decode, path, limits)
}

fn decode_by<T>(
    decode: impl FnOnce(&[u8], Limits) -> Result<T, DecodeError>,
    path: &Path,
    limits: Limits,
) -> anyhow::Result<T> {
    let bytes = if path == Path::new("-") {
        files::read_standard_input(limits.bytes)?
    } else {
        files::read(path, limits.bytes)?
    };
    decode(&bytes, limits).with_context(|| t!("recognize.reading", path = path.display()).into_owned())
}

/// A picture that was read, and what is in it.
pub struct Found {
    pub picture: Picture,
    pub reading: Reading,
    /// Whether it is only the part of a picture that is there.
    pub is_cut_short: bool,
}

/// A failure that the library knows nothing of, with its [code](error_code).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PictureError {
    code: &'static str,
    message: String,
}

impl PictureError {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        PictureError { code, message: message.into() }
    }
}

/// Writes a file that is made of a picture.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    let unwritable = |error| PictureError::new("unwritable", crate::explain::chain(&error));
    files::write_atomically(path, bytes).map_err(unwritable)
}

/// Why a picture was not read, as a word for programs, which does not change when the message does.
pub fn error_code(error: &anyhow::Error) -> &'static str {
    if let Some(error) = error.downcast_ref::<PictureError>() {
        return error.code;
    }
    if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<DecodeError>()) {
        return error.code();
    }
    if error.is::<files::TooLarge>() {
        return "too_many_bytes";
    }
    match error.chain().find_map(|cause| cause.downcast_ref()).map(io::Error::kind) {
        Some(io::ErrorKind::NotFound) => "not_found",
        _ => "unreadable",
    }
}

/// Reads the picture of each item on so many threads, and reports what was found, in the items' order. One that cannot be
/// read is reported on standard error; returns how many there are.
pub fn read_each<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    quiet: bool,
    read: impl Fn(&T) -> anyhow::Result<R> + Sync,
    mut report: impl FnMut(&T, R) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let mut failures = 0;
    read_all(items, threads, quiet, read, |item, found| match found {
        Ok(found) => report(item, found),
        Err(error) => {
            failures += 1;
            Ok(writeln!(io::stderr(), "{}", crate::explain::chain(&error))?)
        }
    })?;
    Ok(failures)
}

/// Reads the picture of each item on so many threads, and reports what came of it, in the items' order.
pub fn read_all<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    quiet: bool,
    read: impl Fn(&T) -> anyhow::Result<R> + Sync,
    mut report: impl FnMut(&T, anyhow::Result<R>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let progress = PictureProgress::new(items.len(), quiet);
    in_order(items, threads, read, |item, found| {
        progress.step();
        progress.suspend(|| report(item, found))
    })
}

/// An error if any of so many pictures could not be read.
pub fn all_read(failures: usize, count: usize) -> anyhow::Result<()> {
    match (failures, count) {
        (0, _) => Ok(()),
        (1, 1) => bail!(t!("recognize.failure").into_owned()),
        _ => bail!(t!("recognize.failures", failures = failures, count = count).into_owned()),
    }
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

/// Calls `work` for each item on so many threads, and `report` with what came of it, in the items' order.
fn in_order<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
    mut report: impl FnMut(&T, R) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::sync_channel(threads);
    thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((index, item)) =
                    Some(next.fetch_add(1, Relaxed)).and_then(|i| Some((i, items.get(i)?)))
                {
                    if sender.send((index, work(item))).is_err() {
                        return; // nobody listens any more
                    }
                }
            });
        }
        drop(sender);
        let (mut early, mut reported) = (BTreeMap::new(), 0);
        for (index, result) in results {
            early.insert(index, result);
            while let Some(result) = early.remove(&reported) {
                report(&items[reported], result)?;
                reported += 1;
            }
        }
        Ok(())
    })
}
