//! JPEG, by `zune-jpeg`.
//!
//! That decoder reads on where data are missing, and holds profiles and texts that nobody asked for. So it is given a copy
//! of the file without them, in which the data of the last scan go on with ones. No Huffman code consists of ones, so the
//! decoder in its strict mode ends with an error at the first pixel that is not there, whether the file was cut, ends too
//! early or is damaged. Source: ITU-T T.81.

use super::{Fault, Limits, Readout, check_size, orientation, raster::Raster};
use std::ops::Range;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

/// Ones, stuffed; more than the decoder looks ahead.
const ONES: [u8; 32] = [
    0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff,
    0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0,
];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
/// More bytes than any decoder leaves unread behind the last pixel.
const REST: usize = 64;

pub(super) fn read(bytes: &[u8], limits: Limits) -> Result<Readout, Fault> {
    let mut file =
        Segments::read(bytes, |frame| check_size(frame.width.into(), frame.height.into(), limits))?;
    let frame = file.frame.filter(|_| file.has_scan);
    let frame = frame.ok_or_else(|| file.fault("no picture in it"))?;
    let mut data = std::mem::take(&mut file.needed);
    if file.is_ended || !frame.is_progressive {
        data.extend(ONES);
    }
    if file.is_ended && frame.is_progressive {
        data.extend(END_OF_IMAGE); // else its decoder looks for more scans
    }
    let color = {
        let mut decoder = decoder(&data, ColorSpace::Luma);
        decoder.decode_headers().map_err(|error| file.fault(&error.to_string()))?;
        match decoder.input_colorspace() {
            Some(ColorSpace::Luma) => ColorSpace::Luma,
            _ => ColorSpace::RGB,
        }
    };
    let mut raster = Raster::new(frame.width.into(), frame.height.into(), color.num_components());

    let mut result = Ok(());
    if !file.is_ended && !frame.is_progressive {
        // No end, but perhaps all pixels: then the last bytes are needed. If not, others were written over them, zeros often.
        let last = data.split_off(data.len().saturating_sub(ONES.len() + REST));
        data.extend(ONES);
        if decode_into(&data, Damage::IsAnError, color, raster.samples_mut()).is_ok() {
            result = Err(Fault::damaged("its data go on behind the last pixel"));
        }
        data.truncate(data.len() - ONES.len());
        data.extend(last);
        raster.samples_mut().fill(0);
    }
    let decoded = decode_into(&data, Damage::IsAnError, color, raster.samples_mut());
    result = result.and(decoded.map_err(|error| file.fault(&error.to_string())));
    let rows = match result {
        Ok(()) => 0..usize::from(frame.height),
        // Progressive pictures are there as a whole, if only coarsely.
        Err(_) if frame.is_progressive => {
            let _ = decode_into(&data, Damage::IsLeftGrey, color, raster.samples_mut());
            rows_of_first_scan(&raster, &frame)
        }
        Err(_) => raster.rows_with_content(),
    };
    drop(data);
    Ok(Readout { raster, rows, orientation: orientation(file.exif), fault: result.err() })
}

fn decoder(data: &[u8], color: ColorSpace) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::default()
        .set_strict_mode(false) // about headers it is too strict for what cameras write
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(color);
    JpegDecoder::new_with_options(ZCursor::new(data), options)
}

/// What the decoder makes of data that are damaged or missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Damage {
    IsAnError,
    /// It goes on, and what is missing is of the grey of no coefficients.
    IsLeftGrey,
}

/// Decodes into as many bytes as the picture has.
fn decode_into(
    data: &[u8],
    damage: Damage,
    color: ColorSpace,
    samples: &mut [u8],
) -> Result<(), DecodeErrors> {
    let mut decoder = decoder(data, color);
    decoder.decode_headers()?;
    decoder.set_options(decoder.options().set_strict_mode(damage == Damage::IsAnError));
    decoder.decode_into(samples)
}

/// The rows of a progressive picture that its first scan brings: what it does not reach is of the grey of no coefficients.
fn rows_of_first_scan(raster: &Raster, frame: &Frame) -> Range<usize> {
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    let samples = raster.samples();
    let is_missing = |samples: &[u8]| samples.iter().all(|&sample| sample == 128);
    let row = samples.len() / height;
    let n_rows = height - samples.rchunks(row).take_while(|row| is_missing(row)).count();
    let block = &samples[..n_rows * row];
    let is_last_row_cut = is_missing(&block[block.len() - (row / width * width.min(8)).min(block.len())..]);
    if n_rows == height && !is_last_row_cut {
        return 0..height;
    }
    0..n_rows.saturating_sub(1) / frame.row_height * frame.row_height
}

/// What a frame's header says.
#[derive(Clone, Copy)]
struct Frame {
    width: u16,
    height: u16,
    is_progressive: bool,
    /// Pixels of a row of blocks.
    row_height: usize,
}

impl Frame {
    fn read(marker: u8, segment: &[u8]) -> Option<Frame> {
        let &[_, h1, h0, w1, w0, components, ref components_at @ ..] = segment else { return None };
        let factors = components_at.chunks_exact(3).take(components.into()).map(|it| usize::from(it[1] & 15));
        Some(Frame {
            width: u16::from_be_bytes([w1, w0]),
            height: u16::from_be_bytes([h1, h0]),
            is_progressive: marker == 0xc2,
            row_height: 8 * factors.max().unwrap_or(1).max(1),
        })
    }
}

/// A file taken apart, up to the end of its first picture.
struct Segments<'a> {
    /// What the decoder needs.
    needed: Vec<u8>,
    frame: Option<Frame>,
    has_scan: bool,
    /// Whether the marker is there that ends a picture.
    is_ended: bool,
    exif: Option<&'a [u8]>,
}

impl<'a> Segments<'a> {
    /// Asks `check` about the frame before it copies a scan.
    fn read(bytes: &'a [u8], check: impl Fn(Frame) -> Result<(), Fault>) -> Result<Self, Fault> {
        let mut file =
            Segments { needed: vec![0xff, 0xd8], frame: None, has_scan: false, is_ended: false, exif: None };
        let mut rest = &bytes[2..];
        while let Some((marker, behind)) = next_marker(rest) {
            if marker == 0xd9 {
                file.is_ended = true;
                break;
            }
            let Some(length) = behind.first_chunk().map(|&it| usize::from(u16::from_be_bytes(it))) else {
                break;
            };
            let Some(segment) = behind.get(..length.max(2)) else { break };
            rest = &behind[segment.len()..];
            match marker {
                0xe1 if segment[2..].starts_with(b"Exif\0\0") => {
                    file.exif = file.exif.or(Some(&segment[8..]));
                    continue;
                }
                0xe1..=0xed | 0xef | 0xfe => continue, // applications' own; the decoder looks at 0 and 14 only
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                    let frame = Frame::read(marker, &segment[2..]).filter(|_| file.frame.is_none());
                    let frame = frame.ok_or_else(|| Fault::damaged("its frame header"))?;
                    check(frame)?;
                    file.frame = Some(frame);
                    // Two bytes for each pixel is twice of what the finest JPEGs have.
                    let most = (32 << 20) + 2 * usize::from(frame.width) * usize::from(frame.height);
                    if rest.len() > most {
                        rest = &rest[..most];
                    }
                    file.needed
                        .reserve_exact(rest.len() + segment.len() + 2 + ONES.len() + END_OF_IMAGE.len());
                }
                _ => {}
            }
            file.needed.extend([0xff, marker]);
            file.needed.extend(segment);
            if marker == 0xda {
                file.has_scan = true;
                let scan = &rest[..length_of_scan(rest)];
                file.needed.extend(scan);
                rest = &rest[scan.len()..];
            }
        }
        Ok(file)
    }

    /// What a decoder's error means: where the end is missing, that is it.
    fn fault(&self, reason: &str) -> Fault {
        if self.is_ended { Fault::damaged(reason) } else { Fault::CutShort }
    }
}

/// The next marker that has a meaning of its own, and what stands behind it.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut places = bytes.windows(2).enumerate();
    let is_marker = |bytes: &[u8]| bytes[0] == 0xff && !matches!(bytes[1], 0 | 1 | 0xd0..=0xd8 | 0xff);
    let (place, marker) = places.find(|(_, bytes)| is_marker(bytes))?;
    Some((marker[1], &bytes[place + 2..]))
}

/// Bytes of coded data up to the next marker that is no restart.
fn length_of_scan(bytes: &[u8]) -> usize {
    let is_marker = |bytes: &[u8]| bytes[0] == 0xff && !matches!(bytes[1], 0 | 0xd0..=0xd7 | 0xff);
    bytes.windows(2).position(is_marker).unwrap_or(bytes.len())
}

/// Width and height, if the header is there.
pub(super) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes;
    loop {
        let (marker, behind) = next_marker(rest)?;
        let length = usize::from(u16::from_be_bytes(*behind.first_chunk()?));
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let frame = Frame::read(marker, behind.get(2..length)?)?;
            return Some((frame.width.into(), frame.height.into()));
        }
        rest = behind.get(length..)?;
    }
}
