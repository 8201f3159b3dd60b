//! NumPy's `.npz`: a zip of `.npy` files, each an array.
//!
//! What is unpacked is counted while it is unpacked: a zip's own word on sizes is a claim.

use super::{
    arrays::Array,
    npy::{self, Content, NpyError},
};
use std::io::{Cursor, Read, Write};
use zip::{CompressionMethod, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

/// What every `.npz` file begins with.
pub const MAGIC: &[u8] = b"PK\x03\x04";
/// Arrays that a file may hold at most.
pub const MAX_ARRAYS: usize = 1000;
/// Bytes that a file may unpack to at most.
pub const MAX_UNPACKED: u64 = 1 << 29;

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
pub fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>, NpzError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    if archive.len() > MAX_ARRAYS {
        return Err(NpzError::TooMany { found: archive.len() });
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
        match npy::read(&unpacked) {
            Ok(Content::Array(array)) => arrays.push((name, array)),
            Ok(Content::Dictionary(_)) => return Err(NpzError::Pickle { name }),
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
