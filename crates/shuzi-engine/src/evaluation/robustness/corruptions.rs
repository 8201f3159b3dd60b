//! Fifteen corruptions of a digit: noise, blur, other places, weather, drawing over it, edges alone.
//!
//! In: an image and its generator. Out: the corrupted image. Our own versions of the corruptions of MNIST-C
//! (N. Mu and J. Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019,
//! <https://arxiv.org/abs/1906.02337>), with the amounts that its authors chose so that people read nearly
//! all digits; chance and rounding differ, so figures are near to theirs, not equal. Edges are found as
//! J. Canny did ("A computational approach to edge detection", 1986); fog is a plasma by diamonds and
//! squares (Fournier, Fussell and Carpenter 1982).

use crate::{
    Rng,
    image::{PIXELS, SIDE},
    kernels::Level,
    preprocess::augment::Affine,
};
use rand::RngExt;
use rand_distr::{Poisson, StandardNormal};
use std::mem;

/// A way to corrupt an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// As from few photons: each pixel counts to three for full ink, by Poisson's distribution.
    ShotNoise,
    /// Salt and pepper: 17 % of the pixels become 0 or full ink.
    ImpulseNoise,
    /// Blurred by 0.7 pixels, neighbours changed places at random, blurred again.
    GlassBlur,
    /// Smeared to one side, up to 45 degrees from level, fading with a standard deviation of 3 pixels.
    MotionBlur,
    /// Slanted by 0.4 pixels a row, one way or the other.
    Shear,
    /// 0.7 times as large.
    Scale,
    /// Turned by 0.4 (23 degrees), one way or the other.
    Rotate,
    /// Half of full ink is added everywhere.
    Brightness,
    /// Moved by 3 pixels along each axis, one way or the other.
    Translate,
    /// The left and the right quarter are inverted.
    Stripe,
    /// Three parts of a random cloud to one part of image.
    Fog,
    /// Random blots, a quarter as dark as ink, cover it.
    Spatter,
    /// A line across it, two pixels on, two off.
    DottedLine,
    /// A line across it that goes up and down by 2 pixels every 4.
    Zigzag,
    /// Its edges alone, one pixel wide.
    CannyEdges,
}

/// The pixels of an image, full ink being 1.
type Ink = [f32; PIXELS];

impl Corruption {
    /// All of them, in MNIST-C's order; `corruption as usize` is the place.
    pub const ALL: [Corruption; 15] = [
        Corruption::ShotNoise,
        Corruption::ImpulseNoise,
        Corruption::GlassBlur,
        Corruption::MotionBlur,
        Corruption::Shear,
        Corruption::Scale,
        Corruption::Rotate,
        Corruption::Brightness,
        Corruption::Translate,
        Corruption::Stripe,
        Corruption::Fog,
        Corruption::Spatter,
        Corruption::DottedLine,
        Corruption::Zigzag,
        Corruption::CannyEdges,
    ];

    /// Its name in files, MNIST-C's with dashes.
    pub fn name(self) -> &'static str {
        match self {
            Corruption::ShotNoise => "shot-noise",
            Corruption::ImpulseNoise => "impulse-noise",
            Corruption::GlassBlur => "glass-blur",
            Corruption::MotionBlur => "motion-blur",
            Corruption::Shear => "shear",
            Corruption::Scale => "scale",
            Corruption::Rotate => "rotate",
            Corruption::Brightness => "brightness",
            Corruption::Translate => "translate",
            Corruption::Stripe => "stripe",
            Corruption::Fog => "fog",
            Corruption::Spatter => "spatter",
            Corruption::DottedLine => "dotted-line",
            Corruption::Zigzag => "zigzag",
            Corruption::CannyEdges => "canny-edges",
        }
    }

    /// Corrupts one image. Ink that leaves the image is lost.
    pub fn apply(self, level: Level, image: &[u8; PIXELS], rng: &mut Rng, out: &mut [u8; PIXELS]) {
        let mut way = || if rng.random() { 1.0 } else { -1.0 };
        let affine = match self {
            Corruption::Shear => Affine { shear: 0.4 * way(), ..Affine::default() },
            Corruption::Scale => Affine { scale: 0.7, ..Affine::default() },
            Corruption::Rotate => {
                Affine { rotation_degrees: 0.4f64.to_degrees() * way(), ..Affine::default() }
            }
            Corruption::Translate => Affine { shift: [3.0 * way(), 3.0 * way()], ..Affine::default() },
            _ => {
                *out = from_ink(&self.corrupted(to_ink(image), rng));
                return;
            }
        };
        affine.apply(level, image, out);
    }

    fn corrupted(self, ink: Ink, rng: &mut Rng) -> Ink {
        match self {
            Corruption::ShotNoise => shot_noise(ink, rng),
            Corruption::ImpulseNoise => impulse_noise(ink, rng),
            Corruption::GlassBlur => glass_blur(&ink, rng),
            Corruption::MotionBlur => motion_blur(&ink, rng),
            Corruption::Brightness => ink.map(|ink| ink + 0.5),
            Corruption::Stripe => stripe(ink),
            Corruption::Fog => fog(ink, rng),
            Corruption::Spatter => spatter(ink, rng),
            Corruption::DottedLine => dotted_line(ink, rng),
            Corruption::Zigzag => zigzag(ink, rng),
            Corruption::CannyEdges => canny_edges(&ink),
            Corruption::Shear | Corruption::Scale | Corruption::Rotate | Corruption::Translate => {
                unreachable!("{self:?} moves ink")
            }
        }
    }
}

pub(super) fn to_ink(image: &[u8; PIXELS]) -> Ink {
    image.map(|pixel| f32::from(pixel) / 255.0)
}

/// Rounded, what is too much or too little cut off.
pub(super) fn from_ink(ink: &Ink) -> [u8; PIXELS] {
    ink.map(|ink| (ink * 255.0).round() as u8)
}

// ---- Noise.

fn shot_noise(ink: Ink, rng: &mut Rng) -> Ink {
    const PHOTONS: f32 = 3.0;
    ink.map(|ink| match Poisson::new(ink * PHOTONS) {
        Ok(photons) => rng.sample(photons) / PHOTONS,
        Err(_) => 0.0, // none are expected, none come
    })
}

fn impulse_noise(ink: Ink, rng: &mut Rng) -> Ink {
    const PART: f32 = 0.17;
    ink.map(|ink| match rng.random::<f32>() {
        drawn if drawn < PART / 2.0 => 0.0,
        drawn if drawn < PART => 1.0,
        _ => ink,
    })
}

// ---- Blur.

/// Convolved with a normal distribution, cut off at four standard deviations; beyond the border the
/// image goes on as it ends there.
fn blurred(ink: &Ink, sigma: f32) -> Ink {
    let radius = (4.0 * sigma + 0.5) as isize;
    let weight = |distance: isize| (-0.5 * (distance as f32 / sigma).powi(2)).exp();
    let weights: Vec<f32> = (-radius..=radius).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    let along = |ink: &Ink, step: usize| -> Ink {
        std::array::from_fn(|i| {
            let place = i / step % SIDE;
            let at = |distance: isize| {
                let other = place.saturating_add_signed(distance).min(SIDE - 1);
                ink[i - place * step + other * step]
            };
            (-radius..=radius).zip(&weights).map(|(distance, weight)| at(distance) * weight).sum::<f32>()
                / sum
        })
    };
    along(&along(ink, 1), SIDE)
}

fn glass_blur(ink: &Ink, rng: &mut Rng) -> Ink {
    const SIGMA: f32 = 0.7;
    let mut glass = blurred(ink, SIGMA);
    for _ in 0..2 {
        for y in (2..SIDE).rev() {
            for x in (2..SIDE).rev() {
                if rng.random() {
                    let [left, up] = [0, 1].map(|_| rng.random_range(0..=1usize));
                    glass.swap(y * SIDE + x, (y - up) * SIDE + x - left);
                }
            }
        }
    }
    blurred(&glass, SIGMA)
}

fn motion_blur(ink: &Ink, rng: &mut Rng) -> Ink {
    const REACH: usize = 20;
    const SIGMA: f32 = 3.0;
    let (down, right) = (rng.random_range(-45.0..45.0f32)).to_radians().sin_cos();
    let weights: [f32; REACH + 1] = std::array::from_fn(|step| (-0.5 * (step as f32 / SIGMA).powi(2)).exp());
    let sum: f32 = weights.iter().sum();
    std::array::from_fn(|i| {
        let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
        let at = |step: usize| between(ink, x + step as f32 * right, y + step as f32 * down);
        weights.iter().enumerate().map(|(step, weight)| at(step) * weight).sum::<f32>() / sum
    })
}

/// What lies at a place between pixels, by the four around it; 0 outside.
fn between(ink: &Ink, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let at = |x: f32, y: f32| {
        let side = 0.0..SIDE as f32;
        if side.contains(&x) && side.contains(&y) { ink[y as usize * SIDE + x as usize] } else { 0.0 }
    };
    let row = |y: f32| at(left, y) * (left + 1.0 - x) + at(left + 1.0, y) * (x - left);
    row(top) * (top + 1.0 - y) + row(top + 1.0) * (y - top)
}

// ---- Things before it.

fn stripe(ink: Ink) -> Ink {
    const QUARTER: usize = SIDE / 4;
    let middle = QUARTER..SIDE - QUARTER;
    std::array::from_fn(|i| if middle.contains(&(i % SIDE)) { ink[i] } else { 1.0 - ink[i] })
}

fn fog(ink: Ink, rng: &mut Rng) -> Ink {
    const THICKNESS: f32 = 3.0;
    let cloud = plasma(rng);
    let most = ink.iter().fold(0.0f32, |most, &ink| most.max(ink));
    std::array::from_fn(|i| {
        let cloud = cloud[i / SIDE * PLASMA + i % SIDE];
        (ink[i] + THICKNESS * cloud) * most / (most + THICKNESS)
    })
}

/// Width and height of [`plasma`]. MNIST-C cuts its fog out of so large a map, in which 28 pixels
/// are a small and rather even part.
const PLASMA: usize = 256;

/// A cloud from 0 to 1, which goes on at its left where it ends at its right: the middle of each square,
/// then of each diamond, is the mean of its four corners and a chance that shrinks with their distance.
fn plasma(rng: &mut Rng) -> Vec<f32> {
    const DECAY: f32 = 1.4;
    let mut map = vec![0.0f32; PLASMA * PLASMA];
    let place = |x: usize, y: usize| y % PLASMA * PLASMA + x % PLASMA;
    let (mut step, mut chance) = (PLASMA, 1.0f32);
    while step > 1 {
        let half = step / 2;
        let mut set = |x: usize, y: usize, corners: [[usize; 2]; 4]| {
            let sum: f32 = corners.iter().map(|&[x, y]| map[place(x, y)]).sum();
            map[place(x, y)] = sum / 4.0 + chance * rng.random_range(-1.0..1.0f32);
        };
        for y in (0..PLASMA).step_by(step) {
            for x in (0..PLASMA).step_by(step) {
                set(x + half, y + half, [[x, y], [x + step, y], [x, y + step], [x + step, y + step]]);
            }
        }
        for y in (0..PLASMA).step_by(step) {
            for x in (0..PLASMA).step_by(step) {
                // Above and to the left may lie beyond the border: once around.
                let [before_x, before_y] = [x, y].map(|at| at + PLASMA - half);
                set(x + half, y, [[x, y], [x + step, y], [x + half, y + half], [x + half, before_y]]);
                set(x, y + half, [[x, y], [x, y + step], [x + half, y + half], [before_x, y + half]]);
            }
        }
        (step, chance) = (half, chance / (DECAY * DECAY));
    }
    let least = map.iter().fold(f32::INFINITY, |least, &height| least.min(height));
    let most = map.iter().fold(f32::NEG_INFINITY, |most, &height| most.max(height));
    map.iter_mut().for_each(|height| *height = (*height - least) / (most - least));
    map
}

fn spatter(ink: Ink, rng: &mut Rng) -> Ink {
    const MEAN: f32 = 0.65;
    const SIGMA: f32 = 0.3;
    const MUD: f32 = 63.0 / 255.0;
    let wet: Ink = std::array::from_fn(|_| MEAN + SIGMA * rng.sample::<f32, _>(StandardNormal));
    let blots = blurred(&wet, 1.0).map(|wet| f32::from(wet > MEAN));
    let mud = blurred(&blots, 1.5).map(|mud| if mud < 0.8 { 0.0 } else { mud });
    std::array::from_fn(|i| ink[i] * (1.0 - mud[i]) + MUD * mud[i])
}

/// Adds a stroke from column to column: a place `d` above or below it gets `1 + ln(1 - d / 2.3)`, which
/// is 0 from 1.45 pixels on.
fn add_stroke(ink: &mut Ink, [x0, y0]: [f32; 2], [x1, y1]: [f32; 2], drawn: impl Fn(usize) -> bool) {
    let slope = (y1 - y0) / (x1 - x0);
    let columns = x0.floor().max(0.0) as usize..(x1.ceil().max(0.0) as usize).min(SIDE);
    for x in columns.filter(|&x| drawn(x)) {
        for y in 0..SIDE {
            let distance = (y as f32 - (y0 + slope * (x as f32 - x0))).abs();
            let stroke = 1.0 + (1.0 - distance / 2.3).max(f32::MIN_POSITIVE).ln();
            ink[y * SIDE + x] = (ink[y * SIDE + x] + stroke.max(0.0)).min(1.0);
        }
    }
}

fn dotted_line(mut ink: Ink, rng: &mut Rng) -> Ink {
    let [y0, y1] = [0, 1].map(|_| rng.random_range(0..SIDE - 1) as f32);
    add_stroke(&mut ink, [0.0, y0], [27.0, y1], |x| x % 4 >= 2);
    ink
}

fn zigzag(mut ink: Ink, rng: &mut Rng) -> Ink {
    const LENGTH: f32 = 2.0;
    const HEIGHT: f32 = 2.0;
    const FROM: f32 = 2.0;
    const TO: f32 = 25.0;
    let y0 = rng.random_range(0..SIDE - 1) as f32;
    let slope = rng.random_range(-5..5) as f32 / (TO - FROM);
    let length = (TO - FROM) * (1.0 + slope * slope).sqrt();
    let (cos, sin) = ((TO - FROM) / length, slope * (TO - FROM) / length);
    let turned =
        |[along, aside]: [f32; 2]| [FROM + along * cos - aside * sin, y0 + along * sin + aside * cos];
    let mut before = turned([0.0, 0.0]);
    let corners = (0..).map(|i| [(2 * i + 1) as f32 * LENGTH, if i % 2 == 0 { HEIGHT } else { -HEIGHT }]);
    let inside = corners.take_while(|[along, _]| *along < length);
    for corner in inside.chain([[length, 0.0]]).map(turned) {
        add_stroke(&mut ink, before, corner, |_| true);
        before = corner;
    }
    ink
}

// ---- Edges.

fn canny_edges(ink: &Ink) -> Ink {
    const WEAK: f32 = 0.1;
    const STRONG: f32 = 0.2;
    let smooth = blurred(ink, 1.0);
    let at = |x: isize, y: isize| {
        let [x, y] = [x, y].map(|place| place.clamp(0, SIDE as isize - 1) as usize);
        smooth[y * SIDE + x]
    };
    // Sobel's operators.
    let gradient: [[f32; 2]; PIXELS] = std::array::from_fn(|i| {
        let (x, y) = ((i % SIDE) as isize, (i / SIDE) as isize);
        let column = |x: isize| at(x, y - 1) + 2.0 * at(x, y) + at(x, y + 1);
        let row = |y: isize| at(x - 1, y) + 2.0 * at(x, y) + at(x + 1, y);
        [column(x + 1) - column(x - 1), row(y + 1) - row(y - 1)]
    });
    let size: Ink = gradient.map(|[x, y]| x.hypot(y));
    // An edge is where the gradient is not larger a step ahead, nor a step back.
    let is_ridge = |i: usize| {
        let longer = gradient[i][0].abs().max(gradient[i][1].abs());
        let [x_step, y_step] = gradient[i].map(|part| part / longer);
        let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
        let neighbours = [1.0, -1.0].map(|way| between(&size, x + way * x_step, y + way * y_step));
        size[i] >= WEAK && neighbours.iter().all(|&other| other <= size[i])
    };
    let mut waiting: [bool; PIXELS] = std::array::from_fn(is_ridge);
    // Weak edges stay where they hang together with a strong one.
    let mut edges = [0.0; PIXELS];
    let mut found: Vec<usize> = (0..PIXELS).filter(|&i| waiting[i] && size[i] >= STRONG).collect();
    found.iter().for_each(|&i| waiting[i] = false);
    while let Some(i) = found.pop() {
        edges[i] = 1.0;
        let (x, y) = (i % SIDE, i / SIDE);
        for y in y.saturating_sub(1)..=(y + 1).min(SIDE - 1) {
            for x in x.saturating_sub(1)..=(x + 1).min(SIDE - 1) {
                if mem::take(&mut waiting[y * SIDE + x]) {
                    found.push(y * SIDE + x);
                }
            }
        }
    }
    edges
}
