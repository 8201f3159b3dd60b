//! Arrays of numbers with a shape: what the file formats hold, before anyone knows its meaning.
//!
//! Row by row (C order) once read, whatever order the file had. Every size is checked against
//! the bytes that are there before memory is asked for.

use half::f16;

/// Numbers in a shape, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
}

/// The numbers of an [`Array`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Half precision.
    F16(Vec<f16>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Integers of any width.
    Integers(Vec<i64>),
}

/// Bytes that do not make the array they claim to be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArrayError {
    /// Not numbers, or numbers of an uncommon kind.
    #[error("element type {found:?}, expected float16, float32, float64 or integers")]
    ElementType {
        /// The type as the file names it.
        found: String,
    },
    /// More dimensions than any weight has.
    #[error("{found} dimensions, at most {MAX_DIMENSIONS} are accepted")]
    Dimensions {
        /// Dimensions found.
        found: usize,
    },
    /// The shape needs more or fewer bytes than there are.
    #[error("shape {shape:?} does not fit {found} bytes of data")]
    Size {
        /// The shape.
        shape: Vec<usize>,
        /// Bytes of data.
        found: usize,
    },
    /// An integer that 64 bits with a sign do not hold.
    #[error("the integer at index {index} is 2^63 or more")]
    Integer {
        /// Where, counted row by row.
        index: usize,
    },
    /// A number that does not fit where it is needed.
    #[error("value {value} at index {index} is no index of an example")]
    NoIndex {
        /// The value, in words.
        value: String,
        /// Where, counted row by row.
        index: usize,
    },
}

/// Dimensions that an array may have at most.
pub const MAX_DIMENSIONS: usize = 8;

/// How one number lies in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ElementType {
    kind: Kind,
    bytes: usize,
    byte_order: ByteOrder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
}

/// Which byte of a number comes first in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    LittleEndian,
    BigEndian,
}

/// How an array's numbers lie one behind the other in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "numpy"), allow(dead_code))] // safetensors has one order only
pub(super) enum MemoryOrder {
    /// The last index runs fastest, as in C.
    RowMajor,
    /// The first index runs fastest, as in Fortran.
    ColumnMajor,
}

#[cfg(feature = "numpy")]
impl MemoryOrder {
    /// From NumPy's flag `fortran_order`.
    pub(super) fn from_fortran_flag(is_fortran: bool) -> Self {
        if is_fortran { MemoryOrder::ColumnMajor } else { MemoryOrder::RowMajor }
    }
}

impl ElementType {
    /// From NumPy's words: `<f8`, `f4`, `|u1`, `>i4`, …
    pub(super) fn parse(text: &str) -> Result<Self, ArrayError> {
        let unknown = || ArrayError::ElementType { found: text.chars().take(40).collect() };
        let (byte_order, rest) = match text.as_bytes().first() {
            Some(b'>') => (ByteOrder::BigEndian, &text[1..]),
            Some(b'<' | b'=' | b'|') => (ByteOrder::LittleEndian, &text[1..]),
            _ => (ByteOrder::LittleEndian, text),
        };
        let (kind, bytes) = match rest {
            "f2" => (Kind::Float, 2),
            "f4" => (Kind::Float, 4),
            "f8" => (Kind::Float, 8),
            "u1" => (Kind::Unsigned, 1),
            "u2" => (Kind::Unsigned, 2),
            "u4" => (Kind::Unsigned, 4),
            "u8" => (Kind::Unsigned, 8),
            "i1" => (Kind::Signed, 1),
            "i2" => (Kind::Signed, 2),
            "i4" => (Kind::Signed, 4),
            "i8" => (Kind::Signed, 8),
            _ => return Err(unknown()),
        };
        Ok(ElementType { kind, bytes, byte_order })
    }

    /// The same with another byte order.
    #[cfg(feature = "numpy")]
    pub(super) fn with_byte_order(self, byte_order: ByteOrder) -> Self {
        ElementType { byte_order, ..self }
    }
}

impl Array {
    /// Single-precision numbers in a shape.
    ///
    /// # Panics
    ///
    /// If the shape needs more or fewer numbers.
    pub fn from_f32(shape: Vec<usize>, values: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "Array::from_f32: {shape:?}");
        Array { shape, values: Values::F32(values) }
    }

    /// Double-precision numbers in a shape.
    ///
    /// # Panics
    ///
    /// If the shape needs more or fewer numbers.
    pub fn from_f64(shape: Vec<usize>, values: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "Array::from_f64: {shape:?}");
        Array { shape, values: Values::F64(values) }
    }

    /// From the bytes of a file.
    pub(super) fn from_bytes(
        element: ElementType,
        shape: Vec<usize>,
        order: MemoryOrder,
        bytes: &[u8],
    ) -> Result<Self, ArrayError> {
        if shape.len() > MAX_DIMENSIONS {
            return Err(ArrayError::Dimensions { found: shape.len() });
        }
        let expected = shape.iter().try_fold(element.bytes, |size, &n| size.checked_mul(n));
        if expected != Some(bytes.len()) {
            return Err(ArrayError::Size { shape, found: bytes.len() });
        }
        let little_endian = |bytes: &[u8]| {
            let mut number = [0; 8];
            number[..bytes.len()].copy_from_slice(bytes);
            if element.byte_order == ByteOrder::BigEndian {
                number[..bytes.len()].reverse();
            }
            u64::from_le_bytes(number)
        };
        let numbers = bytes.chunks_exact(element.bytes).map(little_endian);
        let unused_bits = 64 - 8 * element.bytes as u32;
        let mut values = match (element.kind, element.bytes) {
            (Kind::Float, 2) => Values::F16(numbers.map(|bits| f16::from_bits(bits as u16)).collect()),
            (Kind::Float, 4) => Values::F32(numbers.map(|bits| f32::from_bits(bits as u32)).collect()),
            (Kind::Float, _) => Values::F64(numbers.map(f64::from_bits).collect()),
            (Kind::Signed, _) => {
                Values::Integers(numbers.map(|bits| ((bits << unused_bits) as i64) >> unused_bits).collect())
            }
            (Kind::Unsigned, _) => {
                let integer = |(index, bits)| i64::try_from(bits).map_err(|_| ArrayError::Integer { index });
                Values::Integers(numbers.enumerate().map(integer).collect::<Result<_, _>>()?)
            }
        };
        if order == MemoryOrder::ColumnMajor && shape.len() > 1 {
            values = match values {
                Values::F16(values) => Values::F16(transpose_to_row_major(&shape, &values)),
                Values::F32(values) => Values::F32(transpose_to_row_major(&shape, &values)),
                Values::F64(values) => Values::F64(transpose_to_row_major(&shape, &values)),
                Values::Integers(values) => Values::Integers(transpose_to_row_major(&shape, &values)),
            };
        }
        Ok(Array { shape, values })
    }

    /// NumPy's word for the elements, and their bytes, little-endian and row by row.
    pub(super) fn to_bytes(&self) -> (&'static str, Vec<u8>) {
        match &self.values {
            Values::F16(values) => ("<f2", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Values::F32(values) => ("<f4", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Values::F64(values) => ("<f8", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Values::Integers(values) => {
                ("<i8", values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        }
    }

    /// The shape, outermost dimension first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, row by row.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The same in half precision, if all numbers can be said in it.
    pub fn to_f16(&self) -> Option<Array> {
        let Values::F32(values) = &self.values else { return None };
        let exact = |&value: &f32| Some(f16::from_f32(value)).filter(|half| f32::from(*half) == value);
        let values = values.iter().map(exact).collect::<Option<_>>()?;
        Some(Array { shape: self.shape.clone(), values: Values::F16(values) })
    }

    /// The numbers in single precision, rounded where they have more.
    pub fn into_f32(self) -> Vec<f32> {
        match self.values {
            Values::F16(values) => values.into_iter().map(f32::from).collect(),
            Values::F32(values) => values,
            Values::F64(values) => values.into_iter().map(|value| value as f32).collect(),
            Values::Integers(values) => values.into_iter().map(|value| value as f32).collect(),
        }
    }

    /// The numbers as indices of examples.
    ///
    /// # Errors
    ///
    /// If one is negative, no integer, or above `u32::MAX`.
    pub fn into_indices(self) -> Result<Vec<u32>, ArrayError> {
        let Values::Integers(values) = self.values else {
            return Err(ArrayError::ElementType { found: "floating point".into() });
        };
        let check = |(index, value): (usize, i64)| {
            u32::try_from(value).map_err(|_| ArrayError::NoIndex { value: value.to_string(), index })
        };
        values.into_iter().enumerate().map(check).collect()
    }
}

/// From column-major to row-major order.
fn transpose_to_row_major<T: Copy>(shape: &[usize], values: &[T]) -> Vec<T> {
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    (0..values.len())
        .map(|place| {
            let (mut rest, mut source) = (place, 0);
            for axis in (0..shape.len()).rev() {
                source += rest % shape[axis] * strides[axis];
                rest /= shape[axis];
            }
            values[source]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_number_is_read_in_both_byte_orders() {
        let read = |kind: &str, bytes: &[u8]| {
            Array::from_bytes(ElementType::parse(kind).unwrap(), vec![1], MemoryOrder::RowMajor, bytes)
                .unwrap()
                .values
        };
        assert_eq!(read("<f2", &[0x00, 0x3e]), Values::F16(vec![f16::from_f32(1.5)]));
        assert_eq!(read(">f2", &[0x00, 0x01]), Values::F16(vec![f16::from_bits(1)])); // the smallest above 0
        assert_eq!(read("<f4", &1.5f32.to_le_bytes()), Values::F32(vec![1.5]));
        assert_eq!(read(">f8", &1.5f64.to_be_bytes()), Values::F64(vec![1.5]));
        assert_eq!(read("|i1", &[0xff]), Values::Integers(vec![-1]));
        assert_eq!(read("|u1", &[0xff]), Values::Integers(vec![255]));
        assert_eq!(read(">u2", &[1, 2]), Values::Integers(vec![258]));
        assert_eq!(read("<i4", &(-7i32).to_le_bytes()), Values::Integers(vec![-7]));
        for wrong in ["<f3", "|O", "<U8", "<c8", "|b1", "", "é"] {
            assert!(ElementType::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fortran_order_is_turned_round() {
        let bytes: Vec<u8> = (0..24).collect();
        let u1 = ElementType::parse("u1").unwrap();
        let array = Array::from_bytes(u1, vec![2, 3, 4], MemoryOrder::ColumnMajor, &bytes).unwrap();
        let expected = (0..24).map(|place| (place / 12) + (place / 4 % 3) * 2 + (place % 4) * 6).collect();
        assert_eq!(array.values, Values::Integers(expected));
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused_before_anything_is_allocated() {
        let u1 = ElementType::parse("u1").unwrap();
        for shape in [vec![3], vec![usize::MAX, 2], vec![0], vec![1; 9]] {
            assert!(Array::from_bytes(u1, shape, MemoryOrder::RowMajor, &[0; 4]).is_err());
        }
    }

    #[test]
    fn only_what_half_precision_can_say_becomes_half_precision() {
        let exact = Array::from_f32(vec![4], vec![0.5, -65504.0, 0.0, 6.0e-8f32]).to_f16();
        assert_eq!(exact, None, "6e-8 is no half");
        let exact = [0.5, -65504.0, 0.0, f32::from(f16::from_bits(1))].to_vec();
        let half = Array::from_f32(vec![2, 2], exact.clone()).to_f16().unwrap();
        assert_eq!((half.shape(), half.to_bytes().1.len()), (&[2, 2][..], 8));
        assert_eq!(half.into_f32(), exact);
        for wrong in [0.1, 65520.0, f32::NAN] {
            assert_eq!(Array::from_f32(vec![1], vec![wrong]).to_f16(), None);
        }
    }

    #[test]
    fn indices_are_integers_and_not_negative() {
        let array =
            |values: &[i64]| Array { shape: vec![values.len()], values: Values::Integers(values.to_vec()) };
        assert_eq!(array(&[0, 4_294_967_295]).into_indices().unwrap(), [0, u32::MAX]);
        assert!(array(&[-1]).into_indices().is_err() && array(&[1 << 32]).into_indices().is_err());
        assert!(Array::from_f32(vec![1], vec![1.0]).into_indices().is_err());
    }
}
