//! NumPy's `.npy`: one array, or the tutorial's dictionary of arrays.
//!
//! Source: NEP 1 and `numpy/lib/format.py`: magic, version, length of the header, the header
//! as a Python dictionary, data. An object array is a pickle; the only kind that is read is
//! the tutorial's, and nothing in it is executed ([`pickle`]).

use super::{
    arrays::{Array, ArrayError, ElementType, MemoryOrder},
    pickle::{self, PickleError},
};

/// What every `.npy` file begins with.
pub const MAGIC: &[u8] = super::NPY_MAGIC;

/// NumPy's word for elements that are Python's objects.
const OBJECTS: &str = "|O";

/// The header may have at most so many bytes.
const MAX_HEADER: usize = 64 * 1024;

/// What a `.npy` file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An array of numbers.
    Array(Array),
    /// A pickled dictionary of named arrays, in its order.
    Dictionary(Vec<(String, Array)>),
}

/// Bytes that are no `.npy` file of numbers.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum NpyError {
    /// It begins with something else.
    #[error("it does not begin like a .npy file")]
    Magic,
    /// A version that is not 1, 2 or 3.
    #[error("version {found}, expected 1, 2 or 3")]
    Version {
        /// The version found.
        found: u8,
    },
    /// The file ends before or inside the header.
    #[error("the file ends inside its header")]
    HeaderCut,
    /// The header is larger than any header.
    #[error("the header claims {found} bytes, at most {MAX_HEADER} are accepted")]
    HeaderTooLong {
        /// The claim.
        found: usize,
    },
    /// The header is not the dictionary that NumPy writes.
    #[error("the header is not NumPy's: {found:?}")]
    Header {
        /// Its beginning.
        found: String,
    },
    /// The data is not what the header says.
    #[error("its data")]
    Array(#[from] ArrayError),
    /// The pickle in it cannot be read.
    #[error("the pickle in it")]
    Pickle(#[from] PickleError),
}

/// Reads a `.npy` file.
///
/// # Errors
///
/// [`NpyError`]: no `.npy` file, cut off, a form of it that is not read, or a pickle that asks for more than arrays.
pub fn read(bytes: &[u8]) -> Result<Content, NpyError> {
    let (header, data) = split(bytes)?;
    if header.element == OBJECTS {
        return Ok(Content::Dictionary(pickle::read_dictionary(data)?));
    }
    Ok(Content::Array(array(header, data)?))
}

/// Reads a `.npy` file that holds numbers; `None` for one of Python's objects, whose pickle is
/// not looked at.
pub(super) fn read_numbers(bytes: &[u8]) -> Result<Option<Array>, NpyError> {
    let (header, data) = split(bytes)?;
    if header.element == OBJECTS { Ok(None) } else { array(header, data).map(Some) }
}

fn array(header: Header, data: &[u8]) -> Result<Array, NpyError> {
    let element = ElementType::parse(&header.element)?;
    Ok(Array::from_bytes(element, header.shape, header.order, data)?)
}

/// The header, checked, and what follows it.
fn split(bytes: &[u8]) -> Result<(Header, &[u8]), NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let (&[major, _minor], rest) = rest.split_first_chunk().ok_or(NpyError::HeaderCut)?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk().ok_or(NpyError::HeaderCut)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk().ok_or(NpyError::HeaderCut)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        found => return Err(NpyError::Version { found }),
    };
    if length > MAX_HEADER {
        return Err(NpyError::HeaderTooLong { found: length });
    }
    let (header, data) = rest.split_at_checked(length).ok_or(NpyError::HeaderCut)?;
    let not_numpys =
        || NpyError::Header { found: String::from_utf8_lossy(&header[..header.len().min(80)]).into() };
    let parsed = std::str::from_utf8(header).ok().and_then(parse_header).ok_or_else(not_numpys)?;
    if parsed.element == OBJECTS && !parsed.shape.is_empty() {
        return Err(not_numpys()); // many objects, where the tutorial has one
    }
    Ok((parsed, data))
}

struct Header {
    element: String,
    order: MemoryOrder,
    shape: Vec<usize>,
}

/// `{'descr': '<f8', 'fortran_order': False, 'shape': (784, 32), }`, keys in any order.
fn parse_header(text: &str) -> Option<Header> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let (mut element, mut order, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, value) = rest.strip_prefix('\'')?.split_once('\'')?;
        let value = value.trim_start().strip_prefix(':')?.trim_start();
        rest = match key {
            "descr" => {
                let (text, rest) = value.strip_prefix('\'')?.split_once('\'')?;
                (element.replace(text.to_string()).is_none()).then_some(rest)?
            }
            "fortran_order" => {
                let (flag, rest) = match value.strip_prefix("True") {
                    Some(rest) => (true, rest),
                    None => (false, value.strip_prefix("False")?),
                };
                order.replace(MemoryOrder::from_fortran_flag(flag)).is_none().then_some(rest)?
            }
            "shape" => {
                let (numbers, rest) = value.strip_prefix('(')?.split_once(')')?;
                (shape.replace(parse_shape(numbers)?).is_none()).then_some(rest)?
            }
            _ => return None,
        };
        rest = rest.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(Header { element: element?, order: order?, shape: shape? })
}

/// `784, 32`, `10,` or nothing.
fn parse_shape(text: &str) -> Option<Vec<usize>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(vec![]);
    }
    if !text.contains(',') {
        return None; // (3) is a number in Python
    }
    text.strip_suffix(',').unwrap_or(text).split(',').map(|number| number.trim().parse().ok()).collect()
}

fn header(element: &str, shape: &[usize]) -> Vec<u8> {
    let shape = match shape {
        [one] => format!("({one},)"),
        shape => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut text = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': {shape}, }}");
    let before = MAGIC.len() + 4;
    let padded = (before + text.len() + 1).next_multiple_of(64); // data begins where vectors like it
    text.extend(std::iter::repeat_n(' ', padded - before - text.len() - 1));
    text.push('\n');
    let length = u16::try_from(text.len()).expect("a short header");
    [MAGIC, &[1, 0], &length.to_le_bytes(), text.as_bytes()].concat()
}

/// An array as a `.npy` file; integers as int64.
pub fn write_array(array: &Array) -> Vec<u8> {
    let (element, data) = array.to_bytes();
    [header(element, array.shape()), data].concat()
}

/// Named arrays as the tutorial saves them: `numpy.save` of a dictionary.
pub fn write_dictionary(arrays: &[(String, Array)]) -> Vec<u8> {
    [header(OBJECTS, &[]), pickle::write_dictionary(arrays)].concat()
}
