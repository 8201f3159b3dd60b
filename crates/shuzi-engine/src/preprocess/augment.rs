//! Augmentation (training only): each epoch sees every image a little changed, as another hand
//! might have written it.
//!
//! In: an image, the ranges of an [`Augmentation`], a generator. Out: one changed image; its label
//! stays. Everything that moves ink (shift, rotation, scale, stretch, shear, elastic bending) is
//! composed into one map of places, and the image is sampled once, bilinearly, with background
//! outside. Whole numbers and IEEE arithmetic without the machine's `sin`: the same bytes with
//! every level of instructions and on every machine. Never allocates. A test image only ever meets
//! [`Affine`], which moves ink as it is told, to measure how robust a network is.

// Loops that are to become registers count, as in the kernels: closures and iterators are not always
// inlined, and then they are compiled without the level's instructions.
#![allow(clippy::needless_range_loop)]

mod degradation;

use crate::{
    Rng,
    image::{PIXELS, SIDE},
    kernels::{Level, Loop},
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The largest [`Augmentation::shift`] and [`Elastic::strength`], in pixels: half an image.
pub const MAX_SHIFT: f32 = SIDE as f32 / 2.0;
/// The largest [`Augmentation::rotation`], in degrees.
pub const MAX_ROTATION: f32 = 180.0;
/// The largest [`Augmentation::scale`] and [`Augmentation::stretch`].
pub const MAX_SCALE: f32 = 0.9;
/// The largest [`Augmentation::shear`]: a slant of 45 degrees.
pub const MAX_SHEAR: f32 = 1.0;
/// The largest [`Augmentation::thickness`], in pixels.
pub const MAX_THICKNESS: f32 = 1.0;
/// The fewest and the most knots of [`Elastic::grid`].
pub const GRIDS: [usize; 2] = [3, 8];

/// How images are changed. Every range is drawn from uniformly, from minus to plus; 0 is off.
///
/// Neither shift nor rotation nor a larger scale pushes ink out of the image: a shift is cut, and what
/// would be larger than the image becomes as large as it. Only bending may, by its strength at most.
///
/// ```
/// use rand::SeedableRng;
/// use shuzi_engine::{Rng, dataset::synthetic, kernels::Level, preprocess::augment::Augmentation};
///
/// let (digit, _) = synthetic::draw(1, 0);
/// let augmentation = Augmentation { shift: 2.0, rotation: 15.0, ..Augmentation::default() };
/// let mut changed = [0; 784];
/// augmentation.apply(Level::detect(), &digit.0, &mut Rng::seed_from_u64(7), &mut changed);
/// assert_ne!(changed, digit.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Augmentation {
    /// Pixels along each axis, 0 to [`MAX_SHIFT`]. With no rotation, scale, stretch, shear or elastic,
    /// whole pixels only (a fraction of the range is cut off).
    pub shift: f32,
    /// Degrees about the image's centre, 0 to [`MAX_ROTATION`].
    pub rotation: f32,
    /// Both sides are multiplied by 1 - `scale` to 1 + `scale`; 0 to [`MAX_SCALE`].
    pub scale: f32,
    /// The width alone is multiplied by 1 - `stretch` to 1 + `stretch`; 0 to [`MAX_SCALE`].
    pub stretch: f32,
    /// Slant: how far a row moves to the side for each row that it lies from the centre; 0 to
    /// [`MAX_SHEAR`].
    pub shear: f32,
    /// How far the edges of strokes move outwards or inwards, in pixels; 0 to [`MAX_THICKNESS`].
    /// Inwards, strokes narrower than two pixels fade.
    pub thickness: f32,
    /// Smooth bending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elastic: Option<Elastic>,
    /// Random erasing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erase: Option<Erase>,
    /// How likely each of five things is that paper and camera do: a line across the image, dark margins, grey
    /// paper, blur, specks; 0 to 1.
    #[serde(alias = "spoil", skip_serializing_if = "is_off")] // its name in files before 0.2
    pub degradation: f32,
}

/// Recipes of before know no such key.
fn is_off(range: &f32) -> bool {
    *range == 0.0
}

/// A random displacement for each knot of a coarse grid, interpolated by quadratic B-splines:
/// a cheap form of the elastic distortions of Simard, Steinkraus and Platt 2003.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Elastic {
    /// The largest displacement along each axis, in pixels; 0 to [`MAX_SHIFT`].
    pub strength: f32,
    /// Knots along each side, within [`GRIDS`]: more bend finer.
    pub grid: usize,
}

/// A rectangle of background over the image: random erasing (Zhong, Zheng, Kang, Li and Yang 2020).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Erase {
    /// Of images, 0 to 1.
    pub probability: f32,
    /// The longest side, in pixels: both sides are drawn from 1 to this; at most 28.
    pub size: usize,
}

impl Augmentation {
    /// Changes one image as `rng` decides.
    ///
    /// # Panics
    ///
    /// If a value is outside of its range; a checked recipe has none.
    pub fn apply(&self, level: Level, image: &[u8; PIXELS], rng: &mut Rng, out: &mut [u8; PIXELS]) {
        let mut paper = Paper::new(image);
        if self.thickness > 0.0 {
            let mut thickened = Paper::BLANK;
            let distance = within(self.thickness, rng);
            level.vectorize(Thicken { paper: &paper, distance, thickened: &mut thickened });
            paper = thickened;
        }
        match paper.ink() {
            None => *out = [0; PIXELS],
            Some(ink) if self.only_shifts() => {
                let most = self.shift as i32;
                let mut whole = || if most > 0 { rng.random_range(-most..=most) } else { 0 };
                paper.copy_shifted(&ink, [whole(), whole()], out);
            }
            Some(ink) => {
                let mut map = Map::new(
                    f64::from(within(self.rotation, rng)).to_radians(),
                    1.0 + f64::from(within(self.scale, rng)),
                    1.0 + f64::from(within(self.stretch, rng)),
                    f64::from(within(self.shear, rng)),
                );
                map.fit(&ink, [0, 1].map(|_| f64::from(within(self.shift, rng))));
                let bend = self.elastic.map(|elastic| Bend::random(elastic, rng));
                let rows = map.rows(&ink, self.elastic.map_or(0.0, |elastic| elastic.strength.into()));
                level.vectorize(Sample { paper: &paper, map: &map, bend: bend.as_ref(), rows, out });
            }
        }
        if let Some(erase) = self.erase {
            erase.apply(rng, out);
        }
        if self.degradation > 0.0 {
            degradation::degrade(self.degradation, rng, out);
        }
    }

    fn only_shifts(&self) -> bool {
        let Augmentation { rotation, scale, stretch, shear, elastic, .. } = *self;
        [rotation, scale, stretch, shear] == [0.0; 4] && elastic.is_none()
    }
}

/// Moves ink as it is told, without chance: slants, turns and scales about the image's centre, then shifts.
/// What leaves the image is cut off. The default leaves an image as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Clockwise, up to [`MAX_ROTATION`] either way.
    pub rotation_degrees: f64,
    /// Both sides are multiplied by it: 0.1 to 10.
    pub scale: f64,
    /// How far a row moves to the side for each row that it lies from the centre, up to [`MAX_SHEAR`] either way.
    pub shear: f64,
    /// Pixels to the right and down, up to [`SIDE`] either way.
    pub shift: [f64; 2],
}

impl Default for Affine {
    fn default() -> Self {
        Affine { rotation_degrees: 0.0, scale: 1.0, shear: 0.0, shift: [0.0; 2] }
    }
}

impl Affine {
    /// Moves one image, sampled bilinearly.
    pub fn apply(&self, level: Level, image: &[u8; PIXELS], out: &mut [u8; PIXELS]) {
        let straight = Map::new(self.rotation_degrees.to_radians(), self.scale, 1.0, self.shear);
        let map = Map { shift: self.shift, ..straight };
        level.vectorize(Sample { paper: &Paper::new(image), map: &map, bend: None, rows: 0..SIDE, out });
    }
}

/// Uniform from -`range` to `range`; asks for no number where it is 0.
fn within(range: f32, rng: &mut Rng) -> f32 {
    if range > 0.0 { range * (2.0 * rng.random::<f32>() - 1.0) } else { 0.0 }
}

impl Erase {
    fn apply(self, rng: &mut Rng, out: &mut [u8; PIXELS]) {
        if rng.random::<f32>() >= self.probability {
            return;
        }
        let [width, height] = [0, 1].map(|_| rng.random_range(1..=self.size));
        let [left, top] = [width, height].map(|side| rng.random_range(0..=SIDE - side));
        for row in out.chunks_exact_mut(SIDE).skip(top).take(height) {
            row[left..][..width].fill(0);
        }
    }
}

/// Pixels of background to the left of an image and above it.
const RIM: usize = 2;
/// From one row to the next. A power of two, so that the fast loops need no test of bounds.
const STRIDE: usize = 32;

/// An image with background around it.
struct Paper([u8; STRIDE * (STRIDE + 2)]);

/// The smallest rectangle around all ink: first and last column and row of the image.
struct Ink {
    columns: [usize; 2],
    rows: [usize; 2],
}

impl Paper {
    const BLANK: Paper = Paper([0; STRIDE * (STRIDE + 2)]);

    fn new(image: &[u8; PIXELS]) -> Self {
        let mut paper = Paper::BLANK;
        let rows = paper.0.as_chunks_mut::<STRIDE>().0[RIM..].iter_mut();
        for (to, from) in rows.zip(image.as_chunks::<SIDE>().0) {
            to[RIM..RIM + SIDE].copy_from_slice(from);
        }
        paper
    }

    /// `None` if there is none.
    fn ink(&self) -> Option<Ink> {
        let rows = &self.0.as_chunks::<STRIDE>().0[RIM..][..SIDE];
        let inked = |row: &[u8; STRIDE]| *row != [0; STRIDE];
        let (top, bottom) = (rows.iter().position(inked)?, rows.iter().rposition(inked)?);
        let mut all = [0; STRIDE];
        for row in &rows[top..=bottom] {
            for (all, pixel) in all.iter_mut().zip(row) {
                *all |= pixel;
            }
        }
        let inked = |&pixel: &u8| pixel > 0;
        let (left, right) = (all.iter().position(inked)?, all.iter().rposition(inked)?);
        Some(Ink { columns: [left - RIM, right - RIM], rows: [top, bottom] })
    }

    /// Moves the ink by whole pixels, to the border at most.
    fn copy_shifted(&self, ink: &Ink, shift: [i32; 2], out: &mut [u8; PIXELS]) {
        let inside = |shift: i32, [first, last]: [usize; 2]| {
            shift.clamp(-(first as i32), (SIDE - 1 - last) as i32) as isize
        };
        let (right, down) = (inside(shift[0], ink.columns), inside(shift[1], ink.rows));
        *out = [0; PIXELS];
        for y in ink.rows[0]..=ink.rows[1] {
            let from = ((y + RIM) * STRIDE + RIM).wrapping_add_signed(-right);
            let to = y.wrapping_add_signed(down) * SIDE;
            out[to..][..SIDE].copy_from_slice(&self.0[from..][..SIDE]);
        }
    }
}

/// Moves the edges of strokes: each pixel goes by |`distance`| of the way to the largest (or, for a
/// negative distance, the smallest) of itself and its four neighbours. At a straight edge this is
/// what a pixel's area would show if the edge had moved so far.
struct Thicken<'a> {
    paper: &'a Paper,
    /// -1 to 1 pixels.
    distance: f32,
    thickened: &'a mut Paper,
}

impl Loop for Thicken<'_> {
    #[inline(always)]
    fn run(self) {
        let weight = (self.distance.abs() * 256.0 + 0.5) as u16;
        if self.distance > 0.0 {
            self.blend(weight, u8::max);
        } else {
            self.blend(weight, u8::min);
        }
    }
}

impl Thicken<'_> {
    #[inline(always)]
    fn blend(self, weight: u16, extreme: impl Fn(u8, u8) -> u8) {
        const INSIDE: Range<usize> = RIM * STRIDE..(RIM + SIDE) * STRIDE;
        let moved = |by: isize| &self.paper.0[INSIDE.start.wrapping_add_signed(by)..][..INSIDE.len()];
        let [here, left, right] = [moved(0), moved(-1), moved(1)];
        let [above, below] = [moved(-(STRIDE as isize)), moved(STRIDE as isize)];
        let mut ink = [0; INSIDE.end - INSIDE.start];
        for i in 0..INSIDE.len() {
            let neighbours = extreme(extreme(left[i], right[i]), extreme(above[i], below[i]));
            let target = u16::from(extreme(here[i], neighbours));
            ink[i] = ((u16::from(here[i]) * (256 - weight) + target * weight + 128) >> 8) as u8;
        }
        // What grew over the border is cut off.
        let rows = self.thickened.0[INSIDE].as_chunks_mut::<STRIDE>().0;
        for (to, from) in rows.iter_mut().zip(ink.as_chunks::<STRIDE>().0) {
            to[RIM..RIM + SIDE].copy_from_slice(&from[RIM..RIM + SIDE]);
        }
    }
}

/// The centre of the image, which rotation and scale leave where it is.
const CENTER: f64 = (SIDE - 1) as f64 / 2.0;

/// Where the straight part takes the image: a place `p` comes to lie at
/// `linear · (p - center) + center + shift`.
struct Map {
    linear: [[f64; 2]; 2],
    shift: [f64; 2],
}

impl Map {
    /// Stretches the width, slants, turns by `angle` radians and scales, in this order.
    fn new(angle: f64, scale: f64, stretch: f64, shear: f64) -> Self {
        let (sin, cos) = sin_cos(angle);
        let column = [cos * scale * stretch, sin * scale * stretch];
        let slanted = [(shear * cos - sin) * scale, (shear * sin + cos) * scale];
        Map { linear: [[column[0], slanted[0]], [column[1], slanted[1]]], shift: [0.0; 2] }
    }

    /// How far from the centre the ink and `more` pixels around it reach along an axis, not shifted.
    fn reach(&self, axis: usize, ink: &Ink, more: f64) -> [f64; 2] {
        let mut reach = [0.0; 2];
        for (factor, [first, last]) in self.linear[axis].into_iter().zip([ink.columns, ink.rows]) {
            let ends = [first as f64 - more - CENTER, last as f64 + more - CENTER].map(|end| factor * end);
            reach[0] += ends[0].min(ends[1]);
            reach[1] += ends[0].max(ends[1]);
        }
        reach
    }

    /// Makes what would be larger than the image as large as it, and sets the shift, cut so that all
    /// ink lies in the image.
    fn fit(&mut self, ink: &Ink, shift: [f64; 2]) {
        const HALF: f64 = SIDE as f64 / 2.0;
        let reaches = [0, 1].map(|axis| self.reach(axis, ink, 0.5));
        let longer = reaches.iter().fold(0.0f64, |longer, [low, high]| longer.max(high - low));
        let smaller = (2.0 * HALF / longer).min(1.0);
        self.linear = self.linear.map(|row| row.map(|factor| factor * smaller));
        for (axis, shift) in shift.into_iter().enumerate() {
            let [low, high] = reaches[axis].map(|end| end * smaller);
            self.shift[axis] = shift.max(-HALF - low).min(HALF - high);
        }
    }

    /// The rows that ink may come to lie in, if places are then bent by `strength` at most.
    fn rows(&self, ink: &Ink, strength: f64) -> Range<usize> {
        let [low, high] = self.reach(1, ink, 1.0 + strength).map(|end| end + self.shift[1] + CENTER);
        let end = ((high + 1.0).max(0.0) as usize).min(SIDE); // saturates
        (low.max(0.0) as usize).min(end)..end
    }

    /// The other way round: `p = matrix · q + offset` is where the pixel `q` is sampled, on paper.
    fn inverse(&self) -> ([[f64; 2]; 2], [f64; 2]) {
        let [[a, b], [c, d]] = self.linear;
        let scale = 1.0 / (a * d - b * c);
        let matrix = [[d * scale, -b * scale], [-c * scale, a * scale]];
        let origin = self.shift.map(|shift| CENTER + shift);
        let offset = matrix.map(|[x, y]| CENTER + RIM as f64 - x * origin[0] - y * origin[1]);
        (matrix, offset)
    }
}

/// The Taylor series: for half a turn at most, its first 24 terms are exact to 12 digits. The
/// machine's own functions differ from machine to machine.
fn sin_cos(angle: f64) -> (f64, f64) {
    let (mut sums, mut term) = ([0.0; 4], 1.0);
    for i in 0..24 {
        sums[i % 4] += term;
        term *= angle / (i + 1) as f64;
    }
    (sums[1] - sums[3], sums[0] - sums[2])
}

/// Places are integers: so many to a pixel.
const ONE: f64 = 65536.0;

/// A smooth displacement: a quadratic B-spline over a grid of knots.
struct Bend {
    /// Knots along each side.
    grid: usize,
    /// For each axis `[row][column]`, in places; what the grid does not have is 0.
    knots: [[[i32; GRIDS[1]]; GRIDS[1]]; 2],
    /// How much each knot of a line counts at each pixel, `[knot][pixel]`, with so
    /// many [`BITS`](Self::BITS) behind the point.
    basis: [[i32; STRIDE]; GRIDS[1]],
}

impl Bend {
    const BITS: u32 = 10;

    fn random(Elastic { strength, grid }: Elastic, rng: &mut Rng) -> Self {
        let strength = strength * ONE as f32;
        let mut knots = [[[0; GRIDS[1]]; GRIDS[1]]; 2];
        for row in knots.iter_mut().flat_map(|axis| &mut axis[..grid]) {
            for four in row[..grid].chunks_mut(4) {
                let bits: u64 = rng.random(); // sixteen are enough for each
                for (i, knot) in four.iter_mut().enumerate() {
                    let drawn = f32::from((bits >> (16 * i)) as u16);
                    *knot = (strength * ((drawn + 0.5) / 32768.0 - 1.0)) as i32;
                }
            }
        }
        let mut basis = [[0; STRIDE]; GRIDS[1]];
        let spans_per_pixel = (grid - 2) as f32 / SIDE as f32;
        for (knot, basis) in basis[..grid].iter_mut().enumerate() {
            for (pixel, weight) in basis.iter_mut().enumerate() {
                let distance = (0.5 + (pixel as f32 + 0.5) * spans_per_pixel - knot as f32).abs();
                let [wide, narrow] = [1.5, 0.5].map(|end: f32| (end - distance).max(0.0));
                *weight = ((0.5 * wide * wide - 1.5 * narrow * narrow) * (1 << Self::BITS) as f32) as i32;
            }
        }
        Bend { grid, knots, basis }
    }

    /// The displacements of a row of pixels along an axis, in places.
    #[inline(always)]
    fn row(&self, axis: usize, y: usize) -> [i32; STRIDE] {
        let first = (2 * y + 1) * (self.grid - 2) / (2 * SIDE); // of the three knots that act here
        let mut line = [0; GRIDS[1]];
        for i in 0..GRIDS[1] {
            let knot = |k: usize| self.basis[k][y] * self.knots[axis][k][i];
            line[i] = (knot(first) + knot(first + 1) + knot(first + 2)) >> Self::BITS;
        }
        let mut row = [0; STRIDE];
        for i in 0..STRIDE {
            for k in 0..GRIDS[1] {
                row[i] += line[k] * self.basis[k][i];
            }
            row[i] >>= Self::BITS;
        }
        row
    }
}

/// Fills `rows` of `out` with what lies where the map and the bend say, the others with background.
struct Sample<'a> {
    paper: &'a Paper,
    map: &'a Map,
    bend: Option<&'a Bend>,
    rows: Range<usize>,
    out: &'a mut [u8; PIXELS],
}

impl Loop for Sample<'_> {
    #[inline(always)]
    fn run(self) {
        let cells = cells(self.paper);
        let (matrix, offset) = self.map.inverse();
        let steps = matrix.map(|[step, _]| (step * ONE).round() as i32);
        *self.out = [0; PIXELS];
        for y in self.rows {
            // Half a 256th more: cut off, the fractions are then rounded.
            let [x_start, y_start] =
                [0, 1].map(|axis| ((matrix[axis][1] * y as f64 + offset[axis]) * ONE) as i32 + 128);
            let [x_bend, y_bend] = match self.bend {
                Some(bend) => [bend.row(0, y), bend.row(1, y)],
                None => [[0; STRIDE]; 2],
            };
            let mut line = [0; STRIDE];
            for i in 0..STRIDE {
                let x = x_start + steps[0] * i as i32 + x_bend[i];
                let y = y_start + steps[1] * i as i32 + y_bend[i];
                line[i] = sample(&cells, x, y);
            }
            self.out[y * SIDE..][..SIDE].copy_from_slice(&line[..SIDE]);
        }
    }
}

/// Each pixel of the paper in one word with its neighbours to the right, below, and below to the
/// right: one load gives all four that a place lies between.
#[inline(always)]
fn cells(paper: &Paper) -> [u32; STRIDE * STRIDE] {
    let mut cells = [0; STRIDE * STRIDE];
    for i in 0..STRIDE * STRIDE {
        let [right, below] = [i + 1, i + STRIDE];
        cells[i] = u32::from_le_bytes([i, right, below, below + 1].map(|place| paper.0[place]));
    }
    cells
}

/// The grey value at a place, in 65536ths of a pixel, of which the upper 8 bits are used.
#[inline(always)]
fn sample(cells: &[u32; STRIDE * STRIDE], x: i32, y: i32) -> u8 {
    /// Blank, with all that lies around it: where to look for what is outside. As numbers without a
    /// sign, places left of the paper or above it are large too.
    const OUTSIDE: u32 = ((RIM + SIDE) << 16) as u32;
    const BOTH: u32 = 0x00ff_00ff;
    let [x, y] = [x, y].map(|place| (place as u32).min(OUTSIDE));
    let cell = cells[((y >> 16) * STRIDE as u32 + (x >> 16)) as usize % (STRIDE * STRIDE)];
    let [right_part, lower_part] = [x, y].map(|place| place >> 8 & 0xff);
    // Upper and lower pair at once, in the two halves of a word.
    let pairs = (cell & BOTH) * (256 - right_part) + (cell >> 8 & BOTH) * right_part;
    let both = (pairs & 0xffff) * (256 - lower_part) + (pairs >> 16) * lower_part;
    ((both + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rng, dataset::synthetic};
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn digit(index: u64) -> [u8; PIXELS] {
        synthetic::draw(3, index).0.0
    }

    fn applied(augmentation: &Augmentation, image: &[u8; PIXELS], seed: u64) -> [u8; PIXELS] {
        let mut out = [7; PIXELS]; // what was there before must not matter
        augmentation.apply(Level::detect(), image, &mut Rng::seed_from_u64(seed), &mut out);
        out
    }

    fn sampled(level: Level, image: &[u8; PIXELS], map: &Map, bend: Option<&Bend>) -> [u8; PIXELS] {
        let (paper, mut out) = (Paper::new(image), [7; PIXELS]);
        level.vectorize(Sample { paper: &paper, map, bend, rows: 0..SIDE, out: &mut out });
        out
    }

    /// The plain form of [`Sample`]: solves for each pixel's place in double precision, and reads
    /// between pixels there.
    fn sampled_plainly(
        image: &[u8; PIXELS],
        map: &Map,
        bend: impl Fn(usize, usize) -> [f64; 2],
    ) -> [f64; PIXELS] {
        let ink = |x: f64, y: f64| {
            let inside = (0.0..SIDE as f64).contains(&x) && (0.0..SIDE as f64).contains(&y);
            if inside { f64::from(image[y as usize * SIDE + x as usize]) } else { 0.0 }
        };
        std::array::from_fn(|i| {
            let (column, row) = (i % SIDE, i / SIDE);
            let [[a, b], [c, d]] = map.linear;
            let x = column as f64 - CENTER - map.shift[0];
            let y = row as f64 - CENTER - map.shift[1];
            let determinant = a * d - b * c;
            let [bend_x, bend_y] = bend(column, row);
            let from_x = (d * x - b * y) / determinant + CENTER + bend_x;
            let from_y = (a * y - c * x) / determinant + CENTER + bend_y;
            let (left, top) = (from_x.floor(), from_y.floor());
            let (right_part, lower_part) = (from_x - left, from_y - top);
            let line = |y| ink(left, y) * (1.0 - right_part) + ink(left + 1.0, y) * right_part;
            line(top) * (1.0 - lower_part) + line(top + 1.0) * lower_part
        })
    }

    /// Places are rounded to 512ths of a pixel, so a slope of 255 a pixel gives half a grey level
    /// along each axis; rounding to a byte gives another half.
    fn assert_near(found: &[u8; PIXELS], expected: &[f64; PIXELS], what: &str) {
        for (i, (&found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((f64::from(found) - expected).abs() < 1.6, "{what}, {i}: {found}, expected {expected}");
        }
    }

    fn center_of_mass(image: &[u8; PIXELS]) -> [f64; 2] {
        let mass: f64 = image.iter().map(|&ink| f64::from(ink)).sum();
        let moment = |place: fn(usize) -> usize| -> f64 {
            image.iter().enumerate().map(|(i, &ink)| place(i) as f64 * f64::from(ink)).sum()
        };
        [moment(|i| i % SIDE) / mass, moment(|i| i / SIDE) / mass]
    }

    #[test]
    fn without_ranges_the_image_stays() {
        for index in 0..20 {
            assert_eq!(applied(&Augmentation::default(), &digit(index), index), digit(index));
            let elastic = Some(Elastic { strength: 0.0, grid: 5 });
            let still = Augmentation { elastic, ..Augmentation::default() };
            assert_eq!(applied(&still, &digit(index), index), digit(index), "the general way round too");
        }
    }

    #[test]
    fn a_shift_moves_the_ink_by_whole_pixels_and_to_the_border_at_most() {
        let image = digit(4);
        let start = center_of_mass(&image);
        let mass = |image: &[u8; PIXELS]| -> u32 { image.iter().map(|&ink| u32::from(ink)).sum() };
        let mut seen = [[false; 5]; 2];
        for seed in 0..200 {
            let moved = applied(&Augmentation { shift: 2.9, ..Augmentation::default() }, &image, seed);
            assert_eq!(mass(&moved), mass(&image));
            for axis in 0..2 {
                let by = center_of_mass(&moved)[axis] - start[axis];
                assert!((by - by.round()).abs() < 1e-9 && by.abs() < 2.1, "{by}");
                seen[axis][(by.round() + 2.0) as usize] = true;
            }
            let far = applied(&Augmentation { shift: MAX_SHIFT, ..Augmentation::default() }, &image, seed);
            assert_eq!(mass(&far), mass(&image));
        }
        assert_eq!(seen, [[true; 5]; 2]);
    }

    #[test]
    fn a_fractional_shift_moves_the_center_of_mass_by_what_it_says() {
        for (index, shift) in [[0.25, -1.5], [2.375, 0.5], [-1.0, 0.0]].into_iter().enumerate() {
            let image = digit(index as u64);
            let map = Map { shift, ..Map::new(0.0, 1.0, 1.0, 0.0) };
            let (from, to) =
                (center_of_mass(&image), center_of_mass(&sampled(Level::Plain, &image, &map, None)));
            for axis in 0..2 {
                assert!((to[axis] - from[axis] - shift[axis]).abs() < 0.01, "{from:?} {to:?} {shift:?}");
            }
        }
    }

    #[test]
    fn rotation_scale_stretch_and_shear_follow_the_plain_form() {
        for (index, (degrees, scale, stretch, shear, shift)) in [
            (0.0, 1.0, 1.0, 0.0, [0.0, 0.0]),
            (15.0, 1.0, 1.0, 0.0, [0.0, 0.0]),
            (-90.0, 1.0, 1.0, 0.0, [0.0, 0.0]),
            (0.0, 1.15, 1.0, 0.0, [0.0, 0.0]),
            (0.0, 0.8, 1.3, 0.0, [0.0, 0.0]),
            (0.0, 1.0, 1.0, -0.3, [0.0, 0.0]),
            (180.0, 0.9, 0.8, 0.2, [1.3, -2.7]),
            (-12.0, 1.1, 1.1, 1.0, [14.0, 14.0]),
            (77.0, 0.1, 0.1, 1.0, [-14.0, 3.0]),
            (-33.0, 1.9, 1.9, 0.5, [0.3, 9.0]),
        ]
        .into_iter()
        .enumerate()
        {
            let image = digit(index as u64);
            let map = Map { shift, ..Map::new(f64::to_radians(degrees), scale, stretch, shear) };
            let expected = sampled_plainly(&image, &map, |_, _| [0.0; 2]);
            for level in Level::all() {
                assert_near(
                    &sampled(level, &image, &map, None),
                    &expected,
                    &format!("case {index}, {level}"),
                );
            }
        }
    }

    #[test]
    fn a_quarter_turn_and_a_shear_go_where_they_should() {
        let mut dot = [0; PIXELS];
        dot[13 * SIDE + 20] = 255; // to the right of the centre, half a pixel up
        let turned = sampled(Level::Plain, &dot, &Map::new(90f64.to_radians(), 1.0, 1.0, 0.0), None);
        assert_eq!(turned[20 * SIDE + 14], 255, "clockwise, and exact");
        let mut line = [0; PIXELS];
        for y in 0..SIDE {
            line[y * SIDE + 13] = 255;
        }
        let slanted = sampled(Level::Plain, &line, &Map::new(0.0, 1.0, 1.0, 1.0), None);
        // Half a pixel for half a row: the line that was in column 13 passes between two.
        for y in 1..SIDE - 1 {
            assert!(slanted[y * SIDE + y - 1] == 128 && slanted[y * SIDE + y] == 128, "{y}");
        }
    }

    #[test]
    fn bending_follows_the_b_spline_and_stays_below_its_strength() {
        for (index, grid) in (GRIDS[0]..=GRIDS[1]).enumerate() {
            let image = digit(index as u64);
            let elastic = Elastic { strength: 2.5, grid };
            let bend = Bend::random(elastic, &mut Rng::seed_from_u64(index as u64));
            // Cox and de Boor's formula on each axis, with the knots as they were drawn.
            let weights = |pixel: usize| -> Vec<f64> {
                let at = (pixel as f64 + 0.5) * (grid - 2) as f64 / SIDE as f64;
                let (first, t) = (at.floor() as usize, at.fract());
                let mut weights = vec![0.0; grid];
                weights[first] = 0.5 * (1.0 - t) * (1.0 - t);
                weights[first + 1] = 0.5 + t - t * t;
                weights[first + 2] = 0.5 * t * t;
                weights
            };
            let displacement = |x: usize, y: usize| {
                [0, 1].map(|axis| {
                    let mut sum = 0.0;
                    for (row, row_weight) in weights(y).iter().enumerate() {
                        for (column, weight) in weights(x).iter().enumerate() {
                            sum += row_weight * weight * f64::from(bend.knots[axis][row][column]) / ONE;
                        }
                    }
                    sum
                })
            };
            let mut largest = 0.0f64;
            for y in 0..SIDE {
                for axis in 0..2 {
                    for (x, found) in bend.row(axis, y)[..SIDE].iter().enumerate() {
                        let (found, expected) = (f64::from(*found) / ONE, displacement(x, y)[axis]);
                        // Weights have ten bits, three of them act along each axis.
                        assert!(
                            (found - expected).abs() < 2.5 * 6.0 / 1024.0,
                            "{x}, {y}: {found}, {expected}"
                        );
                        largest = largest.max(found.abs());
                    }
                }
            }
            assert!((0.3..=2.5).contains(&largest), "{largest}");
            let map = Map::new(0.2, 1.1, 0.9, 0.1);
            let rounded = |x: usize, y: usize| [0, 1].map(|axis| f64::from(bend.row(axis, y)[x]) / ONE);
            let expected = sampled_plainly(&image, &map, rounded);
            for level in Level::all() {
                assert_near(&sampled(level, &image, &map, Some(&bend)), &expected, &format!("{grid} knots"));
            }
        }
    }

    #[test]
    fn thickness_moves_straight_edges_by_what_it_says() {
        let mut bar = [0; PIXELS];
        for row in bar.chunks_exact_mut(SIDE).skip(8).take(12) {
            row[10..16].fill(255);
        }
        let width = |image: &[u8; PIXELS]| {
            image[14 * SIDE..][..SIDE].iter().map(|&ink| f64::from(ink)).sum::<f64>() / 255.0
        };
        for level in Level::all() {
            for (distance, expected) in [(0.0, 6.0), (0.5, 7.0), (1.0, 8.0), (-0.25, 5.5), (-1.0, 4.0)] {
                let mut thickened = Paper::BLANK;
                level.vectorize(Thicken { paper: &Paper::new(&bar), distance, thickened: &mut thickened });
                let ink = thickened.ink().unwrap();
                let mut image = [0; PIXELS];
                thickened.copy_shifted(&ink, [0, 0], &mut image);
                assert!((width(&image) - expected).abs() < 0.01, "{distance}: {}", width(&image));
            }
        }
        let full = [255; PIXELS];
        let thicker = Augmentation { thickness: 1.0, ..Augmentation::default() };
        for seed in 0..20 {
            let changed = applied(&thicker, &full, seed);
            assert!(changed[5 * SIDE + 5] == 255, "only the border fades");
        }
    }

    #[test]
    fn erasing_happens_as_often_as_it_says_and_only_takes_away() {
        let full = [255; PIXELS];
        let erase = Some(Erase { probability: 0.3, size: 5 });
        let erasing = Augmentation { erase, ..Augmentation::default() };
        let mut erased = 0;
        let mut longest = [0; 2];
        for seed in 0..4000 {
            let image = applied(&erasing, &full, seed);
            let Some(first) = image.iter().position(|&ink| ink == 0) else { continue };
            erased += 1;
            let width = image[first..].iter().take_while(|&&ink| ink == 0).count();
            let height = image[first..].iter().step_by(SIDE).take_while(|&&ink| ink == 0).count();
            assert_eq!(image.iter().filter(|&&ink| ink == 0).count(), width * height, "a rectangle");
            longest = [longest[0].max(width), longest[1].max(height)];
        }
        // Four standard deviations.
        assert!((1084..=1316).contains(&erased), "{erased}");
        assert_eq!(longest, [5, 5]);
    }

    #[test]
    fn ink_that_is_moved_stays_in_the_image() {
        let ranges = Augmentation {
            shift: MAX_SHIFT,
            rotation: MAX_ROTATION,
            scale: MAX_SCALE,
            stretch: MAX_SCALE,
            shear: MAX_SHEAR,
            ..Augmentation::default()
        };
        let mut rng = Rng::seed_from_u64(5);
        for index in 0..500 {
            let image = digit(index);
            let ink = Paper::new(&image).ink().unwrap();
            let mut draw = |range| f64::from(within(range, &mut rng));
            let angle = draw(ranges.rotation).to_radians();
            let [scale, stretch] = [1.0 + draw(ranges.scale), 1.0 + draw(ranges.stretch)];
            let mut map = Map::new(angle, scale, stretch, draw(ranges.shear));
            map.fit(&ink, [draw(ranges.shift), draw(ranges.shift)]);
            for i in (0..PIXELS).filter(|&i| image[i] > 0) {
                let from = [(i % SIDE) as f64 - CENTER, (i / SIDE) as f64 - CENTER];
                for ([a, b], shift) in map.linear.into_iter().zip(map.shift) {
                    let to = a * from[0] + b * from[1] + shift;
                    assert!(to.abs() <= 14.0, "{to}: {image:?}");
                }
            }
            let whole = sampled(Level::Plain, &image, &map, None);
            let mut rows_only = [0; PIXELS];
            let rows = map.rows(&ink, 0.0);
            Level::Plain.vectorize(Sample {
                paper: &Paper::new(&image),
                map: &map,
                bend: None,
                rows,
                out: &mut rows_only,
            });
            assert_eq!(whole, rows_only, "rows that are skipped are blank");
        }
    }

    #[test]
    fn images_without_ink_stay_blank() {
        let everything = Augmentation {
            shift: 3.0,
            rotation: 10.0,
            thickness: 1.0,
            elastic: Some(Elastic { strength: 2.0, grid: 4 }),
            ..Augmentation::default()
        };
        assert_eq!(applied(&everything, &[0; PIXELS], 1), [0; PIXELS]);
    }

    fn up_to(most: f32) -> impl Strategy<Value = f32> {
        prop_oneof![Just(0.0), Just(most), 0.0..=most]
    }

    prop_compose! {
        fn any_augmentation()(
            shift in up_to(MAX_SHIFT), rotation in up_to(MAX_ROTATION), scale in up_to(MAX_SCALE),
            stretch in up_to(MAX_SCALE), shear in up_to(MAX_SHEAR), thickness in up_to(MAX_THICKNESS),
            elastic in proptest::option::of((up_to(MAX_SHIFT), GRIDS[0]..=GRIDS[1])),
            erase in proptest::option::of((up_to(1.0), 1..=SIDE)), degradation in up_to(1.0),
        ) -> Augmentation {
            let elastic = elastic.map(|(strength, grid)| Elastic { strength, grid });
            let erase = erase.map(|(probability, size)| Erase { probability, size });
            Augmentation { shift, rotation, scale, stretch, shear, thickness, elastic, erase, degradation }
        }
    }

    proptest! {
        #[test]
        fn every_accepted_range_works_and_gives_the_same_bytes_at_every_level(
            augmentation in any_augmentation(), seed in any::<u64>(), index in 0u64..1000, full in any::<bool>(),
        ) {
            let image = if full { [255; PIXELS] } else { digit(index) };
            let mut outs = Level::all().into_iter().map(|level| {
                let mut out = [7; PIXELS];
                augmentation.apply(level, &image, &mut Rng::seed_from_u64(seed), &mut out);
                out
            });
            let plain = outs.next().unwrap();
            prop_assert!(outs.all(|out| out == plain));
        }
    }
}
