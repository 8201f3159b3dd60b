//! From a file's bytes to a [`Picture`]: PNG, JPEG, GIF, BMP, TIFF, WebP and PGM with its relatives.
//!
//! In: bytes from outside, and [`Limits`]. Out: 8 bits for each channel, upright as the camera's orientation (EXIF)
//! says, nothing transparent. The kind is read off the bytes, whatever the file is called; of an animation
//! the first picture counts. Decoding is the `image` crate's; here are the checks before it, and what
//! transparency means.

use crate::image::Picture;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, metadata::Orientation};
use std::io::Cursor;

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
    /// A kind that is read, in a form that is not, or damaged.
    #[error("cannot be read as {format}: {reason}")]
    Damaged {
        /// The kind that its first bytes tell.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
}

/// Reads a picture.
///
/// # Errors
///
/// [`DecodeError`], before anything large is asked for where the file itself tells that it is too large.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() as u64 > limits.bytes {
        return Err(DecodeError::TooManyBytes { found: bytes.len() as u64, limit: limits.bytes });
    }
    let format = image::guess_format(bytes).ok().and_then(|format| Some((format, name(format)?)));
    let (format, name) = format.ok_or(DecodeError::NotAPicture)?;
    let damaged = |error: ImageError| DecodeError::Damaged { format: name, reason: error.to_string() };

    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.no_limits(); // set below, when the size is known
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.pixels {
        return Err(DecodeError::TooManyPixels { width, height, limit: limits.pixels });
    }
    let mut room = image::Limits::no_limits();
    // The pixels themselves, and as much again with some to spare for what a decoder needs besides.
    room.max_alloc = Some(2 * decoder.total_bytes() + (64 << 20));
    decoder.set_limits(room).map_err(damaged)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(flatten(picture))
}

/// A picture from pixels of red, green, blue and alpha, as a browser's canvas has them, row by row from the top. Behind
/// what is transparent comes black or white, whichever the visible stands out from.
///
/// # Panics
///
/// If `pixels` has not `4 * width * height` bytes.
pub fn from_rgba(width: usize, height: usize, mut pixels: Vec<u8>) -> Picture {
    assert_eq!(pixels.len(), 4 * width * height, "from_rgba: bytes for {width}x{height}");
    let ground = behind(pixels.as_chunks().0);
    let (mut from, mut to) = (0, 0);
    while from < pixels.len() {
        let alpha = u32::from(pixels[from + 3]);
        for channel in 0..3 {
            let mixed = u32::from(pixels[from + channel]) * alpha + ground * (255 - alpha);
            pixels[to + channel] = ((mixed + 127) / 255) as u8;
        }
        (from, to) = (from + 4, to + 3);
    }
    pixels.truncate(to);
    Picture::color(width, height, pixels)
}

/// What a format is called; `None` if it is not read.
fn name(format: ImageFormat) -> Option<&'static str> {
    Some(match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Gif => "GIF",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Pnm => "PNM",
        _ => return None,
    })
}

/// Grey or colour of 8 bits, in front of a background where something is transparent.
fn flatten(picture: DynamicImage) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let color = picture.color();
    if color.has_alpha() {
        return from_rgba(width, height, picture.into_rgba8().into_raw());
    }
    if color.has_color() {
        Picture::color(width, height, picture.into_rgb8().into_raw())
    } else {
        Picture::gray(width, height, picture.into_luma8().into_raw())
    }
}

/// What lies behind transparent pixels, black or white: what differs from the visible ones, so that a drawing
/// stands out; but if those are a drawing on a ground of its own, what resembles that ground.
fn behind(pixels: &[[u8; 4]]) -> u32 {
    let mut histogram = [0u64; 256];
    for &[red, green, blue, alpha] in pixels {
        if alpha >= 128 {
            histogram[(2 * usize::from(red) + 5 * usize::from(green) + usize::from(blue)) / 8] += 1;
        }
    }
    let visible: u64 = histogram.iter().sum();
    let share_of_light = histogram[128..].iter().sum::<u64>() as f64 / visible.max(1) as f64;
    let own_ground = visible as f64 > 0.6 * pixels.len() as f64;
    let is_light = share_of_light > 0.5;
    if is_light == own_ground { 255 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageEncoder, Luma, LumaA, Rgb, Rgba};
    use proptest::prelude::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn read(bytes: &[u8]) -> Picture {
        decode(bytes, Limits::default()).unwrap()
    }

    fn slope() -> DynamicImage {
        image::RgbImage::from_fn(5, 3, |x, y| Rgb([50 * x as u8, 80 * y as u8, 7])).into()
    }

    #[test]
    fn every_kind_gives_its_pixels() {
        let picture = slope();
        for format in
            [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP, ImageFormat::Pnm]
        {
            let found = read(&encoded(&picture, format));
            assert_eq!(found, Picture::color(5, 3, picture.to_rgb8().into_raw()), "{format:?}");
        }
        for format in [ImageFormat::Jpeg, ImageFormat::Gif] {
            let found = read(&encoded(&picture, format));
            assert_eq!((found.width(), found.height(), found.channels()), (5, 3, 3), "{format:?}");
        }
    }

    #[test]
    fn a_canvas_gives_the_same_as_a_file() {
        let drawing = image::RgbaImage::from_fn(9, 7, |x, y| {
            Rgba([10, 200, 30 * y as u8, if x == 4 { 255 } else { 90 * (x % 2) as u8 }])
        });
        let file = encoded(&drawing.clone().into(), ImageFormat::Png);
        assert_eq!(from_rgba(9, 7, drawing.into_raw()), read(&file));
        let opaque = slope().to_rgba8();
        assert_eq!(from_rgba(5, 3, opaque.into_raw()), Picture::color(5, 3, slope().to_rgb8().into_raw()));
    }

    #[test]
    fn sixteen_bits_become_eight() {
        let gray = image::ImageBuffer::<Luma<u16>, _>::from_fn(2, 1, |x, _| Luma([65535 * x as u16]));
        assert_eq!(read(&encoded(&gray.into(), ImageFormat::Png)), Picture::gray(2, 1, vec![0, 255]));
    }

    #[test]
    fn behind_a_drawing_is_what_it_stands_out_from() {
        // Whatever colour hides in what is transparent.
        for (ink, ground) in [(0, 255), (255, 0)] {
            let drawing =
                image::ImageBuffer::from_fn(8, 8, |x, _| LumaA([ink, if x == 3 { 255 } else { 0 }]));
            let found = read(&encoded(&drawing.into(), ImageFormat::Png));
            assert_eq!(
                found.row(0)[..15],
                [[ground; 9].as_slice(), &[ink; 3], &[ground; 3]].concat(),
                "{ink}"
            );
        }
        // A photo with round corners has a ground of its own.
        let photo = image::ImageBuffer::from_fn(8, 8, |x, y| {
            Rgba([if x == 3 { 0u8 } else { 240 }, 240, 240, if x + y == 0 { 0 } else { 255 }])
        });
        assert_eq!(read(&encoded(&photo.into(), ImageFormat::Png)).row(0)[..3], [255; 3]);
    }

    #[test]
    fn pictures_are_turned_as_the_camera_says() {
        let mut jpeg = encoded(
            &image::GrayImage::from_fn(16, 8, |x, _| Luma([if x < 8 { 0 } else { 255 }])).into(),
            ImageFormat::Jpeg,
        );
        // An EXIF segment with nothing but orientation 6: turn right.
        let exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        jpeg.splice(2..2, *exif);
        let found = read(&jpeg);
        assert_eq!((found.width(), found.height()), (8, 16));
        assert!(found.row(0)[0] < 20 && found.row(15)[0] > 235, "the left half is above now");
    }

    #[test]
    fn turning_pixels_and_orientation_together_changes_nothing() {
        let upright = slope();
        let stored = [
            upright.clone(),
            upright.fliph(),
            upright.rotate180(),
            upright.flipv(),
            upright.fliph().rotate270(), // shown by a turn to the right, then mirrored
            upright.rotate270(),
            upright.fliph().rotate90(),
            upright.rotate90(),
        ];
        for (orientation, stored) in (1u8..).zip(stored) {
            let exif =
                [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[orientation][..], &[0; 7]].concat();
            let mut png = vec![];
            let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
            encoder.set_exif_metadata(exif).unwrap();
            stored.write_with_encoder(encoder).unwrap();
            assert_eq!(read(&png), read(&encoded(&upright, ImageFormat::Png)), "orientation {orientation}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_decoded() {
        let mut png = encoded(&slope(), ImageFormat::Png);
        png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]); // claims 60,000 x 60,000
        let checksum = {
            let mut sum = flate2::Crc::new();
            sum.update(&png[12..29]);
            sum.sum()
        };
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        let limits = Limits::default();
        let too_large = DecodeError::TooManyPixels { width: 60_000, height: 60_000, limit: limits.pixels };
        assert_eq!(decode(&png, limits), Err(too_large));
        let few = Limits { bytes: 10, ..limits };
        assert_eq!(decode(&png, few), Err(DecodeError::TooManyBytes { found: png.len() as u64, limit: 10 }));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let limits = Limits::default();
        assert_eq!(decode(b"", limits), Err(DecodeError::Empty));
        for bytes in [&b"P"[..], b"hello, world", b"%PDF-1.4", b"\0\0\x01\0\x01\0"] {
            assert_eq!(decode(bytes, limits), Err(DecodeError::NotAPicture), "{bytes:?}");
        }
        let png = encoded(&slope(), ImageFormat::Png);
        for end in 9..png.len() - 12 {
            let error = decode(&png[..end], limits).unwrap_err();
            assert!(
                matches!(error, DecodeError::Damaged { format: "PNG", .. } | DecodeError::NotAPicture),
                "{end}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(
            format in prop::sample::select(vec![
                ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff,
                ImageFormat::WebP, ImageFormat::Pnm,
            ]),
            places in prop::collection::vec((0..200usize, any::<u8>()), 0..8), end in 0..400usize,
        ) {
            let mut bytes = encoded(&slope(), format);
            for (place, byte) in places {
                let place = place % bytes.len();
                bytes[place] = byte;
            }
            bytes.truncate(end.max(4));
            let _ = decode(&bytes, Limits { pixels: 1_000_000, bytes: 1_000_000 });
        }
    }
}
