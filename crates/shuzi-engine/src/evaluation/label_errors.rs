//! Suspected label errors, for somebody to look at; and labels that are known to be wrong.
//!
//! In: an [`Evaluation`]. Out: indices of images. Where a network contradicts a label, one of the two is wrong; which,
//! a person must look. A label is suspected only where the network contradicts so few of what it reads as surely that an error of the label
//! is more probable than one of the network (docs/method.md). Ranked by the label's own probability, the first of the rankings of
//! C. Northcutt, L. Jiang and I. Chuang, "Confident learning: estimating uncertainty in dataset labels" (2021).

use super::Evaluation;
use crate::hash::hexadecimal;
use sha2::{Digest, Sha256};

/// Labels of MNIST's test set that are wrong: more than half of five people saw another digit, or none
/// (C. Northcutt, A. Athalye and J. Mueller, "Pervasive label errors in test sets destabilize machine learning
/// benchmarks", 2021, <https://labelerrors.com>).
const WRONG_LABELS_OF_MNIST: [usize; 15] =
    [947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729];

/// Of MNIST's file `t10k-labels-idx1-ubyte`.
const MNIST_LABELS_SHA256: &str = "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2";

/// How many labels of a data set are wrong: of MNIST's 10,000 test labels 15, of QuickDraw's one in ten, the fewest and the most
/// of ten data sets (Northcutt, Athalye and Mueller 2021).
const LABEL_ERRORS: [f64; 2] = [0.0015, 0.1];

/// The share of the images, those read most surely, in which a network itself is hardly wrong.
const SUREST: f64 = 0.25;

impl Evaluation {
    /// Indices of the images whose label is suspected to be wrong; the least probable label (largest loss) first, as in
    /// [`worst_mistakes`](Self::worst_mistakes).
    ///
    /// Another class than the label is more probable than all others together, and of the other images that the network reads at least
    /// as surely, it contradicts at most twice as many as labels may be wrong: then every second of them, or more, may be an error of the
    /// label. How many are wrong is not known; as they are wrong whether an image is easy or not, it is at most what the network
    /// contradicts of the quarter that it reads most surely.
    pub fn suspected_label_errors(&self) -> Vec<usize> {
        let confidences: Vec<f64> = (0..self.count()).map(|index| self.confidence(index)).collect();
        let mut surest_first: Vec<usize> = (0..self.count()).collect();
        surest_first.sort_by(|&a, &b| confidences[b].total_cmp(&confidences[a]).then(a.cmp(&b)));
        let is_contradicted = |index: &usize| self.prediction(*index) != self.label(*index);
        let surest = &surest_first[..((SUREST * self.count() as f64).round() as usize).max(1)];
        let contradicted = surest.iter().filter(|index| is_contradicted(index)).count();
        let [fewest, most] = LABEL_ERRORS;
        let label_errors = (contradicted as f64 / surest.len() as f64).clamp(fewest, most);

        let (mut suspected, mut others) = (vec![], 0);
        for (as_sure, &index) in surest_first.iter().enumerate().filter(|(_, index)| is_contradicted(index)) {
            if confidences[index] > 0.5 && f64::from(others) <= 2.0 * label_errors * as_sure as f64 {
                suspected.push(index);
            }
            others += 1;
        }
        suspected.sort_by(|&a, &b| self.losses[b].total_cmp(&self.losses[a]).then(a.cmp(&b)));
        suspected
    }

    /// Indices of the images whose label is known to be wrong: 15 if these are the labels of MNIST's test set in
    /// their order, recognised by their SHA-256, else none. The images do not matter: under fog they are labelled as wrongly.
    pub fn known_wrong_labels(&self) -> &'static [usize] {
        const HEADER: [u8; 8] = [0, 0, 8, 1, 0, 0, 0x27, 0x10]; // IDX: labels, 10,000 of them
        let mut hasher = Sha256::new();
        hasher.update(HEADER);
        hasher.update(&self.labels);
        let sha256 = hexadecimal(&hasher.finalize());
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
    fn labels_that_a_strong_network_contradicts_are_suspected_the_least_probable_first() {
        let mut read = vec![(3, 0.9); 997];
        read.extend([(8, 0.6), (5, 0.99), (2, 0.7)]);
        let found = evaluation(&read);
        assert_eq!(found.suspected_label_errors(), [998, 999, 997]);
        assert_eq!(found.worst_mistakes(), [998, 999, 997]);
        // Half is not more than half.
        assert!(evaluation(&[(3, 0.9), (8, 0.5), (3, 0.8)]).suspected_label_errors().is_empty());
    }

    #[test]
    fn where_a_network_is_often_wrong_only_its_surest_contradictions_are_suspected() {
        // Nine of ten are read right at 0.99. Those of 0.7 are read wrong as often as right: these are the network's own errors.
        let mut read = vec![(3, 0.99); 900];
        read.extend([(3, 0.7), (8, 0.7)].repeat(50));
        let weak = evaluation(&read).suspected_label_errors();
        assert!(weak.len() <= 5, "{weak:?}");
        // Three in a hundred contradicted, the surest ones like the others: these are the labels' errors, for all that is known.
        let strong =
            |index: usize| (if index.is_multiple_of(33) { 8 } else { 3 }, 0.999 - index as f32 / 10_000.0);
        let read: Vec<_> = (0..1000).map(strong).collect();
        assert_eq!(evaluation(&read).suspected_label_errors().len(), 31);
        // One that guesses is sure of nothing rightly.
        let guess =
            |index: usize| (if index.is_multiple_of(10) { 3 } else { 8 }, 0.999 - index as f32 / 10_000.0);
        let read: Vec<_> = (0..1000).map(guess).collect();
        assert!(evaluation(&read).suspected_label_errors().len() <= 1);
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
