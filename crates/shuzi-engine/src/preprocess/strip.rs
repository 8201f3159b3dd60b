//! A line of writing as the line reader sees it: 32 rows, contrast normalised.
//!
//! In: a grey crop of any size. Out: a [`Strip`]. Training and recognition share this. Whole-number and IEEE arithmetic
//! only: the same bytes on every machine. Never looks for ink and never changes polarity.

/// Rows of every strip.
pub const STRIP_HEIGHT: usize = 32;

/// The byte of the background.
const BACKGROUND: f32 = 128.0;
/// Standard deviations from the background at which bytes are cut off.
const MOST_DEVIATIONS: f32 = 4.0;
/// Bytes for one standard deviation.
const BYTES_PER_DEVIATION: f32 = 30.0;
/// Below this the standard deviation, in grey levels, is noise.
const LEAST_DEVIATION: f32 = 4.0;
/// Parts of a grey level that scaled pixels are rounded to.
const LEVEL_PARTS: usize = 16;

/// A line of writing in the form that the line reader sees: [`STRIP_HEIGHT`] rows of `width` bytes, row by row; 128 is the background,
/// more is ink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// Columns.
    pub width: usize,
    /// `STRIP_HEIGHT * width` bytes, row by row.
    pub pixels: Vec<u8>,
}

/// Brings a grey crop (0 black to 255 white, `height` rows of `width`) to strip height and normalises its contrast.
///
/// Keeps the aspect ratio. Averages areas where it shrinks, and uses Catmull-Rom splines where it grows. With m the median
/// and s the standard deviation of the scaled pixels (s at least 4), a byte is `128 + 60 * clamp((m - x) / s, -4, 4) / 2`,
/// cut off at 0 and 255.
///
/// # Panics
///
/// If there is no pixel, or not `width * height` of them.
pub fn strip(gray: &[u8], width: usize, height: usize) -> Strip {
    assert!(width > 0 && height > 0, "strip: a crop without pixels");
    let (wide, high) = (width as u64, height as u64);
    let columns = (2 * wide * STRIP_HEIGHT as u64 + high) / (2 * high); // rounded
    strip_of_width(gray, width, height, columns.max(1) as usize)
}

/// [`strip`] with `columns` columns, whatever the aspect ratio.
///
/// # Panics
///
/// As [`strip`], and without columns.
pub fn strip_of_width(gray: &[u8], width: usize, height: usize, columns: usize) -> Strip {
    assert!(gray.len() == width * height && !gray.is_empty() && columns > 0, "strip: its size");
    let levels = scaled(gray, width, height, columns);
    let (median, deviation) = statistics(&levels);
    let factor = BYTES_PER_DEVIATION / deviation;
    let most = MOST_DEVIATIONS * BYTES_PER_DEVIATION;
    let byte = |&level: &u16| {
        let ink = (f32::from(median) - f32::from(level)) * (1.0 / LEVEL_PARTS as f32);
        (BACKGROUND + (ink * factor).clamp(-most, most) + 0.5) as u8
    };
    Strip { width: columns, pixels: levels.iter().map(byte).collect() }
}

/// The crop at strip height, in parts of grey levels.
fn scaled(gray: &[u8], width: usize, height: usize, columns: usize) -> Vec<u16> {
    let (down, across) = (Taps::new(height, STRIP_HEIGHT), Taps::new(width, columns));
    let mut levels = Vec::with_capacity(columns * STRIP_HEIGHT);
    let mut sums = vec![0.0f32; width];
    for row in 0..STRIP_HEIGHT {
        sums.fill(0.0);
        let (first, weights) = down.of(row);
        for (line, &weight) in gray[first * width..].chunks_exact(width).zip(weights) {
            for (sum, &pixel) in sums.iter_mut().zip(line) {
                *sum += weight * f32::from(pixel);
            }
        }
        levels.extend((0..columns).map(|column| {
            let (first, weights) = across.of(column);
            let pairs = sums[first..].iter().zip(weights);
            let level = pairs.fold(0.0, |sum, (value, weight)| sum + value * weight);
            (level.clamp(0.0, 255.0) * LEVEL_PARTS as f32 + 0.5) as u16
        }));
    }
    levels
}

/// Which pixels of a side each scaled pixel is made of, and with which weights.
struct Taps {
    firsts: Vec<usize>,
    /// As many for each scaled pixel; zeros where it needs fewer.
    weights: Vec<f32>,
    each: usize,
}

impl Taps {
    fn new(length: usize, parts: usize) -> Self {
        if length > parts { Taps::areas(length, parts) } else { Taps::splines(length, parts) }
    }

    /// The means of `parts` equal areas. In units of `1 / parts` of a pixel everything is an integer.
    fn areas(length: usize, parts: usize) -> Self {
        let each = (length.div_ceil(parts) + 1).min(length);
        let (mut firsts, mut weights) = (Vec::with_capacity(parts), Vec::with_capacity(parts * each));
        for part in 0..parts {
            let (begin, end) = (part * length, (part + 1) * length);
            let first = (begin / parts).min(length - each);
            firsts.push(first);
            weights.extend((first..first + each).map(|pixel| {
                let covered = end.min((pixel + 1) * parts).saturating_sub(begin.max(pixel * parts));
                covered as f32 / length as f32
            }));
        }
        Taps { firsts, weights, each }
    }

    /// Catmull-Rom splines (Catmull and Rom 1974), the border repeated.
    fn splines(length: usize, parts: usize) -> Self {
        let each = 4.min(length);
        let (mut firsts, mut weights) = (Vec::with_capacity(parts), vec![0.0; parts * each]);
        for (part, weights) in weights.chunks_exact_mut(each).enumerate() {
            let place = (part as f32 + 0.5) * length as f32 / parts as f32 - 0.5;
            let (second, t) = (place.floor(), place - place.floor());
            let tap = |number: usize| {
                (second as isize - 1 + number as isize).clamp(0, length as isize - 1) as usize
            };
            let first = tap(0).min(length - each);
            for (number, weight) in catmull_rom(t).into_iter().enumerate() {
                weights[tap(number) - first] += weight;
            }
            firsts.push(first);
        }
        Taps { firsts, weights, each }
    }

    fn of(&self, part: usize) -> (usize, &[f32]) {
        (self.firsts[part], &self.weights[part * self.each..][..self.each])
    }
}

/// The weights of four neighbours for a place at `t` between the second and the third.
fn catmull_rom(t: f32) -> [f32; 4] {
    [
        0.5 * t * (-1.0 + t * (2.0 - t)),
        0.5 * (2.0 + t * t * (-5.0 + 3.0 * t)),
        0.5 * t * (1.0 + t * (4.0 - 3.0 * t)),
        0.5 * t * t * (t - 1.0),
    ]
}

/// Median, in parts of grey levels, and standard deviation, in grey levels.
fn statistics(levels: &[u16]) -> (u16, f32) {
    let mut counts = vec![0u32; 255 * LEVEL_PARTS + 1];
    let (mut sum, mut squares) = (0u64, 0u64);
    for &level in levels {
        counts[usize::from(level)] += 1;
        sum += u64::from(level);
        squares += u64::from(level) * u64::from(level);
    }
    let mut left = levels.len() as u32 / 2;
    let median = counts.iter().position(|&count| {
        let found = count > left;
        left = left.saturating_sub(count);
        found
    });
    let n = levels.len() as f64;
    let mean = sum as f64 / n;
    let deviation = (squares as f64 / n - mean * mean).max(0.0).sqrt() as f32 / LEVEL_PARTS as f32;
    (median.expect("there are pixels") as u16, deviation.max(LEAST_DEVIATION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_crop_is_background() {
        for (width, height, columns) in [(1, 1, 32), (64, 32, 64), (100, 50, 64), (3, 300, 1), (10, 31, 10)] {
            let strip = strip(&vec![77; width * height], width, height);
            assert_eq!(strip.width, columns, "{width}x{height}");
            assert_eq!(strip.pixels, vec![128; columns * STRIP_HEIGHT]);
        }
    }

    #[test]
    fn bytes_follow_the_formula() {
        // A quarter of the columns is ink of grey 100 on paper of 200: the deviation is 100 * sqrt(3/16).
        let gray: Vec<u8> = (0..32 * 32).map(|i| if i % 4 == 1 { 100 } else { 200 }).collect();
        let ink = (128.0 + 30.0 * 100.0 / (100.0 * (3.0f64 / 16.0).sqrt())).round() as u8;
        let expected: Vec<u8> = (0..32 * 32).map(|i| if i % 4 == 1 { ink } else { 128 }).collect();
        assert_eq!(strip(&gray, 32, 32).pixels, expected);
    }

    #[test]
    fn faint_noise_is_not_enlarged() {
        let gray: Vec<u8> = (0..32 * 32).map(|i| 200 - (i % 5 == 0) as u8).collect();
        let most = strip(&gray, 32, 32).pixels.into_iter().max().unwrap();
        assert_eq!(most, 136); // 30 bytes times a level by the least deviation, 4 levels
    }

    #[test]
    fn one_spot_is_cut_off_at_four_deviations() {
        let mut gray = vec![250; 32 * 32];
        gray[500] = 0;
        assert_eq!(strip(&gray, 32, 32).pixels[500], 248);
        let inverse: Vec<u8> = gray.iter().map(|x| 255 - x).collect();
        assert_eq!(strip(&inverse, 32, 32).pixels[500], 8);
    }

    #[test]
    fn shrinking_averages_and_growing_interpolates() {
        let fine: Vec<u8> = (0..64 * 64).map(|i| if i / 64 % 2 == 0 { 40 } else { 60 }).collect();
        assert!(strip(&fine, 64, 64).pixels.iter().all(|&byte| byte == 128));
        for length in [1, 2, 3, 5, 31, 32, 33, 500] {
            let taps = Taps::new(length, STRIP_HEIGHT);
            for part in 0..STRIP_HEIGHT {
                let (first, weights) = taps.of(part);
                let (sum, place) =
                    weights.iter().enumerate().fold((0.0, 0.0), |(sum, place), (number, weight)| {
                        (sum + weight, place + weight * ((first + number) as f32 + 0.5))
                    });
                assert!((sum - 1.0).abs() < 1e-5, "{length} {part}");
                let middle = (part as f32 + 0.5) * length as f32 / 32.0;
                let at_border = length <= 32 && (middle < 2.0 || middle > length as f32 - 2.0);
                let near = if length <= 32 { 1e-3 } else { 0.3 }; // parts of pixels count at their middles
                assert!(at_border || (place - middle).abs() < near, "{length} {part}: {place} {middle}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "its size")]
    fn a_crop_of_another_size_is_a_mistake() {
        strip(&[0; 5], 2, 3);
    }
}
