//! WebP, by the `image-webp` crate.
//!
//! Its container is looked through first: whether all of the picture is there, and whether the pictures in it are of the
//! size that the container says, because the decoder asks for memory by the inner size and compares afterwards. It gives
//! all of a picture or nothing. Source: <https://developers.google.com/speed/webp/docs/riff_container>.

mod codes;

use super::{Fault, Limits, Readout, check_size, orientation, raster::Raster};
use image_webp::{DecodingError, WebPDecoder};
use std::io::Cursor;

/// Bytes of EXIF data that are looked at.
const METADATA: usize = 1 << 20;

pub(super) fn read(bytes: &[u8], limits: Limits) -> Result<Readout, Fault> {
    check_container(bytes, limits)?;
    decode(bytes, limits).map_err(|fault| if is_short(bytes) { Fault::CutShort } else { fault })
}

fn decode(bytes: &[u8], limits: Limits) -> Result<Readout, Fault> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes))?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits)?;
    decoder.set_memory_limit(METADATA);
    let exif = decoder.exif_metadata().ok().flatten();
    let mut raster = Raster::new(width, height, if decoder.has_alpha() { 4 } else { 3 });
    decoder.read_image(raster.samples_mut())?;
    Ok(Readout { raster, rows: 0..height as usize, orientation: orientation(exif.as_deref()), fault: None })
}

/// Whether bytes are missing of those that the first chunk announces.
fn is_short(bytes: &[u8]) -> bool {
    bytes.get(4..8).is_none_or(|length| bytes.len() < 8 + le(length))
}

/// Whether all pictures are there, none larger than it is said to be.
fn check_container(bytes: &[u8], limits: Limits) -> Result<(), Fault> {
    let (mut canvas, mut is_picture_there) = (None, false);
    let mut names = vec![];
    for chunk in chunks(bytes.get(12..).ok_or(Fault::CutShort)?) {
        if names.contains(&chunk.name) {
            continue; // the decoder looks at the first of each kind
        }
        names.push(chunk.name);
        match (&chunk.name, chunk.data) {
            (b"VP8X", &[_, _, _, _, w0, w1, w2, h0, h1, h2, ..]) => {
                let size = (1 + le(&[w0, w1, w2]) as u32, 1 + le(&[h0, h1, h2]) as u32);
                check_size(size.0, size.1, limits)?;
                canvas = canvas.or(Some(size));
            }
            (b"ANMF", frame @ &[_, _, _, _, _, _, w0, w1, w2, h0, h1, h2, _, _, _, _, ..]) => {
                let size = (1 + le(&[w0, w1, w2]) as u32, 1 + le(&[h0, h1, h2]) as u32);
                if canvas.is_none_or(|(width, height)| size.0 > width || size.1 > height) {
                    return Err(Fault::damaged("a frame that is larger than the picture"));
                }
                for inner in chunks(&frame[16..]).take(2) {
                    check_bitstream(&inner, Some(size), limits)?;
                }
                if !chunk.is_whole {
                    return Err(Fault::CutShort);
                }
                is_picture_there = true;
            }
            (b"VP8 " | b"VP8L", _) => {
                check_bitstream(&chunk, canvas, limits)?;
                if !chunk.is_whole {
                    return Err(Fault::CutShort);
                }
                is_picture_there = true;
            }
            (b"ALPH", _) => check_bitstream(&chunk, canvas, limits)?,
            _ => {}
        }
    }
    if !is_picture_there && is_short(bytes) { Err(Fault::CutShort) } else { Ok(()) }
}

/// Whether a coded picture has the size that it should have.
fn check_bitstream(chunk: &Chunk, expected: Option<(u32, u32)>, limits: Limits) -> Result<(), Fault> {
    let (width, height) = match (&chunk.name, chunk.data) {
        (b"VP8 ", &[_, _, _, _, _, _, w0, w1, h0, h1, ..]) => {
            (le(&[w0, w1]) & 0x3fff, le(&[h0, h1]) & 0x3fff)
        }
        (b"VP8L", &[_, b0, b1, b2, b3, ..]) => {
            let bits = le(&[b0, b1, b2, b3]);
            (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff))
        }
        (b"VP8 " | b"VP8L", _) => return Err(Fault::CutShort),
        (b"ALPH", _) => expected.map_or((1, 1), |(width, height)| (width as usize, height as usize)),
        _ => return Ok(()),
    };
    let size = (width as u32, height as u32);
    check_size(size.0, size.1, limits)?;
    if expected.is_some_and(|expected| expected != size) {
        return Err(Fault::damaged("a picture of another size than its container says"));
    }
    // The decoder builds a table for each code, used or not.
    let most_codes = (32 << 20) + 2 * width * height;
    match (&chunk.name, chunk.data) {
        (b"VP8L", &[_, _, _, _, _, ref bits @ ..]) => codes::check(bits, size, most_codes)?,
        (b"ALPH", &[kind, ref bits @ ..]) if kind & 3 == 1 => codes::check(bits, size, most_codes)?,
        _ => {}
    }
    // The decoder copies what is left of the data three times over; so much no encoder writes.
    if &chunk.name == b"VP8 " && chunk.data.len() > (8 << 20) + width * height {
        return Err(Fault::damaged("more data than its pixels can need"));
    }
    Ok(())
}

struct Chunk<'a> {
    name: [u8; 4],
    data: &'a [u8],
    /// Whether all of its data are there.
    is_whole: bool,
}

/// The chunks that lie one behind the other.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (name, behind) = rest.split_first_chunk()?;
        let length = le(behind.get(..4)?);
        let behind = &behind[4..];
        let is_whole = length <= behind.len();
        let data = &behind[..length.min(behind.len())];
        rest = &behind[length.next_multiple_of(2).min(behind.len())..];
        Some(Chunk { name: *name, data, is_whole })
    })
}

/// A number of up to 4 bytes, the lowest first.
fn le(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

impl From<DecodingError> for Fault {
    fn from(error: DecodingError) -> Self {
        match error {
            DecodingError::IoError(error) => error.into(),
            error => Fault::damaged(error),
        }
    }
}
