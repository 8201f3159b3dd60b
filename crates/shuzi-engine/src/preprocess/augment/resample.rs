//! Bilinear resampling: each pixel of the result from the four around the place that it comes from.
//!
//! In: a padded image, an affine map, a displacement. Out: the image that they give, background outside. The places are
//! integers, in 65536ths of a pixel: the same bytes at every level of instructions.

use super::{
    affine::AffineMap,
    elastic::{DisplacementField, ONE},
    padded::{PADDING, PaddedImage, STRIDE},
};
use crate::{
    image::{PIXELS, SIDE},
    kernels::Loop,
};
use std::ops::Range;

/// Fills `rows` of `out` with what lies where the map and the displacement say, the others with background.
pub(super) struct Resample<'a> {
    pub image: &'a PaddedImage,
    pub map: &'a AffineMap,
    pub displacement: Option<&'a DisplacementField>,
    pub rows: Range<usize>,
    pub out: &'a mut [u8; PIXELS],
}

impl Loop for Resample<'_> {
    #[inline(always)]
    fn run(self) {
        let cells = cells(self.image);
        let (matrix, offset) = self.map.inverse();
        let steps = matrix.map(|[step, _]| (step * ONE).round() as i32);
        *self.out = [0; PIXELS];
        for y in self.rows {
            // Half a 256th more: cut off, the fractions are then rounded.
            let [x_start, y_start] =
                [0, 1].map(|axis| ((matrix[axis][1] * y as f64 + offset[axis]) * ONE) as i32 + 128);
            let [x_moved, y_moved] = match self.displacement {
                Some(displacement) => [displacement.row(0, y), displacement.row(1, y)],
                None => [[0; STRIDE]; 2],
            };
            let mut line = [0; STRIDE];
            for i in 0..STRIDE {
                let x = x_start + steps[0] * i as i32 + x_moved[i];
                let y = y_start + steps[1] * i as i32 + y_moved[i];
                line[i] = sample(&cells, x, y);
            }
            self.out[y * SIDE..][..SIDE].copy_from_slice(&line[..SIDE]);
        }
    }
}

/// Each pixel of the image in one word with its neighbours to the right, below, and below to the
/// right: one load gives all four that a place lies between.
#[inline(always)]
fn cells(image: &PaddedImage) -> [u32; STRIDE * STRIDE] {
    let mut cells = [0; STRIDE * STRIDE];
    for i in 0..STRIDE * STRIDE {
        let [right, below] = [i + 1, i + STRIDE];
        cells[i] = u32::from_le_bytes([i, right, below, below + 1].map(|place| image.0[place]));
    }
    cells
}

/// The grey value at a place, in 65536ths of a pixel, of which the upper 8 bits are used.
#[inline(always)]
fn sample(cells: &[u32; STRIDE * STRIDE], x: i32, y: i32) -> u8 {
    /// Blank, with all that lies around it: where to look for what is outside. As numbers without a
    /// sign, places left of the image or above it are large too.
    const OUTSIDE: u32 = ((PADDING + SIDE) << 16) as u32;
    const BOTH: u32 = 0x00ff_00ff;
    let [x, y] = [x, y].map(|place| (place as u32).min(OUTSIDE));
    let cell = cells[((y >> 16) * STRIDE as u32 + (x >> 16)) as usize % (STRIDE * STRIDE)];
    let [right_part, lower_part] = [x, y].map(|place| place >> 8 & 0xff);
    // Upper and lower two at once, in the two halves of a word.
    let rows = (cell & BOTH) * (256 - right_part) + (cell >> 8 & BOTH) * right_part;
    let both = (rows & 0xffff) * (256 - lower_part) + (rows >> 16) * lower_part;
    ((both + 0x8000) >> 16) as u8
}
