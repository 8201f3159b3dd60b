//! A pickle that can only build arrays: the tutorial's `numpy.save` of a dictionary.
//!
//! Python's own reader runs whatever a pickle names (CVE-2019-6446). This one knows the few
//! `instructions` that NumPy writes, and a `machine` with five names that mean arrays to it; any other
//! name, and any other call, is refused by name. Nothing is executed, nothing is looked up. Text, bytes and
//! numbers stay where they are in the file until the dictionary is known to be sound.
//! Source: `pickletools.py`, PEP 3154, PEP 574.

mod instructions;
mod machine;
mod write;

use self::machine::{ArrayState, Id, Object, Objects};
pub(super) use self::write::write_dictionary;
use super::arrays::{Array, ArrayError, ElementType, MAX_DIMENSIONS};
use std::borrow::Cow;

/// Instructions that a pickle may have at most. numpy writes some 40 for an array.
pub const MAX_INSTRUCTIONS: usize = 100_000;

/// Arrays that a dictionary may hold at most.
pub const MAX_ARRAYS: usize = 1000;

/// How many times the size of the pickle its arrays may take together. Names may share an array
/// (`{"w1": w1, "best_w1": w1}`), but ten bytes each must not ask for a megabyte each.
const MAX_GROWTH: usize = 8;

/// A pickle that is not a dictionary of arrays.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum PickleError {
    /// It names something that is not an array.
    #[error("it asks for {name}, which is refused: only arrays are read, nothing is executed")]
    Refused {
        /// What it names, such as `os.system`.
        name: String,
    },
    /// It calls or changes something that is not an array in the making.
    #[error("at byte {place} it calls or changes something other than an array, which is refused")]
    Call {
        /// Where.
        place: usize,
    },
    /// An instruction that NumPy does not write.
    #[error("unknown instruction {code:#04x} at byte {place}")]
    Instruction {
        /// The instruction.
        code: u8,
        /// Where.
        place: usize,
    },
    /// It ends before it says so.
    #[error("it ends at byte {place}, before its end mark")]
    Cut {
        /// Where.
        place: usize,
    },
    /// Its instructions make no sense.
    #[error("it makes no sense at byte {place}")]
    Malformed {
        /// Where.
        place: usize,
    },
    /// More instructions than a dictionary of arrays needs.
    #[error("more than {MAX_INSTRUCTIONS} instructions")]
    TooLong,
    /// More arrays than any model has.
    #[error("{found} arrays, at most {MAX_ARRAYS} are accepted")]
    TooMany {
        /// Arrays found.
        found: usize,
    },
    /// Names that share arrays, so often that they would fill the memory.
    #[error("its arrays repeat each other to more than {max} bytes")]
    TooLarge {
        /// Bytes that are accepted for a pickle of this size.
        max: usize,
    },
    /// It builds something else than a dictionary of names and arrays.
    #[error("it does not hold a dictionary of names and arrays")]
    NotADictionary,
    /// The same name twice.
    #[error("it holds {name} twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// One of its arrays is not what it claims to be.
    #[error("array {name}")]
    Array {
        /// Its name.
        name: String,
        /// What is wrong.
        source: ArrayError,
    },
}

/// Reads all of the pickle of a dictionary of named arrays, as `numpy.save` writes it.
pub(super) fn read_dictionary(bytes: &[u8]) -> Result<Vec<(String, Array)>, PickleError> {
    let (objects, top) = machine::run(bytes)?;
    let items = dictionary_items(&objects, top).ok_or(PickleError::NotADictionary)?;
    if items.len() > MAX_ARRAYS {
        return Err(PickleError::TooMany { found: items.len() });
    }
    let max = bytes.len().saturating_mul(MAX_GROWTH);
    let mut left = max;
    let mut arrays: Vec<(String, Array)> = vec![];
    for &(key, value) in items {
        let Object::Text(name) = objects[key] else { return Err(PickleError::NotADictionary) };
        let Object::Array(Some(state)) = objects[value] else { return Err(PickleError::NotADictionary) };
        let name: String = name.chars().take(80).collect();
        if arrays.iter().any(|(other, _)| *other == name) {
            return Err(PickleError::Twice { name });
        }
        let size = match objects[state.data] {
            Object::Bytes(data) => data.len(),
            Object::Latin1(text) => text.len(),
            _ => return Err(PickleError::NotADictionary),
        };
        left = left.checked_sub(size).ok_or(PickleError::TooLarge { max })?;
        let array = array(&objects, state).ok_or(PickleError::NotADictionary)?;
        arrays.push((name.clone(), array.map_err(|source| PickleError::Array { name, source })?));
    }
    Ok(arrays)
}

/// The dictionary inside the array without dimensions that `numpy.save` puts around it.
fn dictionary_items<'a>(objects: &'a Objects<'_>, top: Id) -> Option<&'a [(Id, Id)]> {
    let Object::Array(Some(state)) = objects[top] else { return None };
    let (Object::ElementType { code: "O8" | "O", .. }, Object::List(list)) =
        (&objects[state.element], &objects[state.data])
    else {
        return None;
    };
    match (objects.tuple(state.shape)?, list.as_slice()) {
        ([], &[item]) => match &objects[item] {
            Object::Dictionary(items) => Some(items),
            _ => None,
        },
        _ => None,
    }
}

/// An array of its state; `None` if that is not the state of an array.
fn array(objects: &Objects<'_>, state: ArrayState) -> Option<Result<Array, ArrayError>> {
    let Object::ElementType { code, byte_order } = objects[state.element] else { return None };
    let data: Cow<[u8]> = match objects[state.data] {
        Object::Bytes(data) => data.into(),
        Object::Latin1(text) => {
            let bytes = text.chars().map(|letter| u8::try_from(u32::from(letter)).ok());
            bytes.collect::<Option<Vec<u8>>>()?.into()
        }
        _ => return None,
    };
    let dimension = |&id: &Id| match objects[id] {
        Object::Integer(n) => usize::try_from(n).ok(),
        _ => None,
    };
    let shape = objects.tuple(state.shape)?;
    if shape.len() > MAX_DIMENSIONS {
        return Some(Err(ArrayError::Dimensions { found: shape.len() }));
    }
    let shape = shape.iter().map(dimension).collect::<Option<Vec<_>>>()?;
    let element = ElementType::parse(code).map(|element| element.with_byte_order(byte_order));
    Some(element.and_then(|element| Array::from_bytes(element, shape, state.order, &data)))
}

#[cfg(test)]
mod tests;
