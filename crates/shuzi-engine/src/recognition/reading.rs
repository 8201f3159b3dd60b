//! What was read in a picture, as text and as JSON.
//!
//! A [`Reading`] holds every digit with its place, its probabilities and whether it is accepted. Decides nothing: that is done
//! when it is made.

use crate::{
    classes::Classes,
    image::DigitImage,
    preprocess::{ink::Ink, segment::Piece},
};
use serde_json::json;

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
    /// The chance that this digit stands there, 0 to 1: neither another nor none. It decides what is rejected.
    pub confidence: f32,
    /// Of all classes, calibrated, if it is a digit; they sum to 1.
    pub probabilities: Vec<f32>,
    /// Whether it is too improbable to be a digit at all.
    pub rejected: bool,
    /// What the network saw.
    pub image: DigitImage,
}

impl DigitReading {
    fn to_json(&self, classes: &Classes) -> serde_json::Value {
        let area = self.area;
        let mut object = json!({
            "digit": self.digit, "box": [area.left, area.top, area.width, area.height], "line": self.line,
            "probabilities": self.probabilities, "confidence": self.confidence, "rejected": self.rejected,
        });
        if !classes.are_digits() {
            object["class"] = classes.name(self.digit).into();
        }
        object
    }
}

/// A line of writing, read as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct LineReading {
    /// Where it is.
    pub area: Area,
    /// Its digits and marks; a currency is `$`.
    pub text: String,
    /// The chance that its digits are right, 0 to 1: the product of theirs.
    pub confidence: f32,
    /// Whether it is more probable that something else than digits is written there.
    pub rejected: bool,
}

impl LineReading {
    fn to_json(&self) -> serde_json::Value {
        let area = self.area;
        json!({
            "text": self.text, "box": [area.left, area.top, area.width, area.height], "confidence": self.confidence,
            "rejected": self.rejected,
        })
    }
}

/// Digits of a reading, at most.
pub const MOST_DIGITS: usize = 2000;

/// What is written in a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// In reading order, rejected ones included.
    pub digits: Vec<DigitReading>,
    /// Where lines are read as a whole: each of them.
    pub lines: Vec<LineReading>,
    /// What the ink was cut into, before the network decided which pieces make a digit together.
    pub pieces: Vec<Area>,
    /// The ink that was found, if any.
    pub ink: Option<Ink>,
    /// What the model distinguishes.
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
            let is_confident = digit.confidence >= wording.min_confidence;
            text.push_str(if is_confident { self.classes.name(digit.digit) } else { "?" });
        }
        text
    }

    /// What is in the picture, for programs: `{"text", "digits": [{"digit", "box": [left, top, width, height], "line",
    /// "probabilities": [10], "confidence", "rejected"}]}`; where lines are read as a whole also `"lines": [{"text", "box", "confidence",
    /// "rejected"}]`, with their marks; with a model of other classes each has its name, `"class"`, too. Of
    /// more digits than are read there is `"truncated": true`.
    pub fn to_json(&self, wording: Wording) -> serde_json::Value {
        let digits: Vec<_> = self.digits.iter().map(|digit| digit.to_json(&self.classes)).collect();
        let mut object = json!({ "text": self.text(wording), "digits": digits });
        if !self.lines.is_empty() {
            object["lines"] = self.lines.iter().map(LineReading::to_json).collect();
        }
        if self.is_truncated {
            object["truncated"] = true.into();
        }
        object
    }
}

impl From<&Piece> for Area {
    fn from(piece: &Piece) -> Self {
        Area { left: piece.left, top: piece.top, width: piece.width(), height: piece.height() }
    }
}

impl Area {
    /// From pixels of the ink, in its frame, to pixels of the picture.
    pub(super) fn in_picture(self, found: &Ink) -> Area {
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
