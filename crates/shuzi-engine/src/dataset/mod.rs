//! Labelled images: where they come from, how they are split and ordered.
//!
//! In: IDX bytes ([`idx`]), a table ([`csv`]) or a seed ([`synthetic`]). Out: a [`Dataset`], bytes as they
//! came (47 MB for MNIST's 60,000), never floats. Lines of writing are drawn by [`strips`], from the pen strokes that [`strokes`] reads.
//! Knows nothing of files or networks.

pub mod csv;
pub mod idx;
mod split;
pub mod strips;
pub mod strokes;
pub mod synthetic;

pub use self::split::{HELD_OUT, Part, Split};
use crate::{
    Rng,
    classes::Classes,
    image::{DigitImage, NO_DIGIT, PIXELS, SIDE},
};
use rand::{SeedableRng, seq::IndexedRandom};

/// Labelled 28x28 images: `images[i]` shows the class `labels[i]`, a digit unless it is said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    classes: Classes,
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
    /// A label of no class.
    #[error("label {label} at index {index}: labels are {first} to {last}")]
    Label {
        /// The label found.
        label: u8,
        /// Its place, from 0.
        index: usize,
        /// The label of the first class.
        first: u8,
        /// The label of the last class.
        last: u8,
    },
    /// No example at all.
    #[error("there is no example in it")]
    Empty,
    /// Images of a class that somebody else does not know.
    #[error("the images have the classes {found}, among them {name:?}; only {known} are known")]
    UnknownClass {
        /// The class that is not known.
        name: String,
        /// The classes of the images.
        found: Classes,
        /// The classes that are known.
        known: Classes,
    },
}

impl Dataset {
    /// Joins images of digits (784 bytes each, row by row) with their labels, and checks that they fit.
    ///
    /// # Errors
    ///
    /// [`DatasetError`]: no image, a label that is no digit, or not as many images as labels.
    pub fn new(images: Vec<u8>, labels: Vec<u8>) -> Result<Self, DatasetError> {
        Self::with_classes(images, labels, Classes::digits())
    }

    /// Joins images of any classes with their labels, and checks that they fit.
    ///
    /// # Errors
    ///
    /// [`DatasetError`]: no image, a label of no class, or not as many images as labels.
    pub fn with_classes(images: Vec<u8>, labels: Vec<u8>, classes: Classes) -> Result<Self, DatasetError> {
        Self::checked(images, labels, classes, None)
    }

    /// [`with_classes`](Self::with_classes), where labels are counted from `first` on.
    ///
    /// # Errors
    ///
    /// [`DatasetError`]: as for [`with_classes`](Self::with_classes).
    pub fn labelled_from(
        first: u8,
        images: Vec<u8>,
        mut labels: Vec<u8>,
        classes: Classes,
    ) -> Result<Self, DatasetError> {
        for (index, label) in labels.iter_mut().enumerate() {
            let last = first.saturating_add((classes.count() - 1) as u8);
            if !(first..=last).contains(label) {
                return Err(DatasetError::Label { label: *label, index, first, last });
            }
            *label -= first;
        }
        Self::with_classes(images, labels, classes)
    }

    /// The same with rows and columns of each image swapped.
    pub fn transposed(mut self) -> Self {
        for image in self.images.as_chunks_mut::<PIXELS>().0 {
            for (row, column) in (0..SIDE).flat_map(|row| (0..row).map(move |column| (row, column))) {
                image.swap(row * SIDE + column, column * SIDE + row);
            }
        }
        self
    }

    /// [`new`](Self::new), where images may show something else and be labelled [`NO_DIGIT`]: to train on, not
    /// to evaluate by.
    ///
    /// # Errors
    ///
    /// [`DatasetError`]: as for [`new`](Self::new).
    pub fn with_others(images: Vec<u8>, labels: Vec<u8>) -> Result<Self, DatasetError> {
        Self::checked(images, labels, Classes::digits(), Some(NO_DIGIT))
    }

    fn checked(
        images: Vec<u8>,
        labels: Vec<u8>,
        classes: Classes,
        also: Option<u8>,
    ) -> Result<Self, DatasetError> {
        if images.len() != labels.len() * PIXELS {
            return Err(DatasetError::CountsDiffer { images: images.len() / PIXELS, labels: labels.len() });
        }
        if labels.is_empty() {
            return Err(DatasetError::Empty);
        }
        let last = (classes.count() - 1) as u8;
        if let Some(index) = labels.iter().position(|&label| label > last && Some(label) != also) {
            return Err(DatasetError::Label { label: labels[index], index, first: 0, last });
        }
        Ok(Dataset { classes, images, labels })
    }

    /// The same images with the labels that their classes have among `known` ones, so that who knows those can be asked
    /// for them; not all need occur.
    ///
    /// # Errors
    ///
    /// [`DatasetError::UnknownClass`] if one of the classes is not among them.
    pub fn relabelled(mut self, known: &Classes) -> Result<Dataset, DatasetError> {
        if self.classes == *known {
            return Ok(self);
        }
        let mut labels = vec![];
        for name in self.classes.names() {
            let Some(label) = known.label(name) else {
                let (name, found) = (name.to_string(), self.classes.clone());
                return Err(DatasetError::UnknownClass { name, found, known: known.clone() });
            };
            labels.push(label);
        }
        self.labels
            .iter_mut()
            .filter(|label| **label != NO_DIGIT)
            .for_each(|label| *label = labels[usize::from(*label)]);
        Ok(Dataset { classes: known.clone(), ..self })
    }

    /// The classes of the images.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// How many examples; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The labels, each the place of its class.
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
    ///
    /// # Panics
    ///
    /// If they are of other classes.
    pub fn append(&mut self, other: &Dataset) {
        assert_eq!(self.classes, other.classes, "Dataset::append: classes");
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
        Dataset { classes: self.classes.clone(), images, labels }
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

    /// Indices of `count` examples of each class, drawn at random by the seed; fewer where there
    /// are fewer.
    pub fn sample_of_each_class(&self, count: usize, seed: u64) -> Vec<Vec<u32>> {
        let mut rng = Rng::seed_from_u64(seed);
        let sample = |class| {
            let all: Vec<u32> =
                (0..self.len() as u32).filter(|&i| usize::from(self.labels[i as usize]) == class).collect();
            all.sample(&mut rng, count).copied().collect()
        };
        (0..self.classes.count()).map(sample).collect()
    }

    /// How often each class occurs.
    pub fn histogram(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.count()];
        for &label in self.labels.iter().filter(|label| **label != NO_DIGIT) {
            counts[usize::from(label)] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(labels: &[u8], names: &[&str]) -> Result<Dataset, DatasetError> {
        let classes = Classes::new(names.iter().map(|name| name.to_string()).collect()).unwrap();
        Dataset::with_classes(vec![0; labels.len() * PIXELS], labels.to_vec(), classes)
    }

    #[test]
    fn labels_are_those_of_the_classes() {
        let letters = of(&[0, 2, 2], &["A", "B", "C"]).unwrap();
        assert_eq!(letters.histogram(), [1, 0, 2]);
        assert_eq!(letters.sample_of_each_class(1, 0).iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1]);
        let error = DatasetError::Label { label: 3, index: 1, first: 0, last: 2 };
        assert_eq!(of(&[0, 3], &["A", "B", "C"]), Err(error));
        assert!(Dataset::new(vec![0; PIXELS], vec![NO_DIGIT]).is_err());
        assert!(Dataset::with_others(vec![0; PIXELS], vec![10]).is_err());
    }

    #[test]
    fn letters_counted_from_one_in_lying_images_are_stood_up() {
        let alphabet = of(&[0], &["A", "B", "C"]).unwrap().classes;
        let images: Vec<u8> = (0..3 * PIXELS).map(|place| (place % PIXELS % 251) as u8).collect();
        let read =
            |labels: &[u8]| Dataset::labelled_from(1, images.clone(), labels.to_vec(), alphabet.clone());
        let letters = read(&[3, 1, 2]).unwrap();
        assert_eq!(letters.labels(), [2, 0, 1]);
        for (label, index) in [(0, 0), (4, 2)] {
            let mut labels = [1; 3];
            labels[index] = label;
            assert_eq!(read(&labels), Err(DatasetError::Label { label, index, first: 1, last: 3 }));
        }
        let upright = letters.clone().transposed();
        for image in 0..3 {
            let [lying, upright] = [&letters, &upright].map(|data| data.image(image).0);
            assert_eq!((upright[28], upright[1], upright[29]), (lying[1], lying[28], lying[29]));
        }
        assert_eq!(upright.transposed(), letters);
    }

    #[test]
    fn labels_follow_the_names_to_other_classes() {
        let letters = of(&[0, 1], &["B", "A"]).unwrap();
        let alphabet = of(&[0], &["A", "B", "C"]).unwrap().classes;
        let known = letters.clone().relabelled(&alphabet).unwrap();
        assert_eq!((known.labels(), known.classes()), (&[1, 0][..], &alphabet));
        assert_eq!(letters.clone().relabelled(letters.classes()).unwrap(), letters);
        let error = letters.relabelled(&Classes::digits()).unwrap_err().to_string();
        assert_eq!(
            error,
            r#"the images have the classes B, A, among them "B"; only 0, 1, 2, …, 9 are known"#
        );
    }
}
