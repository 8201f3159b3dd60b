//! Convolution of images that lie pixel by pixel, the channels of a pixel side by side.
//!
//! No image is unfolded: a tile of output pixels keeps its sums in registers while a window's
//! numbers go by, each read where it lies (compare Dukhan 2019, "The Indirect Convolution Algorithm").
//! The plain forms are the sums as they are written.

use super::{
    Activation, Level,
    lanes::{Kernel, Lanes, PairKernel, PairLanes, load, store},
};
use std::{marker::PhantomData, slice};

/// The shape of a convolution over images that are padded already. Weights are
/// `[kernel, kernel, channels, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Rows of an image that goes in.
    pub height: usize,
    /// Pixels of such a row.
    pub width: usize,
    /// Numbers of such a pixel.
    pub channels: usize,
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Pixels that the window moves on.
    pub stride: usize,
    /// Numbers of a pixel that comes out.
    pub outputs: usize,
}

impl Geometry {
    /// Rows of an image that comes out.
    pub fn output_height(self) -> usize {
        (self.height - self.kernel) / self.stride + 1
    }

    /// Pixels of such a row.
    pub fn output_width(self) -> usize {
        (self.width - self.kernel) / self.stride + 1
    }

    /// Numbers of an image that goes in.
    pub fn input_len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Numbers of an image that comes out.
    pub fn output_len(self) -> usize {
        self.output_pixels() * self.outputs
    }

    pub(super) fn output_pixels(self) -> usize {
        self.output_height() * self.output_width()
    }

    /// Numbers of an input row.
    pub(super) fn row(self) -> usize {
        self.width * self.channels
    }

    /// Numbers of a window's row, which lie side by side.
    pub(super) fn run(self) -> usize {
        self.kernel * self.channels
    }

    /// From a window's first number to behind its last.
    pub(super) fn span(self) -> usize {
        (self.kernel - 1) * self.row() + self.run()
    }

    /// Weights of all outputs.
    pub fn weights(self) -> usize {
        self.kernel * self.run() * self.outputs
    }

    /// How many images these are.
    pub(super) fn images(self, x: &[f32], y: &[f32]) -> usize {
        let images = x.len() / self.input_len();
        assert_eq!(x.len(), images * self.input_len(), "convolution: whole images");
        assert_eq!(y.len(), images * self.output_len(), "convolution: size of the output");
        images
    }
}

/// Loads so many numbers, `N` registers of them or (if not `WHOLE`) fewer than one.
///
/// # Safety
///
/// They are there.
#[inline(always)]
unsafe fn load_columns<L: Lanes, const N: usize, const WHOLE: bool>(
    lanes: L,
    from: *const f32,
    columns: usize,
) -> [L::Register; N] {
    let mut registers = [lanes.splat(0.0); N];
    if WHOLE {
        for n in 0..N {
            // SAFETY: the caller promises `N` registers of numbers.
            registers[n] = lanes.load(unsafe { slice::from_raw_parts(from.add(n * L::WIDTH), L::WIDTH) });
        }
    } else {
        // SAFETY: the caller promises so many.
        registers[0] = lanes.load_part(unsafe { slice::from_raw_parts(from, columns) });
    }
    registers
}

/// How a number of the input meets one of the weights.
trait Multiply<L: Lanes> {
    /// `c[n] += a·b[n]`.
    fn multiply_add<const N: usize>(lanes: L, a: &f32, b: [L::Register; N], c: &mut [L::Register; N]);
}

/// Each number by itself.
struct Numbers;

impl<L: Lanes> Multiply<L> for Numbers {
    #[inline(always)]
    fn multiply_add<const N: usize>(lanes: L, a: &f32, b: [L::Register; N], c: &mut [L::Register; N]) {
        let a = lanes.splat(*a);
        for n in 0..N {
            c[n] = lanes.multiply_add(a, b[n], c[n]);
        }
    }
}

/// Two bfloat16 in the place of each number, see [`super::pairs`].
struct Pairs;

impl<L: PairLanes> Multiply<L> for Pairs {
    #[inline(always)]
    fn multiply_add<const N: usize>(lanes: L, a: &f32, b: [L::Register; N], c: &mut [L::Register; N]) {
        if N == 1 {
            c[0] = lanes.dot_pair(a, b[0], c[0]);
        } else {
            let a = lanes.splat(*a);
            for n in 0..N {
                c[n] = lanes.dot_pairs(a, b[n], c[n]);
            }
        }
    }
}

/// Where the windows of output pixels begin in the input, pixel after pixel.
#[derive(Clone, Copy)]
pub(super) struct Places {
    geometry: Geometry,
    /// Where the present row's windows begin.
    row: usize,
    y: usize,
    x: usize,
}

impl Places {
    /// From output pixel number `first` on, counted over all images.
    pub(super) fn from(geometry: Geometry, first: usize) -> Self {
        let (image, pixel) = (first / geometry.output_pixels(), first % geometry.output_pixels());
        let (y, x) = (pixel / geometry.output_width(), pixel % geometry.output_width());
        let row = image * geometry.input_len() + y * geometry.stride * geometry.row();
        Places { geometry, row, y, x }
    }

    #[inline(always)]
    pub(super) fn next(&mut self) -> usize {
        let g = self.geometry;
        let place = self.row + self.x * g.stride * g.channels;
        self.x += 1;
        if self.x == g.output_width() {
            self.x = 0;
            self.y += 1;
            self.row += g.stride * g.row();
            if self.y == g.output_height() {
                self.row += g.input_len() - self.y * g.stride * g.row();
                self.y = 0;
            }
        }
        place
    }
}

/// What images are multiplied by, and what is added.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a> {
    /// Their shape.
    pub geometry: Geometry,
    /// `[kernel, kernel, channels, outputs]`.
    pub weight: &'a [f32],
    /// `[outputs]`; 0 if it is empty.
    pub bias: &'a [f32],
    /// What is done to the sums.
    pub activation: Activation,
}

/// `y[p, o] = bias[o] + Σ x[window of p] · weight[o]` for every pixel `p` of all images in `x`.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward(level: Level, filters: Filters<'_>, x: &[f32], y: &mut [f32]) {
    level.run(Forward::<Numbers>::new(filters, x, y));
}

/// [`forward`] of pairs: each number of `x` and `weight` is two, channels side by side, so that
/// the geometry has half of the channels.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward_pairs(level: Level, filters: Filters<'_>, x: &[f32], y: &mut [f32]) {
    level.run_pairs(Forward::<Pairs>::new(filters, x, y));
}

struct Forward<'a, M> {
    geometry: Geometry,
    /// Output pixels of all images.
    pixels: usize,
    weight: &'a [f32],
    bias: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
    activation: Activation,
    multiply: PhantomData<M>,
}

impl Kernel for Forward<'_, Numbers> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        self.all(lanes);
    }
}

impl PairKernel for Forward<'_, Pairs> {
    #[inline(always)]
    fn run<L: PairLanes>(self, lanes: L) {
        self.all(lanes);
    }
}

impl<'a, M> Forward<'a, M> {
    /// Checks the sizes.
    fn new(filters: Filters<'a>, x: &'a [f32], y: &'a mut [f32]) -> Self {
        let Filters { geometry, weight, bias, activation } = filters;
        let images = geometry.images(x, y);
        assert_eq!(weight.len(), geometry.weights(), "convolution: size of the weights");
        assert!(bias.is_empty() || bias.len() == geometry.outputs, "convolution: size of the bias");
        let pixels = images * geometry.output_pixels();
        Forward { geometry, pixels, weight, bias, x, y, activation, multiply: PhantomData }
    }

    #[inline(always)]
    fn all<L: Lanes>(mut self, lanes: L)
    where
        M: Multiply<L>,
    {
        let outputs = self.geometry.outputs;
        let mut start = 0;
        while start < outputs {
            start += match (outputs - start) / L::WIDTH {
                4 if L::REGISTERS >= 32 => self.strip::<L, 6, 4, true>(lanes, start),
                3 | 5.. if L::REGISTERS >= 32 => self.strip::<L, 8, 3, true>(lanes, start),
                2.. if L::REGISTERS >= 32 => self.strip::<L, 8, 2, true>(lanes, start),
                2.. => self.strip::<L, 6, 2, true>(lanes, start),
                1 => self.strip::<L, 8, 1, true>(lanes, start),
                _ => self.strip::<L, 8, 1, false>(lanes, start),
            };
        }
    }

    /// `N` registers of outputs, from `start`, of all pixels. Returns how many outputs these are.
    #[inline(always)]
    fn strip<L: Lanes, const ROWS: usize, const N: usize, const WHOLE: bool>(
        &mut self,
        lanes: L,
        start: usize,
    ) -> usize
    where
        M: Multiply<L>,
    {
        if self.pixels < ROWS {
            for pixel in 0..self.pixels {
                self.tile::<L, 1, N, WHOLE>(lanes, &mut Places::from(self.geometry, pixel), pixel, start);
            }
            return N * L::WIDTH;
        }
        let mut places = Places::from(self.geometry, 0);
        let mut pixel = 0;
        while pixel + ROWS <= self.pixels {
            self.tile::<L, ROWS, N, WHOLE>(lanes, &mut places, pixel, start);
            pixel += ROWS;
        }
        if pixel < self.pixels {
            let last = self.pixels - ROWS; // some pixels once more, with the same result
            self.tile::<L, ROWS, N, WHOLE>(lanes, &mut Places::from(self.geometry, last), last, start);
        }
        N * L::WIDTH
    }

    #[inline(always)]
    fn tile<L: Lanes, const ROWS: usize, const N: usize, const WHOLE: bool>(
        &mut self,
        lanes: L,
        places: &mut Places,
        pixel: usize,
        start: usize,
    ) where
        M: Multiply<L>,
    {
        let g = self.geometry;
        let (row, run, span) = (g.row(), g.run(), g.span());
        let columns = start..g.outputs.min(start + N * L::WIDTH);
        let mut windows = [self.x.as_ptr(); ROWS];
        for i in 0..ROWS {
            let place = places.next();
            windows[i] = self.x[place..place + span].as_ptr();
        }
        let mut sums = [[lanes.splat(0.0); N]; ROWS];
        if !self.bias.is_empty() {
            sums = [load::<L, N>(lanes, &self.bias[columns.clone()]); ROWS];
        }
        assert!(g.kernel * run * g.outputs <= self.weight.len());
        let mut weights = self.weight[columns.start..].as_ptr();
        for y in 0..g.kernel {
            for k in y * row..y * row + run {
                // SAFETY: row number `y * run + …` of the weights, which are `kernel * run` rows.
                let b = unsafe { load_columns::<L, N, WHOLE>(lanes, weights, columns.len()) };
                weights = weights.wrapping_add(g.outputs);
                for i in 0..ROWS {
                    // SAFETY: `k` is below `(kernel - 1) * row + run`, so inside the window sliced above.
                    M::multiply_add(lanes, unsafe { &*windows[i].add(k) }, b, &mut sums[i]);
                }
            }
        }
        if self.activation == Activation::Relu {
            let zero = lanes.splat(0.0);
            for i in 0..ROWS {
                for n in 0..N {
                    // Not `maximum`, which would hide a NaN.
                    sums[i][n] = lanes.where_not_below(zero, sums[i][n], zero, sums[i][n]);
                }
            }
        }
        for i in 0..ROWS {
            store::<L, N>(lanes, sums[i], &mut self.y[(pixel + i) * g.outputs..][columns.clone()]);
        }
    }
}

/// `dweight[k, o] = Σ x[k of the window of p] · dy[p, o]` over all pixels `p` of all images.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn gradient(level: Level, geometry: Geometry, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let images = geometry.images(x, dy);
    assert_eq!(dweight.len(), geometry.weights(), "convolution: size of the weights");
    let (pixels, step) = (geometry.output_width(), geometry.stride * geometry.channels);
    level.run(Gradient { geometry, images, pixels, step, x, dy, dweight, multiply: PhantomData::<Numbers> });
}

/// [`gradient`] of pairs: each number of `dy` is one of a pixel and the next in its row (or 0), so that a row
/// has half of the pixels, rounded up; each number of `x` is one of a pixel and the one that is
/// `stride` behind it.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn gradient_pairs(level: Level, geometry: Geometry, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let images = x.len() / geometry.input_len();
    assert_eq!(x.len(), images * geometry.input_len(), "convolution: whole images");
    let pixels = geometry.output_width().div_ceil(2);
    let rows = images * geometry.output_height();
    assert_eq!(dy.len(), rows * pixels * geometry.outputs, "convolution: size of the output");
    assert_eq!(dweight.len(), geometry.weights(), "convolution: size of the weights");
    let step = 2 * geometry.stride * geometry.channels;
    level.run_pairs(Gradient {
        geometry,
        images,
        pixels,
        step,
        x,
        dy,
        dweight,
        multiply: PhantomData::<Pairs>,
    });
}

struct Gradient<'a, M> {
    geometry: Geometry,
    images: usize,
    /// Numbers of a row of `dy`, for each output.
    pixels: usize,
    /// From one of them to the next in `x`.
    step: usize,
    x: &'a [f32],
    dy: &'a [f32],
    dweight: &'a mut [f32],
    multiply: PhantomData<M>,
}

impl Kernel for Gradient<'_, Numbers> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        self.all(lanes);
    }
}

impl PairKernel for Gradient<'_, Pairs> {
    #[inline(always)]
    fn run<L: PairLanes>(self, lanes: L) {
        self.all(lanes);
    }
}

impl<M> Gradient<'_, M> {
    #[inline(always)]
    fn all<L: Lanes>(mut self, lanes: L)
    where
        M: Multiply<L>,
    {
        let outputs = self.geometry.outputs;
        let mut start = 0;
        while start < outputs {
            start += match (outputs - start) / L::WIDTH {
                3 | 5.. if L::REGISTERS >= 32 => self.strip::<L, 3, true>(lanes, start),
                2.. if L::REGISTERS >= 32 => self.strip::<L, 2, true>(lanes, start),
                1.. => self.strip::<L, 1, true>(lanes, start),
                _ => self.strip::<L, 1, false>(lanes, start),
            };
        }
    }

    /// `N` registers of outputs, from `start`, of all weights. Returns how many outputs these are.
    #[inline(always)]
    fn strip<L: Lanes, const N: usize, const WHOLE: bool>(&mut self, lanes: L, start: usize) -> usize
    where
        M: Multiply<L>,
    {
        let (kernel, run) = (self.geometry.kernel, self.geometry.run());
        match run {
            3 if kernel == 3 => self.tile::<L, 3, 3, N, WHOLE>(lanes, 0, 0, start),
            5 if kernel == 5 && L::REGISTERS >= 32 && N == 1 => {
                self.tile::<L, 5, 5, N, WHOLE>(lanes, 0, 0, start)
            }
            16.. if L::REGISTERS >= 32 && N == 1 => {
                for y in 0..kernel {
                    for k in (0..run).step_by(16) {
                        self.tile::<L, 1, 16, N, WHOLE>(lanes, y, k.min(run - 16), start);
                    }
                }
            }
            8.. => {
                for y in 0..kernel {
                    for k in (0..run).step_by(8) {
                        // At a row's end some weights once more, with the same result.
                        self.tile::<L, 1, 8, N, WHOLE>(lanes, y, k.min(run - 8), start);
                    }
                }
            }
            4.. => {
                for y in 0..kernel {
                    for k in (0..run).step_by(4) {
                        self.tile::<L, 1, 4, N, WHOLE>(lanes, y, k.min(run - 4), start);
                    }
                }
            }
            _ => {
                for y in 0..kernel {
                    for k in 0..run {
                        self.tile::<L, 1, 1, N, WHOLE>(lanes, y, k, start);
                    }
                }
            }
        }
        N * L::WIDTH
    }

    /// The sums of `K` weights side by side, from `first_k` of a window's row, in `Y` rows of the window,
    /// from `first_y`.
    #[inline(always)]
    fn tile<L: Lanes, const Y: usize, const K: usize, const N: usize, const WHOLE: bool>(
        &mut self,
        lanes: L,
        first_y: usize,
        first_k: usize,
        start: usize,
    ) where
        M: Multiply<L>,
    {
        let g = self.geometry;
        let (row, step) = (g.row(), self.step);
        let columns = start..g.outputs.min(start + N * L::WIDTH);
        let mut sums = [[[lanes.splat(0.0); N]; K]; Y];
        for image in 0..self.images {
            for y in 0..g.output_height() {
                let place = image * g.input_len() + (y * g.stride + first_y) * row + first_k;
                let x = &self.x[place..][..(Y - 1) * row + (self.pixels - 1) * step + K];
                let pixel = (image * g.output_height() + y) * self.pixels;
                let dy = &self.dy[pixel * g.outputs..][..self.pixels * g.outputs];
                for (p, dy) in dy.chunks_exact(g.outputs).enumerate() {
                    // SAFETY: the columns are inside each pixel's outputs.
                    let dy =
                        unsafe { load_columns::<L, N, WHOLE>(lanes, dy.as_ptr().add(start), columns.len()) };
                    for i in 0..Y {
                        for k in 0..K {
                            // SAFETY: `p` is below `self.pixels`, so this is inside the slice above.
                            let x = unsafe { x.get_unchecked(p * step + i * row + k) };
                            M::multiply_add(lanes, x, dy, &mut sums[i][k]);
                        }
                    }
                }
            }
        }
        for i in 0..Y {
            for k in 0..K {
                let place = ((first_y + i) * g.run() + first_k + k) * g.outputs;
                store::<L, N>(lanes, sums[i][k], &mut self.dweight[place..][columns.clone()]);
            }
        }
    }
}

/// [`forward`], plainly: the oracle of its tests.
pub fn forward_plain(geometry: Geometry, weight: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    let g = geometry;
    for pixel in 0..y.len() / g.outputs {
        let window = Places::from(g, pixel).next();
        for o in 0..g.outputs {
            let mut sum = bias.get(o).copied().unwrap_or(0.0);
            for i in 0..g.kernel {
                for k in 0..g.run() {
                    sum += x[window + i * g.row() + k] * weight[(i * g.run() + k) * g.outputs + o];
                }
            }
            y[pixel * g.outputs + o] = sum;
        }
    }
}

/// [`gradient`], plainly: the oracle of its tests.
pub fn gradient_plain(geometry: Geometry, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let g = geometry;
    dweight.fill(0.0);
    for pixel in 0..dy.len() / g.outputs {
        let window = Places::from(g, pixel).next();
        for i in 0..g.kernel {
            for k in 0..g.run() {
                for o in 0..g.outputs {
                    let place = (i * g.run() + k) * g.outputs + o;
                    dweight[place] += x[window + i * g.row() + k] * dy[pixel * g.outputs + o];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::packed_bf16;
    use proptest::prelude::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7 + seed) as f32 * 0.37).sin()).collect()
    }

    proptest! {
        #[test]
        fn convolutions_equal_their_plain_forms(
            kernel in 1..8usize, stride in 1..4usize, more in [0..9usize, 0..9usize],
            channels in 1..20usize, outputs in 1..70usize, images in 0..4usize, with_bias: bool,
            rectify: bool,
        ) {
            let wanted = |y: f32| if rectify { y.max(0.0) } else { y };
            let activation = if rectify { Activation::Relu } else { Activation::Identity };
            let (height, width) = (kernel + more[0], kernel + more[1]);
            let g = Geometry { height, width, channels, kernel, stride, outputs };
            let x = numbers(images * g.input_len(), 1);
            let weight = numbers(g.weights(), 2);
            let bias = if with_bias { numbers(outputs, 3) } else { vec![] };
            let dy = numbers(images * g.output_len(), 4);
            let (mut y_plain, mut dweight_plain) = (dy.clone(), weight.clone());
            forward_plain(g, &weight, &bias, &x, &mut y_plain);
            gradient_plain(g, &x, &dy, &mut dweight_plain);
            for level in Level::all() {
                let (mut y, mut dweight) = (vec![f32::NAN; dy.len()], vec![f32::NAN; weight.len()]);
                forward(level, Filters { geometry: g, weight: &weight, bias: &bias, activation }, &x, &mut y);
                gradient(level, g, &x, &dy, &mut dweight);
                for (fast, &plain) in y.iter().zip(&y_plain) {
                    prop_assert!((fast - wanted(plain)).abs() < 1e-3, "{fast} {plain}"); // a thousand terms below 1
                }
                for (fast, plain) in dweight.iter().zip(&dweight_plain) {
                    prop_assert!((fast - plain).abs() < 1e-3, "{fast} {plain}");
                }
                // Pairs of numbers that bfloat16 holds exactly.
                let round = |numbers: &[f32]| {
                    numbers.iter().map(|x| f32::from_bits(x.to_bits() & 0xffff_0000)).collect::<Vec<f32>>()
                };
                let (x, weight, dy) = (round(&x), round(&weight), round(&dy));
                let (mut y_plain, mut dweight_plain) = (y_plain.clone(), dweight_plain.clone());
                forward_plain(g, &weight, &bias, &x, &mut y_plain);
                gradient_plain(g, &x, &dy, &mut dweight_plain);
                if channels % 2 == 0 {
                    let (mut x_pairs, mut weight_pairs) = (vec![0.0; x.len() / 2], vec![0.0; weight.len() / 2]);
                    packed_bf16::neighbours(level, &x, &mut x_pairs);
                    packed_bf16::rows(level, &weight, outputs, &mut weight_pairs);
                    let geometry = Geometry { channels: channels / 2, ..g };
                    let filters = Filters { geometry, weight: &weight_pairs, bias: &bias, activation };
                    forward_pairs(level, filters, &x_pairs, &mut y);
                    for (fast, &plain) in y.iter().zip(&y_plain) {
                        prop_assert!((fast - wanted(plain)).abs() < 1e-3, "{fast} {plain}");
                    }
                }
                let mut x_pairs = vec![0.0; x.len()];
                let mut dy_pairs =
                    vec![0.0; images * g.output_height() * g.output_width().div_ceil(2) * outputs];
                packed_bf16::distant(level, &x, stride * channels, &mut x_pairs);
                for (row, pairs) in dy
                    .chunks_exact(g.output_width() * outputs)
                    .zip(dy_pairs.chunks_exact_mut(g.output_width().div_ceil(2) * outputs))
                {
                    packed_bf16::rows(level, row, outputs, pairs);
                }
                gradient_pairs(level, g, &x_pairs, &dy_pairs, &mut dweight);
                for (fast, plain) in dweight.iter().zip(&dweight_plain) {
                    prop_assert!((fast - plain).abs() < 1e-3, "{fast} {plain}");
                }
            }
        }
    }
}
