//! PNG, by the `png` crate, row by row.
//!
//! Colour profiles and texts are skipped, not unpacked; of an animation the picture is read that programs show which know
//! no animations. Source: <https://www.w3.org/TR/png-3/>.

use super::{
    Fault, Limits, Readout, check_size, orientation,
    raster::{Place, Raster},
};
use png::{BitDepth, Decoder, DecodingError, Transformations};
use std::io::{Cursor, ErrorKind};

/// Bytes that the decoder may ask for: for one row ([`super::MAX_SIDE`] times 8), and for chunks such as EXIF data.
const METADATA: usize = 8 << 20;

/// Which pixels a pass brings: every `dx`th of every `dy`th row; until the next passes come, each stands for its block.
struct Pass {
    x: usize,
    y: usize,
    dx: usize,
    dy: usize,
    block: (usize, usize),
}

/// One pass for all.
const PLAIN: [Pass; 1] = [Pass { x: 0, y: 0, dx: 1, dy: 1, block: (1, 1) }];

/// Adam7.
const INTERLACED: [Pass; 7] = [
    Pass { x: 0, y: 0, dx: 8, dy: 8, block: (8, 8) },
    Pass { x: 4, y: 0, dx: 8, dy: 8, block: (4, 8) },
    Pass { x: 0, y: 4, dx: 4, dy: 8, block: (4, 4) },
    Pass { x: 2, y: 0, dx: 4, dy: 4, block: (2, 4) },
    Pass { x: 0, y: 2, dx: 2, dy: 4, block: (2, 2) },
    Pass { x: 1, y: 0, dx: 2, dy: 2, block: (1, 2) },
    Pass { x: 0, y: 1, dx: 1, dy: 2, block: (1, 1) },
];

pub(super) fn read(bytes: &[u8], limits: Limits) -> Result<Readout, Fault> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: METADATA });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let header = decoder.read_header_info()?;
    let (width, height, passes) =
        (header.width, header.height, if header.interlaced { &INTERLACED[..] } else { &PLAIN });
    check_size(width, height, limits)?;
    let mut reader = decoder.read_info()?;
    let orientation = orientation(reader.info().exif_metadata.as_deref());
    let (color, depth) = reader.output_color_type();
    let channels = color.samples();

    let mut raster = Raster::new(width, height, channels);
    let (width, height) = (width as usize, height as usize);
    let (mut rows, mut fault) = (0, None);
    'passes: for pass in passes.iter().filter(|pass| pass.x < width) {
        for y in (pass.y..height).step_by(pass.dy) {
            let row = match reader.next_row() {
                Ok(row) => row.expect("a row for each of the pass"),
                Err(error) => {
                    fault = Some(error.into());
                    break 'passes;
                }
            };
            let place = Place { x: pass.x, y, step: pass.dx, block: pass.block };
            match depth {
                BitDepth::Sixteen => {
                    let samples = row.data().as_chunks().0.iter().map(|&bytes| u16::from_be_bytes(bytes));
                    raster.put_wide(place, channels, samples);
                }
                _ => raster.put(place, channels, row.data()),
            }
            rows = rows.max(height.min(y + pass.block.1)); // the first pass gives them all
        }
    }
    if fault.is_none() {
        // The checksums behind the last row; where the file ends behind them nothing is missing.
        fault = match reader.next_row() {
            Err(DecodingError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => None,
            result => result.err().map(Fault::from),
        };
    }
    Ok(Readout { raster, rows: 0..rows, orientation, fault })
}

impl From<DecodingError> for Fault {
    fn from(error: DecodingError) -> Self {
        match error {
            DecodingError::IoError(error) => error.into(),
            error => Fault::damaged(error),
        }
    }
}
