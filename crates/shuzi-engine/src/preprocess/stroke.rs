//! Strokes as wide as the network knows them.
//!
//! Thin pencil fades when a digit is made small, thick marker closes its holes. In: a digit's ink of any size. Out: the
//! same with strokes between [`NARROW`] and [`WIDE`] of its longer side, made smaller where that loses nothing.

use crate::image::GrayImage;
use image::Luma;
use imageproc::distance_transform::euclidean_squared_distance_transform;

/// As thin as MNIST's thinnest strokes in a hundred, as a part of the digit's longer side.
pub const NARROW: f32 = 0.085;
/// As wide as MNIST's widest in a hundred.
pub const WIDE: f32 = 0.2;

/// The ink with strokes widened or thinned to what the network knows.
#[inline(never)]
pub fn with_known_strokes(ink: &GrayImage) -> GrayImage {
    /// Small enough to be quick, large enough to lose nothing on the way to 20 pixels.
    const SIDE: usize = 80;
    const STROKE: f32 = 2.0;
    let side = ink.width().max(ink.height());
    let width = stroke_width(ink);
    let factor = (side / SIDE).min((width / STROKE) as usize);
    if factor > 1 {
        return with_known_strokes(&shrunk(ink, factor));
    }
    // Strokes that are so thin would fade in means, and are widened anyway.
    if side >= 4 * SIDE {
        return with_known_strokes(&pooled(ink, side / (2 * SIDE)));
    }
    let wanted = width.clamp(NARROW * side as f32, WIDE * side as f32);
    let radius = (wanted - width) / 2.0;
    if radius > 0.1 {
        widened(ink, radius)
    } else if radius < -0.1 {
        thinned(ink, -radius)
    } else {
        ink.clone()
    }
}

/// The mean width of strokes in pixels: twice the area by the length of its edge, which for soft ink is
/// its total variation.
#[inline(never)]
pub fn stroke_width(ink: &GrayImage) -> f32 {
    let (width, height) = (ink.width(), ink.height());
    let mut edge = 0.0;
    let mut above = vec![0.0f32; width + 2];
    let mut row = vec![0.0f32; width + 2];
    for y in 0..=height {
        if y < height {
            row[1..=width].iter_mut().zip(ink.row(y)).for_each(|(to, &ink)| *to = f32::from(ink));
        } else {
            row.fill(0.0);
        }
        for x in 1..width + 2 {
            edge += (row[x] - row[x - 1]).hypot(row[x] - above[x]);
        }
        std::mem::swap(&mut row, &mut above);
    }
    let area: f32 = ink.pixels().iter().map(|&ink| f32::from(ink)).sum();
    2.0 * area / edge.max(1e-6)
}

/// Each pixel is the mean of `factor` by `factor`; what is cut off at the right and below is filled up with nothing.
fn shrunk(ink: &GrayImage, factor: usize) -> GrayImage {
    let (width, height) = (ink.width().div_ceil(factor), ink.height().div_ceil(factor));
    let mut sums = vec![0u32; width * height];
    for y in 0..ink.height() {
        let line = &mut sums[y / factor * width..][..width];
        for (sum, pixels) in line.iter_mut().zip(ink.row(y).chunks(factor)) {
            *sum += pixels.iter().map(|&ink| u32::from(ink)).sum::<u32>();
        }
    }
    let area = (factor * factor) as u32;
    GrayImage::new(width, height, sums.into_iter().map(|sum| ((sum + area / 2) / area) as u8).collect())
}

/// Each pixel is the most ink of `factor` by `factor`.
fn pooled(ink: &GrayImage, factor: usize) -> GrayImage {
    let (width, height) = (ink.width().div_ceil(factor), ink.height().div_ceil(factor));
    let mut most = vec![0; width * height];
    for y in 0..ink.height() {
        let line = &mut most[y / factor * width..][..width];
        for (most, pixels) in line.iter_mut().zip(ink.row(y).chunks(factor)) {
            *most = pixels.iter().fold(*most, |most, &ink| most.max(ink));
        }
    }
    GrayImage::new(width, height, most)
}

/// Ink also wherever it is nearer than `radius`.
fn widened(ink: &GrayImage, radius: f32) -> GrayImage {
    let (width, height, mut pixels) = with_margin(ink, radius.ceil() as usize);
    let distances = distances(width, height, &pixels, |ink| ink >= 128);
    for (pixel, distance) in pixels.iter_mut().zip(distances) {
        *pixel = (*pixel).max(soft(radius + 1.0 - distance));
    }
    GrayImage::new(width, height, pixels)
}

/// No ink where the ground is nearer than `radius`.
fn thinned(ink: &GrayImage, radius: f32) -> GrayImage {
    let (width, height, mut pixels) = with_margin(ink, 1);
    let distances = distances(width, height, &pixels, |ink| ink < 128);
    for (pixel, distance) in pixels.iter_mut().zip(distances) {
        *pixel = (*pixel).min(soft(distance - radius));
    }
    GrayImage::new(width, height, pixels)
}

/// Columns, rows and pixels with so much empty ground around them.
fn with_margin(ink: &GrayImage, margin: usize) -> (usize, usize, Vec<u8>) {
    let (width, height) = (ink.width() + 2 * margin, ink.height() + 2 * margin);
    let mut pixels = vec![0u8; width * height];
    for y in 0..ink.height() {
        pixels[(y + margin) * width + margin..][..ink.width()].copy_from_slice(ink.row(y));
    }
    (width, height, pixels)
}

fn soft(part: f32) -> u8 {
    (part * 255.0).clamp(0.0, 255.0) as u8
}

/// How far each pixel is from the next one that `counts`.
fn distances(width: usize, height: usize, pixels: &[u8], counts: impl Fn(u8) -> bool) -> Vec<f32> {
    let mask = pixels.iter().map(|&ink| u8::from(counts(ink))).collect();
    let mask = image::ImageBuffer::<Luma<u8>, Vec<u8>>::from_raw(width as u32, height as u32, mask);
    let squares = euclidean_squared_distance_transform(&mask.expect("a byte for each pixel"));
    squares.into_raw().into_iter().map(|square| square.sqrt() as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An upright bar in the middle of a square.
    fn bar(side: usize, width: usize) -> GrayImage {
        let left = (side - width) / 2;
        let pixels =
            (0..side * side).map(|i| if (left..left + width).contains(&(i % side)) { 255 } else { 0 });
        GrayImage::new(side, side, pixels.collect())
    }

    #[test]
    fn the_width_of_a_bar_is_its_width() {
        for width in [2, 5, 9] {
            let found = stroke_width(&bar(200, width));
            assert!((found - width as f32).abs() < 0.06 * width as f32, "{width}: {found}"); // its ends count a little
        }
    }

    #[test]
    fn strokes_come_between_the_bounds() {
        for (side, width) in [(28, 1), (28, 9), (60, 2), (60, 25), (300, 3), (300, 100), (1000, 20)] {
            let found = with_known_strokes(&bar(side, width));
            let part = stroke_width(&found) / found.width().max(found.height()) as f32;
            assert!((0.8 * NARROW..1.25 * WIDE).contains(&part), "{side} {width}: {part}");
        }
    }

    #[test]
    fn known_strokes_stay_as_they_are() {
        let ink = bar(40, 5);
        assert_eq!(with_known_strokes(&ink), ink);
    }
}
