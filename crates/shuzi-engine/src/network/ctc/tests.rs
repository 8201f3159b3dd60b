//! The loss is the sum over all alignments that its definition names, and the gradient is its slope.

use super::*;
use crate::Rng;
use rand::{RngExt, SeedableRng};

const CLASSES: usize = 4;

fn logits(steps: usize, classes: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::seed_from_u64(seed);
    (0..steps * classes).map(|_| rng.random_range(-3.0..3.0)).collect()
}

/// The text of an alignment.
fn text(alignment: &[usize]) -> Vec<u8> {
    let mut text = vec![];
    for (step, &class) in alignment.iter().enumerate() {
        if class + 1 < CLASSES && (step == 0 || alignment[step - 1] != class) {
            text.push(class as u8);
        }
    }
    text
}

/// The probability of a text by its definition: over every alignment that there is.
fn by_definition(logits: &[f32], labels: &[u8]) -> f64 {
    let steps = logits.len() / CLASSES;
    let mut log_probabilities = vec![];
    fill_log_probabilities(logits, CLASSES, &mut log_probabilities);
    let mut sum = 0.0;
    for number in 0..CLASSES.pow(steps as u32) {
        let alignment: Vec<usize> =
            (0..steps).map(|step| number / CLASSES.pow(step as u32) % CLASSES).collect();
        if text(&alignment) == labels {
            let steps = alignment.iter().enumerate();
            sum += steps.map(|(step, class)| log_probabilities[step * CLASSES + class]).sum::<f64>().exp();
        }
    }
    sum
}

/// Texts of all kinds that fit into six steps.
const TEXTS: [&[u8]; 8] =
    [&[], &[0], &[2, 2], &[0, 1, 2], &[1, 1, 1], &[0, 0, 1, 1], &[2, 1, 0, 1, 2, 0], &[0, 1, 0, 1, 0]];

#[test]
fn the_loss_is_the_sum_over_all_alignments() {
    let mut workspace = CtcWorkspace::default();
    for (seed, labels) in TEXTS.iter().enumerate() {
        for steps in labels.len().max(1)..=6 {
            if fits(labels, steps) {
                let logits = logits(steps, CLASSES, seed as u64);
                let (found, expected) =
                    (loss(&logits, CLASSES, labels, &mut workspace), by_definition(&logits, labels));
                assert!((f64::from(found) + expected.ln()).abs() < 1e-5, "{labels:?} in {steps}: {found}");
            }
        }
    }
}

#[test]
fn all_texts_together_are_certain() {
    let logits = logits(4, CLASSES, 1);
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..CLASSES.pow(4) {
        seen.insert(text(&[0, 1, 2, 3].map(|step| number / CLASSES.pow(step) % CLASSES)));
    }
    let mut workspace = CtcWorkspace::default();
    let sum: f64 =
        seen.iter().map(|text| f64::from(-loss(&logits, CLASSES, text, &mut workspace)).exp()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    const STEP: f32 = 1e-2;
    let mut workspace = CtcWorkspace::default();
    for (seed, labels) in TEXTS.iter().enumerate() {
        let logits = logits(9, CLASSES, 100 + seed as u64);
        let mut gradient = vec![0.0; logits.len()];
        let found = loss_and_gradient(&logits, CLASSES, labels, 0.5, &mut gradient, &mut workspace);
        assert_eq!(found, loss(&logits, CLASSES, labels, &mut workspace));
        for place in 0..logits.len() {
            let mut at = |change: f32| {
                let mut logits = logits.clone();
                logits[place] += change;
                loss(&logits, CLASSES, labels, &mut workspace)
            };
            let slope = 0.5 * (at(STEP) - at(-STEP)) / (2.0 * STEP);
            assert!(
                (gradient[place] - slope).abs() < 1e-3,
                "{labels:?} {place}: {} {slope}",
                gradient[place]
            );
        }
    }
}

#[test]
fn long_texts_and_sure_networks_overflow_nowhere() {
    let (steps, labels) = (400, [vec![3; 100], [5, 6].repeat(50)].concat());
    let mut logits = logits(steps, 19, 3);
    logits.iter_mut().for_each(|z| *z *= 1e3);
    let mut gradient = vec![0.0; logits.len()];
    let loss = loss_and_gradient(&logits, 19, &labels, 1.0, &mut gradient, &mut CtcWorkspace::default());
    assert!(loss.is_finite() && loss > 1e3 && gradient.iter().all(|dz| dz.abs() <= 1.0 + 1e-6), "{loss}");
}

#[test]
fn signs_are_found_where_they_stand() {
    // 3 blank 1 1 blank 1 0
    let alignment = [3usize, 1, 1, 3, 1, 0, 0];
    let logits: Vec<f32> = alignment
        .iter()
        .flat_map(|&class| (0..CLASSES).map(move |k| if k == class { 5.0 } else { 0.0 }))
        .collect();
    assert_eq!(greedy(&logits, CLASSES), [(1, 1..3), (1, 4..5), (0, 5..7)]);
    assert!(greedy(&[], CLASSES).is_empty());
}

#[test]
fn what_does_not_fit_is_known_before() {
    assert!(fits(&[1, 2, 3], 3) && !fits(&[1, 1, 3], 3) && fits(&[1, 1, 3], 4) && fits(&[], 0));
}
