//! IDX, the format of MNIST's files: a magic number, the sizes, then one byte for each value. QMNIST's labels are rows of numbers, of which
//! the first is the class.
//!
//! In: any reader, raw or gzip. Out: the bytes of images or labels. The header is a claim: no
//! memory is asked for before the length was checked; where it is not known beforehand, 64 MiB of
//! addresses at most are set aside, and memory fills only as bytes really come. Source: <http://yann.lecun.com/exdb/mnist/>, section "file formats".

use crate::{
    image::{PIXELS, SIDE},
    kernels::prefer_huge_pages,
};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// Magic number of a file of labels: unsigned bytes, one dimension.
pub const LABELS_MAGIC: u32 = 0x0000_0801;
/// Magic number of a file of images: unsigned bytes, three dimensions.
pub const IMAGES_MAGIC: u32 = 0x0000_0803;
/// Magic number of a file of QMNIST's labels: 32-bit numbers, two dimensions (Yadav and Bottou 2019).
pub const ROWS_MAGIC: u32 = 0x0000_0c02;
/// Numbers of a row of it.
pub const ROW: u32 = 8;
/// A file may hold at most so many items: more than any set of digits there is.
pub const MAX_ITEMS: u32 = 10_000_000;

/// Bytes that are no IDX file of digits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// The bytes could not be read; where they are gzip, also that they are damaged.
    #[error("reading the IDX data")]
    Read(#[source] io::Error),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It ends inside the header.
    #[error("the file ends inside its header")]
    HeaderCut,
    /// The gzip data ends before its end mark.
    #[error("the gzip data is cut off")]
    GzipCut,
    /// The gzip data does not unpack.
    #[error("the gzip data is damaged")]
    GzipDamaged(#[source] io::Error),
    /// A file of labels where images were expected, or the other way round.
    #[error("this is a file of {found}, expected {expected}", found = kind(*found), expected = kind(*expected))]
    OtherKind {
        /// The magic number of the kind expected.
        expected: u32,
        /// The magic number found.
        found: u32,
    },
    /// Not an IDX file of bytes.
    #[error("magic number {found:#010x}, expected {expected:#010x} ({kind})", kind = kind(*expected))]
    Magic {
        /// The magic number expected.
        expected: u32,
        /// The magic number found.
        found: u32,
    },
    /// More items than any set of digits has.
    #[error("the header claims {count} items, at most {MAX_ITEMS} are accepted")]
    TooMany {
        /// The claim.
        count: u32,
    },
    /// No item.
    #[error("the header claims 0 items")]
    None,
    /// Images of another size.
    #[error("the images are {rows}x{columns}, expected {SIDE}x{SIDE}")]
    Size {
        /// Rows claimed.
        rows: u32,
        /// Columns claimed.
        columns: u32,
    },
    /// Rows of another length than QMNIST's.
    #[error("rows of {found} numbers, expected {ROW}")]
    Row {
        /// The length claimed.
        found: u32,
    },
    /// A class that is no byte.
    #[error("class {class} at index {index}, expected 0 to 255")]
    Class {
        /// The class found.
        class: u32,
        /// Its place, from 0.
        index: usize,
    },
    /// The file has more or fewer bytes than its header says.
    #[error("{found} bytes{more}, but the header says {expected}", more = if *at_least { " or more" } else { "" })]
    Length {
        /// Bytes by the header, itself included.
        expected: u64,
        /// Bytes found.
        found: u64,
        /// Whether reading stopped there, so that there may be more.
        at_least: bool,
    },
}

fn kind(magic: u32) -> &'static str {
    if magic == IMAGES_MAGIC { "images" } else { "labels" }
}

/// Reads a file of 28x28 images, raw or gzip: all pixels behind each other, `[count, 784]`.
///
/// `length` is the number of bytes that `reader` will give, where that is known (a file's): it
/// is checked against the header before any memory is asked for.
///
/// # Errors
///
/// [`IdxError`]: another kind of file, images of another size, cut off, damaged, or longer than its header says.
pub fn read_images(reader: impl Read, length: Option<u64>) -> Result<Vec<u8>, IdxError> {
    read(reader, length, IMAGES_MAGIC)
}

/// Reads a file of labels, raw or gzip, one byte for each, or of QMNIST's rows; that they are of a class is checked by
/// [`Dataset::new`](super::Dataset::new). `length` as for [`read_images`].
///
/// # Errors
///
/// [`IdxError`]: another kind of file, cut off, damaged, or longer than its header says.
pub fn read_labels(reader: impl Read, length: Option<u64>) -> Result<Vec<u8>, IdxError> {
    read(reader, length, LABELS_MAGIC)
}

/// The first number of each row.
fn first_of_rows(rows: &[u8]) -> Result<Vec<u8>, IdxError> {
    let classes =
        rows.chunks_exact(4 * ROW as usize).map(|row| u32::from_be_bytes([row[0], row[1], row[2], row[3]]));
    let class =
        |(index, class): (usize, u32)| u8::try_from(class).map_err(|_| IdxError::Class { class, index });
    classes.enumerate().map(class).collect()
}

fn read(reader: impl Read, length: Option<u64>, magic: u32) -> Result<Vec<u8>, IdxError> {
    let mut reader = BufReader::new(reader);
    let start = reader.fill_buf().map_err(IdxError::Read)?;
    if start.is_empty() {
        return Err(IdxError::Empty);
    }
    if start.starts_with(&[0x1f, 0x8b]) {
        return read_unpacked(MultiGzDecoder::new(reader), None, magic).map_err(|error| match error {
            IdxError::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof => IdxError::GzipCut,
            IdxError::Read(error) => IdxError::GzipDamaged(error),
            other => other,
        });
    }
    read_unpacked(reader, length, magic)
}

/// What the header claims, checked.
struct Header {
    /// Whether it is of QMNIST's rows.
    has_rows: bool,
    /// Its own length in bytes.
    length: u64,
    /// Bytes of all items.
    body: u64,
}

impl Header {
    fn read(reader: &mut impl Read, magic: u32) -> Result<Header, IdxError> {
        let has_rows = read_magic(reader, magic)?;
        let count = read_u32(reader)?;
        let (mut length, mut item_bytes) = (8, 1);
        if magic == IMAGES_MAGIC {
            let (rows, columns) = (read_u32(reader)?, read_u32(reader)?);
            if (rows as usize, columns as usize) != (SIDE, SIDE) {
                return Err(IdxError::Size { rows, columns });
            }
            (length, item_bytes) = (16, PIXELS as u64);
        }
        if has_rows {
            let found = read_u32(reader)?;
            if found != ROW {
                return Err(IdxError::Row { found });
            }
            (length, item_bytes) = (12, 4 * u64::from(ROW));
        }
        if count == 0 {
            return Err(IdxError::None);
        }
        if count > MAX_ITEMS {
            return Err(IdxError::TooMany { count });
        }
        let body = u64::from(count) * item_bytes; // below 8 GB: both factors were checked
        Ok(Header { has_rows, length, body })
    }
}

/// Reads the magic number, and says whether it is that of rows.
fn read_magic(reader: &mut impl Read, magic: u32) -> Result<bool, IdxError> {
    let found = read_u32(reader)?;
    let has_rows = found == ROWS_MAGIC && magic == LABELS_MAGIC;
    if found != magic && !has_rows {
        let other = [IMAGES_MAGIC, LABELS_MAGIC].contains(&found);
        let (expected, found) = (magic, found);
        return Err(if other {
            IdxError::OtherKind { expected, found }
        } else {
            IdxError::Magic { expected, found }
        });
    }
    Ok(has_rows)
}

fn read_unpacked(mut reader: impl Read, length: Option<u64>, magic: u32) -> Result<Vec<u8>, IdxError> {
    let header = Header::read(&mut reader, magic)?;
    let body = header.body;
    let expected = header.length + body;
    if let Some(found) = length.filter(|&found| found != expected) {
        return Err(IdxError::Length { expected, found, at_least: false });
    }
    let mut bytes = Vec::new();
    // What a packed file claims may be a lie: so much of it costs only addresses.
    const MAX_CLAIM: u64 = 64 << 20;
    bytes.reserve_exact(if length.is_some() { body } else { body.min(MAX_CLAIM) } as usize);
    prefer_huge_pages(&mut bytes);
    reader.by_ref().take(body).read_to_end(&mut bytes).map_err(IdxError::Read)?;
    let more = bytes.len() as u64 == body && reader.read(&mut [0]).map_err(IdxError::Read)? > 0;
    if (bytes.len() as u64) < body || more {
        let found = header.length + bytes.len() as u64 + u64::from(more);
        return Err(IdxError::Length { expected, found, at_least: more });
    }
    if header.has_rows { first_of_rows(&bytes) } else { Ok(bytes) }
}

fn read_u32(reader: &mut impl Read) -> Result<u32, IdxError> {
    let mut bytes = [0; 4];
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..]) {
            Ok(0) => return Err(IdxError::HeaderCut),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(IdxError::Read(error)),
        }
    }
    Ok(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn images_file(count: u32) -> Vec<u8> {
        let mut file = vec![];
        for number in [IMAGES_MAGIC, count, 28, 28] {
            file.extend(number.to_be_bytes());
        }
        file.extend((0..count as usize * PIXELS).map(|i| i as u8));
        file
    }

    fn labels_file(labels: &[u8]) -> Vec<u8> {
        let count = labels.len() as u32;
        [&LABELS_MAGIC.to_be_bytes(), &count.to_be_bytes(), labels].concat()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn known(file: &[u8]) -> Option<u64> {
        Some(file.len() as u64)
    }

    #[test]
    fn raw_and_gzip_files_give_the_same_bytes() {
        let file = images_file(3);
        assert_eq!(read_images(&file[..], known(&file)).unwrap(), file[16..]);
        assert_eq!(read_images(&file[..], None).unwrap(), file[16..]);
        assert_eq!(read_images(&gzip(&file)[..], None).unwrap(), file[16..]);
        let two_members = [gzip(&file[..100]), gzip(&file[100..])].concat();
        assert_eq!(read_images(&two_members[..], None).unwrap(), file[16..]);
        let file = labels_file(&[3, 1, 4]);
        assert_eq!(read_labels(&gzip(&file)[..], Some(1)).unwrap(), [3, 1, 4]);
    }

    /// QMNIST's form of these classes, each with seven other numbers.
    fn rows_file(classes: &[u32]) -> Vec<u8> {
        let rows = classes.iter().flat_map(|&class| [class, 1, 1 << 20, 3, 4, 5, 6, u32::MAX]);
        let header = [ROWS_MAGIC, classes.len() as u32, ROW];
        header.into_iter().chain(rows).flat_map(u32::to_be_bytes).collect()
    }

    #[test]
    fn the_first_numbers_of_rows_are_labels() {
        let file = rows_file(&[7, 0, 255]);
        assert_eq!(read_labels(&file[..], known(&file)).unwrap(), [7, 0, 255]);
        assert_eq!(read_labels(&gzip(&file)[..], None).unwrap(), [7, 0, 255]);
        let error = |file: &[u8]| read_labels(file, None).unwrap_err();
        assert!(matches!(error(&rows_file(&[7, 256])), IdxError::Class { class: 256, index: 1 }));
        assert!(matches!(error(&file[..file.len() - 1]), IdxError::Length { expected: 108, found: 107, .. }));
        assert!(matches!(error(&file[..10]), IdxError::HeaderCut));
        let mut wide = file.clone();
        wide[11] = 9;
        assert!(matches!(error(&wide), IdxError::Row { found: 9 }));
        assert!(matches!(
            read_images(&file[..], None).unwrap_err(),
            IdxError::Magic { found: ROWS_MAGIC, .. }
        ));
    }

    #[test]
    fn headers_that_lie_are_distinguished() {
        let with = |place: usize, number: u32| {
            let mut file = images_file(2);
            file[place..place + 4].copy_from_slice(&number.to_be_bytes());
            file
        };
        let error = |file: &[u8]| read_images(file, known(file)).unwrap_err();
        assert!(matches!(error(&[]), IdxError::Empty));
        assert!(matches!(error(&[0, 0]), IdxError::HeaderCut));
        assert!(matches!(error(&with(0, 7)), IdxError::Magic { found: 7, expected: IMAGES_MAGIC }));
        assert!(matches!(error(&labels_file(&[1; 20])), IdxError::OtherKind { found: LABELS_MAGIC, .. }));
        assert!(matches!(error(&with(4, 0)), IdxError::None));
        assert!(matches!(error(&with(4, u32::MAX)), IdxError::TooMany { count: u32::MAX }));
        assert!(matches!(error(&with(8, 29)), IdxError::Size { rows: 29, columns: 28 }));
        assert!(matches!(
            error(&with(4, 3)),
            IdxError::Length { expected: 2368, found: 1584, at_least: false }
        ));
        assert!(matches!(error(&with(4, 1)), IdxError::Length { expected: 800, found: 1584, .. }));
        let unknown = |file: &[u8]| read_images(&gzip(file)[..], None).unwrap_err();
        assert!(matches!(
            unknown(&with(4, 9_999_999)),
            IdxError::Length { found: 1584, at_least: false, .. }
        ));
        assert!(matches!(
            unknown(&with(4, 1)),
            IdxError::Length { expected: 800, found: 801, at_least: true }
        ));
    }

    #[test]
    fn a_file_cut_at_any_byte_is_an_error() {
        let file = labels_file(&[1, 2, 3, 4]);
        let packed = gzip(&file);
        for end in 0..file.len() {
            assert!(
                read_labels(&file[..end], Some(end as u64)).is_err()
                    && read_labels(&file[..end], None).is_err()
            );
        }
        for end in 3..packed.len() {
            assert!(matches!(read_labels(&packed[..end], None).unwrap_err(), IdxError::GzipCut), "{end}");
        }
    }

    #[test]
    fn a_gzip_bomb_is_unpacked_no_further_than_its_header_says() {
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        encoder.write_all(&labels_file(&[5])).unwrap();
        for _ in 0..64 {
            encoder.write_all(&[0; 1 << 20]).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        let error = read_labels(&bomb[..], None).unwrap_err();
        assert!(matches!(error, IdxError::Length { expected: 9, found: 10, at_least: true }), "{error:?}");
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_or_a_file_but_never_a_panic(mut bytes: Vec<u8>, labels: bool, packed: bool, place: usize, value: u8) {
            let _ = read_labels(&bytes[..], None);
            let _ = read_images(&bytes[..], known(&bytes));
            bytes = if labels { labels_file(&[1, 2, 3]) } else { images_file(1) };
            if packed {
                bytes = gzip(&bytes);
            }
            let place = place % bytes.len();
            bytes[place] = value;
            let _ = read_labels(&bytes[..], None);
            let _ = read_images(&bytes[..], None);
        }
    }
}
