//! What a training reports on its way, and how it ends.
//!
//! In: the numbers of a step or an epoch. Out: an [`Event`] for the caller, who may stop the training then; at the end
//! an [`Outcome`], or [`Diverged`].

use super::checkpoint::Pause;
use crate::evaluation::Evaluation;

/// What training reports on its way.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step was taken.
    Step(StepReport),
    /// An epoch is over.
    Epoch(EpochReport<'a>),
    /// After each step, and after each epoch but the last: all numbers are at rest, and a checkpoint can be
    /// made of them.
    Pause(Pause<'a>),
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step within the epoch, from 0.
    pub iteration: usize,
    /// Examples in the batch.
    pub examples: usize,
    /// Mean cross-entropy over the batch, before the step, in nats.
    pub loss: f32,
    /// Fraction of the batch read right, before the step.
    pub batch_accuracy: f32,
    /// The learning rate of this step.
    pub learning_rate: f32,
}

/// One epoch.
#[derive(Clone, Copy, Debug)]
pub struct EpochReport<'a> {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Mean of the losses of its steps.
    pub mean_loss: f32,
    /// Mean of their batch accuracies.
    pub mean_batch_accuracy: f32,
    /// What the network says of the held-out examples, if there are any.
    pub validation: Option<&'a Evaluation>,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs.
    Finished,
    /// The observer asked to stop.
    Stopped,
    /// The validation loss had not fallen for as long as the recipe waits; the network is the one with
    /// the smallest.
    StoppedEarly,
}

/// The loss was no longer a number. The network has the last weights that were good.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq)]
#[error("the loss became {loss} in epoch {epoch}, iteration {iteration}")]
pub struct Diverged {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step within the epoch, from 0.
    pub iteration: usize,
    /// The loss: infinite or not a number.
    pub loss: f32,
}

/// How a training ended, one way or the other.
pub(super) type Ended = Result<Outcome, Diverged>;
