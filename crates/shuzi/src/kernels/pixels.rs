//! The first layer reads bytes and skips zeros: four of five pixels of a digit are 0.
//!
//! A [`PixelBlock`] lists, for each image of a block, the pixels that are not 0. Forward:
//! `y = b + Σₚ x[p]·W[p]`, summed in registers. Gradient: `∂W[p] = Σᵢ xᵢ[p]·dyᵢ`, added to some
//! rows at a time that stay in the first cache. `W` is `[pixels, outputs]`: one row of weights
//! for each pixel.

use super::{
    Level,
    lanes::{Kernel, Lanes, load, store},
};
use crate::image::PIXELS;
use std::ops::Range;

/// Pixels that are listed together; the lists can be entered at each multiple.
pub const SEGMENT: usize = 16;
const SEGMENTS: usize = PIXELS / SEGMENT;

/// A block of images as lists of their pixels that are not 0.
#[derive(Clone, Debug)]
pub struct PixelBlock {
    capacity: usize,
    /// What number each byte stands for.
    numbers: [f32; 256],
    /// For each image where in `entries` its segments begin, and where the last ends.
    bounds: Vec<[u32; SEGMENTS + 1]>,
    /// `place << 8 | byte`, image after image: small, because other threads read them too.
    entries: Vec<u32>,
}

impl PixelBlock {
    /// Room for up to `capacity` images, whose bytes count times `scale`.
    pub fn new(capacity: usize, scale: f32) -> Self {
        PixelBlock {
            capacity,
            numbers: std::array::from_fn(|byte| byte as f32 * scale),
            bounds: Vec::with_capacity(capacity),
            entries: vec![0; capacity * PIXELS + SEGMENT], // a segment is written whole, then counted
        }
    }

    /// How many images are in it.
    pub fn images(&self) -> usize {
        self.bounds.len()
    }

    /// Replaces the images in it.
    ///
    /// # Panics
    ///
    /// If there are more than fit, or one does not have 784 bytes.
    pub fn load<'a>(&mut self, level: Level, images: impl ExactSizeIterator<Item = &'a [u8]>) {
        assert!(images.len() <= self.capacity, "PixelBlock::load: too many images");
        level.run(List { block: self, images });
    }

    /// The entries of one image's `segments`.
    #[inline(always)]
    fn list(&self, image: usize, segments: Range<usize>) -> &[u32] {
        let bounds = &self.bounds[image];
        &self.entries[bounds[segments.start] as usize..bounds[segments.end] as usize]
    }

    /// The pixel that an entry says, and its number.
    #[inline(always)]
    fn pixel(&self, entry: u32) -> (usize, f32) {
        ((entry >> 8) as usize, self.numbers[(entry & 255) as usize])
    }

    /// Writes the images as numbers, `[images, 784]`: the plain form.
    ///
    /// # Panics
    ///
    /// If `x` has another size.
    pub fn to_numbers(&self, x: &mut [f32]) {
        assert_eq!(x.len(), self.images() * PIXELS, "PixelBlock::to_numbers");
        x.fill(0.0);
        for (image, x) in x.chunks_exact_mut(PIXELS).enumerate() {
            for &entry in self.list(image, 0..SEGMENTS) {
                let (pixel, number) = self.pixel(entry);
                x[pixel] = number;
            }
        }
    }
}

struct List<'b, I> {
    block: &'b mut PixelBlock,
    images: I,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Kernel for List<'_, I> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let PixelBlock { bounds, entries, .. } = self.block;
        bounds.clear();
        let (entries, mut end) = (entries.as_mut_slice(), 0);
        for image in self.images {
            let (segments, rest) = image.as_chunks::<SEGMENT>();
            assert!(segments.len() == SEGMENTS && rest.is_empty(), "PixelBlock::load: size of an image");
            let mut ends = [end as u32; SEGMENTS + 1];
            for (segment, bytes) in segments.iter().enumerate() {
                let room = entries[end..].first_chunk_mut().expect("room for a segment");
                end += lanes.list_nonzero(bytes, (segment * SEGMENT) as u32, room);
                ends[segment + 1] = end as u32;
            }
            bounds.push(ends);
        }
    }
}

/// `y = bias + x·W`: `[images, outputs]` from the block's pixels.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward(level: Level, pixels: &PixelBlock, weight: &[f32], bias: &[f32], y: &mut [f32]) {
    assert_eq!(weight.len(), PIXELS * bias.len(), "pixels::forward: size of the weights");
    assert_eq!(y.len(), pixels.images() * bias.len(), "pixels::forward: size of the result");
    level.run(Forward { pixels, weight, bias, y });
}

struct Forward<'a> {
    pixels: &'a PixelBlock,
    weight: &'a [f32],
    bias: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let outputs = self.bias.len();
        let mut start = 0;
        while start + 8 * L::WIDTH <= outputs {
            self.strip::<L, 8, 1>(lanes, start);
            start += 8 * L::WIDTH;
        }
        while start + 2 * L::WIDTH <= outputs {
            self.strip::<L, 2, 4>(lanes, start);
            start += 2 * L::WIDTH;
        }
        while start < outputs {
            self.strip::<L, 1, 8>(lanes, start);
            start += L::WIDTH;
        }
    }
}

impl Forward<'_> {
    /// `N` registers of outputs, from `start`, of every image. `SUMS` sums run side by side: they
    /// need not wait for each other, and each meets fewer roundings than one alone would.
    #[inline(always)]
    fn strip<L: Lanes, const N: usize, const SUMS: usize>(&mut self, lanes: L, start: usize) {
        let outputs = self.bias.len();
        let columns = start..outputs.min(start + N * L::WIDTH);
        for (image, y) in self.y.chunks_exact_mut(outputs).enumerate() {
            let mut sums = [[lanes.splat(0.0); N]; SUMS];
            let (entries, last_entries) = self.pixels.list(image, 0..SEGMENTS).as_chunks::<SUMS>();
            for entries in entries {
                for i in 0..SUMS {
                    sums[i] =
                        add_row(lanes, sums[i], self.pixels, entries[i], self.weight, outputs, &columns);
                }
            }
            for (i, &entry) in last_entries.iter().enumerate() {
                sums[i] = add_row(lanes, sums[i], self.pixels, entry, self.weight, outputs, &columns);
            }
            let mut totals = load::<L, N>(lanes, &self.bias[columns.clone()]);
            for sums in sums {
                for n in 0..N {
                    totals[n] = lanes.add(totals[n], sums[n]);
                }
            }
            store::<L, N>(lanes, totals, &mut y[columns.clone()]);
        }
    }
}

/// `sums` and one pixel's number times its row of weights.
#[inline(always)]
fn add_row<L: Lanes, const N: usize>(
    lanes: L,
    mut sums: [L::Register; N],
    pixels: &PixelBlock,
    entry: u32,
    weight: &[f32],
    outputs: usize,
    columns: &Range<usize>,
) -> [L::Register; N] {
    let (pixel, x) = pixels.pixel(entry);
    let row = pixel * outputs;
    // SAFETY: entries have pixels below 784 only, for `load` makes them; `weight` has as many
    // rows, which `forward` checks, and `columns` ends inside a row.
    let row = unsafe { weight.get_unchecked(row + columns.start..row + columns.end) };
    let (x, row) = (lanes.splat(x), load::<L, N>(lanes, row));
    for n in 0..N {
        sums[n] = lanes.multiply_add(x, row[n], sums[n]);
    }
    sums
}

/// Pixels of some blocks with the `dy` (`[images, outputs]`) of each, in order.
pub trait PixelsAndGradients<'a>: Iterator<Item = (&'a PixelBlock, &'a [f32])> + Clone {}

impl<'a, I: Iterator<Item = (&'a PixelBlock, &'a [f32])> + Clone> PixelsAndGradients<'a> for I {}

/// The gradient of the weights' rows `rows`, `[rows, outputs]`: `xᵀ·dy`, summed over the images
/// of all blocks in their order.
///
/// # Panics
///
/// If the sizes do not fit, or `rows` does not begin and end at a multiple of [`SEGMENT`].
pub fn gradient<'a>(
    level: Level,
    blocks: impl PixelsAndGradients<'a>,
    rows: Range<usize>,
    outputs: usize,
    gradient: &mut [f32],
) {
    assert_eq!(gradient.len(), rows.len() * outputs, "pixels::gradient: size of the result");
    assert!(rows.end <= PIXELS, "pixels::gradient: rows behind the last pixel");
    assert!(
        rows.start.is_multiple_of(SEGMENT) && rows.end.is_multiple_of(SEGMENT),
        "pixels::gradient: {rows:?}"
    );
    level.run(Gradient { blocks, rows, outputs, gradient });
}

struct Gradient<'g, I> {
    blocks: I,
    rows: Range<usize>,
    outputs: usize,
    gradient: &'g mut [f32],
}

impl<'a, I: PixelsAndGradients<'a>> Kernel for Gradient<'_, I> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        self.gradient.fill(0.0);
        let mut start = 0;
        while start + 8 * L::WIDTH <= self.outputs {
            self.strip::<L, 8>(lanes, start);
            start += 8 * L::WIDTH;
        }
        while start + 2 * L::WIDTH <= self.outputs {
            self.strip::<L, 2>(lanes, start);
            start += 2 * L::WIDTH;
        }
        while start < self.outputs {
            self.strip::<L, 1>(lanes, start);
            start += L::WIDTH;
        }
    }
}

impl<'a, I: PixelsAndGradients<'a>> Gradient<'_, I> {
    /// `N` registers of outputs, from `start`.
    #[inline(always)]
    fn strip<L: Lanes, const N: usize>(&mut self, lanes: L, start: usize) {
        let outputs = self.outputs;
        let columns = start..outputs.min(start + N * L::WIDTH);
        let segments = self.rows.start / SEGMENT..self.rows.end / SEGMENT;
        for (pixels, dy) in self.blocks.clone() {
            for (image, dy) in dy.chunks_exact(outputs).enumerate() {
                let dy = load::<L, N>(lanes, &dy[columns.clone()]);
                for &entry in pixels.list(image, segments.clone()) {
                    let (pixel, x) = pixels.pixel(entry);
                    let row = (pixel - self.rows.start) * outputs;
                    // SAFETY: entries of `segments` have pixels in `rows` only, for `load` makes them;
                    // `gradient` has a row for each, which `gradient` checks, and `columns`
                    // ends inside a row.
                    let row =
                        unsafe { self.gradient.get_unchecked_mut(row + columns.start..row + columns.end) };
                    let x = lanes.splat(x);
                    let mut sums = load::<L, N>(lanes, row);
                    for n in 0..N {
                        sums[n] = lanes.multiply_add(x, dy[n], sums[n]);
                    }
                    store::<L, N>(lanes, sums, row);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::product::{Matrix, multiply_plain};
    use proptest::prelude::*;

    /// Digits are mostly background: so is this.
    fn image(seed: usize) -> Vec<u8> {
        (0..PIXELS)
            .map(|pixel| {
                let mixed = ((pixel * 31 + seed * 977 + 13) as u32).wrapping_mul(2_654_435_761) >> 13;
                if mixed.is_multiple_of(5) && !(300..400).contains(&pixel) { (mixed >> 3) as u8 } else { 0 }
            })
            .collect()
    }

    fn block(level: Level, images: usize, scale: f32) -> PixelBlock {
        let images: Vec<_> = (0..images).map(image).collect();
        let mut block = PixelBlock::new(images.len() + 3, scale);
        block.load(level, [[255; PIXELS]; 3].iter().map(|image| &image[..])); // to be forgotten
        block.load(level, images.iter().map(Vec::as_slice));
        block
    }

    fn number(i: usize) -> f32 {
        ((i as u32).wrapping_mul(2_654_435_761) >> 16) as f32 / 65536.0 - 0.5
    }

    #[test]
    fn a_block_gives_back_the_images_it_was_loaded_with() {
        for level in Level::all() {
            for images in [0, 1, 7, 20] {
                let mut x = vec![f32::NAN; images * PIXELS];
                block(level, images, 0.5).to_numbers(&mut x);
                let expected: Vec<f32> =
                    (0..images).flat_map(image).map(|byte| f32::from(byte) * 0.5).collect();
                assert!(x == expected, "{images} images, {level:?}");
            }
        }
    }

    #[test]
    fn a_block_holds_images_without_a_zero() {
        for level in Level::all() {
            let mut block = PixelBlock::new(2, 1.0);
            block.load(level, [[255; PIXELS]; 2].iter().map(|image| &image[..]));
            let mut x = vec![0.0; 2 * PIXELS];
            block.to_numbers(&mut x);
            assert!(x == [255.0; 2 * PIXELS]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 40 }))]
        #[test]
        fn forward_and_gradient_equal_the_plain_product(
            images in 1..21usize, outputs in 1..300usize, first in 0..SEGMENTS, segments in 1..4usize,
        ) {
            for level in Level::all() {
                let pixels = block(level, images, 1.0 / 255.0);
                let mut x = vec![0.0; images * PIXELS];
                pixels.to_numbers(&mut x);
                let weight: Vec<f32> = (0..PIXELS * outputs).map(number).collect();
                let bias: Vec<f32> = (0..outputs).map(number).collect();
                let x = Matrix::new(&x, images, PIXELS);

                let mut expected: Vec<f32> = (0..images).flat_map(|_| bias.clone()).collect();
                multiply_plain(&mut expected, x, Matrix::new(&weight, PIXELS, outputs), true);
                let mut y = vec![0.0; images * outputs];
                forward(level, &pixels, &weight, &bias, &mut y);
                for (y, expected) in y.iter().zip(&expected) {
                    prop_assert!((y - expected).abs() < 1e-4, "{y} {expected}"); // some 150 terms below 0.5
                }

                let rows = first * SEGMENT..(first + segments).min(SEGMENTS) * SEGMENT;
                let mut expected = vec![0.0; rows.len() * outputs];
                let dy = Matrix::new(&y, images, outputs);
                multiply_plain(&mut expected, x.columns(rows.clone()).transposed(), dy, false);
                let mut found = vec![f32::NAN; rows.len() * outputs];
                gradient(level, [(&pixels, y.as_slice())].into_iter(), rows, outputs, &mut found);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
                }
            }
        }
    }
}
