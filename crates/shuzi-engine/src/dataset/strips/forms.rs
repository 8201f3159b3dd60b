//! What else is on a strip: rules, boxes, combs, and strokes of neighbouring lines.

use super::{
    hands::Hands,
    layout::Layout,
    path::Bounds,
    pen::Pen,
    random::{bell, between, chance, mostly_low},
    sheet::{Ground, Plane, Sheet},
    text::Content,
    writing::{Manner, Writing},
};
use crate::{Rng, preprocess::strip::STRIP_HEIGHT};
use rand::RngExt;

const ROWS: f32 = STRIP_HEIGHT as f32;
/// The tangent of 10 degrees.
const STEEPEST: f32 = 0.176;

/// A ruled paper or a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    None,
    /// Lines anywhere.
    Rules,
    /// A line under the writing.
    Baseline,
    /// Squared paper.
    Grid,
    /// Walls at the ends, above and below.
    Walls,
    /// A box for each sign.
    Boxes,
    /// Ticks between the signs.
    Comb,
}

impl Form {
    pub fn random(ground: Ground, rng: &mut Rng) -> Self {
        let blank = match ground {
            Ground::Screen => 85,
            Ground::Security => 45,
            Ground::Scan | Ground::Photo => 50,
        };
        match rng.random_range(0..100) {
            number if number < blank => Form::None,
            _ => match rng.random_range(0..20) {
                0..6 => Form::Rules,
                6..10 => Form::Baseline,
                10..13 => Form::Grid,
                13..16 => Form::Walls,
                16..18 => Form::Boxes,
                _ => Form::Comb,
            },
        }
    }

    /// The width of a cell where signs are written into cells.
    pub fn cell(self, rng: &mut Rng) -> Option<f32> {
        matches!(self, Form::Boxes | Form::Comb).then(|| between(rng, 0.75, 1.7))
    }

    /// Prints it on the paper.
    pub fn print(self, sheet: &mut Sheet, layout: &Layout, walls: &[f32], rng: &mut Rng) {
        let strength = sheet.contrast
            * if chance(rng, 0.6) { mostly_low(rng, 0.08, 0.8) } else { between(rng, 0.5, 1.1) };
        let ruling = Ruling::random(sheet, rng);
        let foot = layout.foot();
        let below = foot + layout.height * between(rng, -0.05, 0.25);
        let above = foot - layout.height * between(rng, 1.0, 1.3);
        sheet.print(strength, |plane| match self {
            Form::None => {}
            Form::Rules => {
                for _ in 0..rng.random_range(1..=3) {
                    ruling.across(plane, between(rng, 0.0, ROWS));
                }
            }
            Form::Baseline => ruling.across(plane, below),
            Form::Grid => ruling.grid(plane, rng),
            Form::Walls => {
                for x in [mostly_low(rng, -1.0, 8.0), layout.columns as f32 - mostly_low(rng, -1.0, 8.0)] {
                    if chance(rng, 0.6) {
                        ruling.down(plane, x, -1.0, ROWS + 1.0);
                    }
                }
                [above, below].into_iter().for_each(|y| {
                    if chance(rng, 0.5) {
                        ruling.across(plane, y);
                    }
                });
            }
            Form::Boxes | Form::Comb => {
                let tick =
                    if self == Form::Boxes { above } else { below - layout.height * between(rng, 0.1, 0.4) };
                walls.iter().for_each(|&wall| ruling.down(plane, layout.column(wall), tick, below));
                ruling.across(plane, below);
                if self == Form::Boxes {
                    ruling.across(plane, above);
                }
            }
        });
    }
}

/// How rules are drawn; places are in pixels of the strip.
struct Ruling {
    fineness: f32,
    slope: f32,
    /// Half the thickness, in pixels of the sheet.
    radius: f32,
    /// Pixels between dots; 0 where it is a whole line.
    dotted: f32,
}

impl Ruling {
    fn random(sheet: &Sheet, rng: &mut Rng) -> Self {
        let slope = match rng.random_range(0..10) {
            _ if sheet.ground == Ground::Screen => 0.0,
            0..6 => 0.005 * bell(rng),
            6..8 => 0.04 * bell(rng),
            8 => between(rng, -STEEPEST, STEEPEST),
            _ => 0.0,
        };
        Ruling {
            fineness: sheet.fineness,
            slope,
            radius: (sheet.fineness * mostly_low(rng, 0.25, 1.3)).max(0.3),
            dotted: if chance(rng, 0.08) { between(rng, 2.0, 5.0) } else { 0.0 },
        }
    }

    /// A line from one end of the sheet to the other.
    fn across(&self, plane: &mut Plane, y: f32) {
        let (width, y) = (plane.width as f32, y * self.fineness);
        let at = |x: f32| [x, y + self.slope * (x - 0.5 * width)];
        if self.dotted == 0.0 {
            return plane.line(at(-2.0), at(width + 2.0), self.radius, 1.0);
        }
        let step = self.dotted * self.fineness;
        let dots = (width / step) as usize + 1;
        (0..dots).for_each(|dot| {
            plane.stamp(at(dot as f32 * step), at((dot as f32 + 0.3) * step), self.radius, 1.0)
        });
    }

    /// An upright line, at right angles to the others.
    fn down(&self, plane: &mut Plane, x: f32, top: f32, bottom: f32) {
        let at = |y: f32| {
            let fall = self.slope * (x * self.fineness - 0.5 * plane.width as f32);
            [self.fineness * (x - self.slope * (y - 0.5 * ROWS)), self.fineness * y + fall]
        };
        let (top, bottom) = (at(top), at(bottom));
        plane.line(top, bottom, self.radius, 1.0);
    }

    fn grid(&self, plane: &mut Plane, rng: &mut Rng) {
        let pitch = between(rng, 9.0, 34.0);
        let mut y = pitch * rng.random::<f32>();
        while y < ROWS {
            self.across(plane, y);
            y += pitch;
        }
        let mut x = pitch * rng.random::<f32>();
        while x * self.fineness < plane.width as f32 {
            self.down(plane, x, -2.0, ROWS + 2.0);
            x += pitch;
        }
    }
}

/// Underlines the writing once or twice.
pub(super) fn underline(writing: &mut Writing, layout: &Layout, fineness: f32, rng: &mut Rng) {
    let Bounds { left, right, .. } = layout.ink;
    let mut y = layout.foot() + layout.height * between(rng, 0.0, 0.25);
    for _ in 0..if chance(rng, 0.25) { 2 } else { 1 } {
        let (begin, end) = (left - 4.0 * bell(rng).abs(), right + 4.0 * bell(rng).abs());
        let (slope, bow) = (0.02 * bell(rng), 0.06 * layout.height * bell(rng));
        writing.path.stroke((0..=8).map(|i| {
            let t = i as f32 / 8.0;
            let x = begin + t * (end - begin);
            let place = y + slope * (x - begin) + bow * t * (1.0 - t);
            [fineness * x, fineness * place]
        }));
        y += layout.height * between(rng, 0.06, 0.15);
    }
}

/// How often strokes of other writing reach into a strip.
pub(super) fn neighbours_share(ground: Ground, is_blank: bool) -> f32 {
    match ground {
        _ if is_blank => 0.45,
        Ground::Screen => 0.04,
        _ => 0.15,
    }
}

/// The ends of strokes of other writing, at the upper or lower border, or at one end.
pub(super) fn neighbours(sheet: &mut Sheet, layout: &Layout, pen: &Pen, hands: &Hands, rng: &mut Rng) {
    let other = Writing::new(&Content::random(rng), hands, &Manner::random(None, 0.0, rng), rng);
    if other.path.points.is_empty() {
        return;
    }
    let bounds = Bounds::of(&other.path.points);
    let mut path = other.path;
    let (width, height) = (bounds.width() * layout.height, bounds.height() * layout.height);
    // So little of it that nobody could read it.
    let depth = (0.35 * height).min(between(rng, 1.5, 8.0));
    let (mut x, mut y) = (between(rng, -0.6 * width, layout.columns as f32 - 0.3 * width), 0.0);
    match rng.random_range(0..8) {
        0..4 => y = depth.min(layout.ink.top.max(0.0) + 3.0) - height,
        4..7 => y = ROWS - depth.min((ROWS - layout.ink.bottom).max(0.0) + 3.0),
        _ => {
            let sliver = between(rng, 0.8, 2.2);
            x = if chance(rng, 0.5) { sliver - width } else { layout.columns as f32 - sliver };
        }
    }
    let fineness = sheet.fineness;
    path.change(0, |[px, py]| {
        [
            fineness * (x + (px - bounds.left) * layout.height),
            fineness * (y + (py - bounds.top) * layout.height),
        ]
    });
    pen.draw(&path, fineness * layout.height, &mut sheet.ink, rng);
}

/// Thick shapes on top of each other, as in drawings, logos and pictures of things: nothing that is written.
pub(super) fn clutter(sheet: &mut Sheet, rng: &mut Rng) {
    let (width, height) = (sheet.ink.width as f32, sheet.ink.height as f32);
    let is_pale = chance(rng, 0.5);
    for _ in 0..rng.random_range(4..=16) {
        let radius = height * mostly_low(rng, 0.08, 0.5);
        let begin = [between(rng, 0.0, width), between(rng, 0.0, height)];
        let end = [begin[0] + 0.7 * height * bell(rng), begin[1] + 0.7 * height * bell(rng)];
        let density = if is_pale { between(rng, 0.1, 0.8) } else { 1.0 };
        sheet.ink.line(begin, end, radius, density);
    }
}
