//! The one stretch that training and recognition share: from ink to what the network sees.
//!
//! In: light ink on dark ground, a [`GrayImage`] of any size. Out: a [`DigitImage`], scaled
//! into a 20x20 box and placed by its centre of mass, as the MNIST authors did (LeCun,
//! Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document
//! recognition", section III.A). Whole-number and IEEE arithmetic only: the same bytes on
//! every machine. Never turns, straightens or thickens the ink, and never guesses which of
//! several blots is the digit: that is the work of whoever cut the ink out. What only training
//! does to images is in [`augment`].

pub mod augment;
mod frames;
pub mod ink;
mod rules;
pub mod segment;
pub mod strip;
pub mod stroke;

use crate::image::{DigitImage, GrayImage, PIXELS, SIDE};
use serde::{Deserialize, Serialize};

/// The longer side of a digit inside its [`DigitImage`], in pixels.
pub const BOX_SIDE: usize = 20;

/// Where the centre of mass comes to lie, as a pixel index. The middle of the image is 13.5;
/// MNIST's own digits lie within half a pixel of 14 in both directions, 99 of 100.
const CENTER: usize = SIDE / 2;

/// Brings ink into MNIST's form: its bounding box, scaled so that the longer side has
/// [`BOX_SIDE`] pixels, centred by mass to the nearest whole pixel. `None` when there is no
/// ink, or so little in so wide a box that none is left at this size.
///
/// Every pixel above 0 counts as ink. A digit so lopsided that centring would push it over
/// the border stays at the border, whole.
///
/// ```
/// use shuzi_engine::{image::GrayImage, preprocess::center_digit};
///
/// let mut pixels = vec![0; 100 * 100];
/// pixels[10 * 100 + 5..][..30].fill(255); // a dash near the upper left corner
/// let digit = center_digit(&GrayImage::new(100, 100, pixels)).unwrap();
/// assert_eq!(digit.0[14 * 28 + 4..][..20], [255; 20]);
/// assert!(center_digit(&GrayImage::new(3, 3, vec![0; 9])).is_none());
/// ```
pub fn center_digit(ink: &GrayImage) -> Option<DigitImage> {
    let bounds = Bounds::of_ink(ink)?;
    let longer = bounds.width.max(bounds.height);
    let small = Small {
        width: scaled_side(bounds.width, longer),
        height: scaled_side(bounds.height, longer),
        pixels: [0; BOX_SIDE * BOX_SIDE],
    };
    small.fill_from(ink, &bounds).place_by_mass()
}

/// What a pixel's byte is multiplied by on its way into the network. Background stays 0,
/// which the first layer skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PixelScale {
    /// 1: numbers from 0 to 255, as the tutorial has them.
    Raw,
    /// 1/255: numbers from 0 to 1.
    Unit,
}

impl PixelScale {
    /// The factor.
    pub fn factor(self) -> f32 {
        match self {
            PixelScale::Raw => 1.0,
            PixelScale::Unit => 1.0 / 255.0,
        }
    }
}

/// The smallest rectangle around all ink; never empty.
struct Bounds {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Bounds {
    fn of_ink(ink: &GrayImage) -> Option<Self> {
        let (mut left, mut right) = (ink.width(), 0);
        let (mut top, mut bottom) = (ink.height(), 0);
        for y in 0..ink.height() {
            let row = ink.row(y);
            let Some(first) = row.iter().position(|&p| p > 0) else { continue };
            let last = row.iter().rposition(|&p| p > 0).unwrap_or(first);
            left = left.min(first);
            right = right.max(last);
            top = top.min(y);
            bottom = y;
        }
        (top < ink.height()).then(|| Bounds { left, top, width: right - left + 1, height: bottom - top + 1 })
    }
}

/// `side · 20 / longer`, rounded, at least one pixel: a thin line stays a line.
fn scaled_side(side: usize, longer: usize) -> usize {
    let scaled = (side as f64 * BOX_SIDE as f64 / longer as f64).round() as usize;
    scaled.clamp(1, BOX_SIDE)
}

/// The scaled digit before it has found its place: `width * height` pixels, row by row.
struct Small {
    width: usize,
    height: usize,
    pixels: [u8; BOX_SIDE * BOX_SIDE],
}

impl Small {
    /// Area averaging: each small pixel is the mean of the part of `ink` that it covers, the
    /// pixels at its rim counted by the part covered. Columns first, then rows; enlarging is
    /// the same sum, with less than one pixel covered.
    fn fill_from(mut self, ink: &GrayImage, bounds: &Bounds) -> Self {
        let columns = coverage(bounds.width, self.width);
        let mut sums = [[0.0f32; BOX_SIDE]; BOX_SIDE]; // [row][column]
        let rows = coverage(bounds.height, self.height);
        for (sums, row) in sums.iter_mut().zip(&rows[..self.height]) {
            for (y, row_weight) in row.weights() {
                let line = &ink.row(bounds.top + y)[bounds.left..][..bounds.width];
                for (sum, column) in sums.iter_mut().zip(&columns[..self.width]) {
                    *sum += row_weight * column.weighted_sum(line);
                }
            }
        }
        for (pixels, sums) in self.pixels.chunks_exact_mut(self.width).zip(&sums[..self.height]) {
            for (pixel, sum) in pixels.iter_mut().zip(sums) {
                *pixel = (sum + 0.5) as u8; // saturates
            }
        }
        self
    }

    /// Puts the centre of mass on [`CENTER`], as near as whole pixels and the border allow.
    fn place_by_mass(&self) -> Option<DigitImage> {
        let (mut mass, mut mass_x, mut mass_y) = (0, 0, 0);
        for (y, row) in self.rows().enumerate() {
            for (x, &ink) in row.iter().enumerate() {
                mass += usize::from(ink);
                mass_x += x * usize::from(ink);
                mass_y += y * usize::from(ink);
            }
        }
        if mass == 0 {
            return None;
        }
        let left = offset(mass_x, mass, self.width);
        let top = offset(mass_y, mass, self.height);
        let mut digit = [0; PIXELS];
        for (y, row) in self.rows().enumerate() {
            digit[(top + y) * SIDE + left..][..self.width].copy_from_slice(row);
        }
        Some(DigitImage(digit))
    }

    fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.width).take(self.height)
    }
}

/// Where a side of `length` pixels begins, so that its centre of mass `moment / mass` lies
/// nearest to [`CENTER`] and all of it inside the image.
fn offset(moment: usize, mass: usize, length: usize) -> usize {
    let center = (2 * moment + mass) / (2 * mass); // rounded
    CENTER.saturating_sub(center).min(SIDE - length)
}

/// The stretch of one axis that one small pixel covers.
#[derive(Clone, Copy, Default)]
struct Cover {
    first: usize,
    last: usize,
    first_weight: f32,
    inner_weight: f32,
    last_weight: f32,
}

impl Cover {
    fn weights(&self) -> impl Iterator<Item = (usize, f32)> {
        (self.first..=self.last).map(|i| (i, self.weight(i)))
    }

    fn weight(&self, i: usize) -> f32 {
        if i == self.first {
            self.first_weight
        } else if i == self.last {
            self.last_weight
        } else {
            self.inner_weight
        }
    }

    /// Inner pixels all weigh the same, so that their bytes are summed as integers.
    fn weighted_sum(&self, line: &[u8]) -> f32 {
        let first = f32::from(line[self.first]) * self.first_weight;
        if self.first == self.last {
            return first;
        }
        let inner: u64 = line[self.first + 1..self.last].iter().map(|&p| u64::from(p)).sum();
        first + inner as f32 * self.inner_weight + f32::from(line[self.last]) * self.last_weight
    }
}

/// How `length` pixels share out over `parts` (at most [`BOX_SIDE`]) equal parts: in units of
/// `1 / parts` of a pixel everything is an integer.
fn coverage(length: usize, parts: usize) -> [Cover; BOX_SIDE] {
    let mut covers = [Cover::default(); BOX_SIDE];
    let unit = 1.0 / length as f32;
    for (part, cover) in covers.iter_mut().take(parts).enumerate() {
        let (begin, end) = (part * length, (part + 1) * length);
        let (first, last) = (begin / parts, (end - 1) / parts);
        *cover = Cover {
            first,
            last,
            first_weight: (end.min((first + 1) * parts) - begin) as f32 * unit,
            inner_weight: parts as f32 * unit,
            last_weight: (end - last * parts) as f32 * unit,
        };
    }
    covers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picture(width: usize, height: usize, ink: impl Fn(usize, usize) -> u8) -> GrayImage {
        let pixels = (0..width * height).map(|i| ink(i % width, i / width)).collect();
        GrayImage::new(width, height, pixels)
    }

    fn ink_bounds(digit: &DigitImage) -> Bounds {
        Bounds::of_ink(&GrayImage::new(SIDE, SIDE, digit.0.to_vec())).expect("ink")
    }

    #[test]
    fn no_ink_is_no_digit() {
        for (width, height) in [(0, 0), (0, 5), (1, 1), (40, 30)] {
            assert_eq!(center_digit(&picture(width, height, |_, _| 0)), None, "{width}x{height}");
        }
        let two_specks = picture(2000, 2000, |x, y| u8::from(x == y && x % 1999 == 0));
        assert_eq!(center_digit(&two_specks), None);
    }

    #[test]
    fn ink_of_any_shape_fills_the_box() {
        // (width, height) of a filled rectangle, and of its image
        let cases = [
            ((1, 1), (20, 20)),
            ((20, 20), (20, 20)),
            ((40, 40), (20, 20)),
            ((3, 9), (7, 20)),
            ((1, 1000), (1, 20)),
            ((1000, 1), (20, 1)),
            ((57, 19), (20, 7)),
        ];
        for ((width, height), expected) in cases {
            let ink = picture(width + 7, height + 5, |x, y| if x < width && y < height { 255 } else { 0 });
            let digit = center_digit(&ink).expect("ink");
            let bounds = ink_bounds(&digit);
            assert_eq!((bounds.width, bounds.height), expected, "{width}x{height}");
            assert!(digit.0.iter().all(|&p| p == 0 || p == 255), "{width}x{height}: {digit:?}");
        }
    }

    #[test]
    fn scaling_averages_areas() {
        // Thirty rows of which every second is inked: each small row covers one and a half.
        let stripes = picture(30, 31, |_, y| if y % 2 == 0 { 255 } else { 0 });
        let digit = center_digit(&stripes).expect("ink");
        let ink = ink_bounds(&digit);
        let column: Vec<u8> = (0..20).map(|y| digit.0[(ink.top + y) * SIDE + 14]).collect();
        let part = |y: f64| {
            // of row y that is inked, by hand
            let (from, to) = (y * 1.55, (y + 1.0) * 1.55);
            (0..31)
                .step_by(2)
                .map(|i| (to.min(f64::from(i) + 1.0) - from.max(f64::from(i))).max(0.0))
                .sum::<f64>()
                / 1.55
        };
        for (y, &found) in column.iter().enumerate() {
            let expected = 255.0 * part(y as f64);
            assert!((f64::from(found) - expected).abs() < 0.51, "row {y}: {found}, expected {expected}");
        }
    }

    #[test]
    fn a_digit_of_the_right_size_is_only_moved() {
        let ring = |x: usize, y: usize| if (x % 19) * (y % 19) == 0 { (100 + x + y) as u8 } else { 0 };
        let digit = center_digit(&picture(20, 20, ring)).expect("ink");
        let bounds = ink_bounds(&digit);
        for y in 0..20 {
            for x in 0..20 {
                assert_eq!(digit.0[(bounds.top + y) * SIDE + bounds.left + x], ring(x, y));
            }
        }
    }

    #[test]
    fn a_lopsided_digit_stays_whole() {
        // A black block at the left end of a hair: its mass is far from the middle.
        let ink = picture(60, 20, |x, y| if x < 12 || y == 10 { 255 } else { 0 });
        let bounds = ink_bounds(&center_digit(&ink).expect("ink"));
        assert_eq!((bounds.left, bounds.width), (8, 20));
    }

    proptest! {
        #[test]
        fn every_digit_lies_in_the_box_and_in_the_middle(
            width in 1usize..90, height in 1usize..90, seed in any::<u64>(), density in 1u64..64,
        ) {
            let noise = |x: usize, y: usize| {
                let z = (seed ^ (x * 977 + y) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                if (z >> 32) % 64 < density { (z >> 56) as u8 } else { 0 }
            };
            let ink = picture(width, height, noise);
            let Some(digit) = center_digit(&ink) else {
                let most = ink.pixels().iter().max().copied().unwrap_or(0);
                prop_assert!(most == 0 || ink.pixels().iter().filter(|&&p| p > 0).count() < 10);
                return Ok(());
            };
            let bounds = ink_bounds(&digit);
            prop_assert!(bounds.width <= BOX_SIDE && bounds.height <= BOX_SIDE);
            let mass: usize = digit.0.iter().map(|&p| usize::from(p)).sum();
            for (begin, length, moment) in [
                (bounds.left, bounds.width, (0..PIXELS).map(|i| i % SIDE * usize::from(digit.0[i])).sum::<usize>()),
                (bounds.top, bounds.height, (0..PIXELS).map(|i| i / SIDE * usize::from(digit.0[i])).sum()),
            ] {
                let off = moment as f64 / mass as f64 - CENTER as f64;
                // Or the box touches the border; rows of it that were scaled to nothing are not in `length`.
                let unseen = BOX_SIDE - length;
                prop_assert!(
                    off.abs() <= 0.5 + 1e-9 || begin <= unseen || begin + length >= SIDE - unseen,
                    "off by {off} from {begin}, {length} long"
                );
            }
        }

        #[test]
        fn where_the_ink_lies_on_the_paper_does_not_matter(left in 0usize..50, top in 0usize..50) {
            let hook = |x: usize, y: usize| if x < 3 || y > 20 { (50 + 5 * x + y) as u8 } else { 0 };
            let here = center_digit(&picture(17, 25, hook));
            let there = picture(17 + left + 3, 25 + top, |x, y| {
                if x < left || y < top || x >= left + 17 { 0 } else { hook(x - left, y - top) }
            });
            prop_assert_eq!(here, center_digit(&there));
        }
    }
}
