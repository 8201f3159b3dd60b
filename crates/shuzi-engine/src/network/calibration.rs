//! From a network's probability that it is right to the chance that it is.
//!
//! `p' = σ(a · ln(p / (1 − p)) + b)` with a scale a and a shift b, fitted where the truth is known (Platt 1999).

/// A scale and a shift of log-odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// a, above 0.
    pub scale: f32,
    /// b.
    pub shift: f32,
}

impl Default for Calibration {
    /// The network's probability as it is.
    fn default() -> Self {
        Calibration { scale: 1.0, shift: 0.0 }
    }
}

/// Probabilities nearer to 0 or 1 count as this near.
const NEAREST: f32 = 1e-6;

/// `ln(p / (1 − p))` of a probability p, never infinite.
pub fn log_odds(p: f32) -> f32 {
    let p = p.clamp(NEAREST, 1.0 - NEAREST);
    (p / (1.0 - p)).ln()
}

impl Calibration {
    /// The chance that an answer of this probability is right, 0 to 1.
    pub fn chance(self, p: f32) -> f32 {
        1.0 / (1.0 + (-(self.scale * log_odds(p) + self.shift)).exp())
    }

    /// The calibration under which answers are most probable to be right or wrong as they are: the least cross-entropy, by Newton's
    /// method. Each answer is a probability, and whether it is right.
    ///
    /// # Panics
    ///
    /// Without answers.
    pub fn fit(answers: &[(f32, bool)]) -> Self {
        const STEPS: usize = 30;
        /// So small a share of the curvature keeps the system solvable where all answers are alike.
        const DAMPING: f64 = 1e-6;
        assert!(!answers.is_empty(), "Calibration::fit: no answers");
        let (mut a, mut b) = (1.0f64, 0.0f64);
        for _ in 0..STEPS {
            let (mut gradient, mut curvature) = ([0.0f64; 2], [DAMPING, 0.0, DAMPING]);
            for &(p, is_right) in answers {
                let x = f64::from(log_odds(p));
                let chance = 1.0 / (1.0 + (-(a * x + b)).exp());
                let (error, weight) = (chance - f64::from(u8::from(is_right)), chance * (1.0 - chance));
                gradient = [gradient[0] + error * x, gradient[1] + error];
                curvature = [curvature[0] + weight * x * x, curvature[1] + weight * x, curvature[2] + weight];
            }
            let [xx, x, one] = curvature;
            let determinant = xx * one - x * x;
            a -= (one * gradient[0] - x * gradient[1]) / determinant;
            b -= (xx * gradient[1] - x * gradient[0]) / determinant;
        }
        Calibration { scale: a as f32, shift: b as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_changes_nothing() {
        for p in [1e-5, 0.1, 0.5, 0.9, 0.999] {
            assert!((Calibration::default().chance(p) - p).abs() < 1e-5, "{p}");
        }
        let surely = [0.0, 1.0].map(|p| Calibration::default().chance(p));
        assert!(surely[0] < 1e-5 && surely[1] > 0.9999 && surely[1] < 1.0);
    }

    #[test]
    fn what_was_changed_is_found_again() {
        let truth = Calibration { scale: 0.6, shift: 0.8 };
        // Of each probability so many answers are right as the truth says.
        let answers: Vec<(f32, bool)> = (1..100)
            .flat_map(|percent| {
                let p = percent as f32 / 100.0;
                let right = (truth.chance(p) * 1000.0).round() as usize;
                (0..1000).map(move |answer| (p, answer < right))
            })
            .collect();
        let found = Calibration::fit(&answers);
        assert!((found.scale - truth.scale).abs() < 0.01 && (found.shift - truth.shift).abs() < 0.01);
    }
}
