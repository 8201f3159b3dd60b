//! Handwriting as pen strokes, with who wrote it and what it says.
//!
//! In: the bytes of a NumPy `.npz` file with the arrays `xy`, `stroke_len`, `n_strokes`, `label`, `writer`, `source`, `sources`, `flag`, and
//! where they exist `text` and `digit_sim`. Out: [`Strokes`], checked once: behind this no index is out of range. Opens no file and
//! changes no point.

#[cfg(feature = "numpy")]
mod npz;

/// Samples of handwriting. Isolated signs touch (0, 0) and their longer side is 1,000; lines of several signs are 1,000 high. x points
/// right, y down.
#[derive(Clone, Debug, Default)]
pub struct Strokes {
    points: Vec<[i16; 2]>,
    /// Where each stroke ends among the points.
    stroke_ends: Vec<u32>,
    /// Where each sample ends among the strokes.
    sample_ends: Vec<u32>,
    about: Vec<About>,
    sources: Vec<String>,
}

/// What is known of a sample.
#[derive(Clone, Debug, Default)]
struct About {
    label: Option<char>,
    text: Option<Box<str>>,
    writer: u16,
    source: u16,
    flag: u8,
    likeness: u8,
}

/// One sample.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The sign, where it is a single known one.
    pub label: Option<char>,
    /// What a line says.
    pub text: Option<&'a str>,
    /// The number of who wrote it.
    pub writer: u16,
    /// Where it was collected, or what a drawing shows.
    pub source: &'a str,
    /// Of digits: bit 0 if its neighbours have other labels, bit 1 if it cannot be what its label says.
    pub flag: u8,
    /// Of other signs: 255 times the cosine to the nearest digit.
    pub likeness: u8,
    points: &'a [[i16; 2]],
    ends: &'a [u32],
    begin: usize,
}

impl<'a> Sample<'a> {
    /// Its strokes, in the order of writing; none is empty.
    pub fn strokes(&self) -> impl Iterator<Item = &'a [[i16; 2]]> + use<'a> {
        let (points, mut begin) = (self.points, self.begin);
        self.ends.iter().map(move |&end| &points[std::mem::replace(&mut begin, end as usize)..end as usize])
    }
}

impl Strokes {
    /// How many samples.
    pub fn len(&self) -> usize {
        self.about.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.about.is_empty()
    }

    /// All samples in order.
    pub fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        let mut first = 0;
        self.about.iter().zip(&self.sample_ends).map(move |(about, &end)| {
            let strokes = std::mem::replace(&mut first, end as usize)..end as usize;
            let begin = strokes.start.checked_sub(1).map_or(0, |before| self.stroke_ends[before] as usize);
            Sample {
                label: about.label,
                text: about.text.as_deref(),
                writer: about.writer,
                source: self.sources.get(usize::from(about.source)).map_or("", String::as_str),
                flag: about.flag,
                likeness: about.likeness,
                points: &self.points,
                ends: &self.stroke_ends[strokes],
                begin,
            }
        })
    }

    /// Reads a `.npz` file.
    ///
    /// # Errors
    ///
    /// [`StrokesError`]: no sound zip archive, an array that is missing or of another type, or counts that do not fit.
    #[cfg(feature = "numpy")]
    pub fn from_npz(bytes: &[u8]) -> Result<Strokes, StrokesError> {
        npz::read(bytes)
    }
}

/// Bytes that are no file of strokes.
#[cfg(feature = "numpy")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StrokesError {
    /// Not a zip archive, or a damaged one.
    #[error("not a sound zip archive")]
    Zip(#[from] zip::result::ZipError),
    /// An array that is needed is not in it.
    #[error("there is no array {name}")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// An array does not unpack.
    #[error("unpacking {name}")]
    Unpack {
        /// Its name.
        name: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// It unpacks to more than is accepted.
    #[error("it unpacks to more than {most} bytes")]
    TooLarge {
        /// Bytes accepted.
        most: u64,
    },
    /// An array without NumPy's header, or cut off.
    #[error("array {name} is damaged")]
    Damaged {
        /// Its name.
        name: &'static str,
    },
    /// An array of another type or shape.
    #[error("array {name} is {found}, expected {expected}")]
    Type {
        /// Its name.
        name: &'static str,
        /// Type and shape found.
        found: String,
        /// The type expected.
        expected: String,
    },
    /// Counts that do not fit together.
    #[error("array {name} has {found} entries, {expected} were expected")]
    Count {
        /// The array.
        name: &'static str,
        /// Its entries.
        found: usize,
        /// As the other arrays say.
        expected: usize,
    },
    /// A sample without strokes, or a stroke without points.
    #[error("array {name} has a zero at {index}")]
    Empty {
        /// The array of counts.
        name: &'static str,
        /// The place.
        index: usize,
    },
}

#[cfg(all(test, feature = "numpy"))]
mod tests;
