//! `shuzi recognize`: which digits are written in pictures, or none.

use crate::{
    UsageError, files, machine, models,
    progress::PictureProgress,
    report::{self, Explained, percent},
};
use anyhow::{Context, bail};
use rust_i18n::t;
use serde_json::json;
use shuzi::{
    decode::{self, Limits},
    image::Picture,
    recognition::{Options, Reader, Reading, recognize},
};
use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

#[derive(clap::Args)]
pub struct Recognize {
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    #[arg(long, value_name = "MODEL", default_value = models::FOR_PICTURES)]
    model: PathBuf,
    #[arg(long, conflicts_with = "lines")]
    single: bool,
    #[arg(long)]
    lines: bool,
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    min_confidence: f32,
    #[arg(long, value_name = "FILE.png")]
    annotate: Option<PathBuf>,
    #[arg(long, value_name = "FILE.html")]
    explain: Option<PathBuf>,
    #[arg(long, value_name = "N", default_value = "100")]
    max_megapixels: std::num::NonZeroU64,
    #[arg(long, value_name = "N", default_value = "256")]
    max_megabytes: std::num::NonZeroU64,
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
    #[arg(long)]
    json: bool,
    #[arg(long, short)]
    quiet: bool,
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err(t!("recognize.probability", found = text).into()),
    }
}

/// A picture that was read, and what is in it.
struct Found {
    picture: Picture,
    reading: Reading,
}

impl Recognize {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let paths = self.paths()?;
        for (option, file) in [("--annotate", &self.annotate), ("--explain", &self.explain)] {
            if file.is_some() && paths.len() != 1 {
                let message = t!("recognize.one-picture", option = option, count = paths.len());
                return Err(UsageError(message.into()).into());
            }
        }
        let processor = machine::processor(self.threads)?;
        let model = models::read(&self.model)?.model;
        let reader = Reader::new(&model, processor.level);
        let progress = PictureProgress::new(paths.len(), self.quiet);
        let read = |path: &PathBuf| self.read(path, &reader);
        let mut failures = 0;
        in_order(&paths, processor.threads, read, |path, found| {
            progress.step();
            match found {
                Ok(found) => progress.suspend(|| self.tell(path, &found, out)),
                Err(error) => {
                    failures += 1;
                    progress.suspend(|| writeln!(io::stderr(), "{}", crate::explain::chain(&error)))?;
                    Ok(())
                }
            }
        })?;
        if failures > 0 {
            bail!(t!("recognize.failures", failures = failures, count = paths.len()).into_owned());
        }
        Ok(())
    }

    /// The pictures that are asked for; a folder stands for those in it.
    fn paths(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut paths = vec![];
        for path in &self.images {
            if path.is_dir() {
                let inside = files::pictures_in(path)?;
                if inside.is_empty() {
                    return Err(UsageError(t!("recognize.empty-folder", path = path.display()).into()).into());
                }
                paths.extend(inside);
            } else {
                paths.push(path.clone());
            }
        }
        Ok(paths)
    }

    fn read(&self, path: &Path, reader: &Reader) -> anyhow::Result<Found> {
        let limits = Limits {
            pixels: self.max_megapixels.get().saturating_mul(1_000_000),
            bytes: self.max_megabytes.get().saturating_mul(1_000_000),
        };
        let bytes = if path == Path::new("-") {
            files::read_standard_input(limits.bytes)?
        } else {
            files::read(path, limits.bytes)?
        };
        let picture = decode::decode(&bytes, limits)
            .with_context(|| t!("recognize.reading", path = path.display()).into_owned())?;
        drop(bytes);
        let reading = recognize(reader, &picture, Options { single: self.single, ..Options::default() });
        Ok(Found { picture, reading })
    }

    /// Says what is in a picture.
    fn tell(&self, path: &Path, found: &Found, out: &mut impl Write) -> anyhow::Result<()> {
        let Found { picture, reading } = found;
        if let Some(target) = &self.annotate {
            files::write_atomically(target, &report::annotate(picture, reading))?;
        }
        if let Some(target) = &self.explain {
            let (name, text) = (path.display().to_string(), self.text(reading));
            let page = report::explain(&Explained { name, picture, reading, text });
            files::write_atomically(target, page.as_bytes())?;
        }
        if self.json {
            writeln!(out, "{}", object(path, reading, self.text(reading)))?;
            return Ok(());
        }
        let accepted = reading.digits.iter().filter(|digit| !digit.rejected);
        let sure: Vec<String> = accepted.map(|digit| percent(f64::from(digit.confidence()), 1)).collect();
        let path = path.display();
        let line = if sure.is_empty() {
            t!("recognize.none", path = path)
        } else {
            t!(
                "recognize.line",
                path = path,
                text = self.text(reading).replace('\n', " / "),
                sure = sure.join(", ")
            )
        };
        writeln!(out, "{line}")?;
        Ok(())
    }

    /// The accepted digits; `?` for those that are not sure enough, and lines apart if so asked.
    fn text(&self, reading: &Reading) -> String {
        let mut text = String::new();
        let mut line = None;
        for digit in reading.digits.iter().filter(|digit| !digit.rejected) {
            if self.lines && line.is_some_and(|line| line != digit.line) {
                text.push('\n');
            }
            line = Some(digit.line);
            let is_sure = digit.confidence() >= self.min_confidence;
            text.push(if is_sure { char::from(b'0' + digit.digit) } else { '?' });
        }
        text
    }
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

/// What is in a picture, for programs.
fn object(path: &Path, reading: &Reading, text: String) -> serde_json::Value {
    let digits: Vec<_> = reading
        .digits
        .iter()
        .map(|digit| {
            let area = digit.area;
            json!({
                "digit": digit.digit, "box": [area.left, area.top, area.width, area.height], "line": digit.line,
                "probabilities": digit.probabilities, "confidence": digit.confidence(), "rejected": digit.rejected,
            })
        })
        .collect();
    json!({ "file": path, "text": text, "digits": digits })
}
