//! From lines of ink to a reading, by a line network: each line's text, its digits with their places, and whether they are accepted.
//!
//! In: a [`LineReader`], a picture, its ink, and its pieces line by line. Out: a [`Reading`]. Finds no ink.

use super::{
    Bars, Cancel, Cancelled, Options, Reading,
    crops::{self, Page, Place},
    effort::Effort,
    lines::{CropReading, LineReader, LineText, most_probable},
    reader::Reader,
    reading::{Area, DigitReading, LineReading, MOST_DIGITS},
    search::Candidate,
};
use crate::{
    image::{DIGITS, DigitImage, PIXELS, Picture},
    network::line_model::LineSession,
    preprocess::{
        ink::Ink,
        segment::{Line, Piece},
    },
    signs,
};

/// Who reads: lines as a whole, and a digit alone.
pub(super) struct Readers<'a> {
    pub lines: &'a LineReader,
    pub digits: &'a Reader,
}

/// For the geometric mean of a line's confidences.
const BARS: Bars = Bars { alone: 0.7, beside: 0.5 };

impl Readers<'_> {
    /// Reads lines, and gives how sure the network is of them, 0 to 1.
    pub fn read(
        &self,
        picture: &Picture,
        (ink, lines): (Ink, Vec<Line>),
        options: Options,
        effort: &mut Effort,
        cancel: &Cancel,
    ) -> Result<(f32, Reading), Cancelled> {
        let page = Page::new(picture, ink.is_dark);
        let mut session = LineSession::default();
        let mut reading = Reading::default();
        let (mut logarithms, mut digits_read) = (0.0, 0);
        let parts = lines
            .iter()
            .enumerate()
            .flat_map(|(number, line)| crops::parts(line).into_iter().map(move |part| (number, part)));
        for (number, line) in parts {
            cancel.check()?;
            let places = page.crops(line, &ink, lines.len() == 1 && line.len() == lines[0].len());
            let readings = self.read_crops(&page, &places, (line, &ink), &mut session, effort);
            if readings.is_empty() || reading.digits.len() >= MOST_DIGITS {
                reading.is_truncated = true;
                continue;
            }
            let text = most_probable(&readings, self.lines.calibration);
            logarithms += text.confidences.iter().map(|p| p.ln()).sum::<f32>();
            digits_read += text.confidences.len();
            reading.pieces.extend(line.iter().map(|piece| Area::from(piece).in_picture(&ink)));
            let Bars { alone, beside } = options.bars(BARS);
            let rejected = text.mean_confidence() < if text.confidences.len() > 1 { beside } else { alone };
            reading.lines.push(line_reading(&text, rejected, line, &ink));
            reading.digits.extend(digits(&text, (number, rejected), line, &ink, effort));
        }
        reading.is_truncated |= reading.digits.len() > MOST_DIGITS;
        reading.digits.truncate(MOST_DIGITS);
        reading.ink = Some(ink);
        Ok(((logarithms / digits_read.max(1) as f32).exp(), reading))
    }

    /// Reads a line from several crops, as many as the effort allows; if the first is certain the others are not looked at. One digit is
    /// read by the digit network too.
    fn read_crops(
        &self,
        page: &Page,
        places: &[Place],
        (line, ink): (&[Piece], &Ink),
        session: &mut LineSession,
        effort: &mut Effort,
    ) -> Vec<CropReading> {
        let mut readings: Vec<CropReading> = vec![];
        for place in places {
            if effort.spend_strip(place.area.width, place.area.height).is_err() {
                return readings;
            }
            readings.push(self.lines.read(&page.strip(place), place.area, session));
            if readings[0].is_certain() {
                return readings;
            }
        }
        let is_one_digit = readings.first().is_some_and(CropReading::is_one_digit);
        let candidate = || Candidate::new(&Piece::union(line.iter()), effort);
        if let Some(candidate) = is_one_digit.then(candidate).flatten() {
            let scores = self.digits.score(&[candidate.image]).remove(0);
            let area = candidate.area.in_picture(ink);
            let probabilities = self.digits.calibrated(&scores);
            let weight = readings.len() as f32; // each network counts half
            readings.push(CropReading::of_digit(area, &scores, probabilities, weight));
        }
        readings
    }
}

/// A line as the line network reads it.
fn line_reading(text: &LineText, rejected: bool, line: &[Piece], ink: &Ink) -> LineReading {
    LineReading {
        area: crops::area(line).in_picture(ink),
        text: text.signs.iter().map(|sign| signs::character(sign.sign)).collect(),
        confidence: text.confidences.iter().product(),
        rejected,
    }
}

/// The digits of a line.
fn digits(
    text: &LineText,
    (line, rejected): (usize, bool),
    pieces: &[Piece],
    ink: &Ink,
    effort: &mut Effort,
) -> Vec<DigitReading> {
    let whole = Piece::union(pieces.iter());
    let centre = |sign: usize| {
        let columns = &text.signs[sign].columns;
        (columns.start + columns.end) as f32 / 2.0 / ink.scale + ink.frame as f32 - whole.left as f32
    };
    let border = |right: usize| match right {
        0 => f32::NEG_INFINITY,
        right if right == text.signs.len() => f32::INFINITY,
        right => f32::midpoint(centre(right - 1), centre(right)),
    };
    let mut digits = vec![];
    let are_digits = text.signs.iter().enumerate().filter(|(_, sign)| usize::from(sign.sign) < DIGITS);
    for ((place, sign), &confidence) in are_digits.zip(&text.confidences) {
        let (left, right) = (border(place), border(place + 1));
        let part = whole.part(|x, _| left <= x as f32 && (x as f32) < right);
        let candidate = part.as_ref().and_then(|part| Candidate::new(part, effort));
        let columns = || Area { left: sign.columns.start, width: sign.columns.len().max(1), ..text.area };
        digits.push(DigitReading {
            digit: sign.sign,
            area: part.as_ref().map_or_else(columns, |part| Area::from(part).in_picture(ink)),
            line,
            confidence,
            probabilities: sign.probabilities.clone(),
            rejected,
            image: candidate.map_or(DigitImage([0; PIXELS]), |candidate| candidate.image),
        });
    }
    digits
}
