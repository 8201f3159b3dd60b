//! What is written down of a training while it runs: `metrics.jsonl`, the curves, the screen, and checkpoints.

use crate::run::{
    checkpoints::Checkpoints,
    interrupt::on_interrupt,
    metrics::{self, EpochLine, Line, Metrics, StepLine},
    progress::TrainingProgress,
};
use shuzi_engine::{
    Processor,
    dataset::Dataset,
    network::Network,
    recipe::Recipe,
    training::{self, Checkpoint, Event, Outcome, Task, TrainingData},
};
use shuzi_report::{Curves, EpochPoint, StepPoint};
use std::{
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// What is trained, and with what.
pub struct Training<'a> {
    pub recipe: &'a Recipe,
    pub trained_on: String,
    pub data: TrainingData<'a>,
    pub validation: Option<&'a Dataset>,
    pub processor: Processor,
}

/// What is written down of a training while it runs: `metrics.jsonl`, the curves, the screen.
pub struct RunLog {
    metrics: Metrics,
    log_every: usize,
    pub curves: Curves,
    /// So many steps make one point of a curve, so that a long training does not fill the memory.
    steps_per_point: u64,
    /// Steps, losses and accuracies gathered for the next point.
    gathered: (u64, f32, f32),
    steps: u64,
    progress: TrainingProgress,
}

impl RunLog {
    /// Of a training that begins, or goes on from a checkpoint.
    pub fn new(
        folder: &Path,
        training: &Training<'_>,
        from: Option<&Checkpoint>,
        log_every: usize,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        const MAX_POINTS: u64 = 10_000;
        let recipe = &training.recipe.training;
        let per_epoch = training::steps_per_epoch(recipe, training.data.examples.count()) as u64;
        let all_steps = per_epoch * recipe.epochs as u64;
        let first = from.map_or(0, Checkpoint::steps);
        let (metrics, curves) = match from {
            None => (Metrics::create(folder)?, Curves::default()),
            Some(checkpoint) => {
                let (metrics, lines) = Metrics::resume(folder, |line| match line {
                    Line::Step(step) => step.epoch as u64 * per_epoch + (step.iteration as u64) < first,
                    Line::Epoch(epoch) => epoch.epoch < checkpoint.epochs(),
                    Line::End(_) => false,
                })?;
                (metrics, curves_of(&lines, per_epoch))
            }
        };
        Ok(RunLog {
            metrics,
            log_every,
            curves,
            steps_per_point: all_steps.div_ceil(MAX_POINTS).max(1),
            gathered: (0, 0.0, 0.0),
            steps: first,
            progress: TrainingProgress::new(first, all_steps, recipe.epochs, quiet),
        })
    }

    /// Trains, until the end or Ctrl-C, and writes down what happens.
    pub fn train(
        &mut self,
        training: &Training<'_>,
        from: Option<Checkpoint>,
        network: &mut Network,
        checkpoints: &mut Checkpoints,
    ) -> Result<Outcome, training::Diverged> {
        let Training { recipe, ref trained_on, data, validation, processor } = *training;
        let task = || Task::new(recipe.clone(), trained_on.clone(), data.examples);
        let stop = stop_on_interrupt();
        let observe = |event: Event<'_>| {
            match event {
                Event::Step(step) => self.step(&step),
                Event::Epoch(epoch) => self.epoch(&epoch),
                Event::Pause(pause) => {
                    let stop = stop.load(Relaxed);
                    if stop || checkpoints.is_due(pause) {
                        let warnings = [self.metrics.sync(), checkpoints.write(pause, task)];
                        warnings.iter().flatten().for_each(|warning| self.progress.warn(warning));
                    }
                    if stop {
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        };
        let ended = match from {
            None => training::train(&recipe.training, network, data, validation, processor, observe),
            Some(checkpoint) => training::resume(checkpoint, network, data, validation, processor, observe),
        };
        self.progress.finish();
        self.write();
        ended
    }

    fn step(&mut self, step: &training::StepReport) {
        self.progress.step(step);
        let (count, loss, accuracy) = &mut self.gathered;
        (*count, *loss, *accuracy) = (*count + 1, *loss + step.loss, *accuracy + step.batch_accuracy);
        if *count == self.steps_per_point {
            let n = *count as f32;
            let point = StepPoint {
                iteration: self.steps,
                epoch: step.epoch,
                loss: *loss / n,
                batch_accuracy: *accuracy / n,
                learning_rate: step.learning_rate,
            };
            self.curves.steps.push(point);
            self.gathered = (0, 0.0, 0.0);
        }
        self.steps += 1;
        if step.iteration.is_multiple_of(self.log_every) {
            self.add(&Line::Step(StepLine {
                epoch: step.epoch,
                iteration: step.iteration,
                loss: step.loss,
                batch_accuracy: step.batch_accuracy,
                learning_rate: step.learning_rate,
                examples_per_second: self.progress.examples_per_second().round(),
            }));
        }
    }

    fn epoch(&mut self, epoch: &training::EpochReport<'_>) {
        self.progress.epoch(epoch);
        let validation = epoch.validation.map(|evaluation| (evaluation.accuracy(), evaluation.loss()));
        self.curves.epochs.push(EpochPoint {
            iteration: self.steps,
            mean_loss: epoch.mean_loss,
            mean_batch_accuracy: epoch.mean_batch_accuracy,
            validation,
        });
        self.add(&Line::Epoch(EpochLine {
            epoch: epoch.epoch,
            mean_loss: epoch.mean_loss,
            mean_batch_accuracy: epoch.mean_batch_accuracy,
            validation_accuracy: validation.map(|(accuracy, _)| accuracy),
            validation_loss: validation.map(|(_, loss)| loss),
        }));
        self.write(); // so that others can follow the file
    }

    fn write(&mut self) {
        let warning = self.metrics.write();
        warning.iter().for_each(|warning| self.progress.warn(warning));
    }

    fn add(&mut self, line: &Line) {
        let warning = self.metrics.add(line);
        warning.iter().for_each(|warning| self.progress.warn(warning));
    }

    /// Adds the last line, once there is a model; without an outcome the training diverged.
    pub fn finish(&mut self, outcome: Option<Outcome>) -> anyhow::Result<()> {
        self.metrics.finish(match outcome {
            Some(Outcome::Finished) => metrics::Ending::Finished,
            Some(Outcome::StoppedEarly) => metrics::Ending::StoppedEarly,
            Some(Outcome::Stopped) => metrics::Ending::Interrupted,
            None => metrics::Ending::Diverged,
        })
    }
}

/// The curves in the lines, with a point for each: those of the steps between them are not known.
fn curves_of(lines: &[Line], steps_per_epoch: u64) -> Curves {
    let mut curves = Curves::default();
    for line in lines {
        match line {
            Line::Step(step) => curves.steps.push(StepPoint {
                iteration: step.epoch as u64 * steps_per_epoch + step.iteration as u64,
                epoch: step.epoch,
                loss: step.loss,
                batch_accuracy: step.batch_accuracy,
                learning_rate: step.learning_rate,
            }),
            Line::Epoch(epoch) => curves.epochs.push(EpochPoint {
                iteration: (epoch.epoch as u64 + 1) * steps_per_epoch,
                mean_loss: epoch.mean_loss,
                mean_batch_accuracy: epoch.mean_batch_accuracy,
                validation: epoch.validation_accuracy.zip(epoch.validation_loss),
            }),
            Line::End(_) => {}
        }
    }
    curves
}

/// A flag that Ctrl-C raises.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    // Without the handler Ctrl-C ends the program as usual, which is no reason not to train.
    let _ = on_interrupt(move || raised.store(true, Relaxed));
    stop
}
