//! What is no writing: specks, printed lines, and what lies along the picture's border.
//!
//! In: all pieces of a picture. Out: those that may be digits. Sizes are compared with the writing's own height, which is
//! measured first. What a piece shows is no matter here, only its size, place and shape.

use super::Piece;
use crate::preprocess::stroke::stroke_width;
use std::ops::Range;

/// Without specks, without printed lines, and without what belongs to the picture's border or surrounds the writing. Of more pieces
/// than any page has the largest are kept.
pub(super) fn without_clutter(mut pieces: Vec<Piece>) -> Vec<Piece> {
    /// Full ink somewhere, or it is a shade.
    const FULL: u8 = 160;
    /// Pieces smaller than this part of a digit are specks.
    const SPECK: f32 = 0.22;
    /// Writing that is cut off lies at the border with no more than this part of its size.
    const CONTACT: f32 = 0.3;
    /// Widths of a digit's strokes, as parts of its size.
    const STROKES: Range<f32> = 0.015..0.25;
    /// What is smaller than this part of a piece at the border is dirt beside it, not writing.
    const DIRT: f32 = 0.06;
    /// Comparing each piece with each other takes no time with so many.
    const MOST: usize = 4000;
    pieces.retain(|piece| piece.mass >= 3.0 && piece.ink.pixels().iter().any(|&ink| ink >= FULL));
    // The table's edge, a shadow, the line above: what lies along the border, beside writing that does not.
    let inner = height_of_writing(&pieces.iter().filter(|piece| piece.at_border == 0).collect::<Vec<_>>());
    pieces.retain(|piece| {
        let (size, contact) = (piece.size() as f32, piece.at_border as f32);
        contact == 0.0
            || inner < DIRT * size && STROKES.contains(&(stroke_width(&piece.ink) / size))
            || contact < CONTACT * size && size < 2.0 * inner
    });
    let height = height_of_writing(&pieces.iter().collect::<Vec<_>>());
    pieces.retain(|piece| piece.size() as f32 >= SPECK * height);
    if pieces.iter().any(|piece| Bar::of(piece).is_none()) {
        pieces.retain(|piece| Bar::of(piece).is_none_or(|bar| !bar.is_printed(piece, height)));
    }
    if pieces.len() > MOST {
        let mut sizes: Vec<usize> = pieces.iter().map(Piece::size).collect();
        let place = sizes.len() - MOST;
        let largest = *sizes.select_nth_unstable(place).1;
        pieces.retain(|piece| piece.size() >= largest);
        pieces.truncate(MOST); // of many that are equally large
    }
    pieces
}

/// A straight stroke: a 1, a dash, or a printed line.
struct Bar {
    length: f32,
    /// Of its length.
    thickness: f32,
    /// No digit lies so flat.
    is_level: bool,
}

impl Bar {
    /// From the moments of its ink: a bar's variance along it is a twelfth of its length squared, and so it is across.
    #[inline(never)] // once in what browsers load
    fn of(piece: &Piece) -> Option<Self> {
        /// Of the length: thicker pieces are no lines.
        const THICKEST: f32 = 0.2;
        const LEVEL: f32 = 0.4;
        let (mut sum, mut x1, mut y1, mut xx, mut xy, mut yy) = (0.0f64, 0.0, 0.0, 0.0, 0.0, 0.0);
        for y in 0..piece.height() {
            for (x, &ink) in piece.ink.row(y).iter().enumerate().filter(|(_, ink)| **ink > 0) {
                let (x, y, ink) = (x as f64, y as f64, f64::from(ink));
                (sum, x1, y1) = (sum + ink, x1 + ink * x, y1 + ink * y);
                (xx, xy, yy) = (xx + ink * x * x, xy + ink * x * y, yy + ink * y * y);
            }
        }
        let (x1, y1) = (x1 / sum, y1 / sum);
        let (xx, xy, yy) = (xx / sum - x1 * x1, xy / sum - x1 * y1, yy / sum - y1 * y1);
        let (mean, apart) = ((xx + yy) / 2.0, ((xx - yy) / 2.0).hypot(xy));
        let length = (12.0 * (mean + apart)).sqrt() as f32;
        let thickness = (12.0 * (mean - apart).max(0.0)).sqrt() as f32;
        let (width, height) = (piece.width() as f32, piece.height() as f32);
        (thickness < THICKEST * length).then(|| Bar {
            length,
            thickness: thickness / length,
            is_level: height < LEVEL * width,
        })
    }

    /// Whether it is no writing beside writing of this height.
    fn is_printed(&self, piece: &Piece, height: f32) -> bool {
        /// By the writing's height: an underline is longer, a dash is not.
        const LONG: f32 = 1.7;
        /// Of a wall that the picture's border cuts, thinner than most strokes are by their length.
        const STRAIGHT: f32 = 0.12;
        /// By how thick it is: what is lower are dots, not writing.
        const OVER: f32 = 3.0;
        /// By its length: lower writing beside it is dirt.
        const WRITING: f32 = 0.5;
        self.is_level && self.length > LONG * height && height > OVER * self.thickness * self.length
            || piece.at_border > 0 && self.thickness < STRAIGHT && height > WRITING * self.length
    }
}

/// The size of a digit: half of all ink is in pieces that are no larger. Lines that are longer than anything else has none of it.
pub(super) fn height_of_writing(pieces: &[&Piece]) -> f32 {
    let is_level_bar = |piece: &Piece| Bar::of(piece).is_some_and(|bar| bar.is_level);
    let are_bars: Vec<bool> = pieces.iter().map(|piece| is_level_bar(piece)).collect();
    let are_all_bars = !are_bars.contains(&false);
    let strokes = pieces.iter().zip(&are_bars).filter(|(_, is_bar)| are_all_bars || !**is_bar);
    let largest = pieces.iter().map(|piece| piece.size()).max().unwrap_or(0);
    let mut mass = vec![0.0; largest + 1]; // by size
    strokes.for_each(|(piece, _)| mass[piece.size()] += piece.mass);
    let half = mass.iter().sum::<f32>() / 2.0;
    let mut sum = 0.0;
    let middle = mass.iter().position(|mass| {
        sum += mass;
        sum >= half
    });
    middle.unwrap_or(0) as f32
}
