//! Training: mini-batch gradient descent over a data set, the textbook's loop.
//!
//! In: a recipe, a network, [`TrainingData`]. Out: the trained network, and an [`Event`] for every step on the way. `epoch.rs` cuts
//! an epoch into batches, `step/` a batch among the threads; [`lines`] trains readers of whole lines.

pub mod checkpoint;
mod data;
mod epoch;
mod finish;
mod initial;
pub mod lines;
pub mod optimizer;
mod random;
mod rehearsal;
mod report;
mod state;
mod statistics;
mod step;
mod teacher;

pub use self::{
    checkpoint::{Checkpoint, CheckpointError, Pause, Task},
    data::{Examples, Order, TrainingData, add, split, steps_per_epoch},
    epoch::augmented,
    initial::{initial_network, network_for_new_classes},
    optimizer::Optimizer,
    rehearsal::rehearse,
    report::{Diverged, EpochReport, Event, Outcome, StepReport},
};
use self::{epoch::Batches, finish::network_to_keep, state::State, step::StepExecutor, teacher::Teacher};
use crate::{
    dataset::Dataset,
    evaluation::evaluate,
    kernels::{
        Processor,
        team::{Team, with_team},
    },
    network::{InferenceModel, Network},
    recipe::TrainingRecipe,
};
use std::ops::ControlFlow;

/// Trains `network` in place, with `processor`. `observe` hears of every step and epoch, and may stop the training.
///
/// The result depends on recipe, network and examples, not on the number of threads.
///
/// # Errors
///
/// [`Diverged`] when the loss becomes infinite or NaN.
///
/// # Panics
///
/// If there is no thread, an index is behind the last example, the batch is larger than the
/// training set, the network has another number of classes than the examples, or there is a teacher against the
/// recipe's word.
pub fn train<'a>(
    recipe: &TrainingRecipe,
    network: &mut Network,
    data: impl Into<TrainingData<'a>>,
    validation: Option<&Dataset>,
    processor: Processor,
    observe: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Outcome, Diverged> {
    let data = data.into();
    let state = State::new(recipe, network.clone(), data.examples.count());
    Training { recipe, data, validation, processor }.run(state, network, observe)
}

/// Goes on from a checkpoint: `network` becomes what the training would have made of it without a break, to the
/// last bit, and `observe` hears the rest of what it would have heard.
///
/// # Errors
///
/// As [`train`]. It panics as that does, and on data that [`Checkpoint::check_data`] refuses.
pub fn resume<'a>(
    checkpoint: Checkpoint,
    network: &mut Network,
    data: impl Into<TrainingData<'a>>,
    validation: Option<&Dataset>,
    processor: Processor,
    observe: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Outcome, Diverged> {
    let ((task, state), data) = (checkpoint.into_parts(), data.into());
    assert_eq!(data.examples.count(), task.examples, "resume: examples");
    Training { recipe: &task.recipe.training, data, validation, processor }.run(state, network, observe)
}

/// What stays the same from the first step to the last.
struct Training<'a> {
    recipe: &'a TrainingRecipe,
    data: TrainingData<'a>,
    validation: Option<&'a Dataset>,
    processor: Processor,
}

impl Training<'_> {
    fn run(
        &self,
        mut state: State,
        trained: &mut Network,
        mut observe: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> report::Ended {
        let (outputs, examples) = (trained.architecture().classes(), self.data.examples);
        assert_eq!(outputs, examples.classes().count(), "train: outputs and classes");
        let observe = |event: Event<'_>| observe(event).map_break(|()| Ok(Outcome::Stopped));
        let flow = with_team(self.processor.threads, |team| self.train_epochs(&mut state, observe, team));
        *trained = finish::stored(state.network, self.recipe.storage, examples);
        flow.break_value().unwrap_or(Ok(Outcome::Finished))
    }

    /// The loop; breaks when the training ends.
    fn train_epochs(
        &self,
        state: &mut State,
        mut observe: impl FnMut(Event<'_>) -> ControlFlow<report::Ended>,
        team: &mut Team<'_>,
    ) -> ControlFlow<report::Ended> {
        let Training { recipe, data: TrainingData { examples, teacher }, validation, processor } = *self;
        let mut data = Batches::new(recipe, examples, processor.level);
        let teacher = teacher.map(|network| InferenceModel::new(network, processor.level, recipe.precision));
        let mut teacher = Teacher::new(teacher.as_ref(), recipe, processor.threads, data.batch_size());
        let mut executor = StepExecutor::new(recipe, &state.network, processor, data.batch_size());
        for epoch in state.epoch..recipe.epochs {
            let mut batches = data.epoch(epoch, state.sums.steps);
            while let Some(mut batch) = batches.next(team) {
                batch.targets = teacher::targets(&mut teacher, batch, team);
                let (step, learning_rate) = (state.optimizer.steps(), state.optimizer.learning_rate());
                let score = executor.forward_backward(&state.network, batch, step, team);
                state.check_loss(score.loss)?;
                // The only place where weights change.
                state.optimizer.step(&mut state.network, executor.gradients(batch), team);
                observe(Event::Step(state.add_step(score, learning_rate)))?;
                observe(state.pause(recipe))?;
            }
            let is_wanted = validation.is_some() || epoch + 1 == recipe.epochs;
            let kept =
                if is_wanted { network_to_keep(recipe, state, &mut data, &mut executor, team) } else { None };
            let evaluated = kept.as_ref().unwrap_or(&state.network);
            let evaluation = validation.map(|data| evaluate(evaluated, data, processor));
            let flow = observe(Event::Epoch(state.sums.report(epoch, evaluation.as_ref())));
            state.end_epoch(recipe, kept, evaluation.as_ref())?;
            flow?;
            observe(state.pause(recipe))?;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests;
