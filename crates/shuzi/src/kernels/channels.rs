//! Loops over rows of channels, `[rows, channels]`, with a constant or a sum for each channel.

use super::{
    Level,
    lanes::{Kernel, Lanes, strips},
};

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

/// `y = x·scale + shift`, with the constants of each channel.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn scale_and_shift(level: Level, x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) {
    assert!(x.len() == y.len() && x.len().is_multiple_of(scale.len()), "scale_and_shift: size of x and y");
    assert_eq!(scale.len(), shift.len(), "scale_and_shift: channels");
    level.run(ScaleAndShift { x, scale, shift, y });
}

struct ScaleAndShift<'a> {
    x: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for ScaleAndShift<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let channels = self.scale.len();
        for strip in strips::<L>(channels) {
            let scale = lanes.load_part(&self.scale[strip.clone()]);
            let shift = lanes.load_part(&self.shift[strip.clone()]);
            for (x, y) in self.x.chunks_exact(channels).zip(self.y.chunks_exact_mut(channels)) {
                let x = lanes.load_part(&x[strip.clone()]);
                lanes.store_part(lanes.multiply_add(x, scale, shift), &mut y[strip.clone()]);
            }
        }
    }
}

/// Fills `sums` from all rows of `x` and `dy`.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn backward_sums(level: Level, x: &[f32], dy: &[f32], mean: &[f32], sums: BackwardSums<'_>) {
    assert!(x.len() == dy.len() && x.len().is_multiple_of(mean.len()), "backward_sums: size of x and dy");
    assert!(mean.len() == sums.dy.len() && mean.len() == sums.dy_x.len(), "backward_sums: channels");
    level.run(Sums { x, dy, mean, sums });
}

struct Sums<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    sums: BackwardSums<'a>,
}

impl Kernel for Sums<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let channels = self.mean.len();
        for strip in strips::<L>(channels) {
            let minus_mean = lanes.multiply(lanes.load_part(&self.mean[strip.clone()]), lanes.splat(-1.0));
            let (mut dy_sums, mut products) = ([lanes.splat(0.0); 4], [lanes.splat(0.0); 4]);
            let groups = self.x.chunks_exact(4 * channels);
            let dy_groups = self.dy.chunks_exact(4 * channels);
            for (x, dy) in groups.clone().zip(dy_groups.clone()) {
                for i in 0..4 {
                    let x = lanes.add(lanes.load_part(&x[i * channels..][strip.clone()]), minus_mean);
                    let dy = lanes.load_part(&dy[i * channels..][strip.clone()]);
                    dy_sums[i] = lanes.add(dy_sums[i], dy);
                    products[i] = lanes.multiply_add(x, dy, products[i]);
                }
            }
            let rest = groups.remainder().chunks_exact(channels);
            for (x, dy) in rest.zip(dy_groups.remainder().chunks_exact(channels)) {
                let x = lanes.add(lanes.load_part(&x[strip.clone()]), minus_mean);
                let dy = lanes.load_part(&dy[strip.clone()]);
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

/// `dx = a·dy + b·x + c`, with the constants `[a, b, c]` of each channel.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn combine(level: Level, x: &[f32], dy: &[f32], constants: [&[f32]; 3], dx: &mut [f32]) {
    let channels = constants[0].len();
    assert!(constants.iter().all(|constant| constant.len() == channels), "combine: channels");
    assert!(x.len() == dy.len() && x.len() == dx.len() && x.len().is_multiple_of(channels), "combine: sizes");
    level.run(Combine { x, dy, constants, dx });
}

struct Combine<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    constants: [&'a [f32]; 3],
    dx: &'a mut [f32],
}

impl Kernel for Combine<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let channels = self.constants[0].len();
        for strip in strips::<L>(channels) {
            let mut constants = [lanes.splat(0.0); 3];
            for i in 0..3 {
                constants[i] = lanes.load_part(&self.constants[i][strip.clone()]);
            }
            let rows = self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels));
            for ((x, dy), dx) in rows.zip(self.dx.chunks_exact_mut(channels)) {
                let (x, dy) = (lanes.load_part(&x[strip.clone()]), lanes.load_part(&dy[strip.clone()]));
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
                scale_and_shift(level, &x, a, b, &mut y);
                let each = |f: &dyn Fn(usize) -> f32| (0..x.len()).map(f).collect::<Vec<_>>();
                close(&y, &each(&|i| x[i] * a[i % channels] + b[i % channels]));

                let (mut sum, mut product) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
                backward_sums(level, &x, &dy, &means, BackwardSums { dy: &mut sum, dy_x: &mut product });
                close(&sum, &per_channel(&|c| column(&dy, c).iter().sum()));
                let products = per_channel(&|c| {
                    column(&x, c).iter().zip(column(&dy, c)).map(|(x, dy)| (x - means[c]) * dy).sum()
                });
                close(&product, &products);

                combine(level, &x, &dy, [a, b, c], &mut y);
                let i_of = |i: usize| i % channels;
                close(&y, &each(&|i| a[i_of(i)] * dy[i] + b[i_of(i)] * x[i] + c[i_of(i)]));
            }
        }
    }
}
