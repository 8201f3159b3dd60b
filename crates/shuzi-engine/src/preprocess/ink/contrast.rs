//! Contrast: how far each pixel stands out from its ground, and from where on that is ink.
//!
//! In: the channels of a picture and where ink is dark in them. Out: a [`Contrast`], its threshold (after Kittler,
//! Illingworth and Föglein 1985, "Threshold selection based on a simple image statistic"), its noise, and the ink above.

use super::{
    ground::Ground,
    planes::{Planes, Size},
};
use crate::image::GrayImage;

/// How far each pixel stands out from its ground.
pub(super) struct Contrast {
    size: Size,
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Contrast {
    /// Where ink is dark in these channels, and light in the others.
    pub fn new(planes: &Planes, dark: &[bool]) -> Self {
        /// Grounds darker than this count as if they were as light: noise would be blown up there.
        const DARKEST: u8 = 96;
        let Planes { width, height, .. } = *planes;
        let mut values = vec![0u8; width * height];
        let mut ground_row = vec![0; width];
        // 255 / ground in 8.8 bits
        let factors: Vec<u32> = (0..=255).map(|g: u32| 255 * 256 / g.max(u32::from(DARKEST))).collect();
        for (plane, &dark_ink) in planes.iter().zip(dark) {
            let ground = if dark_ink { Ground::of_dark_ink(plane) } else { Ground::of_light_ink(plane) };
            let rows = values.chunks_exact_mut(width).zip(plane.values.chunks_exact(width));
            for (y, (out, row)) in rows.enumerate() {
                ground.fill_row(y, &mut ground_row);
                for ((out, &pixel), &ground) in out.iter_mut().zip(row).zip(&ground_row) {
                    let value = if dark_ink {
                        (u32::from(ground.saturating_sub(pixel)) * factors[usize::from(ground)]) >> 8
                    } else {
                        u32::from(pixel.saturating_sub(ground))
                    };
                    *out = (*out).max(value.min(255) as u8);
                }
            }
        }
        Contrast { size: planes.size(), width, height, values }
    }

    /// The contrast halfway up the edges; `None` where nothing stands out.
    pub fn threshold(&self) -> Option<f64> {
        // Less is not ink that a person would see. And steps that noise makes say nothing of edges.
        let (least, noise_matters) = match self.size {
            Size::Large => (12.0, true),
            Size::Small | Size::Tiny => (30.0, false),
        };
        let Contrast { width, ref values, .. } = *self;
        // Of pixels two apart, for edges are seldom sharper; the mean of both, so that a line of one pixel has two edges.
        let below = values.iter().zip(&values[2 * width..]);
        let right = values.chunks_exact(width).flat_map(|row| row.iter().zip(&row[2..]));
        let steps = below.chain(right).map(|(&a, &b)| (a.abs_diff(b), u32::from(a) + u32::from(b)));
        let mut histogram = [0u64; 256];
        let mut sums = [0u64; 256];
        for (step, sum) in steps {
            histogram[usize::from(step)] += 1;
            sums[usize::from(step)] += u64::from(sum);
        }
        let noise = if noise_matters { 3 * quantile(&histogram, 0.5) } else { 0 };
        let (mut energy, mut weighted) = (0.0, 0.0);
        for step in noise + 1..256 {
            let square = (step * step) as f64;
            energy += square * histogram[step] as f64;
            weighted += square * sums[step] as f64 / 2.0;
        }
        let threshold = weighted / energy.max(1.0);
        (threshold > least).then_some(threshold)
    }

    /// What the ground does, which is most of the picture.
    pub fn noise(&self) -> Noise {
        if self.size != Size::Large {
            return Noise { level: 0.0, deviation: 0.0 };
        }
        /// Of a normal distribution, from its first quartile to its median.
        const QUARTILE: f64 = 0.6745;
        let mut histogram = [0u64; 256];
        self.values.iter().for_each(|&value| histogram[usize::from(value)] += 1);
        let [quartile, median] = [0.25, 0.5].map(|part| quantile(&histogram, part) as f64);
        Noise { level: median, deviation: (median - quartile) / QUARTILE }
    }

    /// 0 from half the threshold down, or from where the ground's noise ends, 255 from as far above it up, in proportion between; in a
    /// tiny picture in proportion from 0, for there the hole of a digit may be narrower than a pixel, and grey.
    pub fn above(self, threshold: f64, noise: Noise) -> GrayImage {
        let noise = (noise.level + noise.deviation).min(0.8 * threshold);
        let none = noise.max(0.5 * threshold);
        let (none, full) = match self.size {
            Size::Tiny => (0.0, 1.5 * threshold),
            Size::Small | Size::Large => (none, 2.0 * threshold - none),
        };
        let table: [u8; 256] = std::array::from_fn(|value| {
            let part = (value as f64 - none) / (full - none);
            (part * 255.0).round().clamp(0.0, 255.0) as u8
        });
        let pixels = self.values.iter().map(|&value| table[usize::from(value)]).collect();
        GrayImage::new(self.width, self.height, pixels)
    }
}

/// The contrast of the ground: noise, and the grain of paper.
#[derive(Clone, Copy)]
pub(super) struct Noise {
    pub level: f64,
    pub deviation: f64,
}

/// The value that this part of all is not above.
fn quantile(histogram: &[u64; 256], part: f64) -> usize {
    let all: u64 = histogram.iter().sum();
    let mut seen = 0;
    let place = histogram.iter().position(|count| {
        seen += count;
        seen as f64 > part * all as f64
    });
    place.unwrap_or(255)
}
