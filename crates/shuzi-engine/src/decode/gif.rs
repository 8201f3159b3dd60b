//! GIF, by the `gif` crate, row by row: the first picture, on a screen that is transparent where it does not reach.
//!
//! Source: <https://www.w3.org/Graphics/GIF/spec-gif89a.txt>.

use super::{
    Fault, Limits, Readout, check_size,
    raster::{Place, Raster},
};
use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};
use image::metadata::Orientation;
use std::num::NonZeroU64;

/// Bytes of a profile or of XMP that the decoder may keep.
const METADATA: NonZeroU64 = NonZeroU64::new(4 << 20).unwrap();

/// First row, distance of rows, and for how many each stands until the next passes come.
const PLAIN: [(usize, usize, usize); 1] = [(0, 1, 1)];
const INTERLACED: [(usize, usize, usize); 4] = [(0, 8, 8), (4, 8, 4), (2, 4, 2), (1, 2, 1)];

pub(super) fn read(bytes: &[u8], limits: Limits) -> Result<Readout, Fault> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.set_memory_limit(MemoryLimit::Bytes(METADATA));
    let mut decoder = options.read_info(bytes)?;
    let (width, height) = (decoder.width().into(), decoder.height().into());
    check_size(width, height, limits)?;
    let frame = decoder.next_frame_info()?.ok_or_else(|| Fault::damaged("no picture in it"))?;
    // It may be larger than the screen, which is what is asked of memory; its pixels take time, though.
    check_size(frame.width.into(), frame.height.into(), limits)?;
    let (left, top, n_rows) = (usize::from(frame.left), usize::from(frame.top), usize::from(frame.height));
    let passes = if frame.interlaced { &INTERLACED[..] } else { &PLAIN };

    let mut raster = Raster::new(width, height, 4);
    let height = height as usize;
    let mut line = vec![0; decoder.line_length()];
    let (mut rows, mut fault) = (0, None);
    'passes: for &(first, step, block) in passes {
        for y in (first..n_rows).step_by(step) {
            line.fill(0); // stays so where a color is not in the palette
            match decoder.fill_buffer(&mut line) {
                Ok(true) => {}
                Ok(false) => fault = Some(Fault::damaged("too few pixels")),
                Err(error) => fault = Some(error.into()),
            }
            if fault.is_some() {
                break 'passes;
            }
            raster.put(Place { block: (1, block), ..Place::at(left, top + y) }, 4, &line);
            rows = rows.max(height.min(top + y + block));
        }
    }
    if fault.is_none() {
        rows = height;
    }
    Ok(Readout { raster, rows: 0..rows, orientation: Orientation::NoTransforms, fault })
}

impl From<DecodingError> for Fault {
    fn from(error: DecodingError) -> Self {
        match error {
            DecodingError::UnexpectedEof => Fault::CutShort,
            DecodingError::Io(error) => error.into(),
            error => Fault::damaged(error),
        }
    }
}
