//! PBM, PGM, PPM and PAM: the header by the `image` crate, the samples here, row by row.
//!
//! Samples are scaled by the largest value that the header allows. Where this is 65535 the file says nothing of its own,
//! and the bits that are used count, as in other files of 16 bits. Source: <https://netpbm.sourceforge.net/doc/>.

use super::{
    Fault, Limits, Readout, check_size,
    raster::{Place, Raster},
};
use image::{
    ImageDecoder,
    codecs::pnm::{PnmDecoder, PnmSubtype, SampleEncoding},
    metadata::Orientation,
};

/// Bytes that a header may have; the decoder keeps its lines.
const MAX_HEADER: usize = 1 << 16;

pub(super) fn read(bytes: &[u8], limits: Limits) -> Result<Readout, Fault> {
    let decoder = PnmDecoder::new(&bytes[..bytes.len().min(MAX_HEADER)])?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits)?;
    let color = decoder.color_type();
    let channels = usize::from(color.channel_count());
    let (rest, header) = decoder.into_inner();
    let bytes = &bytes[bytes.len().min(MAX_HEADER) - rest.len()..];
    let format = Samples {
        per_row: width as usize * channels,
        is_bitmap: matches!(header.subtype(), PnmSubtype::Bitmap(_)),
        is_text: header.subtype().sample_encoding() == SampleEncoding::Ascii,
        is_wide: usize::from(color.bytes_per_pixel()) > channels,
        most: header.maximal_sample(),
    };

    let mut raster = Raster::new(width, height, channels);
    let mut samples = format.read(bytes);
    let mut row = Vec::with_capacity(format.per_row);
    let (mut y, mut fault) = (0, None);
    while y < height as usize {
        row.clear();
        for sample in samples.by_ref().take(format.per_row) {
            match sample {
                Ok(sample) => row.push(sample),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        if row.len() < format.per_row {
            fault = fault.or(Some(Fault::CutShort));
            break;
        }
        let place = Place::at(0, y);
        if format.most == 65535 {
            raster.put_wide(place, channels, row.iter().copied());
        } else {
            let scaled =
                |&sample: &u16| ((u32::from(sample) * 255 + format.most / 2) / format.most).min(255) as u8;
            raster.put(place, channels, &row.iter().map(scaled).collect::<Vec<_>>());
        }
        y += 1;
    }
    Ok(Readout { raster, rows: 0..y, orientation: Orientation::NoTransforms, fault })
}

/// How samples lie in the file.
struct Samples {
    per_row: usize,
    /// One bit a sample, and 1 is black.
    is_bitmap: bool,
    is_text: bool,
    /// Two bytes a sample.
    is_wide: bool,
    /// White.
    most: u32,
}

impl Samples {
    /// All of them, as far as there are bytes.
    fn read<'a>(&self, bytes: &'a [u8]) -> Box<dyn Iterator<Item = Result<u16, Fault>> + 'a> {
        match self {
            Samples { is_bitmap: true, is_text: true, .. } => {
                let digits = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
                Box::new(digits.map(|&digit| match digit {
                    b'0' => Ok(1),
                    b'1' => Ok(0),
                    _ => Err(Fault::damaged("something else than 0 and 1")),
                }))
            }
            Samples { is_text: true, .. } => {
                let words = bytes.split(|byte| byte.is_ascii_whitespace() || *byte == 0x0b);
                Box::new(words.filter(|word| !word.is_empty()).map(|word| {
                    let number = str::from_utf8(word).ok().and_then(|word| word.parse().ok());
                    number.ok_or_else(|| Fault::damaged("something else than numbers"))
                }))
            }
            Samples { is_bitmap: true, per_row, .. } => {
                let per_row = *per_row;
                let rows = bytes.chunks_exact(per_row.div_ceil(8));
                Box::new(rows.flat_map(move |row| {
                    (0..per_row).map(move |x| Ok(u16::from(row[x / 8] >> (7 - x % 8) & 1 == 0)))
                }))
            }
            Samples { is_wide: true, .. } => {
                Box::new(bytes.as_chunks().0.iter().map(|&sample| Ok(u16::from_be_bytes(sample))))
            }
            _ => Box::new(bytes.iter().map(|&sample| Ok(sample.into()))),
        }
    }
}
