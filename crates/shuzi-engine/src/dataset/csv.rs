//! Digits as a table in a text file, one a line: the label and 784 pixels, as Kaggle and many others publish MNIST.
//!
//! In: any reader, raw or gzip. Out: a [`Dataset`]. Known layouts: with a first line that names the columns, one of them
//! `label` (`label,pixel0,…` as Kaggle has it, `label,1x1,…,28x28`, or `…,class` at the end as OpenML does), the
//! others being the pixels row by row from the top; or without, the label first. Columns are kept apart by commas, semicolons
//! or tabs, whichever the first line has most of. Pixels are integers from 0 to 255, or numbers from 0 to 1 in all of the table,
//! which become 0 to 255: a table in which no pixel is above 1 is one of these. Nothing is larger in memory than the digits
//! themselves and a line.

use super::{Dataset, idx::MAX_ITEMS};
use crate::{
    image::{DIGITS, PIXELS},
    preprocess::PixelScale,
};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// Columns of a table: the label and the pixels.
pub const COLUMNS: usize = 1 + PIXELS;
/// A line may have at most so many bytes: ten times what one of digits has.
pub const MAX_LINE: usize = 64 * 1024;
/// What a first line may call the column of labels, in capital letters or small ones.
const LABEL: [&str; 3] = ["label", "class", "target"];

/// Bytes that are no table of digits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The bytes could not be read.
    #[error("reading the table")]
    Read(#[source] io::Error),
    /// The gzip data ends before its end mark.
    #[error("the gzip data is cut off")]
    GzipCut,
    /// The gzip data does not unpack.
    #[error("the gzip data is damaged")]
    GzipDamaged(#[source] io::Error),
    /// There is no line with a digit in it.
    #[error("there is no digit in it")]
    Empty,
    /// A line that no table of digits has.
    #[error("line {line} has more than {MAX_LINE} bytes")]
    LineTooLong {
        /// Which, from 1.
        line: u64,
    },
    /// A first line with names, none of which is the label's.
    #[error("line 1 names no column label, but {found}")]
    NoLabel {
        /// The first and the last name.
        found: String,
    },
    /// A line with more or fewer columns.
    #[error("line {line} has {found} columns, expected {COLUMNS}: a label and {PIXELS} pixels")]
    Columns {
        /// Which, from 1.
        line: u64,
        /// Columns found.
        found: usize,
    },
    /// A label that is no digit.
    #[error("line {line}, column {column}: the label is {found:?}, expected 0 to {}", DIGITS - 1)]
    Label {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A pixel that is none.
    #[error(
        "line {line}, column {column}: the pixel is {found:?}, expected an integer from 0 to 255, or 0 to 1 in all of the table"
    )]
    Pixel {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A pixel above 1 in a table of numbers from 0 to 1, or a fraction in one of integers.
    #[error(
        "line {line}, column {column}: the pixel is {found:?}, but {other:?} in line {other_line}, column {other_column}: expected whole \
         numbers from 0 to 255 or numbers from 0 to 1 in all of the table"
    )]
    Mixed {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What stands there.
        found: String,
        /// The line of the pixel that the scale was known by, from 1.
        other_line: u64,
        /// Its column, from 1.
        other_column: usize,
        /// What stands there.
        other: String,
    },
    /// More lines than any set of digits has.
    #[error("there are more than {MAX_ITEMS} digits in it")]
    TooMany,
}

/// Reads a table, raw or gzip.
///
/// # Errors
///
/// [`CsvError`], with line and column of what is no table of digits.
pub fn read(reader: impl Read) -> Result<Dataset, CsvError> {
    let mut reader = BufReader::new(reader);
    let start = reader.fill_buf().map_err(CsvError::Read)?;
    if !start.starts_with(&[0x1f, 0x8b]) {
        return read_lines(reader);
    }
    read_lines(BufReader::new(MultiGzDecoder::new(reader))).map_err(|error| match error {
        CsvError::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof => CsvError::GzipCut,
        CsvError::Read(error) => CsvError::GzipDamaged(error),
        other => other,
    })
}

fn read_lines(reader: impl BufRead) -> Result<Dataset, CsvError> {
    let mut lines = Lines { reader, text: vec![], number: 0 };
    let (mut pixels, mut labels) = (Pixels::default(), vec![]);
    let mut known = None;
    while let Some((number, line)) = lines.next()? {
        let layout = match known {
            Some(layout) => layout,
            None => {
                let (layout, is_header) = Layout::of(number, line)?;
                known = Some(layout);
                if is_header {
                    continue;
                }
                layout
            }
        };
        if labels.len() == MAX_ITEMS as usize {
            return Err(CsvError::TooMany);
        }
        labels.push(layout.read(number, line, &mut pixels)?);
    }
    Dataset::new(pixels.finish(), labels).map_err(|_| CsvError::Empty) // all else was checked
}

/// The lines of a file that are not blank, with their numbers from 1.
struct Lines<R> {
    reader: R,
    text: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, CsvError> {
        loop {
            self.text.clear();
            self.number += 1;
            let mut line = self.reader.by_ref().take(MAX_LINE as u64 + 1);
            if line.read_until(b'\n', &mut self.text).map_err(CsvError::Read)? == 0 {
                return Ok(None);
            }
            if self.text.len() > MAX_LINE {
                return Err(CsvError::LineTooLong { line: self.number });
            }
            if !self.text.trim_ascii().is_empty() {
                break;
            }
        }
        let line = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some((self.number, line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)))) // Excel marks UTF-8
    }
}

/// Which column of a table is what.
#[derive(Clone, Copy)]
struct Layout {
    separator: u8,
    /// The column of the label, from 0.
    label: usize,
}

impl Layout {
    /// As the first line has it, and whether it is one of names.
    fn of(number: u64, line: &[u8]) -> Result<(Self, bool), CsvError> {
        let count = |separator: u8| line.iter().filter(|&&byte| byte == separator).count();
        let separator = [b'\t', b';', b','].into_iter().max_by_key(|&separator| count(separator));
        let mut layout = Layout { separator: separator.expect("one of three"), label: 0 };
        let is_header = layout.fields(line).all(|field| parse_byte(field).is_none());
        if is_header {
            let is_label =
                |field: &[u8]| LABEL.iter().any(|name| field.eq_ignore_ascii_case(name.as_bytes()));
            let found = layout.fields(line).count();
            match layout.fields(line).position(is_label) {
                Some(column) => layout.label = column,
                None if (COLUMNS - 1..=COLUMNS).contains(&found) => {
                    let (first, last) = (layout.fields(line).next(), layout.fields(line).next_back());
                    let [first, last] = [first, last].map(|name| shown(name.unwrap_or_default()));
                    return Err(CsvError::NoLabel { found: format!("{first}…{last}") });
                }
                None => return Err(CsvError::Columns { line: number, found }),
            }
            if found != COLUMNS {
                return Err(CsvError::Columns { line: number, found });
            }
        }
        Ok((layout, is_header))
    }

    /// What stands in the columns, without blanks and quotes around it.
    fn fields(self, line: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
        line.split(move |&byte| byte == self.separator).map(|field| {
            let field = field.trim_ascii();
            field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field)
        })
    }

    /// The label of a line, whose pixels come behind the others.
    fn read(self, number: u64, line: &[u8], pixels: &mut Pixels) -> Result<u8, CsvError> {
        let found = self.fields(line).count();
        if found != COLUMNS {
            return Err(CsvError::Columns { line: number, found });
        }
        let mut label = 0;
        for (place, field) in self.fields(line).enumerate() {
            let (line, column) = (number, place + 1);
            if place == self.label {
                let digit = parse_byte(field).filter(|&digit| usize::from(digit) < DIGITS);
                label = digit.ok_or_else(|| CsvError::Label { line, column, found: shown(field) })?;
            } else {
                pixels.push(field, line, column)?;
            }
        }
        Ok(label)
    }
}

/// The pixels of a table, as bytes, and their scale as far as it is known.
#[derive(Default)]
struct Pixels {
    bytes: Vec<u8>,
    /// `None` while all of them are 0 or 1.
    scale: Option<Evidence>,
}

/// The first pixel that the scale was known by.
struct Evidence {
    scale: PixelScale,
    line: u64,
    column: usize,
    shown: String,
}

impl Pixels {
    fn push(&mut self, field: &[u8], line: u64, column: usize) -> Result<(), CsvError> {
        let none = || CsvError::Pixel { line, column, found: shown(field) };
        let (byte, scale) = match parse_byte(field) {
            Some(byte @ 0..=1) => (byte, None),
            Some(byte) => (byte, Some(PixelScale::Raw)),
            None => (parse_fraction(field).ok_or_else(none)?, Some(PixelScale::Unit)),
        };
        if let (None, Some(scale)) = (&self.scale, scale) {
            if scale == PixelScale::Unit {
                self.enlarge();
            }
            self.scale = Some(Evidence { scale, line, column, shown: shown(field) });
        }
        let is_of = |scale| self.scale.as_ref().is_some_and(|known| known.scale == scale);
        match (scale, &self.scale) {
            (Some(scale), Some(known)) if scale != known.scale => {
                let (found, other) = (shown(field), known.shown.clone());
                Err(CsvError::Mixed {
                    line,
                    column,
                    found,
                    other_line: known.line,
                    other_column: known.column,
                    other,
                })
            }
            (None, _) if is_of(PixelScale::Unit) => {
                self.bytes.push(byte * u8::MAX);
                Ok(())
            }
            _ => {
                self.bytes.push(byte);
                Ok(())
            }
        }
    }

    /// From 0 and 1 to 0 and 255.
    fn enlarge(&mut self) {
        self.bytes.iter_mut().for_each(|byte| *byte *= u8::MAX);
    }

    /// All of them, of a table that is at its end: where none was above 1, they are numbers from 0 to 1.
    fn finish(mut self) -> Vec<u8> {
        if self.scale.is_none() {
            self.enlarge();
        }
        self.bytes
    }
}

/// The byte of a number from 0 to 1, such as `0.5` or `3.9e-01`.
fn parse_fraction(field: &[u8]) -> Option<u8> {
    let value: f32 = std::str::from_utf8(field).ok()?.parse().ok()?;
    (0.0..=1.0).contains(&value).then(|| (value * f32::from(u8::MAX)).round() as u8)
}

/// An integer from 0 to 255: `7` or, as tables of floats have it, `7.0` or `7.000e+00`.
fn parse_byte(field: &[u8]) -> Option<u8> {
    let is_zeros = |digits: &[u8]| digits.iter().all(|&digit| digit == b'0');
    let whole = match field.iter().position(|&byte| byte == b'.') {
        Some(point) if is_zeros(&field[point + 1..]) => &field[..point],
        _ => field,
    };
    if !(1..=3).contains(&whole.len()) || !whole.iter().all(u8::is_ascii_digit) {
        return parse_byte_with_exponent(field);
    }
    let value = whole.iter().fold(0, |value, &digit| 10 * value + u16::from(digit - b'0'));
    u8::try_from(value).ok()
}

/// An integer from 0 to 255 that has an exponent.
fn parse_byte_with_exponent(field: &[u8]) -> Option<u8> {
    if !field.iter().any(|byte| byte.eq_ignore_ascii_case(&b'e')) {
        return None;
    }
    let value: f32 = std::str::from_utf8(field).ok()?.parse().ok()?;
    (value.fract() == 0.0 && (0.0..=255.0).contains(&value)).then_some(value as u8)
}

/// What stands in a column, as text that is not too long.
fn shown(field: &[u8]) -> String {
    const MOST: usize = 24;
    let text = String::from_utf8_lossy(&field[..field.len().min(4 * MOST)]);
    let mut shown: String = text.chars().filter(|letter| !letter.is_control()).take(MOST).collect();
    if field.len() > shown.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn digits() -> Dataset {
        let images = (0..3 * PIXELS).map(|place| (place % 256) as u8).collect();
        Dataset::new(images, vec![7, 0, 9]).unwrap()
    }

    /// Lines with the label at column `place`, behind a line of names if there are any.
    fn table(data: &Dataset, separator: &str, place: usize, names: Option<fn(usize) -> String>) -> String {
        let line = |label: String, pixels: Vec<String>| {
            let mut fields = pixels;
            fields.insert(place, label);
            fields.join(separator) + "\n"
        };
        let header = names.map(|name| line("label".into(), (0..PIXELS).map(name).collect()));
        let digits = (0..data.len()).map(|index| {
            let (image, label) = data.example(index);
            line(label.to_string(), image.iter().map(u8::to_string).collect())
        });
        header.into_iter().chain(digits).collect()
    }

    fn plain() -> String {
        table(&digits(), ",", 0, None)
    }

    /// Numbers from 0 to 1: `label,1,0.5,…`.
    fn units() -> String {
        let pixels = |first: &str| format!("1,{first}{}", ",0".repeat(PIXELS - 2));
        format!("7,{}\n0,{}\n9,{}\n", pixels("0.5"), pixels("0"), pixels("1"))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_layout_gives_the_same_digits() {
        let kaggle: fn(usize) -> String = |pixel| format!("pixel{pixel}");
        let by_place: fn(usize) -> String = |pixel| format!("{}x{}", pixel / 28 + 1, pixel % 28 + 1);
        let quoted = table(&digits(), "\",\"", 0, Some(kaggle));
        let quoted: String = quoted.lines().map(|line| format!("\"{line}\"\n")).collect();
        for text in [
            plain(),
            table(&digits(), ",", 0, Some(kaggle)),
            table(&digits(), ",", 0, Some(by_place)),
            table(&digits(), ",", PIXELS, Some(kaggle)).replace("label", "CLASS"),
            table(&digits(), ";", 3, Some(kaggle)),
            table(&digits(), "\t", 0, None),
            table(&digits(), " , ", 0, Some(kaggle)).replace('\n', "\r\n\r\n"),
            format!("\u{feff}{quoted}"),
            plain().replace(',', ".0,"),
            plain().trim_end().to_string(),
        ] {
            let shown = &text[..60];
            assert_eq!(read(text.as_bytes()).unwrap(), digits(), "{shown}");
            assert_eq!(read(&gzip(text.as_bytes())[..]).unwrap(), digits(), "{shown}, packed");
        }
    }

    #[test]
    fn a_table_of_numbers_from_0_to_1_is_one_of_bytes() {
        let bytes = |second: [u8; 3]| {
            let image = |second| [&[255, second][..], &[0; PIXELS - 2]].concat();
            Dataset::new(second.map(image).concat(), vec![7, 0, 9]).unwrap()
        };
        let read = |text: &str| read(text.as_bytes()).unwrap();
        assert_eq!(read(&units()), bytes([128, 0, 255]));
        assert_eq!(
            read(&units().replace("0.5", "5.000e-01").replace("9,", "9.00e+00,")),
            bytes([128, 0, 255])
        );
        assert_eq!(read(&units().replace("0.5", "0.00392157")), bytes([1, 0, 255]), "one of 255");
        assert_eq!(read(&units().replace("0.5", "1")), bytes([255, 0, 255]), "black and white");
        // It is the table that counts, not a line: without a fraction and with a 2 somewhere, 1 is nearly nothing.
        let last = read(&units().replace("0.5", "1").replace("\n9,1,1,", "\n9,1,2,"));
        assert_eq!((last.example(0).0[0], last.example(2).0[1]), (1, 2));
    }

    #[test]
    fn what_is_wrong_is_reported_with_its_line() {
        let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        let named = table(&digits(), ",", 0, Some(|pixel| format!("pixel{pixel}")));
        for (text, expected) in [
            (String::new(), "no digit"),
            ("\n\r\n".into(), "no digit"),
            (named.lines().next().unwrap().into(), "no digit"),
            (named.replace("label,", ""), "names no column label, but pixel0…pixel783"),
            (named.replace("label", "digit"), "names no column label, but digit…pixel783"),
            (named.replace(",pixel5,", ","), "line 1 has 784 columns, expected 785"),
            ("PNG\x07 anything\n".into(), "line 1 has 1 columns"),
            (plain().replace("\n0,", "\n"), "line 2 has 784 columns"),
            (plain() + "\n\n7,1", "line 6 has 2 columns"),
            (plain().replace("\n0,", "\n10,"), "line 2, column 1: the label is \"10\", expected 0 to 9"),
            (plain().replace("\n0,", "\n-1,"), "line 2, column 1: the label is \"-1\""),
            (plain().replacen(",255,", ",256,", 1), "line 1, column 257: the pixel is \"256\""),
            (plain().replacen(",255,", ",,", 1), "line 1, column 257: the pixel is \"\""),
            (
                plain().replacen(",255,", ",0.5,", 1),
                "line 1, column 257: the pixel is \"0.5\", but \"2\" in line 1, column 4",
            ),
            (
                units().replace("\n9,1,", "\n9,17,"),
                "line 3, column 2: the pixel is \"17\", but \"0.5\" in line 1, column 3",
            ),
            (units().replacen(",0.5,", ",1.5,", 1), "line 1, column 3: the pixel is \"1.5\", expected"),
            (plain().replacen(",255,", ",nan,", 1), "the pixel is \"nan\""),
            ("1".repeat(MAX_LINE + 1), "line 1 has more than 65536 bytes"),
            (plain() + &",".repeat(MAX_LINE + 1), "line 4 has more"),
        ] {
            let found = error(&text);
            assert!(found.contains(expected), "expected {expected}: {found}");
        }
    }

    #[test]
    fn packed_data_that_is_cut_or_endless_is_an_error() {
        let packed = gzip(plain().as_bytes());
        for end in 2..packed.len() {
            assert!(matches!(read(&packed[..end]).unwrap_err(), CsvError::GzipCut), "{end}");
        }
        let bomb = gzip(&vec![b'1'; 64 << 20]);
        assert!(matches!(read(&bomb[..]).unwrap_err(), CsvError::LineTooLong { line: 1 }));
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_or_a_table_but_never_a_panic(bytes: Vec<u8>, place: usize, value: u8, packed: bool) {
            let _ = read(&bytes[..]);
            let mut bytes = plain().into_bytes();
            if packed {
                bytes = gzip(&bytes);
            }
            let place = place % bytes.len();
            bytes[place] = value;
            let _ = read(&bytes[..]);
        }
    }
}
