//! What a line says.

use super::{
    hands::LIKE_DIGITS,
    random::{chance, one_of},
};
use crate::Rng;
use rand::RngExt;

/// What is on a line.
pub(super) enum Content {
    /// Signs one by one. Behind [`RAISED`] they are small and high.
    Signs(String),
    /// A number that somebody wrote as a whole.
    Number,
    /// A word that somebody wrote as a whole.
    Word,
    /// A drawing or a foreign letter.
    Drawing,
    /// Images of digits side by side.
    Scans,
    /// Nothing.
    Blank,
}

/// What follows is small and high, as cents are.
pub(super) const RAISED: char = '\u{1}';
/// Strokes to and fro.
pub(super) const SCRIBBLE: char = '\u{2}';

/// Symbols that are no mark of a number and like no digit.
const SYMBOLS: &[char] = &[
    '#', '*', '+', ':', '%', '?', '!', '&', '@', '<', '>', '[', ']', '"', ';', '(', ')', '√', '✓', '→', '△',
    '÷',
];
/// Letters that are read as letters alone. `x` is left out, for times is written so.
const LETTERS: &str = "ACEFHJKLMNPRTUVWYacdefhjkmnprtuvw";
/// Words around numbers.
const WORDS: &[&str] = &[
    "total", "summe", "Euro", "kg", "Nr", "Tel", "Betrag", "Datum", "date", "am", "um", "Uhr", "No", "page",
    "Preis", "netto", "mm", "cm", "km", "min", "ca", "EUR", "USD", "CHF", "Fr", "kr", "ct", "Mai", "Juni",
    "April", "Montag", "Name", "Raum", "Haus", "Menge", "pcs", "box", "the", "and", "paid", "cash", "from",
    "hundred", "and", "no", "tax", "net", "room", "hello", "Math", "true", "make", "ten", "Punkte",
];

impl Content {
    pub fn random(rng: &mut Rng) -> Self {
        Content::Signs(match rng.random_range(0..1000) {
            0..150 => number(1, rng),
            150..410 => {
                let digits = rng.random_range(2..=8);
                number(digits, rng)
            }
            410..435 => {
                let digits =
                    if chance(rng, 0.2) { rng.random_range(13..=20) } else { rng.random_range(9..=12) };
                number(digits, rng)
            }
            435..565 => amount(rng),
            565..610 => date(rng),
            610..650 => telephone(rng),
            650..690 => sum(rng),
            690..735 => mixed(rng),
            735..770 => word(rng),
            770..815 => alone(rng),
            815..835 => SCRIBBLE.to_string(),
            835..845 => groups(rng),
            845..885 => return Content::Number,
            885..910 => return Content::Word,
            910..940 => return Content::Drawing,
            _ => return Content::Blank,
        })
    }

    /// Something alike for hands who have written no line as a whole.
    pub fn sign_by_sign(&self, rng: &mut Rng) -> String {
        match self {
            Content::Word => word(rng),
            _ => telephone(rng),
        }
    }
}

fn digit(rng: &mut Rng) -> char {
    char::from(b'0' + rng.random_range(0..10))
}

/// Digits, as likely repeated or round as in real life.
fn number(digits: usize, rng: &mut Rng) -> String {
    let mut text = String::new();
    let zeros = if digits > 2 && chance(rng, 0.15) { rng.random_range(1..digits) } else { 0 };
    for place in 0..digits {
        let last = text.chars().last();
        text.push(match last {
            _ if place >= digits - zeros => '0',
            Some(last) if chance(rng, 0.12) => last,
            _ => digit(rng),
        });
    }
    text
}

/// Groups of three digits between points, commas or spaces.
fn thousands(separator: &str, rng: &mut Rng) -> String {
    let first = rng.random_range(1..=3);
    let mut text = number(first, rng);
    for _ in 0..if chance(rng, 0.15) { 2 } else { 1 } {
        text.push_str(separator);
        text.push_str(&if chance(rng, 0.35) { "000".to_string() } else { number(3, rng) });
    }
    text
}

/// An amount of money, as cheques, bills and forms have it.
fn amount(rng: &mut Rng) -> String {
    let (thousand, decimal) =
        one_of(rng, &[(".", ","), (",", "."), (" ", ","), (" ", "."), (".", ","), ("'", ".")]);
    let whole = if chance(rng, 0.5) {
        thousands(thousand, rng)
    } else {
        let digits = rng.random_range(1..=5);
        number(digits, rng)
    };
    let cents = number(2, rng);
    let amount = match rng.random_range(0..12) {
        0..4 => format!("{whole}{decimal}{cents}"),
        4 => format!("{whole}{RAISED}{cents}"),
        5 => format!("{whole}{}", one_of(rng, &[",-", ".-", " -", "-", ",--", ".--", "/-"])),
        6 => format!("{whole}{}", one_of(rng, &["=", " =", ",=", ".="])),
        7 => format!("{whole}{decimal}"),
        _ => whole,
    };
    let currency = one_of(rng, &["$", "€", "$", "€", "£", "¥"]);
    match rng.random_range(0..14) {
        0 => format!("#{amount}#"),
        1 => format!("*{amount}*"),
        2..4 => format!("{currency}{amount}"),
        4 => format!("{currency} {amount}"),
        5..7 => format!("{amount}{currency}"),
        7 => format!("{amount} {currency}"),
        8 => format!("-{amount}"),
        _ => amount,
    }
}

fn date(rng: &mut Rng) -> String {
    let (day, month) = (rng.random_range(1..=31), rng.random_range(1..=12));
    let year = if chance(rng, 0.7) { rng.random_range(1970..2040) } else { rng.random_range(1800..2100) };
    let short = year % 100;
    let separator = one_of(rng, &[".", "/", "-", ".", "/", " ", ". "]);
    match rng.random_range(0..7) {
        0 => format!("{day}{separator}{month}{separator}{year}"),
        1 => format!("{day:02}{separator}{month:02}{separator}{year}"),
        2 => format!("{day:02}{separator}{month:02}{separator}{short:02}"),
        3 => format!("{year}-{month:02}-{day:02}"),
        4 => format!("{month}/{day}/{short:02}"),
        5 => format!("{day}.{month}."),
        _ => format!("{day}{separator}{month}"),
    }
}

fn telephone(rng: &mut Rng) -> String {
    let mut block = |digits| number(digits, rng);
    let (a, b, c, d) = (block(3), block(3), block(4), block(2));
    match rng.random_range(0..7) {
        0 => format!("{b}-{c}"),
        1 => format!("({a}) {b}-{c}"),
        2 => format!("{a}-{b}-{c}"),
        3 => format!("0{a}/{b}{d}"),
        4 => format!("+{d} {a} {c}"),
        5 => format!("0{d} {b} {c}"),
        _ => format!("{a}.{b}.{c}"),
    }
}

/// A sum, a time, a score.
fn sum(rng: &mut Rng) -> String {
    let mut operand = || {
        let digits = rng.random_range(1..=3);
        number(digits, rng)
    };
    let (a, b, c) = (operand(), operand(), operand());
    let operator = one_of(rng, &["+", "-", "+", "-", "*", ":", "/", "÷"]);
    let space = if chance(rng, 0.5) { " " } else { "" };
    match rng.random_range(0..8) {
        0..3 => format!("{a}{space}{operator}{space}{b}{space}={space}{c}"),
        3 => format!("{a}{space}{operator}{space}{b}{space}="),
        4 => format!("{a}{space}{operator}{space}{b}"),
        5 => format!("{a}:{b}"),
        6 => format!("{a}%"),
        _ => format!("={space}{a}"),
    }
}

/// Letters and digits.
fn mixed(rng: &mut Rng) -> String {
    let digits = rng.random_range(1..=4);
    let number = number(digits, rng);
    let letters: Vec<char> = LETTERS.chars().collect();
    let letter = one_of(rng, &letters);
    let symbol = one_of(rng, SYMBOLS);
    match rng.random_range(0..9) {
        0 => format!("{letter}{number}"),
        1 => format!("{number}{letter}"),
        2 => format!("{letter}={number}"),
        3 => format!("{} {number}", one_of(rng, WORDS)),
        4 => format!("{number} {}", one_of(rng, WORDS)),
        5 => format!("{number}{SCRIBBLE}"),
        6 => format!("{SCRIBBLE}{number}"),
        7 => format!("{number}{symbol}"),
        _ => format!("{symbol}{number}"),
    }
}

/// Letters alone, so many that those like digits are read as letters.
fn word(rng: &mut Rng) -> String {
    if chance(rng, 0.5) {
        return one_of(rng, WORDS).to_string();
    }
    let letters: Vec<char> = ('a'..='z').filter(|&letter| letter != 'x').collect();
    let plain = |letter: &char| !LIKE_DIGITS.contains(*letter);
    let plain_letters: Vec<char> = letters.iter().copied().filter(plain).collect();
    let capital = chance(rng, 0.3);
    let mut word = String::new();
    for place in 0..rng.random_range(2..=9) {
        let letter = if place % 3 == 2 { one_of(rng, &letters) } else { one_of(rng, &plain_letters) };
        word.push(if place == 0 && capital { letter.to_ascii_uppercase() } else { letter });
    }
    word
}

/// One sign that is no digit.
fn alone(rng: &mut Rng) -> String {
    match rng.random_range(0..10) {
        0..5 => {
            let letters: Vec<char> = LETTERS.chars().collect();
            one_of(rng, &letters)
        }
        5..8 => one_of(rng, SYMBOLS),
        _ => one_of(rng, &['-', '=', '$', '€', '£', '¥', ',', '.']),
    }
    .to_string()
}

/// Numbers side by side.
fn groups(rng: &mut Rng) -> String {
    let numbers: Vec<String> = (0..rng.random_range(2..=5))
        .map(|_| {
            let digits = rng.random_range(1..=3);
            number(digits, rng)
        })
        .collect();
    numbers.join(" ")
}
