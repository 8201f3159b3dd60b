//! Pixels on their way from a decoder to a [`Picture`]: 8 bits a sample, filled row by row.
//!
//! In: rows of 8 or 16 bits a sample, with or without colour and alpha. Out: a [`Picture`], grey or in colour, upright,
//! nothing transparent. The raster has the picture's final size from the start and is all that is held of it.

use crate::image::{Picture, flatten};
use image::{DynamicImage, ImageBuffer, metadata::Orientation};
use std::ops::Range;

/// Samples of a picture of which some rows may still be missing.
pub(super) struct Raster {
    width: usize,
    height: usize,
    /// Bytes of a pixel: grey, red-green-blue or red-green-blue-alpha.
    channels: usize,
    samples: Vec<u8>,
    /// Bits by which samples of 16 are shifted to make 8 of them.
    shift: u32,
    line: Vec<u8>,
}

/// Where samples go in a [`Raster`]: every `step`th pixel from `x` on, each of them as a block.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub x: usize,
    pub y: usize,
    pub step: usize,
    /// Width and height of the block that a pixel fills.
    pub block: (usize, usize),
}

impl Place {
    /// Pixels beside each other.
    pub(super) fn at(x: usize, y: usize) -> Self {
        Place { x, y, step: 1, block: (1, 1) }
    }
}

impl Raster {
    /// An empty one for pixels of `channels` samples: 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.
    pub(super) fn new(width: u32, height: u32, channels: usize) -> Self {
        let (width, height) = (width as usize, height as usize);
        let channels = if channels == 2 { 4 } else { channels };
        let samples = vec![0; width * height * channels];
        Raster { width, height, channels, samples, shift: 0, line: vec![] }
    }

    /// All samples, row by row, for decoders that fill them at once.
    pub(super) fn samples_mut(&mut self) -> &mut [u8] {
        &mut self.samples
    }

    /// All samples, row by row.
    pub(super) fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// The rows that a decoder which fills the raster in order has reached: those above and below that are still black, or of
    /// the grey that JPEG's leaves, and the last one beside them are not.
    pub(super) fn rows_with_content(&self) -> Range<usize> {
        let is_empty = |row: &&[u8]| [0, 128].iter().any(|empty| row.iter().all(|sample| sample == empty));
        let rows = || self.samples.chunks_exact(self.width * self.channels);
        let above = rows().take_while(is_empty).count();
        let below = if above < self.height { rows().rev().take_while(is_empty).count() } else { 0 };
        let (first, last) = (above + usize::from(above > 0), self.height - below - usize::from(below > 0));
        first..last.max(first)
    }

    /// Takes samples of 8 bits, `channels` for each pixel; what reaches over the right or lower border is left out.
    pub(super) fn put(&mut self, place: Place, channels: usize, samples: &[u8]) {
        let Place { x, y, step, block } = place;
        if x >= self.width || y >= self.height {
            return;
        }
        let n_places = (self.width - x).div_ceil(step);
        for row in y..self.height.min(y + block.1) {
            let row = &mut self.samples[row * self.width * self.channels..][..self.width * self.channels];
            if step == 1 && channels == self.channels {
                let length = samples.len().min(n_places * channels);
                row[x * channels..][..length].copy_from_slice(&samples[..length]);
                continue;
            }
            for (pixel, x) in samples.chunks_exact(channels).zip((x..self.width).step_by(step)) {
                for to in row[x * self.channels..].chunks_exact_mut(self.channels).take(block.0) {
                    match *pixel {
                        [gray, alpha] => to.copy_from_slice(&[gray, gray, gray, alpha]),
                        _ => to.copy_from_slice(pixel),
                    }
                }
            }
        }
    }

    /// Takes samples of 16 bits. Of these the 8 highest bits that the picture uses are kept: cameras write 10 or 12 bits
    /// (and files made of bytes, 8) into files of 16. So the depth is 8, 10, 12, 14 or 16, the least that holds the largest
    /// sample of the picture. A picture of 16 bits that is as dark as that would show nothing otherwise. Alpha has all 16.
    pub(super) fn put_wide(
        &mut self,
        place: Place,
        channels: usize,
        samples: impl Iterator<Item = u16> + Clone,
    ) {
        let is_alpha =
            |index: usize, channels: usize| channels.is_multiple_of(2) && index % channels == channels - 1;
        let colors = samples.clone().enumerate().filter(|&(index, _)| !is_alpha(index, channels));
        let largest = colors.map(|(_, sample)| sample).max().unwrap_or(0);
        while largest >> self.shift > 255 {
            self.shift += 2;
            for (index, sample) in self.samples.iter_mut().enumerate() {
                if !is_alpha(index, self.channels) {
                    *sample >>= 2; // as if it had been shifted that far at once
                }
            }
        }
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.extend(
            samples.enumerate().map(|(index, sample)| {
                (sample >> if is_alpha(index, channels) { 8 } else { self.shift }) as u8
            }),
        );
        self.put(place, channels, &line);
        self.line = line;
    }

    /// The rows that are there as a picture, turned as the camera says.
    pub(super) fn into_picture(self, rows: Range<usize>, orientation: Orientation) -> Picture {
        let Raster { width, channels, mut samples, .. } = self;
        samples.truncate(rows.end * width * channels);
        samples.drain(..rows.start * width * channels);
        let height = rows.len();
        if channels == 4 {
            samples = flatten(samples);
        }
        if orientation == Orientation::NoTransforms {
            return match channels {
                1 => Picture::gray(width, height, samples),
                _ => Picture::color(width, height, samples),
            };
        }
        let size = (width as u32, height as u32);
        let mut picture = match channels {
            1 => {
                DynamicImage::ImageLuma8(ImageBuffer::from_raw(size.0, size.1, samples).expect("all samples"))
            }
            _ => {
                DynamicImage::ImageRgb8(ImageBuffer::from_raw(size.0, size.1, samples).expect("all samples"))
            }
        };
        picture.apply_orientation(orientation);
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        match channels {
            1 => Picture::gray(width, height, picture.into_luma8().into_raw()),
            _ => Picture::color(width, height, picture.into_rgb8().into_raw()),
        }
    }
}
