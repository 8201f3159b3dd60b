//! Calibration: whether a network that is 90 % sure is right nine times of ten.
//!
//! The *confidence* of a reading is its largest probability. In: an [`Evaluation`]. Out: its
//! reliability, stretch by stretch of confidence, the expected calibration error, and the
//! temperature that would lessen it. All after Guo, Pleiss, Sun and Weinberger, "On calibration of
//! modern neural networks", ICML 2017.

use super::Evaluation;

/// Into so many bins of equal width the expected calibration error cuts the confidences.
pub const CALIBRATION_BINS: usize = 15;

/// The smallest and the largest temperature that are tried.
const TEMPERATURES: [f64; 2] = [0.01, 100.0];

/// The images whose confidence lies in one stretch; at least one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceBin {
    /// Its place among all bins, those without an image included, from 0.
    pub place: usize,
    /// Images.
    pub count: usize,
    /// Images read right.
    pub correct: usize,
    /// Mean of their confidences, 0..=1.
    pub confidence: f64,
}

impl ConfidenceBin {
    /// Fraction read right, 0..=1.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.count as f64
    }
}

impl Evaluation {
    /// The probability of the class that image `index` was read as, 1 / classes to 1.
    pub fn confidence(&self, index: usize) -> f64 {
        f64::from(self.probabilities(index)[usize::from(self.prediction(index))])
    }

    /// The images by their confidence, from the least on: bin `i` ends at `ends[i]`, its end
    /// included, and what is above all ends is in one more. Bins without an image are left out.
    ///
    /// # Panics
    ///
    /// If the ends do not ascend.
    pub fn confidence_bins(&self, ends: &[f64]) -> Vec<ConfidenceBin> {
        assert!(ends.is_sorted(), "confidence_bins: {ends:?}");
        let empty = |place| ConfidenceBin { place, count: 0, correct: 0, confidence: 0.0 };
        let mut bins: Vec<_> = (0..=ends.len()).map(empty).collect();
        for index in 0..self.count() {
            let confidence = self.confidence(index);
            let bin = &mut bins[ends.partition_point(|end| *end < confidence)];
            bin.count += 1;
            bin.correct += usize::from(self.prediction(index) == self.label(index));
            bin.confidence += confidence; // a sum, until all are there
        }
        bins.retain(|bin| bin.count > 0);
        for bin in &mut bins {
            bin.confidence /= bin.count as f64;
        }
        bins
    }

    /// Expected calibration error, 0..=1: how far accuracy and mean confidence are apart in a bin, on
    /// the mean over all images. [`CALIBRATION_BINS`] bins of equal width.
    pub fn expected_calibration_error(&self) -> f64 {
        let ends: Vec<f64> = (1..CALIBRATION_BINS).map(|bin| bin as f64 / CALIBRATION_BINS as f64).collect();
        let gap = |bin: &ConfidenceBin| bin.count as f64 * (bin.accuracy() - bin.confidence).abs();
        self.confidence_bins(&ends).iter().map(gap).sum::<f64>() / self.count() as f64
    }

    /// What the network would have said with its logits divided by `temperature`: less sure above
    /// 1, surer below, the same order of classes.
    ///
    /// # Panics
    ///
    /// If `temperature` is not above 0.
    pub fn at_temperature(&self, temperature: f64) -> Evaluation {
        assert!(temperature > 0.0, "at_temperature: {temperature}");
        let (mut probabilities, mut losses) = (self.probabilities.clone(), self.losses.clone());
        let outputs = probabilities.chunks_exact_mut(self.classes.count()).zip(&mut losses);
        for (index, (p, loss)) in outputs.enumerate() {
            let mut scaled = self.log_probabilities(index);
            scaled.iter_mut().for_each(|log_p| *log_p /= temperature);
            let log_sum = log_sum_exp(scaled.iter().copied());
            p.iter_mut().zip(&scaled).for_each(|(p, scaled)| *p = (scaled - log_sum).exp() as f32);
            *loss = (log_sum - scaled[usize::from(self.label(index))]) as f32;
        }
        Evaluation { classes: self.classes.clone(), labels: self.labels.clone(), probabilities, losses }
    }

    /// The temperature with the smallest mean cross-entropy, 0.01..=100. `None` where none is the
    /// best: images that are all read right want it ever smaller, readings worse than chance ever
    /// larger. To be fitted on a validation part, never on the test set.
    pub fn best_temperature(&self) -> Option<f64> {
        const HALVINGS: usize = 40; // of an interval of 9.2: to 1e-11
        let log_probabilities: Vec<_> =
            (0..self.count()).map(|index| self.log_probabilities(index)).collect();
        let slope = |ln_temperature: f64| {
            let temperature = ln_temperature.exp();
            log_probabilities
                .iter()
                .zip(&self.labels)
                .map(|(p, label)| slope(p, *label, temperature))
                .sum::<f64>()
        };
        // The loss is convex in 1 / temperature, so its slope changes its sign at most once.
        let [mut low, mut high] = TEMPERATURES.map(f64::ln);
        if !(slope(low) > 0.0 && slope(high) < 0.0) {
            return None;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if slope(middle) > 0.0 { low = middle } else { high = middle }
        }
        Some(f64::midpoint(low, high).exp())
    }

    /// The logits of image `index`, less a constant. That of the label comes from its loss, which is
    /// exact where its probability is too small for a float.
    fn log_probabilities(&self, index: usize) -> Vec<f64> {
        let mut log_p: Vec<f64> = self.probabilities(index).iter().map(|&p| f64::from(p).ln()).collect();
        log_p[usize::from(self.label(index))] = -f64::from(self.losses[index]);
        log_p
    }
}

/// The derivative of an image's cross-entropy by 1 / temperature: the mean of the log-probabilities
/// under the tempered probabilities, less that of the label.
fn slope(log_p: &[f64], label: u8, temperature: f64) -> f64 {
    let scaled = log_p.iter().map(|log_p| log_p / temperature);
    let log_sum = log_sum_exp(scaled.clone());
    let terms = log_p.iter().zip(scaled).filter(|(log_p, _)| **log_p > f64::NEG_INFINITY); // 0 · ln 0 is 0
    terms.map(|(log_p, scaled)| (scaled - log_sum).exp() * log_p).sum::<f64>() - log_p[usize::from(label)]
}

/// `ln Σ exp(x)`, without overflow.
fn log_sum_exp(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = x.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + x.map(|x| (x - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rng, classes::Classes, image::DIGITS};
    use rand::{RngExt, SeedableRng};

    /// One image: the probability of its reading, 0, and whether that is its label.
    fn reading(confidence: f32, right: bool) -> (u8, [f32; DIGITS], f32) {
        let rest = (1.0 - confidence) / 9.0;
        let p = std::array::from_fn(|digit| if digit == 0 { confidence } else { rest });
        (u8::from(!right), p, -(if right { confidence } else { rest }).ln())
    }

    fn evaluation(readings: impl IntoIterator<Item = (u8, [f32; DIGITS], f32)>) -> Evaluation {
        let (mut labels, mut probabilities, mut losses) = (vec![], vec![], vec![]);
        for (label, p, loss) in readings {
            labels.push(label);
            probabilities.extend(p);
            losses.push(loss);
        }
        Evaluation::new(Classes::digits(), labels, probabilities, losses)
    }

    /// Images whose labels are drawn from the probabilities that random logits give; what is
    /// reported are those of the logits times `sharpness`.
    fn drawn(count: usize, sharpness: f64) -> Evaluation {
        let mut rng = Rng::seed_from_u64(11);
        evaluation((0..count).map(|_| {
            let logits: [f64; DIGITS] = std::array::from_fn(|_| 6.0 * rng.random::<f64>());
            let log_sum = log_sum_exp(logits.into_iter());
            let mut left = rng.random::<f64>();
            let label = logits.iter().position(|z| {
                left -= (z - log_sum).exp();
                left < 0.0
            });
            let label = label.unwrap_or(DIGITS - 1);
            let reported = logits.map(|z| z * sharpness);
            let log_sum = log_sum_exp(reported.into_iter());
            let p = reported.map(|z| (z - log_sum).exp() as f32);
            (label as u8, p, (log_sum - reported[label]) as f32)
        }))
    }

    #[test]
    fn the_calibration_error_is_what_the_hand_computes() {
        // Bin (12/15, 13/15]: two of four right at 0.85, a gap of 0.35. Bin (7/15, 8/15]: one of
        // one at 0.5, a gap of 0.5. Together (4 · 0.35 + 1 · 0.5) / 5.
        let readings = [(0.85, true), (0.85, false), (0.85, true), (0.85, false), (0.5, true)];
        let evaluation = evaluation(readings.map(|(confidence, right)| reading(confidence, right)));
        assert!((evaluation.expected_calibration_error() - 1.9 / 5.0).abs() < 1e-7);
    }

    #[test]
    fn the_calibration_error_is_that_of_the_definition() {
        let evaluation = drawn(3000, 2.0);
        let mut error = 0.0;
        for bin in 0..15 {
            let (low, high) = (bin as f64 / 15.0, (bin + 1) as f64 / 15.0);
            let inside: Vec<usize> = (0..3000)
                .filter(|&index| low < evaluation.confidence(index) && evaluation.confidence(index) <= high)
                .collect();
            let right = inside.iter().filter(|&&i| evaluation.prediction(i) == evaluation.label(i)).count();
            error += (right as f64 - inside.iter().map(|&i| evaluation.confidence(i)).sum::<f64>()).abs();
        }
        assert!((evaluation.expected_calibration_error() - error / 3000.0).abs() < 1e-12);
        assert!(error / 3000.0 > 0.1, "the check sees something");
    }

    #[test]
    fn bins_hold_their_upper_end_and_every_image_once() {
        let evaluation = evaluation([0.25, 0.5, 0.75, 1.0].map(|confidence| reading(confidence, true)));
        let bins = evaluation.confidence_bins(&[0.2, 0.5]);
        let places: Vec<_> = bins.iter().map(|bin| (bin.place, bin.count, bin.confidence)).collect();
        assert_eq!(places, [(1, 2, 0.375), (2, 2, 0.875)]);
    }

    #[test]
    fn the_temperature_of_sharpened_probabilities_is_found() {
        // 20,000 labels leave the optimum itself a standard error of about a hundredth.
        for sharpness in [0.5, 1.0, 2.0, 3.5] {
            let evaluation = drawn(20_000, sharpness);
            let temperature = evaluation.best_temperature().unwrap();
            assert!((temperature / sharpness - 1.0).abs() < 0.03, "{sharpness}: {temperature}");
            let tempered = evaluation.at_temperature(temperature);
            assert!(tempered.expected_calibration_error() < 0.02, "{sharpness}");
            for other in [temperature * 0.99, temperature * 1.01] {
                assert!(tempered.loss() < evaluation.at_temperature(other).loss(), "{sharpness}: {other}");
            }
        }
    }

    #[test]
    fn temperature_one_changes_nothing_and_no_temperature_the_reading() {
        let evaluation = drawn(500, 3.0);
        let same = evaluation.at_temperature(1.0);
        assert!((same.loss() - evaluation.loss()).abs() < 1e-6);
        assert!((same.expected_calibration_error() - evaluation.expected_calibration_error()).abs() < 1e-6);
        assert_eq!(evaluation.at_temperature(2.5).confusion(), evaluation.confusion());
    }

    #[test]
    fn where_no_temperature_is_the_best_there_is_none() {
        let all_right = evaluation([0.6, 0.99, 1.0].map(|confidence| reading(confidence, true)));
        assert_eq!(all_right.best_temperature(), None);
        let all_wrong = evaluation([0.6, 0.99].map(|confidence| reading(confidence, false)));
        assert_eq!(all_wrong.best_temperature(), None);
        let broken = evaluation([(0, [f32::NAN; DIGITS], f32::NAN)]);
        assert_eq!(broken.best_temperature(), None);
        assert!(broken.expected_calibration_error().is_nan());
    }

    #[test]
    fn a_label_without_any_probability_still_counts() {
        // Probability 0 as a float, but a loss of 300 nats: at a temperature of 100 it is 3.
        let mut p = [0.0; DIGITS];
        p[0] = 1.0;
        let evaluation = evaluation([(1, p, 300.0)]);
        let loss = evaluation.at_temperature(100.0).loss();
        assert!((loss - (3.0 + (-3.0f64).exp().ln_1p())).abs() < 1e-6, "{loss}");
    }
}
