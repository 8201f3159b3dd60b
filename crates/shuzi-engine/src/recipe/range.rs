//! The ranges of a recipe's numbers.
//!
//! In: a key, its value and its range. Out: nothing, or an error with all three. Which range a key has is said where the key is.

use super::RecipeError;

/// What a number in a recipe may be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Range {
    /// 1 to [`MAX_EPOCHS`].
    Epochs,
    /// 1 or more, or `"all"`.
    BatchSize,
    /// An integer, 1 or more.
    OneOrMore,
    /// A finite number above 0.
    Positive,
    /// A finite number, 0 or more.
    NotNegative,
    /// 0 to below 1.
    BelowOne,
    /// These two, or a number between them.
    Between(f32, f32),
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Range::Epochs => write!(f, "1 to {MAX_EPOCHS}"),
            Range::BatchSize => write!(f, "1 or more, or \"all\""),
            Range::OneOrMore => write!(f, "1 or more"),
            Range::Positive => write!(f, "a number above 0"),
            Range::NotNegative => write!(f, "0 or more"),
            Range::BelowOne => write!(f, "0 to below 1"),
            Range::Between(least, most) => write!(f, "{least} to {most}"),
        }
    }
}

/// Epochs that can be asked for.
pub const MAX_EPOCHS: usize = 1_000_000;

/// Whether a number is finite and in its range.
pub(super) fn check(key: &'static str, value: f32, expected: Range) -> Result<(), RecipeError> {
    let inside = match expected {
        Range::Positive => value > 0.0,
        Range::BelowOne => (0.0..1.0).contains(&value),
        Range::Between(least, most) => (least..=most).contains(&value),
        _ => value >= 0.0,
    };
    if inside && value.is_finite() { Ok(()) } else { Err(out_of_range(key, value, expected)) }
}

pub(super) fn at_least_one(key: &'static str, value: usize) -> Result<(), RecipeError> {
    if value > 0 { Ok(()) } else { Err(out_of_range(key, value, Range::OneOrMore)) }
}

pub(super) fn out_of_range(key: &'static str, found: impl ToString, expected: Range) -> RecipeError {
    RecipeError::OutOfRange { key, found: found.to_string(), expected }
}
