//! An image with background around it, so that the fast loops need no test of bounds.
//!
//! In: the 28x28 bytes of an image. Out: [`PaddedImage`], the rectangle around its ink, and the image moved by whole pixels.

use crate::image::{PIXELS, SIDE};

/// Pixels of background to the left of an image and above it.
pub(super) const PADDING: usize = 2;
/// From one row to the next. A power of two, so that the fast loops need no test of bounds.
pub(super) const STRIDE: usize = 32;

/// An image with background around it.
pub(super) struct PaddedImage(pub [u8; STRIDE * (STRIDE + 2)]);

/// The smallest rectangle around all ink: first and last column and row of the image.
pub(super) struct InkBounds {
    pub columns: [usize; 2],
    pub rows: [usize; 2],
}

impl PaddedImage {
    pub const BLANK: PaddedImage = PaddedImage([0; STRIDE * (STRIDE + 2)]);

    pub fn new(image: &[u8; PIXELS]) -> Self {
        let mut padded = PaddedImage::BLANK;
        let rows = padded.0.as_chunks_mut::<STRIDE>().0[PADDING..].iter_mut();
        for (to, from) in rows.zip(image.as_chunks::<SIDE>().0) {
            to[PADDING..PADDING + SIDE].copy_from_slice(from);
        }
        padded
    }

    /// `None` if there is none.
    pub fn ink(&self) -> Option<InkBounds> {
        let rows = &self.0.as_chunks::<STRIDE>().0[PADDING..][..SIDE];
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
        Some(InkBounds { columns: [left - PADDING, right - PADDING], rows: [top, bottom] })
    }

    /// Moves the ink by whole pixels, to the border at most.
    pub fn copy_shifted(&self, ink: &InkBounds, shift: [i32; 2], out: &mut [u8; PIXELS]) {
        let inside = |shift: i32, [first, last]: [usize; 2]| {
            shift.clamp(-(first as i32), (SIDE - 1 - last) as i32) as isize
        };
        let (right, down) = (inside(shift[0], ink.columns), inside(shift[1], ink.rows));
        *out = [0; PIXELS];
        for y in ink.rows[0]..=ink.rows[1] {
            let from = ((y + PADDING) * STRIDE + PADDING).wrapping_add_signed(-right);
            let to = y.wrapping_add_signed(down) * SIDE;
            out[to..][..SIDE].copy_from_slice(&self.0[from..][..SIDE]);
        }
    }
}
