//! Ruled and squared paper: long thin lines across the picture, taken out of the ink.
//!
//! In: ink. Out: the same without lines that run from border to border, nearly level or nearly upright. Where a stroke
//! crosses a line, the ink goes on for longer across it than the line is thick, and stays.
//!
//! The direction is searched: of some slopes, those along which a row of pixels is mostly inked (a Hough transform with few
//! angles, Duda and Hart 1972). Then the line is followed from column to column, for paper is seldom flat.

use crate::image::GrayImage;
use std::{cmp::Reverse, ops::Range};

/// Ink from here on counts.
const INKED: u8 = 100;

/// How near both borders a line begins and ends; a stroke ends before the picture does.
const REST: usize = 2;

/// Takes the lines out.
pub fn without_rules(ink: GrayImage) -> GrayImage {
    /// Of the picture.
    const LONG: f32 = 0.5;
    let (width, height) = (ink.width(), ink.height());
    if width < 40 || height < 40 {
        return ink; // a drawing
    }
    let mut pixels = ink.pixels().to_vec();
    let mut any = false;
    let is_mostly_ink = || ink.pixels().iter().filter(|ink| **ink >= INKED).count() > width * height / 3;
    for view in View::both(width, height) {
        // Most pictures have no ink at their border, and what is mostly ink has no lines.
        if !view.has_ink_at_both_ends(&pixels) || is_mostly_ink() {
            continue;
        }
        let thickest = (view.across as f32 / 40.0).max(4.0);
        for line in view.lines(&pixels, LONG, 1) {
            let line = view.trace(&line, &pixels);
            if line.is_whole(view.across) && line.thickness as f32 <= thickest {
                view.erase(&line, 0..view.along, &mut pixels);
                any = true;
            }
        }
    }
    if any { GrayImage::new(width, height, pixels) } else { ink }
}

/// A picture upright or on its side.
#[derive(Clone, Copy)]
pub struct View {
    /// Places along a line.
    pub along: usize,
    /// Places across.
    pub across: usize,
    /// From one place to the next in the list of pixels.
    step: usize,
    stride: usize,
}

/// `y = start + slope·x`.
#[derive(Clone, Copy)]
pub struct RuledLine {
    pub start: f32,
    pub slope: f32,
}

/// The steepest slope that is tried: 10 degrees.
const STEEPEST: f32 = 0.18;
/// The most slopes that are tried to either side.
const SLOPES: i32 = 40;

impl RuledLine {
    /// Where it lies across.
    pub fn at(self, x: f32) -> f32 {
        self.start + self.slope * x
    }

    /// Where it is inside a picture of this length and height.
    fn inside(self, along: usize, across: usize) -> Range<usize> {
        let [upper, lower] = [0.0, across as f32].map(|y| (y - self.start) / self.slope);
        let (first, last) = (upper.min(lower), upper.max(lower));
        // A level line never leaves, and divides by 0.
        let place = |x: f32, or: usize| if x.is_finite() { (x.max(0.0) as usize).min(along) } else { or };
        place(first, 0)..place(last, along)
    }
}

/// A line as it is found from place to place.
pub struct Followed {
    /// As it was expected.
    pub line: RuledLine,
    /// Along the line: the first and last pixel of the ink across it.
    pub runs: Vec<Option<(usize, usize)>>,
    /// Where it lies across: the median.
    pub place: usize,
    /// Of four places along it one is thinner: writing makes many thicker.
    pub thickness: usize,
}

impl Followed {
    /// Whether it goes from border to border, with gaps.
    fn is_whole(&self, across: usize) -> bool {
        let inside = self.line.inside(self.runs.len(), across);
        let (count, runs) = (inside.len(), &self.runs[inside.clone()]);
        if count < 2 * REST {
            return false;
        }
        // Where it leaves through a side, its end is cut at an angle.
        let rest = |is_side: bool| if is_side { count.min(8 * REST) } else { REST };
        let (first, last) = (rest(inside.start > 0), rest(inside.end < self.runs.len()));
        let ends = [&runs[..first], &runs[count - last..]];
        3 * runs.iter().flatten().count() >= count && ends.iter().all(|end| end.iter().any(Option::is_some))
    }

    /// Where it lies across at a place along it, or near that.
    pub fn middle(&self, x: usize) -> Option<usize> {
        /// Pixels; a stroke that crosses is not wider.
        const NEAR: usize = 12;
        let near = (0..NEAR).flat_map(|away| [x.checked_sub(away), Some(x + away)]).flatten();
        let run = |x: usize| self.runs.get(x).copied().flatten();
        let thin = |(first, last): &(usize, usize)| last - first <= 2 * self.thickness;
        near.filter_map(run).find(thin).map(|(first, last)| (first + last) / 2)
    }
}

/// One of `part` values is smaller; 0 of nothing.
pub fn quantile(values: impl Iterator<Item = usize>, part: usize) -> usize {
    let mut values: Vec<usize> = values.collect();
    let place = values.len() / part;
    if values.is_empty() { 0 } else { *values.select_nth_unstable(place).1 }
}

impl View {
    /// Level lines, and upright ones: level lines of the picture on its side.
    pub fn both(width: usize, height: usize) -> [View; 2] {
        [
            View { along: width, across: height, step: 1, stride: width },
            View { along: height, across: width, step: width, stride: 1 },
        ]
    }

    fn at(self, x: usize, y: usize) -> usize {
        x * self.step + y * self.stride
    }

    fn has_ink_at_both_ends(self, pixels: &[u8]) -> bool {
        let has_ink = |x: usize| (0..self.across).any(|y| pixels[self.at(x, y)] >= INKED);
        (0..REST).any(has_ink) && (self.along - REST..self.along).any(has_ink)
    }

    /// Lines that are inked for this part of their length inside the picture, of which one place in `every` is looked at.
    pub fn lines(self, pixels: &[u8], part: f32, every: usize) -> Vec<RuledLine> {
        let View { along, across, .. } = self;
        let inked: Vec<(usize, usize)> = (0..across)
            .flat_map(|y| (0..along).step_by(every).map(move |x| (x, y)))
            .filter(|&(x, y)| pixels[self.at(x, y)] >= INKED)
            .collect();
        /// What is inside for less of the picture's length is no line across it.
        const SHORTEST: f32 = 0.6;
        let margin = (STEEPEST * along as f32).ceil() as usize + 1;
        // As many slopes as end in another pixel.
        let slopes = ((STEEPEST * along as f32).ceil() as i32).min(SLOPES);
        let step = STEEPEST / slopes as f32;
        let mut counted: Vec<(u32, i32, usize)> = vec![];
        for slope in -slopes..=slopes {
            let mut counts = vec![0u32; across + 2 * margin];
            for &(x, y) in &inked {
                let start = y as f32 - step * slope as f32 * x as f32;
                counts[(start + margin as f32 + 0.5) as usize] += 1;
            }
            let is_long = |&(start, &count): &(usize, &u32)| {
                let line = RuledLine { start: start as f32 - margin as f32, slope: step * slope as f32 };
                let inside = line.inside(along, across).len() as f32;
                inside >= SHORTEST * along as f32 && count as f32 * every as f32 >= part * inside
            };
            let long = counts.iter().enumerate().filter(is_long);
            counted.extend(long.map(|(start, &count)| (count, slope, start)));
        }
        // The fullest first, of these the straightest; others of the same line are left out.
        counted.sort_unstable_by_key(|&(count, slope, start)| (Reverse(count), slope.abs(), start));
        let mut lines: Vec<RuledLine> = vec![];
        for (_, slope, start) in counted {
            let line = RuledLine { start: start as f32 - margin as f32, slope: step * slope as f32 };
            let middle = |line: &RuledLine| line.at(along as f32 / 2.0);
            let apart = (across as f32 / 100.0).max(6.0);
            if lines.iter().all(|other| (middle(other) - middle(&line)).abs() > apart) {
                lines.push(line);
            }
        }
        lines
    }

    /// The ink along a line that is nearest to it.
    pub fn trace(self, line: &RuledLine, pixels: &[u8]) -> Followed {
        let reach = (self.along as f32 * 0.004).max(3.0);
        let mut drift = 0.0f32; // how far the paper bends away
        let run = |x: usize| {
            let wanted = line.at(x as f32) + drift;
            let run = self.run_near(pixels, x, wanted, reach);
            if let Some((first, last)) = run
                && last - first < (2.0 * reach) as usize
            {
                drift += 0.2 * ((first + last) as f32 / 2.0 - wanted).clamp(-1.0, 1.0);
            }
            run
        };
        let runs: Vec<Option<(usize, usize)>> = (0..self.along).map(run).collect();
        let place = quantile(runs.iter().flatten().map(|(first, last)| (first + last) / 2), 2);
        let thickness = quantile(runs.iter().flatten().map(|(first, last)| last - first + 1), 4);
        Followed { line: *line, runs, place, thickness }
    }

    /// Erases a stretch of a line where nothing crosses it.
    pub fn erase(self, line: &Followed, stretch: Range<usize>, pixels: &mut [u8]) {
        let most = line.thickness + line.thickness.div_ceil(2) + 1;
        for x in stretch {
            let Some((first, last)) = line.runs[x].filter(|(first, last)| last - first < most) else {
                continue;
            };
            // With the soft rim.
            for y in first.saturating_sub(2)..(last + 3).min(self.across) {
                pixels[self.at(x, y)] = 0;
            }
        }
    }

    /// The first and last inked pixel of the run of ink that is nearest to `y`, if there is one within `reach`.
    fn run_near(self, pixels: &[u8], x: usize, y: f32, reach: f32) -> Option<(usize, usize)> {
        let inked = |y: usize| pixels[self.at(x, y)] >= INKED;
        let center = y.round() as isize;
        let nearest = (0..=reach as isize)
            .flat_map(|away| [center - away, center + away])
            .find(|&y| y >= 0 && (y as usize) < self.across && inked(y as usize))?
            as usize;
        let (mut first, mut last) = (nearest, nearest);
        while first > 0 && inked(first - 1) {
            first -= 1;
        }
        while last + 1 < self.across && inked(last + 1) {
            last += 1;
        }
        Some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper(ink: impl Fn(usize, usize) -> bool) -> GrayImage {
        let pixels = (0..200 * 200).map(|i| if ink(i % 200, i / 200) { 255 } else { 0 });
        GrayImage::new(200, 200, pixels.collect())
    }

    fn stroke(x: usize, y: usize) -> bool {
        (95..105).contains(&x) && (40..160).contains(&y)
    }

    #[test]
    fn lines_go_and_what_crosses_them_stays() {
        // Level, falling, and upright, two pixels thick.
        let cases: [fn(usize, usize) -> bool; 5] = [
            |_, y| y % 40 < 2,
            |x, y| (y + 200 - x / 20) % 50 < 2,
            |x, _| x % 40 < 2,
            |x, y| x % 33 < 2 || y % 33 < 2,
            |x, y| (y + 200 - x * 3 / 20) % 50 < 2, // by 9 degrees, out at the sides
        ];
        for (case, line) in cases.into_iter().enumerate() {
            let clean = without_rules(paper(|x, y| line(x, y) || stroke(x, y)));
            let (mut rest, mut lost) = (0, 0);
            for y in 0..200 {
                for x in 0..200 {
                    let found = clean.row(y)[x] > 0;
                    rest += usize::from(found && !stroke(x, y));
                    lost += usize::from(!found && stroke(x, y));
                }
            }
            assert!(
                rest < 250 && lost < 150,
                "case {case}: {rest} pixels of lines are left, {lost} of the stroke lost"
            );
        }
    }

    #[test]
    fn long_strokes_are_no_lines() {
        let seven = paper(|x, y| {
            (20..180).contains(&x) && (20..30).contains(&y)
                || (170..180).contains(&x) && (20..190).contains(&y)
        });
        assert_eq!(without_rules(seven.clone()), seven);
        assert_eq!(without_rules(paper(|_, _| false)), paper(|_, _| false));
    }
}
