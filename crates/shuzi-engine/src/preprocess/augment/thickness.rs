//! Thicker or thinner strokes: grey dilation and erosion, by fractions of a pixel.
//!
//! In: a padded image and how far edges move. Out: another one. Nothing grows beyond the image.

use super::padded::{PADDING, PaddedImage, STRIDE};
use crate::{image::SIDE, kernels::Loop};
use std::ops::Range;

/// Moves the edges of strokes: each pixel goes by |`distance`| of the way to the largest (or, for a
/// negative distance, the smallest) of itself and its four neighbours. At a straight edge this is
/// what a pixel's area would show if the edge had moved so far.
pub(super) struct Thicken<'a> {
    pub image: &'a PaddedImage,
    /// -1 to 1 pixels.
    pub distance: f32,
    pub thickened: &'a mut PaddedImage,
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
        const INSIDE: Range<usize> = PADDING * STRIDE..(PADDING + SIDE) * STRIDE;
        let moved = |by: isize| &self.image.0[INSIDE.start.wrapping_add_signed(by)..][..INSIDE.len()];
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
            to[PADDING..PADDING + SIDE].copy_from_slice(&from[PADDING..PADDING + SIDE]);
        }
    }
}
