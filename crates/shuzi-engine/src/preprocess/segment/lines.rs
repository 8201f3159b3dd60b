//! Lines of writing: which pieces stand side by side.
//!
//! In: the pieces of a picture, in any order. Out: [`Line`]s from the top, their pieces from the left. Lines may climb or
//! fall; which pieces make a digit together is not decided here.

use super::{Piece, clutter::height_of_writing};

/// Pieces side by side, from left to right.
pub type Line = Vec<Piece>;

/// Lines from the top, their pieces from the left. Neighbours that overlap in height share a line, so that it may climb
/// or fall; small pieces join the line that they are nearest to.
pub fn into_lines(mut pieces: Vec<Piece>) -> Vec<Line> {
    /// Pieces lower than this part of the writing do not show where a line is.
    const SMALL: f32 = 0.5;
    /// Of the lower of two neighbours.
    const SHARED: f32 = 0.35;
    let small = SMALL * height_of_writing(&pieces.iter().collect::<Vec<_>>());
    let from_the_left = |piece: &Piece| (2 * piece.left + piece.width(), piece.top);
    pieces.sort_by_key(from_the_left);
    let (large, little): (Vec<Piece>, Vec<Piece>) =
        pieces.into_iter().partition(|piece| piece.height() as f32 >= small);
    let overlap = |a: &Piece, b: &Piece| {
        let shared = a.bottom().min(b.bottom()) as f32 - a.top.max(b.top) as f32;
        shared / a.height().min(b.height()) as f32
    };
    // From the left to the right each piece goes on with the line one of whose last it overlaps most.
    let mut lines: Vec<Line> = vec![];
    for piece in large {
        let end = |line: &Line| {
            line.iter().rev().take(3).map(|last| overlap(last, &piece)).fold(f32::MIN, f32::max)
        };
        match lines.iter_mut().max_by(|a, b| end(a).total_cmp(&end(b))) {
            Some(line) if end(line) >= SHARED => line.push(piece),
            _ => lines.push(vec![piece]),
        }
    }
    for piece in little {
        let middle =
            |p: &Piece| [p.left as f32 + p.width() as f32 / 2.0, p.top as f32 + p.height() as f32 / 2.0];
        let distance = |line: &Line| {
            let of = |other: &Piece| {
                let ([ax, ay], [bx, by]) = (middle(&piece), middle(other));
                // Rows count more: what is above or below a line seldom belongs to it.
                (ax - bx).abs() + 3.0 * (ay - by).abs()
            };
            line.iter().map(of).fold(f32::MAX, f32::min)
        };
        match lines.iter_mut().min_by(|a, b| distance(a).total_cmp(&distance(b))) {
            Some(line) => line.push(piece),
            None => lines.push(vec![piece]),
        }
    }
    let height = |line: &Line| line.iter().map(|p| p.top + p.bottom()).sum::<usize>() / line.len();
    lines.sort_by_key(height);
    for line in &mut lines {
        line.sort_by_key(from_the_left);
    }
    lines
}
