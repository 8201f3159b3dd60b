//! Training of a line reader: strips of any width, texts of which nobody has said where each sign is.
//!
//! In: a recipe, a network whose layers do not depend on the width, and a function that draws strip number i. Out: the network, trained
//! by [CTC](crate::network::ctc). Strips are drawn while the training goes on, each once. The loop is that of
//! [`train`](super::train()); a batch is cut into blocks of strips of like width, each of which goes all the way on one thread. Nothing
//! depends on the number of threads.

mod recipe;
mod step;

pub use self::recipe::{LineNetwork, LineRecipe};

use self::step::LineExecutor;
use super::{Diverged, Optimizer, random::Purpose, statistics::Moments};
use crate::{
    dataset::strips::LabelledStrip,
    kernels::{Processor, team::with_team},
    network::Network,
    recipe::TrainingRecipe,
};
use std::ops::ControlFlow;

/// A step that was taken.
#[derive(Clone, Copy, Debug)]
pub struct LineStep {
    /// Counted from 0.
    pub step: u64,
    /// Mean over the batch, in nats a strip.
    pub loss: f32,
    /// The learning rate of the step.
    pub learning_rate: f32,
}

/// Draws strip number `i` of a training; the same number gives the same strip.
pub trait Draw: Fn(u64) -> LabelledStrip + Sync {}
impl<F: Fn(u64) -> LabelledStrip + Sync> Draw for F {}

/// How a line training stands between two steps.
pub struct LineState {
    /// The network that learns.
    pub network: Network,
    optimizer: Optimizer,
}

impl LineState {
    /// The beginning of a training of so many steps.
    pub fn new(recipe: &TrainingRecipe, network: Network, steps: u64) -> Self {
        let optimizer = Optimizer::new(recipe, network.parameters().len(), steps);
        LineState { network, optimizer }
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.optimizer.steps()
    }
}

/// Takes steps, `batch` strips each, until `all_steps` were taken or `observe` breaks.
///
/// # Errors
///
/// [`Diverged`] when the loss becomes infinite or NaN.
pub fn train_lines(
    recipe: &TrainingRecipe,
    state: &mut LineState,
    all_steps: u64,
    draw: impl Draw,
    processor: Processor,
    mut observe: impl FnMut(LineStep, &LineState) -> ControlFlow<()>,
) -> Result<(), Diverged> {
    with_team(processor.threads, |team| {
        let mut executor = LineExecutor::new(recipe, state.network.architecture(), processor);
        while state.steps() < all_steps {
            let (step, learning_rate) = (state.steps(), state.optimizer.learning_rate());
            let loss = executor.forward_backward(&state.network, &draw, step, team);
            if !loss.is_finite() {
                return Err(Diverged { epoch: 0, iteration: step as usize, loss });
            }
            executor.update(&mut state.network, &mut state.optimizer, team);
            if observe(LineStep { step, loss, learning_rate }, state).is_break() {
                break;
            }
        }
        Ok(())
    })
}

/// The network that is kept: with the average of the weights, if the recipe asks for one, and statistics measured for it over some
/// thousands of strips of their own.
pub fn line_network_to_keep(
    recipe: &TrainingRecipe,
    state: &LineState,
    draw: impl Draw,
    processor: Processor,
) -> Network {
    /// Batches that are measured.
    const BATCHES: u64 = 64;
    let mut network = match state.optimizer.average() {
        None => return state.network.clone(),
        Some(average) => {
            Network::new(state.network.architecture().clone(), average, state.network.statistics())
        }
    };
    with_team(processor.threads, |team| {
        let mut executor = LineExecutor::new(recipe, network.architecture(), processor);
        let mut moments = Moments::new(network.architecture());
        let first = super::random::key(recipe.seed, Purpose::Measure, 0);
        for batch in 0..BATCHES {
            executor.measure(&network, &draw, first.wrapping_add(batch), &mut moments, team);
        }
        moments.replace_statistics(&mut network);
    });
    network.round_to(recipe.storage);
    network
}

#[cfg(test)]
mod tests;
