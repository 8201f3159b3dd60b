//! NumPy's `.npz`: a zip of `.npy` files, each an array.
//!
//! What is unpacked is counted while it is unpacked: a zip's own word on sizes is a claim. An
//! archive that two programs could read differently (a name twice, members that overlap or that
//! the directory says otherwise, something before the first or behind the end) is refused.

use super::{
    arrays::Array,
    npy::{self, NpyError},
};
use std::io::{Cursor, Read, Write};
use zip::{
    CompressionMethod, ZipArchive, ZipWriter,
    read::{ArchiveOffset, Config},
    result::ZipError,
    write::SimpleFileOptions,
};

/// What every `.npz` file begins with.
pub const MAGIC: &[u8] = super::NPZ_MAGIC;
/// Arrays that a file may hold at most.
pub const MAX_ARRAYS: usize = 1000;
/// Bytes that a file may unpack to at most. Read, they may take eight times the memory, because
/// integers are kept as 64-bit ones: half a gigabyte, from a zip of 64 kilobytes.
pub const MAX_UNPACKED: u64 = 1 << 26;
/// What every entry of a zip's directory begins with.
const ENTRY: &[u8] = b"PK\x01\x02";
/// What the record at the end of every zip begins with.
const END: &[u8] = b"PK\x05\x06";

/// Bytes that are no `.npz` file of numbers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpzError {
    /// Not a zip, or a damaged one.
    #[error("not a sound zip archive")]
    Zip(#[from] ZipError),
    /// A member does not unpack.
    #[error("unpacking {name}")]
    Unpack {
        /// The member.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
    /// More members than any model has.
    #[error("{found} members, at most {MAX_ARRAYS} are accepted")]
    TooMany {
        /// Members found.
        found: usize,
    },
    /// Two members of the same name, of which programs would read either.
    #[error("a member is there twice")]
    Twice,
    /// It unpacks to more than any model has.
    #[error("it unpacks to more than {MAX_UNPACKED} bytes")]
    TooLarge,
    /// A member that is no `.npy` file.
    #[error("member {name} is no .npy file")]
    Member {
        /// Its name.
        name: String,
    },
    /// A member that is not an array of numbers.
    #[error("member {name}")]
    Npy {
        /// Its name.
        name: String,
        /// What is wrong.
        source: NpyError,
    },
    /// A pickle in a member; only `.npy` files may hold one.
    #[error("member {name} is a pickle, expected an array of numbers")]
    Pickle {
        /// Its name.
        name: String,
    },
}

/// Reads all arrays of a `.npz` file, in its order, without the `.npy` of their names.
///
/// # Errors
///
/// [`NpzError`]: no zip archive, damaged, too large when unpacked, or with a file that is no array.
pub fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>, NpzError> {
    // Counted before the archive is opened, which keeps ten times the size of its directory.
    // Numbers may look like an entry by chance, but not a thousand times.
    let found = bytes.windows(ENTRY.len()).filter(|&window| window == ENTRY).count();
    if found > MAX_ARRAYS {
        return Err(NpzError::TooMany { found });
    }
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive = ZipArchive::with_config(config, Cursor::new(bytes))?;
    if archive.has_duplicate_names() {
        return Err(NpzError::Twice);
    }
    archive.validate_header_consistency()?;
    let end_record = 22 + archive.comment().len();
    if !bytes.len().checked_sub(end_record).is_some_and(|place| bytes[place..].starts_with(END)) {
        return Err(ZipError::InvalidArchive("bytes behind its end".into()).into());
    }
    let (mut arrays, mut left) = (vec![], MAX_UNPACKED);
    for index in 0..archive.len() {
        let member = archive.by_index(index)?;
        let full_name: String = String::from_utf8_lossy(member.name_raw()).chars().take(80).collect();
        let Some(name) = full_name.strip_suffix(".npy").map(str::to_string) else {
            return Err(NpzError::Member { name: full_name });
        };
        let mut unpacked = vec![];
        let read = member.take(left + 1).read_to_end(&mut unpacked);
        read.map_err(|source| NpzError::Unpack { name: name.clone(), source })?;
        left = left.checked_sub(unpacked.len() as u64).ok_or(NpzError::TooLarge)?;
        match npy::read_numbers(&unpacked) {
            Ok(Some(array)) => arrays.push((name, array)),
            Ok(None) => return Err(NpzError::Pickle { name }),
            Err(source) => return Err(NpzError::Npy { name, source }),
        }
    }
    Ok(arrays)
}

/// Arrays as a `.npz` file, as `numpy.savez` writes it. Equal arrays give equal bytes.
pub fn write(arrays: &[(String, Array)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(vec![]));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let options = options.last_modified_time(zip::DateTime::default()); // 1980: no clock in here
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), options).expect("names are short and differ");
        archive.write_all(&npy::write_array(array)).expect("memory takes everything");
    }
    archive.finish().expect("memory takes everything").into_inner()
}
