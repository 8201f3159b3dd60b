//! Who writes: pools of pen strokes by writer and sign, and our own stroke models.
//!
//! Files have faults of their own: lines like stairs, cut pieces, letters that are digits in shape. They are mended or left out here.

use super::{
    models::ModelWriter,
    path::Path,
    random::{chance, one_of},
};
use crate::{
    Rng,
    dataset::{
        Dataset,
        strokes::{Sample, Strokes},
        synthetic::spread,
    },
};
use rand::RngExt;
use std::{collections::BTreeMap, sync::Arc};

#[cfg(feature = "numpy")]
use crate::dataset::strokes::StrokesError;

/// Digits that a writer must have written, each at least once, to write whole lines.
const ENOUGH_DIGITS: usize = 8;
/// From this likeness on (255 times a cosine) people read a digit.
const LIKE_A_DIGIT: u8 = 224;
/// Letters that alone are read as digits.
pub(super) const LIKE_DIGITS: &str = "OoDQIl|ZzSsBGgqybi";
/// How often a line is written by a model where there are people.
const MODELS_SHARE: f32 = 0.12;

/// Drawings that are, or hold, digits.
const DRAWINGS_LEFT_OUT: [&str; 22] = [
    "circle",
    "line",
    "squiggle",
    "octagon",
    "hexagon",
    "square",
    "moon",
    "donut",
    "cookie",
    "clock",
    "calendar",
    "calculator",
    "wristwatch",
    "alarm clock",
    "cell phone",
    "telephone",
    "computer",
    "keyboard",
    "wheel",
    "bracelet",
    "necklace",
    "baseball",
];

/// The files of pen strokes to train on, below their folder; of pendigits those of the writers for testing stay out.
pub const HANDWRITING_FILES: [&str; 9] = [
    "pendigits/pendigits_orig_train.npz",
    "unipen/unipen_digits.npz",
    "unipen/unipen_numbers.npz",
    "unipen/unipen_upper.npz",
    "unipen/unipen_lower.npz",
    "unipen/unipen_symbols.npz",
    "unipen/unipen_words.npz",
    "omniglot/omniglot_strokes.npz",
    "quickdraw/quickdraw_strokes.npz",
];

/// Pools of pen strokes by sign and writer.
#[derive(Clone, Debug, Default)]
pub struct Hands {
    points: Arc<Vec<[i16; 2]>>,
    /// Where each stroke ends among the points.
    ends: Arc<Vec<u32>>,
    people: BTreeMap<u32, Person>,
    /// Those among them who write whole lines.
    scribes: Vec<u32>,
    /// All samples of a sign.
    pools: BTreeMap<char, Vec<Glyph>>,
    numbers: Vec<Line>,
    words: Vec<Line>,
    /// Images of digits.
    scans: Option<Arc<Dataset>>,
    /// Drawings and foreign letters, with a number to part them by.
    drawings: Vec<(u32, Glyph)>,
}

type Person = BTreeMap<char, Vec<Glyph>>;

/// The strokes of one sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph {
    first: u32,
    strokes: u32,
}

/// A line that somebody wrote as a whole.
#[derive(Clone, Debug)]
pub(super) struct Line {
    writer: u32,
    pub glyph: Glyph,
    pub text: Box<str>,
}

/// Who writes a line.
pub(super) enum Writer<'a> {
    Person(&'a Person),
    Model(Box<ModelWriter>),
}

/// A file of strokes that cannot be read.
#[cfg(feature = "numpy")]
#[derive(Debug, thiserror::Error)]
#[error("{name}")]
pub struct HandsError {
    /// The file.
    pub name: String,
    /// Why not.
    pub source: StrokesError,
}

impl Hands {
    /// Our own stroke models alone; needs no data.
    pub fn synthetic() -> Self {
        Hands::default()
    }

    /// The samples of `.npz` files, each with its name, which errors give; see [`add`](Self::add) for what the name means.
    ///
    /// # Errors
    ///
    /// [`HandsError`]: the file that cannot be read, and why.
    #[cfg(feature = "numpy")]
    pub fn from_files(files: &[(&str, &[u8])]) -> Result<Self, HandsError> {
        let mut hands = Hands::default();
        for &(name, bytes) in files {
            let strokes = Strokes::from_npz(bytes);
            hands.add(name, &strokes.map_err(|source| HandsError { name: name.to_string(), source })?);
        }
        Ok(hands)
    }

    /// Adds samples. Files whose names begin with the same letters, up to the first `_`, number the same writers.
    pub fn add(&mut self, name: &str, strokes: &Strokes) {
        let set = name.rsplit('/').next().and_then(|file| file.split('_').next()).unwrap_or_default();
        let set = set.bytes().fold(0, |hash, byte| spread(hash ^ u64::from(byte))) as u32 & 0xffff_0000;
        for (number, sample) in strokes.samples().enumerate() {
            let writer = set | u32::from(sample.writer);
            if let Some(text) = sample.text {
                self.add_line(writer, text, &sample);
            } else if let Some(sign) = sample.label {
                if is_sound(sign, &sample) {
                    let glyph = self.keep(&sample);
                    self.people.entry(writer).or_default().entry(sign).or_default().push(glyph);
                }
            } else if sample.likeness < LIKE_A_DIGIT && !DRAWINGS_LEFT_OUT.contains(&sample.source) {
                let glyph = self.keep(&sample);
                self.drawings.push((set ^ number as u32, glyph));
            }
        }
        self.index();
    }

    fn add_line(&mut self, writer: u32, text: &str, sample: &Sample<'_>) {
        let line = Line { writer, glyph: self.keep(sample), text: text.into() };
        let has_digits = text.contains(|letter: char| letter.is_ascii_digit());
        if has_digits { &mut self.numbers } else { &mut self.words }.push(line);
    }

    /// Keeps the strokes of a sample, smoothed.
    fn keep(&mut self, sample: &Sample<'_>) -> Glyph {
        let passes = match sample.source {
            "apa" | "app" => 3, // lines like stairs
            "tos" => 2,
            _ => 1,
        };
        let (points, ends) = (Arc::make_mut(&mut self.points), Arc::make_mut(&mut self.ends));
        let first = ends.len() as u32;
        for stroke in sample.strokes() {
            let begin = points.len();
            points.extend_from_slice(stroke);
            (0..passes).for_each(|_| smooth(&mut points[begin..]));
            ends.push(points.len() as u32);
        }
        Glyph { first, strokes: ends.len() as u32 - first }
    }

    /// Lets some lines be made of images of digits, MNIST's for example.
    pub fn with_scans(self, digits: Dataset) -> Self {
        Hands { scans: Some(Arc::new(digits)), ..self }
    }

    /// Images of digits, where there are any.
    pub(super) fn scans(&self) -> Option<&Dataset> {
        self.scans.as_deref()
    }

    /// Finds out who writes lines and which samples there are of each sign.
    fn index(&mut self) {
        let digits = |person: &Person| ('0'..='9').filter(|digit| person.contains_key(digit)).count();
        let scribes = self.people.iter().filter(|(_, person)| digits(person) >= ENOUGH_DIGITS);
        self.scribes = scribes.map(|(&writer, _)| writer).collect();
        self.pools.clear();
        for (&sign, glyphs) in self.people.values().flatten() {
            self.pools.entry(sign).or_default().extend_from_slice(glyphs);
        }
    }

    /// Training and held-out writers: about one in `one_in` is held out, chosen by the seed. Models know no writers; both sides have them.
    ///
    /// # Panics
    ///
    /// If `one_in` is 0.
    pub fn split(self, one_in: usize, seed: u64) -> (Hands, Hands) {
        let is_held_out =
            |writer: u32| spread(spread(seed) ^ u64::from(writer)).is_multiple_of(one_in as u64);
        assert!(one_in > 0, "Hands::split: one in none");
        let side = |held_out: bool| {
            let mut hands = self.clone();
            hands.people.retain(|&writer, _| is_held_out(writer) == held_out);
            hands.numbers.retain(|line| is_held_out(line.writer) == held_out);
            hands.words.retain(|line| is_held_out(line.writer) == held_out);
            hands.drawings.retain(|&(number, _)| is_held_out(number) == held_out);
            hands.index();
            hands
        };
        (side(false), side(true))
    }

    /// How many people write whole lines of digits; 0 where only models do.
    pub fn writers(&self) -> usize {
        self.scribes.len()
    }

    /// Somebody who writes a line.
    pub(super) fn writer(&self, rng: &mut Rng) -> Writer<'_> {
        if self.scribes.is_empty() || chance(rng, MODELS_SHARE) {
            return Writer::Model(Box::new(ModelWriter::random(rng)));
        }
        Writer::Person(&self.people[&one_of(rng, &self.scribes)])
    }

    /// Adds a sign by this writer, by another who has written it, or by a model.
    pub(super) fn write(&self, writer: &Writer<'_>, sign: char, path: &mut Path, rng: &mut Rng) {
        let own = match writer {
            Writer::Model(model) => return model.write(sign, path, rng),
            Writer::Person(person) => person.get(&sign),
        };
        match own.or_else(|| self.pools.get(&sign)) {
            Some(glyphs) => self.trace(one_of(rng, glyphs), path),
            None => ModelWriter::random(rng).write(sign, path, rng),
        }
    }

    /// Adds the strokes of a sample.
    pub(super) fn trace(&self, glyph: Glyph, path: &mut Path) {
        let first = glyph.first as usize;
        let mut begin = first.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        for &end in &self.ends[first..first + glyph.strokes as usize] {
            let points = &self.points[begin..end as usize];
            path.stroke(points.iter().map(|&[x, y]| [f32::from(x) * 0.001, f32::from(y) * 0.001]));
            begin = end as usize;
        }
    }

    /// A number that somebody wrote as a whole.
    pub(super) fn number(&self, rng: &mut Rng) -> Option<&Line> {
        (!self.numbers.is_empty()).then(|| &self.numbers[rng.random_range(0..self.numbers.len())])
    }

    /// A word.
    pub(super) fn word(&self, rng: &mut Rng) -> Option<&Line> {
        (!self.words.is_empty()).then(|| &self.words[rng.random_range(0..self.words.len())])
    }

    /// A drawing or a foreign letter.
    pub(super) fn drawing(&self, rng: &mut Rng) -> Option<Glyph> {
        (!self.drawings.is_empty()).then(|| one_of(rng, &self.drawings).1)
    }
}

/// Whether a sample is what its label says, and is read as that.
fn is_sound(sign: char, sample: &Sample<'_>) -> bool {
    match sign {
        '0'..='9' => sample.flag & 2 == 0 && !(sample.source == "ibm" && sample.flag & 1 == 1),
        letter if letter.is_alphabetic() => {
            let is_cut = matches!(sample.source, "val" | "ibm");
            !is_cut && (LIKE_DIGITS.contains(letter) || sample.likeness < LIKE_A_DIGIT)
        }
        _ => true,
    }
}

/// Each point moves towards the middle of its neighbours.
fn smooth(stroke: &mut [[i16; 2]]) {
    let Some(&(mut before)) = stroke.first() else { return };
    for i in 1..stroke.len().saturating_sub(1) {
        let (here, after) = (stroke[i], stroke[i + 1]);
        stroke[i] = std::array::from_fn(|k| {
            let sum = i32::from(before[k]) + 2 * i32::from(here[k]) + i32::from(after[k]);
            ((sum + 2) >> 2) as i16
        });
        before = here;
    }
}
