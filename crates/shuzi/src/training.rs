//! Trains a network: a recipe and a data set in, a model out.

use crate::{Dataset, Model, Recipe, RecipeError};
use shuzi_engine::{
    Processor, evaluation,
    model::{self, Record},
    training::{self, Diverged, Event, Examples, Outcome},
};
use std::ops::ControlFlow;

/// Trains a network by a recipe, on all processors. The same recipe, seed and data give the same weights to the last bit.
///
/// # Errors
///
/// [`TrainError`]: the recipe does not fit the data, or the loss became infinite or no number.
pub fn train(recipe: &Recipe, data: &Dataset) -> Result<Model, TrainError> {
    Training::new(recipe, data).run()
}

/// A training with more to choose than [`train`] has.
///
/// ```
/// use std::ops::ControlFlow;
/// use shuzi::{Dataset, Progress, Recipe, Training};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (data, held_out) = Dataset::synthetic(2_000, 0).split(400, 0);
/// let recipe = Recipe::named("mlp")?.with_epochs(2);
/// let mut accuracies = vec![];
/// let observe = |progress: &Progress| {
///     if let Progress::Epoch { validation_accuracy, .. } = progress {
///         accuracies.extend(*validation_accuracy);
///     }
///     ControlFlow::Continue(()) // Break ends the training; the network learned so far is kept
/// };
/// let model = Training::new(&recipe, &data).threads(1).validation(&held_out).on_progress(observe).run()?;
/// assert_eq!(accuracies.len(), 2);
/// # assert_eq!(model.classes().count(), 10);
/// # Ok(())
/// # }
/// ```
#[must_use = "it trains when `run` is called"]
pub struct Training<'a> {
    recipe: &'a Recipe,
    data: &'a Dataset,
    validation: Option<&'a Dataset>,
    threads: usize,
    observe: Observer<'a>,
}

type Observer<'a> = Box<dyn FnMut(&Progress) -> ControlFlow<()> + 'a>;

impl<'a> Training<'a> {
    /// A training by this recipe on all of this data.
    pub fn new(recipe: &'a Recipe, data: &'a Dataset) -> Self {
        let observe = Box::new(|_: &Progress| ControlFlow::Continue(()));
        Training { recipe, data, validation: None, threads: all_threads(), observe }
    }

    /// Computes with so many threads; by default as many as can run at once. The result is the same.
    ///
    /// # Panics
    ///
    /// If it is 0.
    pub fn threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "Training::threads: none");
        self.threads = threads;
        self
    }

    /// Evaluates on these images after each epoch; the recipe's early stopping looks at them, and the model's confidences are calibrated on them.
    pub fn validation(mut self, data: &'a Dataset) -> Self {
        self.validation = Some(data);
        self
    }

    /// Calls this after each step and each epoch.
    pub fn on_progress(mut self, observe: impl FnMut(&Progress) -> ControlFlow<()> + 'a) -> Self {
        self.observe = Box::new(observe);
        self
    }

    /// Trains.
    ///
    /// # Errors
    ///
    /// As [`train`].
    pub fn run(mut self) -> Result<Model, TrainError> {
        let classes = self.data.inner.classes().clone();
        let recipe = self.recipe.inner.clone().for_classes(&classes).map_err(RecipeError)?;
        let settings = &recipe.training;
        if settings.fine_tuning.is_some() || settings.distillation.is_some() {
            return Err(TrainError::NeedsModel);
        }
        let processor = Processor::with_threads(self.threads);
        let mut data = self.data.inner.clone();
        let mut split = training::split(&data, 0, settings.seed);
        if let Some(additions) = settings.additions {
            training::add(&mut data, &mut split, additions, self.threads);
        }
        let examples = Examples::shuffled(&data, &split);
        let (found, batch_size) = (examples.count(), settings.batch_size.of(examples.count()));
        if batch_size > found {
            return Err(TrainError::FewerThanABatch { found, batch_size });
        }
        let validation = self.validation.map(|data| &data.inner);
        let steps_per_epoch = training::steps_per_epoch(settings, found);
        let mut network = training::initial_network(&recipe);
        let epochs = settings.epochs;
        let observe = |event: Event<'_>| match Progress::of(&event, epochs, steps_per_epoch) {
            Some(progress) => (self.observe)(&progress),
            None => ControlFlow::Continue(()),
        };
        let ended = training::train(settings, &mut network, examples, validation, processor, observe);
        let _: Outcome =
            ended.map_err(|Diverged { epoch, loss, .. }| TrainError::Diverged { epoch, loss })?;
        let temperature =
            validation.and_then(|data| evaluation::evaluate(&network, data, processor).best_temperature());
        let record = Record { recipe: Some(recipe), temperature, ..Record::default() };
        Ok(Model { inner: model::Model { network, classes, record } })
    }
}

/// How many threads can run at once.
pub(crate) fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What happened in a training.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// A mini-batch was learned from.
    #[non_exhaustive]
    Step {
        /// The epoch, from 0.
        epoch: usize,
        /// How many there are.
        epochs: usize,
        /// The step in it, from 0.
        step: usize,
        /// How many there are in an epoch.
        steps: usize,
        /// The mean cross-entropy of the batch, before the step.
        loss: f32,
        /// The fraction of the batch that was read right, before the step.
        accuracy: f32,
        /// The learning rate of the step.
        learning_rate: f32,
    },
    /// All images were seen once more.
    #[non_exhaustive]
    Epoch {
        /// The epoch, from 0.
        epoch: usize,
        /// How many there are.
        epochs: usize,
        /// The mean loss of its steps.
        loss: f32,
        /// The mean accuracy of its steps.
        accuracy: f32,
        /// The loss on the validation images, if there are any.
        validation_loss: Option<f64>,
        /// The accuracy on them.
        validation_accuracy: Option<f64>,
    },
}

impl Progress {
    fn of(event: &Event<'_>, epochs: usize, steps: usize) -> Option<Progress> {
        match event {
            Event::Step(step) => Some(Progress::Step {
                epoch: step.epoch,
                epochs,
                step: step.iteration,
                steps,
                loss: step.loss,
                accuracy: step.batch_accuracy,
                learning_rate: step.learning_rate,
            }),
            Event::Epoch(report) => Some(Progress::Epoch {
                epoch: report.epoch,
                epochs,
                loss: report.mean_loss,
                accuracy: report.mean_batch_accuracy,
                validation_loss: report.validation.map(evaluation::Evaluation::loss),
                validation_accuracy: report.validation.map(evaluation::Evaluation::accuracy),
            }),
            Event::Pause(_) => None,
        }
    }
}

/// A training that could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe does not fit the classes of the data.
    #[error("the recipe does not fit the data")]
    Recipe(#[from] RecipeError),
    /// The recipe learns from another model, by fine-tuning or distillation, which needs the program `shuzi`.
    #[error("the recipe goes on from another model or learns from one; `shuzi train` can do that")]
    NeedsModel,
    /// Fewer images than a mini-batch has.
    #[error(
        "{found} images are fewer than a batch of {batch_size}; choose a smaller one with Recipe::with_batch_size"
    )]
    FewerThanABatch {
        /// How many images there are.
        found: usize,
        /// How many a batch has.
        batch_size: usize,
    },
    /// The loss became infinite or no number.
    #[error("the loss became {loss} in epoch {epoch}; choose a smaller learning rate")]
    Diverged {
        /// The epoch, from 0.
        epoch: usize,
        /// The loss.
        loss: f32,
    },
}
