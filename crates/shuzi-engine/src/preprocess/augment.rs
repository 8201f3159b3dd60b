//! Augmentation (training only): each epoch sees every image a little changed, as another hand
//! might have written it.
//!
//! In: an image, the ranges of an [`Augmentation`], a generator. Out: one changed image; its label
//! stays. Everything that moves ink (shift, rotation, scale, stretch, shear, elastic bending) is
//! composed into one map of places, and the image is sampled once, bilinearly, with background
//! outside. Integers and IEEE arithmetic without the machine's `sin`: the same bytes with
//! every level of instructions and on every machine. Never allocates. A test image only ever meets
//! [`Affine`], which moves ink by given numbers, to measure how robust a network is.

// Loops that are to become registers count, as in the kernels: closures and iterators are not always
// inlined, and then they are compiled without the level's instructions.
#![allow(clippy::needless_range_loop)]

mod affine;
mod degradation;
mod elastic;
mod padded;
mod resample;
mod thickness;

pub use self::affine::Affine;
use self::{
    affine::AffineMap, elastic::DisplacementField, padded::PaddedImage, resample::Resample,
    thickness::Thicken,
};
use crate::{
    Rng,
    image::{PIXELS, SIDE},
    kernels::Level,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};

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
        let mut padded = PaddedImage::new(image);
        if self.thickness > 0.0 {
            let mut thickened = PaddedImage::BLANK;
            let distance = within(self.thickness, rng);
            level.vectorize(Thicken { image: &padded, distance, thickened: &mut thickened });
            padded = thickened;
        }
        match padded.ink() {
            None => *out = [0; PIXELS],
            Some(ink) if self.only_shifts() => {
                let most = self.shift as i32;
                let mut whole = || if most > 0 { rng.random_range(-most..=most) } else { 0 };
                padded.copy_shifted(&ink, [whole(), whole()], out);
            }
            Some(ink) => {
                let mut map = AffineMap::new(
                    f64::from(within(self.rotation, rng)).to_radians(),
                    1.0 + f64::from(within(self.scale, rng)),
                    1.0 + f64::from(within(self.stretch, rng)),
                    f64::from(within(self.shear, rng)),
                );
                map.fit(&ink, [0, 1].map(|_| f64::from(within(self.shift, rng))));
                let displacement = self.elastic.map(|elastic| DisplacementField::random(elastic, rng));
                let rows = map.rows(&ink, self.elastic.map_or(0.0, |elastic| elastic.strength.into()));
                level.vectorize(Resample {
                    image: &padded,
                    map: &map,
                    displacement: displacement.as_ref(),
                    rows,
                    out,
                });
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

#[cfg(test)]
mod tests;
