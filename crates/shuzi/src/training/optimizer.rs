//! The only code that changes weights: from gradients to a step downhill.
//!
//! - SGD: `v ← μ·v + g`, `w ← w − η·v`; with Nesterov `w ← w − η·(g + μ·v)`. With μ = 0 there
//!   is no `v` and `w ← w − η·g`, the tutorial's rule.
//! - Adam (Kingma & Ba 2015): `m ← β₁·m + (1−β₁)·g`, `v ← β₂·v + (1−β₂)·g²`,
//!   `w ← w − η·m̂ / (√v̂ + ε)`, where `m̂ = m / (1−β₁ᵗ)`, `v̂ = v / (1−β₂ᵗ)`.
//!
//! Weight decay λ is decoupled from the gradient (Loshchilov & Hutter 2019): `w ← w − η·λ·w`.

use crate::{
    kernels::{Level, Loop, Numbers, zeros},
    recipe::OptimizerKind,
};

/// A rule and what it remembers of past gradients, one number for each parameter and moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    kind: OptimizerKind,
    /// Steps taken.
    steps: u64,
    /// Momentum, or Adam's mean of gradients; empty where the rule needs none.
    pub(super) first_moment: Numbers,
    /// Adam's mean of squared gradients; empty where the rule needs none.
    pub(super) second_moment: Numbers,
}

/// One step's constants, the same for every parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    kind: OptimizerKind,
    learning_rate: f32,
    /// `1−β₁ᵗ` and `1−β₂ᵗ`.
    corrections: [f32; 2],
}

impl Optimizer {
    /// A rule that has seen no gradient yet, for so many parameters.
    pub fn new(kind: OptimizerKind, parameter_count: usize) -> Self {
        let (first, second) = match kind {
            OptimizerKind::Sgd { momentum: 0.0, .. } => (0, 0),
            OptimizerKind::Sgd { .. } => (parameter_count, 0),
            OptimizerKind::Adam { .. } => (parameter_count, parameter_count),
        };
        Optimizer { kind, steps: 0, first_moment: zeros(first), second_moment: zeros(second) }
    }

    /// Counts a step and fixes its constants; [`Step::update`] then changes the weights.
    pub(super) fn begin_step(&mut self, learning_rate: f32) -> Step {
        self.steps += 1;
        let corrections = match self.kind {
            OptimizerKind::Adam { beta1, beta2, .. } => {
                [beta1, beta2].map(|beta| (1.0 - f64::from(beta).powf(self.steps as f64)) as f32)
            }
            OptimizerKind::Sgd { .. } => [1.0; 2],
        };
        Step { kind: self.kind, learning_rate, corrections }
    }
}

impl Step {
    /// Moves `weights` against `gradients`; the moments are the same piece of the optimizer's.
    pub(super) fn update(
        self,
        level: Level,
        weights: &mut [f32],
        gradients: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        level.vectorize(Update { step: self, weights, gradients, first, second });
    }
}

struct Update<'a> {
    step: Step,
    weights: &'a mut [f32],
    gradients: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Loop for Update<'_> {
    #[inline(always)]
    fn run(self) {
        let Update { step, weights, gradients, first, second } = self;
        let rate = step.learning_rate;
        match step.kind {
            OptimizerKind::Sgd { momentum, nesterov, weight_decay } => {
                decay(weights, rate * weight_decay);
                if momentum == 0.0 {
                    for (w, &g) in weights.iter_mut().zip(gradients) {
                        *w -= rate * g;
                    }
                    return;
                }
                for ((w, &g), v) in weights.iter_mut().zip(gradients).zip(first) {
                    *v = momentum * *v + g;
                    *w -= rate * if nesterov { g + momentum * *v } else { *v };
                }
            }
            OptimizerKind::Adam { beta1, beta2, epsilon, weight_decay } => {
                decay(weights, rate * weight_decay);
                let rate = rate / step.corrections[0];
                let scale = 1.0 / step.corrections[1];
                for (((w, &g), m), v) in weights.iter_mut().zip(gradients).zip(first).zip(second) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *w -= rate * *m / ((*v * scale).sqrt() + epsilon);
                }
            }
        }
    }
}

#[inline(always)]
fn decay(weights: &mut [f32], amount: f32) {
    if amount != 0.0 {
        for w in weights {
            *w -= amount * *w;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two steps with gradients 1 and then 2, from a weight of 10, at rate 0.1.
    fn two_steps(kind: OptimizerKind) -> f32 {
        let mut optimizer = Optimizer::new(kind, 1);
        let mut weight = [10.0];
        for gradient in [1.0, 2.0] {
            let step = optimizer.begin_step(0.1);
            let (first, second) = (&mut optimizer.first_moment, &mut optimizer.second_moment);
            step.update(Level::detect(), &mut weight, &[gradient], first, second);
        }
        weight[0]
    }

    #[test]
    fn each_rule_moves_as_its_formula_says() {
        let sgd = |momentum, nesterov, weight_decay| OptimizerKind::Sgd { momentum, nesterov, weight_decay };
        let adam =
            |weight_decay| OptimizerKind::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay };
        // Adam, by hand: the first step is 0.1·1; then m̂ = 0.29/0.19, v̂ = 0.004999/0.001999.
        let second_adam_step: f32 = 0.1 * (0.29 / 0.19) / (0.004999f32 / 0.001999).sqrt();
        for (kind, expected) in [
            (sgd(0.0, false, 0.0), 10.0 - 0.1 - 0.2),
            (sgd(0.5, false, 0.0), 10.0 - 0.1 - 0.25),
            (sgd(0.5, true, 0.0), 10.0 - 0.15 - 0.325),
            (sgd(0.0, false, 0.5), (10.0 * 0.95 - 0.1) * 0.95 - 0.2),
            (adam(0.0), 9.9 - second_adam_step),
            (adam(0.5), (10.0 * 0.95 - 0.1) * 0.95 - second_adam_step),
        ] {
            let weight = two_steps(kind);
            assert!((weight - expected).abs() < 1e-5, "{kind:?}: {weight}, expected {expected}");
        }
    }
}
