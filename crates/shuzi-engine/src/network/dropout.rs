//! Dropout, `y = x·keep / (1 − p)`, where `keep` is 0 with probability `p` and else 1, drawn anew for each
//! number (Srivastava et al. 2014). In training only. Backward: `dx = dy·keep / (1 − p)`.
//!
//! What is kept follows from a key and the number's place, by a mixing function, so that it need not be
//! stored and does not depend on the order of work.

use crate::kernels::{Level, Loop};

/// `x` becomes `y`, and backward likewise `dy` becomes `dx`.
pub fn apply(level: Level, probability: f32, key: u64, numbers: &mut [f32]) {
    level.vectorize(Apply { probability, key, numbers });
}

struct Apply<'a> {
    probability: f32,
    key: u64,
    numbers: &'a mut [f32],
}

impl Loop for Apply<'_> {
    #[inline(always)]
    fn run(self) {
        let scale = 1.0 / (1.0 - self.probability);
        let below = (f64::from(self.probability) * 2f64.powi(32)) as u32;
        let (low, high) = (self.key as u32, (self.key >> 32) as u32);
        for (place, number) in (0u32..).zip(self.numbers) {
            *number = if mix(place ^ low, high) < below { 0.0 } else { *number * scale };
        }
    }
}

/// Bits that look random (the finaliser of MurmurHash3, twice).
#[inline(always)]
fn mix(place: u32, key: u32) -> u32 {
    let mut bits = place;
    for salt in [0, key] {
        bits ^= salt;
        bits = (bits ^ bits >> 16).wrapping_mul(0x85eb_ca6b);
        bits = (bits ^ bits >> 13).wrapping_mul(0xc2b2_ae35);
        bits ^= bits >> 16;
    }
    bits
}
