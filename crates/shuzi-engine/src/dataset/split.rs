//! Which examples of a data set are for training, for validation and for the test.
//!
//! In: a [`Dataset`] and a seed. Out: a [`Split`], indices of which none is in two parts. Where nobody has held examples out for the
//! test, of each label's examples a [fifth](HELD_OUT) is, so that a handful of digits is shared out as fairly as a large set.
//! Validation examples are drawn from those for training, whatever their label.

use super::Dataset;
use crate::Rng;
use rand::{SeedableRng, seq::SliceRandom};

/// One in so many examples is held out for the test.
pub const HELD_OUT: usize = 5;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To train on; validation examples are taken from these.
    Training,
    /// To test on.
    Test,
    /// Both, where all of one's digits are looked at.
    All,
}

impl Part {
    /// The same in every language: `training`, `test` or `all`.
    pub fn name(self) -> &'static str {
        match self {
            Part::Training => "training",
            Part::Test => "test",
            Part::All => "all",
        }
    }
}

/// A data set in three: the indices of the examples in each part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// To train on.
    pub training: Vec<u32>,
    /// Held out during a training; its choices are made on these.
    pub validation: Vec<u32>,
    /// Read once, at the end.
    pub test: Vec<u32>,
}

impl Split {
    /// So many examples, all to train on.
    pub fn all_training(count: usize) -> Self {
        Split { training: (0..count as u32).collect(), ..Split::default() }
    }

    /// Holds examples out for the test, by the seed: of each label one in [`HELD_OUT`], to the nearest integer; at least one if there
    /// are two. What becomes of one label does not depend on the examples of the others. All parts are ascending.
    pub fn with_test(data: &Dataset, seed: u64) -> Self {
        let mut split = Split::default();
        for label in 0..=u8::MAX {
            let is_its = |index: &u32| data.labels[*index as usize] == label;
            let mut indices: Vec<u32> = (0..data.len() as u32).filter(is_its).collect();
            let least = usize::from(indices.len() > 1);
            let held_out = ((indices.len() + HELD_OUT / 2) / HELD_OUT).max(least);
            indices.shuffle(&mut Rng::seed_from_u64(seed ^ u64::from(label) << 32));
            split.test.extend(indices.drain(..held_out));
            split.training.append(&mut indices);
        }
        split.training.sort_unstable();
        split.test.sort_unstable();
        split
    }

    /// Holds `count` of the training examples out for validation, drawn at random. The others are in random order then.
    ///
    /// # Panics
    ///
    /// If no example would be left for training.
    pub fn hold_out(mut self, count: usize, rng: &mut Rng) -> Self {
        let all = self.training.len();
        assert!(count < all, "Split::hold_out: {count} of {all} examples held out");
        if count > 0 {
            self.training.shuffle(rng);
            self.validation = self.training.split_off(all - count);
        }
        self
    }

    /// A copy of the validation examples, if there are any.
    pub fn validation_set(&self, data: &Dataset) -> Option<Dataset> {
        (!self.validation.is_empty()).then(|| data.select(&self.validation))
    }

    /// Adds examples behind `data`, to train on.
    ///
    /// # Panics
    ///
    /// If there are more than 4,294,967,296 examples then.
    pub fn append(&mut self, data: &mut Dataset, examples: &Dataset) {
        let end = u32::try_from(data.len() + examples.len()).expect("Split::append: too many examples");
        self.training.extend(data.len() as u32..end);
        data.append(examples);
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
        let Split { training, validation, test } = Split::with_test(&data, 0);
        assert!(validation.is_empty());
        let mut all = [&training[..], &test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<u32>>());
        assert_eq!(data.select(&test).histogram()[..4], [8, 6, 4, 2]);
        assert_eq!(Split::with_test(&data, 0).training, training);
        assert_ne!(Split::with_test(&data, 1).test, test);
    }

    #[test]
    fn of_a_handful_each_label_gives_one_if_it_can() {
        for (count, held_out) in [(1, 0), (2, 1), (3, 1), (7, 1), (8, 2), (12, 2), (13, 3)] {
            assert_eq!(Split::with_test(&labelled(&vec![4; count]), 0).test.len(), held_out, "{count}");
        }
    }

    #[test]
    fn more_of_one_label_leave_the_others_where_they_were() {
        let few = labelled(&[1, 1, 1, 1, 1, 2, 2]);
        let more = labelled(&[1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        let ones = |data: &Dataset| {
            Split::with_test(data, 3).test.into_iter().filter(|&index| index < 5).collect::<Vec<_>>()
        };
        assert_eq!(ones(&few), ones(&more));
    }
}
