//! From ink to pieces: what hangs together, what of it is writing, and which pieces stand in one line.
//!
//! In: the [`Ink`] of a picture. Out: [`Line`]s of [`Piece`]s in reading order; a digit may still be several pieces (the bar of
//! a 5), and a piece several digits that touch. Only the network can decide: `recognition` tries both.
//!
//! Sizes are relative to the writing, not to the picture: a margin changes nothing, nor does a larger picture.

mod clutter;
mod components;
mod cuts;
mod lines;
mod piece;

use self::{clutter::without_clutter, components::find_pieces};
pub use self::{
    cuts::cut_touching_digits,
    lines::{Line, into_lines},
    piece::Piece,
};
use super::{
    frames::{Unframed, without_frame},
    ink::Ink,
    rules::RuledLine,
};

/// Everything that is writing, in no order.
pub fn find_writing(ink: &Ink) -> Vec<Piece> {
    without_clutter(without_frames(find_pieces(&ink.image)))
}

/// Without the cells of forms and boxes around digits; what touches their lines becomes pieces of its own.
fn without_frames(pieces_and_frames: Vec<Piece>) -> Vec<Piece> {
    /// Writing is at least so large, by the shorter side of its cell; an angular 0 or 8 is no frame with nothing in it.
    const WRITING: f32 = 0.35;
    let inside = |frame: &Piece, piece: &Piece| {
        piece.left > frame.left
            && piece.right() < frame.right()
            && piece.top > frame.top
            && piece.bottom() < frame.bottom()
    };
    let rest_of = |piece: &Piece| {
        let unframed = without_frame(&piece.ink)?;
        let rest = find_pieces(&unframed.rest).into_iter();
        let mut rest: Vec<Piece> = rest.flat_map(|part| by_cells(part, &unframed)).collect();
        for part in &mut rest {
            (part.left, part.top, part.at_border) = (part.left + piece.left, part.top + piece.top, 0);
        }
        let enclosed = pieces_and_frames.iter().filter(|other| inside(piece, other));
        let largest = rest.iter().chain(enclosed).map(Piece::size).max().unwrap_or(0);
        (unframed.is_form || largest as f32 >= WRITING * unframed.cell as f32).then_some(rest)
    };
    let rests: Vec<Option<Vec<Piece>>> = pieces_and_frames.iter().map(rest_of).collect();
    let parts = pieces_and_frames.into_iter().zip(rests);
    parts.flat_map(|(piece, rest)| rest.unwrap_or_else(|| vec![piece])).collect()
}

/// Cuts a piece that fills two cells, one above the other, where the wall between them was.
fn by_cells(piece: Piece, unframed: &Unframed) -> Vec<Piece> {
    /// Of a cell: less is the tail of a digit in the other one.
    const FILLED: f32 = 0.6;
    let filled = FILLED * unframed.cell as f32;
    let cut = |piece: Piece, floor: &RuledLine| {
        let y = floor.at(piece.left as f32 + piece.width() as f32 / 2.0);
        if y - (piece.top as f32) < filled || piece.bottom() as f32 - y < filled {
            return vec![piece];
        }
        let is_above = |x: usize, y: usize| (piece.top + y) as f32 <= floor.at((piece.left + x) as f32);
        let parts = [piece.part(is_above), piece.part(|x, y| !is_above(x, y))];
        parts.into_iter().flatten().collect()
    };
    unframed
        .floors
        .iter()
        .fold(vec![piece], |pieces, floor| pieces.into_iter().flat_map(|piece| cut(piece, floor)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::GrayImage;

    /// Ink from letters: anything but a dot is inked, each letter a block of 10 by 10 pixels.
    fn ink(rows: &[&str]) -> Ink {
        let (width, height) = (10 * rows[0].len(), 10 * rows.len());
        let inked = |i: usize| rows[i / width / 10].as_bytes()[i % width / 10] != b'.';
        let pixels = (0..width * height).map(|i| if inked(i) { 255 } else { 0 }).collect();
        Ink {
            image: GrayImage::new(width, height, pixels),
            scale: 1.0,
            frame: 0,
            contrast: 255,
            is_dark: true,
        }
    }

    fn places(pieces: &[Piece]) -> Vec<(usize, usize)> {
        pieces.iter().map(|piece| (piece.left / 10, piece.top / 10)).collect()
    }

    #[test]
    fn lines_are_read_from_the_top_and_from_the_left() {
        let pieces = find_writing(&ink(&[
            "..........",
            ".#...#..#.",
            ".#.#.#..#.",
            ".#.#......",
            "..........",
            ".#..#.....",
            ".#..#.....",
            ".#..#.....",
            "..........",
        ]));
        let lines = into_lines(pieces);
        assert_eq!(
            lines.iter().map(|line| places(line)).collect::<Vec<_>>(),
            [vec![(1, 1), (3, 2), (5, 1), (8, 1)], vec![(1, 5), (4, 5)],]
        );
    }

    #[test]
    fn a_line_may_fall() {
        let pieces = find_writing(&ink(&[
            "............",
            ".#..........",
            ".#..#.......",
            ".#..#..#....",
            "....#..#..#.",
            ".......#..#.",
            "..........#.",
            "............",
        ]));
        let lines = into_lines(pieces);
        assert_eq!(places(&lines[0]), [(1, 1), (4, 2), (7, 3), (10, 4)]);
        assert_eq!(lines.len(), 1);
    }

    #[test]
    fn what_lies_along_the_border_is_no_writing() {
        let pieces = find_writing(&ink(&[
            "##########",
            "..........",
            "...#..#...",
            "...#..#...",
            "...#..#...",
            "..........",
        ]));
        assert_eq!(places(&pieces), [(3, 2), (6, 2)]);
    }

    #[test]
    fn an_underline_is_no_writing_however_much_ink_it_is() {
        let pieces = find_writing(&ink(&[
            "....................",
            "....##...#..###.....",
            "....##...#..#.#.....",
            "....##...#..###.....",
            "....................",
            ".##################.",
            "....................",
        ]));
        assert_eq!(places(&pieces), [(4, 1), (9, 1), (12, 1)]);
    }

    #[test]
    fn a_wall_that_the_border_cuts_is_no_one() {
        let inked = |x: usize, y: usize| {
            let digit = (40..90).contains(&y)
                && (x.abs_diff(60) < 4 || x.abs_diff(90) < 4 || (60..90).contains(&x) && y < 48);
            digit || (20..23).contains(&x) && y < 110
        };
        let image = GrayImage::new(
            140,
            130,
            (0..140 * 130).map(|i| 255 * u8::from(inked(i % 140, i / 140))).collect(),
        );
        let pieces = find_writing(&Ink { image, scale: 1.0, frame: 0, contrast: 255, is_dark: true });
        assert_eq!(pieces.iter().map(|piece| piece.left).collect::<Vec<_>>(), [57]);
    }

    #[test]
    fn pieces_take_no_more_memory_than_the_picture_some_times_over() {
        let hatched = |period: usize| {
            let inked = |i: usize| (i % 500 + i / 500) % period < 3;
            find_pieces(&GrayImage::new(500, 500, (0..500 * 500).map(|i| 255 * u8::from(inked(i))).collect()))
        };
        assert_eq!(hatched(8), []);
        let few = hatched(100);
        let area: usize = few.iter().map(|piece| piece.width() * piece.height()).sum();
        assert!(few.len() == 9 && area <= 9 * 500 * 500, "{} pieces, {area} pixels", few.len());
    }

    #[test]
    fn digits_of_two_cells_are_two_though_they_touch() {
        let is_wall = |place: usize| place % 59 < 2;
        for (end, tops) in [(110, vec![(30, 10), (30, 60)]), (75, vec![(30, 10)])] {
            let stroke = |x: usize, y: usize| (30..36).contains(&x) && (10..end).contains(&y);
            let inked = |i: usize| stroke(i % 120, i / 120) || is_wall(i % 120) || is_wall(i / 120);
            let image = GrayImage::new(120, 120, (0..120 * 120).map(|i| 255 * u8::from(inked(i))).collect());
            let pieces = find_writing(&Ink { image, scale: 1.0, frame: 0, contrast: 255, is_dark: true });
            let mut found: Vec<_> = pieces.iter().map(|piece| (piece.left, piece.top)).collect();
            found.sort_unstable();
            assert_eq!(found, tops, "a stroke down to {end}");
        }
    }

    #[test]
    fn the_parts_of_a_cut_make_the_piece() {
        let pieces = find_writing(&ink(&[
            "........", ".##.##..", ".#...#..", ".#####..", ".#...#..", ".##.##..", "........",
        ]));
        assert_eq!(pieces.len(), 1);
        let parts = cut_touching_digits(pieces[0].clone(), pieces[0].height() as f32);
        assert!(parts.len() > 1);
        let again = Piece::union(parts.iter());
        assert_eq!((again.left, again.top), (pieces[0].left, pieces[0].top));
        assert!(again.ink == pieces[0].ink);
    }
}
