//! Rehearsal: what a network knows is mixed into what it is to learn, so that it forgets nothing.
//!
//! In: a few examples of one's own, and many of what the network was trained on. Out: a mixture of both, the few repeated.
//! Repeated examples have numbers of their own, so that each is augmented in a way of its own.

use crate::{
    Rng,
    dataset::{Dataset, Split},
    recipe::FineTuning,
};
use rand::{SeedableRng, seq::index};

/// Mixes what a recipe asks for into the training examples of a split: its own again, and examples of `known` if there are any.
///
/// # Panics
///
/// If there are more than 4,294,967,296 examples then, or `known` is of other classes.
pub fn rehearse(data: &mut Dataset, split: &mut Split, known: Option<&Dataset>, fine_tuning: &FineTuning) {
    let own = data.select(&split.training);
    let FineTuning { rehearsal, own: share, .. } = *fine_tuning;
    for _ in 1..copies(own.len(), rehearsal, share) {
        split.append(data, &own);
    }
    let Some(known) = known.filter(|_| rehearsal > 0) else { return };
    let drawn = index::sample(&mut Rng::seed_from_u64(0), known.len(), rehearsal.min(known.len()));
    let indices: Vec<u32> = drawn.into_iter().map(|index| index as u32).collect();
    split.append(data, &known.select(&indices));
}

/// How often `own` examples are there, so that they are the fraction `share` of all; at least once.
fn copies(own: usize, rehearsal: usize, share: f32) -> usize {
    let wanted = share / (1.0 - share) * rehearsal as f32;
    ((wanted / own as f32).round() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dataset::synthetic, training::split};

    fn fine_tuning(rehearsal: usize, own: f32) -> FineTuning {
        FineTuning { rehearsal, own, ..FineTuning::new("small".into(), String::new()) }
    }

    #[test]
    fn few_examples_are_repeated_and_many_are_not() {
        for (own, rehearsal, share, expected) in
            [(10, 900, 0.1, 10), (10, 900, 0.0, 1), (10, 0, 0.5, 1), (1000, 900, 0.5, 1), (300, 900, 0.5, 3)]
        {
            assert_eq!(copies(own, rehearsal, share), expected, "{own}, {rehearsal}, {share}");
        }
    }

    #[test]
    fn the_mixture_has_both_and_nothing_that_is_held_out() {
        let own = synthetic::generate(12, 90, 1);
        let known = synthetic::generate(100, 91, 1);
        for known in [Some(&known), None] {
            let mut data = own.clone();
            let mut split = split(&data, 2, 0);
            let ours = split.training.clone();
            rehearse(&mut data, &mut split, known, &fine_tuning(60, 0.25));
            assert_eq!(split.training.len(), 2 * 10 + known.map_or(0, |_| 60));
            let mixed = data.select(&split.training);
            let times = |image: &[u8]| (0..mixed.len()).filter(|&i| mixed.example(i).0 == image).count();
            for index in 0..own.len() as u32 {
                let expected = if ours.contains(&index) { 2 } else { 0 };
                assert_eq!(times(own.example(index as usize).0), expected);
            }
            let is_known = |i: usize| known.is_some_and(|known| times(known.example(i).0) == 1);
            assert_eq!((0..100).filter(|&i| is_known(i)).count(), if known.is_some() { 60 } else { 0 });
        }
    }
}
