//! Pictures in files: read on all processors, within limits, and told in order.
//!
//! In: things that each have a picture, such as paths. Out: each picture with its reading. One that cannot be read is told on
//! standard error and passed over, and makes an error of the whole only at the end.

use crate::{files, progress::PictureProgress};
use anyhow::{Context, bail};
use rust_i18n::t;
use shuzi::{
    decode::{self, Limits},
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
        let limits = Limits {
            pixels: self.max_megapixels.get().saturating_mul(1_000_000),
            bytes: self.max_megabytes.get().saturating_mul(1_000_000),
        };
        let picture = decode(path, limits)?;
        let reading = recognize(reader, &picture, options);
        Ok(Found { picture, reading })
    }
}

/// A picture from its file; `-` is standard input.
pub fn decode(path: &Path, limits: Limits) -> anyhow::Result<Picture> {
    let bytes = if path == Path::new("-") {
        files::read_standard_input(limits.bytes)?
    } else {
        files::read(path, limits.bytes)?
    };
    decode::decode(&bytes, limits)
        .with_context(|| t!("recognize.reading", path = path.display()).into_owned())
}

/// A picture that was read, and what is in it.
pub struct Found {
    pub picture: Picture,
    pub reading: Reading,
}

/// Reads the picture of each item on so many threads, and tells what was found, in the items' order. Returns how many could
/// not be read.
pub fn read_each<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    quiet: bool,
    read: impl Fn(&T) -> anyhow::Result<R> + Sync,
    mut tell: impl FnMut(&T, R) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let progress = PictureProgress::new(items.len(), quiet);
    let mut failures = 0;
    in_order(items, threads, read, |item, found| {
        progress.step();
        match found {
            Ok(found) => progress.suspend(|| tell(item, found)),
            Err(error) => {
                failures += 1;
                progress.suspend(|| writeln!(io::stderr(), "{}", crate::explain::chain(&error)))?;
                Ok(())
            }
        }
    })?;
    Ok(failures)
}

/// An error if any of so many pictures could not be read.
pub fn all_read(failures: usize, count: usize) -> anyhow::Result<()> {
    if failures > 0 {
        bail!(t!("recognize.failures", failures = failures, count = count).into_owned());
    }
    Ok(())
}

/// Calls `work` for each item on so many threads, and `tell` with what came of it, in the items' order.
fn in_order<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
    mut tell: impl FnMut(&T, R) -> anyhow::Result<()>,
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
        let (mut early, mut told) = (BTreeMap::new(), 0);
        for (index, result) in results {
            early.insert(index, result);
            while let Some(result) = early.remove(&told) {
                tell(&items[told], result)?;
                told += 1;
            }
        }
        Ok(())
    })
}
