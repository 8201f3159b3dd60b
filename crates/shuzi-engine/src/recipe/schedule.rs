//! The learning rate over a training: constant, or falling to (near) 0 at the end, where the
//! last weights are then as good as the best and nobody needs to pick an epoch.

use super::{
    Range, RecipeError,
    range::{at_least_one, check},
};
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
    /// A straight line from `start` up during `warmup`, then half a cosine down to nearly 0
    /// (Smith & Topin 2018). The momentum stays as it is.
    OneCycle {
        /// Fraction of the steps that go up.
        warmup: f32,
        /// Fraction of the peak rate at the start; 0 to below 1.
        #[serde(default)]
        start: f32,
    },
    /// `steps` equal parts, each with `factor` times the rate of the part before it.
    Step {
        /// How many parts; 1 or more.
        steps: usize,
        /// 0 to below 1.
        factor: f32,
    },
    /// Falls by the same factor in each step, to `end`.
    Exponential {
        /// Fraction of the peak rate at the end; 0 (taken as 10⁻⁶) to below 1.
        end: f32,
    },
}

impl Schedule {
    /// The fraction of the peak rate, above 0 to 1, at `step` of `steps` (from 0).
    pub fn factor(self, step: u64, steps: u64) -> f32 {
        let progress = (step as f32 + 0.5) / steps as f32; // the middle of the step: never 0
        let linear: fn(f32) -> f32 = |way| 1.0 - way;
        let cosine: fn(f32) -> f32 = |way| 0.5 + 0.5 * (std::f32::consts::PI * way).cos();
        let (warmup, start, fall) = match self {
            Schedule::Constant => return 1.0,
            Schedule::Step { steps, factor } => return factor.powf((progress * steps as f32).floor()),
            Schedule::Exponential { end } => return end.max(1e-6).powf(progress),
            Schedule::Linear { warmup } => (warmup, 0.0, linear),
            Schedule::Cosine { warmup } => (warmup, 0.0, cosine),
            Schedule::OneCycle { warmup, start } => (warmup, start, cosine),
        };
        if progress < warmup {
            start + (1.0 - start) * progress / warmup
        } else {
            fall((progress - warmup) / (1.0 - warmup))
        }
    }

    pub(super) fn check(self) -> Result<(), RecipeError> {
        match self {
            Schedule::Constant => Ok(()),
            Schedule::Linear { warmup } | Schedule::Cosine { warmup } => {
                check("training.schedule.warmup", warmup, Range::BelowOne)
            }
            Schedule::OneCycle { warmup, start } => {
                check("training.schedule.warmup", warmup, Range::BelowOne)?;
                check("training.schedule.start", start, Range::BelowOne)
            }
            Schedule::Step { steps, factor } => {
                check("training.schedule.factor", factor, Range::BelowOne)?;
                at_least_one("training.schedule.steps", steps)
            }
            Schedule::Exponential { end } => check("training.schedule.end", end, Range::BelowOne),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_to_the_peak_and_fall_to_nearly_nothing() {
        for schedule in [
            Schedule::Linear { warmup: 0.2 },
            Schedule::Cosine { warmup: 0.2 },
            Schedule::OneCycle { warmup: 0.2, start: 0.0 },
        ] {
            let factors: Vec<f32> = (0..1000).map(|step| schedule.factor(step, 1000)).collect();
            assert!(factors.iter().all(|factor| (0.0..=1.0).contains(factor)));
            assert!(factors[..200].is_sorted() && factors[200..].is_sorted_by(|a, b| a >= b), "{schedule:?}");
            assert!(factors[0] < 0.01 && factors[200] > 0.99 && factors[999] < 0.001, "{schedule:?}");
        }
        assert_eq!(Schedule::Constant.factor(999, 1000), 1.0);
    }

    #[test]
    fn each_schedule_goes_where_its_numbers_say() {
        let one_cycle = Schedule::OneCycle { warmup: 0.5, start: 0.04 };
        assert!((one_cycle.factor(0, 1000) - 0.04).abs() < 2e-3 && one_cycle.factor(500, 1000) > 0.999);
        let step = Schedule::Step { steps: 3, factor: 0.1 };
        for (at, expected) in [(0, 1.0), (332, 1.0), (334, 0.1), (665, 0.1), (667, 0.01), (999, 0.01)] {
            assert!((step.factor(at, 1000) - expected).abs() < 1e-6, "{at}");
        }
        let exponential = Schedule::Exponential { end: 0.01 };
        assert!((exponential.factor(0, 1000) - 1.0).abs() < 3e-3);
        assert!((exponential.factor(500, 1000) - 0.1).abs() < 1e-3);
        assert!((exponential.factor(999, 1000) - 0.01).abs() < 1e-4);
    }

    #[test]
    fn a_single_step_is_taken_at_half_rate_or_more() {
        assert_eq!(Schedule::Linear { warmup: 0.0 }.factor(0, 1), 0.5);
    }
}
