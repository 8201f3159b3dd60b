//! Pixel by pixel, for training: the images of a batch pass while the weights of a pixel stay.
//!
//! A [`PixelBlock`] takes one half of some images and turns it around: for each pair of
//! neighbouring pixels it lists the images in which one of the two is not 0. So a pair's two rows
//! of weights stay in registers while all images pass. Forward: `y = Σₚ x[p]·W[p]`, each image's
//! sums in the first cache. Gradient: `∂W[p] = Σᵢ xᵢ[p]·dyᵢ`, summed in registers. Half of the
//! picture at a time, so that a thread can keep to half of the weights.

use super::Images;
use crate::{
    image::PIXELS,
    kernels::{
        Level,
        lanes::{Kernel, Lanes, load, store},
        prefetch,
    },
};
use std::ops::Range;

/// The upper and the lower half of a picture. MNIST has about as much ink in either.
pub const HALVES: [Range<usize>; 2] = [0..404, 404..PIXELS];
/// Images of a block at most.
pub const MAX_IMAGES: usize = 256;
/// Pixels that are listed together.
const PAIR: usize = 2;

/// Half of a block of images, as lists of what is not 0.
#[derive(Clone, Debug)]
pub struct PixelBlock {
    images: usize,
    /// Which pixels: one of [`HALVES`].
    half: Range<usize>,
    /// What number each byte stands for.
    numbers: [f32; 256],
    /// The pairs of pixels that are not 0 everywhere, in order.
    pairs: Vec<Pair>,
    /// `image << 16 | second byte << 8 | first byte`, pair after pair, each in the order of images.
    entries: Vec<u32>,
    /// 64 pixels turned around: for each four of them their bytes in each image.
    columns: Vec<[u32; 16]>,
}

/// Two neighbouring pixels, and where their list ends, which begins where the last pair's ended.
#[derive(Clone, Copy, Debug)]
struct Pair {
    first_pixel: u32,
    end: u32,
}

impl PixelBlock {
    /// Space for half number `half` of up to `capacity` images, whose bytes stand for `scale` times
    /// themselves.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_IMAGES`], or there is no such half.
    pub fn new(half: usize, capacity: usize, scale: f32) -> Self {
        assert!(capacity <= MAX_IMAGES, "PixelBlock::new: {capacity} images");
        let half = HALVES[half].clone();
        let padded = capacity.next_multiple_of(16);
        PixelBlock {
            images: 0,
            numbers: std::array::from_fn(|byte| byte as f32 * scale),
            pairs: Vec::with_capacity(half.len() / PAIR),
            entries: vec![0; (half.len() / PAIR + 2) * padded], // lists are written whole, then counted
            columns: vec![[0; 16]; padded],
            half,
        }
    }

    /// How many images are in it.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Which pixels it holds.
    pub fn pixels(&self) -> Range<usize> {
        self.half.clone()
    }

    /// Replaces the images in it.
    ///
    /// # Panics
    ///
    /// If there are more than fit, or one does not have 784 bytes.
    pub fn load<'a>(&mut self, level: Level, images: impl Images<'a>) {
        assert!(images.len() <= self.columns.len(), "PixelBlock::load: too many images");
        self.pairs.clear(); // first, so that no list is of another set of images, whatever happens
        self.images = images.len();
        level.run(Load { block: self, images });
    }

    /// The pairs with a pixel in `rows`, each with its list of entries.
    #[inline(always)]
    fn lists(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, &[u32])> {
        let first = self.pairs.partition_point(|pair| (pair.first_pixel as usize) < rows.start);
        let mut start = if first == 0 { 0 } else { self.pairs[first - 1].end as usize };
        let pairs = self.pairs[first..].iter().take_while(move |pair| (pair.first_pixel as usize) < rows.end);
        pairs.map(move |pair| {
            let entries = &self.entries[start..pair.end as usize];
            start = pair.end as usize;
            (pair.first_pixel as usize, entries)
        })
    }

    /// The image that an entry says, and the numbers of its two pixels.
    #[inline(always)]
    fn image(&self, entry: u32) -> (usize, [f32; PAIR]) {
        // Two look-ups written out: the closure of an array's `map` is not always inlined here, and a step of the
        // classic network then takes twice as long.
        let [left, right] = [entry & 255, entry >> 8 & 255];
        ((entry >> 16) as usize, [self.numbers[left as usize], self.numbers[right as usize]])
    }

    /// Writes the images as numbers, `[images, 784]`, the other half as 0: the plain form.
    ///
    /// # Panics
    ///
    /// If `x` has another size.
    pub fn to_numbers(&self, x: &mut [f32]) {
        assert_eq!(x.len(), self.images() * PIXELS, "PixelBlock::to_numbers");
        x.fill(0.0);
        for (pixel, entries) in self.lists(self.half.clone()) {
            for &entry in entries {
                let (image, numbers) = self.image(entry);
                x[image * PIXELS + pixel..][..PAIR].copy_from_slice(&numbers);
            }
        }
    }
}

struct Load<'b, I> {
    block: &'b mut PixelBlock,
    images: I,
}

impl<'a, I: Images<'a>> Kernel for Load<'_, I> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        const BLANK: &[u8; PIXELS] = &[0; PIXELS];
        let PixelBlock { images: count, half, pairs, entries, columns, .. } = self.block;
        let mut images = [BLANK; MAX_IMAGES]; // the last tile of 16 is filled up with blank ones
        let tiles = count.div_ceil(16);
        for (to, image) in images[..*count].iter_mut().zip(self.images) {
            *to = image.try_into().expect("PixelBlock::load: size of an image");
        }
        let images = &images.as_chunks::<16>().0[..tiles];
        let columns = &mut columns[..16 * tiles];
        let mut end = 0;
        for start in half.clone().step_by(64) {
            // The last tile begins further up, so that it does not reach over the picture's end.
            let first = start.min(PIXELS - 64);
            for (tile, images) in images.iter().enumerate() {
                lanes.transpose(images, first, &mut columns[tile..], tiles);
            }
            for pixel in (start..half.end.min(start + 64)).step_by(4) {
                let column = &columns[(pixel - first) / 4 * tiles..][..tiles];
                let counts = lanes.list_nonzero_u16(column, &mut entries[end..]);
                for (pixel, count) in [pixel, pixel + 2].into_iter().zip(counts) {
                    end += count;
                    if count > 0 {
                        pairs.push(Pair { first_pixel: pixel as u32, end: end as u32 });
                    }
                }
            }
        }
    }
}

/// `y = x·W`: `[images, outputs]` from the block's pixels; `W` has a row for each pixel of the half.
/// On the way the same half of `upcoming` images is brought near, a little at a time.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward<'a>(
    level: Level,
    pixels: &PixelBlock,
    weight: &[f32],
    outputs: usize,
    y: &mut [f32],
    upcoming: impl Images<'a>,
) {
    assert_eq!(weight.len(), pixels.half.len() * outputs, "by_pixel::forward: size of the weights");
    assert_eq!(y.len(), pixels.images() * outputs, "by_pixel::forward: size of the result");
    let lines = upcoming.flat_map(|image| image[pixels.pixels()].chunks(64));
    level.run(Forward { pixels, weight, outputs, y, lines });
}

struct Forward<'b, I> {
    pixels: &'b PixelBlock,
    weight: &'b [f32],
    outputs: usize,
    y: &'b mut [f32],
    /// Of memory to be brought near.
    lines: I,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Kernel for Forward<'_, I> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        self.y.fill(0.0);
        let outputs = self.outputs;
        let mut start = 0;
        while start + 4 * L::WIDTH <= outputs {
            self.strip::<L, 4>(lanes, start);
            start += 4 * L::WIDTH;
        }
        while start + 2 * L::WIDTH <= outputs {
            self.strip::<L, 2>(lanes, start);
            start += 2 * L::WIDTH;
        }
        while start < outputs {
            self.strip::<L, 1>(lanes, start);
            start += L::WIDTH;
        }
    }
}

impl<'a, I: Iterator<Item = &'a [u8]>> Forward<'_, I> {
    /// `N` registers of outputs, from `start`: two rows of weights stay in registers while all images pass.
    #[inline(always)]
    fn strip<L: Lanes, const N: usize>(&mut self, lanes: L, start: usize) {
        let outputs = self.outputs;
        let columns = start..outputs.min(start + N * L::WIDTH);
        /// So that all are near when the lists end, and none has to wait for another.
        const LINES_A_LIST: usize = 5;
        let half = self.pixels.pixels();
        for (pixel, entries) in self.pixels.lists(half.clone()) {
            for line in self.lines.by_ref().take(LINES_A_LIST) {
                prefetch(line);
            }
            let row = |pixel: usize| &self.weight[(pixel - half.start) * outputs..][columns.clone()];
            let (first, second) = (load::<L, N>(lanes, row(pixel)), load::<L, N>(lanes, row(pixel + 1)));
            for &entry in entries {
                let (image, [x0, x1]) = self.pixels.image(entry);
                let y = image * outputs;
                // SAFETY: lists have images of the block only, for `load` makes them; `y` has a row for
                // each, which `forward` checks, and `columns` ends inside a row.
                let y = unsafe { self.y.get_unchecked_mut(y + columns.start..y + columns.end) };
                let (x0, x1) = (lanes.splat(x0), lanes.splat(x1));
                let mut sums = load::<L, N>(lanes, y);
                for n in 0..N {
                    // Both first: so each sum meets half as many roundings.
                    let both = lanes.multiply_add(x1, second[n], lanes.multiply(x0, first[n]));
                    sums[n] = lanes.add(sums[n], both);
                }
                store::<L, N>(lanes, sums, y);
            }
        }
    }
}

/// The gradient of the weights' rows `rows`, `[rows, outputs]`: `xᵀ·dy`, summed over the images
/// of all blocks in their order. `dy` is `[images, outputs]`, those of one block after those of another.
///
/// # Panics
///
/// If the sizes do not fit, `rows` does not begin and end between pairs, or a block is of a half
/// without these rows.
pub fn gradient<'a>(
    level: Level,
    blocks: impl Iterator<Item = &'a PixelBlock>,
    dy: &[f32],
    rows: Range<usize>,
    outputs: usize,
    gradient: &mut [f32],
) {
    assert_eq!(gradient.len(), rows.len() * outputs, "by_pixel::gradient: size of the result");
    assert!(rows.start.is_multiple_of(PAIR) && rows.end.is_multiple_of(PAIR), "by_pixel::gradient: {rows:?}");
    gradient.fill(0.0);
    let mut dy = dy;
    for pixels in blocks {
        let half = &pixels.half;
        assert!(half.start <= rows.start && rows.end <= half.end, "by_pixel::gradient: another half");
        let (own, others) = dy.split_at(pixels.images * outputs);
        level.run(Gradient { pixels, dy: own, rows: rows.clone(), outputs, gradient });
        dy = others;
    }
    assert!(dy.is_empty(), "by_pixel::gradient: size of dy");
}

struct Gradient<'a> {
    pixels: &'a PixelBlock,
    /// `[images of the block, outputs]`.
    dy: &'a [f32],
    rows: Range<usize>,
    outputs: usize,
    gradient: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let mut start = 0;
        while start + 4 * L::WIDTH <= self.outputs {
            self.strip::<L, 4>(lanes, start);
            start += 4 * L::WIDTH;
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

impl Gradient<'_> {
    /// `N` registers of outputs, from `start`: two rows of sums stay in registers while all images pass.
    #[inline(always)]
    fn strip<L: Lanes, const N: usize>(&mut self, lanes: L, start: usize) {
        let outputs = self.outputs;
        let columns = start..outputs.min(start + N * L::WIDTH);
        for (pixel, entries) in self.pixels.lists(self.rows.clone()) {
            let rows = &mut self.gradient[(pixel - self.rows.start) * outputs..];
            let (first_row, second_row) = rows.split_at_mut(outputs);
            let (first_row, second_row) = (&mut first_row[columns.clone()], &mut second_row[columns.clone()]);
            let (mut first, mut second) = (load::<L, N>(lanes, first_row), load::<L, N>(lanes, second_row));
            for &entry in entries {
                let (image, [x0, x1]) = self.pixels.image(entry);
                let dy = image * outputs;
                // SAFETY: lists have images of the block only, for `load` makes them; `dy` has a row for
                // each, as `gradient` cuts it, and `columns` ends inside a row.
                let dy = unsafe { self.dy.get_unchecked(dy + columns.start..dy + columns.end) };
                let dy = load::<L, N>(lanes, dy);
                let (x0, x1) = (lanes.splat(x0), lanes.splat(x1));
                for n in 0..N {
                    first[n] = lanes.multiply_add(x0, dy[n], first[n]);
                    second[n] = lanes.multiply_add(x1, dy[n], second[n]);
                }
            }
            store::<L, N>(lanes, first, first_row);
            store::<L, N>(lanes, second, second_row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{
        pixels::tests::{image, number},
        product::{Matrix, Output, multiply_plain},
    };
    use proptest::prelude::*;
    use std::iter;

    fn block(level: Level, half: usize, images: usize, scale: f32) -> PixelBlock {
        let images: Vec<_> = (0..images).map(image).collect();
        let mut block = PixelBlock::new(half, images.len() + 3, scale);
        let other: Vec<_> = (0..3).map(|_| [255; PIXELS]).collect(); // to be forgotten
        block.load(level, other.iter().map(|image| &image[..]));
        block.load(level, images.iter().map(Vec::as_slice));
        block
    }

    fn levels_and_halves() -> impl Iterator<Item = (Level, usize)> {
        Level::all().into_iter().flat_map(|level| [(level, 0), (level, 1)])
    }

    /// `image` with only the pixels of a half.
    fn half_of(image: &[u8], half: usize) -> Vec<u8> {
        (0..PIXELS).map(|pixel| if HALVES[half].contains(&pixel) { image[pixel] } else { 0 }).collect()
    }

    #[test]
    fn a_block_gives_back_the_half_images_it_was_loaded_with() {
        for (level, half) in levels_and_halves() {
            for images in [0, 1, 7, 20] {
                let mut x = vec![f32::NAN; images * PIXELS];
                block(level, half, images, 0.5).to_numbers(&mut x);
                let expected: Vec<f32> = (0..images)
                    .flat_map(|index| half_of(&image(index), half))
                    .map(|byte| f32::from(byte) * 0.5)
                    .collect();
                assert!(x == expected, "{images} images, {level:?}");
            }
        }
    }

    #[test]
    fn a_block_holds_images_without_a_zero() {
        for (level, half) in levels_and_halves() {
            let mut block = PixelBlock::new(half, 2, 1.0);
            block.load(level, [[255; PIXELS]; 2].iter().map(|image| &image[..]));
            let mut x = vec![0.0; 2 * PIXELS];
            block.to_numbers(&mut x);
            assert_eq!(x.iter().sum::<f32>(), 255.0 * (2 * HALVES[half].len()) as f32);
        }
    }

    /// Shapes of the random tests; small ones for Miri, which is slow.
    const MOST_IMAGES: usize = if cfg!(miri) { 3 } else { 21 };
    const MOST_OUTPUTS: usize = if cfg!(miri) { 6 } else { 300 };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 40 }))]
        #[test]
        fn forward_and_gradient_equal_the_plain_product(
            images in 1..MOST_IMAGES, outputs in 1..MOST_OUTPUTS, first in 0..100usize, count in 0..60usize,
        ) {
            for (level, half) in levels_and_halves() {
                let pixels = block(level, half, images, 1.0 / 255.0);
                let mut x = vec![0.0; images * PIXELS];
                pixels.to_numbers(&mut x);
                let weight: Vec<f32> = (0..PIXELS * outputs).map(number).collect();
                let x = Matrix::new(&x, images, PIXELS);

                let mut expected = vec![0.0; images * outputs];
                multiply_plain(&mut expected, x, Matrix::new(&weight, PIXELS, outputs), Output::Overwrite);
                let mut y = vec![f32::NAN; images * outputs];
                let half_rows = HALVES[half].start * outputs..HALVES[half].end * outputs;
                forward(level, &pixels, &weight[half_rows], outputs, &mut y, iter::empty());
                for (y, expected) in y.iter().zip(&expected) {
                    prop_assert!((y - expected).abs() < 1e-4, "{y} {expected}"); // some 80 terms below 0.5
                }

                let row = |four: usize| (HALVES[half].start + 4 * four).min(HALVES[half].end);
                let rows = row(first)..row(first + count);
                let mut expected = vec![0.0; rows.len() * outputs];
                let dy = Matrix::new(&y, images, outputs);
                multiply_plain(&mut expected, x.columns(rows.clone()).transposed(), dy, Output::Overwrite);
                let mut found = vec![f32::NAN; rows.len() * outputs];
                gradient(level, iter::once(&pixels), &y, rows, outputs, &mut found);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!((found - expected).abs() < 1e-4, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_refused_image_leaves_no_list_of_others() {
        let mut pixels = block(Level::detect(), 0, 20, 1.0);
        let short = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pixels.load(Level::detect(), iter::once(&[1; 783][..]));
        }));
        assert!(short.is_err());
        assert_eq!((pixels.images(), pixels.lists(HALVES[0].clone()).count()), (1, 0));
    }

    #[test]
    #[should_panic(expected = "another half")]
    fn a_gradient_of_the_other_half_is_refused() {
        let pixels = block(Level::Plain, 0, 1, 1.0);
        gradient(Level::Plain, iter::once(&pixels), &[0.0], HALVES[1].clone(), 1, &mut [0.0; 380]);
    }
}
