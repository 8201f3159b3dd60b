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
#[cfg(feature = "lines")]
mod crops;
mod effort;
mod explanation;
#[cfg(feature = "lines")]
mod lines;
mod reader;
mod reading;
mod search;
#[cfg(feature = "lines")]
mod whole_lines;

#[cfg(feature = "lines")]
pub use self::lines::LineReader;
pub use self::{
    cancel::{Cancel, Cancelled},
    explanation::LayerOutput,
    reader::Reader,
    reading::{Area, DigitReading, LineReading, MOST_DIGITS, Reading, Wording},
};
use self::{
    effort::Effort,
    search::{Candidate, read_line, read_one},
};
use crate::{
    image::Picture,
    preprocess::{
        ink::{Ink, find_inks},
        segment,
    },
};

/// How to read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// Everything in the picture is one digit, however improbable.
    pub single: bool,
    /// What is less probable than this is no digit, 0 to 1; without it the bars of those who read.
    pub reject_below: Option<f32>,
}

/// What is less probable is no digit.
#[derive(Clone, Copy)]
struct Bars {
    /// For a digit that stands alone.
    alone: f32,
    /// For one beside others, which are a reason to expect it.
    beside: f32,
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
    let (score, likely) = recognize_ink(reader, picture, ink, options, &mut effort, cancel)?;
    let Some(other) = inks.next().filter(|_| score < LOW) else { return Ok(likely) };
    let (score, unlikely) = recognize_ink(reader, picture, other, options, &mut effort, cancel)?;
    Ok(if score > HIGH { unlikely } else { likely })
}

/// Reads the ink of a picture, and gives the mean score of the digits, 0 without any.
#[inline(never)]
#[cfg_attr(not(feature = "lines"), allow(unused_variables))] // only lines are read from the picture itself
fn recognize_ink(
    reader: &Reader,
    picture: &Picture,
    ink: Ink,
    options: Options,
    effort: &mut Effort,
    cancel: &Cancel,
) -> Result<(f32, Reading), Cancelled> {
    let pieces = segment::find_writing(&ink);
    cancel.check()?;
    #[cfg(feature = "lines")]
    if let (Some(lines), false) = (&reader.lines, options.single) {
        let readers = whole_lines::Readers { lines, digits: reader };
        return readers.read(picture, (ink, segment::into_lines(pieces)), options, effort, cancel);
    }
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
    let least = options.least_of_all(found.iter().map(|(_, (_, scores))| scores.score));
    let digits = found.into_iter().map(|(line, (Candidate { area, image }, scores))| DigitReading {
        digit: scores.best,
        area: area.in_picture(&ink),
        line,
        confidence: reader.calibrated(&scores)[usize::from(scores.best)],
        probabilities: reader.calibrated(&scores),
        rejected: scores.score < least,
        image,
    });
    let digits = digits.collect();
    Ok((
        mean_score,
        Reading {
            digits,
            pieces,
            ink: Some(ink),
            classes: reader.classes.clone(),
            is_truncated,
            lines: vec![],
        },
    ))
}

impl Options {
    /// The user's bar, else these.
    fn bars(&self, default: Bars) -> Bars {
        self.reject_below.map_or(default, |bar| Bars { alone: bar, beside: bar })
    }

    /// The bar for the digits of a picture, by how probable all of them are. One alone must be probable. Beside others it is expected;
    /// but where many are improbable, this is no page of digits, and a letter that looks like one is still a letter.
    fn least_of_all(&self, probabilities: impl ExactSizeIterator<Item = f32>) -> f32 {
        /// Of the digits of a picture: so many improbable ones are dirt.
        const DIRT: f32 = 0.2;
        /// So many, and only what is certain counts.
        const OTHERS: f32 = 0.6;
        const CERTAIN: f32 = 0.98;
        /// For the network's probabilities before they are calibrated.
        const BARS: Bars = Bars { alone: 0.5, beside: 0.3 };
        let Bars { alone, beside } = self.bars(BARS);
        let count = probabilities.len();
        match count {
            _ if self.single => 0.0,
            1 => alone,
            _ => {
                let improbable = probabilities.filter(|&p| p < beside).count();
                let share = improbable as f32 / count as f32;
                let part = ((share - DIRT) / (OTHERS - DIRT)).clamp(0.0, 1.0);
                beside + part * (CERTAIN - beside).max(0.0)
            }
        }
    }
}
