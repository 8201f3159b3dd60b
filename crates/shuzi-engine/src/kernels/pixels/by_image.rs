//! Image by image, for reading: `y = b + Σₚ x[p]·W[p]`, all sums of an image in registers.

use super::Images;
use crate::{
    image::PIXELS,
    kernels::{
        Level,
        lanes::{Kernel, Lanes, load, store},
    },
};
use std::ops::Range;

/// Pixels that are listed at a time.
const PART: usize = 16;

/// Some images as lists of their pixels that are not 0.
#[derive(Clone, Debug)]
pub struct ImageLists {
    capacity: usize,
    /// What number each byte stands for.
    numbers: [f32; 256],
    /// For each image where its list in `entries` ends; it begins where the one before ended.
    ends: Vec<usize>,
    /// `pixel << 8 | byte`, image after image.
    entries: Vec<u32>,
}

impl ImageLists {
    /// Space for up to `capacity` images, whose bytes stand for `scale` times themselves.
    pub fn new(capacity: usize, scale: f32) -> Self {
        ImageLists {
            capacity,
            numbers: std::array::from_fn(|byte| byte as f32 * scale),
            ends: Vec::with_capacity(capacity),
            entries: vec![0; capacity * PIXELS + PART], // a part is written whole, then counted
        }
    }

    /// Replaces the images in it.
    ///
    /// # Panics
    ///
    /// If there are more than fit, or one does not have 784 bytes.
    pub fn load<'a>(&mut self, level: Level, images: impl Images<'a>) {
        assert!(images.len() <= self.capacity, "ImageLists::load: too many images");
        level.run(Load { lists: self, images });
    }

    /// The entries of each image.
    #[inline(always)]
    fn lists(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| &self.entries[std::mem::replace(&mut start, end)..end])
    }

    /// The pixel that an entry says, and its number.
    #[inline(always)]
    fn pixel(&self, entry: u32) -> (usize, f32) {
        ((entry >> 8) as usize, self.numbers[(entry & 255) as usize])
    }
}

struct Load<'l, I> {
    lists: &'l mut ImageLists,
    images: I,
}

impl<'a, I: Images<'a>> Kernel for Load<'_, I> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let ImageLists { ends, entries, .. } = self.lists;
        let (entries, mut end) = (entries.as_mut_slice(), 0);
        ends.clear();
        for image in self.images {
            let (parts, rest) = image.as_chunks::<PART>();
            assert!(parts.len() == PIXELS / PART && rest.is_empty(), "ImageLists::load: size of an image");
            for (index, bytes) in parts.iter().enumerate() {
                let listed = entries[end..].first_chunk_mut().expect("space for a part");
                end += lanes.list_nonzero(bytes, (index * PART) as u32, listed);
            }
            ends.push(end);
        }
    }
}

/// `y = bias + x·W`: `[images, outputs]` from the images.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward(level: Level, images: &ImageLists, weight: &[f32], bias: &[f32], y: &mut [f32]) {
    assert_eq!(weight.len(), PIXELS * bias.len(), "by_image::forward: size of the weights");
    assert_eq!(y.len(), images.ends.len() * bias.len(), "by_image::forward: size of the result");
    level.run(Forward { images, weight, bias, y });
}

struct Forward<'a> {
    images: &'a ImageLists,
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
    /// `N` registers of outputs, from `start`. `SUMS` sums run side by side: so many additions
    /// need not wait for each other, and each meets fewer roundings than one alone would.
    #[inline(always)]
    fn strip<L: Lanes, const N: usize, const SUMS: usize>(&mut self, lanes: L, start: usize) {
        let outputs = self.bias.len();
        let columns = start..outputs.min(start + N * L::WIDTH);
        let weights = PixelWeights { images: self.images, weight: self.weight, outputs };
        for (entries, y) in self.images.lists().zip(self.y.chunks_exact_mut(outputs)) {
            let mut sums = [[lanes.splat(0.0); N]; SUMS];
            let (entries, last_entries) = entries.as_chunks::<SUMS>();
            for entries in entries {
                for i in 0..SUMS {
                    sums[i] = weights.add_row(lanes, sums[i], entries[i], &columns);
                }
            }
            for (i, &entry) in last_entries.iter().enumerate() {
                sums[i] = weights.add_row(lanes, sums[i], entry, &columns);
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

/// The weights of each pixel, `[784, outputs]`, and what the entries of the images stand for.
#[derive(Clone, Copy)]
struct PixelWeights<'a> {
    images: &'a ImageLists,
    weight: &'a [f32],
    outputs: usize,
}

impl PixelWeights<'_> {
    /// Adds an entry's number times the weights of its pixel.
    #[inline(always)]
    fn add_row<L: Lanes, const N: usize>(
        self,
        lanes: L,
        mut sums: [L::Register; N],
        entry: u32,
        columns: &Range<usize>,
    ) -> [L::Register; N] {
        let (pixel, x) = self.images.pixel(entry);
        let row = pixel * self.outputs;
        // SAFETY: entries have pixels below 784 only, for `load` makes them; `weight` has as many
        // rows, which `forward` checks, and `columns` ends inside a row.
        let row = unsafe { self.weight.get_unchecked(row + columns.start..row + columns.end) };
        let (x, row) = (lanes.splat(x), load::<L, N>(lanes, row));
        for n in 0..N {
            sums[n] = lanes.multiply_add(x, row[n], sums[n]);
        }
        sums
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

    /// Shapes of the random tests; small ones for Miri, which is slow.
    const MOST_IMAGES: usize = if cfg!(miri) { 3 } else { 21 };
    const MOST_OUTPUTS: usize = if cfg!(miri) { 6 } else { 300 };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 40 }))]
        #[test]
        fn forward_equals_the_plain_product(count in 0..MOST_IMAGES, outputs in 1..MOST_OUTPUTS, full: bool) {
            let images: Vec<_> = (0..count).map(|seed| if full { vec![255; PIXELS] } else { image(seed) }).collect();
            let x: Vec<f32> = images.concat().iter().map(|&byte| f32::from(byte) / 255.0).collect();
            let weight: Vec<f32> = (0..PIXELS * outputs).map(number).collect();
            let bias: Vec<f32> = (0..outputs).map(|i| number(i + 7)).collect();
            let mut expected: Vec<f32> = bias.iter().copied().cycle().take(count * outputs).collect();
            let x = Matrix::new(&x, count, PIXELS);
            multiply_plain(&mut expected, x, Matrix::new(&weight, PIXELS, outputs), Output::Add);
            for level in Level::all() {
                let mut lists = ImageLists::new(count + 2, 1.0 / 255.0);
                lists.load(level, [[9; PIXELS]; 2].iter().map(|image| &image[..])); // to be forgotten
                lists.load(level, images.iter().map(Vec::as_slice));
                let mut y = vec![f32::NAN; count * outputs];
                forward(level, &lists, &weight, &bias, &mut y);
                for (y, expected) in y.iter().zip(&expected) {
                    prop_assert!((y - expected).abs() < 1e-4, "{level}: {y} {expected}");
                }
            }
        }
    }
}
