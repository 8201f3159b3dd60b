//! Boxes, the cells of a form, and lines to write on: taken out of a piece of ink that hangs together with them.
//!
//! In: the ink of a piece. Out: the same without its frame, if it has one. What was printed is distinguished from writing by
//! its shape alone: a wall is thin, straight, and goes all the way from one wall to the next; a base line is thin, straight, and as
//! long as several digits. Where a stroke crosses, the ink goes on for longer than the wall is thick, and stays.

use super::rules::{Followed, RuledLine, View, quantile};
use crate::image::GrayImage;
use std::ops::Range;

/// A piece of ink without its frame.
pub struct Unframed {
    /// The ink that is left.
    pub rest: GrayImage,
    /// The shorter side of the smallest cell, in pixels.
    pub cell: usize,
    /// The level walls.
    pub floors: Vec<RuledLine>,
    /// Whether it is a frame even if nothing is written in it.
    pub is_form: bool,
}

/// The shorter side of the smallest frame, in pixels.
const SMALLEST: usize = 24;

/// Takes the frame out of a piece of ink that has one.
pub fn without_frame(ink: &GrayImage) -> Option<Unframed> {
    let (width, height) = (ink.width(), ink.height());
    if width.min(height) < SMALLEST {
        return None;
    }
    box_or_grid(ink).or_else(|| base_line(ink))
}

/// A box or a grid of cells: walls in both directions that enclose most of the piece.
fn box_or_grid(ink: &GrayImage) -> Option<Unframed> {
    /// Of the piece's side: a line that may be a wall.
    const LONG: f32 = 0.5;
    /// Of the piece's side, from the first wall to the last.
    const ENCLOSED: f32 = 0.6;
    /// So many walls in one direction are no digit.
    const FORM: usize = 4;
    /// Of each of the four outer sides of what is no form: the sides of an angular 5 or 6 are open.
    const SHUT: f32 = 0.6;
    let (width, height) = (ink.width(), ink.height());
    let thickest = (width.min(height) as f32 / 10.0).max(4.0);
    let views = View::both(width, height);
    let lines = views.map(|view| thin_lines(view, ink.pixels(), LONG, thickest));
    if lines.iter().any(|lines| lines.len() < 2) {
        return None;
    }
    let print = print_width(&lines)?;
    let [level, upright] =
        [0, 1].map(|direction| Walls::new(views[direction], &lines[direction], &lines[1 - direction], print));
    if [&level, &upright].iter().any(|walls| (walls.span() as f32) < ENCLOSED * walls.view.across as f32) {
        return None;
    }
    let is_shut = |walls: &Walls, other: &Walls| walls.shut() as f32 >= SHUT * other.span() as f32;
    let is_form = level.stretches.len() >= FORM || upright.stretches.len() >= FORM;
    if !(is_form || is_shut(&level, &upright) && is_shut(&upright, &level)) {
        return None;
    }
    let mut pixels = ink.pixels().to_vec();
    level.erase(&mut pixels);
    upright.erase(&mut pixels);
    Some(Unframed {
        rest: GrayImage::new(width, height, pixels),
        cell: level.narrowest().min(upright.narrowest()),
        floors: level.stretches.iter().map(|(line, _)| line.line).collect(),
        is_form,
    })
}

/// The walls of one direction.
struct Walls<'a> {
    view: View,
    /// The lines that have walls in them, each with where along it they are.
    stretches: Vec<(&'a Followed, Vec<Range<usize>>)>,
}

impl<'a> Walls<'a> {
    fn new(view: View, lines: &'a [Followed], across: &[Followed], print: usize) -> Self {
        let stretches = lines.iter().map(|line| (line, walls(line, across, print)));
        Walls { view, stretches: stretches.filter(|(_, walls)| !walls.is_empty()).collect() }
    }

    /// Where across the lines lie, in order, each with how much of it is walled.
    fn places(&self) -> Vec<(usize, usize)> {
        let walled = |walls: &[Range<usize>]| walls.iter().map(Range::len).sum();
        let mut places: Vec<_> =
            self.stretches.iter().map(|(line, walls)| (line.place, walled(walls))).collect();
        places.sort_by_key(|(place, _)| *place);
        places
    }

    /// From the first wall to the last.
    fn span(&self) -> usize {
        let places = self.places();
        places.last().zip(places.first()).map_or(0, |(last, first)| last.0 - first.0)
    }

    /// How much of the outer line that is less walled is walled.
    fn shut(&self) -> usize {
        let places = self.places();
        places.last().zip(places.first()).map_or(0, |(last, first)| last.1.min(first.1))
    }

    /// The shortest way from one wall to the next.
    fn narrowest(&self) -> usize {
        self.places().windows(2).map(|two| two[1].0 - two[0].0).min().unwrap_or(usize::MAX)
    }

    /// A little further at each end, for the wall across it is erased too.
    fn erase(&self, pixels: &mut [u8]) {
        for (line, walls) in &self.stretches {
            let beyond = line.thickness + 2;
            for wall in walls {
                let stretch = wall.start.saturating_sub(beyond)..(wall.end + beyond).min(self.view.along);
                self.view.erase(line, stretch, pixels);
            }
        }
    }
}

/// A base line that joins several digits, with or without short walls that stand on it.
fn base_line(ink: &GrayImage) -> Option<Unframed> {
    /// The line is so many times as long as the piece is high, with walls on it and without.
    const LONG: [f32; 2] = [1.3, 2.2];
    /// And takes this part of the piece's width.
    const WHOLE: f32 = 0.8;
    /// Of the piece's height: a wall.
    const WALL: f32 = 0.2;
    /// So many walls as high as each other are no strokes.
    const WALLS: usize = 3;
    let (width, height) = (ink.width(), ink.height());
    if (width as f32) < LONG[0] * height as f32 {
        return None;
    }
    let [level, upright] = View::both(width, height);
    let thickest = (height as f32 / 12.0).max(4.0);
    let base = thin_lines(level, ink.pixels(), WHOLE, thickest).into_iter().next()?;
    let thickest = 1.5 * base.thickness as f32 + 1.0;
    // From the base line up: how far a wall goes.
    let rise = |wall: &Followed| {
        let foot = base.middle(wall.place)?;
        let is_gap = |y: &usize| wall.runs[*y].is_none_or(|(first, last)| (last - first) as f32 > thickest);
        let beyond = base.thickness + 2;
        let top = (0..foot.saturating_sub(beyond)).rev().find(is_gap).map_or(0, |y| y + 1);
        ((foot - top) as f32 >= WALL * height as f32).then_some(top..foot + beyond)
    };
    let walls = thin_lines(upright, ink.pixels(), WALL, thickest);
    let mut walls: Vec<(Range<usize>, Followed)> =
        walls.into_iter().filter_map(|wall| Some((rise(&wall)?, wall))).collect();
    let middle = quantile(walls.iter().map(|(stretch, _)| stretch.len()), 2);
    walls.retain(|(stretch, _)| stretch.len().abs_diff(middle) <= 3.max(middle / 12));
    let has_walls = walls.len() >= WALLS;
    if !has_walls && (width as f32) < LONG[1] * height as f32 {
        return None;
    }
    let mut pixels = ink.pixels().to_vec();
    level.erase(&base, 0..width, &mut pixels);
    if has_walls {
        walls.iter().for_each(|(stretch, wall)| {
            upright.erase(wall, stretch.start..stretch.end.min(height), &mut pixels)
        });
    }
    Some(Unframed {
        rest: GrayImage::new(width, height, pixels),
        cell: height / 2,
        floors: vec![],
        is_form: true,
    })
}

/// Lines that are inked for this part of the picture, none of them thicker than `thickest`.
fn thin_lines(view: View, pixels: &[u8], part: f32, thickest: f32) -> Vec<Followed> {
    /// Places along the piece that are looked at, or fewer.
    const PLACES: usize = 40;
    let every = view.along.div_ceil(PLACES);
    let mut found: Vec<Followed> = vec![];
    for line in view.lines(pixels, part, every) {
        let line = view.trace(&line, pixels);
        // Two that lie side by side may be followed to the same ink.
        let is_new = || found.iter().all(|other| other.place.abs_diff(line.place) > 2 * line.thickness);
        if line.thickness as f32 <= thickest && is_new() {
            found.push(line);
        }
    }
    found
}

/// How thick the outermost lines are: the lower median of the four.
fn print_width(lines: &[Vec<Followed>; 2]) -> Option<usize> {
    let mut widths = vec![];
    for lines in lines {
        let first = lines.iter().min_by_key(|line| line.place)?;
        let last = lines.iter().max_by_key(|line| line.place)?;
        widths.extend([first.thickness, last.thickness]);
    }
    widths.sort_unstable();
    Some(widths[1])
}

/// The stretches of a line between two of the lines across that are inked all the way, and look printed: often as thin as other
/// walls; or straight and even throughout, and no thicker than two walls side by side.
fn walls(line: &Followed, across: &[Followed], print: usize) -> Vec<Range<usize>> {
    const INKED: f32 = 0.95;
    const THIN: f32 = 0.3;
    const EVEN: f32 = 0.8;
    // Of two straight lines, and then as it was found, for paper is seldom flat.
    let crossing = |other: &Followed| {
        let (a, b) = (line.line, other.line);
        let x = (b.start + b.slope * a.start) / (1.0 - a.slope * b.slope);
        let y = a.at(x).round() as usize; // below 0 is 0
        other.middle(y).unwrap_or(x.round() as usize)
    };
    let mut crossings: Vec<usize> = across.iter().map(crossing).collect();
    crossings.sort_unstable();
    let is_wall = |wall: &Range<usize>| {
        let inner = wall.start + print..wall.end.saturating_sub(print);
        let Some(runs) = line.runs.get(inner.clone()) else { return false };
        let share = |is: &dyn Fn(usize, usize, usize) -> bool| {
            let runs =
                inner.clone().zip(runs).filter_map(|(x, run)| run.map(|(first, last)| (x, first, last)));
            runs.filter(|&(x, first, last)| is(x, first, last)).count() as f32 / inner.len() as f32
        };
        let is_thin = |_: usize, first: usize, last: usize| last - first <= print + print / 4;
        let is_even = |x: usize, first: usize, last: usize| {
            let expected = line.place as f32 + line.line.slope * (x as f32 - line.runs.len() as f32 / 2.0);
            let away = (first + last) as f32 / 2.0 - expected;
            away.abs() <= 1.5 && (last - first + 1).abs_diff(line.thickness) <= 1
        };
        let is_printed =
            share(&is_thin) >= THIN || line.thickness <= 2 * print + 1 && share(&is_even) >= EVEN;
        !inner.is_empty() && share(&|_, _, _| true) >= INKED && is_printed
    };
    crossings.windows(2).map(|two| two[0]..two[1]).filter(is_wall).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 180;
    const HEIGHT: usize = 70;

    fn ink(inked: impl Fn(usize, usize) -> bool) -> GrayImage {
        let pixels = (0..WIDTH * HEIGHT).map(|i| if inked(i % WIDTH, i / WIDTH) { 255 } else { 0 });
        GrayImage::new(WIDTH, HEIGHT, pixels.collect())
    }

    /// A slash in each of three cells: it crosses a wall each time, or the base line.
    fn slash(x: usize, y: usize) -> bool {
        (5..65).contains(&y) && (x % 60 + y / 4).abs_diff(52) < 5 && x < 170
    }

    /// How many pixels of the slashes are lost, and how many of anything else are left.
    fn wrong(found: &GrayImage) -> (usize, usize) {
        let count = |is_slash: bool| {
            let pixels = found.pixels().iter().enumerate();
            let wrong =
                |&(i, &ink): &(usize, &u8)| slash(i % WIDTH, i / WIDTH) == is_slash && (ink > 0) != is_slash;
            pixels.filter(wrong).count()
        };
        (count(true), count(false))
    }

    #[test]
    fn frames_go_and_what_crosses_them_stays() {
        type IsPrinted<'a> = &'a dyn Fn(usize, usize) -> bool;
        let falls = |x: usize, y: usize| (y + 3).saturating_sub(x / 30); // by 6 pixels
        let height = 3..66;
        let level = |y: usize| (3..5).contains(&y) || (64..66).contains(&y);
        let cases: [(&str, IsPrinted); 5] = [
            ("box", &|x, y| level(y) || height.contains(&y) && !(2..WIDTH - 2).contains(&x)),
            ("cells", &|x, y| level(y) || height.contains(&y) && (x % 60 < 2 || x >= WIDTH - 2)),
            ("boxes", &|x, y| level(y) || height.contains(&y) && (x % 60 < 2 || x % 60 >= 57)),
            ("comb", &|x, y| {
                (64..66).contains(&y) || (45..66).contains(&y) && (x % 60 < 2 || x >= WIDTH - 2)
            }),
            ("base line", &|_, y| (57..59).contains(&y)),
        ];
        for (name, frame) in cases {
            for is_tilted in [false, true] {
                let frame = |x, y| if is_tilted { frame(x, falls(x, y)) } else { frame(x, y) };
                let found = without_frame(&ink(|x, y| frame(x, y) || slash(x, y))).expect(name);
                let (lost, left) = wrong(&found.rest);
                assert!(lost < 120 && left < 150, "{name}, {is_tilted}: {lost} lost, {left} left");
            }
        }
    }

    #[test]
    fn digits_are_no_frames() {
        let bar = |at: usize, place: usize| place.abs_diff(at) < 3;
        let level = |x: usize| (40..90).contains(&x);
        let seven = ink(|x, y| level(x) && bar(5, y) || bar(85, x));
        let four = ink(|x, y| level(x) && bar(40, y) || bar(42, x) && y < 40 || bar(75, x));
        let two = ink(|x, y| level(x) && bar(64, y) || (x + y).abs_diff(110) < 5 && y > 20);
        // A rounded box is as near as handwriting comes to a frame.
        let zero = ink(|x, y| {
            let away = (x as f32 - 90.0).hypot(1.3 * (y as f32 - 35.0));
            (36.0..42.0).contains(&away)
        });
        // Angular ones, whose sides are as straight as walls.
        let five = ink(|x, y| {
            level(x) && (bar(5, y) || bar(35, y) || bar(64, y)) && x > 42
                || (5..35).contains(&y) && bar(43, x)
                || (35..65).contains(&y) && bar(87, x)
        });
        let six = ink(|x, y| {
            level(x) && (bar(5, y) || bar(35, y) || bar(64, y)) && x > 42
                || (5..65).contains(&y) && bar(43, x)
                || (35..65).contains(&y) && bar(87, x)
        });
        for (digit, ink) in [(7, seven), (4, four), (2, two), (0, zero), (5, five), (6, six)] {
            assert!(without_frame(&ink).is_none(), "{digit}");
        }
        assert!(without_frame(&ink(|_, _| false)).is_none());
        assert!(without_frame(&ink(|_, _| true)).is_none());
    }

    #[test]
    fn an_empty_form_is_known_by_its_walls() {
        let cells = without_frame(&ink(|x, y| x % 59 < 2 || !(2..HEIGHT - 2).contains(&y))).expect("a form");
        assert!(cells.is_form);
        let frame = without_frame(&ink(|x, y| !(2..WIDTH - 2).contains(&x) || !(2..HEIGHT - 2).contains(&y)));
        assert!(!frame.expect("a box").is_form);
    }
}
