//! Random choices, planes of noise and a wave, the same on every machine.

use crate::Rng;
use rand::{Rng as _, RngExt};

pub(super) use crate::dataset::synthetic::hand::{bell, between};

/// True with this probability.
pub(super) fn chance(rng: &mut Rng, probability: f32) -> bool {
    rng.random::<f32>() < probability
}

/// One of them, all equally likely.
pub(super) fn one_of<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.random_range(0..all.len())]
}

/// Between `low` and `high`, small values more often than large ones.
pub(super) fn mostly_low(rng: &mut Rng, low: f32, high: f32) -> f32 {
    let t = rng.random::<f32>();
    low + (high - low) * t * t
}

/// A smooth wave of period 1 between -1 and 1: parabolas, for the machine's sine differs between machines.
pub(super) fn wave(turns: f32) -> f32 {
    let t = turns - (turns as i32) as f32;
    let t = if t < 0.0 { t + 1.0 } else { t };
    let half = if t < 0.5 { t } else { t - 0.5 };
    let bow = 16.0 * half * (0.5 - half);
    if t < 0.5 { bow } else { -bow }
}

/// Fills it with nearly normal numbers of mean 0 and standard deviation 1, two from each 64 bits.
pub(super) fn noise(plane: &mut [f32], rng: &mut Rng) {
    for pair in plane.chunks_mut(2) {
        let mut bits: u64 = rng.next_u64();
        for value in pair {
            // Four bytes summed: the deviation is 2 * sqrt((256 * 256 - 1) / 12).
            let sum: u32 = (bits as u32).to_le_bytes().map(u32::from).iter().sum();
            *value = (sum as f32 - 510.0) * (1.0 / 147.8);
            bits >>= 32;
        }
    }
}

/// Blurs a plane with the weights `side`, `1 - 2 * side`, `side` along rows and columns, its border repeated. `row` is room for one row.
pub(super) fn blur(plane: &mut [f32], width: usize, side: f32, row: &mut Vec<f32>) {
    let middle = 1.0 - 2.0 * side;
    for line in plane.chunks_exact_mut(width) {
        row.clear();
        row.push(line[0]);
        row.extend_from_slice(line);
        row.push(line[width - 1]);
        for (value, near) in line.iter_mut().zip(row.windows(3)) {
            *value = middle * near[1] + side * (near[0] + near[2]);
        }
    }
    row.clear();
    row.extend_from_slice(&plane[..width]);
    let mut rest = plane;
    while !rest.is_empty() {
        let (line, below) = rest.split_at_mut(width);
        let next = if below.is_empty() { None } else { Some(&below[..width]) };
        for (x, (value, above)) in line.iter_mut().zip(row.iter_mut()).enumerate() {
            let here = *value;
            *value = middle * here + side * (*above + next.map_or(here, |next| next[x]));
            *above = here;
        }
        rest = below;
    }
}
