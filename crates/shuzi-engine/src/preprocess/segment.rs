//! From ink to pieces: what hangs together, what of it is writing, and which pieces stand in one line.
//!
//! In: the [`Ink`] of a picture. Out: [`Line`]s of [`Piece`]s in reading order; a digit may still be several pieces (the bar of
//! a 5), and a piece several digits that touch. Who can tell is the network: `recognition` tries both.
//!
//! Sizes are relative to the writing, not to the picture: a margin changes nothing, nor does a larger picture.

use super::{
    frames::{Unframed, without_frame},
    ink::Ink,
    rules::RuledLine,
    stroke::stroke_width,
};
use crate::image::GrayImage;
use image::Luma;
use imageproc::region_labelling::{Connectivity, connected_components};
use std::ops::Range;

/// Ink that hangs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Column of its left end, in pixels of the ink.
    pub left: usize,
    /// Row of its upper end.
    pub top: usize,
    /// Its ink, in its bounding box.
    pub ink: GrayImage,
    /// How much ink: pixels, soft ones in part.
    pub mass: f32,
    /// Pixels of it that lie at the picture's border.
    pub at_border: usize,
}

impl Piece {
    /// Columns.
    pub fn width(&self) -> usize {
        self.ink.width()
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.ink.height()
    }

    /// The column behind its right end.
    pub fn right(&self) -> usize {
        self.left + self.width()
    }

    /// The row below its lower end.
    pub fn bottom(&self) -> usize {
        self.top + self.height()
    }

    /// The longer side.
    pub fn size(&self) -> usize {
        self.width().max(self.height())
    }

    /// What of it is inside, by column and row, in its bounding box; `None` if that is nothing.
    fn part(&self, inside: impl Fn(usize, usize) -> bool) -> Option<Piece> {
        let (width, height) = (self.width(), self.height());
        let mut pixels = vec![0u8; width * height];
        let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
        for y in 0..height {
            for (x, &ink) in self.ink.row(y).iter().enumerate() {
                if ink > 0 && inside(x, y) {
                    pixels[y * width + x] = ink;
                    (left, right) = (left.min(x), right.max(x + 1));
                    (top, bottom) = (top.min(y), y + 1);
                }
            }
        }
        if left >= right {
            return None;
        }
        let rows = (top..bottom).flat_map(|y| pixels[y * width..][left..right].iter().copied());
        let ink = GrayImage::new(right - left, bottom - top, rows.collect());
        let mass = ink.pixels().iter().map(|&ink| f32::from(ink)).sum::<f32>() / 255.0;
        Some(Piece { left: self.left + left, top: self.top + top, ink, mass, at_border: self.at_border })
    }

    /// Several pieces as one.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn union<'a>(pieces: impl Iterator<Item = &'a Piece> + Clone) -> Piece {
        let ends = |of: fn(&Piece) -> usize| pieces.clone().map(of);
        let left = ends(|p| p.left).min().expect("a piece");
        let top = ends(|p| p.top).min().expect("a piece");
        let width = ends(Piece::right).max().expect("a piece") - left;
        let height = ends(Piece::bottom).max().expect("a piece") - top;
        let mut pixels = vec![0u8; width * height];
        for piece in pieces.clone() {
            for y in 0..piece.height() {
                let line = &mut pixels[(piece.top - top + y) * width + piece.left - left..][..piece.width()];
                line.iter_mut().zip(piece.ink.row(y)).for_each(|(old, &new)| *old = (*old).max(new));
            }
        }
        Piece {
            left,
            top,
            ink: GrayImage::new(width, height, pixels),
            mass: pieces.clone().map(|p| p.mass).sum(),
            at_border: pieces.clone().map(|p| p.at_border).sum(),
        }
    }
}

/// Pieces side by side, from left to right.
pub type Line = Vec<Piece>;

/// Everything that is writing, in no order.
pub fn writing(ink: &Ink) -> Vec<Piece> {
    without_clutter(without_frames(pieces(&ink.image)))
}

/// Everything that hangs together, also across corners, but for specks. Nothing where bounding boxes lie over each other too often: that
/// is hatching, and all its pieces together would take many times the picture's memory.
#[inline(never)]
pub fn pieces(ink: &GrayImage) -> Vec<Piece> {
    /// So much ink carries on to the next pixel; less is the soft rim of a stroke.
    const FIRM: u8 = 64;
    /// Pixels of the longer side; smaller ones are no strokes.
    const SMALLEST: usize = 4;
    /// How often boxes may cover the picture: a table, its cells, and what is written in them do so three times.
    const LAYERS: usize = 8;
    let (width, height) = (ink.width(), ink.height());
    let mask = ink.pixels().iter().map(|&ink| u8::from(ink >= FIRM)).collect();
    let mask = image::GrayImage::from_raw(width as u32, height as u32, mask).expect("a byte for each pixel");
    let labels = connected_components(&mask, Connectivity::Eight, Luma([0u8])).into_raw();

    struct Bounds {
        left: usize,
        right: usize,
        top: usize,
        bottom: usize,
    }
    let mut bounds: Vec<Bounds> = vec![];
    for (y, row) in labels.chunks_exact(width).enumerate() {
        for (x, &label) in row.iter().enumerate().filter(|(_, label)| **label > 0) {
            let index = label as usize - 1;
            while bounds.len() <= index {
                bounds.push(Bounds { left: width, right: 0, top: y, bottom: y });
            }
            let bounds = &mut bounds[index];
            bounds.left = bounds.left.min(x);
            bounds.right = bounds.right.max(x);
            bounds.bottom = y;
        }
    }
    let area = |bounds: &Bounds| (bounds.right + 1 - bounds.left) * (bounds.bottom + 1 - bounds.top);
    let size = |bounds: &Bounds| (bounds.right - bounds.left).max(bounds.bottom - bounds.top) + 1;
    let mut bounds: Vec<(u32, Bounds)> = (1..).zip(bounds).collect();
    bounds.retain(|(_, bounds)| size(bounds) >= SMALLEST);
    if bounds.iter().map(|(_, bounds)| area(bounds)).sum::<usize>() > LAYERS * width * height {
        return vec![];
    }
    let cut_out = |(label, bounds): (u32, Bounds)| {
        let own = |x: usize, y: usize| labels[y * width + x] == label;
        let count =
            |pixels: &mut dyn Iterator<Item = (usize, usize)>| pixels.filter(|&(x, y)| own(x, y)).count();
        let columns = |y: usize| (bounds.left..=bounds.right).map(move |x| (x, y));
        let rows = |x: usize| (bounds.top..=bounds.bottom).map(move |y| (x, y));
        let mut at_border = 0;
        if bounds.top == 0 {
            at_border += count(&mut columns(0));
        }
        if bounds.bottom + 1 == height {
            at_border += count(&mut columns(height - 1));
        }
        if bounds.left == 0 {
            at_border += count(&mut rows(0));
        }
        if bounds.right + 1 == width {
            at_border += count(&mut rows(width - 1));
        }
        // With the soft rim.
        let (left, top) = (bounds.left.saturating_sub(1), bounds.top.saturating_sub(1));
        let (right, bottom) = ((bounds.right + 2).min(width), (bounds.bottom + 2).min(height));
        let mut pixels = vec![0; (right - left) * (bottom - top)];
        for (y, line) in (top..bottom).zip(pixels.chunks_exact_mut(right - left)) {
            for (x, pixel) in (left..right).zip(line) {
                let own = || {
                    let near = |y: usize| &labels[y * width..][x.saturating_sub(1)..(x + 2).min(width)];
                    labels[y * width + x] == label
                        || labels[y * width + x] == 0
                            && (y.saturating_sub(1)..(y + 2).min(height)).any(|y| near(y).contains(&label))
                };
                let value = ink.row(y)[x];
                if value > 0 && own() {
                    *pixel = value;
                }
            }
        }
        let ink = GrayImage::new(right - left, bottom - top, pixels);
        Piece { left, top, ink, mass: 0.0, at_border }.part(|_, _| true)
    };
    bounds.into_iter().filter_map(cut_out).collect()
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
        let rest = pieces(&unframed.rest).into_iter();
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

/// Without specks, without printed lines, and without what belongs to the picture's border or surrounds the writing. Of more pieces
/// than any page has the largest are kept.
fn without_clutter(mut pieces: Vec<Piece>) -> Vec<Piece> {
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
    /// Whatever is done with pairs of pieces takes no time with so many.
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
fn height_of_writing(pieces: &[&Piece]) -> f32 {
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

/// Lines from the top, their pieces from the left. Neighbours that overlap in height share a line, so that it may climb
/// or fall; small pieces join the line that they are nearest to.
pub fn into_lines(mut pieces: Vec<Piece>) -> Vec<Line> {
    /// Pieces lower than this part of the writing do not tell where a line is.
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

/// Cuts a piece where digits may touch, for a line of this height; from the left to the right, the piece itself where it is
/// too narrow for two.
pub fn apart(piece: Piece, height: f32) -> Vec<Piece> {
    /// No digit but a 1 is narrower, by the height of its line.
    const NARROWEST: f32 = 0.22;
    const MOST_CUTS: usize = 3;
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
        let mut mass = vec![0u32; width];
        for y in 0..rows {
            let shift = columns.shift(y);
            for (x, &ink) in piece.ink.row(y).iter().enumerate() {
                let column = x as isize - shift;
                if column >= 0 && (column as usize) < width {
                    mass[column as usize] += u32::from(ink);
                }
            }
        }
        let mut chosen: Vec<usize> = vec![];
        while chosen.len() < MOST_CUTS {
            let is_free = |x: &usize| chosen.iter().all(|&other| x.abs_diff(other) >= margin);
            let Some(x) = (margin..width - margin).filter(is_free).min_by_key(|&x| mass[x]) else { break };
            chosen.push(x);
        }
        (mass[chosen[0]], columns, chosen)
    });
    let Some((_, columns, mut chosen)) = cuts.into_iter().min_by_key(|(mass, ..)| *mass) else {
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let pieces = writing(&ink(&[
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
        let pieces = writing(&ink(&[
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
        let pieces = writing(&ink(&[
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
        let pieces = writing(&ink(&[
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
        let pieces = writing(&Ink { image, scale: 1.0, frame: 0, contrast: 255, is_dark: true });
        assert_eq!(pieces.iter().map(|piece| piece.left).collect::<Vec<_>>(), [57]);
    }

    #[test]
    fn pieces_take_no_more_memory_than_the_picture_some_times_over() {
        let hatched = |period: usize| {
            let inked = |i: usize| (i % 500 + i / 500) % period < 3;
            pieces(&GrayImage::new(500, 500, (0..500 * 500).map(|i| 255 * u8::from(inked(i))).collect()))
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
            let pieces = writing(&Ink { image, scale: 1.0, frame: 0, contrast: 255, is_dark: true });
            let mut found: Vec<_> = pieces.iter().map(|piece| (piece.left, piece.top)).collect();
            found.sort_unstable();
            assert_eq!(found, tops, "a stroke down to {end}");
        }
    }

    #[test]
    fn the_parts_of_a_cut_make_the_piece() {
        let pieces = writing(&ink(&[
            "........", ".##.##..", ".#...#..", ".#####..", ".#...#..", ".##.##..", "........",
        ]));
        assert_eq!(pieces.len(), 1);
        let parts = apart(pieces[0].clone(), pieces[0].height() as f32);
        assert!(parts.len() > 1);
        let again = Piece::union(parts.iter());
        assert_eq!((again.left, again.top), (pieces[0].left, pieces[0].top));
        assert!(again.ink == pieces[0].ink);
    }
}
