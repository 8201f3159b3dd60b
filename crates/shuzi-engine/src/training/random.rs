//! Chance: drawn for a purpose and a place (an epoch, a step, an example), each time from a generator made for it of
//! the recipe's seed.
//!
//! In: a seed, a [`Purpose`], a place. Out: a generator, or a key to make others of. So no generator outlives a
//! step, and a [`Checkpoint`](super::Checkpoint) holds none.

use crate::Rng;
use rand::SeedableRng;

/// What chance is drawn for; each purpose has its own stream of the seed.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    InitialWeights,
    Split,
    Order,
    Augmentation,
    Dropout,
    Measure,
}

/// A generator for one purpose, and for one epoch where that matters.
pub(super) fn generator(seed: u64, purpose: Purpose, epoch: usize) -> Rng {
    Rng::seed_from_u64(key(seed, purpose, epoch as u64))
}

/// A number for one purpose, and one place in the training.
pub(super) fn key(seed: u64, purpose: Purpose, place: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2⁶⁴ / golden ratio: spreads small numbers far
    let stream = (purpose as u64).wrapping_mul(1 << 32).wrapping_add(place);
    seed ^ stream.wrapping_add(1).wrapping_mul(ODD)
}
