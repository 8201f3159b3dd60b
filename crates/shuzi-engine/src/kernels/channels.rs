//! Loops over rows of channels, `[rows, channels]`, with a constant or a sum for each channel.

use super::{
    Activation, Level,
    lanes::{Kernel, Lanes, strips},
};
use std::ops::Range;

/// The sums of each channel that batch normalisation needs on its way back.
#[derive(Debug)]
pub struct BackwardSums<'a> {
    /// `Σ dy`.
    pub dy: &'a mut [f32],
    /// `Σ dy·(x − mean)`.
    pub dy_x: &'a mut [f32],
}

/// Mean and variance (the mean square of the distance from the mean) of each channel of `x`.
///
/// # Panics
///
/// If the sizes do not fit or there is no row.
pub fn moments(level: Level, x: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    assert!(!x.is_empty() && x.len().is_multiple_of(mean.len()), "moments: size of x");
    assert_eq!(mean.len(), variance.len(), "moments: channels");
    level.run(Moments { x, mean, variance });
}

struct Moments<'a> {
    x: &'a [f32],
    mean: &'a mut [f32],
    variance: &'a mut [f32],
}

impl Kernel for Moments<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let channels = self.mean.len();
        let share = lanes.splat(1.0 / (self.x.len() / channels) as f32);
        let minus = lanes.splat(-1.0);
        for strip in strips::<L>(channels) {
            // Four sums each, which hide each other's waiting.
            let mut sums = [lanes.splat(0.0); 4];
            let groups = self.x.chunks_exact(4 * channels);
            for rows in groups.clone() {
                for i in 0..4 {
                    sums[i] = lanes.add(sums[i], lanes.load_part(&rows[i * channels..][strip.clone()]));
                }
            }
            for row in groups.remainder().chunks_exact(channels) {
                sums[0] = lanes.add(sums[0], lanes.load_part(&row[strip.clone()]));
            }
            let sum = lanes.add(lanes.add(sums[0], sums[1]), lanes.add(sums[2], sums[3]));
            let mean = lanes.multiply(sum, share);
            let minus_mean = lanes.multiply(mean, minus);
            let mut squares = [lanes.splat(0.0); 4];
            for rows in groups.clone() {
                for i in 0..4 {
                    let x = lanes.add(lanes.load_part(&rows[i * channels..][strip.clone()]), minus_mean);
                    squares[i] = lanes.multiply_add(x, x, squares[i]);
                }
            }
            for row in groups.remainder().chunks_exact(channels) {
                let x = lanes.add(lanes.load_part(&row[strip.clone()]), minus_mean);
                squares[0] = lanes.multiply_add(x, x, squares[0]);
            }
            let sum = lanes.add(lanes.add(squares[0], squares[1]), lanes.add(squares[2], squares[3]));
            lanes.store_part(mean, &mut self.mean[strip.clone()]);
            lanes.store_part(lanes.multiply(sum, share), &mut self.variance[strip]);
        }
    }
}

/// `y = x·scale + shift`, with the constants of each channel, then the activation.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn scale_and_shift(
    level: Level,
    x: &[f32],
    constants: ScaleAndShift<'_>,
    activation: Activation,
    y: &mut [f32],
) {
    constants.check(x);
    assert_eq!(x.len(), y.len(), "scale_and_shift: size of y");
    level.run(Forward { x, constants, activation, y });
}

/// Two constants of each channel.
#[derive(Clone, Copy, Debug)]
pub struct ScaleAndShift<'a> {
    /// What is multiplied by.
    pub scale: &'a [f32],
    /// What is added then.
    pub shift: &'a [f32],
}

impl ScaleAndShift<'_> {
    fn check(self, x: &[f32]) {
        assert_eq!(self.scale.len(), self.shift.len(), "scale and shift: channels");
        assert!(x.len().is_multiple_of(self.scale.len()), "scale and shift: size of x");
    }
}

struct Forward<'a> {
    x: &'a [f32],
    constants: ScaleAndShift<'a>,
    activation: Activation,
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        match self.activation {
            Activation::Relu => self.work::<L, true>(lanes),
            Activation::Identity => self.work::<L, false>(lanes),
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn work<L: Lanes, const RECTIFY: bool>(self, lanes: L) {
        let channels = self.constants.scale.len();
        let zero = lanes.splat(0.0);
        for strip in strips::<L>(channels) {
            let scale = lanes.load_part(&self.constants.scale[strip.clone()]);
            let shift = lanes.load_part(&self.constants.shift[strip.clone()]);
            for (x, y) in self.x.chunks_exact(channels).zip(self.y.chunks_exact_mut(channels)) {
                let mut z = lanes.multiply_add(lanes.load_part(&x[strip.clone()]), scale, shift);
                if RECTIFY {
                    z = lanes.where_not_below(zero, z, zero, z); // keeps a NaN
                }
                lanes.store_part(z, &mut y[strip.clone()]);
            }
        }
    }
}

/// What of a gradient has come through `max(z, 0)`, with `z = x·scale + shift` of a strip of channels: where `z ≥ 0`.
#[derive(Clone, Copy)]
struct Rectifier<L: Lanes> {
    scale: L::Register,
    shift: L::Register,
}

impl<L: Lanes> Rectifier<L> {
    #[inline(always)]
    fn new(lanes: L, constants: Option<ScaleAndShift<'_>>, strip: Range<usize>) -> Self {
        let none = Rectifier { scale: lanes.splat(0.0), shift: lanes.splat(0.0) };
        constants.map_or(none, |constants| Rectifier {
            scale: lanes.load_part(&constants.scale[strip.clone()]),
            shift: lanes.load_part(&constants.shift[strip]),
        })
    }

    #[inline(always)]
    fn backward<const RECTIFY: bool>(&self, lanes: L, x: L::Register, dy: L::Register) -> L::Register {
        if !RECTIFY {
            return dy;
        }
        let (z, zero) = (lanes.multiply_add(x, self.scale, self.shift), lanes.splat(0.0));
        lanes.where_not_below(z, zero, dy, zero)
    }
}

/// Fills `sums` from all rows of `x` and `dy`. With constants to `rectify` by, `dy` is that of `max(x·scale + shift, 0)`, and
/// counts where this is not below 0.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn backward_sums(
    level: Level,
    x: &[f32],
    dy: &[f32],
    mean: &[f32],
    rectify: Option<ScaleAndShift<'_>>,
    sums: BackwardSums<'_>,
) {
    rectify.iter().for_each(|constants| constants.check(x));
    assert!(x.len() == dy.len() && x.len().is_multiple_of(mean.len()), "backward_sums: size of x and dy");
    assert!(mean.len() == sums.dy.len() && mean.len() == sums.dy_x.len(), "backward_sums: channels");
    level.run(Sums { x, dy, mean, rectify, sums });
}

struct Sums<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    rectify: Option<ScaleAndShift<'a>>,
    sums: BackwardSums<'a>,
}

impl Kernel for Sums<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        if self.rectify.is_some() { self.work::<L, true>(lanes) } else { self.work::<L, false>(lanes) }
    }
}

impl Sums<'_> {
    #[inline(always)]
    fn work<L: Lanes, const RECTIFY: bool>(self, lanes: L) {
        let channels = self.mean.len();
        for strip in strips::<L>(channels) {
            let rectifier = Rectifier::new(lanes, self.rectify, strip.clone());
            let minus_mean = lanes.multiply(lanes.load_part(&self.mean[strip.clone()]), lanes.splat(-1.0));
            let (mut dy_sums, mut products) = ([lanes.splat(0.0); 4], [lanes.splat(0.0); 4]);
            let groups = self.x.chunks_exact(4 * channels);
            let dy_groups = self.dy.chunks_exact(4 * channels);
            for (x, dy) in groups.clone().zip(dy_groups.clone()) {
                for i in 0..4 {
                    let x = lanes.load_part(&x[i * channels..][strip.clone()]);
                    let dy = lanes.load_part(&dy[i * channels..][strip.clone()]);
                    let dy = rectifier.backward::<RECTIFY>(lanes, x, dy);
                    let x = lanes.add(x, minus_mean);
                    dy_sums[i] = lanes.add(dy_sums[i], dy);
                    products[i] = lanes.multiply_add(x, dy, products[i]);
                }
            }
            let rest = groups.remainder().chunks_exact(channels);
            for (x, dy) in rest.zip(dy_groups.remainder().chunks_exact(channels)) {
                let x = lanes.load_part(&x[strip.clone()]);
                let dy = rectifier.backward::<RECTIFY>(lanes, x, lanes.load_part(&dy[strip.clone()]));
                let x = lanes.add(x, minus_mean);
                dy_sums[0] = lanes.add(dy_sums[0], dy);
                products[0] = lanes.multiply_add(x, dy, products[0]);
            }
            let total =
                |sums: [L::Register; 4]| lanes.add(lanes.add(sums[0], sums[1]), lanes.add(sums[2], sums[3]));
            lanes.store_part(total(dy_sums), &mut self.sums.dy[strip.clone()]);
            lanes.store_part(total(products), &mut self.sums.dy_x[strip]);
        }
    }
}

/// `dx = a·dy + b·x + c`, with the constants `[a, b, c]` of each channel; `rectify` as in [`backward_sums`].
///
/// # Panics
///
/// If the sizes do not fit.
pub fn combine(
    level: Level,
    x: &[f32],
    dy: &[f32],
    constants: [&[f32]; 3],
    rectify: Option<ScaleAndShift<'_>>,
    dx: &mut [f32],
) {
    rectify.iter().for_each(|constants| constants.check(x));
    let channels = constants[0].len();
    assert!(constants.iter().all(|constant| constant.len() == channels), "combine: channels");
    assert!(x.len() == dy.len() && x.len() == dx.len() && x.len().is_multiple_of(channels), "combine: sizes");
    level.run(Combine { x, dy, constants, rectify, dx });
}

struct Combine<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    constants: [&'a [f32]; 3],
    rectify: Option<ScaleAndShift<'a>>,
    dx: &'a mut [f32],
}

impl Kernel for Combine<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        if self.rectify.is_some() { self.work::<L, true>(lanes) } else { self.work::<L, false>(lanes) }
    }
}

impl Combine<'_> {
    #[inline(always)]
    fn work<L: Lanes, const RECTIFY: bool>(self, lanes: L) {
        let channels = self.constants[0].len();
        for strip in strips::<L>(channels) {
            let rectifier = Rectifier::new(lanes, self.rectify, strip.clone());
            let mut constants = [lanes.splat(0.0); 3];
            for i in 0..3 {
                constants[i] = lanes.load_part(&self.constants[i][strip.clone()]);
            }
            let rows = self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels));
            for ((x, dy), dx) in rows.zip(self.dx.chunks_exact_mut(channels)) {
                let (x, dy) = (lanes.load_part(&x[strip.clone()]), lanes.load_part(&dy[strip.clone()]));
                let dy = rectifier.backward::<RECTIFY>(lanes, x, dy);
                let sum = lanes.multiply_add(x, constants[1], constants[2]);
                lanes.store_part(lanes.multiply_add(dy, constants[0], sum), &mut dx[strip.clone()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7 + seed) as f32 * 0.37).sin() + 0.3).collect()
    }

    fn close(fast: &[f32], plain: &[f32]) {
        assert_eq!(fast.len(), plain.len());
        for (fast, plain) in fast.iter().zip(plain) {
            assert!((fast - plain).abs() < 1e-4, "{fast} {plain}");
        }
    }

    #[test]
    fn a_rectified_nan_stays_one_and_a_gradient_passes_at_zero() {
        for level in Level::all() {
            let constants = ScaleAndShift { scale: &[1.0, -1.0], shift: &[0.0, 0.0] };
            let mut y = [1.0; 4];
            scale_and_shift(level, &[f32::NAN, f32::NAN, -2.0, 2.0], constants, Activation::Relu, &mut y);
            assert!(y[0].is_nan() && y[1].is_nan() && y[2..] == [0.0, 0.0], "{level}: {y:?}");
            let by = Some(constants);
            combine(level, &[0.0; 4], &[3.0; 4], [&[1.0; 2], &[0.0; 2], &[0.0; 2]], by, &mut y);
            assert_eq!(y, [3.0; 4], "{level}");
        }
    }

    /// Every loop against its formula, for one register's channels, a part of one, and several.
    #[test]
    fn loops_over_channels_equal_their_formulas() {
        for level in Level::all() {
            for (channels, rows) in (1..40).flat_map(|channels| [1, 3, 4, 9].map(|rows| (channels, rows))) {
                let (x, dy) = (numbers(rows * channels, 1), numbers(rows * channels, 2));
                let constants = [3, 4, 5].map(|seed| numbers(channels, seed));
                let [a, b, c] = &constants;
                let column = |values: &[f32], c: usize| -> Vec<f32> {
                    values.iter().skip(c).step_by(channels).copied().collect()
                };
                let per_channel = |of: &dyn Fn(usize) -> f32| (0..channels).map(of).collect::<Vec<_>>();
                let means = per_channel(&|c| column(&x, c).iter().sum::<f32>() / rows as f32);
                let variances = per_channel(&|c| {
                    column(&x, c).iter().map(|x| (x - means[c]).powi(2)).sum::<f32>() / rows as f32
                });

                let (mut mean, mut variance) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
                moments(level, &x, &mut mean, &mut variance);
                close(&mean, &means);
                close(&variance, &variances);

                let mut y = vec![f32::NAN; x.len()];
                let constants = ScaleAndShift { scale: a, shift: b };
                let each = |f: &dyn Fn(usize) -> f32| (0..x.len()).map(f).collect::<Vec<_>>();
                let z = each(&|i| x[i] * a[i % channels] + b[i % channels]);
                for rectify in [false, true] {
                    let activation = if rectify { Activation::Relu } else { Activation::Identity };
                    scale_and_shift(level, &x, constants, activation, &mut y);
                    close(&y, &each(&|i| if rectify { z[i].max(0.0) } else { z[i] }));

                    let through = each(&|i| if rectify && z[i] < 0.0 { 0.0 } else { dy[i] });
                    let by = rectify.then_some(constants);
                    let (mut sum, mut product) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
                    let sums = BackwardSums { dy: &mut sum, dy_x: &mut product };
                    backward_sums(level, &x, &dy, &means, by, sums);
                    close(&sum, &per_channel(&|c| column(&through, c).iter().sum()));
                    let products = per_channel(&|c| {
                        column(&x, c).iter().zip(column(&through, c)).map(|(x, dy)| (x - means[c]) * dy).sum()
                    });
                    close(&product, &products);

                    combine(level, &x, &dy, [a, b, c], by, &mut y);
                    let i_of = |i: usize| i % channels;
                    close(&y, &each(&|i| a[i_of(i)] * through[i] + b[i_of(i)] * x[i] + c[i_of(i)]));
                }
            }
        }
    }
}
