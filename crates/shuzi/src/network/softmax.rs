//! Softmax with cross-entropy: `pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)`, `loss = −ln p[label]`.
//!
//! Written as one, because together they are simple and safe: with `m = max z`,
//! `loss = ln Σⱼ exp(zⱼ − m) − (z[label] − m)`, which takes no logarithm of 0 and overflows
//! nowhere, and backward `dz = p − y`, where `y` is 1 at the label and 0 elsewhere.

/// The probabilities of `logits` into `probabilities`; returns `ln Σⱼ exp(zⱼ − m)` and `m`.
fn softmax(logits: &[f32], probabilities: &mut [f32]) -> (f32, f32) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (p, &z) in probabilities.iter_mut().zip(logits) {
        *p = (z - largest).exp();
        sum += *p;
    }
    for p in probabilities.iter_mut() {
        *p /= sum;
    }
    (sum.ln(), largest)
}

/// The probability of each class from one example's logits, `[classes]`, and the cross-entropy
/// of `label` in nats. Never infinite for finite logits.
pub fn cross_entropy(logits: &[f32], label: u8, probabilities: &mut [f32]) -> f32 {
    let (log_sum, largest) = softmax(logits, probabilities);
    log_sum - (logits[usize::from(label)] - largest)
}

/// `dz = (p − y)·weight`, in place of `p`; `weight` is 1 / batch size, so that gradients are
/// those of the mean loss.
pub fn backward(probabilities: &mut [f32], label: u8, weight: f32) {
    probabilities[usize::from(label)] -= 1.0;
    for p in probabilities {
        *p *= weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_the_loss_is_their_logarithm() {
        let mut p = [0.0; 3];
        let loss = cross_entropy(&[1.0, 2.0, 3.0], 2, &mut p);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((loss + p[2].ln()).abs() < 1e-6);
    }

    #[test]
    fn huge_logits_give_finite_losses() {
        let mut p = [0.0; 3];
        assert_eq!(cross_entropy(&[1e30, -1e30, 0.0], 0, &mut p), 0.0);
        let loss = cross_entropy(&[200.0, -200.0, 0.0], 1, &mut p);
        assert_eq!(loss, 400.0); // where −ln p would be infinite
    }

    #[test]
    fn the_gradient_matches_central_differences() {
        const H: f32 = 1e-2; // third derivatives are below 1: the error is below H² / 6
        let logits = [0.3, -1.2, 0.8, 0.1];
        let mut gradient = [0.0; 4];
        cross_entropy(&logits, 1, &mut gradient);
        backward(&mut gradient, 1, 1.0);
        for i in 0..4 {
            let loss_at = |shift: f32| {
                let mut moved = logits;
                moved[i] += shift;
                cross_entropy(&moved, 1, &mut [0.0; 4])
            };
            let numeric = (loss_at(H) - loss_at(-H)) / (2.0 * H);
            assert!((numeric - gradient[i]).abs() < 1e-4, "{i}: {numeric} {}", gradient[i]);
        }
    }
}
