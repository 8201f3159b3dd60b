//! The arrays of a `.npz` file of strokes: a zip of `.npy` files (NEP 1), read by name.
//!
//! What is unpacked is counted while it is unpacked: a zip's own word on sizes is a claim.

use super::{About, Strokes, StrokesError};
use std::io::{Cursor, Read};
use zip::{ZipArchive, result::ZipError};

/// Bytes that a file may unpack to at most.
const MOST_UNPACKED: u64 = 1 << 27;
/// Members that a file may have at most.
const MOST_MEMBERS: usize = 100;
/// What every `.npy` file begins with, version 1.0 included.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// Bytes of a character in NumPy's texts.
const CHARACTER: usize = 4;

/// Reads all arrays and checks that they fit together.
pub(super) fn read(bytes: &[u8]) -> Result<Strokes, StrokesError> {
    let mut arrays = Arrays::open(bytes)?;
    let points = arrays.numbers("xy", "<i2", Some(2))?;
    let points: Vec<[i16; 2]> =
        points.as_chunks().0.iter().map(|&[a, b, c, d]| [[a, b], [c, d]].map(i16::from_le_bytes)).collect();
    let stroke_ends = ends(&arrays.counts("stroke_len")?, "stroke_len", ("xy", points.len()))?;
    let sample_ends = ends(&arrays.counts("n_strokes")?, "n_strokes", ("stroke_len", stroke_ends.len()))?;
    let sources = arrays.texts("sources")?;
    let about = about(&mut arrays, sample_ends.len())?;
    Ok(Strokes { points, stroke_ends, sample_ends, about, sources })
}

/// What is known of each of `samples` samples.
fn about(arrays: &mut Arrays<'_>, samples: usize) -> Result<Vec<About>, StrokesError> {
    let fits = |name, found| match found == samples {
        true => Ok(()),
        false => Err(StrokesError::Count { name, found, expected: samples }),
    };
    let mut about = vec![About::default(); samples];
    let labels = arrays.numbers("label", "<u4", None)?;
    fits("label", labels.len() / 4)?;
    for (about, &label) in about.iter_mut().zip(labels.as_chunks().0) {
        about.label = char::from_u32(u32::from_le_bytes(label)).filter(|&label| label != '\0');
    }
    let (writers, sources) = (arrays.counts("writer")?, arrays.counts("source")?);
    fits("writer", writers.len())?;
    fits("source", sources.len())?;
    let flags = arrays.numbers("flag", "|u1", None)?;
    fits("flag", flags.len())?;
    for (i, about) in about.iter_mut().enumerate() {
        (about.writer, about.source, about.flag) = (writers[i], sources[i], flags[i]);
    }
    if arrays.has("digit_sim") {
        let likeness = arrays.numbers("digit_sim", "|u1", None)?;
        fits("digit_sim", likeness.len())?;
        about.iter_mut().zip(likeness).for_each(|(about, likeness)| about.likeness = likeness);
    }
    if arrays.has("text") {
        let texts = arrays.texts("text")?;
        fits("text", texts.len())?;
        about.iter_mut().zip(texts).for_each(|(about, text)| about.text = Some(text.into()));
    }
    Ok(about)
}

/// Where each of many parts of the given lengths ends; they are all of `whole`.
fn ends(
    lengths: &[u16],
    name: &'static str,
    (whole, count): (&'static str, usize),
) -> Result<Vec<u32>, StrokesError> {
    if let Some(index) = lengths.iter().position(|&length| length == 0) {
        return Err(StrokesError::Empty { name, index });
    }
    let sum: usize = lengths.iter().map(|&length| usize::from(length)).sum();
    if sum != count {
        return Err(StrokesError::Count { name: whole, found: count, expected: sum });
    }
    let mut end = 0;
    let ends = lengths.iter().map(|&length| {
        end += u32::from(length); // `sum` is at most MOST_UNPACKED
        end
    });
    Ok(ends.collect())
}

/// A zip archive and how much of it may still be unpacked.
struct Arrays<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    left: u64,
}

impl<'a> Arrays<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, StrokesError> {
        let archive = ZipArchive::new(Cursor::new(bytes))?;
        if archive.len() > MOST_MEMBERS {
            return Err(ZipError::InvalidArchive("too many members".into()).into());
        }
        Ok(Arrays { archive, left: MOST_UNPACKED })
    }

    fn has(&self, name: &str) -> bool {
        self.archive.index_for_name(&format!("{name}.npy")).is_some()
    }

    /// Type, shape and data of an array.
    fn array(&mut self, name: &'static str) -> Result<(String, Vec<usize>, Vec<u8>), StrokesError> {
        let member = match self.archive.by_name(&format!("{name}.npy")) {
            Err(ZipError::FileNotFound) => return Err(StrokesError::Missing { name }),
            member => member?,
        };
        let mut bytes = vec![];
        let read = member.take(self.left + 1).read_to_end(&mut bytes);
        read.map_err(|source| StrokesError::Unpack { name, source })?;
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(StrokesError::TooLarge { most: MOST_UNPACKED })?;
        split(&bytes)
            .map(|(kind, shape, data)| (kind, shape, data.to_vec()))
            .ok_or(StrokesError::Damaged { name })
    }

    /// The bytes of an array of this type; with `columns`, one of so many columns.
    fn numbers(
        &mut self,
        name: &'static str,
        kind: &str,
        columns: Option<usize>,
    ) -> Result<Vec<u8>, StrokesError> {
        let (found, shape, data) = self.array(name)?;
        let of_shape = match (shape.as_slice(), columns) {
            ([_], None) => true,
            ([_, found], Some(columns)) => *found == columns,
            _ => false,
        };
        if found != kind || !of_shape {
            let found = format!("{found} of shape {shape:?}");
            return Err(StrokesError::Type { name, found, expected: kind.to_string() });
        }
        whole(&shape, &kind[2..], 1, &data).then_some(data).ok_or(StrokesError::Damaged { name })
    }

    fn counts(&mut self, name: &'static str) -> Result<Vec<u16>, StrokesError> {
        let bytes = self.numbers(name, "<u2", None)?;
        Ok(bytes.as_chunks().0.iter().map(|&count| u16::from_le_bytes(count)).collect())
    }

    /// An array of texts, which NumPy fills up with zeros.
    fn texts(&mut self, name: &'static str) -> Result<Vec<String>, StrokesError> {
        let (found, shape, data) = self.array(name)?;
        let Some(length) = found.strip_prefix("<U").filter(|_| shape.len() == 1) else {
            let found = format!("{found} of shape {shape:?}");
            return Err(StrokesError::Type { name, found, expected: "<U".to_string() });
        };
        if !whole(&shape, length, CHARACTER, &data) {
            return Err(StrokesError::Damaged { name });
        }
        let text = |bytes: &[u8]| {
            let characters = bytes.as_chunks().0.iter().map(|&code| u32::from_le_bytes(code));
            characters.take_while(|&code| code != 0).map(|code| char::from_u32(code).unwrap_or('?')).collect()
        };
        Ok(data.chunks_exact((data.len() / shape[0].max(1)).max(1)).map(text).collect())
    }
}

/// Whether the data is as long as its shape says, with `size` units of `unit` bytes each.
fn whole(shape: &[usize], size: &str, unit: usize, data: &[u8]) -> bool {
    let each = size.parse().ok().and_then(|size: usize| size.checked_mul(unit));
    let bytes = shape.iter().try_fold(each.unwrap_or(0), |product, &side| product.checked_mul(side));
    each.is_some_and(|each| each > 0) && bytes == Some(data.len())
}

/// A `.npy` file's type, shape and data; `None` if it is damaged or in Fortran's order.
fn split(bytes: &[u8]) -> Option<(String, Vec<usize>, &[u8])> {
    let (length, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    let (header, data) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    let header = std::str::from_utf8(header).ok()?;
    let after = |key: &str| header.split_once(key).map(|(_, value)| value.trim_start());
    let kind = after("'descr':")?.strip_prefix('\'')?.split_once('\'')?.0;
    after("'fortran_order':")?.strip_prefix("False")?;
    let shape = after("'shape':")?.strip_prefix('(')?.split_once(')')?.0;
    let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
    Some((kind.to_string(), sides.map(|side| side.parse().ok()).collect::<Option<_>>()?, data))
}
