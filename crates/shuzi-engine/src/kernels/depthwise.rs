//! Depthwise convolution: every channel has a window of its own and meets no other channel.
//! Shapes as in [`super::convolution`], with as many outputs as channels; weights are
//! `[kernel, kernel, channels]`.

use super::{
    Level,
    convolution::{Geometry, Places},
    lanes::{Kernel, Lanes, strips},
};
use std::ops::Range;

fn check(geometry: Geometry, weight: &[f32]) {
    assert_eq!(geometry.channels, geometry.outputs, "depthwise: outputs");
    assert_eq!(weight.len(), geometry.kernel * geometry.run(), "depthwise: size of the weights");
}

/// `y[p, c] = bias[c] + Σ x[window of p, c] · weight[·, c]` for every pixel `p` of all images in `x`;
/// an empty `bias` is 0.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward(level: Level, geometry: Geometry, weight: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    geometry.images(x, y);
    check(geometry, weight);
    assert!(bias.is_empty() || bias.len() == geometry.outputs, "depthwise: size of the bias");
    level.run(Forward { geometry, weight, bias, x, y });
}

struct Forward<'a> {
    geometry: Geometry,
    weight: &'a [f32],
    bias: &'a [f32],
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let pixels = self.y.len() / self.geometry.outputs;
        for strip in strips::<L>(self.geometry.channels) {
            let mut places = Places::from(self.geometry, 0);
            let mut pixel = 0;
            while pixel + 8 <= pixels {
                self.tile::<L, 8>(lanes, &mut places, pixel, strip.clone());
                pixel += 8;
            }
            while pixel < pixels {
                self.tile::<L, 1>(lanes, &mut places, pixel, strip.clone());
                pixel += 1;
            }
        }
    }
}

impl Forward<'_> {
    /// One `strip` of channels, of so many pixels.
    #[inline(always)]
    fn tile<L: Lanes, const PIXELS: usize>(
        &mut self,
        lanes: L,
        places: &mut Places,
        pixel: usize,
        strip: Range<usize>,
    ) {
        let g = self.geometry;
        let mut windows = [&self.x[..0]; PIXELS];
        for i in 0..PIXELS {
            windows[i] = &self.x[places.next()..][..g.span()];
        }
        let mut sums = [lanes.splat(0.0); PIXELS];
        if !self.bias.is_empty() {
            sums = [lanes.load_part(&self.bias[strip.clone()]); PIXELS];
        }
        for y in 0..g.kernel {
            for x in 0..g.kernel {
                let weight = lanes.load_part(&self.weight[(y * g.kernel + x) * g.channels..][strip.clone()]);
                let place = y * g.row() + x * g.channels;
                for i in 0..PIXELS {
                    let x = lanes.load_part(&windows[i][place..][strip.clone()]);
                    sums[i] = lanes.multiply_add(x, weight, sums[i]);
                }
            }
        }
        for i in 0..PIXELS {
            lanes.store_part(sums[i], &mut self.y[(pixel + i) * g.outputs..][strip.clone()]);
        }
    }
}

/// `dweight[·, c] = Σ x[window of p, c] · dy[p, c]` over all pixels `p` of all images.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn gradient(level: Level, geometry: Geometry, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let images = geometry.images(x, dy);
    check(geometry, dweight);
    level.run(Gradient { geometry, images, x, dy, dweight });
}

struct Gradient<'a> {
    geometry: Geometry,
    images: usize,
    x: &'a [f32],
    dy: &'a [f32],
    dweight: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        for strip in strips::<L>(self.geometry.channels) {
            for y in 0..self.geometry.kernel {
                match self.geometry.kernel {
                    3 => self.tile::<L, 3>(lanes, y, 0, strip.clone()),
                    5 => self.tile::<L, 5>(lanes, y, 0, strip.clone()),
                    kernel => (0..kernel).for_each(|x| self.tile::<L, 1>(lanes, y, x, strip.clone())),
                }
            }
        }
    }
}

impl Gradient<'_> {
    /// The sums of `X` weights of row `y` of the window, from column `first_x`, for one `strip` of channels.
    #[inline(always)]
    fn tile<L: Lanes, const X: usize>(&mut self, lanes: L, y: usize, first_x: usize, strip: Range<usize>) {
        let g = self.geometry;
        let mut sums = [lanes.splat(0.0); X];
        for image in 0..self.images {
            for row in 0..g.output_height() {
                let place = image * g.input_len() + (row * g.stride + y) * g.row() + first_x * g.channels;
                let pixel = image * g.output_pixels() + row * g.output_width();
                let dy = &self.dy[pixel * g.outputs..][..g.output_width() * g.outputs];
                for (p, dy) in dy.chunks_exact(g.outputs).enumerate() {
                    let dy = lanes.load_part(&dy[strip.clone()]);
                    for i in 0..X {
                        let x = &self.x[place + (p * g.stride + i) * g.channels..];
                        sums[i] = lanes.multiply_add(lanes.load_part(&x[strip.clone()]), dy, sums[i]);
                    }
                }
            }
        }
        for i in 0..X {
            let place = (y * g.kernel + first_x + i) * g.channels;
            lanes.store_part(sums[i], &mut self.dweight[place..][strip.clone()]);
        }
    }
}

/// [`forward`], plainly: the oracle of its tests.
pub fn forward_plain(geometry: Geometry, weight: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    let g = geometry;
    for (index, y) in y.iter_mut().enumerate() {
        let (pixel, c) = (index / g.outputs, index % g.outputs);
        let window = Places::from(g, pixel).next();
        *y = bias.get(c).copied().unwrap_or(0.0);
        for i in 0..g.kernel {
            for k in 0..g.kernel {
                let weight = weight[(i * g.kernel + k) * g.channels + c];
                *y += x[window + i * g.row() + k * g.channels + c] * weight;
            }
        }
    }
}

/// [`gradient`], plainly: the oracle of its tests.
pub fn gradient_plain(geometry: Geometry, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let g = geometry;
    dweight.fill(0.0);
    for (index, dy) in dy.iter().enumerate() {
        let (pixel, c) = (index / g.outputs, index % g.outputs);
        let window = Places::from(g, pixel).next();
        for i in 0..g.kernel {
            for k in 0..g.kernel {
                let x = x[window + i * g.row() + k * g.channels + c];
                dweight[(i * g.kernel + k) * g.channels + c] += x * dy;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn depthwise_convolutions_equal_their_plain_forms(
            kernel in 1..6usize, stride in 1..3usize, more in [0..9usize, 0..9usize],
            channels in 1..40usize, images in 0..4usize, with_bias: bool,
        ) {
            let numbers = |count: usize, seed: usize| -> Vec<f32> {
                (0..count).map(|i| ((i * 7 + seed) as f32 * 0.37).sin()).collect()
            };
            let (height, width) = (kernel + more[0], kernel + more[1]);
            let g = Geometry { height, width, channels, kernel, stride, outputs: channels };
            let x = numbers(images * g.input_len(), 1);
            let weight = numbers(kernel * g.run(), 2);
            let bias = if with_bias { numbers(channels, 3) } else { vec![] };
            let dy = numbers(images * g.output_len(), 4);
            let (mut y_plain, mut dweight_plain) = (dy.clone(), weight.clone());
            forward_plain(g, &weight, &bias, &x, &mut y_plain);
            gradient_plain(g, &x, &dy, &mut dweight_plain);
            for level in Level::all() {
                let (mut y, mut dweight) = (vec![f32::NAN; dy.len()], vec![f32::NAN; weight.len()]);
                forward(level, g, &weight, &bias, &x, &mut y);
                gradient(level, g, &x, &dy, &mut dweight);
                for (fast, plain) in y.iter().zip(&y_plain).chain(dweight.iter().zip(&dweight_plain)) {
                    prop_assert!((fast - plain).abs() < 1e-3, "{fast} {plain}");
                }
            }
        }
    }
}
