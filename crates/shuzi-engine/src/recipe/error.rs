//! Why a text is no recipe: with the line, the key and the nearest key there is.
//!
//! In: what the TOML reader says, in English. Out: a [`RecipeError`], which the program explains in the user's language. Whether a number is in
//! its [range](super::range) is checked elsewhere.

use super::{MAX_BYTES, Range};
use crate::{
    classes::Classes,
    network::{ArchitectureError, QuantizationError},
};

/// A recipe that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum RecipeError {
    /// Neither built in nor a file.
    #[error("no recipe is called {name:?}")]
    UnknownName {
        /// The name asked for.
        name: String,
        /// The built-in name most like it.
        nearest: Option<&'static str>,
    },
    /// More text than any recipe needs.
    #[error("{found} bytes, at most {MAX_BYTES} are accepted")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 text")]
    NotText,
    /// A key that no recipe has.
    #[error("line {line}: unknown key `{key}`")]
    UnknownKey {
        /// Where, from 1.
        line: usize,
        /// The key found.
        key: String,
        /// The known key most like it.
        nearest: Option<String>,
    },
    /// A key is missing.
    #[error("line {line}: there is no key `{key}`")]
    MissingKey {
        /// Where it should be, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A word that is none of those known.
    #[error("line {line}: unknown value `{found}`, expected {known}")]
    UnknownValue {
        /// Where, from 1.
        line: usize,
        /// The word found.
        found: String,
        /// Those known.
        known: String,
    },
    /// A value of the wrong type.
    #[error("line {line}: found {found}, expected {expected}")]
    WrongType {
        /// Where, from 1.
        line: usize,
        /// The value found.
        found: String,
        /// The type expected.
        expected: String,
    },
    /// Not TOML, or a value that cannot be used.
    #[error("line {line}: {message}")]
    Syntax {
        /// Where, from 1.
        line: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// A number outside its range.
    #[error("{key} is {found}, expected {expected}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The value found.
        found: String,
        /// The range.
        expected: Range,
    },
    /// Layers that make no network.
    #[error("network.layers")]
    Layers(#[from] ArchitectureError),
    /// What is drawn shows digits, or none, which says nothing of other classes.
    #[error("training.additions are for digits, but the classes of the data are {classes}")]
    Additions {
        /// The classes of the data.
        classes: Classes,
    },
    /// Layers that int8 does not have, which it asks for.
    #[error("training.storage")]
    Quantization(#[from] QuantizationError),
}

/// Makes a typed error of what the TOML reader says; it names keys and words in backquotes, with
/// the known ones behind unknown ones.
pub(super) fn explain(error: &toml::de::Error, text: &str) -> RecipeError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(key) if message.starts_with("unknown field") => {
            RecipeError::UnknownKey { line, key: key.into(), nearest: nearest(key, quoted).map(String::from) }
        }
        Some(key) if message.starts_with("missing field") => {
            RecipeError::MissingKey { line, key: key.into() }
        }
        Some(found) if message.starts_with("unknown variant") => RecipeError::UnknownValue {
            line,
            found: found.into(),
            known: quoted.collect::<Vec<_>>().join(", "),
        },
        _ => {
            let wrong_type =
                message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "));
            match wrong_type {
                Some((found, expected)) => {
                    RecipeError::WrongType { line, found: found.into(), expected: expected.into() }
                }
                None => RecipeError::Syntax { line, message: message.into() },
            }
        }
    }
}

/// The name most like `name`, if one is like it at all.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}
