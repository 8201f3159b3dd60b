//! `exp` of many numbers at once: `eˣ = 2ⁿ·eʳ` with `n` the integer nearest to `x / ln 2`
//! and `|r| ≤ ln 2 / 2`, where a short polynomial is exact to the last bits.

use super::{Level, Loop};

/// Replaces each number by its exponential, to a relative 2e-7. Below −87 it is `exp(−87)`,
/// about 1e-38, and above 88 it is `exp(88)`; NaN stays NaN.
pub fn exponentials(level: Level, numbers: &mut [f32]) {
    level.vectorize(Exponentials(numbers));
}

struct Exponentials<'a>(&'a mut [f32]);

impl Loop for Exponentials<'_> {
    #[inline(always)]
    fn run(self) {
        for x in self.0 {
            *x = exponential(*x); // without a branch, so the compiler takes many at a time
        }
    }
}

#[inline(always)]
fn exponential(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4; // few bits, so that n times it is exact
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0; // 1.5·2²³: a sum with it has no bits behind the point
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    // Minimax on |r| ≤ ln 2 / 2: S. L. Moshier, Cephes, expf.
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + coefficient;
    }
    let power_of_two = f32::from_bits((shifted.to_bits().wrapping_add(127)) << 23);
    (p * r * r + r + 1.0) * power_of_two
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_exact_exponential() {
        let step = if cfg!(miri) { 1009 } else { 1 }; // Miri is slow
        for level in Level::all() {
            let numbers: Vec<f32> = (0..175_000).step_by(step).map(|i| i as f32 * 1e-3 - 87.0).collect();
            let mut found = numbers.clone();
            exponentials(level, &mut found);
            for (x, found) in numbers.into_iter().zip(found) {
                let exact = f64::from(x).exp();
                assert!(((f64::from(found) - exact) / exact).abs() < 2e-7, "{x}: {found}, expected {exact}");
            }
        }
    }

    #[test]
    fn its_ends_are_finite_and_nan_stays_nan() {
        for level in Level::all() {
            let mut numbers = [0.0, -0.0, -1e30, f32::NEG_INFINITY, 1e30, f32::NAN];
            exponentials(level, &mut numbers);
            assert_eq!(numbers[..2], [1.0; 2]);
            assert!(numbers[2..4].iter().all(|&x| x > 0.0 && x < 2e-38));
            assert!(numbers[4].is_finite() && numbers[5].is_nan());
        }
    }
}
