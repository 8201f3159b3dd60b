//! Convolution in int8, for networks that read without floating point.
//!
//! `y[p, o] = clamp(⌊(Σ x[window of p]·W[·, o]) / 2^s[o] + 1/2⌋ + b[o])`: 16-bit numbers by 8-bit weights, summed in 32 bits,
//! clamped to 16. The caller has made sure that no sum overflows. Pixels of the window outside of the picture count 0. The sums are
//! exact, so the levels of instructions agree to the bit.

use super::{Level, Loop};
use std::ops::Range;

/// Outputs that are summed together.
const LANES: usize = 16;

/// The shape of a convolution. A fully connected layer is one of a single pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the picture.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Pixels that the window moves on.
    pub stride: usize,
    /// Rows and columns of zeros around the picture; fewer than the window's.
    pub padding: usize,
    /// Numbers of a pixel that comes out.
    pub outputs: usize,
    /// Whether each channel is a convolution of its own.
    pub depthwise: bool,
}

impl Shape {
    /// How many places the window has along a side of so many pixels.
    fn places(self, side: usize) -> usize {
        (side + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// The rows or columns of the window that lie inside a side of so many pixels.
    #[inline(always)]
    fn inside(self, place: usize, side: usize) -> Range<usize> {
        let moved = place * self.stride;
        self.padding.saturating_sub(moved)..self.kernel.min(side + self.padding - moved)
    }

    /// Weights of each output.
    pub fn inputs(self) -> usize {
        self.kernel * self.kernel * if self.depthwise { 1 } else { self.channels }
    }
}

/// Weights, shifts and biases in the order that they are read in, 16 outputs side by side.
#[derive(Clone, Debug)]
pub struct Packed {
    shape: Shape,
    /// For each block of outputs its weights, `[kernel, kernel, channels]` (depthwise `[kernel, kernel]`) times the lanes.
    weights: Vec<[i16; LANES]>,
    ends: Vec<End>,
}

/// What is done with the sums of a block.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    half: [i32; LANES],
    shift: [i32; LANES],
    bias: [i32; LANES],
}

impl Packed {
    /// From weights `[kernel, kernel, channels, outputs]` (depthwise `[kernel, kernel, channels]`), shifts of 0 to 30 and biases
    /// `[outputs]`.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    pub fn new(shape: Shape, weights: &[i8], shifts: &[u8], biases: &[i16]) -> Self {
        let (inputs, outputs) = (shape.inputs(), shape.outputs);
        assert_eq!(weights.len(), inputs * outputs, "Packed::new: weights");
        assert!(shifts.len() == outputs && biases.len() == outputs, "Packed::new: shifts and biases");
        assert!(!shape.depthwise || shape.channels == outputs, "Packed::new: a depthwise convolution");
        let (mut packed, mut ends) = (vec![], vec![]);
        for first in (0..outputs).step_by(LANES) {
            let lanes = LANES.min(outputs - first);
            for row in weights.chunks_exact(outputs) {
                let mut block = [0; LANES];
                block.iter_mut().zip(&row[first..][..lanes]).for_each(|(to, &w)| *to = i16::from(w));
                packed.push(block);
            }
            let mut end = End::default();
            for lane in 0..lanes {
                end.shift[lane] = i32::from(shifts[first + lane]);
                end.half[lane] = (1 << end.shift[lane]) >> 1;
                end.bias[lane] = i32::from(biases[first + lane]);
            }
            ends.push(end);
        }
        Packed { shape, weights: packed, ends }
    }

    /// From `x` `[height, width, channels]` to `y` `[rows, columns, outputs]`.
    ///
    /// # Panics
    ///
    /// If the sizes do not fit.
    pub fn convolve(&self, level: Level, x: &[i16], y: &mut [i16]) {
        let Shape { height, width, channels, outputs, .. } = self.shape;
        assert_eq!(x.len(), height * width * channels, "convolve: size of the picture");
        let places = self.shape.places(height) * self.shape.places(width);
        assert_eq!(y.len(), places * outputs, "convolve: size of the output");
        level.vectorize(Convolve { packed: self, x, y });
    }
}

struct Convolve<'a> {
    packed: &'a Packed,
    x: &'a [i16],
    y: &'a mut [i16],
}

impl Loop for Convolve<'_> {
    #[inline(always)]
    fn run(self) {
        let Convolve { packed: Packed { shape, weights, ends }, x, y } = self;
        let Shape { height, width, channels, kernel, stride, padding, outputs, depthwise } = *shape;
        let inputs = shape.inputs();
        for (block, end) in ends.iter().enumerate() {
            let weights = &weights[block * inputs..][..inputs];
            let (first, lanes) = (block * LANES, LANES.min(outputs - block * LANES));
            let mut place = first;
            for row in 0..shape.places(height) {
                for column in 0..shape.places(width) {
                    let mut sums = [0; LANES];
                    let columns = shape.inside(column, width);
                    for k in shape.inside(row, height) {
                        let pixel =
                            (row * stride + k - padding) * width + column * stride + columns.start - padding;
                        let near = kernel * k + columns.start;
                        if depthwise {
                            for i in 0..columns.len() {
                                let x = &x[(pixel + i) * channels + first..][..lanes];
                                multiply(x, &weights[near + i], &mut sums);
                            }
                        } else {
                            let x = &x[pixel * channels..][..columns.len() * channels];
                            let weights = &weights[near * channels..][..x.len()];
                            for i in 0..x.len() {
                                let x = i32::from(x[i]);
                                // Behind a ReLU half of them are 0. And without this branch the compiler takes many inputs of
                                // one output at a time, whose weights lie far apart.
                                if x == 0 {
                                    continue;
                                }
                                for lane in 0..LANES {
                                    sums[lane] += x * i32::from(weights[i][lane]);
                                }
                            }
                        }
                    }
                    let mut results = [0; LANES];
                    for lane in 0..LANES {
                        let shifted = (sums[lane] + end.half[lane]) >> end.shift[lane];
                        let sum = shifted + end.bias[lane];
                        results[lane] = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
                    }
                    y[place..][..lanes].copy_from_slice(&results[..lanes]);
                    place += outputs;
                }
            }
        }
    }
}

/// Adds each number times its weight.
#[inline(always)]
fn multiply(x: &[i16], weights: &[i16; LANES], sums: &mut [i32; LANES]) {
    if let Some(x) = x.first_chunk::<LANES>() {
        for lane in 0..LANES {
            sums[lane] += i32::from(x[lane]) * i32::from(weights[lane]);
        }
    } else {
        for lane in 0..x.len() {
            sums[lane] += i32::from(x[lane]) * i32::from(weights[lane]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The formula, in 64 bits.
    fn plain(shape: Shape, x: &[i16], weights: &[i8], shifts: &[u8], biases: &[i16]) -> Vec<i16> {
        let Shape { height, width, channels, kernel, stride, padding, outputs, depthwise } = shape;
        let at = |row: usize, column: usize, channel: usize| {
            let (row, column) = (row.checked_sub(padding)?, column.checked_sub(padding)?);
            (row < height && column < width)
                .then(|| i64::from(x[(row * width + column) * channels + channel]))
        };
        let mut y = vec![];
        for row in (0..=height + 2 * padding - kernel).step_by(stride) {
            for column in (0..=width + 2 * padding - kernel).step_by(stride) {
                for output in 0..outputs {
                    let mut sum = 0;
                    for k in 0..kernel * kernel {
                        let at = |channel| at(row + k / kernel, column + k % kernel, channel).unwrap_or(0);
                        if depthwise {
                            sum += at(output) * i64::from(weights[k * channels + output]);
                            continue;
                        }
                        for channel in 0..channels {
                            let weight = weights[(k * channels + channel) * outputs + output];
                            sum += at(channel) * i64::from(weight);
                        }
                    }
                    let rounded = (2 * sum + (1 << shifts[output])).div_euclid(2 << shifts[output]);
                    let sum = rounded + i64::from(biases[output]);
                    y.push(sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16);
                }
            }
        }
        y
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let sizes = (1..6usize, 1..40usize, 1..6usize, 1..4usize, 0..5usize, 1..40usize, any::<bool>());
        sizes.prop_map(|(side, channels, kernel, stride, padding, outputs, depthwise)| {
            let padding = padding.min(kernel - 1);
            let side = side.max(kernel.saturating_sub(2 * padding));
            let outputs = if depthwise { channels } else { outputs };
            Shape { height: side, width: side + 1, channels, kernel, stride, padding, outputs, depthwise }
        })
    }

    proptest! {
        #[test]
        fn every_level_gives_what_the_formula_does(shape in shapes(), seed in any::<u64>()) {
            use rand::{RngExt, SeedableRng};
            let mut rng = crate::Rng::seed_from_u64(seed);
            // No sum overflows: at most 25·39 products of 2⁷·2¹³.
            let x: Vec<i16> = (0..shape.height * shape.width * shape.channels)
                .map(|_| rng.random_range(-8192..8192)).collect();
            let weights: Vec<i8> = (0..shape.inputs() * shape.outputs).map(|_| rng.random()).collect();
            let shifts: Vec<u8> = (0..shape.outputs).map(|_| rng.random_range(0..=30)).collect();
            let biases: Vec<i16> = (0..shape.outputs).map(|_| rng.random()).collect();
            let expected = plain(shape, &x, &weights, &shifts, &biases);
            let packed = Packed::new(shape, &weights, &shifts, &biases);
            for level in Level::all() {
                let mut y = vec![0; expected.len()];
                packed.convolve(level, &x, &mut y);
                prop_assert_eq!(&y, &expected, "{}", level);
            }
        }
    }
}
