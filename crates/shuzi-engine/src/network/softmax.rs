//! Softmax with cross-entropy: `pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)`, `loss = −ln p[label]`.
//!
//! Written as one, because together they are simple and safe: with `m = max z`,
//! `loss = ln Σⱼ exp(zⱼ − m) − (z[label] − m)`, which takes no logarithm of 0 and overflows
//! nowhere, and backward `dz = p − y`, where `y` is 1 at the label and 0 elsewhere.
//!
//! With label smoothing ε (Szegedy et al. 2016) `y` is `1 − ε + ε/10` at the label and `ε/10` elsewhere, for ten digits; a
//! teacher's probabilities are such a `y` too (distillation, Hinton et al. 2015), and so is 1/10 for every digit where an image
//! shows none (outlier exposure, Hendrycks et al. 2019). Then
//! `loss = ln Σⱼ exp(zⱼ − m) − Σᵢ yᵢ·(zᵢ − m)`, and backward is the same.

use crate::{
    image::{DIGITS, NO_DIGIT},
    kernels::{Level, Loop, exponential::exponentials},
};

/// What the probabilities of some examples should be.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// 1 for the label, of which `smoothing` (0 to below 1) is spread over all classes; all of it where the label is
    /// [`NO_DIGIT`].
    Labels {
        /// One for each example.
        labels: &'a [u8],
        /// ε.
        smoothing: f32,
    },
    /// Any probabilities, `[examples, classes]`.
    Soft(&'a [f32]),
}

/// The probabilities of one example's classes: `pᵢ = exp(zᵢ/T) / Σⱼ exp(zⱼ/T)` of its logits z, with a temperature T above 0 (1 leaves
/// them as the network means them; Guo et al. 2017).
pub fn probabilities(logits: &[f32], temperature: f32) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut p: Vec<f32> = logits.iter().map(|z| ((z - largest) / temperature).exp()).collect();
    let sum: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= sum);
    p
}

/// The probability of each class from each example's logits, both `[examples, classes]`, and the
/// cross-entropy of its target in nats. Never infinite for finite logits.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn cross_entropy(
    level: Level,
    classes: usize,
    logits: &[f32],
    targets: Targets<'_>,
    probabilities: &mut [f32],
    losses: &mut [f32],
) {
    assert_eq!(logits.len(), losses.len() * classes, "cross_entropy: logits");
    assert_eq!(probabilities.len(), logits.len(), "cross_entropy: probabilities");
    // For the digits the compiler writes the loops out.
    match classes {
        DIGITS => shift(DIGITS, logits, targets, probabilities, losses),
        _ => shift(classes, logits, targets, probabilities, losses),
    }
    exponentials(level, probabilities);
    match classes {
        DIGITS => divide(DIGITS, probabilities, losses),
        _ => divide(classes, probabilities, losses),
    }
}

/// `p = z − m`, and the loss less the logarithm of the sum.
#[inline(always)]
fn shift(
    classes: usize,
    logits: &[f32],
    targets: Targets<'_>,
    probabilities: &mut [f32],
    losses: &mut [f32],
) {
    let outputs = probabilities.chunks_exact_mut(classes).zip(losses);
    let examples = logits.chunks_exact(classes).zip(outputs);
    let shift = |logits: &[f32], p: &mut [f32]| {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        p.iter_mut().zip(logits).for_each(|(p, z)| *p = z - largest);
    };
    match targets {
        Targets::Labels { labels, smoothing } => {
            assert_eq!(labels.len(), examples.len(), "cross_entropy: labels");
            for ((logits, (p, loss)), &label) in examples.zip(labels) {
                shift(logits, p);
                let (class, smoothing) = spread(label, smoothing);
                *loss = -p[class];
                if smoothing > 0.0 {
                    *loss = (1.0 - smoothing) * *loss - smoothing * p.iter().sum::<f32>() / classes as f32;
                }
            }
        }
        Targets::Soft(targets) => {
            assert_eq!(targets.len(), logits.len(), "cross_entropy: targets");
            for ((logits, (p, loss)), target) in examples.zip(targets.chunks_exact(classes)) {
                shift(logits, p);
                *loss = -p.iter().zip(target).map(|(z, y)| z * y).sum::<f32>();
            }
        }
    }
}

/// Divides exponentials by their sum, whose logarithm the loss lacks.
#[inline(always)]
fn divide(classes: usize, probabilities: &mut [f32], losses: &mut [f32]) {
    for (p, loss) in probabilities.chunks_exact_mut(classes).zip(losses) {
        let sum: f32 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        *loss += sum.ln();
    }
}

/// `dz = (p − y)·weight`; `weight` is 1 / batch size, so that gradients are those of the mean loss.
pub fn backward(
    level: Level,
    classes: usize,
    probabilities: &[f32],
    targets: Targets<'_>,
    weight: f32,
    dz: &mut [f32],
) {
    match (targets, classes) {
        (Targets::Labels { labels, smoothing }, DIGITS) => {
            subtract_labels(DIGITS, probabilities, labels, smoothing, dz);
        }
        (Targets::Labels { labels, smoothing }, _) => {
            subtract_labels(classes, probabilities, labels, smoothing, dz);
        }
        (Targets::Soft(targets), _) => {
            for ((dz, p), y) in dz.iter_mut().zip(probabilities).zip(targets) {
                *dz = p - y;
            }
        }
    }
    level.vectorize(Scale { numbers: dz, factor: weight });
}

/// `dz = p − y`.
#[inline(always)]
fn subtract_labels(classes: usize, probabilities: &[f32], labels: &[u8], smoothing: f32, dz: &mut [f32]) {
    dz.copy_from_slice(probabilities);
    for (dz, &label) in dz.chunks_exact_mut(classes).zip(labels) {
        let (class, smoothing) = spread(label, smoothing);
        if smoothing > 0.0 {
            dz.iter_mut().for_each(|dz| *dz -= smoothing / classes as f32);
        }
        dz[class] -= 1.0 - smoothing;
    }
}

/// The class of a label, and how much of the target is spread over all.
#[inline(always)]
fn spread(label: u8, smoothing: f32) -> (usize, f32) {
    if label == NO_DIGIT { (0, 1.0) } else { (usize::from(label), smoothing) }
}

struct Scale<'a> {
    numbers: &'a mut [f32],
    factor: f32,
}

impl Loop for Scale<'_> {
    #[inline(always)]
    fn run(self) {
        for number in self.numbers {
            *number *= self.factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hard(labels: &[u8]) -> Targets<'_> {
        Targets::Labels { labels, smoothing: 0.0 }
    }

    /// The loss of one example; fills `p`.
    fn loss(logits: [f32; DIGITS], label: u8, p: &mut [f32; DIGITS]) -> f32 {
        let mut loss = [f32::NAN];
        cross_entropy(Level::detect(), DIGITS, &logits, hard(&[label]), p, &mut loss);
        loss[0]
    }

    /// All below those that are given.
    fn logits<const N: usize>(given: [f32; N]) -> [f32; DIGITS] {
        std::array::from_fn(|i| given.get(i).copied().unwrap_or(-1e3))
    }

    #[test]
    fn probabilities_are_those_of_the_formula() {
        let z = [1.0, 2.0, 3.0, -0.5, 0.0, 0.25, 1.5, -2.0, 2.5, 0.125f32];
        let sum: f64 = z.iter().map(|&z| f64::from(z).exp()).sum();
        let mut p = [0.0; DIGITS];
        let loss = loss(z, 2, &mut p);
        for (p, z) in p.iter().zip(z) {
            assert!((f64::from(*p) - f64::from(z).exp() / sum).abs() < 1e-6);
        }
        assert!((f64::from(loss) - (sum.ln() - 3.0)).abs() < 1e-6);
    }

    #[test]
    fn huge_logits_give_finite_losses() {
        let mut p = [0.0; DIGITS];
        assert_eq!(loss(logits([1e30, -1e30, 0.0]), 0, &mut p), 0.0);
        assert_eq!(loss(logits([200.0, -200.0, 0.0]), 1, &mut p), 400.0); // where −ln p would be infinite
    }

    #[test]
    fn smoothed_labels_are_targets_like_any_other() {
        let (z, label, smoothing) = ([0.3, -1.2, 0.8, 0.1, 0.0, 2.0, -0.7, 0.4, 0.9, -2.5], 5, 0.2);
        let mut target = [smoothing / DIGITS as f32; DIGITS];
        target[usize::from(label)] += 1.0 - smoothing;
        let level = Level::detect();
        let (mut p, mut loss, mut dz) = ([[f32::NAN; DIGITS]; 2], [[f32::NAN]; 2], [[f32::NAN; DIGITS]; 2]);
        for (place, targets) in
            [Targets::Labels { labels: &[label], smoothing }, Targets::Soft(&target)].into_iter().enumerate()
        {
            cross_entropy(level, DIGITS, &z, targets, &mut p[place], &mut loss[place]);
            backward(level, DIGITS, &p[place], targets, 0.5, &mut dz[place]);
        }
        let by_hand: f32 = p[0].iter().zip(target).map(|(p, y)| -p.ln() * y).sum();
        assert_eq!(p[0], p[1]);
        for loss in loss {
            assert!((loss[0] - by_hand).abs() < 1e-5, "{loss:?} {by_hand}");
        }
        for i in 0..DIGITS {
            assert!((dz[0][i] - (p[0][i] - target[i]) / 2.0).abs() < 1e-6, "{i}");
            assert!((dz[1][i] - dz[0][i]).abs() < 1e-6, "{i}");
        }
    }

    #[test]
    fn no_digit_wants_all_ten_alike() {
        let (z, uniform) = ([0.3, -1.2, 0.8, 0.1, 0.0, 2.0, -0.7, 0.4, 0.9, -2.5], [0.1; DIGITS]);
        let level = Level::detect();
        let (mut p, mut loss, mut dz) = ([[f32::NAN; DIGITS]; 2], [[f32::NAN]; 2], [[f32::NAN; DIGITS]; 2]);
        let targets = [hard(&[NO_DIGIT]), Targets::Soft(&uniform)];
        for (place, targets) in targets.into_iter().enumerate() {
            cross_entropy(level, DIGITS, &z, targets, &mut p[place], &mut loss[place]);
            backward(level, DIGITS, &p[place], targets, 0.5, &mut dz[place]);
        }
        assert!((loss[0][0] - loss[1][0]).abs() < 1e-6, "{loss:?}");
        for (labelled, soft) in dz[0].iter().zip(&dz[1]) {
            assert!((labelled - soft).abs() < 1e-7, "{dz:?}");
        }
    }

    #[test]
    fn any_number_of_classes_is_worked_out_as_ten_are() {
        let level = Level::detect();
        let z: [f32; 30] = std::array::from_fn(|i| (i * i % 17) as f32 / 3.0 - 2.0);
        let soft: [f32; 30] = std::array::from_fn(|i| if i % 3 == 0 { 0.2 } else { 0.05 });
        let labels = [3, NO_DIGIT, 9];
        for targets in
            [hard(&labels), Targets::Labels { labels: &labels, smoothing: 0.1 }, Targets::Soft(&soft)]
        {
            let (mut p, mut losses, mut dz) = ([[f32::NAN; 30]; 2], [[f32::NAN; 3]; 2], [[f32::NAN; 30]; 2]);
            cross_entropy(level, DIGITS, &z, targets, &mut p[0], &mut losses[0]);
            let unknown = std::hint::black_box(DIGITS);
            shift(unknown, &z, targets, &mut p[1], &mut losses[1]);
            exponentials(level, &mut p[1]);
            divide(unknown, &mut p[1], &mut losses[1]);
            assert_eq!((p[0], losses[0]), (p[1], losses[1]), "to the last bit");
            if let Targets::Labels { labels, smoothing } = targets {
                backward(level, DIGITS, &p[0], targets, 1.0, &mut dz[0]);
                subtract_labels(unknown, &p[0], labels, smoothing, &mut dz[1]);
                assert_eq!(dz[0], dz[1]);
            }
        }
    }

    #[test]
    fn a_class_that_cannot_be_changes_nothing_for_the_others() {
        let level = Level::detect();
        let z: [f32; 10] = std::array::from_fn(|i| (i * 7 % 10) as f32 / 2.0);
        let wide: [f32; 11] = std::array::from_fn(|i| z.get(i).copied().unwrap_or(-1e30));
        let (mut p, mut wide_p) = ([f32::NAN; 10], [f32::NAN; 11]);
        let mut losses = [[f32::NAN]; 2];
        cross_entropy(level, 10, &z, hard(&[4]), &mut p, &mut losses[0]);
        cross_entropy(level, 11, &wide, hard(&[4]), &mut wide_p, &mut losses[1]);
        assert!((losses[0][0] - losses[1][0]).abs() < 1e-6, "{losses:?}");
        assert!(p.iter().zip(&wide_p).all(|(p, wide)| (p - wide).abs() < 1e-6) && wide_p[10] < 1e-30);
        let mut dz = [f32::NAN; 11];
        backward(level, 11, &wide_p, hard(&[4]), 1.0, &mut dz);
        assert!((dz[4] - (p[4] - 1.0)).abs() < 1e-6 && dz[10] < 1e-30);
    }

    #[test]
    fn the_gradient_matches_central_differences() {
        const H: f32 = 1e-2; // third derivatives are below 1: the error is below H² / 6
        let logits = logits([0.3, -1.2, 0.8, 0.1]);
        let (mut p, mut gradient) = ([0.0; DIGITS], [f32::NAN; DIGITS]);
        loss(logits, 1, &mut p);
        backward(Level::detect(), DIGITS, &p, hard(&[1]), 1.0, &mut gradient);
        for i in 0..DIGITS {
            let loss_at = |shift: f32| {
                let mut moved = logits;
                moved[i] += shift;
                loss(moved, 1, &mut [0.0; DIGITS])
            };
            let numeric = (loss_at(H) - loss_at(-H)) / (2.0 * H);
            assert!((numeric - gradient[i]).abs() < 1e-4, "{i}: {numeric} {}", gradient[i]);
        }
    }
}
