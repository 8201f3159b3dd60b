//! How far a training has come: a moving bar on a terminal, now and then a plain line elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rust_i18n::t;
use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// What is shown of a training under way.
pub struct TrainingProgress {
    bar: ProgressBar,
    quiet: bool,
    terminal: bool,
    epochs: usize,
    began: Instant,
    /// When something was last shown.
    shown: Instant,
    examples: u64,
    /// Steps taken before.
    first: u64,
}

impl TrainingProgress {
    /// For a training of so many steps in so many epochs, that goes on behind step `first`.
    pub fn new(first: u64, steps: u64, epochs: usize, quiet: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let target =
            if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(steps), target);
        bar.set_style(
            ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}").expect("a sound template"),
        );
        bar.set_position(first);
        let now = Instant::now();
        TrainingProgress { bar, quiet, terminal, epochs, began: now, shown: now, examples: 0, first }
    }

    /// A step was taken. Cheap: shows something a few times a second at most.
    pub fn step(&mut self, step: &shuzi_engine::training::StepReport) {
        self.examples += step.examples as u64;
        self.bar.inc(1);
        let interval = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(10) };
        if self.quiet || self.shown.elapsed() < interval {
            return;
        }
        self.shown = Instant::now();
        let left = self.bar.length().unwrap_or(0).saturating_sub(self.bar.position()) as f64;
        let seconds_left =
            self.began.elapsed().as_secs_f64() * left / (self.bar.position() - self.first) as f64;
        self.show(&t!(
            "train.progress",
            epoch = step.epoch + 1,
            epochs = self.epochs,
            loss = format!("{:.4}", step.loss),
            accuracy = format!("{:.1}", step.batch_accuracy * 100.0),
            speed = self.examples_per_second().round(),
            left = words_for_seconds(seconds_left)
        ));
    }

    /// An epoch is over.
    pub fn epoch(&mut self, report: &shuzi_engine::training::EpochReport<'_>) {
        let validation = report.validation.map(|evaluation| {
            t!("train.validation", accuracy = format!("{:.2}", evaluation.accuracy() * 100.0)).into_owned()
        });
        let line = t!(
            "train.epoch",
            epoch = report.epoch + 1,
            epochs = self.epochs,
            loss = format!("{:.4}", report.mean_loss),
            accuracy = format!("{:.2}", report.mean_batch_accuracy * 100.0),
            validation = validation.unwrap_or_default(),
            speed = self.examples_per_second().round()
        );
        self.bar.suspend(|| self.print(&line));
    }

    /// Something that goes wrong without ending the training: said even where progress is not.
    pub fn warn(&self, line: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "{line}"); // nobody is left to tell
        });
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Examples trained on in a second, on the mean so far.
    pub fn examples_per_second(&self) -> f64 {
        self.examples as f64 / self.began.elapsed().as_secs_f64().max(1e-9)
    }

    fn show(&self, line: &str) {
        if self.terminal { self.bar.set_message(line.to_string()) } else { self.print(line) }
    }

    fn print(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{line}"); // progress is worth no failure
        }
    }
}

/// How many of many pictures have been read.
pub struct PictureProgress(ProgressBar);

impl PictureProgress {
    /// For so many pictures; one needs no bar.
    pub fn new(count: usize, quiet: bool) -> Self {
        let shown = !quiet && count > 1 && io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(count as u64), target);
        let template = "{bar:24} {pos}/{len}  {eta}";
        bar.set_style(ProgressStyle::with_template(template).expect("a sound template"));
        PictureProgress(bar)
    }

    /// One more was read.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Prints something without getting into the bar's way.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.0.suspend(print)
    }
}

/// 75 → "1:15".
fn words_for_seconds(seconds: f64) -> String {
    let seconds = seconds.round().min(1e9) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!(words_for_seconds(75.2), "1:15");
        assert_eq!(words_for_seconds(3600.0 * 2.0 + 61.0), "2:01:01");
        assert_eq!(words_for_seconds(f64::INFINITY), "277777:46:40");
    }
}
