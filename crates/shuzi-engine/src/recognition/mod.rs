//! Recognition: from a picture to the digits that are written in it, or to none.
//!
//! In: a [`Reader`] (a trained model, ready to read) and a [`Picture`]. Out: a [`Reading`]: every digit with its place, its
//! probabilities and whether it is accepted.
//!
//! Ink is found and cut into pieces by [`preprocess`](crate::preprocess); which pieces make a digit together, and where
//! digits that touch come apart, the network decides: of all ways to group the pieces of a line, from left to right, the
//! one whose digits are most probable (over-segmentation and search, LeCun et al. 1998, section V). That
//! works because it was trained on what is no digit, too, and gives none of the ten much there.
//!
//! What is said of digits here holds for the classes of any model: letters are read the same way.

mod cancel;
mod effort;
mod explanation;

pub use self::{
    cancel::{Cancel, Cancelled},
    explanation::LayerOutput,
};
use crate::{
    classes::Classes,
    image::{DigitImage, Picture, most_probable},
    kernels::Level,
    model::Model,
    network::{InferenceModel, InferenceSession, Precision, softmax::probabilities},
    preprocess::{
        center_digit,
        ink::{Ink, find_inks},
        segment::{self, Line, Piece},
        stroke::with_known_strokes,
    },
};
use effort::Effort;
use serde_json::json;

/// A trained model, ready to read.
#[derive(Clone, Debug)]
pub struct Reader {
    network: InferenceModel,
    classes: Classes,
    temperature: f32,
}

impl Reader {
    /// Makes a model ready, for a processor.
    pub fn new(model: &Model, level: Level) -> Self {
        Reader {
            network: InferenceModel::new(&model.network, level, Precision::F32),
            classes: model.classes.clone(),
            temperature: model.record.temperature.unwrap_or(1.0) as f32,
        }
    }

    /// What it tells apart.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The probabilities of all classes for each image, calibrated by the model's temperature.
    pub fn probabilities(&self, images: &[DigitImage]) -> Vec<Vec<f32>> {
        self.score(images).iter().map(|scores| self.calibrated(scores)).collect()
    }

    /// What the network gives for each image.
    fn score(&self, images: &[DigitImage]) -> Vec<Scores> {
        let block_size = self.network.block_size().min(images.len().max(1));
        let mut session = InferenceSession::new(&self.network, block_size);
        let mut scores = Vec::with_capacity(images.len());
        for images in images.chunks(block_size) {
            let logits = session.logits(images.iter().map(|image| &image.0[..]));
            scores.extend(logits.chunks_exact(self.classes.count()).map(Scores::new));
        }
        scores
    }

    /// The probabilities as they are shown: the logits divided by the model's temperature first.
    fn calibrated(&self, scores: &Scores) -> Vec<f32> {
        probabilities(&scores.logits, self.temperature)
    }
}

/// What the network gives for an image.
#[derive(Clone, Debug)]
struct Scores {
    logits: Vec<f32>,
    best: u8,
    /// The network's own probability of the best class. It decides what is a digit: calibrated on digits alone it would tell
    /// others worse.
    score: f32,
}

impl Scores {
    fn new(logits: &[f32]) -> Self {
        let best = most_probable(logits);
        Scores { logits: logits.to_vec(), best, score: probabilities(logits, 1.0)[usize::from(best)] }
    }
}

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Everything in the picture is one digit, however improbable.
    pub single: bool,
    /// A digit that stands alone and is less probable than this, before calibration, is none, 0 to 1.
    pub reject_alone_below: f32,
    /// The same of a digit beside others, which are a reason to expect one.
    pub reject_below: f32,
}

impl Default for Options {
    fn default() -> Self {
        Options { single: false, reject_alone_below: 0.5, reject_below: 0.3 }
    }
}

/// A rectangle of a picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Column of the left end.
    pub left: usize,
    /// Row of the upper end.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A digit that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct DigitReading {
    /// The most probable one; with a model of other classes the label of the class.
    pub digit: u8,
    /// Where it is.
    pub area: Area,
    /// Its line, from 0 at the top.
    pub line: usize,
    /// Of all classes, calibrated; they sum to 1.
    pub probabilities: Vec<f32>,
    /// Whether it is too improbable to be a digit at all.
    pub rejected: bool,
    /// What the network saw.
    pub image: DigitImage,
}

impl DigitReading {
    /// The probability of [`digit`](Self::digit).
    pub fn confidence(&self) -> f32 {
        self.probabilities[usize::from(self.digit)]
    }

    fn to_json(&self, classes: &Classes) -> serde_json::Value {
        let area = self.area;
        let mut object = json!({
            "digit": self.digit, "box": [area.left, area.top, area.width, area.height], "line": self.line,
            "probabilities": self.probabilities, "confidence": self.confidence(), "rejected": self.rejected,
        });
        if !classes.are_digits() {
            object["class"] = classes.name(self.digit).into();
        }
        object
    }
}

/// Digits of a reading, at most.
pub const MOST_DIGITS: usize = 2000;

/// What is written in a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// In reading order, rejected ones included.
    pub digits: Vec<DigitReading>,
    /// What the ink was cut into, before the network decided which pieces make a digit together.
    pub pieces: Vec<Area>,
    /// The ink that was found, if any.
    pub ink: Option<Ink>,
    /// What the model tells apart.
    pub classes: Classes,
    /// Whether there may be more in it: a reading ends at [`MOST_DIGITS`], or where a picture is so crowded that it is no writing.
    pub is_truncated: bool,
}

/// How the digits of a [`Reading`] become text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wording {
    /// A digit less confident than this is written `?`, 0 to 1.
    pub min_confidence: f32,
    /// Each line of writing is a line of the text; else one follows the other.
    pub lines: bool,
}

impl Default for Wording {
    fn default() -> Self {
        Wording { min_confidence: 0.0, lines: true }
    }
}

impl Reading {
    /// The accepted digits, line after line; names of more than a letter with a space between.
    pub fn text(&self, wording: Wording) -> String {
        let are_characters = self.classes.are_characters();
        let mut text = String::new();
        let mut line = None;
        for digit in self.digits.iter().filter(|digit| !digit.rejected) {
            match line {
                Some(line) if wording.lines && line != digit.line => text.push('\n'),
                Some(_) if !are_characters => text.push(' '),
                _ => {}
            }
            line = Some(digit.line);
            let is_confident = digit.confidence() >= wording.min_confidence;
            text.push_str(if is_confident { self.classes.name(digit.digit) } else { "?" });
        }
        text
    }

    /// What is in the picture, for programs: `{"text", "digits": [{"digit", "box": [left, top, width, height], "line",
    /// "probabilities": [10], "confidence", "rejected"}]}`; with a model of other classes each has its name, `"class"`, too. Of
    /// more digits than are read there is `"truncated": true`.
    pub fn to_json(&self, wording: Wording) -> serde_json::Value {
        let digits: Vec<_> = self.digits.iter().map(|digit| digit.to_json(&self.classes)).collect();
        let mut object = json!({ "text": self.text(wording), "digits": digits });
        if self.is_truncated {
            object["truncated"] = true.into();
        }
        object
    }
}

/// Reads a picture.
pub fn recognize(reader: &Reader, picture: &Picture, options: Options) -> Reading {
    recognize_until(reader, picture, options, &Cancel::default()).expect("nobody cancels it")
}

/// [`recognize`], until somebody cancels it.
///
/// # Errors
///
/// [`Cancelled`], some milliseconds after [`Cancel::cancel`] was called.
pub fn recognize_until(
    reader: &Reader,
    picture: &Picture,
    options: Options,
    cancel: &Cancel,
) -> Result<Reading, Cancelled> {
    cancel.check()?;
    /// A mean score below this may come from the wrong polarity, one above that comes from the right one.
    const LOW: f32 = 0.6;
    const HIGH: f32 = 0.9;
    let mut effort = Effort::for_picture(picture);
    let nothing = || Reading { classes: reader.classes.clone(), ..Reading::default() };
    let mut inks = find_inks(picture).into_iter();
    let Some(ink) = inks.next() else { return Ok(nothing()) };
    let (score, likely) = recognize_ink(reader, ink, options, &mut effort, cancel)?;
    let Some(other) = inks.next().filter(|_| score < LOW) else { return Ok(likely) };
    let (score, unlikely) = recognize_ink(reader, other, options, &mut effort, cancel)?;
    Ok(if score > HIGH { unlikely } else { likely })
}

/// Reads the ink of a picture, and gives the mean score of the digits, 0 without any.
#[inline(never)]
fn recognize_ink(
    reader: &Reader,
    ink: Ink,
    options: Options,
    effort: &mut Effort,
    cancel: &Cancel,
) -> Result<(f32, Reading), Cancelled> {
    let pieces = segment::writing(&ink);
    cancel.check()?;
    let lines = if options.single { vec![pieces] } else { segment::into_lines(pieces) };
    let (mut found, mut pieces) = (vec![], vec![]);
    let mut is_truncated = false;
    for (number, line) in lines.into_iter().enumerate() {
        cancel.check()?;
        if found.len() >= MOST_DIGITS {
            is_truncated = true;
            break;
        }
        let (digits, parts) =
            if options.single { read_one(reader, line, effort) } else { read_line(reader, line, effort) };
        found.extend(digits.into_iter().map(|digit| (number, digit)));
        pieces.extend(parts.iter().map(|part| part.in_picture(&ink)));
    }
    is_truncated |= found.len() > MOST_DIGITS || effort.is_spent();
    found.truncate(MOST_DIGITS);
    let sum: f32 = found.iter().map(|(_, (_, scores))| scores.score).sum();
    let mean_score = sum / found.len().max(1) as f32;
    let least = options.least(found.iter().map(|(_, (_, scores))| scores.score));
    let digits = found.into_iter().map(|(line, (Candidate { area, image }, scores))| DigitReading {
        digit: scores.best,
        area: area.in_picture(&ink),
        line,
        probabilities: reader.calibrated(&scores),
        rejected: scores.score < least,
        image,
    });
    let digits = digits.collect();
    Ok((
        mean_score,
        Reading { digits, pieces, ink: Some(ink), classes: reader.classes.clone(), is_truncated },
    ))
}

impl Options {
    /// The bar for the digits of a picture, by how probable all of them are. One alone must be probable. Beside others it is expected;
    /// but where many are improbable, this is no page of digits, and a letter that looks like one is still a letter.
    fn least(&self, probabilities: impl ExactSizeIterator<Item = f32>) -> f32 {
        /// Of the digits of a picture: so many improbable ones are dirt.
        const DIRT: f32 = 0.2;
        /// So many, and only what is certain counts.
        const OTHERS: f32 = 0.6;
        const CERTAIN: f32 = 0.98;
        let count = probabilities.len();
        match count {
            _ if self.single => 0.0,
            1 => self.reject_alone_below,
            _ => {
                let improbable = probabilities.filter(|&p| p < self.reject_below).count();
                let share = improbable as f32 / count as f32;
                let part = ((share - DIRT) / (OTHERS - DIRT)).clamp(0.0, 1.0);
                self.reject_below + part * (CERTAIN - self.reject_below).max(0.0)
            }
        }
    }
}

impl From<&Piece> for Area {
    fn from(piece: &Piece) -> Self {
        Area { left: piece.left, top: piece.top, width: piece.width(), height: piece.height() }
    }
}

impl Area {
    /// From pixels of the ink, in its frame, to pixels of the picture.
    fn in_picture(self, found: &Ink) -> Area {
        let span = |first: usize, length: usize, side: usize| {
            let place = |at: usize| at.clamp(found.frame, side - found.frame) - found.frame;
            let begin = (place(first) as f32 * found.scale) as usize;
            (begin, ((place(first + length) as f32 * found.scale).ceil() as usize - begin).max(1))
        };
        let (left, width) = span(self.left, self.width, found.image.width());
        let (top, height) = span(self.top, self.height, found.image.height());
        Area { left, top, width, height }
    }
}

/// Ink that may be one digit.
struct Candidate {
    /// Where it is, in pixels of the ink.
    area: Area,
    image: DigitImage,
}

impl Candidate {
    /// `None` where hardly any ink is left at a digit's size, or so much was looked at already.
    fn new(piece: &Piece, effort: &mut Effort) -> Option<Self> {
        let area = Area::from(piece);
        effort.spend(area.width * area.height).ok()?;
        let image = center_digit(&with_known_strokes(&piece.ink))?;
        Some(Candidate { area, image })
    }
}

/// A candidate, and what the network gives for it.
type Scored = (Candidate, Scores);

/// Candidates that are digits, and what they were chosen from.
type Found = (Vec<Scored>, Vec<Area>);

/// All pieces as one digit.
fn read_one(reader: &Reader, pieces: Vec<Piece>, effort: &mut Effort) -> Found {
    let whole = (!pieces.is_empty()).then(|| Piece::union(pieces.iter()));
    let candidate = whole.and_then(|whole| Candidate::new(&whole, effort));
    let score = |candidate: Candidate| {
        let scores = reader.score(&[candidate.image]).remove(0);
        (candidate, scores)
    };
    (candidate.map(score).into_iter().collect(), pieces.iter().map(Area::from).collect())
}

/// The digits of a line: the grouping of its pieces that is most probable.
fn read_line(reader: &Reader, line: Line, effort: &mut Effort) -> Found {
    /// A piece with this score is not cut.
    const CONFIDENT: f32 = 0.8;
    let height = line.iter().map(Piece::height).max().unwrap_or(0) as f32;
    let whole: Vec<Option<Candidate>> = line.iter().map(|piece| Candidate::new(piece, effort)).collect();
    let images: Vec<DigitImage> = whole.iter().flatten().map(|candidate| candidate.image).collect();
    let mut scores = reader.score(&images).into_iter();
    let mut atoms = vec![];
    for (piece, candidate) in line.into_iter().zip(whole) {
        let scores = candidate.and_then(|_| scores.next());
        if scores.as_ref().is_some_and(|scores| scores.score >= CONFIDENT) {
            atoms.push(Atom { piece, is_cut: false, scores });
        } else {
            let parts = segment::apart(piece, height).into_iter().enumerate();
            atoms.extend(parts.map(|(part, piece)| Atom { piece, is_cut: part > 0, scores: None }));
        }
    }
    let areas = atoms.iter().map(|atom| Area::from(&atom.piece)).collect();
    (Search::new(reader, atoms, height, effort).best(), areas)
}

/// The smallest that a digit is made of.
struct Atom {
    piece: Piece,
    /// Whether it was cut off from the one before.
    is_cut: bool,
    /// What the network gives for it alone, where it was asked.
    scores: Option<Scores>,
}

/// All groups of neighbouring atoms that may be digits, and what the network gives for them.
struct Search {
    atoms: Vec<Atom>,
    height: f32,
    /// By first atom, then by how many more there are.
    candidates: Vec<Vec<Option<Scored>>>,
}

impl Search {
    fn new(reader: &Reader, atoms: Vec<Atom>, height: f32, effort: &mut Effort) -> Self {
        /// Atoms that a digit may have at most.
        const MOST: usize = 5;
        /// Columns and rows of a digit, by the height of its line.
        const LARGEST: f32 = 1.4;
        let (mut candidates, mut images) = (vec![], vec![]);
        for first in 0..atoms.len() {
            let group = |last: usize| atoms[first..=last].iter().map(|atom| &atom.piece);
            let mut candidate = |last: usize| {
                let width =
                    group(last).map(Piece::right).max()? - group(last).map(|piece| piece.left).min()?;
                let rows =
                    group(last).map(Piece::bottom).max()? - group(last).map(|piece| piece.top).min()?;
                let fits = first == last || width.max(rows) as f32 <= LARGEST * height;
                (fits && !effort.is_spent()).then(|| Candidate::new(&Piece::union(group(last)), effort))?
            };
            let row: Vec<_> = (first..atoms.len().min(first + MOST))
                .map(|last| {
                    let candidate = candidate(last)?;
                    let known = atoms[first].scores.clone().filter(|_| first == last);
                    if known.is_none() {
                        images.push(candidate.image);
                    }
                    Some((candidate, known))
                })
                .collect();
            candidates.push(row);
        }
        let mut scores = reader.score(&images).into_iter();
        let mut scored = |known: Option<_>| known.or_else(|| scores.next()).expect("all have scores");
        let candidates = candidates
            .into_iter()
            .map(|row| {
                row.into_iter().map(|c| c.map(|(candidate, known)| (candidate, scored(known)))).collect()
            })
            .collect();
        Search { atoms, height, candidates }
    }

    /// The logarithm of how probable a group is as a digit.
    fn score(&self, first: usize, more: usize) -> Option<f32> {
        /// What a cut costs: digits that do not touch are more frequent.
        const CUT: f32 = 1.0;
        /// And a cut is wrong if what is cut off is no digit.
        const LEAST: f32 = 0.5;
        /// Digits lower than this part of the line are rare, and the rarer the lower.
        const LOWEST: f32 = 0.55;
        const LOW: f32 = 4.0;
        let (candidate, scores) = self.candidates[first][more].as_ref()?;
        let height = candidate.area.height as f32 / self.height;
        let is_cut = |end: &usize| self.atoms.get(*end).is_some_and(|atom| atom.is_cut);
        // Either side of a cut pays half of it.
        let cuts = [first, first + more + 1].iter().filter(|end| is_cut(end)).count();
        let probability = scores.score;
        if cuts > 0 && probability < LEAST {
            return None;
        }
        let cut = CUT / 2.0 * cuts as f32;
        Some(probability.ln() - cut - LOW * (LOWEST - height).max(0.0))
    }

    /// The groups whose scores sum to the most; what is in none of them is dirt.
    fn best(mut self) -> Vec<Scored> {
        /// What an atom costs that is left out, if it is as large as a digit; smaller ones cost less.
        const LEFT_OUT: f32 = 4.0;
        let count = self.atoms.len();
        // From the right: the best of everything from an atom on, and how many more belong to its group.
        let mut best: Vec<(f32, Option<usize>)> = vec![(0.0, None); count + 1];
        for first in (0..count).rev() {
            let size = (self.atoms[first].piece.size() as f32 / self.height).min(1.0);
            let left_out = (best[first + 1].0 - LEFT_OUT * size, None);
            let groups = (0..self.candidates[first].len())
                .filter_map(|more| Some((self.score(first, more)? + best[first + more + 1].0, Some(more))));
            best[first] = groups.fold(left_out, |best, group| if group.0 > best.0 { group } else { best });
        }
        let (mut first, mut found) = (0, vec![]);
        while first < count {
            if let Some(more) = best[first].1 {
                found.push(self.candidates[first][more].take().expect("a group was chosen"));
                first += more;
            }
            first += 1;
        }
        found
    }
}
