//! Cuts between digits that touch.
//!
//! In: a piece that may be several digits. Out: its parts from left to right, cut along columns with little ink, upright
//! or leaning. More cuts than needed: `recognition` joins again what belongs together (over-segmentation, LeCun et al.
//! 1998, section V).

use super::Piece;
use crate::preprocess::stroke::stroke_width;

/// Cuts a piece where digits may touch, for a line of this height; from the left to the right, the piece itself where it is
/// too narrow for two.
pub fn cut_touching_digits(piece: Piece, height: f32) -> Vec<Piece> {
    /// No digit but a 1 is narrower, by the height of its line.
    const NARROWEST: f32 = 0.22;
    let margin = (NARROWEST * height).ceil() as usize;
    let (width, rows) = (piece.width(), piece.height());
    // Too narrow for two, or a single bar.
    let is_bar = (rows as f32) < 2.2 * stroke_width(&piece.ink);
    if width < 2 * margin.max(1) + 1 || (width as f32) < 0.55 * height || is_bar {
        return vec![piece];
    }
    // Upright or leaning: the direction in which the thinnest place is thinnest.
    let cuts = [-0.4f32, -0.2, 0.0, 0.2, 0.4].map(|slant| {
        let columns = Slanted { slant, rows };
        let ink = columns.ink(&piece);
        let chosen = thinnest_columns(&ink, margin);
        (ink[chosen[0]], columns, chosen)
    });
    let Some((_, columns, mut chosen)) = cuts.into_iter().min_by_key(|(ink, ..)| *ink) else {
        return vec![piece];
    };
    chosen.sort_unstable();
    let mut ends = vec![isize::MIN];
    ends.extend(chosen.into_iter().map(|x| x as isize));
    ends.push(isize::MAX);
    let parts = ends
        .windows(2)
        .filter_map(|ends| piece.part(|x, y| (ends[0]..ends[1]).contains(&(x as isize - columns.shift(y)))));
    parts.collect()
}

/// The columns with the least ink, the least first, none nearer than `margin` to another or to an end.
fn thinnest_columns(ink: &[u32], margin: usize) -> Vec<usize> {
    const MOST: usize = 3;
    let mut chosen: Vec<usize> = vec![];
    while chosen.len() < MOST {
        let is_free = |x: &usize| chosen.iter().all(|&other| x.abs_diff(other) >= margin);
        let Some(x) = (margin..ink.len() - margin).filter(is_free).min_by_key(|&x| ink[x]) else { break };
        chosen.push(x);
    }
    chosen
}

/// Columns that lean to the right by so much a row, upright in the middle.
struct Slanted {
    slant: f32,
    rows: usize,
}

impl Slanted {
    /// How far right of its place in the middle row a column is in row `y`.
    fn shift(&self, y: usize) -> isize {
        (self.slant * (self.rows as f32 / 2.0 - y as f32)).round() as isize
    }

    /// How much ink each column has.
    fn ink(&self, piece: &Piece) -> Vec<u32> {
        let mut sums = vec![0u32; piece.width()];
        for y in 0..self.rows {
            let shift = self.shift(y);
            for (x, &ink) in piece.ink.row(y).iter().enumerate() {
                let column = x as isize - shift;
                if column >= 0 && (column as usize) < sums.len() {
                    sums[column as usize] += u32::from(ink);
                }
            }
        }
        sums
    }
}
