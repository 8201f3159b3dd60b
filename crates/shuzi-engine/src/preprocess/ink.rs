//! Where a picture has ink: from a photo or drawing to ink on an empty ground.
//!
//! In: a [`Picture`]. Out: [`Ink`], a [`GrayImage`] that is 0 where there is none to 255 for full ink; nothing when
//! nothing is written there.
//!
//! 1. **Size**: large pictures are shrunk, for strokes of a photo are wide; tiny ones are enlarged and framed.
//! 2. **Ground.** What the picture would be without ink: in a coarse grid of cells, each with the lighter half of its
//!    pixels, everything dark that is narrower than a third of the picture is filled (a morphological closing; an
//!    opening where ink is light). So shadows, light from one side and the edge of the table belong to the ground.
//! 3. **Contrast** of each pixel against its ground, in the colour where it is strongest: any pen's colour counts, and in a
//!    shadow half the light is the same contrast.
//! 4. **Polarity**: dark ink or light, in each colour whichever is rare among what lies around it.
//! 5. **Threshold**: the contrast halfway up the edges, the sharper the more they count (after Kittler, Illingworth and
//!    Föglein 1985, "Threshold selection based on a simple image statistic"): however little ink there is on the page.
//! 6. **Ruled lines** go.

use super::{rules::without_rules, stroke::stroke_width};
use crate::image::{GrayImage, Picture};
use image::imageops::{FilterType, resize};

/// The longer side of a picture that ink is looked for in, in pixels. Larger ones are shrunk.
const LONGEST: usize = 1600;
/// Pictures with a longer side below this, in pixels, are digits that somebody cut out. They are enlarged to at least twice
/// as many pixels, for their greys say where between two pixels an edge is; and set in a frame, for they may fill it.
const TINY: usize = 28;
/// Fewer pixels along the longer side show no digit.
const LEAST: usize = 8;
/// Pixels of the frame, as a part of the picture's longer side.
const FRAME: f32 = 0.25;
/// The shorter side is cut into so many cells.
const CELLS: usize = 96;
/// What is narrower than twice this part of the shorter side is no ground.
const GROUND_RADIUS: f32 = 0.16;
/// Ink that stands out so far needs no smoothing.
const CLEAR: f64 = 2.0;
/// Ink that stands out less is the ground's own texture.
const HARDLY_CLEAR: f64 = 1.0;
/// Pictures are not halved below this shorter side, in pixels.
const GRAINY: usize = 80;
/// Pixels looked at along each side of a cell.
const SAMPLES: usize = 8;

/// What is written in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Ink {
    /// How much ink there is at each place, 0 to 255; 128 at the edge of a stroke.
    pub image: GrayImage,
    /// How many pixels of the picture are one of the ink, along each side; below 1 where a tiny picture was enlarged.
    pub scale: f32,
    /// Pixels of the ink, on each side, that lie around the picture.
    pub frame: usize,
    /// How far ink stands out from its ground, 0 to 255.
    pub contrast: u8,
    /// Whether it is darker than its ground.
    pub is_dark: bool,
}

/// Finds what is written: nothing in an empty picture; twice, the likelier first, where both polarities may be meant.
pub fn find_inks(picture: &Picture) -> Vec<Ink> {
    let mut planes = Planes::of(picture);
    if planes.width < 3 || planes.height < 3 || picture.width().max(picture.height()) < LEAST {
        return vec![]; // too small for a stroke on a ground
    }
    let mut found = planes.inks();
    // Noise and the grain of paper fade in means over more pixels, and strokes do so much later.
    while found.first().is_none_or(|found| found.clarity < CLEAR)
        && planes.width.min(planes.height) >= 2 * GRAINY
    {
        planes = planes.halved();
        let halved = planes.inks();
        let clarity = |inks: &[Found]| inks.first().map_or(0.0, |found| found.clarity);
        if clarity(&halved) > clarity(&found) {
            found = halved;
        }
    }
    found.retain(|found| found.clarity >= HARDLY_CLEAR);
    if let Some(factor) = found.first().and_then(|found| enlargement(picture, &found.ink)) {
        let enlarged = Planes::enlarged(picture, factor, 0.0).inks();
        if !enlarged.is_empty() {
            found = enlarged;
        }
    }
    found.into_iter().map(|found| found.ink).collect()
}

/// How often the pixels of a picture should be enlarged for its strokes to have an inside and two edges.
fn enlargement(picture: &Picture, ink: &Ink) -> Option<usize> {
    /// Pixels.
    const STROKE: f32 = 3.0;
    const MOST: usize = 4;
    const LARGE: usize = 400;
    if ink.scale != 1.0 {
        return None;
    }
    let longer = picture.width().max(picture.height());
    let wanted = (STROKE / stroke_width(&ink.image)).ceil() as usize;
    let factor = wanted.min(MOST).min(LARGE / longer);
    (factor > 1).then_some(factor)
}

/// Ink, and how it was found.
struct Found {
    ink: Ink,
    /// How far its threshold is above the ground's median, in standard deviations of the ground.
    clarity: f64,
}

/// Whether ink is dark in a channel.
#[derive(Clone, Copy)]
struct Polarity {
    is_dark: bool,
    is_certain: bool,
}

/// A picture channel by channel, in a size to work with.
struct Planes {
    width: usize,
    height: usize,
    channels: Vec<Vec<u8>>,
    /// How many pixels of the picture are one of these, along each side.
    scale: f32,
    /// Pixels of the frame around a tiny picture, on each side.
    frame: usize,
}

impl Planes {
    fn of(picture: &Picture) -> Self {
        let longer = picture.width().max(picture.height());
        let mut planes = if longer < TINY {
            Planes::enlarged(picture, (2 * TINY).div_ceil(longer), FRAME)
        } else {
            Planes::shrunk(picture, longer.div_ceil(LONGEST))
        };
        // Grey, though stored in colour, as a browser's drawings are: three equal channels say no more than one.
        if planes.channels.windows(2).all(|pair| pair[0] == pair[1]) {
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

    /// Whether there is hardly any ground to see noise on, as around a digit that was cut out.
    fn is_small(&self) -> bool {
        const HARDLY: usize = 40;
        self.frame > 0 || self.width.min(self.height) < HARDLY
    }

    /// Half as large: each pixel is the mean of two by two.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let halve = |plane: &Vec<u8>| {
            let rows = (0..height).flat_map(|y| {
                let (upper, lower) = plane[2 * y * self.width..].split_at(self.width);
                let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                pairs.map(|(a, b)| {
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
    fn enlarged(picture: &Picture, factor: usize, frame: f32) -> Self {
        let (width, height, channels) = (picture.width(), picture.height(), picture.channels());
        let frame = (frame * width.max(height) as f32).ceil() as usize;
        let (outer_width, outer_height) = (width + 2 * frame, height + 2 * frame);
        let enlarged_width = outer_width * factor;
        let plane = |channel: usize| {
            let plane: Vec<u8> = (0..height)
                .flat_map(|y| picture.row(y).iter().skip(channel).step_by(channels).copied())
                .collect();
            let mut framed = vec![rim_median(&plane, width, height); outer_width * outer_height];
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

    /// What is written: twice, the likelier first, where both polarities may be meant.
    #[inline(never)] // or it stands three times in what browsers load
    fn inks(&self) -> Vec<Found> {
        // Each channel by itself: blue ink on yellow is dark in red and green, and light in blue.
        let polarities: Vec<Polarity> = self.channels.iter().map(|plane| self.polarity(plane)).collect();
        let dark: Vec<bool> = polarities.iter().map(|polarity| polarity.is_dark).collect();
        let likely = self.ink(&dark);
        let is_certain = likely.is_some() && polarities.iter().any(|polarity| polarity.is_certain);
        let other = || self.ink(&dark.iter().map(|is_dark| !is_dark).collect::<Vec<_>>());
        let unlikely = if is_certain { None } else { other() };
        likely.into_iter().chain(unlikely).collect()
    }

    /// What is written, if it is dark in these channels and light in the others.
    #[inline(never)]
    fn ink(&self, dark: &[bool]) -> Option<Found> {
        let contrast = Contrast::new(self, dark);
        let noise = contrast.noise(self.is_small());
        let threshold = contrast.threshold(self.is_small())?;
        let clarity = (threshold - noise.level) / noise.deviation.max(1.0);
        let image = contrast.above(threshold, noise, self.frame > 0);
        let ink = Ink {
            image: without_rules(image),
            scale: self.scale,
            frame: self.frame,
            contrast: (2.0 * threshold).min(255.0) as u8,
            is_dark: 2 * dark.iter().filter(|is_dark| **is_dark).count() > dark.len(),
        };
        Some(Found { ink, clarity })
    }

    /// Whether what is rare in its neighbourhood is dark: ink is, and neither shadows nor the edge of a table.
    /// The sign of the skewness of each pixel's difference from the mean around it; where a digit fills its picture and
    /// nothing is rare, the rim tells.
    fn polarity(&self, plane: &[u8]) -> Polarity {
        /// Less skewness says little.
        const EVEN: f64 = 0.7;
        let (width, height) = (self.width, self.height);
        let cell = width.min(height).div_ceil(CELLS);
        let (columns, rows) = (width.div_ceil(cell), height.div_ceil(cell));
        let light = |i: usize| f64::from(plane[i]);
        let step = cell.div_ceil(SAMPLES);
        let pixels = |column: usize, row: usize| {
            let (left, top) = (column * cell, row * cell);
            let across = move || (left..(left + cell).min(width)).step_by(step);
            (top..(top + cell).min(height))
                .step_by(step)
                .flat_map(move |y| across().map(move |x| y * width + x))
        };
        // Sums and counts of all cells above and to the left, for means over rectangles.
        let mut sums = vec![[0.0f64; 2]; (columns + 1) * (rows + 1)];
        let at = |column: usize, row: usize| row * (columns + 1) + column;
        for row in 0..rows {
            for column in 0..columns {
                let (sum, count) =
                    pixels(column, row).fold((0.0, 0.0), |(sum, n), i| (sum + light(i), n + 1.0));
                let [left, above, both] =
                    [at(column, row + 1), at(column + 1, row), at(column, row)].map(|i| sums[i]);
                let own = [sum, count];
                sums[at(column + 1, row + 1)] =
                    std::array::from_fn(|k| own[k] + left[k] + above[k] - both[k]);
            }
        }
        let radius = columns.min(rows).div_ceil(4);
        let (mut second, mut third) = (0.0, 0.0);
        for row in 0..rows {
            for column in 0..columns {
                let (left, right) = (column.saturating_sub(radius), (column + radius + 1).min(columns));
                let (top, bottom) = (row.saturating_sub(radius), (row + radius + 1).min(rows));
                let [a, b, c, d] =
                    [at(right, bottom), at(left, top), at(left, bottom), at(right, top)].map(|i| sums[i]);
                let [sum, count] = std::array::from_fn(|k| a[k] + b[k] - c[k] - d[k]);
                for i in pixels(column, row) {
                    let away = light(i) - sum / count;
                    second += away * away;
                    third += away * away * away;
                }
            }
        }
        let all: f64 = sums[at(columns, rows)][1];
        let skewness = third / all / (second / all).max(1e-9).powf(1.5);
        let is_certain = skewness.abs() >= EVEN;
        Polarity { is_certain, is_dark: if is_certain { skewness < 0.0 } else { self.rim_is_light(plane) } }
    }

    /// Whether the rim is lighter than the mean of the picture.
    fn rim_is_light(&self, plane: &[u8]) -> bool {
        let (width, height) = (self.width, self.height);
        let median = rim_median(plane, width, height);
        let sum: u64 = plane.iter().map(|&value| u64::from(value)).sum();
        f64::from(median) * (width * height) as f64 >= sum as f64
    }
}

/// One channel of a picture.
#[derive(Clone, Copy)]
struct Plane<'a> {
    values: &'a [u8],
    width: usize,
    height: usize,
}

/// A coarse picture of one channel's ground.
struct Ground {
    /// Pixels along each side of a cell.
    cell: usize,
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Ground {
    /// Around dark ink.
    fn of_dark_ink(plane: Plane<'_>) -> Self {
        Ground::new(plane, 0)
    }

    /// Around light ink, which is dark ink in the negative.
    fn of_light_ink(plane: Plane<'_>) -> Self {
        Ground::new(plane, 255)
    }

    /// Around what is dark ink once all bits of `flip` are turned over.
    fn new(plane: Plane<'_>, flip: u8) -> Self {
        let Plane { width, height, .. } = plane;
        let cell = width.min(height).div_ceil(CELLS);
        let (columns, rows) = (width.div_ceil(cell), height.div_ceil(cell));
        let radius = ((columns.min(rows) as f32 * GROUND_RADIUS).round() as usize).max(1);
        let cells: Vec<u8> = (0..rows * columns)
            .map(|i| lighter_half(plane, cell, [i % columns, i / columns], flip))
            .collect();
        let values = closed(&cells, columns, radius).into_iter().map(|value| value ^ flip).collect();
        Ground { cell, width: columns, height: rows, values }
    }

    /// The ground along a row of pixels, between the middles of cells in proportion.
    fn fill_row(&self, y: usize, row: &mut [u8]) {
        let Ground { cell, width, height, ref values } = *self;
        if cell == 1 {
            row.copy_from_slice(&values[y * width..][..row.len()]);
            return;
        }
        let (upper, below) = between(y, cell, height);
        let unit = 2 * cell as u32;
        let cells = |line: usize| values[line * width..][..width].iter().map(|&value| u32::from(value));
        let lower = cells((upper + 1).min(height - 1));
        let line: Vec<u32> = cells(upper).zip(lower).map(|(a, b)| a * (unit - below) + b * below).collect();
        for (x, pixel) in row.iter_mut().enumerate() {
            let (left, right) = between(x, cell, width);
            let sum = line[left] * (unit - right) + line[(left + 1).min(width - 1)] * right;
            *pixel = ((sum + unit * unit / 2) / (unit * unit)) as u8;
        }
    }
}

/// The median of the outermost pixels.
fn rim_median(plane: &[u8], width: usize, height: usize) -> u8 {
    let mut rim: Vec<u8> = (0..width).flat_map(|x| [plane[x], plane[(height - 1) * width + x]]).collect();
    rim.extend((0..height).flat_map(|y| [plane[y * width], plane[y * width + width - 1]]));
    let middle = rim.len() / 2;
    *rim.select_nth_unstable(middle).1
}

/// The cell whose middle lies before a pixel's, and how far the pixel lies behind it, in halves of a pixel.
fn between(pixel: usize, cell: usize, cells: usize) -> (usize, u32) {
    let place = (2 * pixel + 1).saturating_sub(cell);
    let index = (place / (2 * cell)).min(cells - 1);
    (index, (place - index * 2 * cell).min(2 * cell) as u32)
}

/// The mean of a cell's pixels that are lighter than its mean.
fn lighter_half(plane: Plane<'_>, cell: usize, [column, row]: [usize; 2], flip: u8) -> u8 {
    let Plane { values, width, height } = plane;
    let (left, top) = (column * cell, row * cell);
    let (right, bottom) = ((left + cell).min(width), (top + cell).min(height));
    let step = cell.div_ceil(SAMPLES);
    let pixels = (top..bottom)
        .step_by(step)
        .flat_map(|y| values[y * width..][left..right].iter().step_by(step).map(|&v| u32::from(v ^ flip)));
    let (sum, count) = pixels.clone().fold((0, 0), |(sum, count), value| (sum + value, count + 1));
    let upper = pixels.filter(|value| value * count >= sum);
    let (sum, count) = upper.fold((0, 0), |(sum, count), value| (sum + value, count + 1));
    ((sum + count / 2) / count) as u8
}

/// A closing with a square of `2·radius + 1` cells: each cell becomes the lightest within `radius`, then the darkest of these.
/// The outermost cells go on behind the border, as does what a picture's border cuts off.
fn closed(cells: &[u8], columns: usize, radius: usize) -> Vec<u8> {
    let (margin, window) = (2 * radius, 2 * radius + 1);
    let (rows, stride) = (cells.len() / columns, columns + 2 * margin);
    let mut grid = Vec::with_capacity((rows + 2 * margin) * stride);
    for line in 0..rows + 2 * margin {
        let row = &cells[line.saturating_sub(margin).min(rows - 1) * columns..][..columns];
        grid.resize(grid.len() + margin, row[0]);
        grid.extend_from_slice(row);
        grid.resize(grid.len() + margin, row[columns - 1]);
    }
    // A window begins at its cell instead of around it, so both together move everything by the margin, to the left and up.
    // Windows that reach into the next line begin at the right of what is kept.
    for step in [1, stride] {
        grid = gathered(grid, window, step, u8::max);
    }
    for step in [1, stride] {
        grid = gathered(grid, window, step, u8::min);
    }
    grid.chunks(stride).flat_map(|line| &line[..columns]).copied().collect()
}

/// The `pick` of each `window` values that are `step` apart, by their first. Two windows that meet or overlap are one of
/// up to twice the size, so few runs over all values are enough, and each compares many of them at once.
fn gathered(mut values: Vec<u8>, window: usize, step: usize, pick: impl Fn(u8, u8) -> u8) -> Vec<u8> {
    let mut size = 1;
    while size < window {
        let more = size.min(window - size);
        values = values.iter().zip(&values[more * step..]).map(|(&a, &b)| pick(a, b)).collect();
        size += more;
    }
    values
}

/// How far each pixel stands out from its ground.
struct Contrast {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Contrast {
    fn new(planes: &Planes, dark: &[bool]) -> Self {
        /// Grounds darker than this count as if they were as light: noise would be blown up there.
        const DARKEST: u8 = 96;
        let Planes { width, height, ref channels, .. } = *planes;
        let mut values = vec![0u8; width * height];
        let mut ground_row = vec![0; width];
        // 255 / ground in 8.8 bits
        let factors: Vec<u32> = (0..=255).map(|g: u32| 255 * 256 / g.max(u32::from(DARKEST))).collect();
        for (plane, &dark_ink) in channels.iter().zip(dark) {
            let view = Plane { values: plane, width, height };
            let ground = if dark_ink { Ground::of_dark_ink(view) } else { Ground::of_light_ink(view) };
            for (y, (out, row)) in values.chunks_exact_mut(width).zip(plane.chunks_exact(width)).enumerate() {
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
        Contrast { width, height, values }
    }

    /// The contrast halfway up the edges; `None` where nothing stands out.
    fn threshold(&self, is_small: bool) -> Option<f64> {
        /// Less is not ink that a person would see.
        const LEAST: f64 = 12.0;
        const LEAST_IN_SMALL: f64 = 30.0;
        let Contrast { width, ref values, .. } = *self;
        // Of pixels two apart, for edges are seldom sharper; the mean of both, so that a line of one pixel has two edges.
        let pairs = || {
            let below = values.iter().zip(&values[2 * width..]);
            let right = values.chunks_exact(width).flat_map(|row| row.iter().zip(&row[2..]));
            below.chain(right).map(|(&a, &b)| (a.abs_diff(b), u32::from(a) + u32::from(b)))
        };
        let mut histogram = [0u64; 256];
        let mut sums = [0u64; 256];
        for (step, sum) in pairs() {
            histogram[usize::from(step)] += 1;
            sums[usize::from(step)] += u64::from(sum);
        }
        // Steps that noise makes say nothing of edges.
        let noise = if is_small { 0 } else { 3 * quantile(&histogram, 0.5) };
        let (mut energy, mut weighted) = (0.0, 0.0);
        for step in noise + 1..256 {
            let square = (step * step) as f64;
            energy += square * histogram[step] as f64;
            weighted += square * sums[step] as f64 / 2.0;
        }
        let threshold = weighted / energy.max(1.0);
        (threshold > if is_small { LEAST_IN_SMALL } else { LEAST }).then_some(threshold)
    }

    /// What the ground does, which is most of the picture.
    fn noise(&self, is_small: bool) -> Noise {
        if is_small {
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
    fn above(self, threshold: f64, noise: Noise, is_tiny: bool) -> GrayImage {
        let noise = (noise.level + noise.deviation).min(0.8 * threshold);
        let none = if is_tiny { 0.0 } else { noise.max(0.5 * threshold) };
        let full = if is_tiny { 1.5 * threshold } else { 2.0 * threshold - none };
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
struct Noise {
    level: f64,
    deviation: f64,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    /// A picture of which each pixel is a light between 0 and 1, with a ring in the middle that is `ink` times as light.
    fn ring(side: usize, ink: f64, light: impl Fn(f64, f64) -> f64) -> Picture {
        let pixels = (0..side * side).map(|i| {
            let (x, y) = ((i % side) as f64 / side as f64, (i / side) as f64 / side as f64);
            let value = light(x, y) * if is_ring(x, y) { ink } else { 1.0 };
            (value * 255.0) as u8
        });
        Picture::gray(side, side, pixels.collect())
    }

    fn is_ring(x: f64, y: f64) -> bool {
        (0.2..0.25).contains(&((x - 0.5).hypot(y - 0.5)))
    }

    fn first(picture: &Picture) -> Option<Ink> {
        find_inks(picture).into_iter().next()
    }

    /// [`closed`] as its definition says it.
    fn closed_plainly(cells: &[u8], columns: usize, radius: usize) -> Vec<u8> {
        let (columns, rows, radius) = (columns as isize, (cells.len() / columns) as isize, radius as isize);
        let around = |(x, y): (isize, isize)| {
            (y - radius..=y + radius).flat_map(move |y| (x - radius..=x + radius).map(move |x| (x, y)))
        };
        let cell = |(x, y): (isize, isize)| {
            cells[(y.clamp(0, rows - 1) * columns + x.clamp(0, columns - 1)) as usize]
        };
        let lightest = |place| around(place).map(cell).max().unwrap();
        let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
        places.map(|place| around(place).map(lightest).min().unwrap()).collect()
    }

    /// How many pixels are told wrongly.
    fn wrong(found: &Ink) -> usize {
        let side = found.image.width();
        let inside = |i: usize| is_ring((i % side) as f64 / side as f64, (i / side) as f64 / side as f64);
        found.image.pixels().iter().enumerate().filter(|&(i, &ink)| (ink >= 128) != inside(i)).count()
    }

    #[test]
    fn ink_is_found_in_any_light_and_of_either_polarity() {
        let shadow = |x: f64, y: f64| if x + y < 0.9 { 0.35 } else { 0.8 };
        let side_light = |x: f64, _: f64| 0.3 + 0.65 * x;
        for (name, picture, is_dark) in [
            ("even", ring(200, 0.2, |_, _| 0.9), true),
            ("faint", ring(200, 0.8, |_, _| 0.9), true),
            ("shadow", ring(200, 0.3, shadow), true),
            ("from one side", ring(200, 0.3, side_light), true),
            ("chalk", ring(200, 4.0, |_, _| 0.2), false),
        ] {
            let found = first(&picture).expect(name);
            assert_eq!(found.is_dark, is_dark, "{name}");
            assert!(wrong(&found) < 450, "{name}: {} pixels", wrong(&found)); // the ring has 2,827, its edges 1,130
        }
    }

    /// Normal noise with this standard deviation, the mean of so many pixels along each side.
    fn noise(side: usize, deviation: f64, grain: usize, seed: u64) -> Vec<f64> {
        let mut rng = Pcg64::seed_from_u64(seed);
        let fine: Vec<f64> =
            (0..(side + grain) * (side + grain)).map(|_| rng.sample(rand_distr::StandardNormal)).collect();
        let mean = |i: usize| {
            let (x, y) = (i % side, i / side);
            let rows = (y..y + grain).map(|y| fine[y * (side + grain) + x..][..grain].iter().sum::<f64>());
            rows.sum::<f64>() / grain as f64
        };
        (0..side * side).map(|i| deviation * mean(i)).collect()
    }

    fn with_noise(picture: &Picture, noise: &[f64]) -> Picture {
        let side = picture.width();
        let pixels = (0..side * side).map(|i| (f64::from(picture.row(i / side)[i % side]) + noise[i]) as u8);
        Picture::gray(side, side, pixels.collect())
    }

    #[test]
    fn a_line_of_one_pixel_is_ink() {
        for side in [28, 56, 112] {
            let pixels = (0..side * side).map(|i| {
                if i % side == side / 2 && (side / 5..side * 4 / 5).contains(&(i / side)) { 0 } else { 255 }
            });
            let found = first(&Picture::gray(side, side, pixels.collect())).expect("ink");
            assert!(found.is_dark && found.scale < 1.0, "{side}: enlarged by {}", 1.0 / found.scale);
            let width = stroke_width(&found.image);
            assert!((2.0..6.0).contains(&width), "{side}: strokes are {width} wide");
        }
    }

    #[test]
    fn ink_stands_out_of_noise_and_of_the_grain_of_paper() {
        let clean = ring(400, 0.55, |_, _| 0.8);
        for (deviation, grain) in [(3.0, 1), (9.0, 1), (12.0, 1), (18.0, 1), (12.0, 3), (15.0, 5)] {
            let noisy = with_noise(&clean, &noise(400, deviation, grain, 7));
            let found = first(&noisy).unwrap_or_else(|| panic!("noise {deviation}, grain {grain}"));
            let side = found.image.width();
            let wrong = wrong(&found) as f64 / (side * side) as f64;
            assert!(found.is_dark && wrong < 0.035, "noise {deviation}, grain {grain}: {wrong} at {side}");
        }
    }

    #[test]
    fn the_grain_of_paper_is_no_ink() {
        for (deviation, grain, seed) in [(6.0, 1, 1), (12.0, 1, 2), (25.0, 1, 3), (12.0, 3, 4), (25.0, 5, 5)]
        {
            let paper =
                with_noise(&Picture::gray(400, 400, vec![160; 160_000]), &noise(400, deviation, grain, seed));
            assert_eq!(find_inks(&paper), [], "noise {deviation}, grain {grain}");
        }
    }

    #[test]
    fn any_colour_is_ink() {
        for pen in [[255, 220, 0], [250, 120, 120], [90, 200, 255], [130, 255, 130]] {
            let pixels = (0..100 * 100)
                .flat_map(|i| if i % 100 / 10 == 4 && i / 1000 > 1 && i / 1000 < 8 { pen } else { [255; 3] });
            let found = first(&Picture::color(100, 100, pixels.collect())).expect("ink");
            assert!(
                found.is_dark && found.image.row(50)[45] == 255 && found.image.row(50)[70] == 0,
                "{pen:?}"
            );
        }
    }

    #[test]
    fn what_is_thinner_than_a_stroke_once_it_is_shrunk_has_no_ink() {
        for (width, height) in [(4, 4000), (4000, 4), (3, 1601)] {
            let dots = (0..width * height).map(|i| if i % 7 == 0 { 0 } else { 255 }).collect();
            assert_eq!(find_inks(&Picture::gray(width, height, dots)), [], "{width}x{height}");
        }
    }

    #[test]
    fn a_large_picture_is_shrunk() {
        let found = first(&ring(4100, 0.2, |_, _| 0.9)).expect("ink");
        assert_eq!((found.scale, found.image.width()), (3.0, 1366));
    }

    proptest! {
        #[test]
        fn blank_pictures_have_no_ink(
            width in 1..200usize, height in 1..200usize, light in 0..=255u8, noise in 0..6u8, seed in any::<u64>(),
        ) {
            let speck = |i: usize| ((i as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 % (noise + 1);
            let pixels = (0..width * height).map(|i| light.saturating_sub(speck(i))).collect();
            prop_assert_eq!(find_inks(&Picture::gray(width, height, pixels)), []);
        }

        #[test]
        fn a_closing_is_the_darkest_of_the_lightest_around(
            columns in 1..12usize, rows in 1..12usize, radius in 1..7usize, seed in any::<u64>(),
        ) {
            let mut rng = Pcg64::seed_from_u64(seed);
            let cells: Vec<u8> = (0..rows * columns).map(|_| rng.random()).collect();
            prop_assert_eq!(closed(&cells, columns, radius), closed_plainly(&cells, columns, radius));
        }

        #[test]
        fn grey_in_three_channels_is_grey(
            width in 3..120usize, height in 3..120usize, light in 0..=255u8, seed in any::<u64>(),
        ) {
            let mut rng = Pcg64::seed_from_u64(seed);
            let mut gray = vec![light; width * height];
            for _ in 0..8 {
                let (x, y) = (rng.random_range(0..width), rng.random_range(0..height));
                gray[y * width + x..(y + 1) * width].fill(rng.random());
            }
            let color = gray.iter().flat_map(|&value| [value; 3]).collect();
            prop_assert_eq!(
                find_inks(&Picture::color(width, height, color)), find_inks(&Picture::gray(width, height, gray))
            );
        }
    }
}
