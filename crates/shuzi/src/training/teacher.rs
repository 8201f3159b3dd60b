//! A teacher: a trained network whose answers another learns from, besides the labels (distillation: Hinton, Vinyals &
//! Dean, "Distilling the Knowledge in a Neural Network", 2015).
//!
//! In: a batch, as the learning network is going to see it. Out: for each image the target
//! `(1 − w)·label + w·softmax(z / T)`, with the teacher's logits `z`, the recipe's weight `w` and temperature `T`.

use super::Batch;
use crate::{
    image::{DIGITS, NO_DIGIT},
    kernels::team::Team,
    network::{ReadyNetwork, Recognizer},
    recipe::{Distillation, TrainingRecipe},
};

/// A teacher at work.
pub(super) struct Teacher<'a> {
    /// Images that are read together.
    block_size: usize,
    /// One for each thread.
    recognizers: Vec<Recognizer<'a>>,
    /// Targets of each block of the batch.
    answers: Vec<Vec<Target>>,
    targets: Vec<Target>,
    distillation: &'a Distillation,
    label_smoothing: f32,
}

/// How probable each digit should be.
type Target = [f32; DIGITS];

impl<'a> Teacher<'a> {
    /// `None` if the recipe asks for no teacher.
    ///
    /// # Panics
    ///
    /// If it asks for one and there is none, or the other way round.
    pub fn new(
        network: Option<&'a ReadyNetwork>,
        recipe: &'a TrainingRecipe,
        threads: usize,
        batch_size: usize,
    ) -> Option<Self> {
        assert_eq!(recipe.distillation.is_some(), network.is_some(), "train: a teacher, as the recipe says");
        let (network, distillation) = (network?, recipe.distillation.as_ref()?);
        let block_size = network.block_size().min(batch_size.div_ceil(threads));
        Some(Teacher {
            block_size,
            recognizers: (0..threads).map(|_| Recognizer::new(network, block_size)).collect(),
            answers: (0..batch_size.div_ceil(block_size)).map(|_| Vec::with_capacity(block_size)).collect(),
            targets: Vec::with_capacity(batch_size),
            distillation,
            label_smoothing: recipe.label_smoothing,
        })
    }

    /// The targets of all images of a batch.
    pub fn targets(&mut self, batch: Batch<'_>, team: &mut Team<'_>) -> &[Target] {
        let Teacher { block_size, recognizers, answers, targets, distillation, label_smoothing } = self;
        let block_size = *block_size;
        let answers = &mut answers[..batch.indices.len().div_ceil(block_size)];
        team.for_each_in_room(answers, recognizers, |index, answers, recognizer| {
            let Batch { data, indices, .. } = batch.part(index, block_size);
            let block = recognizer.read(indices.iter().map(|&index| data.example(index as usize)));
            let labelled = block.logits().iter().zip(block.labels());
            answers.clear();
            answers.extend(
                labelled.map(|(logits, &label)| distillation.target(logits, label, *label_smoothing)),
            );
        });
        targets.clear();
        targets.extend(answers.iter().flatten());
        targets
    }
}

impl Distillation {
    fn target(&self, logits: &Target, label: u8, label_smoothing: f32) -> Target {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exponentials = logits.map(|z| ((z - largest) / self.temperature).exp());
        let sum: f32 = exponentials.iter().sum();
        let spread = if label == NO_DIGIT { 1.0 } else { label_smoothing };
        let mut target =
            exponentials.map(|e| self.weight * e / sum + (1.0 - self.weight) * spread / DIGITS as f32);
        if label != NO_DIGIT {
            target[usize::from(label)] += (1.0 - self.weight) * (1.0 - label_smoothing);
        }
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
