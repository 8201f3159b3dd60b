//! From a text to strokes: size, place and spacing of each sign.
//!
//! In units of a digit's height: the foot of the digits is at y 0, their head at -1.

use super::{
    hands::{Hands, Writer},
    path::{Bounds, Path, Point},
    random::{bell, between, chance, mostly_low},
    scans::{self, Scan},
    signs,
    text::{Content, RAISED, SCRIBBLE},
};
use crate::{Rng, image::DIGITS};
use rand::RngExt;

/// A line of writing.
#[derive(Debug, Default)]
pub(super) struct Writing {
    pub path: Path,
    pub labels: Vec<u8>,
    /// Images in the place of strokes; the path is their bounding boxes then.
    pub scans: Vec<Scan>,
    /// The walls between the cells of a form, where it is written into one.
    pub walls: Vec<f32>,
}

/// How a line is written.
pub(super) struct Manner {
    /// From the ink of one sign to that of the next; below 0 they overlap.
    pub gap: f32,
    pub gap_deviation: f32,
    /// From wall to wall, on forms with cells.
    cell: Option<f32>,
    /// How much taller than wide signs become.
    tall: f32,
    /// How far signs leave the line.
    pub wobble: f32,
    size_deviation: f32,
    small_zeros: bool,
    /// 4, 7 and 9 reach below the line and 6 above.
    old_style: bool,
    /// The sign that is crossed, 0 or 7.
    crossed: Option<char>,
    /// Each sign may be by another writer.
    several_writers: bool,
    /// How often the pen stays on the paper from one sign to the next.
    joined: f32,
    slant: f32,
    /// How much larger the line's end is than its middle.
    growth: f32,
    slope: f32,
    /// How far the line is bent.
    bow: f32,
    /// Middles of neighbouring signs are at least so far apart, and twice as far where they are equal.
    pub least_step: f32,
}

impl Manner {
    /// `cell` and `least_step` are those of the fields.
    pub fn random(cell: Option<f32>, least_step: f32, rng: &mut Rng) -> Self {
        let gap = match rng.random_range(0..20) {
            0..5 => between(rng, -0.12, 0.02),
            5..16 => between(rng, 0.02, 0.25),
            16..18 => between(rng, 0.25, 0.6),
            _ => mostly_low(rng, 0.5, 1.6),
        };
        let slope = if chance(rng, 0.8) { 0.02 * bell(rng) } else { between(rng, -0.12, 0.12) };
        Manner {
            gap,
            gap_deviation: between(rng, 0.0, 0.08),
            cell,
            tall: 1.0 + 0.14 * bell(rng),
            wobble: mostly_low(rng, 0.0, 0.1),
            size_deviation: mostly_low(rng, 0.02, 0.14),
            small_zeros: chance(rng, 0.15),
            old_style: chance(rng, 0.08),
            crossed: match rng.random_range(0..100) {
                0..12 => Some('7'),
                12..15 => Some('0'),
                _ => None,
            },
            several_writers: chance(rng, 0.12),
            joined: if chance(rng, 0.1) { between(rng, 0.2, 0.8) } else { 0.0 },
            slant: 0.16 * bell(rng),
            growth: if chance(rng, 0.25) { 0.12 * bell(rng) } else { 0.0 },
            slope,
            bow: if chance(rng, 0.2) { 0.06 * bell(rng) } else { 0.0 },
            least_step,
        }
    }
}

impl Writing {
    /// Writes what a line says.
    pub fn new(content: &Content, hands: &Hands, manner: &Manner, rng: &mut Rng) -> Self {
        let mut writing = Writing::default();
        let writer = hands.writer(rng);
        let whole = match content {
            Content::Number => hands.number(rng),
            Content::Word => hands.word(rng),
            _ => None,
        };
        match (content, whole) {
            (Content::Blank, _) => {}
            (Content::Scans, _) => {
                let digits = hands.scans().expect("chosen where there are some");
                (writing.labels, writing.scans, writing.path) = scans::row(digits, manner, rng);
                return writing;
            }
            (Content::Signs(text), _) => writing.signs(text, hands, &writer, manner, rng),
            (Content::Drawing, _) => writing.drawing(hands, rng),
            (_, Some(line)) => {
                hands.trace(line.glyph, &mut writing.path);
                writing.path.change(0, |[x, y]| [x / manner.tall, y - 1.0]);
                writing.labels.extend(line.text.chars().filter_map(signs::of));
            }
            (_, None) => {
                let text = content.sign_by_sign(rng);
                writing.signs(&text, hands, &writer, manner, rng);
            }
        }
        writing.lean(manner);
        writing
    }

    /// A drawing or a foreign letter, else a scribble.
    fn drawing(&mut self, hands: &Hands, rng: &mut Rng) {
        match hands.drawing(rng) {
            Some(glyph) => hands.trace(glyph, &mut self.path),
            None => scribble(&mut self.path, rng),
        }
        self.path.change(0, |[x, y]| [x, y - 1.0]);
        self.labels.push(signs::OTHER);
    }

    /// Signs one by one, each in its place behind the others.
    fn signs(&mut self, text: &str, hands: &Hands, writer: &Writer<'_>, manner: &Manner, rng: &mut Rng) {
        let mut before = Before::default();
        let (mut size, mut rise, mut drift) = (1.0, 0.0, 0.0);
        let mut end_of_digit = None;
        for sign in text.chars() {
            if sign == RAISED {
                (size, rise) = (between(rng, 0.5, 0.75), between(rng, 0.2, 0.55));
                before.space += 0.1;
                continue;
            }
            let Some(label) = signs::of(sign) else {
                before.space += between(rng, 0.25, 0.6);
                continue;
            };
            let first = self.path.points.len();
            let other = manner.several_writers.then(|| hands.writer(rng));
            self.sign(sign, hands, other.as_ref().unwrap_or(writer), manner, rng);
            drift += 0.4 * manner.wobble * bell(rng);
            let lift = drift + 0.5 * manner.wobble * bell(rng) - rise;
            self.path.change(first, |[x, y]| [size * x, size * y + lift]);
            let same = self.labels.last() == Some(&label);
            before.place(&mut self.path, first, manner, same, rng);
            let end = self.path.points.last().copied().filter(|_| usize::from(label) < DIGITS);
            if let (Some(from), Some(_)) = (end_of_digit, end)
                && chance(rng, manner.joined)
            {
                self.join(from, first, rng);
            }
            end_of_digit = end;
            self.labels.push(label);
        }
        self.walls = before.walls;
    }

    /// A stroke from `from`, the end of one sign, to the begin of the next, whose points start at `first`.
    fn join(&mut self, from: Point, first: usize, rng: &mut Rng) {
        /// In heights of a digit. Over wider gaps the pen is lifted.
        const FAR: f32 = 0.9;
        let to = self.path.points[first];
        if (to[0] - from[0]).abs() > FAR {
            return;
        }
        let bow = 0.08 * bell(rng);
        self.path.stroke([0.0, 0.25, 0.5, 0.75, 1.0].map(|t: f32| {
            [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1]) + 4.0 * bow * t * (1.0 - t)]
        }));
    }

    /// A sign of its proper size, standing on the line somewhere.
    fn sign(&mut self, sign: char, hands: &Hands, writer: &Writer<'_>, manner: &Manner, rng: &mut Rng) {
        let first = self.path.points.len();
        match sign {
            SCRIBBLE => scribble(&mut self.path, rng),
            _ => hands.write(writer, sign, &mut self.path, rng),
        }
        let bounds = Bounds::of(&self.path.points[first..]);
        let size = (1.0 + manner.size_deviation * bell(rng)).max(0.6);
        let lean = 0.06 * bell(rng);
        let (scale, [left, foot], at) = Fit::of(sign, manner, rng).apply(&bounds, size);
        let across = scale / (manner.tall * (1.0 + 0.06 * bell(rng))).max(0.6);
        let [bend, taper, sag] = [0.07, 0.1, 0.04].map(|deviation| deviation * bell(rng));
        let half = (0.5 * bounds.width()).max(0.1);
        self.path.change(first, |[x, y]| {
            let (u, v) = ((x - left) / half - 1.0, (y - foot) * scale);
            let x = (u * (1.0 + taper * v) + 1.0) * half * across;
            [x - lean * v + bend * v * v, v + at + sag * u * u * scale.min(1.0)]
        });
        if manner.crossed == Some(sign) && chance(rng, 0.9) {
            self.cross(sign, first, rng);
        }
    }

    /// A stroke through a sign.
    fn cross(&mut self, sign: char, first: usize, rng: &mut Rng) {
        let Bounds { left, top, right, bottom } = Bounds::of(&self.path.points[first..]);
        let (width, height) = (right - left, bottom - top);
        let mut shaken =
            |x: f32, y: f32| [left + width * (x + 0.06 * bell(rng)), top + height * (y + 0.04 * bell(rng))];
        let ends = match sign {
            '0' => [shaken(1.0, 0.05), shaken(0.0, 0.95)],
            _ => [shaken(0.15, 0.52), shaken(0.95, 0.48)],
        };
        self.path.stroke(ends);
    }

    /// Slant, slope and bow of the whole line.
    fn lean(&mut self, manner: &Manner) {
        if self.path.points.is_empty() {
            return;
        }
        let bounds = Bounds::of(&self.path.points);
        let (middle, half) = (0.5 * (bounds.left + bounds.right), (0.5 * bounds.width()).max(0.1));
        let slope = manner.slope.clamp(-0.4 / half, 0.4 / half);
        self.path.change(0, |[x, y]| {
            let t = (x - middle) / half;
            let y = y * (1.0 + manner.growth * t);
            [x - manner.slant * y, y + slope * (x - middle) + manner.bow * t * t]
        });
    }
}

/// The size and place of a sign.
enum Fit {
    /// From here to there.
    Tall { top: f32, bottom: f32 },
    /// The longer side has this length, and the middle is at this height.
    Boxed { side: f32, middle: f32 },
}

impl Fit {
    fn of(sign: char, manner: &Manner, rng: &mut Rng) -> Self {
        let tall = |top, bottom| Fit::Tall { top, bottom };
        let boxed = |side, middle| Fit::Boxed { side, middle };
        match sign {
            '0' if manner.small_zeros => tall(-between(rng, 0.55, 0.85), 0.0),
            '4' | '7' | '9' if manner.old_style => tall(-0.8, 0.22),
            '6' if manner.old_style => tall(-1.15, 0.0),
            '.' => boxed(between(rng, 0.03, 0.09), -0.04 + 0.05 * bell(rng)),
            ',' => boxed(between(rng, 0.18, 0.36), 0.06 + 0.06 * bell(rng)),
            '-' => boxed(mostly_low(rng, 0.25, 0.8), -0.45 + 0.08 * bell(rng)),
            '=' => boxed(between(rng, 0.35, 0.7), -0.42 + 0.07 * bell(rng)),
            '/' => tall(-1.08, 0.1),
            '$' | '€' | '£' | '¥' | '(' | ')' | '[' | ']' | '{' | '}' => tall(-1.05, 0.1),
            ':' | '÷' => tall(-0.65, -0.05),
            ';' => tall(-0.6, 0.15),
            '+' | '<' | '>' | '*' | '→' | '~' => boxed(between(rng, 0.4, 0.65), -0.45),
            '"' | '\'' | '^' => boxed(0.28, -0.9),
            'a' | 'c' | 'e' | 'm' | 'n' | 'o' | 'r' | 's' | 'u' | 'v' | 'w' | 'x' | 'z' => tall(-0.62, 0.0),
            'i' | 't' => tall(-0.85, 0.0),
            'g' | 'p' | 'q' | 'y' => tall(-0.6, 0.38),
            'j' => tall(-0.85, 0.38),
            _ => tall(-1.0, 0.0),
        }
    }

    /// The factor, the point of the sign that is moved, and the height that it is moved to.
    fn apply(&self, bounds: &Bounds, size: f32) -> (f32, Point, f32) {
        let (width, height) = (bounds.width(), bounds.height());
        match *self {
            Fit::Tall { top, bottom } => {
                // What lies flat, as some ones and sevens do, does not become a giant.
                let scale = size * (bottom - top) / height.max(0.7 * width).max(0.01);
                (scale, [bounds.left, bounds.bottom], bottom)
            }
            Fit::Boxed { side, middle } => {
                let scale = size * side / width.max(height).max(0.01);
                (scale, [bounds.left, 0.5 * (bounds.top + bounds.bottom)], middle)
            }
        }
    }
}

/// Bands of the line in which the ends of the ink are known, and where the first begins.
const BANDS: usize = 8;
const FIRST_BAND: f32 = -1.2;
const BANDS_PER_HEIGHT: f32 = 5.0;

/// What was written before a sign.
#[derive(Default)]
struct Before {
    /// How far the ink reaches in each band.
    reach: Option<[f32; BANDS]>,
    right: f32,
    middle: f32,
    /// A gap that is due.
    space: f32,
    walls: Vec<f32>,
}

impl Before {
    /// Moves a sign to its place behind the others.
    fn place(&mut self, path: &mut Path, first: usize, manner: &Manner, same: bool, rng: &mut Rng) {
        let bounds = Bounds::of(&path.points[first..]);
        let half = 0.5 * bounds.width();
        let shift = match (manner.cell, self.reach) {
            (Some(cell), _) => {
                let wall = self.walls.last().copied().unwrap_or(0.0);
                let width = cell.max(bounds.width() + 0.1);
                self.walls.extend(self.walls.is_empty().then_some(0.0));
                self.walls.push(wall + width);
                wall + 0.5 * width - half - bounds.left + (width - 2.0 * half) * 0.12 * bell(rng)
            }
            (None, None) => -bounds.left,
            (None, Some(reach)) => {
                let gap = manner.gap + manner.gap_deviation * bell(rng) + self.space;
                let from_ink = edges(path, first, -1.0)
                    .into_iter()
                    .zip(reach)
                    .map(|(left, right)| left + right)
                    .fold(f32::MIN, f32::max)
                    .max(self.right - bounds.left - 0.3)
                    + gap;
                let step = manner.least_step * if same { 2.0 } else { 1.0 };
                from_ink.max(self.middle + step - half - bounds.left)
            }
        };
        path.change(first, |[x, y]| [x + shift, y]);
        let mut reach = edges(path, first, 1.0);
        if let Some(before) = self.reach {
            reach.iter_mut().zip(before).for_each(|(reach, before)| *reach = reach.max(before));
        }
        *self = Before {
            reach: Some(reach),
            right: bounds.right + shift,
            middle: bounds.left + half + shift,
            space: 0.0,
            walls: std::mem::take(&mut self.walls),
        };
    }
}

/// How far the strokes reach in each band, to the right with `side` 1, to the left with -1; where there is no ink, hardly anywhere.
fn edges(path: &Path, first: usize, side: f32) -> [f32; BANDS] {
    let mut edges = [-1e9f32; BANDS];
    let mut begin = 0;
    for &end in &path.ends {
        let points = &path.points[begin.max(first).min(end)..end];
        begin = end;
        for (number, point) in points.iter().enumerate() {
            // Halfway to the next point too, for points may be far apart.
            let next = points.get(number + 1).unwrap_or(point);
            for t in [0.0, 0.25, 0.5, 0.75] {
                let [x, y]: Point = std::array::from_fn(|k| point[k] + t * (next[k] - point[k]));
                let band = ((y - FIRST_BAND) * BANDS_PER_HEIGHT).clamp(0.0, (BANDS - 1) as f32) as usize;
                edges[band] = edges[band].max(side * x);
            }
        }
    }
    edges
}

/// Strokes to and fro, as over a mistake.
fn scribble(path: &mut Path, rng: &mut Rng) {
    let width = between(rng, 0.4, 2.2);
    let turns = rng.random_range(6..=24);
    let is_zigzag = chance(rng, 0.5);
    let mut place = |t: f32, up: bool| -> Point {
        if is_zigzag {
            let y = if up { 0.1 } else { 0.9 };
            [width * t + 0.08 * bell(rng), y + 0.12 * bell(rng)]
        } else {
            [width * rng.random::<f32>(), rng.random()]
        }
    };
    let knots: Vec<Point> = (0..turns).map(|i| place(i as f32 / turns as f32, i % 2 == 0)).collect();
    // Quadratic B-splines through the middles between knots.
    let middle = |a: Point, b: Point, t: f32| std::array::from_fn(|k| a[k] + t * (b[k] - a[k]));
    path.stroke(knots.windows(3).flat_map(|k| {
        let (begin, end) = (middle(k[0], k[1], 0.5), middle(k[1], k[2], 0.5));
        [0.0, 0.2, 0.4, 0.6, 0.8].map(|t| middle(middle(begin, k[1], t), middle(k[1], end, t), t))
    }));
}
