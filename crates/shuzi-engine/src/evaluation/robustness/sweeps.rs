//! Sweeps: one thing done to images, from not at all to far too much.
//!
//! In: an amount, an image, its generator. Out: the image so changed. The generator decides the direction
//! only (and each pixel's noise), and is the same for every amount.

use super::corruptions::{from_ink, to_ink};
use crate::{Rng, image::PIXELS, kernels::Level, preprocess::augment::Affine};
use rand::RngExt;
use rand_distr::StandardNormal;

/// What is done, more and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Pixels to the left, right, up or down.
    Shift,
    /// Degrees about the centre, one way or the other.
    Rotation,
    /// Both sides are multiplied by it.
    Scale,
    /// Standard deviation of a normal noise on every pixel, of which full ink is 1.
    Noise,
}

impl Sweep {
    /// All of them; `sweep as usize` is the place.
    pub const ALL: [Sweep; 4] = [Sweep::Shift, Sweep::Rotation, Sweep::Scale, Sweep::Noise];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Sweep::Shift => "shift",
            Sweep::Rotation => "rotation",
            Sweep::Scale => "scale",
            Sweep::Noise => "noise",
        }
    }

    /// The amounts that are measured, rising.
    pub fn amounts(self) -> &'static [f64] {
        match self {
            Sweep::Shift => &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            Sweep::Rotation => &[0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0],
            Sweep::Scale => &[0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
            Sweep::Noise => &[0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5],
        }
    }

    /// The amount that leaves images as they are.
    pub fn identity(self) -> f64 {
        if self == Sweep::Scale { 1.0 } else { 0.0 }
    }

    /// Changes one image. Ink that leaves the image is lost.
    pub fn apply(
        self,
        amount: f64,
        level: Level,
        image: &[u8; PIXELS],
        rng: &mut Rng,
        out: &mut [u8; PIXELS],
    ) {
        let affine = match self {
            Sweep::Shift => {
                let ways = [[-amount, 0.0], [amount, 0.0], [0.0, -amount], [0.0, amount]];
                Affine { shift: ways[rng.random_range(0..4usize)], ..Affine::default() }
            }
            Sweep::Rotation => {
                let way = if rng.random() { 1.0 } else { -1.0 };
                Affine { rotation_degrees: way * amount, ..Affine::default() }
            }
            Sweep::Scale => Affine { scale: amount, ..Affine::default() },
            Sweep::Noise => {
                let mut noisy = to_ink(image);
                for ink in &mut noisy {
                    *ink += amount as f32 * rng.sample::<f32, _>(StandardNormal);
                }
                *out = from_ink(&noisy);
                return;
            }
        };
        affine.apply(level, image, out);
    }
}
