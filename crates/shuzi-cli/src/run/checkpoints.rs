//! The checkpoints of a run folder: when one is written, how many are kept, and which one to go on from.
//!
//! They are there while a training is not finished. A failure to write one costs the training nothing.

use crate::{explain, files};
use anyhow::{Context, bail};
use rust_i18n::t;
use shuzi_engine::training::{Checkpoint, Pause, Task, checkpoint};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Without a wish: at the end of an epoch, but not more often than this, …
const BETWEEN_EPOCHS: Duration = Duration::from_secs(30);
/// … and in the middle of one, when it takes longer than that.
const WITHIN_EPOCH: Duration = Duration::from_secs(300);

/// The checkpoints of one run.
pub struct Checkpoints {
    folder: PathBuf,
    /// So many are kept; with 0 none is written.
    keep: usize,
    /// Steps from one to the next, if the user chose them.
    every: Option<u64>,
    /// Known from the first checkpoint on.
    task: Option<Task>,
    /// When one was last written, or could not be.
    last: Instant,
    /// The steps of the newest one.
    newest: Option<u64>,
    /// How many could not be written.
    pub failures: usize,
    /// Why not the last one.
    reason: Option<String>,
}

fn folder(run: &Path) -> PathBuf {
    run.join("checkpoints")
}

fn all(folder: &Path) -> Vec<(u64, PathBuf)> {
    files::numbered(folder, "step-", ".ckpt")
}

impl Checkpoints {
    /// Those of a run, which may go on from one.
    pub fn new(run: &Path, keep: usize, every: Option<u64>, from: Option<&Checkpoint>) -> Self {
        Checkpoints {
            folder: folder(run),
            keep,
            every,
            task: from.map(|checkpoint| checkpoint.task().clone()),
            last: Instant::now(),
            newest: from.map(Checkpoint::steps),
            failures: 0,
            reason: None,
        }
    }

    /// Whether it is time for one.
    pub fn is_due(&self, pause: Pause<'_>) -> bool {
        match self.every {
            Some(steps) => pause.steps().is_multiple_of(steps),
            None => is_due(self.last.elapsed(), pause.between_epochs()),
        }
    }

    /// Writes one, and then removes those that are too many. If it cannot be written: a warning, unless the
    /// one before failed alike.
    pub fn write(&mut self, pause: Pause<'_>, task: impl FnOnce() -> Task) -> Option<String> {
        let steps = pause.steps();
        if self.keep == 0 || self.newest == Some(steps) {
            return None;
        }
        let written = self.try_to_write(pause, task);
        self.last = Instant::now();
        let Err(error) = written else {
            (self.newest, self.reason) = (Some(steps), None);
            self.remove_others(steps);
            return None;
        };
        self.failures += 1;
        let root = error.root_cause().to_string();
        let is_new = self.reason.replace(root.clone()) != Some(root);
        let reason = explain::chain(&error);
        is_new.then(|| t!("checkpoint.failed", step = steps, reason = reason).into_owned())
    }

    /// Removes the oldest ones, and those of later steps: they could not be read, else the training had gone on
    /// from them.
    fn remove_others(&self, steps: u64) {
        let (later, others): (Vec<_>, Vec<_>) =
            all(&self.folder).into_iter().partition(|(number, _)| *number > steps);
        let oldest = others.into_iter().skip(self.keep);
        files::remove(later.into_iter().chain(oldest).map(|(_, path)| path));
    }

    fn try_to_write(&mut self, pause: Pause<'_>, task: impl FnOnce() -> Task) -> anyhow::Result<()> {
        let checkpoint = pause.checkpoint(self.task.get_or_insert_with(task))?;
        files::create_folder(&self.folder)?;
        let path = self.folder.join(format!("step-{:09}.ckpt", checkpoint.steps()));
        files::write_atomically(&path, &checkpoint.to_bytes())
    }

    /// What to say at the end of a training that could not write some.
    pub fn complaint(&self) -> Option<String> {
        let count = self.failures;
        (count > 0).then(|| t!("checkpoint.failures", count = count).into_owned())
    }

    /// How to go on with a training that was interrupted, by which command, if that is possible.
    pub fn how_to_resume(&self, command: &str) -> String {
        match all(&self.folder).first() {
            Some((step, _)) => t!("checkpoint.go-on", step = step, command = command),
            None => t!("checkpoint.cannot-go-on"),
        }
        .into_owned()
    }

    /// Removes them all: the training is finished, and its model is safe.
    pub fn remove(&self) {
        files::remove(all(&self.folder).into_iter().map(|(_, path)| path));
        files::remove_unfinished(&self.folder);
        files::remove_empty_folder(&self.folder);
    }
}

fn is_due(since_last: Duration, between_epochs: bool) -> bool {
    since_last >= if between_epochs { BETWEEN_EPOCHS } else { WITHIN_EPOCH }
}

/// Refuses to begin a training where another one waits to be continued, by `command`.
pub fn refuse_unfinished(run: &Path, command: &str) -> anyhow::Result<()> {
    if all(&folder(run)).is_empty() {
        return Ok(());
    }
    bail!(
        t!(
            "checkpoint.unfinished",
            folder = run.display(),
            command = command,
            checkpoints = folder(run).display()
        )
        .into_owned()
    )
}

/// The newest checkpoint of a run that can be used, with its path; newer ones are named in warnings. `None` if
/// there are no checkpoints at all.
pub fn newest(run: &Path) -> anyhow::Result<Option<(PathBuf, Checkpoint)>> {
    files::ensure_folder(run)?;
    let folder = folder(run);
    for unfinished in [run, &folder] {
        files::remove_unfinished(unfinished);
    }
    let all = all(&folder);
    for (_, path) in &all {
        let read = files::read(path, checkpoint::MAX_BYTES).and_then(|bytes| {
            Checkpoint::from_bytes(&bytes)
                .with_context(|| t!("files.reading", path = path.display()).into_owned())
        });
        match read {
            Ok(checkpoint) => return Ok(Some((path.clone(), checkpoint))),
            Err(error) => {
                let warning = t!("checkpoint.passed-over", reason = explain::chain(&error));
                let _ = writeln!(io::stderr(), "{warning}"); // nobody is left to tell
            }
        }
    }
    if !all.is_empty() {
        bail!(t!("checkpoint.none-usable", folder = folder.display()).into_owned());
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_trainings_write_none_and_long_ones_lose_five_minutes_at_most() {
        for (seconds, between_epochs, expected) in
            [(29, true, false), (30, true, true), (299, false, false), (300, false, true)]
        {
            assert_eq!(is_due(Duration::from_secs(seconds), between_epochs), expected, "{seconds}");
        }
    }
}
