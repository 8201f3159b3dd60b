//! How good a model is on labelled images.

use crate::{Dataset, DatasetError, Model};
use shuzi_engine::{Processor, evaluation};

/// Reads all images and compares with their labels.
///
/// # Errors
///
/// [`DatasetError`], if the data has a class that the model does not know.
pub fn evaluate(model: &Model, data: &Dataset) -> Result<Evaluation, DatasetError> {
    let data = data.for_model(model)?;
    let processor = Processor::with_threads(crate::training::all_threads());
    Ok(Evaluation { inner: evaluation::evaluate(&model.inner.network, &data.inner, processor) })
}

/// What a model said of labelled images.
///
/// ```
/// # #[cfg(feature = "classic")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let test = shuzi::Dataset::synthetic(200, 1);
/// let evaluation = shuzi::evaluate(&shuzi::Model::named("classic")?, &test)?;
/// assert_eq!(evaluation.correct() + evaluation.mistakes().len(), test.len());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "classic"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    inner: evaluation::Evaluation,
}

impl Evaluation {
    /// How many images were read.
    pub fn count(&self) -> usize {
        self.inner.count()
    }

    /// How many were read right.
    pub fn correct(&self) -> usize {
        self.inner.correct()
    }

    /// The fraction that was read right, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.inner.accuracy()
    }

    /// The accuracy's 95 % confidence interval, low and high (Wilson 1927).
    pub fn interval(&self) -> (f64, f64) {
        let interval = self.inner.interval();
        (interval.low, interval.high)
    }

    /// The mean cross-entropy.
    pub fn loss(&self) -> f64 {
        self.inner.loss()
    }

    /// How often each class (row) was read as which (column): `[classes][classes]`.
    pub fn confusion(&self) -> Vec<Vec<usize>> {
        self.inner.confusion()
    }

    /// The images that were read wrong, the most confident first.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mistake = |index: usize| {
            let predicted = self.inner.prediction(index);
            let confidence = self.inner.probabilities(index)[usize::from(predicted)];
            Mistake { index, label: self.inner.label(index), predicted, confidence }
        };
        self.inner.worst_mistakes().into_iter().map(mistake).collect()
    }
}

/// An image that was read wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Mistake {
    /// Its place in the data set, from 0.
    pub index: usize,
    /// What the data set says that it is.
    pub label: u8,
    /// What the model read.
    pub predicted: u8,
    /// The model's probability of that, 0 to 1.
    pub confidence: f32,
}
