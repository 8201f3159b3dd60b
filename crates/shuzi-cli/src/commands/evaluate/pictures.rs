//! `shuzi evaluate --labels`: how well pictures are read, and which are not.

use super::arguments::Evaluate;
use crate::{
    commands::facts::{facts, seconds},
    data::{
        data_source::DataSource,
        labels::{self, Labelled},
        pictures,
    },
    ending::UsageError,
    machine, models,
};
use anyhow::Context;
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    classes::Classes,
    dataset::Dataset,
    evaluation::{Evaluation, Interval, TextScore},
    image::DigitImage,
    recognition::{Options, Reading, Wording},
};
use shuzi_report::{
    Digits, percent,
    pictures::{Kind, Mistake, PicturesReport, SHOWN, render, summarize},
    thumbnail,
};
use std::{borrow::Cow, io::Write, path::Path, time::Instant};

/// Pixels of a mistake's picture in the report, along its longer side.
const THUMBNAIL: usize = 320;

/// Reads the pictures that a file of labels names.
pub fn evaluate_pictures(asked: &Evaluate, labels: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let (folder, name) = folder_and_model(asked)?;
    let found = labels::read_digits(labels)?;
    let model = asked.pixels.read(name)?.model;
    models::require_digits(&model, name)?;
    let processor = machine::processor(asked.threads)?;
    let reader = models::reader(name, &model, processor.level);
    let clock = Instant::now();
    let mut tally = Tally::default();
    let read = |labelled: &Labelled| {
        let found = asked.limits.read(&folder.join(&labelled.path), &reader, Options::default());
        found.with_context(|| labels::place(labels, labelled.line))
    };
    let count_in = |labelled: &Labelled, found| {
        tally.add(labelled, &found);
        Ok(())
    };
    let failures = pictures::read_each(&found.pictures, processor.threads, asked.quiet, read, count_in)?;
    let elapsed = clock.elapsed().as_secs_f64();
    let count = found.pictures.len();
    let pictures_per_second = (count as f64 / elapsed).round();

    let digits = tally.evaluation();
    let times = t!("evaluate.timing", seconds = seconds(elapsed), speed = pictures_per_second);
    let recipe_toml = model.record.recipe.as_ref().map(|recipe| recipe.to_toml()).unwrap_or_default();
    let data = t!("pictures.data", count = count, labels = labels.display());
    let report = PicturesReport {
        title: t!("evaluate.title", model = name.display()).into(),
        facts: facts(&model, &data, &times, processor),
        recipe_toml: &recipe_toml,
        scores: &tally.scores,
        remarks: tally.remarks(found.ambiguous),
        mistakes: &tally.mistakes,
        digits: digits.as_ref().map(|(evaluation, images)| Digits {
            evaluation,
            images,
            temperature: None, // it is in the probabilities
            origins: Some(&tally.origins),
        }),
    };
    let report_folder = asked.write(render(&report, asked.png))?;
    if asked.json {
        let mut object = json!({
            "model": name, "weights_sha256": model.weights_sha256(), "labels": labels, "count": count,
            "ambiguous": found.ambiguous, "unreadable": failures,
            "evaluate_seconds": elapsed, "images_per_second": pictures_per_second, "report": report_folder,
        });
        tally.add_to(&mut object);
        writeln!(out, "{object}")?;
    } else {
        let files = t!("evaluate.files", folder = report_folder.display());
        writeln!(out, "{}{times}\n{files}", summarize(&report))?;
    }
    pictures::all_read(failures, count)
}

/// Where the pictures lie, and which model is to read them.
fn folder_and_model(asked: &Evaluate) -> Result<(&Path, &Path), UsageError> {
    let refuse = |message: Cow<'_, str>| Err(UsageError(message.into()));
    let DataSource::Folder(folder) = &asked.data else {
        return refuse(t!("evaluate.labels-without-folder"));
    };
    let name = match &asked.models[..] {
        [] => Path::new(models::FOR_PICTURES),
        [name] => name,
        _ => return refuse(t!("evaluate.labels-one-model")),
    };
    if asked.predictions.is_some() {
        return refuse(t!("evaluate.labels-no-predictions"));
    }
    Ok((folder, name))
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
    fn add(&mut self, labelled: &Labelled, found: &pictures::Found) {
        let Labelled { path, label, source, .. } = labelled;
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
    fn add_digits(&mut self, labelled: &Labelled, reading: &Reading) {
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

    /// What a report says besides the numbers.
    fn remarks(&self, ambiguous: usize) -> Vec<String> {
        let mut remarks = vec![];
        if let Some(share) = self.rejected_digits() {
            let (share, count) = (percent(share, 2), self.written);
            remarks.push(t!("pictures.rejected", share = share, count = count).into_owned());
        }
        match ambiguous {
            0 => {}
            1 => remarks.push(t!("pictures.one-ambiguous").into_owned()),
            count => remarks.push(t!("pictures.ambiguous", count = count).into_owned()),
        }
        remarks
    }

    /// For programs.
    fn add_to(&self, object: &mut serde_json::Value) {
        for (kind, score) in ["single", "lines", "non_digits"].into_iter().zip(&self.scores) {
            object[kind] = score_object(score);
        }
        object["digit_pictures_rejected"] = self.rejected_digits().into();
        let mistake = |one: &Mistake| json!({ "path": one.path, "label": one.label, "text": one.text });
        object["mistakes"] = self.mistakes.iter().map(mistake).collect();
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
