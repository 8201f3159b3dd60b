//! `metrics.jsonl`: what a training reported, one JSON object a line; its words are kept stable for programs.
//!
//! Written while the training runs, and read again when it goes on after a break. A disk that is full costs
//! the training nothing: lines wait in memory until they can be written.

use crate::files;
use anyhow::Context;
use rust_i18n::t;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A file of more bytes is not read again.
const MAX_BYTES: u64 = 1 << 30;
/// Bytes that are written together, and that wait at most for better times.
const WRITTEN_TOGETHER: usize = 1 << 16;
const MAX_WAITING: usize = 1 << 24;

/// One of its lines.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    Step(StepLine),
    Epoch(EpochLine),
    End(EndLine),
}

/// A step.
#[derive(Debug, Serialize, Deserialize)]
pub struct StepLine {
    pub epoch: usize,
    /// From 0 within the epoch.
    pub iteration: usize,
    pub loss: f32,
    pub batch_accuracy: f32,
    pub learning_rate: f32,
    pub examples_per_second: f64,
}

/// An epoch that is over.
#[derive(Debug, Serialize, Deserialize)]
pub struct EpochLine {
    pub epoch: usize,
    pub mean_loss: f32,
    pub mean_batch_accuracy: f32,
    pub validation_accuracy: Option<f64>,
    pub validation_loss: Option<f64>,
}

/// How the training ended: the last line.
#[derive(Debug, Serialize, Deserialize)]
pub struct EndLine {
    pub outcome: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Finished,
    StoppedEarly,
    Interrupted,
    Diverged,
}

/// The file of a training that runs.
pub struct Metrics {
    file: File,
    path: PathBuf,
    waiting: Vec<u8>,
    /// Why what waits could not be written.
    failure: Option<io::Error>,
    /// Too much waited for too long.
    lost: bool,
}

fn path(run: &Path) -> PathBuf {
    run.join("metrics.jsonl")
}

impl Metrics {
    /// A new file.
    pub fn create(run: &Path) -> anyhow::Result<Self> {
        Ok(Self::new(files::create(&path(run))?, run))
    }

    /// The file of a training that goes on: what is behind its last line that `is_past` is cut off. The lines
    /// that stay.
    pub fn resume(run: &Path, is_past: impl Fn(&Line) -> bool) -> anyhow::Result<(Self, Vec<Line>)> {
        let (mut lines, mut length) = (vec![], 0);
        for text in bytes(run).split_inclusive(|&byte| byte == b'\n') {
            match serde_json::from_slice(text) {
                Ok(line) if text.ends_with(b"\n") && is_past(&line) => lines.push(line),
                _ => break,
            }
            length += text.len() as u64;
        }
        Ok((Self::new(files::continue_behind(&path(run), length)?, run), lines))
    }

    fn new(file: File, run: &Path) -> Self {
        Metrics { file, path: path(run), waiting: vec![], failure: None, lost: false }
    }

    /// Adds a line. A warning when lines can no longer be written.
    pub fn add(&mut self, line: &Line) -> Option<String> {
        if self.waiting.len() > MAX_WAITING {
            self.lost = true;
            return None;
        }
        serde_json::to_writer(&mut self.waiting, line).expect("memory takes everything");
        self.waiting.push(b'\n');
        if self.waiting.len() > WRITTEN_TOGETHER { self.write() } else { None }
    }

    /// Writes what waits, so that others can follow the file. A warning when that is no longer possible.
    pub fn write(&mut self) -> Option<String> {
        let had_failed = self.failure.is_some();
        self.failure = self.try_to_write().err();
        let reason = io::Error::from(self.failure.as_ref()?.kind());
        let reason = crate::explain::chain(&reason.into());
        (!had_failed)
            .then(|| t!("train.metrics-failed", path = self.path.display(), reason = reason).into_owned())
    }

    /// The same, onto the disk.
    pub fn sync(&mut self) -> Option<String> {
        let warning = self.write();
        let _ = self.file.sync_data(); // if it fails, so does the checkpoint that is written next
        warning
    }

    fn try_to_write(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match self.file.write(&self.waiting)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => drop(self.waiting.drain(..written)),
            }
        }
        Ok(())
    }

    /// Adds the last line, and writes what is still to be written.
    pub fn finish(&mut self, outcome: Ending) -> anyhow::Result<()> {
        self.add(&Line::End(EndLine { outcome }));
        self.write();
        let result = match self.failure.take() {
            Some(error) => Err(error),
            None if self.lost => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        };
        result.with_context(|| t!("files.writing", path = self.path.display()).into_owned())
    }
}

/// All of a run's lines, or nothing: they are worth no failure.
fn bytes(run: &Path) -> Vec<u8> {
    files::read(&path(run), MAX_BYTES).unwrap_or_default()
}

/// Whether a run's training came to its end.
pub fn is_finished(run: &Path) -> bool {
    let bytes = bytes(run);
    let last = bytes.trim_ascii_end().rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    let end: Option<EndLine> = serde_json::from_slice(last).ok();
    end.is_some_and(|end| [Ending::Finished, Ending::StoppedEarly].contains(&end.outcome))
}
