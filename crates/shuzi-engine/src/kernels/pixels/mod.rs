//! The first layer reads bytes and skips zeros: four of five pixels of a digit are 0.
//!
//! Its weights `W` are `[pixels, outputs]`: one row for each pixel, added where the pixel is not 0.
//! Two forms of the same product, by what the outer loop goes over:
//! - [`by_image`] sums the rows of an image's pixels in registers: for reading.
//! - [`by_pixel`] keeps the rows of two pixels in registers while all images of a batch pass: for
//!   training, whose gradient needs the images of each pixel.

pub mod by_image;
pub mod by_pixel;

/// Images of 784 bytes, that can be gone through again.
pub trait Images<'a>: ExactSizeIterator<Item = &'a [u8]> + Clone {}

impl<'a, I: ExactSizeIterator<Item = &'a [u8]> + Clone> Images<'a> for I {}

#[cfg(test)]
mod tests {
    use crate::image::PIXELS;

    /// Digits are mostly background: so is this.
    pub fn image(seed: usize) -> Vec<u8> {
        (0..PIXELS)
            .map(|pixel| {
                let mixed = ((pixel * 31 + seed * 977 + 13) as u32).wrapping_mul(2_654_435_761) >> 13;
                if mixed.is_multiple_of(5) && !(300..400).contains(&pixel) { (mixed >> 3) as u8 } else { 0 }
            })
            .collect()
    }

    /// Numbers of no meaning, between -0.5 and 0.5.
    pub fn number(i: usize) -> f32 {
        ((i as u32).wrapping_mul(2_654_435_761) >> 16) as f32 / 65536.0 - 0.5
    }
}
