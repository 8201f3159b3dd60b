//! A training step on all threads: a batch's loss, then the gradients that move the weights.
//!
//! In: a network and a [`Batch`]. Out: its loss, and [`Gradients`] for the optimizer. How a batch is cut among the threads is
//! described in `dense.rs` for fully connected networks and in `general.rs` for all others. No sum depends on how many
//! threads there are.

mod dense;
mod general;
pub(super) mod results;

use self::{dense::DenseTrainer, general::GeneralTrainer};
use super::{epoch::Batch, optimizer::WeightUpdate, statistics::Moments};
use crate::{
    kernels::{Processor, team::Team},
    network::Network,
    recipe::TrainingRecipe,
};

/// How well a network reads a batch, before the step.
#[derive(Clone, Copy)]
pub(super) struct BatchScore {
    pub examples: usize,
    /// Mean over the batch.
    pub loss: f32,
    /// The fraction of the batch read right.
    pub accuracy: f32,
}

impl BatchScore {
    /// From the sum of the losses of so many examples, of which so many were read right.
    fn new(examples: usize, loss_sum: f32, correct: usize) -> Self {
        let weight = 1.0 / examples as f32;
        BatchScore { examples, loss: loss_sum * weight, accuracy: correct as f32 * weight }
    }
}

/// How a batch is cut among the threads, and everything that a step writes to.
///
/// How a batch and the parameters are cut may depend on the number of threads. The result does not: what a layer computes for an
/// image does not depend on the image's block, and gradients are added in the order of the batch. The blocks of batch
/// normalisation are the recipe's.
pub(super) enum StepExecutor {
    Dense(Box<DenseTrainer>),
    General(GeneralTrainer),
}

impl StepExecutor {
    pub fn new(recipe: &TrainingRecipe, network: &Network, processor: Processor, batch_size: usize) -> Self {
        let architecture = network.architecture();
        if architecture.is_fully_connected() {
            StepExecutor::Dense(Box::new(DenseTrainer::new(recipe, architecture, processor, batch_size)))
        } else {
            StepExecutor::General(GeneralTrainer::new(recipe, architecture, processor, batch_size))
        }
    }

    /// What the network makes of the batch; `step` is the number of the step in the training. Leaves behind what its
    /// [gradients](Self::gradients) are made of.
    pub fn forward_backward(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        step: u64,
        team: &mut Team<'_>,
    ) -> BatchScore {
        match self {
            StepExecutor::Dense(dense) => dense.forward_backward(network, batch, team),
            StepExecutor::General(general) => general.forward_backward(network, batch, step, team),
        }
    }

    /// The gradients of the batch that just went forward and backward.
    pub fn gradients<'a>(&'a mut self, batch: Batch<'a>) -> Gradients<'a> {
        Gradients { executor: self, batch }
    }

    /// Adds the statistics of `batch` as training would measure them to `moments`. A fully connected network has
    /// none.
    pub fn measure(
        &mut self,
        network: &Network,
        batch: Batch<'_>,
        moments: &mut Moments,
        team: &mut Team<'_>,
    ) {
        if let StepExecutor::General(general) = self {
            general.measure(network, batch, moments, team);
        }
    }
}

/// The gradients of a batch, piece by piece: each is summed over the images only when its weights are moved, so that
/// it is still in the cache then.
pub(super) struct Gradients<'a> {
    executor: &'a mut StepExecutor,
    batch: Batch<'a>,
}

impl Gradients<'_> {
    /// Sums each piece of the gradient and moves its weights.
    pub fn apply(self, network: &mut Network, update: WeightUpdate<'_>, team: &mut Team<'_>) {
        match self.executor {
            StepExecutor::Dense(dense) => dense.update(network, update, self.batch, team),
            StepExecutor::General(general) => general.update(network, update, self.batch, team),
        }
    }
}
