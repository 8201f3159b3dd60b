//! The outputs: a tile of pixels by outputs at a time, its sums in registers.
//!
//! In: images, weights, a bias. Out: each pixel's sums over its window, rectified if that is wanted.

use super::{Filters, Geometry, Multiply, Numbers, PackedBf16, Places, load_columns};
use crate::kernels::{
    Activation,
    lanes::{Bf16Kernel, Bf16Lanes, Kernel, Lanes, load, store},
};
use std::marker::PhantomData;

pub(super) struct Forward<'a, M> {
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

impl Bf16Kernel for Forward<'_, PackedBf16> {
    #[inline(always)]
    fn run<L: Bf16Lanes>(self, lanes: L) {
        self.all(lanes);
    }
}

impl<'a, M> Forward<'a, M> {
    /// Checks the sizes.
    pub fn new(filters: Filters<'a>, x: &'a [f32], y: &'a mut [f32]) -> Self {
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
