//! The state of a training between two steps: what a [`Checkpoint`](super::Checkpoint) keeps.
//!
//! In: the network before the first step, then each step's and each epoch's results. Out: the network that learns and all
//! that the next step needs; at the end the network that is kept, and how the training ended.

use super::{
    checkpoint::Pause,
    data::step_count,
    optimizer::Optimizer,
    report::{Diverged, Ended, EpochReport, Event, Outcome, StepReport},
    step::BatchScore,
};
use crate::{
    evaluation::Evaluation,
    network::Network,
    recipe::{EarlyStopping, TrainingRecipe},
};
use std::ops::ControlFlow;

/// Everything that a training is made of between two steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub network: Network,
    /// Counts the steps, too.
    pub optimizer: Optimizer,
    /// For the day the loss is no number.
    pub last_good: Network,
    /// For early stopping.
    pub best: Option<Best>,
    /// The epoch that the next step belongs to, unless all steps of this one are done.
    pub epoch: usize,
    /// Of this epoch.
    pub sums: EpochSums,
}

impl State {
    /// Before the first step, where an epoch has so many examples.
    pub fn new(recipe: &TrainingRecipe, network: Network, examples: usize) -> Self {
        let all_steps = step_count(recipe, examples);
        State {
            optimizer: Optimizer::new(recipe, network.parameters().len(), all_steps),
            last_good: network.clone(),
            network,
            best: None,
            epoch: 0,
            sums: EpochSums::default(),
        }
    }

    /// Goes back to the last good weights and ends the training if the loss is no number.
    pub fn check_loss(&mut self, loss: f32) -> ControlFlow<Ended> {
        if loss.is_finite() {
            self.remember_good_weights();
            return ControlFlow::Continue(());
        }
        self.network = self.last_good.clone();
        ControlFlow::Break(Err(Diverged { epoch: self.epoch, iteration: self.sums.steps, loss }))
    }

    /// Keeps a copy of the weights now and then, for the day the loss is no number.
    fn remember_good_weights(&mut self) {
        const INTERVAL: u64 = 100;
        let is_finite = |numbers: &[f32]| numbers.iter().all(|number| number.is_finite());
        if self.optimizer.steps().is_multiple_of(INTERVAL) && is_finite(self.network.parameters()) {
            self.last_good.copy_from(&self.network);
        }
    }

    /// Counts a step, and reports it.
    pub fn add_step(&mut self, score: BatchScore, learning_rate: f32) -> StepReport {
        let BatchScore { examples, loss, accuracy } = score;
        let iteration = self.sums.steps;
        self.sums.steps += 1;
        self.sums.loss += loss;
        self.sums.batch_accuracy += accuracy;
        StepReport { epoch: self.epoch, iteration, examples, loss, batch_accuracy: accuracy, learning_rate }
    }

    /// A moment for the observer to make a checkpoint.
    pub fn pause<'a>(&'a self, recipe: &'a TrainingRecipe) -> Event<'a> {
        Event::Pause(Pause { recipe, state: self })
    }

    /// Ends an epoch, after its report: goes on to the next one, or ends the training with the network that is kept.
    /// That is the best one with early stopping, else `candidate`, the one that was evaluated, if it is not the one
    /// that learns.
    pub fn end_epoch(
        &mut self,
        recipe: &TrainingRecipe,
        candidate: Option<Network>,
        validation: Option<&Evaluation>,
    ) -> ControlFlow<Ended> {
        let is_last = self.epoch + 1 == recipe.epochs;
        let stops_early = match (recipe.early_stopping, validation) {
            (Some(EarlyStopping { patience }), Some(validation)) => {
                let network = candidate.as_ref().unwrap_or(&self.network);
                update_best(&mut self.best, validation.loss(), network) >= patience
            }
            _ => false,
        };
        self.sums = EpochSums::default();
        if !is_last && !stops_early {
            self.epoch += 1;
            return ControlFlow::Continue(());
        }
        if let Some(candidate) = candidate.filter(|_| is_last) {
            self.network = candidate;
        }
        if let Some(best) = self.best.take() {
            self.network = best.network;
        }
        ControlFlow::Break(Ok(if is_last { Outcome::Finished } else { Outcome::StoppedEarly }))
    }
}

/// The network with the smallest validation loss so far.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Best {
    pub network: Network,
    pub loss: f64,
    pub epochs_since: usize,
}

/// Compares a network with the best so far. How many epochs ago the best was.
fn update_best(best: &mut Option<Best>, loss: f64, network: &Network) -> usize {
    match best {
        Some(best) if loss < best.loss => (),
        None => (),
        Some(best) => {
            best.epochs_since += 1;
            return best.epochs_since;
        }
    }
    *best = Some(Best { network: network.clone(), loss, epochs_since: 0 });
    0
}

/// Sums over the steps of an epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct EpochSums {
    pub steps: usize,
    pub loss: f32,
    pub batch_accuracy: f32,
}

impl EpochSums {
    pub fn report<'a>(&self, epoch: usize, validation: Option<&'a Evaluation>) -> EpochReport<'a> {
        EpochReport {
            epoch,
            mean_loss: self.loss / self.steps as f32,
            mean_batch_accuracy: self.batch_accuracy / self.steps as f32,
            validation,
        }
    }
}
