//! What is said of each picture: in words, as lines of JSON, or as a table (CSV).
//!
//! In: readings and errors, in the order of the pictures. Out: on standard output what was read; why a picture was not, there
//! too for programs, and on standard error for people.

use crate::{data::pictures, explain};
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::recognition::{DigitReading, MOST_DIGITS, Reading, Wording};
use shuzi_report::percent;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A confidence below this is shown without being asked for.
const LOW_CONFIDENCE: f32 = 0.9;
/// So many skipped files are named.
const NAMED: usize = 5;
/// Of the table; the help and docs/recognize.md say what is in them.
const COLUMNS: [&str; 7] = ["file", "line", "text", "confidence", "partial", "error", "message"];

/// What was read in a picture.
pub struct Answer {
    pub reading: Reading,
    /// Whether it is only the part of a picture that is there.
    pub is_cut_short: bool,
}

/// How readings are written.
pub enum Form {
    Words { all_confidences: bool },
    Json,
    Csv,
}

enum Output<W: Write> {
    Words { out: W, all_confidences: bool },
    Json(W),
    Csv(Box<csv::Writer<W>>),
}

/// Writes answers, and counts pictures that were not read, or only in part.
pub struct Answers<W: Write> {
    output: Output<W>,
    wording: Wording,
    pub failures: usize,
    pub cut_short: usize,
    /// Pictures in folders that came from a phone and were not read: named together at the end.
    heic: Vec<PathBuf>,
}

impl<W: Write> Answers<W> {
    pub fn new(form: Form, wording: Wording, out: W) -> anyhow::Result<Self> {
        let output = match form {
            Form::Words { all_confidences } => Output::Words { out, all_confidences },
            Form::Json => Output::Json(out),
            Form::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(COLUMNS)?;
                Output::Csv(Box::new(table))
            }
        };
        Ok(Answers { output, wording, failures: 0, cut_short: 0, heic: vec![] })
    }

    /// Answers for a picture, which the user named or which was found in a folder.
    pub fn add(&mut self, path: &Path, is_named: bool, read: anyhow::Result<Answer>) -> anyhow::Result<()> {
        match read {
            Ok(Answer { reading, is_cut_short }) => {
                self.cut_short += usize::from(is_cut_short);
                self.add_reading(path, &reading, is_cut_short)
            }
            Err(error) => {
                self.failures += 1;
                let is_told_later = !is_named && pictures::is_heic(path);
                if is_told_later {
                    self.heic.push(path.to_path_buf());
                }
                self.add_failure(path, is_told_later, &error)
            }
        }
    }

    fn add_reading(&mut self, path: &Path, reading: &Reading, is_cut_short: bool) -> anyhow::Result<()> {
        let lines = lines(reading, self.wording);
        let file = path.display();
        let cut_short = if is_cut_short { t!("recognize.cut-short") } else { "".into() };
        if reading.is_truncated && !lines.is_empty() && !matches!(self.output, Output::Json(_)) {
            writeln!(io::stderr(), "{}", t!("recognize.truncated", path = file, most = MOST_DIGITS))?;
        }
        match &mut self.output {
            Output::Words { out, .. } if lines.is_empty() => {
                writeln!(out, "{}{cut_short}", t!("recognize.none", path = file))?;
            }
            Output::Words { out, all_confidences } => {
                for Line { text, digits } in lines {
                    let line = t!("recognize.line", path = file, text = text);
                    let confidences = confidences(reading, &digits, *all_confidences);
                    writeln!(out, "{line}{cut_short}{}", confidences.unwrap_or_default())?;
                }
            }
            Output::Json(out) => {
                let mut object = reading.to_json(self.wording);
                object["file"] = file.to_string().into(); // a path may be no UTF-8
                if is_cut_short {
                    object["partial"] = true.into();
                }
                writeln!(out, "{object}")?;
            }
            Output::Csv(table) => {
                let file = file.to_string();
                let partial = if is_cut_short { "true" } else { "" };
                if lines.is_empty() {
                    table.write_record([&file, "", "", "", partial, "", ""])?;
                }
                for (number, Line { text, digits }) in lines.into_iter().enumerate() {
                    let all_right: f32 = digits.iter().map(|digit| digit.confidence).product();
                    let (number, confidence) = ((number + 1).to_string(), format!("{all_right:.4}"));
                    table.write_record([&file, &number, &text, &confidence, partial, "", ""])?;
                }
                table.flush()?;
            }
        }
        Ok(())
    }

    fn add_failure(&mut self, path: &Path, is_told_later: bool, error: &anyhow::Error) -> anyhow::Result<()> {
        let (code, message) = (pictures::error_code(error), explain::chain(error));
        let file = path.display().to_string();
        match &mut self.output {
            Output::Words { .. } if is_told_later => {}
            Output::Words { .. } => writeln!(io::stderr(), "{message}")?,
            Output::Json(out) => {
                let object = json!({ "file": file, "error": { "code": code, "message": message } });
                writeln!(out, "{object}")?;
            }
            Output::Csv(table) => {
                table.write_record([&file, "", "", "", "", code, &message])?;
                table.flush()?;
            }
        }
        Ok(())
    }

    /// Names what was in folders and not read, on standard error: `skipped` files, and pictures that must be converted first.
    pub fn report_skipped(&self, skipped: &[PathBuf]) -> io::Result<()> {
        if !skipped.is_empty() {
            let names = first_names(skipped);
            writeln!(io::stderr(), "{}", t!("recognize.skipped", count = skipped.len(), names = names))?;
        }
        if !self.heic.is_empty() {
            let names = first_names(&self.heic);
            writeln!(io::stderr(), "{}", t!("recognize.heic", count = self.heic.len(), names = names))?;
        }
        Ok(())
    }
}

/// What is written in one line.
struct Line<'a> {
    text: String,
    digits: Vec<&'a DigitReading>,
}

/// The lines of a reading in which something was accepted; one, if they are joined.
fn lines(reading: &Reading, wording: Wording) -> Vec<Line<'_>> {
    let accepted: Vec<&DigitReading> = reading.digits.iter().filter(|digit| !digit.rejected).collect();
    let groups = accepted.chunk_by(|one, next| !wording.lines || one.line == next.line);
    let text = reading.text(wording);
    let lines = text.split('\n').zip(groups);
    lines.map(|(text, digits)| Line { text: text.into(), digits: digits.to_vec() }).collect()
}

/// The confidences of a line's digits in words: those that are low, or all; `None` if there is none to show.
fn confidences(reading: &Reading, digits: &[&DigitReading], all: bool) -> Option<String> {
    let shown = digits.iter().filter(|digit| all || digit.confidence < LOW_CONFIDENCE);
    let confidence = |digit: &&DigitReading| {
        let value = percent(f64::from(digit.confidence), 1);
        t!("recognize.confidence", digit = reading.classes.name(digit.digit), value = value).into_owned()
    };
    let list = shown.map(confidence).collect::<Vec<_>>().join(&t!("list.comma"));
    let words = if all {
        t!("recognize.confidences", list = list)
    } else {
        t!("recognize.low-confidences", list = list)
    };
    (!list.is_empty()).then(|| words.into_owned())
}

/// The first of some files by name, and how many more there are.
fn first_names(paths: &[PathBuf]) -> String {
    let names = paths.iter().take(NAMED).map(|path| path.display().to_string());
    let names = names.collect::<Vec<_>>().join(&t!("list.comma"));
    match paths.len().saturating_sub(NAMED) {
        0 => names,
        more => t!("recognize.and-more", names = names, more = more).into_owned(),
    }
}
