//! A picture channel by channel, in a size to work with.
//!
//! In: a [`Picture`] of any size. Out: [`Planes`]: a large picture shrunk by means, a tiny one enlarged and framed, grey
//! ones with one channel. Does not look for ink.

use crate::image::Picture;
use image::imageops::{FilterType, resize};

/// The longer side of a picture that ink is looked for in, in pixels. Larger ones are shrunk.
const LONGEST: usize = 1600;
/// Pictures with a longer side below this, in pixels, are digits that somebody cut out. They are enlarged to at least twice
/// as many pixels, for their greys say where between two pixels an edge is; and set in a frame, for they may fill it.
const TINY: usize = 28;
/// Pixels of the frame, as a part of the picture's longer side.
const FRAME: f32 = 0.25;
/// The shorter side is cut into so many cells.
const CELLS: usize = 96;
/// Pixels looked at along each side of a cell.
const SAMPLES: usize = 8;

/// A picture channel by channel, in a size to work with.
pub(super) struct Planes {
    pub width: usize,
    pub height: usize,
    pub channels: Vec<Vec<u8>>,
    /// How many pixels of the picture are one of these, along each side.
    pub scale: f32,
    /// Pixels of the frame around a tiny picture, on each side.
    pub frame: usize,
}

/// How much ground there is beside the ink.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// A digit that somebody cut out, enlarged and framed: its holes may be narrower than a pixel.
    Tiny,
    /// Hardly any ground to see noise on.
    Small,
    /// All others.
    Large,
}

impl Planes {
    /// Shrunk if it is large, enlarged and framed if it is tiny.
    pub fn of(picture: &Picture) -> Self {
        let longer = picture.width().max(picture.height());
        let mut planes = if longer < TINY {
            Planes::enlarged(picture, (2 * TINY).div_ceil(longer), FRAME)
        } else {
            Planes::shrunk(picture, longer.div_ceil(LONGEST))
        };
        // Grey, though stored in colour, as a browser's drawings are: three equal channels say no more than one.
        if planes.channels.windows(2).all(|two| two[0] == two[1]) {
            planes.channels.truncate(1);
        }
        planes
    }

    /// Each pixel is the mean of `scale` by `scale` of the picture's; a rest at the right and below is left out.
    fn shrunk(picture: &Picture, scale: usize) -> Self {
        let (width, height) = (picture.width() / scale, picture.height() / scale);
        let channels = picture.channels();
        let mut planes = vec![Vec::with_capacity(width * height); channels];
        let area = (scale * scale) as u32;
        let mut sums = vec![0u32; width * channels];
        for y in 0..height {
            sums.fill(0);
            for row in 0..scale {
                let line = picture.row(y * scale + row);
                for (sums, pixels) in sums.chunks_exact_mut(channels).zip(line.chunks_exact(scale * channels))
                {
                    for pixel in pixels.chunks_exact(channels) {
                        sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += u32::from(value));
                    }
                }
            }
            for (channel, plane) in planes.iter_mut().enumerate() {
                plane.extend(
                    sums.iter().skip(channel).step_by(channels).map(|sum| ((sum + area / 2) / area) as u8),
                );
            }
        }
        Planes { width, height, channels: planes, scale: scale as f32, frame: 0 }
    }

    /// How much ground there is beside the ink.
    pub fn size(&self) -> Size {
        const HARDLY: usize = 40;
        match self.width.min(self.height) {
            _ if self.frame > 0 => Size::Tiny,
            ..HARDLY => Size::Small,
            _ => Size::Large,
        }
    }

    /// Each channel by itself.
    pub fn iter(&self) -> impl Iterator<Item = Plane<'_>> {
        let Planes { width, height, ref channels, .. } = *self;
        channels.iter().map(move |values| Plane { values, width, height })
    }

    /// Half as large: each pixel is the mean of two by two.
    pub fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let halve = |plane: &Vec<u8>| {
            let rows = (0..height).flat_map(|y| {
                let (upper, lower) = plane[2 * y * self.width..].split_at(self.width);
                upper.chunks_exact(2).zip(lower.chunks_exact(2)).map(|(a, b)| {
                    ((u32::from(a[0]) + u32::from(a[1]) + u32::from(b[0]) + u32::from(b[1]) + 2) / 4) as u8
                })
            });
            rows.collect()
        };
        let channels = self.channels.iter().map(halve).collect();
        Planes { width, height, channels, scale: 2.0 * self.scale, frame: self.frame / 2 }
    }

    /// In a frame as light as the picture's rim, so many of its longer sides wide, each pixel enlarged to `factor` by `factor`.
    #[inline(never)]
    pub fn enlarged(picture: &Picture, factor: usize, frame: f32) -> Self {
        let (width, height, channels) = (picture.width(), picture.height(), picture.channels());
        let frame = (frame * width.max(height) as f32).ceil() as usize;
        let (outer_width, outer_height) = (width + 2 * frame, height + 2 * frame);
        let enlarged_width = outer_width * factor;
        let plane = |channel: usize| {
            let plane: Vec<u8> = (0..height)
                .flat_map(|y| picture.row(y).iter().skip(channel).step_by(channels).copied())
                .collect();
            let rim = Plane { values: &plane, width, height }.rim_median();
            let mut framed = vec![rim; outer_width * outer_height];
            for (y, row) in plane.chunks_exact(width).enumerate() {
                framed[(frame + y) * outer_width + frame..][..width].copy_from_slice(row);
            }
            let framed = image::GrayImage::from_raw(outer_width as u32, outer_height as u32, framed)
                .expect("a byte for each pixel");
            let height = (outer_height * factor) as u32;
            resize(&framed, enlarged_width as u32, height, FilterType::CatmullRom).into_raw()
        };
        Planes {
            width: enlarged_width,
            height: outer_height * factor,
            channels: (0..channels).map(plane).collect(),
            scale: 1.0 / factor as f32,
            frame: frame * factor,
        }
    }
}

/// One channel of a picture.
#[derive(Clone, Copy)]
pub(super) struct Plane<'a> {
    pub values: &'a [u8],
    pub width: usize,
    pub height: usize,
}

impl Plane<'_> {
    /// The median of the outermost pixels.
    pub fn rim_median(self) -> u8 {
        let Plane { values, width, height } = self;
        let mut rim: Vec<u8> =
            (0..width).flat_map(|x| [values[x], values[(height - 1) * width + x]]).collect();
        rim.extend((0..height).flat_map(|y| [values[y * width], values[y * width + width - 1]]));
        let middle = rim.len() / 2;
        *rim.select_nth_unstable(middle).1
    }

    /// The coarse grid over it.
    pub fn cells(self) -> Cells {
        let side = self.width.min(self.height).div_ceil(CELLS);
        Cells {
            side,
            columns: self.width.div_ceil(side),
            rows: self.height.div_ceil(side),
            step: side.div_ceil(SAMPLES),
        }
    }
}

/// A coarse grid over a channel; the last cells may be cut off.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    /// Pixels along each side of a cell.
    pub side: usize,
    pub columns: usize,
    pub rows: usize,
    /// Of so many pixels along each side one is looked at.
    pub step: usize,
}
