//! Several networks as one: an ensemble, whose answer is the mean of theirs.
//!
//! In: [`Evaluation`]s of the same images. Out: another, of the ensemble: `p = (p_1 + … + p_n) / n`. No network
//! counts more than another, and none is left out (L. K. Hansen and P. Salamon, "Neural network ensembles",
//! IEEE Transactions on Pattern Analysis and Machine Intelligence 1990).

use super::Evaluation;

impl Evaluation {
    /// What the networks of these evaluations say together.
    ///
    /// # Panics
    ///
    /// If there is none, or they are not evaluations of the same labels.
    pub fn ensemble(members: &[Evaluation]) -> Evaluation {
        let first = members.first().expect("Evaluation::ensemble: no member");
        assert!(members.iter().all(|one| one.labels == first.labels), "Evaluation::ensemble: labels");
        let mean = |of_member: &dyn Fn(&Evaluation) -> f64| {
            members.iter().map(of_member).sum::<f64>() / members.len() as f64
        };
        let probability = |place: usize| mean(&|one| f64::from(one.probabilities[place])) as f32;
        // A probability may be rounded to 0, a loss is never infinite: what the least loss has is taken out of the sum.
        let loss = |image: usize| {
            let losses = || members.iter().map(|one| f64::from(one.losses[image]));
            let least = losses().fold(f64::INFINITY, f64::min);
            (least - mean(&|one| (least - f64::from(one.losses[image])).exp()).ln()) as f32
        };
        Evaluation::new(
            first.classes.clone(),
            first.labels.clone(),
            (0..first.probabilities.len()).map(probability).collect(),
            (0..first.count()).map(loss).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::Classes;

    /// Of two classes, the first with the probability given; always labelled as the second.
    fn evaluation(first: f32, loss: f32) -> Evaluation {
        let classes = Classes::new(vec!["no".into(), "yes".into()]).unwrap();
        Evaluation::new(classes, vec![1], vec![first, 1.0 - first], vec![loss])
    }

    #[test]
    fn an_ensemble_says_the_mean_of_what_its_members_say() {
        let members = [0.9f32, 0.4, 0.3].map(|first| evaluation(first, -(1.0 - first).ln()));
        let together = Evaluation::ensemble(&members);
        let probabilities = together.probabilities(0);
        assert!((probabilities[0] - 1.6 / 3.0).abs() < 1e-6 && (probabilities[1] - 1.4 / 3.0).abs() < 1e-6);
        assert_eq!(together.prediction(0), 0, "the sure one outvotes the two others");
        assert!((together.loss() + (1.4f64 / 3.0).ln()).abs() < 1e-6, "{}", together.loss());
        assert_eq!(Evaluation::ensemble(&members[..1]), members[0]);
    }

    #[test]
    fn a_probability_of_nothing_leaves_the_loss_finite() {
        let together = Evaluation::ensemble(&[evaluation(1.0, 200.0), evaluation(1.0, 300.0)]);
        assert!((together.loss() - (200.0 + 2f64.ln())).abs() < 1e-4, "{}", together.loss());
    }
}
