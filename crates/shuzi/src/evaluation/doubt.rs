//! Labels that may be wrong, for somebody to look at; and those that are known to be.
//!
//! In: an [`Evaluation`]. Out: indices of images. Where a network contradicts a label, one of the two is wrong; which,
//! eyes must tell. Ranked by the label's own probability, the first of the rankings of C. Northcutt, L. Jiang and
//! I. Chuang, "Confident learning: estimating uncertainty in dataset labels" (2021).

use super::Evaluation;
use sha2::{Digest, Sha256};

/// Labels of MNIST's test set that are wrong: more than half of five people saw another digit, or none
/// (C. Northcutt, A. Athalye and J. Mueller, "Pervasive label errors in test sets destabilize machine learning
/// benchmarks", 2021, <https://labelerrors.com>).
const WRONG_LABELS_OF_MNIST: [usize; 15] =
    [947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729];

/// Of MNIST's file `t10k-labels-idx1-ubyte`.
const MNIST_LABELS_SHA256: &str = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2";

impl Evaluation {
    /// Indices of the images whose label is in doubt, because another class is more probable than all others
    /// together; the least probable label (largest loss) first, as in [`worst_mistakes`](Self::worst_mistakes).
    pub fn doubtful_labels(&self) -> Vec<usize> {
        let mut doubtful = self.worst_mistakes();
        doubtful.retain(|&index| self.is_in_doubt(index));
        doubtful
    }

    /// Whether another class than the label of image `index` is more probable than all others together.
    pub fn is_in_doubt(&self, index: usize) -> bool {
        let prediction = self.prediction(index);
        prediction != self.label(index) && self.probabilities(index)[usize::from(prediction)] > 0.5
    }

    /// Indices of the images whose label is known to be wrong: 15 if these are the labels of MNIST's test set in
    /// their order, which their SHA-256 tells, else none. The images do not matter: under fog they are labelled as wrongly.
    pub fn known_wrong_labels(&self) -> &'static [usize] {
        const HEADER: [u8; 8] = [0, 0, 8, 1, 0, 0, 0x27, 0x10]; // IDX: labels, 10,000 of them
        let mut hasher = Sha256::new();
        hasher.update(HEADER);
        hasher.update(&self.labels);
        let sha256: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if sha256 == MNIST_LABELS_SHA256 { &WRONG_LABELS_OF_MNIST } else { &[] }
    }

    /// The evaluation of all images but those at `indices`.
    ///
    /// # Panics
    ///
    /// If none is left.
    pub fn without(&self, indices: &[usize]) -> Evaluation {
        let kept = || (0..self.count()).filter(|index| !indices.contains(index));
        Evaluation::new(
            self.classes.clone(),
            kept().map(|index| self.labels[index]).collect(),
            kept().flat_map(|index| self.probabilities(index)).copied().collect(),
            kept().map(|index| self.losses[index]).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{classes::Classes, evaluation::Evaluation, image::DIGITS};

    /// Images of a 3, which are read as `digit` with a probability, and the 3 has all the rest.
    fn evaluation(read: &[(usize, f32)]) -> Evaluation {
        let probabilities = |&(digit, probability): &(usize, f32)| {
            let mut probabilities = [0.0; DIGITS];
            probabilities[3] = 1.0 - probability;
            probabilities[digit] = probability;
            probabilities
        };
        let losses = read.iter().map(|&(digit, p)| if digit == 3 { 0.0 } else { -(1.0 - p).ln() });
        let probabilities = read.iter().flat_map(probabilities).collect();
        Evaluation::new(Classes::digits(), vec![3; read.len()], probabilities, losses.collect())
    }

    #[test]
    fn a_label_is_in_doubt_where_another_digit_has_more_than_half_and_the_least_probable_comes_first() {
        let mut found = evaluation(&[(3, 0.9), (8, 0.6), (5, 0.99), (8, 0.45), (8, 0.5), (2, 0.7)]);
        // The most probable with less than half.
        found.probabilities[3 * DIGITS..][..DIGITS]
            .copy_from_slice(&[0.1, 0.05, 0.0, 0.4, 0.0, 0.0, 0.0, 0.0, 0.45, 0.0]);
        assert_eq!(found.doubtful_labels(), [2, 5, 1]);
        assert_eq!(found.worst_mistakes(), [2, 5, 1, 3]);
        assert!(found.is_in_doubt(1) && !found.is_in_doubt(0) && !found.is_in_doubt(3));
    }

    #[test]
    fn without_some_of_them_the_others_stay_as_they_were() {
        let all = evaluation(&[(3, 0.9), (8, 0.6), (5, 0.99), (3, 0.8)]);
        assert_eq!(all.without(&[2]), evaluation(&[(3, 0.9), (8, 0.6), (3, 0.8)]));
        assert_eq!((all.accuracy(), all.without(&[2, 1]).accuracy()), (0.5, 1.0));
    }

    #[test]
    fn of_other_labels_none_is_known_to_be_wrong() {
        assert!(evaluation(&vec![(3, 0.9); 10_000]).known_wrong_labels().is_empty());
    }
}
