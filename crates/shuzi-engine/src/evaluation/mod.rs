//! How good a model is: accuracy with its interval, loss, confusion matrix, worst mistakes; whether
//! its confidence can be trusted, and whether it is better than another; suspected label errors; how
//! robust it is to corruption; and how well whole texts are read.
//!
//! In: the probabilities that a network gave to labelled images. Out: an [`Evaluation`].
//! Every image counts. The only module that looks at a test set; it never changes a weight.

mod calibration;
mod comparison;
mod ensemble;
mod label_errors;
pub mod robustness;
mod texts;

pub use self::{
    calibration::{CALIBRATION_BINS, ConfidenceBin},
    comparison::{Comparison, disagreements},
    texts::TextScore,
};
use crate::{
    Processor,
    classes::Classes,
    dataset::Dataset,
    image::most_probable,
    network::{InferenceModel, InferenceSession, Network, Precision},
};
use std::thread;

/// What a network said of a set of labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    classes: Classes,
    labels: Vec<u8>,
    /// `[images, classes]`.
    probabilities: Vec<f32>,
    losses: Vec<f32>,
}

/// Precision and recall of one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScore {
    /// Images that show this class.
    pub count: usize,
    /// Of the images read as this class, the fraction that are; `None` if none was.
    pub precision: Option<f64>,
    /// Of the images that show this class, the fraction read so; `None` if none does.
    pub recall: Option<f64>,
}

/// A number and the interval that holds the true one with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end, 0..=1.
    pub low: f64,
    /// Upper end, 0..=1.
    pub high: f64,
}

impl Evaluation {
    /// From the labels and, for each image, the probability of each class (`[images, classes]`) and the
    /// cross-entropy of the label (in nats; from the logits, so that it is never infinite).
    ///
    /// # Panics
    ///
    /// If the three are not of the same images, or there is none.
    pub fn new(classes: Classes, labels: Vec<u8>, probabilities: Vec<f32>, losses: Vec<f32>) -> Self {
        assert!(!labels.is_empty(), "Evaluation::new: no image");
        assert_eq!(labels.len() * classes.count(), probabilities.len(), "Evaluation::new: probabilities");
        assert_eq!(labels.len(), losses.len(), "Evaluation::new: losses");
        Evaluation { classes, labels, probabilities, losses }
    }

    /// What the images show.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// How many images were read.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// The class that image `index` was read as: the most probable, the first of equals.
    pub fn prediction(&self, index: usize) -> u8 {
        most_probable(self.probabilities(index))
    }

    /// The probability of each class for image `index`.
    pub fn probabilities(&self, index: usize) -> &[f32] {
        let classes = self.classes.count();
        &self.probabilities[index * classes..][..classes]
    }

    /// How many images were read right.
    pub fn correct(&self) -> usize {
        (0..self.count()).filter(|&index| self.prediction(index) == self.label(index)).count()
    }

    /// Fraction of images read right, 0..=1.
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.count() as f64
    }

    /// 95 % interval of the accuracy (Wilson 1927).
    pub fn interval(&self) -> Interval {
        wilson_interval(self.correct(), self.count())
    }

    /// The fraction that who always says the most frequent label gets right, 0..=1.
    pub fn majority_share(&self) -> f64 {
        let confusion = self.confusion();
        let most = confusion.iter().map(|row| row.iter().sum::<usize>()).max().expect("two classes or more");
        most as f64 / self.count() as f64
    }

    /// Whether so many images do not show that it reads better than who always says the most frequent
    /// label: that lies within the [interval](Self::interval), or above. Never of images that all have one label, nor without a mistake.
    pub fn is_no_better_than_guessing(&self) -> bool {
        let share = self.majority_share();
        share < 1.0 && self.correct() < self.count() && self.interval().low <= share
    }

    /// Mean cross-entropy of the labels, in nats.
    pub fn loss(&self) -> f64 {
        self.losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / self.count() as f64
    }

    /// `confusion()[label][prediction]`: how often `label` was read as `prediction`.
    pub fn confusion(&self) -> Vec<Vec<usize>> {
        let classes = self.classes.count();
        let mut confusion = vec![vec![0; classes]; classes];
        for index in 0..self.count() {
            confusion[usize::from(self.label(index))][usize::from(self.prediction(index))] += 1;
        }
        confusion
    }

    /// Precision and recall of each class.
    pub fn class_scores(&self) -> Vec<ClassScore> {
        let confusion = self.confusion();
        let score = |class: usize| {
            let right = confusion[class][class] as f64;
            let count: usize = confusion[class].iter().sum();
            let read_so: usize = confusion.iter().map(|row| row[class]).sum();
            let fraction = |of: usize| (of > 0).then(|| right / of as f64);
            ClassScore { count, precision: fraction(read_so), recall: fraction(count) }
        };
        (0..confusion.len()).map(score).collect()
    }

    /// Indices of the images read wrong, the most confident mistake (largest loss) first.
    pub fn worst_mistakes(&self) -> Vec<usize> {
        let mut wrong: Vec<usize> =
            (0..self.count()).filter(|&index| self.prediction(index) != self.label(index)).collect();
        wrong.sort_by(|&a, &b| self.losses[b].total_cmp(&self.losses[a]).then(a.cmp(&b)));
        wrong
    }
}

/// Reads every image of `data` with `processor`. The result does not depend on how many threads there are.
///
/// # Panics
///
/// If there is no thread, or the network has another number of classes than the data.
pub fn evaluate(network: &Network, data: &Dataset, processor: Processor) -> Evaluation {
    evaluate_ready(&InferenceModel::new(network, processor.level, Precision::F32), data, processor.threads)
}

/// [`evaluate`] with a network that is ready.
///
/// # Panics
///
/// As [`evaluate`].
pub fn evaluate_ready(network: &InferenceModel, data: &Dataset, threads: usize) -> Evaluation {
    assert!(threads > 0, "evaluate: no thread");
    let classes = data.classes().count();
    assert_eq!(network.classes(), classes, "evaluate: outputs and classes");
    let block_size = network.block_size();
    let share = data.len().div_ceil(block_size).div_ceil(threads) * block_size; // whole blocks for each thread
    let (mut probabilities, mut losses) = (vec![0.0; data.len() * classes], vec![0.0; data.len()]);
    let read = |first: usize, probabilities: &mut [f32], losses: &mut [f32]| {
        let mut session = InferenceSession::new(network, block_size);
        let blocks = probabilities.chunks_mut(block_size * classes).zip(losses.chunks_mut(block_size));
        for (start, (probabilities, losses)) in (first..).step_by(block_size).zip(blocks) {
            let examples = (start..start + losses.len()).map(|index| data.example(index));
            let block = session.evaluate(examples);
            probabilities.copy_from_slice(block.probabilities());
            losses.copy_from_slice(block.losses());
        }
    };
    if threads == 1 {
        read(0, &mut probabilities, &mut losses); // WebAssembly has no threads
    } else {
        thread::scope(|scope| {
            let shares = probabilities.chunks_mut(share * classes).zip(losses.chunks_mut(share));
            for (first, (probabilities, losses)) in (0..).step_by(share).zip(shares) {
                scope.spawn(move || read(first, probabilities, losses));
            }
        });
    }
    Evaluation::new(data.classes().clone(), data.labels().to_vec(), probabilities, losses)
}

/// The interval that holds the true rate with 95 % confidence when `hits` of `trials` hit:
/// E. B. Wilson, "Probable Inference" (1927). Stays inside 0..=1 also at 0 and at all hits.
///
/// ```
/// let interval = shuzi_engine::evaluation::wilson_interval(9607, 10_000);
/// assert!((interval.low - 0.9567).abs() < 5e-5 && (interval.high - 0.9643).abs() < 5e-5);
/// ```
///
/// # Panics
///
/// If `trials` is 0 or below `hits`.
pub fn wilson_interval(hits: usize, trials: usize) -> Interval {
    assert!(trials > 0 && hits <= trials, "wilson_interval: {hits} of {trials}");
    const Z: f64 = 1.959_963_984_540_054; // two-sided 95 % of the normal distribution
    let n = trials as f64;
    let rate = hits as f64 / n;
    let denominator = 1.0 + Z * Z / n;
    let centre = (rate + Z * Z / (2.0 * n)) / denominator;
    let half_width = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt() / denominator;
    Interval { low: (centre - half_width).max(0.0), high: (centre + half_width).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure_of(digit: usize) -> [f32; 10] {
        std::array::from_fn(|other| if other == digit { 0.91 } else { 0.01 })
    }

    #[test]
    fn counts_and_scores_follow_from_the_confusion_matrix() {
        let probabilities = [1, 7, 7, 7].map(sure_of).concat();
        let losses = vec![0.1, 4.0, 0.1, 0.1];
        let evaluation = Evaluation::new(Classes::digits(), vec![1, 1, 7, 7], probabilities, losses);
        assert_eq!(evaluation.correct(), 3);
        assert_eq!(evaluation.confusion()[1][7], 1);
        let scores = evaluation.class_scores();
        assert_eq!(scores[1].recall, Some(0.5));
        assert_eq!(scores[7].precision, Some(2.0 / 3.0));
        assert_eq!((scores[0].precision, scores[0].recall), (None, None));
        assert_eq!(evaluation.worst_mistakes(), [1]);
    }

    #[test]
    fn guessing_is_told_from_reading_by_the_interval() {
        let read = |labels: &[usize], predictions: &[usize]| {
            let labels = labels.iter().map(|&label| label as u8).collect::<Vec<_>>();
            let probabilities = predictions.iter().flat_map(|&digit| sure_of(digit)).collect();
            let losses = vec![1.0; labels.len()];
            Evaluation::new(Classes::digits(), labels, probabilities, losses)
        };
        let thirds = [0, 1, 2].repeat(12);
        assert_eq!(read(&thirds, &[0; 36]).majority_share(), 1.0 / 3.0);
        assert!(read(&thirds, &[0; 36]).is_no_better_than_guessing());
        let half_right =
            thirds.iter().enumerate().map(|(index, &digit)| digit * (index % 2)).collect::<Vec<_>>();
        assert!(!read(&thirds, &half_right).is_no_better_than_guessing(), "24 of 36");
        assert!(read(&thirds[..6], &half_right[..6]).is_no_better_than_guessing(), "4 of 6 may be luck");
        assert!(!read(&thirds[..3], &thirds[..3]).is_no_better_than_guessing(), "no mistake");
        assert!(!read(&[7; 5], &[1; 5]).is_no_better_than_guessing(), "there is only one label");
    }

    #[test]
    fn the_interval_stays_inside_the_unit_range() {
        assert!((0.0..1e-12).contains(&wilson_interval(0, 10).low));
        assert!((1.0 - 1e-12..=1.0).contains(&wilson_interval(10, 10).high)); // rounding only
        assert!(wilson_interval(10, 10).low < 0.8);
    }
}
