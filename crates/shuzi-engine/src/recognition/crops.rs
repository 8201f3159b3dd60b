//! Where a picture is cut for the line reader, and what is cut out of it.
//!
//! In: a picture, and its pieces line by line. Out: for each line several places, and the strip at each. Reads nothing.

use super::reading::Area;
use crate::{
    image::Picture,
    preprocess::{
        ink::Ink,
        segment::Piece,
        strip::{STRIP_HEIGHT, Strip, strip},
    },
};

/// Columns of a strip, at most. Longer lines are read in parts.
const MOST_COLUMNS: usize = 1024;

/// The bounding box of some pieces, in pixels of the ink.
pub(super) fn area(pieces: &[Piece]) -> Area {
    let ends = |of: fn(&Piece) -> usize| pieces.iter().map(of);
    let (left, top) =
        (ends(|piece| piece.left).min().unwrap_or(0), ends(|piece| piece.top).min().unwrap_or(0));
    let (right, bottom) = (ends(Piece::right).max().unwrap_or(0), ends(Piece::bottom).max().unwrap_or(0));
    Area { left, top, width: right - left, height: bottom - top }
}

/// A line in parts, each short enough for a strip if a single piece is not too long for that.
pub(super) fn parts(line: &[Piece]) -> Vec<&[Piece]> {
    // Some of the columns are for the paper at either end.
    let most = area(line).height * (MOST_COLUMNS - 2 * STRIP_HEIGHT) / (2 * STRIP_HEIGHT);
    let (mut parts, mut first) = (vec![], 0);
    for place in 1..=line.len() {
        let ends = place == line.len() || line[place].right().saturating_sub(line[first].left) > most;
        if ends {
            parts.push(&line[first..place]);
            first = place;
        }
    }
    parts
}

/// A picture in grey, dark ink on light paper.
pub(super) struct Page {
    gray: Vec<u8>,
    width: usize,
    height: usize,
}

impl Page {
    pub fn new(picture: &Picture, is_dark: bool) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let mut gray = Vec::with_capacity(width * height);
        for y in 0..height {
            gray.extend(picture.row(y).chunks_exact(picture.channels()).map(|pixel| match *pixel {
                // Rec. 601, as JPEG has it.
                [r, g, b] => ((299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)) / 1000) as u8,
                _ => pixel[0],
            }));
        }
        if !is_dark {
            gray.iter_mut().for_each(|light| *light = 255 - *light);
        }
        Page { gray, width, height }
    }

    /// Where to cut a line out, the likeliest place first: with more or less paper around it. A picture of nothing but one line
    /// (`alone`) is read as a whole, too, for ink at its ends may have been missed. None where a line is too long for its height.
    pub fn crops(&self, line: &[Piece], ink: &Ink, alone: bool) -> Vec<Place> {
        /// Paper above and below, and at either end, by the line's height.
        const PAPER: [[f32; 2]; 3] = [[0.12, 0.3], [0.02, 0.15], [0.3, 0.6]];
        /// How much of the picture's height and width the line takes at least, so that the picture is a line; and
        /// how much of the width it takes where no ink was missed.
        const HIGH: f32 = 0.4;
        const WIDE: f32 = 1.2;
        const ALL: f32 = 0.9;
        let mut crops: Vec<Place> = PAPER.iter().map(|&paper| self.place(line, ink, paper)).collect();
        let Area { top, height, .. } = crops[0].area;
        let (width, whole_height) = (self.width as f32, self.height as f32);
        if alone && height as f32 >= HIGH * whole_height && width >= WIDE * whole_height {
            crops.retain(|place| place.area.width as f32 >= ALL * width);
            let level = |top, height| Place {
                area: Area { left: 0, top, width: self.width, height },
                slope: 0.0,
                middle: 0.0,
            };
            crops.splice(0..0, [level(0, self.height), level(top, height)]);
        }
        crops.retain(|Place { area, .. }| area.width * STRIP_HEIGHT <= MOST_COLUMNS * area.height);
        crops
    }

    /// Where a line is, with so much paper around it.
    fn place(&self, line: &[Piece], ink: &Ink, paper: [f32; 2]) -> Place {
        let areas: Vec<Area> = line.iter().map(|piece| Area::from(piece).in_picture(ink)).collect();
        let Area { left, width, .. } = area(line).in_picture(ink);
        let (slope, middle) = (slope(&areas), left as f32 + width as f32 / 2.0);
        // Every piece as high as it stands once the line is level.
        let level = |area: &Area| {
            let shift = slope * (area.left as f32 + area.width as f32 / 2.0 - middle);
            (area.top as f32 - shift, (area.top + area.height) as f32 - shift)
        };
        let top = areas.iter().map(|area| level(area).0).fold(f32::INFINITY, f32::min);
        let bottom = areas.iter().map(|area| level(area).1).fold(f32::NEG_INFINITY, f32::max);
        let (top, height) = (top.max(0.0) as usize, (bottom - top).ceil().max(1.0) as usize);
        let [above, beside] = paper.map(|part| (part * height as f32) as usize + 1);
        let (right, bottom) =
            ((left + width + beside).min(self.width), (top + height + above).min(self.height));
        let (left, top) = (left.saturating_sub(beside), top.saturating_sub(above).min(bottom - 1));
        let area = Area { left, top, width: right - left, height: bottom - top };
        Place { area, slope, middle }
    }

    pub fn strip(&self, place: &Place) -> Strip {
        let Place { area, slope, middle } = *place;
        let mut crop = Vec::with_capacity(area.width * area.height);
        let shifts: Vec<i64> = (0..area.width)
            .map(|x| (slope * ((area.left + x) as f32 + 0.5 - middle)).round() as i64)
            .collect();
        for y in area.top..area.top + area.height {
            crop.extend(shifts.iter().enumerate().map(|(x, shift)| {
                let row = (y as i64 + shift).clamp(0, self.height as i64 - 1) as usize;
                self.gray[row * self.width + area.left + x]
            }));
        }
        strip(&crop, area.width, area.height)
    }
}

/// Where a line is cut out.
pub(super) struct Place {
    /// Where it would be if it were level.
    pub area: Area,
    /// Rows that it falls in a column.
    slope: f32,
    /// The column that it is turned around.
    middle: f32,
}

/// How a line slopes, by the centres of its pieces (least squares); 0 where that is hardly to be seen, or steeper than anyone writes.
fn slope(areas: &[Area]) -> f32 {
    const LEAST: f32 = 0.08;
    const MOST: f32 = 0.8;
    /// By the height of the tallest piece.
    const APART: f32 = 0.5;
    let centre = |area: &Area| {
        (area.left as f32 + area.width as f32 / 2.0, area.top as f32 + area.height as f32 / 2.0)
    };
    let tallest = areas.iter().map(|area| area.height).max().unwrap_or(0);
    // Dots and dashes stand anywhere.
    let centres: Vec<(f32, f32)> =
        areas.iter().filter(|area| 2 * area.height > tallest).map(centre).collect();
    let count = centres.len() as f32;
    let mean = |of: fn(&(f32, f32)) -> f32| centres.iter().map(of).sum::<f32>() / count;
    let (x_mean, y_mean) = (mean(|c| c.0), mean(|c| c.1));
    let square: f32 = centres.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    // Two pieces so close together are one digit.
    let spread = |of: fn(f32, f32) -> f32, start| centres.iter().map(|c| c.0).fold(start, of);
    let is_apart = spread(f32::max, 0.0) - spread(f32::min, f32::INFINITY) > APART * tallest as f32;
    let product: f32 = centres.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let slope = product / square.max(1.0);
    if is_apart && (LEAST..=MOST).contains(&slope.abs()) { slope } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::GrayImage;

    fn piece(left: usize, top: usize, width: usize, height: usize) -> Piece {
        let ink = GrayImage::new(width, height, vec![255; width * height]);
        Piece { left, top, ink, mass: (width * height) as f32, at_border: 0 }
    }

    fn areas(pieces: &[Piece]) -> Vec<Area> {
        pieces.iter().map(Area::from).collect()
    }

    #[test]
    fn a_line_slopes_as_its_digits_do_and_one_digit_does_not() {
        let rising: Vec<Piece> = (0..5).map(|i| piece(40 * i, 100 - 16 * i, 20, 40)).collect();
        assert!((slope(&areas(&rising)) + 0.4).abs() < 1e-5);
        let dotted = [&rising[..], &[piece(90, 300, 4, 4)]].concat();
        assert_eq!(slope(&areas(&dotted)), slope(&areas(&rising)), "a dot stands anywhere");
        let level: Vec<Piece> = (0..5).map(|i| piece(40 * i, 100 + i % 2, 20, 40)).collect();
        assert_eq!(slope(&areas(&level)), 0.0);
        assert_eq!(slope(&areas(&[piece(0, 0, 30, 30), piece(10, 25, 30, 30)])), 0.0, "a 5 and its bar");
        assert_eq!(slope(&areas(&rising[..1])), 0.0);
    }

    #[test]
    fn a_long_line_is_read_in_parts_of_whole_pieces() {
        let line: Vec<Piece> = (0..500).map(|i| piece(30 * i, 10, 20, 40)).collect();
        let parts = parts(&line);
        assert!(parts.len() > 5 && parts.concat() == line, "{}", parts.len());
        for part in parts {
            let width = part.last().unwrap().right() - part[0].left;
            assert!(width * STRIP_HEIGHT <= MOST_COLUMNS * 40, "{width}");
        }
    }

    #[test]
    fn a_picture_of_one_line_is_read_as_a_whole_too_unless_it_is_a_page() {
        let ink = |width: usize, height: usize| Ink {
            image: GrayImage::new(width, height, vec![0; width * height]),
            frame: 0,
            scale: 1.0,
            contrast: 255,
            is_dark: true,
        };
        let line: Vec<Piece> = (2..4).map(|i| piece(40 * i, 10, 30, 40)).collect();
        let widths = |height: usize, alone: bool| -> Vec<usize> {
            let page = Page { gray: vec![255; 300 * height], width: 300, height };
            page.crops(&line, &ink(300, height), alone).iter().map(|place| place.area.width).collect()
        };
        assert_eq!(widths(60, true), [300, 300], "ink at the ends may have been missed");
        assert_eq!(widths(60, false).len(), 3);
        assert_eq!(widths(280, true).len(), 3, "a page");
    }
}
