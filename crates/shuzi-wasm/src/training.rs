//! Training in the page, some steps at a time so that its worker can listen in between.

use crate::{Weights, explain, first_weights};
use serde_json::json;
use shuzi_engine::{
    Processor,
    dataset::{Dataset, Split, idx, synthetic},
    evaluation::evaluate,
    model::{Model, Record, TestResult},
    network::Network,
    recipe::Recipe,
    training::{Checkpoint, Event, Examples, Outcome, Task, initial_network, resume, split, train},
};
use std::ops::ControlFlow;
use wasm_bindgen::prelude::*;

/// A network that learns: what it learns from, and how far it is.
#[wasm_bindgen]
pub struct Training {
    task: Task,
    data: Dataset,
    split: Split,
    test: Dataset,
    network: Network,
    progress: Progress,
}

enum Progress {
    Begins,
    /// Boxed: all numbers of a training.
    Pauses(Box<Checkpoint>),
    Over,
}

#[wasm_bindgen]
impl Training {
    /// By a recipe, on so many digits that shuzi draws, tested on so many others.
    ///
    /// # Errors
    ///
    /// What is wrong with the recipe, or that there is no digit.
    pub fn synthetic(recipe: &str, count: usize, test_count: usize) -> Result<Training, JsError> {
        if count == 0 || test_count == 0 {
            return Err(JsError::new("no digit to learn from, or none to test with"));
        }
        // 1 and 2 are the seeds of synthetic data everywhere in shuzi.
        let [data, test] =
            [(count, 1), (test_count, 2)].map(|(count, seed)| synthetic::generate(count, seed, 1));
        Training::new(recipe, &format!("synthetic:{count}"), data, test)
    }

    /// By a recipe, on MNIST's four files, raw or gzip.
    ///
    /// # Errors
    ///
    /// What is wrong with the recipe, or with one of the files.
    pub fn mnist(
        recipe: &str,
        images: &[u8],
        labels: &[u8],
        test_images: &[u8],
        test_labels: &[u8],
    ) -> Result<Training, JsError> {
        let read = |images: &[u8], labels: &[u8]| {
            let images = idx::read_images(images, None).map_err(explain)?;
            let labels = idx::read_labels(labels, None).map_err(explain)?;
            Dataset::new(images, labels).map_err(explain)
        };
        Training::new(recipe, "MNIST", read(images, labels)?, read(test_images, test_labels)?)
    }

    /// Takes so many steps more, or as many as are left. `{"steps": [[step, loss, accuracy of the batch]…], "epoch", "over"}`.
    ///
    /// # Errors
    ///
    /// That the loss became infinite or not a number; then it is over.
    pub fn advance(&mut self, most_steps: u32) -> Result<String, JsError> {
        let Training { task, data, split, network, progress, .. } = self;
        let examples = Examples::shuffled(data, split);
        let (mut steps, mut epoch, mut pause) = (vec![], 0, None);
        let mut failure = None;
        let observe = |event: Event<'_>| match event {
            Event::Step(step) => {
                epoch = step.epoch;
                steps.push(json!([step.iteration, step.loss, step.batch_accuracy]));
                ControlFlow::Continue(())
            }
            Event::Epoch(_) => ControlFlow::Continue(()),
            Event::Pause(_) if steps.len() < most_steps as usize => ControlFlow::Continue(()),
            Event::Pause(at) => {
                match at.checkpoint(task) {
                    Ok(checkpoint) => pause = Some(Box::new(checkpoint)),
                    Err(error) => failure = Some(error),
                }
                ControlFlow::Break(())
            }
        };
        let processor = Processor::with_threads(1);
        let ended = match std::mem::replace(progress, Progress::Over) {
            Progress::Over => return Err(JsError::new("the training is over")),
            Progress::Begins => train(&task.recipe.training, network, examples, None, processor, observe),
            Progress::Pauses(checkpoint) => resume(*checkpoint, network, examples, None, processor, observe),
        };
        if let Some(error) = failure {
            return Err(explain(error));
        }
        let outcome = ended.map_err(explain)?;
        if let (Outcome::Stopped, Some(checkpoint)) = (outcome, pause) {
            *progress = Progress::Pauses(checkpoint);
        }
        let over = matches!(progress, Progress::Over);
        Ok(json!({ "steps": steps, "epoch": epoch, "over": over }).to_string())
    }

    /// How many of the test images are read right, of how many: two numbers.
    pub fn test(&self) -> Vec<u32> {
        let TestResult { count, correct } = self.test_result();
        vec![correct as u32, count as u32]
    }

    /// See [`crate::Model::first_weights`].
    pub fn first_weights(&self) -> Weights {
        first_weights(&self.network)
    }

    /// The network so far as a model file.
    pub fn model_file(&self) -> Vec<u8> {
        let record = Record {
            recipe: Some(self.task.recipe.clone()),
            trained_on: Some(self.task.trained_on.clone()),
            test: Some(self.test_result()),
            temperature: None,
        };
        Model { network: self.network.clone(), classes: self.data.classes().clone(), record }.to_safetensors()
    }
}

impl Training {
    fn new(recipe: &str, trained_on: &str, data: Dataset, test: Dataset) -> Result<Training, JsError> {
        let recipe = Recipe::from_toml(recipe.as_bytes()).map_err(explain)?;
        let batch = recipe.training.batch_size.of(data.len());
        if batch > data.len() {
            return Err(JsError::new(&format!("batches of {batch}, but {} images", data.len())));
        }
        let split = split(&data, 0, recipe.training.seed);
        let task = Task::new(recipe, trained_on.into(), Examples::shuffled(&data, &split));
        let network = initial_network(&task.recipe);
        Ok(Training { task, data, split, test, network, progress: Progress::Begins })
    }

    fn test_result(&self) -> TestResult {
        let evaluation = evaluate(&self.network, &self.test, Processor::with_threads(1));
        TestResult { count: evaluation.count(), correct: evaluation.correct() }
    }
}
