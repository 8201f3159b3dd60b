//! A writer's hand: from knots that the pen passes to ink on paper.
//!
//! Knows nothing of what is written. IEEE arithmetic without the machine's `sin` or `exp`: the same
//! bytes on every machine.

use crate::{Rng, image::GrayImage, preprocess::BOX_SIDE};
use rand::RngExt;

/// Nearly normal with mean 0 and standard deviation 1, never beyond 3.5: four uniform
/// numbers summed, for the logarithm of a true normal differs between machines.
pub(in crate::dataset) fn bell(rng: &mut Rng) -> f32 {
    let bits: u64 = rng.random();
    let sum: u64 = (0..4).map(|i| (bits >> (16 * i)) & 0xffff).sum();
    (sum as f32 / 65536.0 - 2.0) * 1.732_050_8
}

/// Uniform between `low` and `high`.
pub(in crate::dataset) fn between(rng: &mut Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// A place on the paper: x to the right, y down; a digit is about 1 high and 0.6 wide.
pub(in crate::dataset) type Point = [f32; 2];

/// How one example is written: what its writer does to whatever digit it is.
pub(in crate::dataset) struct Hand {
    /// Independent deviation of each knot.
    shake: f32,
    /// 0 swings through every knot (Catmull-Rom), 1 only near them (B-spline), as in haste.
    roundness: f32,
    bend: Bend,
    /// Moves the middle of the digit down, so that its upper part grows.
    waist: f32,
    /// Widens the foot of the digit and narrows its head.
    taper: f32,
    width: f32,
    /// How far the head leans to the right, in heights.
    slant: f32,
    /// Tangent of half the angle by which the paper lies turned.
    half_turn: f32,
    pub(super) pen: Pen,
}

impl Hand {
    /// The amounts were chosen on MNIST's training part: what a network that has seen only
    /// synthetic digits gets wrong there, and slants, widths and thicknesses compared.
    pub fn random(rng: &mut Rng) -> Self {
        Hand {
            shake: between(rng, 0.02, 0.1),
            roundness: between(rng, 0.0, 1.0),
            bend: Bend::random(0.1, rng),
            waist: 0.4 * bell(rng),
            taper: 0.2 * bell(rng),
            width: 1.12 + 0.22 * bell(rng),
            slant: 0.18 + 0.25 * bell(rng),
            half_turn: 0.07 * bell(rng),
            pen: Pen::random(rng),
        }
    }

    /// The pen's way, stroke by stroke.
    pub fn write(&self, strokes: &[&[Knot]], rng: &mut Rng) -> Vec<Vec<Point>> {
        strokes.iter().map(|knots| self.distort(trace(&self.shaken(knots, rng), self.roundness))).collect()
    }

    /// Knots shaken off their places. The ends of a stroke vary more than its middle.
    fn shaken(&self, knots: &[Knot], rng: &mut Rng) -> Vec<(Point, bool)> {
        let last = knots.len() - 1;
        let shake = |i: usize| if i == 0 || i == last { 1.5 * self.shake } else { self.shake };
        let mut place = |at: i8, shake: f32| f32::from(at) * 0.01 + shake * bell(rng);
        let knots = knots.iter().enumerate();
        knots.map(|(i, k)| ([place(k.x, shake(i)), place(k.y, shake(i))], k.corner)).collect()
    }

    fn distort(&self, mut points: Vec<Point>) -> Vec<Point> {
        // Half-angle form of the rotation: exact without sine and cosine.
        let square = self.half_turn * self.half_turn;
        let (cos, sin) = ((1.0 - square) / (1.0 + square), 2.0 * self.half_turn / (1.0 + square));
        for point in &mut points {
            let [x, y] = self.bend.apply(*point);
            let x = (x - 0.3) * (1.0 + self.taper * (2.0 * y - 1.0));
            let y = y + self.waist * y * (1.0 - y);
            let x = self.width * x - self.slant * y;
            *point = [cos * x - sin * y, sin * x + cos * y];
        }
        points
    }
}

/// Knots of the [`Bend`] along each side.
const BEND_KNOTS: usize = 4;

/// A smooth random displacement of the paper: a quadratic B-spline over a coarse grid.
struct Bend([[Point; BEND_KNOTS]; BEND_KNOTS]);

impl Bend {
    fn random(strength: f32, rng: &mut Rng) -> Self {
        let mut knot = || [strength * bell(rng), strength * bell(rng)];
        Bend(std::array::from_fn(|_| std::array::from_fn(|_| knot())))
    }

    fn apply(&self, [x, y]: Point) -> Point {
        let (column, x_weights) = spline_weights(x);
        let (row, y_weights) = spline_weights(y);
        let mut moved = [x, y];
        for (knots, y_weight) in self.0[row..].iter().zip(y_weights) {
            for (knot, x_weight) in knots[column..].iter().zip(x_weights) {
                moved[0] += x_weight * y_weight * knot[0];
                moved[1] += x_weight * y_weight * knot[1];
            }
        }
        moved
    }
}

/// The first of the three knots that act at `place` (0 to 1) and their weights.
fn spline_weights(place: f32) -> (usize, [f32; 3]) {
    let place = place.clamp(0.0, 0.999) * (BEND_KNOTS - 2) as f32;
    let t = place.fract();
    (place as usize, [0.5 * (1.0 - t) * (1.0 - t), 0.5 + t * (1.0 - t), 0.5 * t * t])
}

/// Points drawn per span between two knots.
const STEPS: usize = 6;

/// The curve that the pen follows, between Catmull-Rom (`roundness` 0) and B-spline (1).
fn trace(knots: &[(Point, bool)], roundness: f32) -> Vec<Point> {
    let mut points = vec![knots[0].0];
    for i in 0..knots.len() - 1 {
        let (b, b_turns) = knots[i];
        let (c, c_turns) = knots[i + 1];
        // At an end or a corner the curve meets its knot as if it went straight on.
        let a = if b_turns || i == 0 { mirrored(c, b) } else { knots[i - 1].0 };
        let d = if c_turns || i + 2 == knots.len() { mirrored(b, c) } else { knots[i + 2].0 };
        for step in 1..=STEPS {
            let t = step as f32 / STEPS as f32;
            points.push(std::array::from_fn(|k| {
                let span = [a[k], b[k], c[k], d[k]];
                (1.0 - roundness) * catmull_rom(span, t) + roundness * b_spline(span, t)
            }));
        }
    }
    points
}

/// `p` on the other side of `center`.
fn mirrored(p: Point, center: Point) -> Point {
    [2.0 * center[0] - p[0], 2.0 * center[1] - p[1]]
}

/// From `b` at `t` 0 to `c` at 1, both met exactly.
fn catmull_rom([a, b, c, d]: [f32; 4], t: f32) -> f32 {
    b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
}

/// From near `b` at `t` 0 to near `c` at 1, rounder.
fn b_spline([a, b, c, d]: [f32; 4], t: f32) -> f32 {
    (a + 4.0 * b + c + t * (3.0 * (c - a) + t * (3.0 * (a - 2.0 * b + c) + t * (3.0 * (b - c) + d - a))))
        / 6.0
}

/// How the ink flows.
pub(super) struct Pen {
    /// Half the stroke's width, in pixels of the finished image.
    radius: f32,
    /// Factors on the radius at the begin, middle and end of each stroke.
    pressure: [f32; 3],
}

impl Pen {
    fn random(rng: &mut Rng) -> Self {
        Pen {
            radius: (1.25 + 0.36 * bell(rng)).max(0.55),
            pressure: std::array::from_fn(|_| 1.0 + 0.2 * bell(rng)),
        }
    }

    /// Radius at `t`, 0 at the begin of the stroke and 1 at its end.
    fn radius_at(&self, t: f32) -> f32 {
        let [begin, middle, end] = self.pressure;
        let rest = 1.0 - t;
        self.radius * (begin * rest * rest + 2.0 * middle * rest * t + end * t * t)
    }
}

/// Pixels drawn for one pixel of the finished image, along each side.
const OVERSAMPLING: usize = 3;
/// Width and height of the paper: the finished digit and a rim, for pressure may widen it.
pub(super) const PAPER: usize = (BOX_SIDE + 4) * OVERSAMPLING;

/// Draws the strokes so large that their longer side fills the paper but for the rim.
pub(super) fn ink(strokes: &[Vec<Point>], pen: &Pen) -> GrayImage {
    let points = || strokes.iter().flatten();
    let low: Point = std::array::from_fn(|k| points().map(|p| p[k]).fold(f32::MAX, f32::min));
    let high: Point = std::array::from_fn(|k| points().map(|p| p[k]).fold(f32::MIN, f32::max));
    let longer = (high[0] - low[0]).max(high[1] - low[1]).max(1e-3);
    let side = (BOX_SIDE as f32 - 2.0 * pen.radius) * OVERSAMPLING as f32;
    let rim = 0.5 * (PAPER as f32 - side);
    let on_paper = |p: Point| -> Point { std::array::from_fn(|k| (p[k] - low[k]) * side / longer + rim) };

    let mut paper = [0.0; PAPER * PAPER];
    for stroke in strokes {
        let spans = (stroke.len() - 1) as f32;
        for (i, ends) in stroke.windows(2).enumerate() {
            let radius = pen.radius_at((i as f32 + 0.5) / spans) * OVERSAMPLING as f32;
            stamp(&mut paper, on_paper(ends[0]), on_paper(ends[1]), radius);
        }
    }
    GrayImage::new(PAPER, PAPER, paper.iter().map(|ink| (ink * 255.0 + 0.5) as u8).collect())
}

/// Inks all within `radius` of the line from `a` to `b`, with an edge one pixel soft.
fn stamp(paper: &mut [f32], a: Point, b: Point, radius: f32) {
    let reach = radius + 0.5;
    let range = |k: usize| {
        let low = (a[k].min(b[k]) - reach) as usize; // negative becomes 0
        let high = (a[k].max(b[k]) + reach + 1.0) as usize;
        low.min(PAPER)..high.min(PAPER)
    };
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let per_length = 1.0 / (dx * dx + dy * dy).max(1e-6);
    let columns = range(0);
    for y in range(1) {
        let from_y = y as f32 + 0.5 - a[1];
        let row = &mut paper[y * PAPER..][columns.clone()];
        for (x, ink) in columns.clone().zip(row) {
            let from_x = x as f32 + 0.5 - a[0];
            let t = ((from_x * dx + from_y * dy) * per_length).clamp(0.0, 1.0);
            let (away_x, away_y) = (from_x - t * dx, from_y - t * dy);
            let distance = (away_x * away_x + away_y * away_y).sqrt();
            *ink = ink.max((reach - distance).clamp(0.0, 1.0));
        }
    }
}

/// A place that the pen passes, in hundredths of the digit's height.
pub(in crate::dataset) struct Knot {
    pub x: i8,
    pub y: i8,
    /// The pen turns sharply here, else it swings through.
    pub corner: bool,
}

/// Swings through.
pub(in crate::dataset) const fn s(x: i8, y: i8) -> Knot {
    Knot { x, y, corner: false }
}

/// Turns at a corner.
pub(in crate::dataset) const fn c(x: i8, y: i8) -> Knot {
    Knot { x, y, corner: true }
}
