//! Labelled digits: where they come from, how they are split and ordered.
//!
//! In: IDX bytes ([`idx`]) or a seed ([`synthetic`]). Out: a [`Dataset`], bytes as they
//! came (47 MB for MNIST's 60,000), never floats. Knows nothing of files or networks.

pub mod idx;
pub mod synthetic;

use crate::{
    Rng,
    image::{DIGITS, DigitImage, NO_DIGIT, PIXELS},
};
use rand::{SeedableRng, seq::IndexedRandom};

/// Labelled 28x28 digits: `images[i]` shows the digit `labels[i]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    images: Vec<u8>,
    labels: Vec<u8>,
}

/// Images and labels that do not belong together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatasetError {
    /// One label per image is needed.
    #[error("{images} images but {labels} labels")]
    CountsDiffer {
        /// Images found.
        images: usize,
        /// Labels found.
        labels: usize,
    },
    /// A label that is no digit.
    #[error("label {label} at index {index}: labels are 0 to 9")]
    Label {
        /// The label found.
        label: u8,
        /// Its place, from 0.
        index: usize,
    },
    /// No example at all.
    #[error("there is no example in it")]
    Empty,
}

impl Dataset {
    /// Joins images (784 bytes each, row by row) with their labels, and checks that they fit.
    pub fn new(images: Vec<u8>, labels: Vec<u8>) -> Result<Self, DatasetError> {
        Self::checked(images, labels, DIGITS as u8 - 1)
    }

    /// [`new`](Self::new), where images may show something else and be labelled [`NO_DIGIT`]: to train on, not
    /// to evaluate by.
    pub fn with_others(images: Vec<u8>, labels: Vec<u8>) -> Result<Self, DatasetError> {
        Self::checked(images, labels, NO_DIGIT)
    }

    fn checked(images: Vec<u8>, labels: Vec<u8>, last: u8) -> Result<Self, DatasetError> {
        if images.len() != labels.len() * PIXELS {
            return Err(DatasetError::CountsDiffer { images: images.len() / PIXELS, labels: labels.len() });
        }
        if labels.is_empty() {
            return Err(DatasetError::Empty);
        }
        if let Some(index) = labels.iter().position(|&label| label > last) {
            return Err(DatasetError::Label { label: labels[index], index });
        }
        Ok(Dataset { images, labels })
    }

    /// How many examples; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The labels, 0 to 9.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// All images behind each other, `[len, 784]`.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// The images at `indices`, 784 bytes each; panics as [`example`](Self::example) does.
    pub fn images_at(&self, indices: &[u32]) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        indices.iter().map(|&index| self.example(index as usize).0)
    }

    /// The 784 bytes and the label of one example.
    ///
    /// # Panics
    ///
    /// If there is none at `index`.
    pub fn example(&self, index: usize) -> (&[u8], u8) {
        (&self.images[index * PIXELS..][..PIXELS], self.labels[index])
    }

    /// One image.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> DigitImage {
        DigitImage(self.images[index * PIXELS..][..PIXELS].try_into().expect("784 bytes"))
    }

    /// Adds the examples of another data set behind these.
    pub fn append(&mut self, other: &Dataset) {
        self.images.extend_from_slice(&other.images);
        self.labels.extend_from_slice(&other.labels);
    }

    /// A copy of the examples at `indices`, in that order.
    ///
    /// # Panics
    ///
    /// If `indices` is empty or one is not below [`len`](Self::len).
    pub fn select(&self, indices: &[u32]) -> Dataset {
        assert!(!indices.is_empty(), "Dataset::select: no index");
        let mut images = Vec::with_capacity(indices.len() * PIXELS);
        let mut labels = Vec::with_capacity(indices.len());
        for &index in indices {
            let index = index as usize;
            images.extend_from_slice(&self.images[index * PIXELS..][..PIXELS]);
            labels.push(self.labels[index]);
        }
        Dataset { images, labels }
    }

    /// Becomes the examples at `indices` of `source`, in that order, but for the images: their
    /// places are given back, to be filled. Asks for memory only where there was never so much.
    ///
    /// # Panics
    ///
    /// As [`select`](Self::select).
    pub fn select_labels(&mut self, source: &Dataset, indices: &[u32]) -> &mut [[u8; PIXELS]] {
        assert!(!indices.is_empty(), "Dataset::select_labels: no index");
        self.labels.clear();
        self.labels.extend(indices.iter().map(|&index| source.labels[index as usize]));
        self.images.resize(indices.len() * PIXELS, 0);
        self.images.as_chunks_mut().0
    }

    /// Indices of `count` examples of each digit, drawn at random by the seed; fewer where there
    /// are fewer.
    pub fn sample_of_each_digit(&self, count: usize, seed: u64) -> [Vec<u32>; DIGITS] {
        let mut rng = Rng::seed_from_u64(seed);
        std::array::from_fn(|digit| {
            let all: Vec<u32> =
                (0..self.len() as u32).filter(|&i| usize::from(self.labels[i as usize]) == digit).collect();
            all.sample(&mut rng, count).copied().collect()
        })
    }

    /// How often each digit occurs.
    pub fn histogram(&self) -> [usize; DIGITS] {
        let mut counts = [0; DIGITS];
        for &label in self.labels.iter().filter(|label| **label != NO_DIGIT) {
            counts[usize::from(label)] += 1;
        }
        counts
    }
}
