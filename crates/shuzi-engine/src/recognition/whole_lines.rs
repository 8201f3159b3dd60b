//! From lines of ink to a reading, by a line network: each line's text, its digits with their places, and whether they are accepted.
//!
//! In: a [`LineReader`], a picture, its ink, and its pieces line by line. Out: a [`Reading`]. Finds no ink.

use super::{
    Cancel, Cancelled, Options, Reading,
    effort::Effort,
    lines::{self, CropReading, LineReader, LineText, Page, Place, most_probable},
    reader::Reader,
    reading::{Area, DigitReading, LineReading, MOST_DIGITS},
    search::{Candidate, read_line},
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

/// Who reads: lines as a whole, and digit by digit what was not read so.
pub(super) struct Readers<'a> {
    pub lines: &'a LineReader,
    pub digits: &'a Reader,
}

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
            .flat_map(|(number, line)| lines::parts(line).into_iter().map(move |part| (number, part)));
        for (number, line) in parts {
            cancel.check()?;
            let mut crops = page.crops(line, &ink, lines.len() == 1 && line.len() == lines[0].len());
            crops.retain(|place| effort.spend_strip(place.area.width, place.area.height).is_ok());
            if crops.is_empty() || reading.digits.len() >= MOST_DIGITS {
                reading.is_truncated = true;
                continue;
            }
            let crops = self.read_crops(&page, &crops, (line, &ink), &mut session, effort);
            let text = most_probable(&crops, self.lines.calibration);
            logarithms += text.confidences.iter().map(|p| p.ln()).sum::<f32>();
            digits_read += text.confidences.len();
            reading.pieces.extend(line.iter().map(|piece| Area::from(piece).in_picture(&ink)));
            let rejected = text.mean_confidence() < options.reject_alone_below;
            let certain = if rejected { self.certain_digits(line, number, &ink, effort) } else { None };
            let (line, digits) = certain.unwrap_or_else(|| {
                let digits = digits(&text, (number, rejected), line, &ink, effort);
                (line_reading(&text, rejected, line, &ink), digits)
            });
            reading.lines.push(line);
            reading.digits.extend(digits);
        }
        reading.is_truncated |= reading.digits.len() > MOST_DIGITS;
        reading.digits.truncate(MOST_DIGITS);
        reading.ink = Some(ink);
        Ok(((logarithms / digits_read.max(1) as f32).exp(), reading))
    }

    /// Reads a line from several crops; if the first is certain the others are not looked at. One digit is read by the digit network too.
    fn read_crops(
        &self,
        page: &Page,
        crops: &[Place],
        (line, ink): (&[Piece], &Ink),
        session: &mut LineSession,
        effort: &mut Effort,
    ) -> Vec<CropReading> {
        let mut readings = vec![self.lines.read(page, &crops[0], session)];
        if !readings[0].is_certain() {
            readings.extend(crops[1..].iter().map(|place| self.lines.read(page, place, session)));
            if readings[0].is_one_digit()
                && let Some(candidate) = Candidate::new(&Piece::union(line.iter()), effort)
            {
                let scores = self.digits.score(&[candidate.image]).remove(0);
                let area = candidate.area.in_picture(ink);
                let probabilities = self.digits.calibrated(&scores);
                let weight = readings.len() as f32; // each network counts half
                readings.push(CropReading::of_digit(area, &scores, probabilities, weight));
            }
        }
        readings
    }

    /// The digits of a line that the line network rejects, if each of them, cut out, is certainly one.
    fn certain_digits(
        &self,
        line: &[Piece],
        number: usize,
        ink: &Ink,
        effort: &mut Effort,
    ) -> Option<(LineReading, Vec<DigitReading>)> {
        /// The geometric mean of the digits' scores, at least; of one alone its score.
        const CERTAIN: f32 = 0.9;
        const CERTAIN_TOGETHER: f32 = 0.8;
        let (found, _) = read_line(self.digits, line.to_vec(), effort);
        let logarithms: f32 = found.iter().map(|(_, scores)| scores.score.ln()).sum();
        let mean = (logarithms / found.len().max(1) as f32).exp();
        let is_certain =
            !found.is_empty() && mean >= if found.len() > 1 { CERTAIN_TOGETHER } else { CERTAIN };
        is_certain.then(|| {
            let digits: Vec<DigitReading> = found
                .into_iter()
                .map(|(Candidate { area, image }, scores)| DigitReading {
                    digit: scores.best,
                    area: area.in_picture(ink),
                    line: number,
                    confidence: scores.score,
                    probabilities: self.digits.calibrated(&scores),
                    rejected: false,
                    image,
                })
                .collect();
            let reading = LineReading {
                area: lines::area(line).in_picture(ink),
                text: digits.iter().map(|digit| signs::character(digit.digit)).collect(),
                confidence: digits.iter().map(|digit| digit.confidence).product(),
                rejected: false,
            };
            (reading, digits)
        })
    }
}

/// A line as the line network reads it.
fn line_reading(text: &LineText, rejected: bool, line: &[Piece], ink: &Ink) -> LineReading {
    LineReading {
        area: lines::area(line).in_picture(ink),
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
