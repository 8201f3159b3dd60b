//! The classes of the marks on a line. Codes 0 to 9 are the digits.

/// A decimal point, or a point between thousands.
pub const DOT: u8 = 10;
/// A comma.
pub const COMMA: u8 = 11;
/// A minus sign, or a dash behind an amount.
pub const DASH: u8 = 12;
/// An equals sign, or the double dash behind an amount.
pub const EQUALS: u8 = 13;
/// A slash, as in a date.
pub const SLASH: u8 = 14;
/// The sign of a currency: $, €, £ or ¥.
pub const CURRENCY: u8 = 15;
/// A letter.
pub const LETTER: u8 = 16;
/// Any other symbol, or a scribble.
pub const OTHER: u8 = 17;
/// How many classes there are, without the blank of CTC.
pub const SIGNS: usize = 18;

/// How a class is written: a letter is `a`, another symbol `?`.
///
/// # Panics
///
/// If it is none.
pub fn character(sign: u8) -> char {
    const CHARACTERS: [char; SIGNS] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.', ',', '-', '=', '/', '$', 'a', '?'];
    CHARACTERS[usize::from(sign)]
}

/// The class of a character; `None` for spaces.
pub fn of(character: char) -> Option<u8> {
    Some(match character {
        '0'..='9' => character as u8 - b'0',
        '.' => DOT,
        ',' => COMMA,
        '-' => DASH,
        '=' => EQUALS,
        '/' => SLASH,
        '$' | '€' | '£' | '¥' => CURRENCY,
        letter if letter.is_alphabetic() => LETTER,
        space if space.is_whitespace() => return None,
        _ => OTHER,
    })
}

/// Columns of a network's output that CTC needs for these labels: one each, and a blank between equal ones.
pub fn columns_needed(labels: &[u8]) -> usize {
    labels.len() + labels.windows(2).filter(|pair| pair[0] == pair[1]).count()
}
