//! A trained model, ready to read.
//!
//! In: a [`Model`], then images of 28x28 pixels. Out: the network's scores, and the probabilities that are shown, calibrated by
//! the model's temperature. Finds no digits in pictures.

#[cfg(feature = "lines")]
use super::lines::LineReader;
use crate::{
    classes::Classes,
    image::{DigitImage, most_probable},
    kernels::Level,
    model::Model,
    network::{InferenceModel, InferenceSession, Precision, softmax::probabilities},
};

/// A trained model, ready to read.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) network: InferenceModel,
    pub(super) classes: Classes,
    temperature: f32,
    /// Reads lines as a whole, if there is one.
    #[cfg(feature = "lines")]
    pub(super) lines: Option<LineReader>,
}

impl Reader {
    /// Makes a model ready, for a processor.
    pub fn new(model: &Model, level: Level) -> Self {
        Reader {
            network: InferenceModel::new(&model.network, level, Precision::F32),
            classes: model.classes.clone(),
            temperature: model.record.temperature.unwrap_or(1.0) as f32,
            #[cfg(feature = "lines")]
            lines: None,
        }
    }

    /// The same, but lines are read as a whole, by a line network.
    ///
    /// # Panics
    ///
    /// If the model's classes are not the digits.
    #[cfg(feature = "lines")]
    pub fn with_lines(self, lines: LineReader) -> Self {
        assert!(self.classes.are_digits(), "Reader::with_lines: classes");
        Reader { lines: Some(lines), ..self }
    }

    /// The classes that it distinguishes.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The probabilities of all classes for each image, calibrated by the model's temperature.
    pub fn probabilities(&self, images: &[DigitImage]) -> Vec<Vec<f32>> {
        self.score(images).iter().map(|scores| self.calibrated(scores)).collect()
    }

    /// What the network gives for each image.
    pub(super) fn score(&self, images: &[DigitImage]) -> Vec<Scores> {
        let block_size = self.network.block_size().min(images.len().max(1));
        let mut session = InferenceSession::new(&self.network, block_size);
        let mut scores = Vec::with_capacity(images.len());
        for images in images.chunks(block_size) {
            let logits = session.logits(images.iter().map(|image| &image.0[..]));
            scores.extend(logits.chunks_exact(self.classes.count()).map(Scores::new));
        }
        scores
    }

    /// The probabilities as they are shown: the logits divided by the model's temperature first.
    pub(super) fn calibrated(&self, scores: &Scores) -> Vec<f32> {
        probabilities(&scores.logits, self.temperature)
    }
}

/// What the network gives for an image.
#[derive(Clone, Debug)]
pub(super) struct Scores {
    pub logits: Vec<f32>,
    pub best: u8,
    /// The network's own probability of the best class. It decides what is a digit: calibrated on digits alone it would
    /// recognise others worse.
    pub score: f32,
}

impl Scores {
    fn new(logits: &[f32]) -> Self {
        let best = most_probable(logits);
        Scores { logits: logits.to_vec(), best, score: probabilities(logits, 1.0)[usize::from(best)] }
    }
}
