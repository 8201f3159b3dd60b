//! BMP, by the `image` crate, whose decoder asks for nothing but a row and a palette.

use super::{Fault, Limits, Readout, check_size, raster::Raster};
use image::{ImageDecoder, codecs::bmp::BmpDecoder, metadata::Orientation};
use std::io::Cursor;

pub(super) fn read(bytes: &[u8], limits: Limits) -> Result<Readout, Fault> {
    let decoder = BmpDecoder::new(Cursor::new(bytes))?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits)?;
    let mut raster = Raster::new(width, height, decoder.color_type().channel_count().into());
    let fault = decoder.read_image(raster.samples_mut()).err().map(Fault::from);
    let rows = if fault.is_none() { 0..height as usize } else { raster.rows_with_content() };
    Ok(Readout { raster, rows, orientation: Orientation::NoTransforms, fault })
}
