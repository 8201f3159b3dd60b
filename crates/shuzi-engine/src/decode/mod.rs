//! From a file's bytes to a [`Picture`]: PNG, JPEG, GIF, BMP, TIFF, WebP and PGM with its relatives.
//!
//! In: bytes from outside, and [`Limits`]. Out: 8 bits for each channel, upright as the camera's orientation (EXIF)
//! says, nothing transparent. The kind is read off the bytes, whatever the file is called; of an animation
//! the first picture counts. Decoding is done by the crates behind `image`, which are called one by one, because only so
//! each of them knows its limits before it asks for memory. Here are these limits, what is missing in a file that was cut
//! short, and what transparency means.
//!
//! # Memory
//!
//! Besides the bytes that are given, decoding asks for at most 64 MB and, for each pixel of the size that the header names,
//! for 8 bytes. For 12 with a JPEG that is progressive or not interleaved, or a WebP that is lossless, animated or has
//! alpha, whose decoders keep a second form of the picture. For 20 with a TIFF, of which one strip, perhaps all of the
//! picture, is held as it is stored, up to 16 bytes a pixel. Profiles, texts and thumbnails are not unpacked, and a picture
//! has at most [`Limits::pixels`], none of its sides over [`MAX_SIDE`].

#[cfg(feature = "bmp")]
mod bmp;
#[cfg(feature = "gif")]
mod gif;
#[cfg(feature = "jpeg")]
mod jpeg;
#[cfg(feature = "png")]
mod png;
#[cfg(feature = "pnm")]
mod pnm;
mod raster;
#[cfg(test)]
mod tests;
#[cfg(feature = "tiff")]
mod tiff;
#[cfg(feature = "webp")]
mod webp;

use crate::image::Picture;
use image::metadata::Orientation;
use raster::Raster;
use std::{io, ops::Range};

/// Pixels that a side may have at most, whatever [`Limits::pixels`] says: some decoders hold a few whole rows.
pub const MAX_SIDE: u32 = 1 << 18;

/// What is read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of a picture, seen before any is decoded.
    pub pixels: u64,
    /// Bytes of a file.
    pub bytes: u64,
}

impl Default for Limits {
    /// 100 megapixels, 256 MB.
    fn default() -> Self {
        Limits { pixels: 100_000_000, bytes: 256_000_000 }
    }
}

/// Bytes that are no picture that can be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// No byte at all.
    #[error("the file is empty")]
    Empty,
    /// More bytes than [`Limits::bytes`].
    #[error("{found} bytes, at most {limit} are read")]
    TooManyBytes {
        /// Bytes found.
        found: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// None of the kinds that are read.
    #[error("neither PNG, JPEG, GIF, BMP, TIFF, WebP nor PGM")]
    NotAPicture,
    /// A known kind that is not read, and how to make one of it that is.
    #[error("{name} is not read; {advice}")]
    Unsupported {
        /// What the kind is called.
        name: &'static str,
        /// A sentence.
        advice: &'static str,
    },
    /// More pixels than [`Limits::pixels`].
    #[error("{width} x {height} pixels, at most {limit} are read")]
    TooManyPixels {
        /// Columns that the file claims.
        width: u32,
        /// Rows that the file claims.
        height: u32,
        /// Pixels allowed.
        limit: u64,
    },
    /// A file that was not copied, downloaded or written to its end. [`decode_partial`] reads what is there.
    #[error("the {format} is cut short: the file ends before the picture does")]
    CutShort {
        /// The kind by its first bytes.
        format: &'static str,
    },
    /// A kind that is read, in a form that is not, or damaged.
    #[error("cannot be read as {format}: {reason}")]
    Damaged {
        /// The kind by its first bytes.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
}

impl DecodeError {
    /// A word for programs, which does not change when the message does.
    pub fn code(&self) -> &'static str {
        match self {
            DecodeError::Empty => "empty",
            DecodeError::TooManyBytes { .. } => "too_many_bytes",
            DecodeError::TooManyPixels { .. } => "too_many_pixels",
            DecodeError::NotAPicture | DecodeError::Unsupported { .. } => "not_a_picture",
            DecodeError::CutShort { .. } => "cut_short",
            _ => "damaged_picture",
        }
    }
}

/// A picture of which some may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What is there; rows that are missing are left out.
    pub picture: Picture,
    /// Whether the file ends before the picture does, or is damaged from some place on.
    pub is_cut_short: bool,
}

/// Reads a picture.
///
/// # Errors
///
/// [`DecodeError`], before anything large is asked for where the file itself says that it is too large.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, DecodeError> {
    let format = check(bytes, limits)?;
    let readout = (format.read)(bytes, limits).map_err(|fault| format.error(fault, limits))?;
    match readout.fault {
        None => Ok(readout.into_picture()),
        Some(fault) => Err(format.error(fault, limits)),
    }
}

/// Reads a picture as far as it is there: all of a sound one, and the rows of a PNG, JPEG, GIF, BMP, TIFF or PNM that
/// lie before the place where the file ends or is damaged (a TIFF is cut between two strips, an interlaced picture gets
/// coarser). A WebP cannot be read in part.
///
/// # Errors
///
/// What [`decode`] says, if not even one row is there.
pub fn decode_partial(bytes: &[u8], limits: Limits) -> Result<Decoded, DecodeError> {
    let format = check(bytes, limits)?;
    let mut readout = (format.read)(bytes, limits).map_err(|fault| format.error(fault, limits))?;
    match readout.fault.take() {
        Some(fault) if readout.rows.is_empty() => Err(format.error(fault, limits)),
        fault => Ok(Decoded { picture: readout.into_picture(), is_cut_short: fault.is_some() }),
    }
}

/// A kind of file and how it is read.
struct Format {
    name: &'static str,
    read: fn(&[u8], Limits) -> Result<Readout, Fault>,
}

impl Format {
    /// By the file's first bytes; `None` if it is not read.
    fn of(bytes: &[u8]) -> Option<Format> {
        use image::ImageFormat;
        Some(match image::guess_format(bytes).ok()? {
            #[cfg(feature = "png")]
            ImageFormat::Png => Format { name: "PNG", read: png::read },
            #[cfg(feature = "jpeg")]
            ImageFormat::Jpeg => Format { name: "JPEG", read: jpeg::read },
            #[cfg(feature = "gif")]
            ImageFormat::Gif => Format { name: "GIF", read: gif::read },
            #[cfg(feature = "bmp")]
            ImageFormat::Bmp => Format { name: "BMP", read: bmp::read },
            #[cfg(feature = "tiff")]
            ImageFormat::Tiff => Format { name: "TIFF", read: tiff::read },
            #[cfg(feature = "webp")]
            ImageFormat::WebP => Format { name: "WebP", read: webp::read },
            #[cfg(feature = "pnm")]
            ImageFormat::Pnm => Format { name: "PNM", read: pnm::read },
            _ => return None,
        })
    }

    fn error(&self, fault: Fault, limits: Limits) -> DecodeError {
        let format = self.name;
        match fault {
            Fault::CutShort => DecodeError::CutShort { format },
            Fault::Damaged(reason) => DecodeError::Damaged { format, reason },
            Fault::TooManyPixels { width, height } => {
                DecodeError::TooManyPixels { width, height, limit: limits.pixels }
            }
        }
    }
}

/// Checks what is known without decoding.
fn check(bytes: &[u8], limits: Limits) -> Result<Format, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() as u64 > limits.bytes {
        return Err(DecodeError::TooManyBytes { found: bytes.len() as u64, limit: limits.bytes });
    }
    Format::of(bytes).ok_or_else(|| unsupported(bytes).unwrap_or(DecodeError::NotAPicture))
}

/// Kinds that people have on their phones and desks, by their first bytes.
fn unsupported(bytes: &[u8]) -> Option<DecodeError> {
    // Text may begin with a byte order mark, spaces, an XML declaration and comments.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1000)]);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    // ISO base media files say first which brands of their kind they are.
    let brands =
        bytes.get(4..40.min(bytes.len())).and_then(|head| head.strip_prefix(b"ftyp")).unwrap_or_default();
    let is_of_brand = |known: &[&[u8; 4]]| brands.as_chunks().0.iter().any(|brand| known.contains(&brand));
    let (name, advice) = if is_of_brand(&[b"avif", b"avis"]) {
        ("AVIF", "convert it first: magick picture.avif picture.png")
    } else if is_of_brand(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"]) {
        (
            "HEIC",
            "save it as JPEG first: on an iPhone by Settings > Camera > Formats > Most Compatible, or: heif-convert picture.heic picture.jpg",
        )
    } else if bytes.starts_with(&[0xff, 0x0a]) || bytes.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") {
        ("JPEG XL", "convert it first: djxl picture.jxl picture.png")
    } else if bytes.starts_with(b"%PDF-") {
        ("PDF", "make pictures of its pages first: pdftoppm -png -r 200 file.pdf page")
    } else if text.starts_with("<svg") || text.starts_with('<') && text.contains("<svg") {
        ("SVG", "draw it first: resvg picture.svg picture.png")
    } else {
        return None;
    };
    Some(DecodeError::Unsupported { name, advice })
}

/// What a format's reader found.
struct Readout {
    raster: Raster,
    /// The rows that are there.
    rows: Range<usize>,
    orientation: Orientation,
    /// Why others are not, or are wrong.
    fault: Option<Fault>,
}

impl Readout {
    fn into_picture(self) -> Picture {
        self.raster.into_picture(self.rows, self.orientation)
    }
}

/// What is wrong with a file, before its format is named.
enum Fault {
    CutShort,
    Damaged(String),
    TooManyPixels { width: u32, height: u32 },
}

impl Fault {
    fn damaged(reason: impl ToString) -> Self {
        Fault::Damaged(reason.to_string())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Fault::CutShort } else { Fault::damaged(error) }
    }
}

impl From<image::ImageError> for Fault {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::IoError(error) => error.into(),
            error => Fault::damaged(error),
        }
    }
}

/// Whether a picture of this size is read; readers ask before they ask for memory.
fn check_size(width: u32, height: u32, limits: Limits) -> Result<(), Fault> {
    if u64::from(width) * u64::from(height) > limits.pixels {
        return Err(Fault::TooManyPixels { width, height });
    }
    if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
        return Err(Fault::Damaged(format!("a size of {width} x {height}")));
    }
    Ok(())
}

/// The orientation in EXIF data that begin with their byte order.
fn orientation(exif: Option<&[u8]>) -> Orientation {
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}
