//! What a report shows, as it comes in.

use shuzi_engine::{
    dataset::Dataset,
    evaluation::{
        Evaluation,
        robustness::{Corruption, Robustness},
    },
    image::DigitImage,
};

/// All that a report shows.
pub struct Report<'a> {
    /// Heading of the page, such as the name of the recipe.
    pub title: String,
    /// Recipe, data, timing, machine, hash of the weights …: plain text, in this order.
    pub facts: Vec<FactGroup>,
    /// The recipe as its author wrote it; an empty one is left out.
    pub recipe_toml: &'a str,
    /// What the network said.
    pub digits: Digits<'a>,
    /// How the training went; `None` when only an evaluation is reported.
    pub curves: Option<&'a Curves>,
    /// How robust it is, where that was measured.
    pub robustness: Option<&'a Corrupted<'a>>,
}

/// Digits that a network was asked about, and its answers.
#[derive(Clone, Copy)]
pub struct Digits<'a> {
    /// What the network said of `images`.
    pub evaluation: &'a Evaluation,
    /// The images that were evaluated, in the same order.
    pub images: &'a Dataset,
    /// The temperature in the model's record, where the probabilities are those without it.
    pub temperature: Option<f64>,
    /// Where each image is from; without, they are numbered.
    pub origins: Option<&'a [String]>,
}

/// Facts that belong together.
pub struct FactGroup {
    /// Such as "Machine".
    pub heading: String,
    /// Name and value, such as "processor" and its model.
    pub facts: Vec<(String, String)>,
}

/// What was recorded during a training, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// One point for each mini-batch.
    pub steps: Vec<StepPoint>,
    /// One point for each finished epoch.
    pub epochs: Vec<EpochPoint>,
    /// Accuracy on the test set after the last step, 0..=1.
    pub test_accuracy: Option<f64>,
    /// Mean cross-entropy on the test set after the last step, in nats.
    pub test_loss: Option<f64>,
}

/// One mini-batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepPoint {
    /// Counted from 0 through all epochs.
    pub iteration: u64,
    /// The epoch it belongs to, from 0.
    pub epoch: usize,
    /// Mean cross-entropy of the batch, in nats; may be infinite or NaN when training diverges.
    pub loss: f32,
    /// Fraction of the batch read right, 0..=1.
    pub batch_accuracy: f32,
    /// The learning rate of its step.
    pub learning_rate: f32,
}

/// One finished epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochPoint {
    /// The iteration at its end.
    pub iteration: u64,
    /// Mean over its batches, in nats.
    pub mean_loss: f32,
    /// Mean over its batches, 0..=1.
    pub mean_batch_accuracy: f32,
    /// Accuracy (0..=1) and loss (nats) on the validation set.
    pub validation: Option<(f64, f64)>,
}

/// What was measured, and what it looks like.
pub struct Corrupted<'a> {
    /// Accuracies.
    pub measured: &'a Robustness,
    /// An image as it is, and under each corruption.
    pub examples: (DigitImage, [DigitImage; Corruption::ALL.len()]),
}
