//! The only code that changes weights: from gradients to a step downhill.
//!
//! - SGD: `v ← μ·v + g`, `w ← w − η·v`; with Nesterov `w ← w − η·(g + μ·v)`. With μ = 0 there
//!   is no `v` and `w ← w − η·g`, the tutorial's rule.
//! - Adam (Kingma & Ba 2015): `m ← β₁·m + (1−β₁)·g`, `v ← β₂·v + (1−β₂)·g²`,
//!   `w ← w − η·m̂ / (√v̂ + ε)`, where `m̂ = m / (1−β₁ᵗ)`, `v̂ = v / (1−β₂ᵗ)`.
//!
//! A gradient `g` (of all parameters) longer than a limit is shortened to it first (clipping, Pascanu et al. 2013).
//! An average `a` of the weights follows each step, `a ← a + α·(w − a)`: exponential with
//! `α = 1 − min(d, (t−1)/(t+8))`, or with `α = 1/n` the plain mean of the last `n` steps (SWA,
//! Izmailov et al. 2018).
//!
//! Weight decay λ is decoupled from the gradient (Loshchilov & Hutter 2019): `w ← w − η·λ·w`.
//!
//! In: a recipe, and in each step a network and its gradients. Out: the network with moved weights.

use super::step::Gradients;
use crate::{
    kernels::{Level, Loop, Numbers, team::Team, zeros},
    network::Network,
    recipe::{Averaging, OptimizerKind, Schedule, TrainingRecipe},
};
use std::ops::Range;

/// A rule and what it remembers of past gradients, one number for each parameter and moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    kind: OptimizerKind,
    /// η at its peak.
    learning_rate: f32,
    schedule: Schedule,
    gradient_clipping: Option<f32>,
    averaging: Option<Averaging>,
    /// Steps taken.
    steps: u64,
    /// Of the whole training.
    all_steps: u64,
    /// Momentum, or Adam's mean of gradients; empty where the rule needs none.
    first_moment: Numbers,
    /// Adam's mean of squared gradients; empty where the rule needs none.
    second_moment: Numbers,
    /// The average of the weights; empty if none is asked for.
    average: Numbers,
}

/// Lists that a step works on, all alike: weights, gradient, both moments and the average.
pub(super) const SLICES: usize = 5;

/// Lists that an optimizer remembers from step to step.
pub(super) const MEMORY: usize = 3;

/// One step's constants, the same for every parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    kind: OptimizerKind,
    learning_rate: f32,
    /// `1−β₁ᵗ` and `1−β₂ᵗ`.
    corrections: [f32; 2],
    gradient_clipping: Option<f32>,
    /// What the gradient is multiplied by.
    gradient_scale: f32,
    /// α of the average.
    average_rate: f32,
}

impl Optimizer {
    /// A rule that has seen no gradient yet, for so many parameters and steps.
    pub fn new(recipe: &TrainingRecipe, parameter_count: usize, all_steps: u64) -> Self {
        let kind = recipe.optimizer;
        let (first, second) = match kind {
            OptimizerKind::Sgd { momentum: 0.0, .. } => (0, 0),
            OptimizerKind::Sgd { .. } => (parameter_count, 0),
            OptimizerKind::Adam { .. } => (parameter_count, parameter_count),
        };
        let average = if recipe.averaging.is_some() { parameter_count } else { 0 };
        Optimizer {
            kind,
            learning_rate: recipe.learning_rate,
            schedule: recipe.schedule,
            gradient_clipping: recipe.gradient_clipping,
            averaging: recipe.averaging,
            steps: 0,
            all_steps,
            first_moment: zeros(first),
            second_moment: zeros(second),
            average: zeros(average),
        }
    }

    /// How many steps it has taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f32 {
        self.learning_rate * self.schedule.factor(self.steps, self.all_steps)
    }

    /// One step downhill.
    pub(super) fn step(&mut self, network: &mut Network, gradients: Gradients<'_>, team: &mut Team<'_>) {
        gradients.apply(network, self.begin_update(), team);
    }

    /// Begins a step at the schedule's learning rate.
    pub(super) fn begin_update(&mut self) -> WeightUpdate<'_> {
        let step = self.begin_step(self.learning_rate());
        WeightUpdate { optimizer: self, step }
    }

    /// The average of the weights, if one is asked for.
    pub fn average(&self) -> Option<&[f32]> {
        (!self.average.is_empty()).then_some(&self.average)
    }

    /// What it remembers: its moments and the average, empty where there is none.
    pub(super) fn memory(&self) -> [&[f32]; MEMORY] {
        [&self.first_moment, &self.second_moment, &self.average]
    }

    /// Remembers what another one did after so many steps.
    ///
    /// # Panics
    ///
    /// If these are not as many numbers as it remembers itself.
    pub(super) fn restore(&mut self, steps: u64, memory: [&[f32]; MEMORY]) {
        self.steps = steps;
        let lists = [&mut self.first_moment, &mut self.second_moment, &mut self.average];
        for (list, remembered) in lists.into_iter().zip(memory) {
            list.copy_from_slice(remembered);
        }
    }

    /// Everything that [`Step::update`] works on.
    fn slices<'a>(&'a mut self, weights: &'a mut [f32], gradient: &'a mut [f32]) -> [&'a mut [f32]; SLICES] {
        [weights, gradient, &mut self.first_moment, &mut self.second_moment, &mut self.average]
    }

    /// Counts a step and fixes its constants; [`Step::update`] then changes the weights.
    fn begin_step(&mut self, learning_rate: f32) -> Step {
        self.steps += 1;
        let average_rate = match self.averaging {
            Some(Averaging::Ema { decay }) => {
                let steps = self.steps as f32;
                1.0 - decay.min((steps - 1.0) / (steps + 8.0))
            }
            Some(Averaging::Swa { start }) => {
                let first = (f64::from(start) * self.all_steps as f64) as u64;
                1.0 / self.steps.saturating_sub(first).max(1) as f32
            }
            None => 0.0,
        };
        let corrections = match self.kind {
            OptimizerKind::Adam { beta1, beta2, .. } => {
                [beta1, beta2].map(|beta| (1.0 - f64::from(beta).powf(self.steps as f64)) as f32)
            }
            OptimizerKind::Sgd { .. } => [1.0; 2],
        };
        Step {
            kind: self.kind,
            learning_rate,
            corrections,
            gradient_clipping: self.gradient_clipping,
            gradient_scale: 1.0,
            average_rate,
        }
    }
}

/// A step on its way: its constants, and what the optimizer remembers.
pub(super) struct WeightUpdate<'a> {
    optimizer: &'a mut Optimizer,
    step: Step,
}

impl WeightUpdate<'_> {
    /// Whether the whole gradient must be known first, see [`move_clipped`](Self::move_clipped).
    pub fn needs_norm(&self) -> bool {
        self.step.gradient_clipping.is_some()
    }

    /// The step, and everything that [`Step::update`] works on.
    pub fn split<'a>(
        &'a mut self,
        weights: &'a mut [f32],
        gradient: &'a mut [f32],
    ) -> (Step, [&'a mut [f32]; SLICES]) {
        (self.step, self.optimizer.slices(weights, gradient))
    }

    /// Moves all weights by a gradient that is known as a whole, shortened if it is too long; `pieces` are
    /// shared out among the threads.
    pub fn move_clipped(
        mut self,
        level: Level,
        weights: &mut [f32],
        gradient: &mut [f32],
        pieces: &[Range<usize>],
        team: &mut Team<'_>,
    ) {
        self.step.clip(gradient);
        let (step, slices) = self.split(weights, gradient);
        team.for_each_piece(slices, pieces, |_, slices| step.update(level, slices));
    }
}

impl Step {
    /// Shortens the gradient if it is too long.
    fn clip(&mut self, gradient: &[f32]) {
        let Some(limit) = self.gradient_clipping else { return };
        let square: f64 = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
        let norm = square.sqrt() as f32;
        self.gradient_scale = if norm > limit { limit / norm } else { 1.0 };
    }

    /// Moves the weights, the first of `slices`, see [`Optimizer::slices`].
    pub(super) fn update(self, level: Level, slices: [&mut [f32]; SLICES]) {
        level.vectorize(MoveWeights { step: self, slices });
    }
}

struct MoveWeights<'a> {
    step: Step,
    slices: [&'a mut [f32]; SLICES],
}

impl Loop for MoveWeights<'_> {
    #[inline(always)]
    fn run(self) {
        let MoveWeights { step, slices: [weights, gradients, first, second, average] } = self;
        let rate = step.learning_rate;
        if step.gradient_scale != 1.0 {
            for g in gradients.iter_mut() {
                *g *= step.gradient_scale;
            }
        }
        match step.kind {
            OptimizerKind::Sgd { momentum, nesterov, weight_decay } => {
                decay(weights, rate * weight_decay);
                if momentum == 0.0 {
                    for (w, &mut g) in weights.iter_mut().zip(gradients) {
                        *w -= rate * g;
                    }
                } else {
                    for ((w, &mut g), v) in weights.iter_mut().zip(gradients).zip(first) {
                        *v = momentum * *v + g;
                        *w -= rate * if nesterov { g + momentum * *v } else { *v };
                    }
                }
            }
            OptimizerKind::Adam { beta1, beta2, epsilon, weight_decay } => {
                decay(weights, rate * weight_decay);
                let rate = rate / step.corrections[0];
                let scale = 1.0 / step.corrections[1];
                for (((w, &mut g), m), v) in weights.iter_mut().zip(gradients).zip(first).zip(second) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *w -= rate * *m / ((*v * scale).sqrt() + epsilon);
                }
            }
        }
        for (a, &mut w) in average.iter_mut().zip(weights) {
            *a += step.average_rate * (w - *a);
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
    use crate::recipe::Recipe;

    /// Two steps with gradients 1 and then 2, from a weight of 10, at rate 0.1.
    fn two_steps(change: impl FnOnce(&mut TrainingRecipe)) -> (f32, Optimizer) {
        let mut recipe = Recipe::built_in("classic").unwrap().training;
        change(&mut recipe);
        let mut optimizer = Optimizer::new(&recipe, 1, 2);
        let mut weight = [10.0];
        for gradient in [1.0, 2.0] {
            let mut step = optimizer.begin_step(0.1);
            let mut gradient = [gradient];
            step.clip(&gradient);
            step.update(Level::detect(), optimizer.slices(&mut weight, &mut gradient));
        }
        (weight[0], optimizer)
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
            let weight = two_steps(|recipe| recipe.optimizer = kind).0;
            assert!((weight - expected).abs() < 1e-5, "{kind:?}: {weight}, expected {expected}");
        }
    }

    #[test]
    fn a_gradient_that_is_too_long_is_shortened() {
        let clip = |limit| two_steps(|recipe| recipe.gradient_clipping = Some(limit)).0;
        assert_eq!(clip(10.0), two_steps(|_| {}).0);
        assert!((clip(0.5) - (10.0 - 0.05 - 0.05)).abs() < 1e-5);
    }

    #[test]
    fn averages_follow_the_weights() {
        // The weights are 9.9 and then 9.7.
        let average =
            |averaging| two_steps(|recipe| recipe.averaging = Some(averaging)).1.average().unwrap()[0];
        assert!((average(Averaging::Swa { start: 0.0 }) - 9.8).abs() < 1e-5);
        assert!((average(Averaging::Swa { start: 0.5 }) - 9.7).abs() < 1e-5);
        let ema = 9.9 + 0.9 * (9.7 - 9.9); // the second step's decay is (2 − 1) / (2 + 8)
        assert!((average(Averaging::Ema { decay: 0.99 }) - ema).abs() < 1e-5);
        assert_eq!(two_steps(|_| {}).1.average(), None);
    }
}
