//! What was read in a picture: lines of digits, each with its place, its probabilities and its confidence.

use shuzi_engine::{classes::Classes, recognition};

/// What is written in a picture.
///
/// Digits come in reading order: line by line from the top, each from the left. What looked like writing but is no digit is
/// [`rejected`](Self::rejected) and in no line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    lines: Vec<Line>,
    rejected: Vec<Digit>,
    is_truncated: bool,
}

impl Reading {
    pub(crate) fn new(reading: recognition::Reading) -> Self {
        let recognition::Reading { digits, classes, is_truncated, .. } = reading;
        let (mut lines, mut rejected, mut last) = (vec![], vec![], None);
        for found in digits {
            let (line, is_rejected) = (found.line, found.rejected);
            let digit = Digit::new(found, &classes);
            if is_rejected {
                rejected.push(digit);
                continue;
            }
            if last != Some(line) {
                lines.push(Line { digits: vec![], are_spaced: !classes.are_characters() });
                last = Some(line);
            }
            lines.last_mut().expect("a line was begun").digits.push(digit);
        }
        Reading { lines, rejected, is_truncated }
    }

    /// The digits as text, a line of writing a line of the text; empty if there are none.
    pub fn text(&self) -> String {
        self.lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")
    }

    /// The probability that [`text`](Self::text) is right as a whole, 0 to 1: the product of its digits' confidences; 0 if nothing was
    /// read.
    pub fn confidence(&self) -> f32 {
        confidence_of_all(self.digits())
    }

    /// The lines of writing, from the top; none is empty.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// All digits of all lines.
    pub fn digits(&self) -> impl Iterator<Item = &Digit> {
        self.lines.iter().flat_map(|line| &line.digits)
    }

    /// What looked like writing but is no digit, with the digit that it resembles most.
    pub fn rejected(&self) -> &[Digit] {
        &self.rejected
    }

    /// Whether no digit was read.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether there may be more in the picture: a reading ends at 2,000 digits, or where a picture is too crowded to be writing.
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }
}

/// Digits side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    digits: Vec<Digit>,
    /// Names of more than a letter stand apart.
    are_spaced: bool,
}

impl Line {
    /// The digits as text.
    pub fn text(&self) -> String {
        let names: Vec<&str> = self.digits.iter().map(Digit::name).collect();
        names.join(if self.are_spaced { " " } else { "" })
    }

    /// The probability that the line is right as a whole, 0 to 1: the product of its digits' confidences.
    pub fn confidence(&self) -> f32 {
        confidence_of_all(self.digits.iter())
    }

    /// Its digits, from the left; at least one.
    pub fn digits(&self) -> &[Digit] {
        &self.digits
    }

    /// The rectangle around its digits.
    pub fn bounds(&self) -> Bounds {
        let all = self.digits.iter().map(|digit| digit.bounds);
        all.reduce(Bounds::around).expect("a line has a digit")
    }
}

fn confidence_of_all<'a>(mut digits: impl Iterator<Item = &'a Digit>) -> f32 {
    let first = digits.next().map_or(0.0, Digit::confidence);
    digits.fold(first, |product, digit| product * digit.confidence())
}

/// A digit that was read, or what resembles one.
#[derive(Clone, Debug, PartialEq)]
pub struct Digit {
    label: u8,
    name: Box<str>,
    bounds: Bounds,
    confidence: f32,
    probabilities: Box<[f32]>,
    image: Box<[u8; crate::PIXELS]>,
}

impl Digit {
    fn new(found: recognition::DigitReading, classes: &Classes) -> Self {
        Digit {
            label: found.digit,
            name: classes.name(found.digit).into(),
            bounds: Bounds::from(found.area),
            confidence: found.confidence,
            probabilities: found.probabilities.into(),
            image: Box::new(found.image.0),
        }
    }

    /// The most probable digit, 0 to 9; of a model of other classes the number of the class.
    pub fn label(&self) -> u8 {
        self.label
    }

    /// Its name: "0" to "9", or that of the class.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The chance that this digit stands there, 0 to 1: neither another nor none. It decides what is rejected.
    pub fn confidence(&self) -> f32 {
        self.confidence
    }

    /// The calibrated probabilities of all classes, by label, if it is one of them; they sum to 1.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// Where it is in the picture.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// What the network saw: 28x28, row by row, 0 for paper to 255 for ink.
    pub fn image(&self) -> &[u8; crate::PIXELS] {
        &self.image
    }
}

/// A rectangle of a picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Column of the left end, from 0.
    pub left: usize,
    /// Row of the upper end, from 0.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Bounds {
    /// The smallest rectangle that holds both.
    fn around(self, other: Bounds) -> Bounds {
        let (left, top) = (self.left.min(other.left), self.top.min(other.top));
        let right = (self.left + self.width).max(other.left + other.width);
        let bottom = (self.top + self.height).max(other.top + other.height);
        Bounds { left, top, width: right - left, height: bottom - top }
    }
}

impl From<recognition::Area> for Bounds {
    fn from(area: recognition::Area) -> Self {
        let recognition::Area { left, top, width, height } = area;
        Bounds { left, top, width, height }
    }
}
