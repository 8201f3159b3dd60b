//! Which examples of a data set are held out for the test, where nobody has done so before.
//!
//! In: a [`Dataset`] and a seed. Out: its parts, of which each has every label if that can be: of each label's examples a
//! [fifth](HELD_OUT) is held out, so that a handful of digits is shared out as fairly as a large set.

use super::Dataset;
use crate::Rng;
use rand::{SeedableRng, seq::SliceRandom};

/// One in so many examples is held out.
pub const HELD_OUT: usize = 5;

/// A data set in two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Indices of the examples to train on, ascending.
    pub training: Vec<u32>,
    /// Indices of those to test on, ascending.
    pub test: Vec<u32>,
}

impl Dataset {
    /// Shares the examples out by the seed: of each label one in [`HELD_OUT`], to the nearest integer, is for the test; at
    /// least one if there are two. What becomes of one label does not depend on the examples of the others.
    pub fn parts(&self, seed: u64) -> Parts {
        let mut parts = Parts { training: vec![], test: vec![] };
        for label in 0..=u8::MAX {
            let is_its = |index: &u32| self.labels[*index as usize] == label;
            let mut indices: Vec<u32> = (0..self.len() as u32).filter(is_its).collect();
            let least = usize::from(indices.len() > 1);
            let held_out = ((indices.len() + HELD_OUT / 2) / HELD_OUT).max(least);
            indices.shuffle(&mut Rng::seed_from_u64(seed ^ u64::from(label) << 32));
            parts.test.extend(indices.drain(..held_out));
            parts.training.append(&mut indices);
        }
        parts.training.sort_unstable();
        parts.test.sort_unstable();
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::PIXELS;

    fn labelled(labels: &[u8]) -> Dataset {
        Dataset::new(vec![0; labels.len() * PIXELS], labels.to_vec()).unwrap()
    }

    #[test]
    fn every_example_is_in_one_part_and_every_label_in_both() {
        let labels: Vec<u8> = (0..100).map(|index| [0, 0, 0, 0, 1, 1, 1, 2, 2, 3][index % 10]).collect();
        let data = labelled(&labels);
        let Parts { training, test } = data.parts(0);
        let mut all = [&training[..], &test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<u32>>());
        assert_eq!(data.select(&test).histogram()[..4], [8, 6, 4, 2]);
        assert_eq!(data.parts(0), Parts { training, test: test.clone() });
        assert_ne!(data.parts(1).test, test);
    }

    #[test]
    fn of_a_handful_each_label_gives_one_if_it_can() {
        for (count, held_out) in [(1, 0), (2, 1), (3, 1), (7, 1), (8, 2), (12, 2), (13, 3)] {
            assert_eq!(labelled(&vec![4; count]).parts(0).test.len(), held_out, "{count}");
        }
    }

    #[test]
    fn more_of_one_label_leave_the_others_where_they_were() {
        let few = labelled(&[1, 1, 1, 1, 1, 2, 2]);
        let more = labelled(&[1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        let ones = |parts: Parts| parts.test.into_iter().filter(|&index| index < 5).collect::<Vec<_>>();
        assert_eq!(ones(few.parts(3)), ones(more.parts(3)));
    }
}
