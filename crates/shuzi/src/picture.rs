//! A picture: from a file's bytes, or from pixels.

#[cfg(feature = "decode")]
use shuzi_engine::decode::{self, DecodeError, Limits};
use shuzi_engine::image;

/// A picture with digits on it, of any size: grey or colour, dark on light or light on dark.
///
/// ```
/// // A vertical stroke of ink on white paper.
/// let pixels = (0..64 * 64).map(|i| if (30..34).contains(&(i % 64)) && (9..55).contains(&(i / 64)) { 20 } else { 240 });
/// let picture = shuzi::Picture::gray(64, 64, pixels.collect());
/// assert_eq!((picture.width(), picture.height()), (64, 64));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub(crate) inner: image::Picture,
    is_partial: bool,
}

impl Picture {
    /// Decodes a file's bytes: PNG, JPEG, GIF, WebP, TIFF, BMP or PNM, at most 100 megapixels and 256 MB.
    ///
    /// # Errors
    ///
    /// [`PictureError`]: no such file, too large, cut short or damaged. Nothing large is allocated before the limits are checked.
    #[cfg(feature = "decode")]
    pub fn decode(bytes: &[u8]) -> Result<Picture, PictureError> {
        Self::decode_at_most(bytes, Limits::default().pixels)
    }

    /// [`decode`](Self::decode) with your own limit for the pixels, such as a server needs.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    #[cfg(feature = "decode")]
    pub fn decode_at_most(bytes: &[u8], max_pixels: u64) -> Result<Picture, PictureError> {
        let inner = decode::decode(bytes, Limits { pixels: max_pixels, ..Limits::default() })
            .map_err(PictureError)?;
        Ok(Picture { inner, is_partial: false })
    }

    /// Decodes what is there of a file that is cut short or damaged; [`is_partial`](Self::is_partial) says whether it was.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode), if not one row of pixels is there.
    #[cfg(feature = "decode")]
    pub fn decode_partial(bytes: &[u8]) -> Result<Picture, PictureError> {
        let decoded = decode::decode_partial(bytes, Limits::default()).map_err(PictureError)?;
        Ok(Picture { inner: decoded.picture, is_partial: decoded.is_cut_short })
    }

    /// A grey picture: a byte for each pixel, row by row from the top, 0 for black to 255 for white.
    ///
    /// # Panics
    ///
    /// If a side is 0 or there are not `width * height` bytes.
    pub fn gray(width: usize, height: usize, pixels: Vec<u8>) -> Picture {
        Picture { inner: image::Picture::gray(width, height, pixels), is_partial: false }
    }

    /// A colour picture: red, green and blue for each pixel, row by row from the top.
    ///
    /// # Panics
    ///
    /// If a side is 0 or there are not `3 * width * height` bytes.
    pub fn rgb(width: usize, height: usize, pixels: Vec<u8>) -> Picture {
        Picture { inner: image::Picture::color(width, height, pixels), is_partial: false }
    }

    /// A colour picture with transparency: red, green, blue and alpha for each pixel, as a browser's canvas has them. Transparent
    /// pixels become black or white, whichever the visible ones stand out from.
    ///
    /// # Panics
    ///
    /// If a side is 0 or there are not `4 * width * height` bytes.
    pub fn rgba(width: usize, height: usize, pixels: Vec<u8>) -> Picture {
        Picture { inner: image::Picture::rgba(width, height, pixels), is_partial: false }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.inner.width()
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.inner.height()
    }

    /// Whether the file was cut short or damaged, so that rows are missing.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }
}

/// A file that could not be decoded; its text says what was found and what to do.
#[cfg(feature = "decode")]
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PictureError(DecodeError);

/// What kind of [`PictureError`] it is.
#[cfg(feature = "decode")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PictureErrorKind {
    /// No byte at all.
    Empty,
    /// More pixels or bytes than are read.
    TooLarge,
    /// None of the formats that are read.
    UnknownFormat,
    /// A known format that is not read, such as HEIC; the text says how to convert it.
    UnsupportedFormat,
    /// The file ends before the picture does; [`Picture::decode_partial`] reads what is there.
    CutShort,
    /// Damaged, or in a form of its format that is not read.
    Damaged,
}

#[cfg(feature = "decode")]
impl PictureError {
    /// What kind of error it is, for programs.
    pub fn kind(&self) -> PictureErrorKind {
        match self.0 {
            DecodeError::Empty => PictureErrorKind::Empty,
            DecodeError::TooManyBytes { .. } | DecodeError::TooManyPixels { .. } => {
                PictureErrorKind::TooLarge
            }
            DecodeError::NotAPicture => PictureErrorKind::UnknownFormat,
            DecodeError::Unsupported { .. } => PictureErrorKind::UnsupportedFormat,
            DecodeError::CutShort { .. } => PictureErrorKind::CutShort,
            _ => PictureErrorKind::Damaged,
        }
    }
}
