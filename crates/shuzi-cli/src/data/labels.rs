//! `labels.csv`: what the pictures of a folder show.
//!
//! In: a file of a stranger. Out: pictures with their labels, or a sentence that names file, line and what was expected.
//! Columns `path` and `label` must be there; `source`, `ambiguous` and `task` may be; others are not looked at. Commas, semicolons or
//! tabs keep them apart. Where `task` is `nondigit`, the label names what else is there, and no digit is to be read.

use crate::files;
use anyhow::{Context, anyhow, bail};
use rust_i18n::t;
use std::{borrow::Cow, path::Path};

/// A file of labels may have at most so many bytes.
const MAX_BYTES: u64 = 64 << 20;
/// The line with the names of its columns is looked for in so many bytes.
const MAX_HEADER: u64 = 4096;

/// The columns that must be there.
const PATH: &str = "path";
const LABEL: &str = "label";

/// A picture and what is written in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Where the file of labels speaks of it.
    pub line: u64,
    /// From the folder of pictures.
    pub path: String,
    /// Empty where no digit is to be read.
    pub label: String,
    /// Whom it is from, where the file says so.
    pub source: Option<String>,
}

/// The pictures to score, and how many are left out as ambiguous.
#[derive(Debug)]
pub struct Labels {
    pub pictures: Vec<Labelled>,
    pub ambiguous: usize,
}

/// Reads a file of labels.
pub fn read(file: &Path) -> anyhow::Result<Labels> {
    let labels = parse(&files::read(file, MAX_BYTES)?, file)?;
    if labels.pictures.is_empty() {
        bail!(t!("labels.none", path = file.display()).into_owned());
    }
    Ok(labels)
}

/// Reads a file whose labels are digits, one or several, or nothing.
pub fn read_digits(file: &Path) -> anyhow::Result<Labels> {
    let labels = read(file)?;
    let is_other = |labelled: &&Labelled| !labelled.label.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(Labelled { line, label, .. }) = labels.pictures.iter().find(is_other) {
        return Err(at(place(file, *line), anyhow!(t!("labels.label", found = label).into_owned())));
    }
    Ok(labels)
}

/// Whether the first line of a table names the columns of a file of labels.
pub fn has_header(file: &Path) -> anyhow::Result<bool> {
    let start = files::read_start(file, MAX_HEADER)?;
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let separator = separator(header);
    let names = || header.split(|&byte| byte == separator).map(|name| unmarked(name).trim_ascii());
    Ok([PATH, LABEL].iter().all(|column| names().any(|name| name == column.as_bytes())))
}

/// What keeps the columns of a line apart: what it has most of.
fn separator(line: &[u8]) -> u8 {
    let count = |separator: &u8| line.iter().filter(|byte| *byte == separator).count();
    [b'\t', b';', b','].into_iter().max_by_key(count).expect("one of three")
}

/// Without the mark that Excel puts before UTF-8.
fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// `FILE, line N`: what errors begin with.
pub fn place(file: &Path, line: u64) -> String {
    t!("labels.line", path = file.display(), line = line).into_owned()
}

fn at(place: String, error: impl Into<anyhow::Error>) -> anyhow::Error {
    error.into().context(place)
}

/// What the reader of tables found, in the user's language where that is known.
fn explained(error: csv::Error) -> anyhow::Error {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => anyhow!(t!("data.no-text").into_owned()),
        _ => error.into(),
    }
}

/// The line that a record stands in, from 1. Its position is where the one before ends: blank lines may lie between.
fn line_of(csv: &[u8], position: &csv::Position) -> u64 {
    let before = csv[position.byte() as usize..].iter().take_while(|byte| b"\r\n".contains(byte));
    position.line() + before.filter(|&&byte| byte == b'\n').count() as u64
}

fn parse(csv: &[u8], file: &Path) -> anyhow::Result<Labels> {
    let csv = unmarked(csv);
    let separator = separator(csv.split(|&byte| byte == b'\n').next().unwrap_or_default());
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).flexible(true).from_reader(csv);
    let line_of = |position: Option<&csv::Position>| position.map_or(1, |position| line_of(csv, position));
    let at_error = |error: &csv::Error| place(file, line_of(error.position()));
    let header = reader.headers().map_err(|error| at(at_error(&error), explained(error)))?.clone();
    let column = |name: &str| header.iter().position(|found| found == name);
    let needed = |name: &str| {
        let found = header.iter().collect::<Vec<_>>().join(", ");
        let missing = || anyhow!(t!("labels.column", name = name, found = found).into_owned());
        column(name).ok_or_else(missing).with_context(|| place(file, 1))
    };
    let (path, label) = (needed(PATH)?, needed(LABEL)?);
    let (source, ambiguous, task) = (column("source"), column("ambiguous"), column("task"));
    let mut labels = Labels { pictures: vec![], ambiguous: 0 };
    for record in reader.records() {
        let record = record.map_err(|error| at(at_error(&error), explained(error)))?;
        let line = line_of(record.position());
        let wrong = |words: Cow<str>| at(place(file, line), anyhow!(words.into_owned()));
        if record.len() != header.len() {
            return Err(wrong(t!("labels.columns", found = record.len(), expected = header.len())));
        }
        let field = |column: Option<usize>| column.map_or("", |column| &record[column]);
        match field(ambiguous) {
            "" | "0" => {}
            "1" => {
                labels.ambiguous += 1;
                continue;
            }
            found => return Err(wrong(t!("labels.ambiguous", found = found))),
        }
        let label = if field(task) == "nondigit" { "" } else { &record[label] };
        if record[path].is_empty() {
            return Err(wrong(t!("labels.path")));
        }
        labels.pictures.push(Labelled {
            line,
            path: record[path].into(),
            label: label.into(),
            source: source.map(|source| record[source].to_string()).filter(|source| !source.is_empty()),
        });
    }
    Ok(labels)
}
