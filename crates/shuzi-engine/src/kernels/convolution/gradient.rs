//! The gradient of the weights: a tile of a window's places by outputs at a time, its sums in registers.
//!
//! In: the images that went in, and the gradient of what came out. Out: each weight's sum over all pixels.

use super::{Geometry, Multiply, Numbers, PackedBf16, load_columns};
use crate::kernels::lanes::{Bf16Kernel, Bf16Lanes, Kernel, Lanes, store};
use std::marker::PhantomData;

pub(super) struct Gradient<'a, M> {
    pub geometry: Geometry,
    pub images: usize,
    /// Numbers of a row of `dy`, for each output.
    pub pixels: usize,
    /// From one of them to the next in `x`.
    pub step: usize,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dweight: &'a mut [f32],
    pub multiply: PhantomData<M>,
}

impl Kernel for Gradient<'_, Numbers> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        self.all(lanes);
    }
}

impl Bf16Kernel for Gradient<'_, PackedBf16> {
    #[inline(always)]
    fn run<L: Bf16Lanes>(self, lanes: L) {
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
