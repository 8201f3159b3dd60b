//! safetensors: a JSON header that says where each tensor lies, then the tensors.
//!
//! Source: <https://github.com/huggingface/safetensors>. Read by its own crate, which checks
//! that the tensors lie inside the file without gaps or overlap; checked here is what it leaves
//! open: no name twice, a header of bounded length, numbers that are finite. Written here,
//! because the crate gives the metadata an order by chance, and equal models should be equal bytes.

use super::arrays::{Array, ElementType, MemoryOrder, Values};
use ::safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The header may have at most so many bytes; a recipe takes a few thousand.
pub const MAX_HEADER: usize = 1 << 20;

/// Bytes that are no safetensors file of weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// Too short, a header that lies, tensors that overlap, …
    #[error(transparent)]
    Format(#[from] SafeTensorError),
    /// The first eight bytes claim a header longer than any model's.
    #[error("the header claims {found} bytes, at most {MAX_HEADER} are accepted")]
    HeaderTooLong {
        /// The claim.
        found: u64,
    },
    /// A name that comes twice, of which programs would read either.
    #[error("the header holds {name} twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A tensor of other numbers than expected.
    #[error(
        "tensor {name} is of {found}, expected BF16, F16, F32 or F64, or in a quantised network I8 or I16"
    )]
    ElementType {
        /// Its name.
        name: String,
        /// Its type.
        found: String,
    },
    /// A weight that is infinite or not a number.
    #[error("tensor {name} has {value} at index {index}")]
    NotFinite {
        /// Its name.
        name: String,
        /// Where, counted row by row.
        index: usize,
        /// The value.
        value: f64,
    },
}

/// Tensors by name, and the metadata.
pub type Content = (Vec<(String, Array)>, BTreeMap<String, String>);

/// Reads all tensors, which are of floats, in the order in which they lie, empty ones by name, and the metadata.
///
/// # Errors
///
/// [`SafetensorsError`]: a header that is no JSON of tensors, sizes that do not fit the bytes, or numbers of another type.
pub fn read(bytes: &[u8]) -> Result<Content, SafetensorsError> {
    let (arrays, metadata) = read_all(bytes)?;
    check_floats(&arrays)?;
    Ok((arrays, metadata))
}

/// Whether all are floats.
pub(super) fn check_floats(arrays: &[(String, Array)]) -> Result<(), SafetensorsError> {
    match arrays.iter().find(|(_, array)| matches!(array.values(), Values::Integers(_))) {
        Some((name, _)) => {
            Err(SafetensorsError::ElementType { name: name.clone(), found: "integers".into() })
        }
        None => Ok(()),
    }
}

/// The same, of floats or of int8 or int16.
pub(super) fn read_all(bytes: &[u8]) -> Result<Content, SafetensorsError> {
    check_header(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors: Vec<_> = header.tensors().into_iter().collect();
    tensors.sort_unstable_by(|(name, one), (other_name, other)| {
        one.data_offsets.cmp(&other.data_offsets).then_with(|| name.cmp(other_name))
    });
    let mut arrays = vec![];
    for (name, _) in tensors {
        let tensor = file.tensor(&name)?;
        let element = match tensor.dtype() {
            Dtype::F16 => "<f2",
            Dtype::BF16 => "<f4", // whose upper half it is
            Dtype::F32 => "<f4",
            Dtype::F64 => "<f8",
            Dtype::I8 => "|i1",
            Dtype::I16 => "<i2",
            other => return Err(SafetensorsError::ElementType { name, found: format!("{other:?}") }),
        };
        let element = ElementType::parse(element).expect("a known type");
        let data = match tensor.dtype() {
            Dtype::BF16 => {
                tensor.data().as_chunks().0.iter().flat_map(|&[low, high]| [0, 0, low, high]).collect()
            }
            _ => Cow::Borrowed(tensor.data()),
        };
        let array = Array::from_bytes(element, tensor.shape().to_vec(), MemoryOrder::RowMajor, &data)
            .map_err(|_| SafetensorsError::Format(SafeTensorError::TensorInvalidInfo))?;
        if let Some((index, value)) = first_not_finite(&array) {
            return Err(SafetensorsError::NotFinite { name, index, value });
        }
        arrays.push((name, array));
    }
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    Ok((arrays, metadata))
}

/// What the crate does not look at: the length of the header before it is parsed, and names
/// that come twice. Everything else that is wrong is left for the crate to say.
fn check_header(bytes: &[u8]) -> Result<(), SafetensorsError> {
    let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(()) };
    let found = u64::from_le_bytes(*length);
    if found > MAX_HEADER as u64 {
        return Err(SafetensorsError::HeaderTooLong { found });
    }
    let Some(header) = rest.get(..found as usize) else { return Ok(()) };
    if header.first() != Some(&b'{') {
        return Err(SafeTensorError::InvalidHeaderLength.into());
    }
    let mut twice = None;
    let names = Names { twice: &mut twice, depth: 0 };
    let _ = names.deserialize(&mut serde_json::Deserializer::from_slice(header));
    match twice {
        Some(name) => Err(SafetensorsError::Twice { name }),
        None => Ok(()),
    }
}

/// Looks for a name that comes twice in an object, or in one of the objects in it.
struct Names<'a> {
    twice: &'a mut Option<String>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > 1 {
            return IgnoredAny::deserialize(deserializer).map(drop);
        }
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut entries: M) -> Result<(), M::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            entries.next_value_seed(Names { twice: self.twice, depth: self.depth + 1 })?;
            if !seen.insert(name.clone()) {
                self.twice.get_or_insert(name.chars().take(80).collect());
            }
        }
        Ok(())
    }
}

fn first_not_finite(array: &Array) -> Option<(usize, f64)> {
    fn first<T: Copy + Into<f64>>(values: &[T]) -> Option<(usize, f64)> {
        values.iter().map(|&value| value.into()).enumerate().find(|(_, value)| !value.is_finite())
    }
    match array.values() {
        Values::F16(values) => first(values),
        Values::F32(values) => first(values),
        Values::F64(values) => first(values),
        Values::Integers(_) => None,
    }
}

/// A tensor as a file has it.
pub(super) struct Raw<'a> {
    pub name: &'a str,
    pub element: &'static str,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// Tensors of half or single precision as a file, in their order, with the metadata in its order.
///
/// # Panics
///
/// If a tensor is of another.
pub fn write(tensors: &[(String, Array)], metadata: &[(String, String)]) -> Vec<u8> {
    let raw = tensors.iter().map(|(name, array)| {
        let (element, bytes) = array.to_bytes();
        let element = match element {
            "<f2" => "F16",
            "<f4" => "F32",
            other => panic!("safetensors::write: {name} is {other}"),
        };
        Raw { name, element, shape: array.shape().to_vec(), bytes }
    });
    write_raw(raw, metadata)
}

/// The same of bytes.
pub(super) fn write_raw<'a>(
    tensors: impl Iterator<Item = Raw<'a>>,
    metadata: &[(String, String)],
) -> Vec<u8> {
    let text = |text: &str| serde_json::to_string(text).expect("every text can be written");
    let metadata: Vec<_> =
        metadata.iter().map(|(key, value)| format!("{}:{}", text(key), text(value))).collect();
    let mut entries = vec![format!("\"__metadata__\":{{{}}}", metadata.join(","))];
    let mut data: Vec<u8> = vec![];
    for Raw { name, element, shape, bytes } in tensors {
        let begin = data.len();
        data.extend(bytes);
        let end = data.len();
        entries.push(format!(
            "{}:{{\"dtype\":\"{element}\",\"shape\":{shape:?},\"data_offsets\":[{begin},{end}]}}",
            text(name)
        ));
    }
    let mut header = format!("{{{}}}", entries.join(","));
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len())); // aligns the data
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}
