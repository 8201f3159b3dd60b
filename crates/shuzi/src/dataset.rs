//! Labelled images: MNIST's files, tables, arrays, or synthetic digits.

use crate::PIXELS;
use shuzi_engine::{
    classes::Classes,
    dataset::{self, csv, idx, synthetic},
};

/// Labelled images of 28x28 pixels, at least one: digits, or any 2 to 255 classes.
///
/// ```
/// # fn main() -> Result<(), shuzi::DatasetError> {
/// let images = [[0u8; shuzi::PIXELS], [255; shuzi::PIXELS]].concat();
/// let data = shuzi::Dataset::new(images, vec![1, 8])?;
/// assert_eq!((data.len(), data.label(1)), (2, 8));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    pub(crate) inner: dataset::Dataset,
}

impl Dataset {
    /// Images of digits, `[count, 784]`: 784 bytes each, row by row, 0 for paper to 255 for ink; and their labels, `[count]`, 0 to 9.
    ///
    /// # Errors
    ///
    /// [`DatasetError`]: no image, a label that is no digit, or not as many images as labels.
    pub fn new(images: Vec<u8>, labels: Vec<u8>) -> Result<Dataset, DatasetError> {
        wrap(dataset::Dataset::new(images, labels))
    }

    /// Images of other classes, as for [`new`](Self::new); label `i` means the name at place `i`.
    ///
    /// # Errors
    ///
    /// [`DatasetError`]: as for [`new`](Self::new), or fewer than 2 or more than 255 names, or one twice.
    pub fn with_classes<N: Into<String>>(
        images: Vec<u8>,
        labels: Vec<u8>,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Dataset, DatasetError> {
        let classes = Classes::new(names.into_iter().map(Into::into).collect());
        let classes = classes.map_err(|fault| DatasetError(Fault::Classes(fault)))?;
        wrap(dataset::Dataset::with_classes(images, labels, classes))
    }

    /// The two files that MNIST comes in, as bytes, raw or gzip: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or the
    /// two of the test set.
    ///
    /// # Errors
    ///
    /// [`DatasetError`]: another file, a damaged one, or two that do not belong together.
    pub fn from_idx(images: &[u8], labels: &[u8]) -> Result<Dataset, DatasetError> {
        let length = |bytes: &[u8]| Some(bytes.len() as u64);
        let images =
            idx::read_images(images, length(images)).map_err(|fault| DatasetError(Fault::Idx(fault)))?;
        let labels =
            idx::read_labels(labels, length(labels)).map_err(|fault| DatasetError(Fault::Idx(fault)))?;
        Self::new(images, labels)
    }

    /// A table of digits: label and 784 pixels a line, the label first or last, with or without headings, raw or gzip.
    ///
    /// # Errors
    ///
    /// [`DatasetError`], with line and column.
    pub fn from_csv(bytes: &[u8]) -> Result<Dataset, DatasetError> {
        csv::read(bytes).map(|inner| Dataset { inner }).map_err(|fault| DatasetError(Fault::Csv(fault)))
    }

    /// So many digits drawn by the library itself, for tests and where there is no data; the same for the same seed.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    pub fn synthetic(count: usize, seed: u64) -> Dataset {
        Dataset { inner: synthetic::generate(count, seed, crate::training::all_threads()) }
    }

    /// How many images there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.inner.len()
    }

    /// All pixels, `[count, 784]`.
    pub fn images(&self) -> &[u8] {
        self.inner.images()
    }

    /// All labels, `[count]`.
    pub fn labels(&self) -> &[u8] {
        self.inner.labels()
    }

    /// The pixels of one image.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn image(&self, index: usize) -> &[u8; PIXELS] {
        self.inner.example(index).0.try_into().expect("an image has 784 pixels")
    }

    /// The label of one image.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn label(&self, index: usize) -> u8 {
        self.labels()[index]
    }

    /// The names of its classes, by label.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.inner.classes().names()
    }

    /// Two data sets: all but `held_out` images, and those, drawn at random by the seed.
    ///
    /// ```
    /// let (training, validation) = shuzi::Dataset::synthetic(100, 0).split(20, 0);
    /// assert_eq!((training.len(), validation.len()), (80, 20));
    /// ```
    ///
    /// # Panics
    ///
    /// If either would be empty.
    pub fn split(&self, held_out: usize, seed: u64) -> (Dataset, Dataset) {
        assert!(held_out > 0, "Dataset::split: no image held out");
        let split = shuzi_engine::training::split(&self.inner, held_out, seed);
        let validation = split.validation_set(&self.inner).expect("some are held out");
        (Dataset { inner: self.inner.select(&split.training) }, Dataset { inner: validation })
    }
}

impl Dataset {
    /// The same with the labels that a model has for its classes.
    pub(crate) fn for_model(&self, model: &crate::Model) -> Result<Dataset, DatasetError> {
        wrap(self.inner.clone().relabelled(&model.inner.classes))
    }
}

fn wrap(inner: Result<dataset::Dataset, dataset::DatasetError>) -> Result<Dataset, DatasetError> {
    inner.map(|inner| Dataset { inner }).map_err(|fault| DatasetError(Fault::Misfit(fault)))
}

/// Images and labels that could not be read or do not fit together; its text says what was found and where.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DatasetError(Fault);

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Misfit(dataset::DatasetError),
    #[error(transparent)]
    Classes(shuzi_engine::classes::ClassesError),
    #[error(transparent)]
    Idx(idx::IdxError),
    #[error(transparent)]
    Csv(csv::CsvError),
}
