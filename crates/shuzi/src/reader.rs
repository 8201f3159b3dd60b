//! The reader: a trained network and the way from a picture to it.

use crate::{Model, ModelError, PIXELS, Picture, Reading};
use shuzi_engine::{
    image::DigitImage,
    kernels::Level,
    recognition::{self, Options},
};

pub use recognition::{Cancel, Cancelled};

/// Reads digits in pictures. Making one prepares the weights, so make it once; it can be shared among threads.
///
/// ```
/// # #[cfg(feature = "photo")] {
/// let reader = shuzi::Reader::pretrained();
/// let blank = shuzi::Picture::gray(100, 100, vec![255; 100 * 100]);
/// assert!(reader.read(&blank).is_empty());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    inner: recognition::Reader,
}

impl Reader {
    /// The reader for photos, scans and drawings: `named("photo")`.
    #[cfg(feature = "photo")]
    pub fn pretrained() -> Reader {
        Reader::named(crate::PICTURE_MODEL).expect("its weights are inside")
    }

    /// A reader with weights that are inside the library; [`model_names`](crate::model_names) lists them.
    ///
    /// # Errors
    ///
    /// [`ModelErrorKind::UnknownName`](crate::ModelErrorKind::UnknownName), which names those that there are.
    pub fn named(name: &str) -> Result<Reader, ModelError> {
        let reader = Reader::new(&Model::named(name)?);
        #[cfg(feature = "lines")]
        if name == crate::PICTURE_MODEL {
            return Ok(reader.with_lines());
        }
        Ok(reader)
    }

    /// A reader with your own model.
    pub fn new(model: &Model) -> Reader {
        Reader { inner: recognition::Reader::new(&model.inner, Level::detect()) }
    }

    /// The same, but lines are read as a whole.
    #[cfg(feature = "lines")]
    fn with_lines(self) -> Reader {
        let lines = recognition::LineReader::from_bytes(crate::LINES_FILE, Level::detect());
        let lines = lines.expect("its weights are inside");
        Reader { inner: self.inner.with_lines(lines) }
    }

    /// Reads a picture.
    pub fn read(&self, picture: &Picture) -> Reading {
        self.read_with(picture, &ReadOptions::default()).expect("nobody can cancel it")
    }

    /// Reads a picture as the options say.
    ///
    /// # Errors
    ///
    /// [`Cancelled`], some milliseconds after [`Cancel::cancel`] was called on the options' [`Cancel`].
    pub fn read_with(&self, picture: &Picture, options: &ReadOptions) -> Result<Reading, Cancelled> {
        let reading =
            recognition::recognize_until(&self.inner, &picture.inner, options.inner, &options.cancel)?;
        Ok(Reading::new(reading))
    }

    /// The calibrated probabilities of all classes for each image of 28x28 pixels, 0 for paper to 255 for ink, in which a digit
    /// already stands as MNIST's do.
    ///
    /// ```
    /// # #[cfg(feature = "photo")] {
    /// let reader = shuzi::Reader::pretrained();
    /// let probabilities = reader.probabilities(&[[0; shuzi::PIXELS]]);
    /// assert!((probabilities[0].iter().sum::<f32>() - 1.0).abs() < 1e-5);
    /// # }
    /// ```
    pub fn probabilities(&self, images: &[[u8; PIXELS]]) -> Vec<Vec<f32>> {
        let images: Vec<DigitImage> = images.iter().map(|image| DigitImage(*image)).collect();
        self.inner.probabilities(&images)
    }

    /// The names of its classes, by label.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.inner.classes().names()
    }
}

/// How to read.
///
/// ```
/// use shuzi::{Cancel, ReadOptions};
///
/// let cancel = Cancel::default();
/// let options = ReadOptions::default().reject_below(0.8).cancelled_by(&cancel);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    inner: Options,
    cancel: Cancel,
}

impl ReadOptions {
    /// Everything in the picture is one digit, however improbable.
    pub fn single_digit(mut self) -> Self {
        self.inner.single = true;
        self
    }

    /// What is less probable than this is no digit, 0 to 1. By default 0.7 for a digit that stands alone, and 0.5 as the
    /// geometric mean of a line's.
    pub fn reject_below(mut self, probability: f32) -> Self {
        self.inner.reject_below = Some(probability);
        self
    }

    /// The reading ends when somebody calls [`Cancel::cancel`] on this, from another thread.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }
}
