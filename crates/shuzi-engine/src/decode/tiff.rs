//! TIFF, by the `tiff` crate, strip by strip or tile by tile.
//!
//! What its header claims is checked before the decoder believes it: lists as long as they say, tiles far larger than the
//! picture, JPEGs of another size in strips. Source: TIFF 6.0.

use super::{
    Fault, Limits, Readout, check_size, jpeg,
    raster::{Place, Raster},
};
use image::metadata::Orientation;
use std::io::Cursor;
use tiff::{
    ColorType, TiffError,
    decoder::{ChunkType, Decoder, DecodingResult, TiffCodingUnit},
    tags::{CompressionMethod, SampleFormat, Tag},
};

/// Values that one of the tags below may have, strips or tiles for the most; the decoder needs 48 bytes for each.
const MAX_VALUES: u64 = 1 << 19;
/// The tags that the decoder reads.
const TAGS: [u16; 18] =
    [256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339];
const JPEG_TABLES: u16 = 347;
const CHROMA_SUBSAMPLING: u16 = 530;
/// Samples that a pixel may have.
const MAX_SAMPLES: u16 = 16;

pub(super) fn read(bytes: &[u8], limits: Limits) -> Result<Readout, Fault> {
    check_directory(bytes)?;
    let mut decoder = Decoder::new(Cursor::new(bytes))?;
    let (width, height) = decoder.dimensions()?;
    check_size(width, height, limits)?;
    let (color, samples) = check_pixels(&mut decoder)?;
    let n_units = check_units(&mut decoder, bytes, limits)?;
    let orientation = decoder.find_tag_unsigned(Tag::Orientation).ok().flatten();
    let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    let mut buffers = tiff::decoder::Limits::default();
    // As many as the pixels need in the form in which they are stored, at most 16 bytes each.
    buffers.decoding_buffer_size = 16 * width as usize * height as usize;
    buffers.intermediate_buffer_size = bytes.len();
    let mut decoder = decoder.with_limits(buffers.clone());

    let is_cmyk = matches!(color, ColorType::CMYK(_));
    let mut raster = Raster::new(width, height, if is_cmyk { 3 } else { samples });
    let (unit_width, unit_height) = decoder.chunk_dimensions();
    let n_across = width.div_ceil(unit_width);
    let (mut rows, mut fault) = (0, None);
    for unit in 0..n_units {
        let x = (unit % n_across * unit_width) as usize;
        let y = (unit / n_across) as usize * unit_height as usize;
        let (columns, lines) = decoder.chunk_data_dimensions(unit);
        let unit = TiffCodingUnit(unit);
        let layout = decoder.image_coding_unit_layout(unit)?;
        let mut stored = DecodingResult::U8(vec![]);
        stored.resize_to(&layout, &buffers)?;
        if let Err(error) = decoder.read_coding_unit_bytes(unit, stored.as_buffer(0).as_bytes_mut()) {
            fault = Some(error.into());
            break;
        }
        let unit = Unit { columns: columns as usize, lines: lines as usize, samples, planes: layout.planes };
        unit.copy_to(&mut raster, Place::at(x, y), stored, color)?;
        if x as u32 + unit_width >= width {
            rows = (y + unit.lines).min(height as usize);
        }
    }
    Ok(Readout { raster, rows: 0..rows, orientation, fault })
}

/// A strip, or a tile without what reaches over the border.
struct Unit {
    columns: usize,
    lines: usize,
    samples: usize,
    /// 1, or as many as samples: first all reds, then all greens.
    planes: usize,
}

impl Unit {
    /// Brings all of it to 8 bits, and its ink to light.
    fn copy_to(
        &self,
        raster: &mut Raster,
        corner: Place,
        stored: DecodingResult,
        color: ColorType,
    ) -> Result<(), Fault> {
        let samples = self.samples;
        let is_cmyk = matches!(color, ColorType::CMYK(_));
        let at = |line: usize| Place::at(corner.x, corner.y + line);
        match stored {
            DecodingResult::U8(stored) if color.bit_depth() < 8 => {
                let bits = usize::from(color.bit_depth());
                for (line, packed) in stored.chunks_exact((self.columns * bits).div_ceil(8)).enumerate() {
                    raster.put(at(line), 1, &unpack(packed, bits, self.columns));
                }
            }
            DecodingResult::U8(stored) => self.each_line(&stored, |line, pixels| match is_cmyk {
                true => raster.put(at(line), 3, &from_cmyk(pixels, 255.0, |sample| sample as u8)),
                false => raster.put(at(line), samples, pixels),
            }),
            DecodingResult::U16(stored) => self.each_line(&stored, |line, pixels| match is_cmyk {
                true => {
                    let pixels = from_cmyk(pixels, 65535.0, |sample| sample as u16);
                    raster.put_wide(at(line), 3, pixels.into_iter());
                }
                false => raster.put_wide(at(line), samples, pixels.iter().copied()),
            }),
            DecodingResult::F32(stored) => self.each_line(&stored, |line, pixels| {
                let pixels: Vec<u8> =
                    pixels.iter().map(|it| (it.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
                raster.put(at(line), samples, &pixels);
            }),
            _ => return Err(Fault::damaged("a form of its samples that is not read")),
        }
        Ok(())
    }

    /// Calls `put` with each line's number and its samples pixel by pixel.
    fn each_line<T: Copy + Default>(&self, stored: &[T], mut put: impl FnMut(usize, &[T])) {
        let length = self.columns * self.samples;
        if self.planes == 1 {
            stored
                .chunks_exact(length)
                .take(self.lines)
                .enumerate()
                .for_each(|(line, samples)| put(line, samples));
            return;
        }
        let mut mixed = vec![T::default(); length];
        for line in 0..self.lines {
            for (plane, stored) in
                stored.chunks_exact(self.columns * self.lines).enumerate().take(self.samples)
            {
                let samples = &stored[line * self.columns..][..self.columns];
                mixed[plane..]
                    .iter_mut()
                    .step_by(self.samples)
                    .zip(samples)
                    .for_each(|(to, from)| *to = *from);
            }
            put(line, &mixed);
        }
    }
}

/// Grey pixels of fewer than 8 bits, several to a byte, as 0 to 255.
fn unpack(packed: &[u8], bits: usize, columns: usize) -> Vec<u8> {
    let most = (1 << bits) - 1;
    let pixel = |x: usize| packed[x * bits / 8] >> (8 - bits - x * bits % 8) & most;
    (0..columns).map(|x| pixel(x) * (255 / most)).collect()
}

/// Ink to light.
fn from_cmyk<T: Copy + Into<f32>, U>(samples: &[T], most: f32, round: impl Fn(f32) -> U) -> Vec<U> {
    let light = |ink: T, key: T| round((most - ink.into()) * (1.0 - key.into() / most));
    samples.chunks_exact(4).flat_map(|it| [0, 1, 2].map(|channel| light(it[channel], it[3]))).collect()
}

/// Whether pixels are of a form that is read: it, and its samples.
fn check_pixels(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<(ColorType, usize), Fault> {
    let color = decoder.colortype()?;
    let format = decoder.find_tag_unsigned_vec(Tag::SampleFormat)?.and_then(|list| list.first().copied());
    let format = SampleFormat::from_u16(format.unwrap_or(1));
    let n_samples = decoder.find_tag_unsigned(Tag::SamplesPerPixel)?.unwrap_or(1);
    let is_known = match color {
        ColorType::Gray(1 | 2 | 4 | 8 | 16) | ColorType::GrayA(8 | 16) => format == Some(SampleFormat::Uint),
        ColorType::RGB(8 | 16) | ColorType::RGBA(8 | 16) => format == Some(SampleFormat::Uint),
        ColorType::CMYK(8 | 16) => format == Some(SampleFormat::Uint),
        ColorType::RGB(32) | ColorType::RGBA(32) => format == Some(SampleFormat::IEEEFP),
        _ => false,
    };
    if !is_known || n_samples > MAX_SAMPLES {
        return Err(Fault::Damaged(format!("pixels of {color:?}, {n_samples} samples each, {format:?}")));
    }
    Ok((color, color.num_samples().into()))
}

/// Whether strips and tiles are no larger than the picture needs: how many there are of each plane.
fn check_units(decoder: &mut Decoder<Cursor<&[u8]>>, bytes: &[u8], limits: Limits) -> Result<u32, Fault> {
    let (width, height) = decoder.dimensions()?;
    let (unit_width, unit_height) = decoder.chunk_dimensions();
    let is_tiled = decoder.get_chunk_type() == ChunkType::Tile;
    let unit_height = if is_tiled { unit_height } else { unit_height.min(height) };
    let (n_across, n_down) = (width.div_ceil(unit_width), height.div_ceil(unit_height));
    let pixels = |width: u32, height: u32| u64::from(width) * u64::from(height);
    let padded = pixels(unit_width, unit_height).saturating_mul(pixels(n_across, n_down));
    if padded > 4 * limits.pixels.max(1 << 20) || unit_width > super::MAX_SIDE {
        return Err(Fault::Damaged(format!("tiles of {unit_width} x {unit_height}")));
    }
    let compression =
        decoder.find_tag_unsigned(Tag::Compression)?.map(CompressionMethod::from_u16_exhaustive);
    if compression == Some(CompressionMethod::ModernJPEG) {
        let (offsets, lengths) = if is_tiled {
            (Tag::TileOffsets, Tag::TileByteCounts)
        } else {
            (Tag::StripOffsets, Tag::StripByteCounts)
        };
        let offsets: Vec<u64> = decoder.find_tag_unsigned_vec(offsets)?.unwrap_or_default();
        let lengths: Vec<u64> = decoder.find_tag_unsigned_vec(lengths)?.unwrap_or_default();
        for (offset, length) in offsets.into_iter().zip(lengths) {
            let range = offset as usize..offset.saturating_add(length) as usize;
            let unit = bytes.get(range).ok_or(Fault::CutShort)?;
            if let Some((width, height)) = jpeg::size(unit)
                && pixels(width, height) > pixels(unit_width + 32, unit_height + 32)
            {
                return Err(Fault::Damaged(format!("a JPEG of {width} x {height} in it")));
            }
        }
    }
    Ok(n_across * n_down)
}

/// Whether the lists in the first directory are of sane lengths.
fn check_directory(bytes: &[u8]) -> Result<(), Fault> {
    let is_little = bytes.starts_with(b"II");
    let number = |place: u64, length: usize| -> Result<u64, Fault> {
        let bytes = usize::try_from(place).ok().and_then(|place| bytes.get(place..)?.get(..length));
        let digit = |number, &byte: &u8| number << 8 | u64::from(byte);
        let bytes = bytes.ok_or(Fault::CutShort)?;
        Ok(if is_little { bytes.iter().rev().fold(0, digit) } else { bytes.iter().fold(0, digit) })
    };
    let is_big = number(2, 2)? == 43;
    let directory = if is_big { number(8, 8)? } else { number(4, 4)? };
    let (length_of_count, length_of_entry, length) = if is_big { (8, 20, 8) } else { (2, 12, 4) };
    let n_entries = number(directory, length_of_count)?;
    let mut entry = directory + length_of_count as u64;
    for _ in 0..n_entries {
        let (tag, n_values) = (number(entry, 2)? as u16, number(entry + 4, length)?);
        let is_read = TAGS.contains(&tag) || [JPEG_TABLES, CHROMA_SUBSAMPLING].contains(&tag);
        if is_read && n_values > MAX_VALUES {
            return Err(Fault::Damaged(format!("{n_values} values in the tag {tag}")));
        }
        entry += length_of_entry;
    }
    Ok(())
}

impl From<TiffError> for Fault {
    fn from(error: TiffError) -> Self {
        match error {
            TiffError::IoError(error) => error.into(),
            error => Fault::damaged(error),
        }
    }
}
