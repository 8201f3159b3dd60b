//! Two networks on the same images: is one better, or was it chance?
//!
//! In: [`Evaluation`]s of the same images. Out: how many images only one of them reads right, and
//! the exact form of McNemar's test ("Note on the sampling error of the difference between
//! correlated proportions or percentages", Psychometrika 1947). The images that both read alike
//! say nothing of the difference, which is why pairs of answers say more than two accuracies and their
//! intervals.

use super::Evaluation;

/// How two networks differ on the same images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Images that only the first reads right.
    pub only_first: usize,
    /// Images that only the second reads right.
    pub only_second: usize,
}

impl Comparison {
    /// Counts the images that only one of the two reads right.
    ///
    /// # Panics
    ///
    /// If they are not evaluations of the same labels.
    pub fn new(first: &Evaluation, second: &Evaluation) -> Self {
        assert_eq!(first.labels, second.labels, "Comparison::new: labels");
        let mut comparison = Comparison { only_first: 0, only_second: 0 };
        for index in 0..first.count() {
            match [first, second].map(|one| one.prediction(index) == one.label(index)) {
                [true, false] => comparison.only_first += 1,
                [false, true] => comparison.only_second += 1,
                _ => {}
            }
        }
        comparison
    }

    /// McNemar's exact two-sided test: the probability, 0..=1, that two networks that are equally
    /// good differ at least so much by chance.
    pub fn p_value(&self) -> f64 {
        let (fewer, all) = (self.only_first.min(self.only_second), self.only_first + self.only_second);
        (2.0 * fair_coin_tail(all, fewer)).min(1.0)
    }
}

/// The images that the evaluations do not all read as the same class, the largest difference of
/// loss first.
///
/// # Panics
///
/// If they are not of the same number of images.
pub fn disagreements(evaluations: &[Evaluation]) -> Vec<usize> {
    let Some(first) = evaluations.first() else { return vec![] };
    assert!(evaluations.iter().all(|one| one.count() == first.count()), "disagreements: counts");
    let differ =
        |index: &usize| evaluations.iter().any(|one| one.prediction(*index) != first.prediction(*index));
    let spread = |index: usize| {
        let losses = || evaluations.iter().map(|one| one.losses[index]);
        losses().fold(f32::NEG_INFINITY, f32::max) - losses().fold(f32::INFINITY, f32::min)
    };
    let mut images: Vec<usize> = (0..first.count()).filter(differ).collect();
    images.sort_by(|&a, &b| spread(b).total_cmp(&spread(a)).then(a.cmp(&b)));
    images
}

/// The probability that `tosses` of a fair coin show at most `heads` heads.
fn fair_coin_tail(tosses: usize, heads: usize) -> f64 {
    // ln of the binomial coefficient; then from term to term downwards by their ratio.
    let ln_ways = (0..heads).map(|i| ((tosses - i) as f64 / (i + 1) as f64).ln()).sum::<f64>();
    let mut term = (ln_ways - tosses as f64 * std::f64::consts::LN_2).exp();
    let mut tail = 0.0;
    for k in (0..=heads).rev() {
        tail += term;
        term *= k as f64 / (tosses - k + 1) as f64;
    }
    tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::Classes;

    fn p_value(only_first: usize, only_second: usize) -> f64 {
        Comparison { only_first, only_second }.p_value()
    }

    /// Reads each image as the digit given, or all as 0.
    fn reads(labels: &[u8], digits: &[u8], losses: &[f32]) -> Evaluation {
        let sure_of = |&digit: &u8| (0..10).map(move |other| if other == digit { 0.91 } else { 0.01 });
        let probabilities = digits.iter().flat_map(sure_of).collect();
        Evaluation::new(Classes::digits(), labels.to_vec(), probabilities, losses.to_vec())
    }

    #[test]
    fn the_p_value_is_what_the_hand_computes() {
        for (only_first, only_second, expected) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (0, 5, 2.0 / 32.0),
            (5, 1, 2.0 * (1.0 + 6.0) / 64.0),
            (3, 3, 1.0),
            (2, 8, 2.0 * (1.0 + 10.0 + 45.0) / 1024.0),
        ] {
            let found = p_value(only_first, only_second);
            assert!((found - expected).abs() < 1e-14, "{only_first}, {only_second}: {found}");
        }
    }

    #[test]
    fn the_p_value_counts_every_outcome_of_tossing_a_coin() {
        for tosses in 0..=14usize {
            for heads in 0..=tosses {
                let from_middle = |heads: usize| (2 * heads).abs_diff(tosses);
                let extreme = (0..1u32 << tosses)
                    .filter(|outcome| from_middle(outcome.count_ones() as usize) >= from_middle(heads))
                    .count();
                let expected = extreme as f64 / 2f64.powi(tosses as i32);
                assert!((p_value(heads, tosses - heads) - expected).abs() < 1e-12, "{heads} of {tosses}");
            }
        }
    }

    #[test]
    fn thousands_of_images_neither_overflow_nor_vanish() {
        // By integers of any size: sum of binomials up to 400 of 1,000, twice, over 2^1000.
        let found = p_value(400, 600);
        assert!((found / 2.728_464_156_066e-10 - 1.0).abs() < 1e-9, "{found:e}");
        assert!((p_value(500_000, 500_000) - 1.0).abs() < 1e-9);
        assert_eq!(p_value(0, 1_000_000), 0.0, "smaller than any float");
    }

    #[test]
    fn only_images_that_one_reads_right_count() {
        let labels = [1, 2, 3, 4, 5];
        let losses = [0.1; 5];
        let first = reads(&labels, &[1, 2, 9, 4, 9], &losses);
        let second = reads(&labels, &[1, 9, 3, 9, 8], &losses);
        assert_eq!(Comparison::new(&first, &second), Comparison { only_first: 2, only_second: 1 });
    }

    #[test]
    fn disagreements_are_told_from_the_largest_on() {
        let labels = [1, 2, 3, 4];
        let first = reads(&labels, &[1, 2, 9, 4], &[0.1, 0.1, 2.0, 0.1]);
        let second = reads(&labels, &[1, 9, 3, 4], &[0.1, 5.0, 0.1, 0.9]);
        assert_eq!(disagreements(&[first, second]), [1, 2]);
        assert_eq!(disagreements(&[]), [0; 0]);
    }
}
