//! Pooling: each window of an image becomes one pixel, channel by channel. Windows lie side by side and
//! do not overlap; pixels right and below of the last whole window are left out.

use super::{
    Level,
    lanes::{Kernel, Lanes, strips},
};

/// The shape of a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Rows of an image that goes in.
    pub height: usize,
    /// Pixels of such a row.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Rows of a window.
    pub window_height: usize,
    /// Columns of a window.
    pub window_width: usize,
}

impl Windows {
    /// Rows of an image that comes out.
    pub fn output_height(self) -> usize {
        self.height / self.window_height
    }

    /// Pixels of such a row.
    pub fn output_width(self) -> usize {
        self.width / self.window_width
    }

    fn input_len(self) -> usize {
        self.height * self.width * self.channels
    }

    fn output_len(self) -> usize {
        self.output_height() * self.output_width() * self.channels
    }

    /// For each output pixel of `images`, in order, the place of its window's first number.
    #[inline(always)]
    pub fn places(self, images: usize) -> impl Iterator<Item = usize> {
        let (rows, columns) = (self.output_height(), self.output_width());
        (0..images).flat_map(move |image| {
            (0..rows).flat_map(move |y| {
                let row = image * self.input_len() + y * self.window_height * self.width * self.channels;
                (0..columns).map(move |x| row + x * self.window_width * self.channels)
            })
        })
    }

    /// The places of a window's pixels from its first number on.
    #[inline(always)]
    pub fn inside(self) -> impl Iterator<Item = usize> {
        (0..self.window_height)
            .flat_map(move |y| (0..self.window_width).map(move |x| (y * self.width + x) * self.channels))
    }

    fn images(self, x: &[f32], y: &[f32]) -> usize {
        let images = x.len() / self.input_len();
        assert_eq!(x.len(), images * self.input_len(), "pooling: whole images");
        assert_eq!(y.len(), images * self.output_len(), "pooling: size of the output");
        images
    }
}

/// `y = max x` over each window.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn maximum(level: Level, windows: Windows, x: &[f32], y: &mut [f32]) {
    windows.images(x, y);
    level.run(Maximum { windows, x, y });
}

struct Maximum<'a> {
    windows: Windows,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Maximum<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let windows = self.windows;
        let images = self.x.len() / windows.input_len();
        let outputs = self.y.chunks_exact_mut(windows.channels);
        for (place, y) in windows.places(images).zip(outputs) {
            for strip in strips::<L>(windows.channels) {
                let mut largest = lanes.load_part(&self.x[place..][strip.clone()]);
                for inside in windows.inside().skip(1) {
                    let x = lanes.load_part(&self.x[place + inside..][strip.clone()]);
                    largest = lanes.maximum(largest, x);
                }
                lanes.store_part(largest, &mut y[strip.clone()]);
            }
        }
    }
}

/// `dx = dy` at the first largest `x` of each window, 0 elsewhere; `y` is what [`maximum`] gave.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn maximum_backward(level: Level, windows: Windows, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    windows.images(x, y);
    assert!(y.len() == dy.len() && x.len() == dx.len(), "pooling: sizes of the gradients");
    clear_rest(windows, dx);
    level.run(MaximumBackward { windows, x, y, dy, dx });
}

struct MaximumBackward<'a> {
    windows: Windows,
    x: &'a [f32],
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for MaximumBackward<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let windows = self.windows;
        let images = self.x.len() / windows.input_len();
        let zero = lanes.splat(0.0);
        let outputs = self.y.chunks_exact(windows.channels).zip(self.dy.chunks_exact(windows.channels));
        for (place, (y, dy)) in windows.places(images).zip(outputs) {
            for strip in strips::<L>(windows.channels) {
                let y = lanes.load_part(&y[strip.clone()]);
                let mut left = lanes.load_part(&dy[strip.clone()]); // what nobody has taken yet
                for inside in windows.inside() {
                    let x = lanes.load_part(&self.x[place + inside..][strip.clone()]);
                    let dx = lanes.where_not_below(x, y, left, zero);
                    left = lanes.where_not_below(x, y, zero, left);
                    lanes.store_part(dx, &mut self.dx[place + inside..][strip.clone()]);
                }
            }
        }
    }
}

/// `y = mean x` over each window.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn average(level: Level, windows: Windows, x: &[f32], y: &mut [f32]) {
    windows.images(x, y);
    level.run(Average { windows, x, y });
}

struct Average<'a> {
    windows: Windows,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Average<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let windows = self.windows;
        let images = self.x.len() / windows.input_len();
        let share = lanes.splat(1.0 / (windows.window_height * windows.window_width) as f32);
        for strip in strips::<L>(windows.channels) {
            let outputs = self.y.chunks_exact_mut(windows.channels);
            for (place, y) in windows.places(images).zip(outputs) {
                let mut sum = lanes.splat(0.0);
                for inside in windows.inside() {
                    sum = lanes.add(sum, lanes.load_part(&self.x[place + inside..][strip.clone()]));
                }
                lanes.store_part(lanes.multiply(sum, share), &mut y[strip.clone()]);
            }
        }
    }
}

/// `dx = dy / (pixels of the window)`.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn average_backward(level: Level, windows: Windows, dy: &[f32], dx: &mut [f32]) {
    windows.images(dx, dy);
    clear_rest(windows, dx);
    level.run(AverageBackward { windows, dy, dx });
}

struct AverageBackward<'a> {
    windows: Windows,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for AverageBackward<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let windows = self.windows;
        let images = self.dx.len() / windows.input_len();
        let share = lanes.splat(1.0 / (windows.window_height * windows.window_width) as f32);
        for strip in strips::<L>(windows.channels) {
            let outputs = self.dy.chunks_exact(windows.channels);
            for (place, dy) in windows.places(images).zip(outputs) {
                let dx = lanes.multiply(lanes.load_part(&dy[strip.clone()]), share);
                for inside in windows.inside() {
                    lanes.store_part(dx, &mut self.dx[place + inside..][strip.clone()]);
                }
            }
        }
    }
}

/// Pixels that belong to no window have no gradient.
fn clear_rest(windows: Windows, dx: &mut [f32]) {
    let even = windows.height.is_multiple_of(windows.window_height)
        && windows.width.is_multiple_of(windows.window_width);
    if !even {
        dx.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the formulas, window by window.
        #[test]
        fn pooling_equals_its_formulas(
            window in [1..4usize, 1..4usize], more in [0..6usize, 0..6usize],
            channels in 1..40usize, images in 1..3usize,
        ) {
            let windows = Windows {
                height: window[0] + more[0], width: window[1] + more[1], channels,
                window_height: window[0], window_width: window[1],
            };
            // Steps of a half, so that equal numbers meet in a window.
            let x: Vec<f32> =
                (0..images * windows.input_len()).map(|i| ((i * i + 3 * i) % 11) as f32 / 2.0).collect();
            let dy: Vec<f32> = (0..images * windows.output_len()).map(|i| i as f32 + 1.0).collect();
            let (mut max, mut mean) = (vec![0.0; dy.len()], vec![0.0; dy.len()]);
            let (mut max_dx, mut mean_dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            for (pixel, place) in windows.places(images).enumerate() {
                for c in 0..channels {
                    let inside: Vec<usize> = windows.inside().map(|inside| place + inside + c).collect();
                    let largest = inside.iter().map(|&i| x[i]).fold(f32::NEG_INFINITY, f32::max);
                    let output = pixel * channels + c;
                    max[output] = largest;
                    mean[output] = inside.iter().map(|&i| x[i]).sum::<f32>() / inside.len() as f32;
                    max_dx[*inside.iter().find(|&&i| x[i] == largest).unwrap()] = dy[output];
                    inside.iter().for_each(|&i| mean_dx[i] = dy[output] / inside.len() as f32);
                }
            }
            for level in Level::all() {
                let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
                maximum(level, windows, &x, &mut y);
                maximum_backward(level, windows, &x, &y, &dy, &mut dx);
                prop_assert!(y == max && dx == max_dx);
                average(level, windows, &x, &mut y);
                average_backward(level, windows, &dy, &mut dx);
                for (fast, plain) in y.iter().zip(&mean).chain(dx.iter().zip(&mean_dx)) {
                    prop_assert!((fast - plain).abs() <= 1e-5 * plain.abs(), "{fast} {plain}");
                }
            }
        }
    }
}
