//! Reads lines of digits without cutting them: each line's strip goes through a line network as a whole.
//!
//! In: a [`LineReader`] and the strips of a line. Out: a [`LineText`]: the most probable digits and marks, where they stand, and the chance
//! of each digit. A crop that is a little tighter or wider is read by chance a little better or worse; what most of them find probable
//! counts.

use super::{reader::Scores, reading::Area};
use crate::{
    image::DIGITS,
    kernels::Level,
    model::{CalibratedLines, ModelError, line_network_from_bytes},
    network::{
        Precision,
        calibration::Calibration,
        ctc::{self, CtcWorkspace},
        line_model::{LineModel, LineSession},
        softmax,
    },
    preprocess::strip::Strip,
    signs,
};
use std::{iter, ops::Range};

/// A trained line network, ready to read.
#[derive(Clone, Debug)]
pub struct LineReader {
    model: LineModel,
    pub(super) calibration: Calibration,
}

/// What stands in a line.
#[derive(Clone, Debug)]
pub struct LineText {
    /// Where it is, with some paper around it.
    pub area: Area,
    /// Its digits and marks, as the network reads them if there is nothing else.
    pub signs: Vec<LineSign>,
    /// The chance of each digit among the signs that it stands there, 0 to 1: neither another nor none. The mean over the crops.
    pub confidences: Vec<f32>,
}

impl LineText {
    /// The geometric mean of its digits' confidences; 0 without any.
    pub fn mean_confidence(&self) -> f32 {
        let logarithms: f32 = self.confidences.iter().map(|p| p.ln()).sum();
        if self.confidences.is_empty() { 0.0 } else { (logarithms / self.confidences.len() as f32).exp() }
    }
}

/// A digit or mark of a line.
#[derive(Clone, Debug)]
pub struct LineSign {
    /// See [`signs`].
    pub sign: u8,
    /// Its columns in the picture.
    pub columns: Range<usize>,
    /// How probable each digit is there; they sum to 1, whatever the probability of marks is.
    pub probabilities: Vec<f32>,
}

impl LineReader {
    /// Makes a network ready, for a processor.
    pub fn new(lines: &CalibratedLines, level: Level) -> Self {
        let model = LineModel::new(&lines.network, level, Precision::F32);
        LineReader { model, calibration: lines.calibration }
    }

    /// Reads a line network's file and makes it ready.
    ///
    /// # Errors
    ///
    /// As [`line_network_from_bytes`].
    pub fn from_bytes(bytes: &[u8], level: Level) -> Result<Self, ModelError> {
        Ok(LineReader::new(&line_network_from_bytes(bytes)?, level))
    }

    /// Reads a strip, which shows an area of a picture.
    pub(super) fn read(&self, strip: &Strip, area: Area, session: &mut LineSession) -> CropReading {
        let classes = self.model.classes();
        let logits = self.model.logits(strip, session);
        let numeric = numeric(logits, classes);
        let columns = area.width as f32 / strip.width as f32 * self.model.columns_per_step() as f32;
        let place = |step: usize| area.left + ((step as f32 * columns) as usize).min(area.width);
        let found = ctc::greedy(&numeric, classes);
        let are_digits = found.iter().filter(|(sign, _)| usize::from(*sign) < DIGITS);
        let steps = are_digits.map(|(_, steps)| steps.clone()).collect();
        let signs = found.into_iter().map(|(sign, steps)| LineSign {
            sign,
            columns: place(steps.start)..place(steps.end),
            probabilities: digit_probabilities(&numeric, classes, steps),
        });
        let logits = without_marks(logits, classes);
        CropReading { area, signs: signs.collect(), steps, logits, weight: 1.0 }
    }
}

/// What a network says of a crop.
pub(super) struct CropReading {
    area: Area,
    signs: Vec<LineSign>,
    /// The steps of each digit among the signs.
    steps: Vec<Range<usize>>,
    /// See [`without_marks`].
    logits: Vec<f32>,
    /// How many crops it counts as.
    weight: f32,
}

impl CropReading {
    /// A crop of one digit, by a network that knows nothing else; it counts as so many crops.
    pub fn of_digit(area: Area, scores: &Scores, probabilities: Vec<f32>, weight: f32) -> Self {
        /// What it knows nothing of, in nats.
        const NEVER: f32 = -30.0;
        let mut logits = vec![NEVER; WITHOUT_MARKS];
        let softmax = softmax::probabilities(&scores.logits, 1.0);
        logits.iter_mut().zip(softmax).for_each(|(logit, p)| *logit = p.ln());
        let columns = area.left..area.left + area.width;
        let signs = vec![LineSign { sign: scores.best, columns, probabilities }];
        CropReading { area, signs, steps: iter::once(0..1).collect(), logits, weight }
    }

    /// Whether no other crop needs to be looked at.
    pub fn is_certain(&self) -> bool {
        const CERTAIN: f32 = 0.95;
        self.log_probability(&self.digits()) > CERTAIN.ln()
    }

    /// Whether one digit is all that it says.
    pub fn is_one_digit(&self) -> bool {
        self.steps.len() == 1
    }

    /// The most probable digits here.
    fn digits(&self) -> Vec<u8> {
        self.signs.iter().map(|sign| sign.sign).filter(|&sign| usize::from(sign) < DIGITS).collect()
    }

    /// `ln p` of digits, and of nothing else but marks.
    fn log_probability(&self, digits: &[u8]) -> f32 {
        let fits = ctc::fits(digits, self.logits.len() / WITHOUT_MARKS);
        let loss = || ctc::loss(&self.logits, WITHOUT_MARKS, digits, &mut CtcWorkspace::default());
        if fits { -loss() } else { f32::NEG_INFINITY }
    }

    /// How probable each digit is here, 0 to 1, where these digits are read; where others are, their mean.
    fn confidences(&self, digits: &[u8]) -> Vec<f32> {
        if self.digits() == digits {
            return self
                .steps
                .iter()
                .zip(digits)
                .map(|(steps, &digit)| self.confidence(steps, digit))
                .collect();
        }
        let mean = (self.log_probability(digits) / digits.len().max(1) as f32).exp();
        vec![mean; digits.len()]
    }

    /// How probable a digit is among all that may stand in some steps, nothing too.
    fn confidence(&self, steps: &Range<usize>, digit: u8) -> f32 {
        let mut absent = [1.0f32; WITHOUT_MARKS];
        let mut nothing = 1.0;
        for logits in self.logits.chunks_exact(WITHOUT_MARKS).take(steps.end).skip(steps.start) {
            let p = softmax::probabilities(logits, 1.0);
            absent.iter_mut().zip(&p).for_each(|(absent, p)| *absent *= 1.0 - p);
            nothing *= p[WITHOUT_MARKS - 1];
        }
        let somewhere = |class: usize| 1.0 - absent[class];
        let all: f32 = (0..WITHOUT_MARKS - 1).map(somewhere).sum::<f32>() + nothing;
        somewhere(usize::from(digit)) / all
    }
}

/// Of the texts that some crops say, the one whose digits are most probable in all of them together.
///
/// # Panics
///
/// Without a crop.
pub(super) fn most_probable(crops: &[CropReading], calibration: Calibration) -> LineText {
    /// A crop that a text does not fit says no more against it than this, in nats: the crop may be the wrong one.
    const LEAST: f32 = -4.0;
    let weights: f32 = crops.iter().map(|crop| crop.weight).sum();
    let scored = crops.iter().map(|said| {
        let digits = said.digits();
        let score: f32 =
            crops.iter().map(|crop| crop.weight * crop.log_probability(&digits).max(LEAST)).sum();
        (score, said)
    });
    let (_, said) =
        scored.reduce(|best, text| if text.0 > best.0 { text } else { best }).expect("a line has a crop");
    let digits = said.digits();
    let mut confidences = vec![0.0; digits.len()];
    for crop in crops {
        let share = crop.weight / weights;
        let of_crop = crop.confidences(&digits);
        confidences.iter_mut().zip(of_crop).for_each(|(sum, confidence)| *sum += share * confidence);
    }
    let confidences = confidences.into_iter().map(|p| calibration.chance(p)).collect();
    LineText { area: said.area, signs: said.signs.clone(), confidences }
}

/// Digits, letters, other symbols, and nothing of these.
const WITHOUT_MARKS: usize = DIGITS + 3;

/// Logits in which marks count as blanks: the probability of a text is then that of its digits, whatever marks stand between them.
fn without_marks(logits: &[f32], classes: usize) -> Vec<f32> {
    let merged = logits.chunks_exact(classes).flat_map(|step| {
        let (digits, [letter, other]) = (&step[..DIGITS], [signs::LETTER, signs::OTHER].map(usize::from));
        let blanks = || step[DIGITS..letter].iter().chain(&step[other + 1..]);
        let largest = blanks().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = blanks().map(|z| (z - largest).exp()).sum();
        digits.iter().copied().chain([step[letter], step[other], largest + sum.ln()])
    });
    merged.collect()
}

/// The logits of a line of digits and marks: letters and other symbols never come. Where the network sees a letter, but may well see a
/// digit, there is one.
fn numeric(logits: &[f32], classes: usize) -> Vec<f32> {
    /// Far below every other logit.
    const NEVER: f32 = -1e3;
    /// So much less probable than a letter, in nats.
    const WELL: f32 = 4.0;
    let mut numeric = logits.to_vec();
    for step in numeric.chunks_exact_mut(classes) {
        let largest = |logits: &[f32]| logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let letter = step[usize::from(signs::LETTER)];
        if letter == largest(step) && largest(&step[..DIGITS]) > letter - WELL {
            step[classes - 1] = NEVER;
        }
        step[usize::from(signs::LETTER)] = NEVER;
        step[usize::from(signs::OTHER)] = NEVER;
    }
    numeric
}

/// How probable each digit is in some steps: at the step where digits are most probable together.
fn digit_probabilities(logits: &[f32], classes: usize, steps: Range<usize>) -> Vec<f32> {
    let of_step = |step: usize| softmax::probabilities(&logits[step * classes..][..classes], 1.0);
    let largest = |p: &[f32]| p[..DIGITS].iter().copied().fold(0.0, f32::max);
    let mut best = of_step(steps.start);
    for step in steps.skip(1) {
        let p = of_step(step);
        if largest(&p) > largest(&best) {
            best = p;
        }
    }
    best.truncate(DIGITS);
    let sum: f32 = best.iter().sum();
    best.iter_mut().for_each(|p| *p /= sum.max(f32::MIN_POSITIVE));
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crop of one step in which each digit has a probability of its own; nothing has the rest.
    fn crop(probabilities: &[(u8, f32)]) -> CropReading {
        let mut logits = vec![-30.0; WITHOUT_MARKS];
        logits[WITHOUT_MARKS - 1] = (1.0 - probabilities.iter().map(|(_, p)| p).sum::<f32>()).max(1e-9).ln();
        probabilities.iter().for_each(|&(digit, p)| logits[usize::from(digit)] = p.ln());
        let found = ctc::greedy(&logits, WITHOUT_MARKS).into_iter();
        let signs = found.map(|(sign, _)| LineSign { sign, columns: 0..4, probabilities: vec![] });
        let area = Area { left: 0, top: 0, width: 4, height: 4 };
        CropReading { area, signs: signs.collect(), steps: iter::once(0..1).collect(), logits, weight: 1.0 }
    }

    #[test]
    fn marks_count_as_nothing() {
        let classes = signs::SIGNS + 1;
        let mut logits = vec![f32::NEG_INFINITY; classes];
        logits[4] = 0.5f32.ln();
        logits[usize::from(signs::DASH)] = 0.2f32.ln();
        logits[usize::from(signs::LETTER)] = 0.1f32.ln();
        logits[classes - 1] = 0.2f32.ln();
        let p: Vec<f32> = without_marks(&logits, classes).iter().map(|z| z.exp()).collect();
        assert!((p[4] - 0.5).abs() < 1e-6 && (p[DIGITS] - 0.1).abs() < 1e-6 && p[DIGITS + 1] == 0.0);
        assert!((p[WITHOUT_MARKS - 1] - 0.4).abs() < 1e-6, "{p:?}");
    }

    #[test]
    fn what_most_crops_find_probable_counts() {
        let read = |crops: &[CropReading]| {
            let text = most_probable(crops, Calibration::default());
            (text.signs[0].sign, text.confidences[0])
        };
        let (first, others) = (crop(&[(1, 0.6), (7, 0.39)]), || crop(&[(1, 0.2), (7, 0.79)]));
        let (sign, probability) = read(&[first, others(), others()]);
        assert_eq!(sign, 7);
        assert!((probability - (0.39 + 2.0 * 0.79) / 3.0).abs() < 1e-4, "{probability}");
        // A crop that the text does not fit at all is outvoted, and lowers what is believed.
        let (sign, probability) = read(&[crop(&[(4, 0.99)]), others(), others()]);
        assert_eq!(sign, 7);
        assert!((probability - 2.0 * 0.79 / 3.0).abs() < 1e-4, "{probability}");
        assert_eq!(read(&[crop(&[(4, 0.9)])]).0, 4);
    }

    #[test]
    fn where_a_letter_may_well_be_a_digit_there_is_one() {
        let classes = signs::SIGNS + 1;
        let step = |letter: f32, two: f32, blank: f32| {
            let mut logits = vec![0.0; classes];
            (logits[2], logits[usize::from(signs::LETTER)], logits[classes - 1]) = (two, letter, blank);
            ctc::greedy(&numeric(&logits, classes), classes).first().map(|(sign, _)| *sign)
        };
        assert_eq!(step(9.0, 6.0, 8.0), Some(2));
        assert_eq!(step(9.0, 1.0, 8.0), None, "a letter and nothing else");
        assert_eq!(step(1.0, 2.0, 8.0), None);
    }
}
