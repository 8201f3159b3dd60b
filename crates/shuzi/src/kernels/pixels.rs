//! The first layer reads bytes and skips zeros: four of five pixels of a digit are 0.
//!
//! A [`PixelBlock`] holds a block of images pixel by pixel, eight images to a word. A word
//! that is 0 costs one comparison; for any other, one row of weights serves eight images.
//! Forward: `y = b + s·Σₚ x[p]·W[p]`. Gradient: `∂W[p] = s·Σᵢ xᵢ[p]·dyᵢ`, summed in registers.
//! `W` is `[pixels, outputs]`: one row of weights for each pixel.

#[cfg(target_arch = "x86_64")]
use super::lanes::Fused;
use super::{Level, lanes::Lanes};
use crate::image::{PIXELS, SIDE};

/// Images in a word.
const GROUP: usize = 8;

/// A block of images, transposed: for each pixel the bytes of all images, eight to a word.
#[derive(Clone, Debug)]
pub struct PixelBlock {
    images: usize,
    groups: usize,
    /// `[PIXELS, groups]`; byte `i` of a word, counted from the low end, is image `i` of the group.
    words: Vec<u64>,
}

impl PixelBlock {
    /// Room for up to `capacity` images.
    pub fn with_capacity(capacity: usize) -> Self {
        let groups = capacity.div_ceil(GROUP);
        PixelBlock { images: 0, groups, words: vec![0; PIXELS * groups] }
    }

    /// How many images are in it.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Replaces the images in it.
    ///
    /// # Panics
    ///
    /// If there are more than fit, or one does not have 784 bytes.
    pub fn load<'a>(&mut self, images: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.images = images.len();
        assert!(self.images <= self.groups * GROUP, "PixelBlock::load: too many images");
        const BLANK: &[u8] = &[0; PIXELS];
        let mut images = images.fuse();
        for group in 0..self.groups {
            let eight: [&[u8]; GROUP] = std::array::from_fn(|_| images.next().unwrap_or(BLANK));
            let rows = eight.map(|image| image.as_chunks::<GROUP>().0);
            assert!(rows.iter().all(|row| row.len() == PIXELS / GROUP), "PixelBlock::load: size of an image");
            for chunk in 0..PIXELS / GROUP {
                let block = transpose(rows.map(|row| u64::from_le_bytes(row[chunk])));
                for (pixel, word) in block.into_iter().enumerate() {
                    self.words[(chunk * GROUP + pixel) * self.groups + group] = word;
                }
            }
        }
    }

    /// The words of one pixel, one for each group of eight images.
    fn pixel(&self, pixel: usize) -> &[u64] {
        &self.words[pixel * self.groups..][..self.groups]
    }

    /// Writes the images as numbers, `[images, 784]`, each byte times `scale`: the plain form.
    pub fn to_numbers(&self, scale: f32, x: &mut [f32]) {
        assert_eq!(x.len(), self.images * PIXELS, "PixelBlock::to_numbers");
        for (image, row) in x.chunks_exact_mut(PIXELS).enumerate() {
            for (pixel, x) in row.iter_mut().enumerate() {
                *x = f32::from(self.pixel(pixel)[image / GROUP].to_le_bytes()[image % GROUP]) * scale;
            }
        }
    }
}

/// Rows become columns in a square of 8x8 bytes, by swapping ever smaller quarters
/// (Warren, "Hacker's Delight", 7-3).
fn transpose(mut rows: [u64; GROUP]) -> [u64; GROUP] {
    if rows.iter().all(|&row| row == 0) {
        return rows;
    }
    const STAGES: [(usize, u32, u64); 3] =
        [(4, 32, 0x0000_0000_ffff_ffff), (2, 16, 0x0000_ffff_0000_ffff), (1, 8, 0x00ff_00ff_00ff_00ff)];
    for (distance, bits, low) in STAGES {
        for upper in (0..GROUP).filter(|row| row & distance == 0) {
            let (a, b) = (rows[upper], rows[upper + distance]);
            rows[upper] = (a & low) | ((b & low) << bits);
            rows[upper + distance] = ((a >> bits) & low) | (b & !low);
        }
    }
    rows
}

fn numbers(word: u64, scale: f32) -> [f32; GROUP] {
    word.to_le_bytes().map(|byte| f32::from(byte) * scale)
}

/// `y = bias + scale·x·W`: `[images, outputs]` from the block's bytes.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward(pixels: &PixelBlock, scale: f32, weight: &[f32], bias: &[f32], y: &mut [f32]) {
    assert_eq!(weight.len(), PIXELS * bias.len(), "pixels::forward: size of the weights");
    assert_eq!(y.len(), pixels.images * bias.len(), "pixels::forward: size of the result");
    match Level::detect() {
        // SAFETY: every processor has plain numbers.
        Level::Plain => unsafe { forward_rows::<f32, f32, 4>(pixels, scale, weight, bias, y) },
        // SAFETY: the processor has the instructions, `detect` says so.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { forward_avx2(pixels, scale, weight, bias, y) },
        // SAFETY: the same.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { forward_avx512(pixels, scale, weight, bias, y) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("no such level here"),
    }
}

/// Pixels of some blocks with the `dy` (`[images, outputs]`) of each, in order.
pub trait PixelsAndGradients<'a>: Iterator<Item = (&'a PixelBlock, &'a [f32])> + Clone {}

impl<'a, I: Iterator<Item = (&'a PixelBlock, &'a [f32])> + Clone> PixelsAndGradients<'a> for I {}

/// The gradient of rows `first..` of the weights, `[rows, outputs]`: `scale·xᵀ·dy`, summed
/// over the images of all blocks in their order.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn gradient<'a>(
    blocks: impl PixelsAndGradients<'a>,
    scale: f32,
    first: usize,
    outputs: usize,
    gradient: &mut [f32],
) {
    assert_eq!(gradient.len() % outputs, 0, "pixels::gradient: whole rows");
    assert!(first + gradient.len() / outputs <= PIXELS, "pixels::gradient: rows behind the last pixel");
    match Level::detect() {
        // SAFETY: every processor has plain numbers.
        Level::Plain => unsafe { gradient_rows::<f32, f32, 4>(blocks, scale, first, outputs, gradient) },
        // SAFETY: the processor has the instructions, `detect` says so.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { gradient_avx2(blocks, scale, first, outputs, gradient) },
        // SAFETY: the same.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { gradient_avx512(blocks, scale, first, outputs, gradient) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("no such level here"),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn forward_avx2(pixels: &PixelBlock, scale: f32, weight: &[f32], bias: &[f32], y: &mut [f32]) {
    // SAFETY: this function enables what the lanes need.
    unsafe { forward_rows::<std::arch::x86_64::__m256, Fused, 1>(pixels, scale, weight, bias, y) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn forward_avx512(pixels: &PixelBlock, scale: f32, weight: &[f32], bias: &[f32], y: &mut [f32]) {
    // SAFETY: this function enables what the lanes need.
    unsafe { forward_rows::<std::arch::x86_64::__m512, Fused, 2>(pixels, scale, weight, bias, y) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn gradient_avx2<'a>(
    blocks: impl PixelsAndGradients<'a>,
    scale: f32,
    first: usize,
    outputs: usize,
    gradient: &mut [f32],
) {
    // SAFETY: this function enables what the lanes need.
    unsafe { gradient_rows::<std::arch::x86_64::__m256, Fused, 2>(blocks, scale, first, outputs, gradient) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn gradient_avx512<'a>(
    blocks: impl PixelsAndGradients<'a>,
    scale: f32,
    first: usize,
    outputs: usize,
    gradient: &mut [f32],
) {
    // SAFETY: this function enables what the lanes need.
    unsafe { gradient_rows::<std::arch::x86_64::__m512, Fused, 2>(blocks, scale, first, outputs, gradient) }
}

/// [`forward`] with `N` registers of `L` at a time, and lanes `R` for what remains of a row.
///
/// # Safety
///
/// The processor has the instructions of `L` and `R` (so for every function below).
#[inline(always)]
unsafe fn forward_rows<L: Lanes, R: Lanes, const N: usize>(
    pixels: &PixelBlock,
    scale: f32,
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
) {
    let outputs = bias.len();
    let strip = N * L::WIDTH;
    for (group, y) in y.chunks_mut(GROUP * outputs).enumerate() {
        let whole_strips = outputs / strip * strip;
        for start in (0..whole_strips).step_by(strip) {
            // SAFETY: the caller's promise.
            unsafe { forward_strip::<L, N>(pixels, group, scale, weight, bias, start, y) };
        }
        for start in whole_strips..outputs {
            // SAFETY: the caller's promise.
            unsafe { forward_strip::<R, 1>(pixels, group, scale, weight, bias, start, y) };
        }
    }
}

/// `N` registers of outputs, from `start`, of one group of images; `y` is the group's.
///
/// # Safety
///
/// See [`forward_rows`].
#[inline(always)]
unsafe fn forward_strip<L: Lanes, const N: usize>(
    pixels: &PixelBlock,
    group: usize,
    scale: f32,
    weight: &[f32],
    bias: &[f32],
    start: usize,
    y: &mut [f32],
) {
    let outputs = bias.len();
    // SAFETY: the caller's promise.
    let load =
        |row: &[f32]| std::array::from_fn::<L, N, _>(|n| unsafe { L::load(&row[start + n * L::WIDTH..]) });
    // Summed row by row of the image, then the rows: fewer roundings meet a large sum, so that a
    // neuron near its corner is seldom on another side of it than in double precision.
    let mut totals = [load(bias); GROUP];
    let rows = pixels.words.chunks_exact(pixels.groups * SIDE).zip(weight.chunks_exact(outputs * SIDE));
    for (words, weight) in rows {
        // SAFETY: the caller's promise.
        let mut sums = unsafe { [[L::splat(0.0); N]; GROUP] };
        for (words, weight) in words.chunks_exact(pixels.groups).zip(weight.chunks_exact(outputs)) {
            let word = words[group];
            if word == 0 {
                continue;
            }
            let (x, weight) = (numbers(word, scale), load(weight));
            for (sums, x) in sums.iter_mut().zip(x) {
                for (sum, weight) in sums.iter_mut().zip(weight) {
                    // SAFETY: the caller's promise.
                    *sum = unsafe { L::splat(x).multiply_add(weight, *sum) };
                }
            }
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for (total, sum) in totals.iter_mut().zip(sums) {
                // SAFETY: the caller's promise.
                *total = unsafe { total.add(sum) };
            }
        }
    }
    for (y, totals) in y.chunks_exact_mut(outputs).zip(totals) {
        for (n, total) in totals.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { total.store(&mut y[start + n * L::WIDTH..]) };
        }
    }
}

/// [`gradient`] with `N` registers of `L` at a time, and lanes `R` for what remains of a row.
///
/// # Safety
///
/// See [`forward_rows`].
#[inline(always)]
unsafe fn gradient_rows<'a, L: Lanes, R: Lanes, const N: usize>(
    blocks: impl PixelsAndGradients<'a>,
    scale: f32,
    first: usize,
    outputs: usize,
    gradient: &mut [f32],
) {
    let strip = N * L::WIDTH;
    for (chunk, gradient) in gradient.chunks_mut(TOGETHER * outputs).enumerate() {
        let pixel = first + chunk * TOGETHER;
        let whole_strips = outputs / strip * strip;
        for start in (0..whole_strips).step_by(strip) {
            // SAFETY: the caller's promise.
            unsafe { gradient_strip::<L, N>(blocks.clone(), scale, pixel, outputs, start, gradient) };
        }
        for start in whole_strips..outputs {
            // SAFETY: the caller's promise.
            unsafe { gradient_strip::<R, 1>(blocks.clone(), scale, pixel, outputs, start, gradient) };
        }
    }
}

/// Pixels that share the reading of `dy`, and whose sums do not wait for each other.
const TOGETHER: usize = 4;

/// `N` registers of outputs, from `start`, of up to [`TOGETHER`] pixels, whose rows of the
/// gradient `gradient` is.
///
/// # Safety
///
/// See [`forward_rows`].
#[inline(always)]
unsafe fn gradient_strip<'a, L: Lanes, const N: usize>(
    blocks: impl PixelsAndGradients<'a>,
    scale: f32,
    pixel: usize,
    outputs: usize,
    start: usize,
    gradient: &mut [f32],
) {
    let last_pixel = pixel + gradient.len() / outputs - 1;
    // SAFETY: the caller's promise.
    let mut sums = unsafe { [[L::splat(0.0); N]; TOGETHER] };
    for (pixels, dy) in blocks {
        let words: [&[u64]; TOGETHER] = std::array::from_fn(|i| pixels.pixel(last_pixel.min(pixel + i)));
        for (group, dy) in dy.chunks(GROUP * outputs).enumerate() {
            let words = words.map(|words| words[group]);
            if words == [0; TOGETHER] {
                continue;
            }
            let x = words.map(|word| numbers(word, scale));
            for (image, dy) in dy.chunks_exact(outputs).enumerate() {
                for n in 0..N {
                    // SAFETY: the caller's promise.
                    let dy = unsafe { L::load(&dy[start + n * L::WIDTH..]) };
                    for (sums, x) in sums.iter_mut().zip(&x) {
                        // SAFETY: the caller's promise.
                        sums[n] = unsafe { L::splat(x[image % GROUP]).multiply_add(dy, sums[n]) };
                    }
                }
            }
        }
    }
    for (row, sums) in gradient.chunks_exact_mut(outputs).zip(sums) {
        for (n, sum) in sums.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { sum.store(&mut row[start + n * L::WIDTH..]) };
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

    fn block(images: usize) -> PixelBlock {
        let images: Vec<_> = (0..images).map(image).collect();
        let mut block = PixelBlock::with_capacity(images.len() + 3);
        block.load(images.iter().map(Vec::as_slice));
        block
    }

    fn number(i: usize) -> f32 {
        ((i as u32).wrapping_mul(2_654_435_761) >> 16) as f32 / 65536.0 - 0.5
    }

    #[test]
    fn a_block_gives_back_the_images_it_was_loaded_with() {
        for images in [1, 7, 8, 9, 16, 20] {
            let mut x = vec![0.0; images * PIXELS];
            block(images).to_numbers(1.0, &mut x);
            let expected: Vec<f32> = (0..images).flat_map(image).map(f32::from).collect();
            assert!(x == expected, "{images} images");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn forward_and_gradient_equal_the_plain_product(images in 1..21usize, outputs in 1..70usize, first in 0..780usize) {
            let scale = 1.0 / 255.0;
            let pixels = block(images);
            let mut x = vec![0.0; images * PIXELS];
            pixels.to_numbers(scale, &mut x);
            let weight: Vec<f32> = (0..PIXELS * outputs).map(number).collect();
            let bias: Vec<f32> = (0..outputs).map(number).collect();
            let x = Matrix::new(&x, images, PIXELS);

            let mut expected: Vec<f32> = (0..images).flat_map(|_| bias.clone()).collect();
            multiply_plain(&mut expected, x, Matrix::new(&weight, PIXELS, outputs), true);
            let mut y = vec![0.0; images * outputs];
            forward(&pixels, scale, &weight, &bias, &mut y);
            for (y, expected) in y.iter().zip(&expected) {
                prop_assert!((y - expected).abs() < 1e-4, "{y} {expected}"); // some 150 terms below 0.5
            }

            let rows = (PIXELS - first).min(11);
            let mut expected = vec![0.0; rows * outputs];
            let dy = Matrix::new(&y, images, outputs);
            multiply_plain(&mut expected, x.columns(first..first + rows).transposed(), dy, false);
            let mut found = vec![f32::NAN; rows * outputs];
            gradient([(&pixels, y.as_slice())].into_iter(), scale, first, outputs, &mut found);
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }

    #[test]
    fn the_plain_level_agrees_with_the_fast_one() {
        let (pixels, outputs) = (block(13), 35);
        let weight: Vec<f32> = (0..PIXELS * outputs).map(number).collect();
        let bias = vec![0.25; outputs];
        let (mut plain, mut fast) = (vec![0.0; 13 * outputs], vec![0.0; 13 * outputs]);
        // SAFETY: every processor has plain numbers.
        unsafe { forward_rows::<f32, f32, 4>(&pixels, 1.0, &weight, &bias, &mut plain) };
        forward(&pixels, 1.0, &weight, &bias, &mut fast);
        for (plain, fast) in plain.iter().zip(&fast) {
            assert!((plain - fast).abs() <= 1e-5 * 255.0 * 40.0, "{plain} {fast}"); // rounding of sums up to 10,000
        }
    }
}
