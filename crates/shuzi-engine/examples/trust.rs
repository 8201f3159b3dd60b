//! How far the confidence of a reading can be trusted: reads pictures of lines by writers who were held out from training.
//!
//! ```sh
//! cargo run --release --example trust -- PHOTO.safetensors LINES.safetensors HANDWRITING COUNT [CALIBRATED.safetensors]
//! ```
//!
//! With a fifth argument it fits a calibration to the first half of the pictures, writes the line network with it there, and reports on
//! the second half.
//!
//! Prints the reliability of the confidence (how often readings of each confidence are right), its expected calibration error, and the
//! risk-coverage curve: which share of the pictures is read if each reading must have a confidence, and how many of those are wrong.
//! A tenth of the pictures holds no digit; there a reading is right if it says nothing.

use shuzi_engine::{
    dataset::strips::{HANDWRITING_FILES, Hands, draw_picture},
    image::DIGITS,
    kernels::Level,
    model::{CalibratedLines, Model, line_network_from_bytes, line_network_to_safetensors},
    network::calibration::Calibration,
    recognition::{LineReader, Options, Reader, recognize},
};
use std::{env, error::Error, fs, ops::Range, path::Path};

/// As `train_lines` holds writers out.
const HELD_OUT: usize = 10;
const SEED: u64 = 3;
const BINS: usize = 10;

/// A reading.
struct Answer {
    confidence: f32,
    is_right: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [photo, lines, folder, count, rest @ ..] = &arguments[..] else {
        return Err("see the head of this file".into());
    };
    let (count, photo) = (count.parse()?, Model::from_bytes(&fs::read(photo)?)?);
    let mut lines = line_network_from_bytes(&fs::read(lines)?)?;
    let hands = held_out(Path::new(folder))?;
    let mut first = 0;
    if let [file] = rest {
        first = count / 2;
        lines.calibration = Calibration::default();
        let digits = read(&photo, &lines, &hands, 0..first).digits;
        let answers: Vec<_> = digits.iter().map(|answer| (answer.confidence, answer.is_right)).collect();
        lines.calibration = Calibration::fit(&answers);
        println!("{:?}", lines.calibration);
        fs::write(file, line_network_to_safetensors(&lines, &[("recipe", "lines".into())]))?;
    }
    let Answers { strings, digits } = read(&photo, &lines, &hands, first..count);
    print_reliability("whole strings", &strings);
    print_reliability("digits", &digits);
    print_risk(strings);
    Ok(())
}

/// What was read in some pictures: each string in which there is something, and each digit.
struct Answers {
    strings: Vec<Answer>,
    digits: Vec<Answer>,
}

fn read(photo: &Model, lines: &CalibratedLines, hands: &Hands, numbers: Range<u64>) -> Answers {
    let level = Level::detect();
    let reader = Reader::new(photo, level).with_lines(LineReader::new(lines, level));
    let (mut strings, mut digits) = (vec![], vec![]);
    for number in numbers {
        let (picture, labels) = draw_picture(hands, SEED, number);
        let label: Vec<u8> = labels.into_iter().filter(|&sign| usize::from(sign) < DIGITS).collect();
        let found = recognize(&reader, &picture, Options::default()).digits;
        let read: Vec<u8> = found.iter().map(|digit| digit.digit).collect();
        if read.is_empty() {
            continue; // nothing that could be trusted
        }
        let confidence = found.iter().map(|digit| digit.confidence).product();
        strings.push(Answer { confidence, is_right: read == label });
        let are_right = found.iter().zip(right(&read, &label));
        digits.extend(are_right.map(|(digit, is_right)| Answer { confidence: digit.confidence, is_right }));
    }
    Answers { strings, digits }
}

/// Which digits of a reading are right: those that stay where they are if the fewest are changed, left out or added.
fn right(read: &[u8], label: &[u8]) -> Vec<bool> {
    let mut costs = vec![vec![0; label.len() + 1]; read.len() + 1];
    for i in (0..=read.len()).rev() {
        for j in (0..=label.len()).rev() {
            costs[i][j] = match (read.len() - i, label.len() - j) {
                (0, left) | (left, 0) => left,
                _ => (costs[i + 1][j + 1] + usize::from(read[i] != label[j]))
                    .min(1 + costs[i + 1][j].min(costs[i][j + 1])),
            };
        }
    }
    let (mut place, mut are_right) = (0, vec![]);
    for i in 0..read.len() {
        // Digits of the label that were not read.
        while place < label.len() && costs[i][place] == 1 + costs[i][place + 1] && read[i] != label[place] {
            place += 1;
        }
        let is_read = place < label.len() && costs[i][place] != 1 + costs[i + 1][place];
        are_right.push(is_read && read[i] == label[place]);
        place += usize::from(is_read);
    }
    are_right
}

/// The writers who were not trained on.
fn held_out(folder: &Path) -> Result<Hands, Box<dyn Error>> {
    let mut files = vec![];
    for name in HANDWRITING_FILES {
        files.push((name, fs::read(folder.join(name))?));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    Ok(Hands::from_files(&files)?.split(HELD_OUT, 0).1)
}

fn print_reliability(what: &str, answers: &[Answer]) {
    let mut bins = vec![(0usize, 0.0f64, 0usize); BINS];
    for answer in answers {
        let bin = &mut bins[((answer.confidence * BINS as f32) as usize).min(BINS - 1)];
        *bin = (bin.0 + 1, bin.1 + f64::from(answer.confidence), bin.2 + usize::from(answer.is_right));
    }
    println!("\n| {what}: confidence | mean | right | readings |\n|---|---|---|---|");
    let mut error = 0.0;
    for (place, (count, sum, right)) in bins.into_iter().enumerate().filter(|(_, bin)| bin.0 > 0) {
        let (mean, right) = (sum / count as f64, right as f64 / count as f64);
        error += (mean - right).abs() * count as f64 / answers.len() as f64;
        let (from, to) = (100 * place / BINS, 100 * (place + 1) / BINS);
        println!("| {from} to {to} % | {:.1} % | {:.1} % | {count} |", 100.0 * mean, 100.0 * right);
    }
    println!("\nExpected calibration error: {:.1} % of {} readings", 100.0 * error, answers.len());
}

fn print_risk(mut answers: Vec<Answer>) {
    answers.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    println!("\n| coverage | confidence at least | wrong |\n|---|---|---|");
    for percent in [10, 20, 30, 40, 50, 60, 70, 80, 90, 100] {
        let covered = &answers[..(answers.len() * percent / 100).max(1)];
        let wrong = covered.iter().filter(|answer| !answer.is_right).count();
        let least = covered[covered.len() - 1].confidence;
        println!("| {percent} % | {least:.3} | {:.2} % |", 100.0 * wrong as f64 / covered.len() as f64);
    }
}
