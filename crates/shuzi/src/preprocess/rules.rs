//! Ruled and squared paper: long thin lines across the picture, taken out of the ink.
//!
//! In: ink. Out: the same without lines that run from border to border, nearly level or nearly upright. Where a stroke
//! crosses a line, the ink goes on for longer across it than the line is thick, and stays.
//!
//! The direction is searched: of some slopes, those along which a row of pixels is mostly inked (a Hough transform with few
//! angles, Duda and Hart 1972). Then the line is followed from column to column, for paper is seldom flat.

use crate::image::GrayImage;

/// Ink from here on counts.
const INKED: u8 = 100;

/// How near both borders a line begins and ends; a stroke ends before the picture does.
const REST: usize = 2;

/// Takes the lines out.
pub fn without_rules(ink: GrayImage) -> GrayImage {
    let (width, height) = (ink.width(), ink.height());
    if width < 40 || height < 40 {
        return ink; // a drawing
    }
    let mut pixels = ink.pixels().to_vec();
    let mut any = false;
    // Upright lines are level ones of the picture on its side.
    for on_side in [false, true] {
        let view = if on_side {
            View { along: height, across: width, step: width, stride: 1 }
        } else {
            View { along: width, across: height, step: 1, stride: width }
        };
        for line in view.lines(&pixels) {
            any |= view.erase(&line, &mut pixels);
        }
    }
    if any { GrayImage::new(width, height, pixels) } else { ink }
}

/// A picture upright or on its side.
#[derive(Clone, Copy)]
struct View {
    /// Places along a line.
    along: usize,
    /// Places across.
    across: usize,
    /// From one place to the next in the list of pixels.
    step: usize,
    stride: usize,
}

/// `y = start + slope·x`.
struct RuledLine {
    start: f32,
    slope: f32,
}

/// Slopes that are tried: up to 5 degrees.
const STEEPEST: i32 = 20;
const SLOPE: f32 = 0.09 / STEEPEST as f32;

impl View {
    fn at(self, x: usize, y: usize) -> usize {
        x * self.step + y * self.stride
    }

    /// Lines that are inked for half of their length.
    fn lines(self, pixels: &[u8]) -> Vec<RuledLine> {
        /// Of the picture.
        const LONG: f32 = 0.5;
        let View { along, across, .. } = self;
        // A line begins and ends at the border: most pictures have no ink there.
        let has_ink = |x: usize| (0..across).any(|y| pixels[self.at(x, y)] >= INKED);
        if !(0..REST).any(has_ink) || !(along - REST..along).any(has_ink) {
            return vec![];
        }
        let inked: Vec<(usize, usize)> = (0..across)
            .flat_map(|y| (0..along).map(move |x| (x, y)))
            .filter(|&(x, y)| pixels[self.at(x, y)] >= INKED)
            .collect();
        // A page that is mostly ink has no lines.
        if inked.len() > along * across / 3 {
            return vec![];
        }
        let margin = (SLOPE * STEEPEST as f32 * along as f32).ceil() as usize + 1;
        let mut counted: Vec<(u32, i32, usize)> = vec![];
        for slope in -STEEPEST..=STEEPEST {
            let mut counts = vec![0u32; across + 2 * margin];
            for &(x, y) in &inked {
                let start = y as f32 - SLOPE * slope as f32 * x as f32;
                counts[(start + margin as f32 + 0.5) as usize] += 1;
            }
            let long = counts.iter().enumerate().filter(|(_, count)| **count as f32 >= LONG * along as f32);
            counted.extend(long.map(|(start, &count)| (count, slope, start)));
        }
        // The fullest first; others of the same line are left out.
        counted.sort_unstable_by(|a, b| b.cmp(a));
        let mut lines: Vec<RuledLine> = vec![];
        for (_, slope, start) in counted {
            let line = RuledLine { start: start as f32 - margin as f32, slope: SLOPE * slope as f32 };
            let middle = |line: &RuledLine| line.start + line.slope * along as f32 / 2.0;
            let apart = (across as f32 / 100.0).max(6.0);
            if lines.iter().all(|other| (middle(other) - middle(&line)).abs() > apart) {
                lines.push(line);
            }
        }
        lines
    }

    /// Erases a line where nothing crosses it. Whether there was anything to erase.
    fn erase(self, line: &RuledLine, pixels: &mut [u8]) -> bool {
        let View { along, across, .. } = self;
        let reach = (along as f32 * 0.004).max(3.0);
        // Along the line: the run of ink across it in each column.
        let mut runs: Vec<Option<(usize, usize)>> = vec![None; along];
        let mut drift = 0.0f32; // how far the paper bends away
        for (x, run) in runs.iter_mut().enumerate() {
            let wanted = line.start + line.slope * x as f32 + drift;
            *run = self.run_near(pixels, x, wanted, reach);
            if let Some((first, last)) = *run {
                let middle = (first + last) as f32 / 2.0;
                if last - first < (2.0 * reach) as usize {
                    drift += 0.2 * (middle - wanted).clamp(-1.0, 1.0);
                }
            }
        }
        let mut thicknesses: Vec<usize> =
            runs.iter().flatten().map(|(first, last)| last - first + 1).collect();
        let is_whole =
            [&runs[..REST], &runs[along - REST..]].iter().all(|end| end.iter().any(Option::is_some));
        if thicknesses.len() < along / 3 || !is_whole {
            return false;
        }
        let middle = thicknesses.len() / 2;
        let thickness = *thicknesses.select_nth_unstable(middle).1;
        if thickness as f32 > (across as f32 / 40.0).max(4.0) {
            return false; // a bar, not a line
        }
        let most = thickness + thickness.div_ceil(2) + 1;
        for (x, run) in runs.into_iter().enumerate() {
            let Some((first, last)) = run.filter(|(first, last)| last - first < most) else { continue };
            // With the soft rim.
            for y in first.saturating_sub(2)..(last + 3).min(across) {
                pixels[self.at(x, y)] = 0;
            }
        }
        true
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
        let cases: [fn(usize, usize) -> bool; 4] = [
            |_, y| y % 40 < 2,
            |x, y| (y + 200 - x / 20) % 50 < 2,
            |x, _| x % 40 < 2,
            |x, y| x % 33 < 2 || y % 33 < 2,
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
