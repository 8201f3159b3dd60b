//! Starting weights: small random numbers, so that no two neurons learn the same thing.
//!
//! Biases start at 0. The width of the bell curve is a recipe's choice.

use crate::Rng;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

/// The bell curve N(0, σ) that a layer's starting weights are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialWeights {
    /// The same given σ for every layer.
    Normal(f32),
    /// σ = √(2 / inputs), for layers before a ReLU (He et al. 2015).
    He,
    /// σ = √(2 / (inputs + outputs)) (Glorot & Bengio 2010).
    Glorot,
}

impl InitialWeights {
    /// The standard deviation for a layer of this shape.
    pub fn standard_deviation(self, inputs: usize, outputs: usize) -> f32 {
        match self {
            InitialWeights::Normal(deviation) => deviation,
            InitialWeights::He => (2.0 / inputs as f32).sqrt(),
            InitialWeights::Glorot => (2.0 / (inputs + outputs) as f32).sqrt(),
        }
    }

    /// Fills `weight` (`[inputs, outputs]`).
    pub fn fill(self, weight: &mut [f32], inputs: usize, outputs: usize, rng: &mut Rng) {
        let deviation = self.standard_deviation(inputs, outputs);
        for weight in weight {
            let standard: f32 = rng.sample(StandardNormal);
            *weight = standard * deviation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn weights_have_the_asked_deviation() {
        for (kind, expected) in [
            (InitialWeights::Normal(0.01), 0.01),
            (InitialWeights::He, 0.1),
            (InitialWeights::Glorot, 0.0816),
        ] {
            let mut weight = vec![0.0; 200 * 100];
            kind.fill(&mut weight, 200, 100, &mut Rng::seed_from_u64(5));
            let n = weight.len() as f32;
            let mean = weight.iter().sum::<f32>() / n;
            let deviation = (weight.iter().map(|w| (w - mean).powi(2)).sum::<f32>() / n).sqrt();
            assert!((deviation / expected - 1.0).abs() < 0.03, "{kind:?}: {deviation}"); // 1/√(2n) is 0.5 %
            assert!(mean.abs() < 0.03 * expected, "{kind:?}: {mean}");
        }
    }
}
