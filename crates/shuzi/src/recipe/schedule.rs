//! The learning rate over a training: constant, or falling to (near) 0 at the end, where the
//! last weights are then as good as the best and nobody needs to pick an epoch.

use serde::{Deserialize, Serialize};

/// How the learning rate changes from the first step to the last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The same throughout.
    Constant,
    /// A straight line up during the first `warmup` (fraction of all steps, 0 to below 1), then
    /// a straight line down to 0.
    Linear {
        /// Fraction of the steps that go up.
        #[serde(default)]
        warmup: f32,
    },
    /// A straight line up during `warmup`, then half a cosine down to 0 (Loshchilov & Hutter 2017).
    Cosine {
        /// Fraction of the steps that go up.
        #[serde(default)]
        warmup: f32,
    },
}

impl Schedule {
    /// The fraction of the peak rate, above 0 to 1, at `step` of `steps` (from 0).
    pub fn factor(self, step: u64, steps: u64) -> f32 {
        let progress = (step as f32 + 0.5) / steps as f32; // the middle of the step: never 0
        let (warmup, fall): (f32, fn(f32) -> f32) = match self {
            Schedule::Constant => return 1.0,
            Schedule::Linear { warmup } => (warmup, |way| 1.0 - way),
            Schedule::Cosine { warmup } => (warmup, |way| 0.5 + 0.5 * (std::f32::consts::PI * way).cos()),
        };
        if progress < warmup { progress / warmup } else { fall((progress - warmup) / (1.0 - warmup)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_to_the_peak_and_fall_to_nearly_nothing() {
        for schedule in [Schedule::Linear { warmup: 0.2 }, Schedule::Cosine { warmup: 0.2 }] {
            let factors: Vec<f32> = (0..1000).map(|step| schedule.factor(step, 1000)).collect();
            assert!(factors.iter().all(|factor| (0.0..=1.0).contains(factor)));
            assert!(factors[..200].is_sorted() && factors[200..].is_sorted_by(|a, b| a >= b), "{schedule:?}");
            assert!(factors[0] < 0.01 && factors[200] > 0.99 && factors[999] < 0.001, "{schedule:?}");
        }
        assert_eq!(Schedule::Constant.factor(999, 1000), 1.0);
    }

    #[test]
    fn a_single_step_is_taken_at_half_rate_or_more() {
        assert_eq!(Schedule::Linear { warmup: 0.0 }.factor(0, 1), 0.5);
    }
}
