//! `shuzi evaluate --labels`: how well pictures are read, and which are not.

use super::Evaluate;
use crate::{
    UsageError,
    files::DataSource,
    labels, machine, models, pictures,
    report::{
        Digits, percent,
        pictures::{Kind, Mistake, PicturesReport, SHOWN, render, summarize},
        thumbnail,
    },
    train::{facts, seconds},
};
use anyhow::Context;
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    classes::Classes,
    dataset::Dataset,
    evaluation::{Evaluation, Interval, TextScore},
    image::DigitImage,
    recognition::{Options, Reader, Reading, Wording},
};
use std::{io::Write, path::Path, time::Instant};

/// Pixels of a mistake's picture in the report, along its longer side.
const THUMBNAIL: usize = 320;

impl Evaluate {
    /// Reads the pictures that a file of labels names.
    pub(super) fn evaluate_pictures(&self, labels: &Path, out: &mut impl Write) -> anyhow::Result<()> {
        let usage = |message: &str| UsageError(message.to_string());
        let DataSource::Folder(folder) = &self.data else {
            return Err(usage(&t!("evaluate.labels-without-folder")).into());
        };
        let name = match &self.models[..] {
            [] => Path::new(models::FOR_PICTURES),
            [name] => name,
            _ => return Err(usage(&t!("evaluate.labels-one-model")).into()),
        };
        if self.predictions.is_some() {
            return Err(usage(&t!("evaluate.labels-no-predictions")).into());
        }
        let found = labels::read_digits(labels)?;
        let model = self.pixels.read(name)?.model;
        models::require_digits(&model, name)?;
        let processor = machine::processor(self.threads)?;
        let reader = Reader::new(&model, processor.level);
        let clock = Instant::now();
        let mut tally = Tally::default();
        let read = |labelled: &labels::Labelled| {
            let found = self.limits.read(&folder.join(&labelled.path), &reader, Options::default());
            found.with_context(|| labels::place(labels, labelled.line))
        };
        let tell = |labelled: &labels::Labelled, found: pictures::Found| {
            tally.add(labelled, &found);
            Ok(())
        };
        let failures = pictures::read_each(&found.pictures, processor.threads, self.quiet, read, tell)?;
        let elapsed = clock.elapsed().as_secs_f64();
        let count = found.pictures.len();
        let pictures_per_second = (count as f64 / elapsed).round();

        let digits = tally.evaluation();
        let digits = digits.as_ref().map(|(evaluation, images)| Digits {
            evaluation,
            images,
            temperature: None, // it is in the probabilities
            origins: Some(&tally.origins),
        });
        let mut remarks = vec![];
        if let Some(share) = tally.rejected_digits() {
            remarks
                .push(t!("pictures.rejected", share = percent(share, 2), count = tally.written).into_owned());
        }
        if found.ambiguous > 0 {
            remarks.push(t!("pictures.ambiguous", count = found.ambiguous).into_owned());
        }
        let times = t!("evaluate.timing", seconds = seconds(elapsed), speed = pictures_per_second);
        let recipe_toml = model.record.recipe.as_ref().map(|recipe| recipe.to_toml()).unwrap_or_default();
        let data = t!("pictures.data", count = count, labels = labels.display());
        let report = PicturesReport {
            title: t!("evaluate.title", model = name.display()).into(),
            facts: facts(&model, &data, &times, processor),
            recipe_toml: &recipe_toml,
            scores: &tally.scores,
            remarks,
            mistakes: &tally.mistakes,
            digits,
        };
        let report_folder = self.write(render(&report, self.png))?;

        if self.json {
            let [single, lines, non_digits] = tally.scores.each_ref().map(score_object);
            let mistakes: Vec<_> = tally
                .mistakes
                .iter()
                .map(|mistake| json!({ "path": mistake.path, "label": mistake.label, "text": mistake.text }))
                .collect();
            let object = json!({
                "model": name, "weights_sha256": model.weights_sha256(), "labels": labels, "count": count,
                "ambiguous": found.ambiguous, "unreadable": failures, "single": single, "lines": lines,
                "non_digits": non_digits, "digit_pictures_rejected": tally.rejected_digits(), "mistakes": mistakes,
                "evaluate_seconds": elapsed, "images_per_second": pictures_per_second, "report": report_folder,
            });
            writeln!(out, "{object}")?;
        } else {
            write!(out, "{}", summarize(&report))?;
            writeln!(out, "{times}")?;
            writeln!(out, "{}", t!("evaluate.files", folder = report_folder.display()))?;
        }
        pictures::all_read(failures, count)
    }
}

/// What was read, counted.
#[derive(Default)]
struct Tally {
    /// In the order of [`Kind::ALL`].
    scores: [TextScore; 3],
    mistakes: Vec<Mistake>,
    /// Pictures in which a digit is written, and those of them in which nothing was read.
    written: usize,
    rejected: usize,
    /// Of the digits whose place in the label is known.
    labels: Vec<u8>,
    images: Vec<DigitImage>,
    probabilities: Vec<f32>,
    origins: Vec<String>,
}

impl Tally {
    fn add(&mut self, labelled: &labels::Labelled, found: &pictures::Found) {
        let labels::Labelled { path, label, source, .. } = labelled;
        // A label is one string, whatever lines it was written in.
        let text = found.reading.text(Wording { lines: false, ..Wording::default() });
        let kind = Kind::of(label);
        let score = &mut self.scores[kind as usize];
        score.add(label, &text, source.as_deref());
        if kind != Kind::NonDigit {
            self.written += 1;
            self.rejected += usize::from(text.is_empty());
        }
        if text != *label {
            let is_shown = score.count - score.correct <= SHOWN;
            let thumbnail = is_shown.then(|| thumbnail(&found.picture, &found.reading, THUMBNAIL));
            self.mistakes.push(Mistake { path: path.clone(), label: label.clone(), text, thumbnail });
        }
        self.add_digits(labelled, &found.reading);
    }

    /// Digit by digit, where there are as many as are written.
    fn add_digits(&mut self, labelled: &labels::Labelled, reading: &Reading) {
        let accepted: Vec<_> = reading.digits.iter().filter(|digit| !digit.rejected).collect();
        if accepted.len() != labelled.label.len() {
            return;
        }
        for (digit, label) in accepted.into_iter().zip(labelled.label.bytes()) {
            self.labels.push(label - b'0');
            self.images.push(digit.image);
            self.probabilities.extend(&digit.probabilities);
            self.origins.push(labelled.path.clone());
        }
    }

    /// The digits as a data set with the network's answers; `None` without any.
    fn evaluation(&self) -> Option<(Evaluation, Dataset)> {
        if self.labels.is_empty() {
            return None;
        }
        let pixels = self.images.iter().flat_map(|image| image.0).collect();
        let images = Dataset::new(pixels, self.labels.clone()).expect("a label for each image");
        let classes = Classes::digits();
        let of_label = self.labels.iter().zip(self.probabilities.chunks_exact(classes.count()));
        let losses = of_label.map(|(&label, p)| -p[usize::from(label)].max(f32::MIN_POSITIVE).ln()).collect();
        Some((Evaluation::new(classes, self.labels.clone(), self.probabilities.clone(), losses), images))
    }

    /// The fraction of pictures with a digit in which nothing was read.
    fn rejected_digits(&self) -> Option<f64> {
        (self.written > 0).then(|| self.rejected as f64 / self.written as f64)
    }
}

/// How well pictures of a kind were read, for programs.
fn score_object(score: &TextScore) -> serde_json::Value {
    json!({
        "count": score.count, "correct": score.correct, "accuracy": score.accuracy(),
        "interval": score.interval().map(|Interval { low, high }| [low, high]), "source_mean": score.source_mean(),
        "rejected": score.rejected(), "edits": score.edits, "digits": score.digits, "error_rate": score.error_rate(),
    })
}
