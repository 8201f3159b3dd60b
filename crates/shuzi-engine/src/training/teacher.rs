//! A teacher: a trained network whose answers another learns from, besides the labels (distillation: Hinton, Vinyals &
//! Dean, "Distilling the Knowledge in a Neural Network", 2015).
//!
//! In: a batch, as the learning network is going to see it. Out: for each image the target
//! `(1 − w)·label + w·softmax(z / T)`, with the teacher's logits `z`, the recipe's weight `w` and temperature `T`.

use super::epoch::Batch;
use crate::{
    image::NO_DIGIT,
    kernels::team::Team,
    network::{InferenceModel, InferenceSession},
    recipe::{Distillation, TrainingRecipe},
};

/// A teacher at work.
pub(super) struct Teacher<'a> {
    /// Images that are read together.
    block_size: usize,
    /// One for each thread.
    sessions: Vec<InferenceSession<'a>>,
    /// Targets of each block of the batch, how probable each class should be: `[images, classes]`.
    answers: Vec<Vec<f32>>,
    /// Of all of them.
    targets: Vec<f32>,
    distillation: &'a Distillation,
    label_smoothing: f32,
}

/// The teacher's targets of all images of a batch, `[images, classes]`; none without a teacher.
pub(super) fn targets<'a>(
    teacher: &'a mut Option<Teacher<'_>>,
    batch: Batch<'_>,
    team: &mut Team<'_>,
) -> &'a [f32] {
    teacher.as_mut().map_or(&[], |teacher| teacher.targets(batch, team))
}

impl<'a> Teacher<'a> {
    /// `None` if the recipe asks for no teacher.
    ///
    /// # Panics
    ///
    /// If it asks for one and there is none, or the other way round.
    pub fn new(
        network: Option<&'a InferenceModel>,
        recipe: &'a TrainingRecipe,
        threads: usize,
        batch_size: usize,
    ) -> Option<Self> {
        assert_eq!(recipe.distillation.is_some(), network.is_some(), "train: a teacher, as the recipe says");
        let (network, distillation) = (network?, recipe.distillation.as_ref()?);
        let (block_size, classes) =
            (network.block_size().min(batch_size.div_ceil(threads)), network.classes());
        let space = || Vec::with_capacity(block_size * classes);
        Some(Teacher {
            block_size,
            sessions: (0..threads).map(|_| InferenceSession::new(network, block_size)).collect(),
            answers: (0..batch_size.div_ceil(block_size)).map(|_| space()).collect(),
            targets: Vec::with_capacity(batch_size * classes),
            distillation,
            label_smoothing: recipe.label_smoothing,
        })
    }

    /// The targets of all images of a batch, `[images, classes]`.
    fn targets(&mut self, batch: Batch<'_>, team: &mut Team<'_>) -> &[f32] {
        let Teacher { block_size, sessions, answers, targets, distillation, label_smoothing } = self;
        let block_size = *block_size;
        let answers = &mut answers[..batch.indices.len().div_ceil(block_size)];
        team.for_each_with_workspace(answers, sessions, |index, answers, session| {
            let Batch { data, indices, .. } = batch.part(index, block_size);
            let examples = indices.iter().map(|&index| data.example(index as usize));
            let logits = session.logits(examples.clone().map(|(image, _)| image));
            answers.clear();
            for (logits, (_, label)) in logits.chunks_exact(logits.len() / indices.len()).zip(examples) {
                distillation.push_target(logits, label, *label_smoothing, answers);
            }
        });
        targets.clear();
        targets.extend(answers.iter().flatten());
        targets
    }
}

impl Distillation {
    /// Adds an image's target to `targets`.
    fn push_target(&self, logits: &[f32], label: u8, label_smoothing: f32, targets: &mut Vec<f32>) {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let first = targets.len();
        targets.extend(logits.iter().map(|z| ((z - largest) / self.temperature).exp()));
        let target = &mut targets[first..];
        let sum: f32 = target.iter().sum();
        let spread = if label == NO_DIGIT { 1.0 } else { label_smoothing };
        for p in &mut *target {
            *p = self.weight * *p / sum + (1.0 - self.weight) * spread / logits.len() as f32;
        }
        if label != NO_DIGIT {
            target[usize::from(label)] += (1.0 - self.weight) * (1.0 - label_smoothing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::DIGITS;

    impl Distillation {
        fn target(&self, logits: &[f32], label: u8, label_smoothing: f32) -> Vec<f32> {
            let mut targets = vec![];
            self.push_target(logits, label, label_smoothing, &mut targets);
            targets
        }
    }

    #[test]
    fn a_target_is_the_label_and_the_teachers_answer_in_their_shares() {
        let mut logits = [0.0; DIGITS];
        (logits[3], logits[5]) = (4.0 * 3f32.ln(), 4.0 * 2f32.ln());
        let by = |weight, temperature| Distillation {
            teacher: String::new(),
            teacher_sha256: None,
            weight,
            temperature,
        };
        let target = by(0.5, 4.0).target(&logits, 5, 0.2); // softened to 3 : 2 : eight times 1
        for (digit, found) in target.iter().enumerate() {
            let (share, label) = match digit {
                3 => (3.0 / 13.0, 0.02),
                5 => (2.0 / 13.0, 0.82),
                _ => (1.0 / 13.0, 0.02),
            };
            assert!((found - (share + label) / 2.0).abs() < 1e-6, "{digit}: {target:?}");
        }
        assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let mut label_alone = [0.0; DIGITS];
        label_alone[7] = 1.0;
        assert_eq!(by(0.0, 1.0).target(&logits, 7, 0.0), label_alone);
        logits[3] = 3e38; // no overflow
        assert_eq!(by(1.0, 1.0).target(&logits, 7, 0.0)[3], 1.0);
    }
}
