//! What scanners and cameras make of paper and ink: light, blur, noise, compression, grey levels.

use super::{
    random::{between, blur, chance, mostly_low, noise},
    sheet::{Ground, Plane, Sheet},
};
use crate::Rng;

/// The grey levels of the sheet as a picture has them.
pub(super) fn shoot(sheet: &mut Sheet, is_soft: bool, rng: &mut Rng) -> Vec<u8> {
    let share = sheet.contrast / sheet.white;
    for (paper, ink) in sheet.paper.pixels.iter_mut().zip(&sheet.ink.pixels) {
        *paper *= 1.0 - share * ink;
    }
    let times = match sheet.ground {
        _ if is_soft => 1,
        Ground::Screen => usize::from(chance(rng, 0.15)),
        Ground::Scan | Ground::Security => usize::from(chance(rng, 0.6)),
        Ground::Photo => 1 + usize::from(chance(rng, 0.4)),
    };
    let side = mostly_low(rng, 0.03, 0.33 * sheet.fineness.clamp(0.4, 1.0)); // coarse pictures are blurred enough
    (0..times).for_each(|_| blur(&mut sheet.paper.pixels, sheet.paper.width, side, &mut sheet.row));
    if sheet.ground == Ground::Photo && chance(rng, 0.08) {
        let gain = between(rng, 1.05, 1.5); // highlights are clipped
        sheet.paper.pixels.iter_mut().for_each(|paper| *paper = (*paper * gain).min(255.0));
    }
    if sheet.ground != Ground::Screen {
        add_noise(sheet, rng);
    }
    let compressed = if sheet.ground == Ground::Screen { 0.1 } else { 0.3 };
    if sheet.paper.pixels.len() < 7000 && chance(rng, compressed) {
        let most = (0.02 * sheet.visible).clamp(0.2, 3.0);
        compress(&mut sheet.paper, mostly_low(rng, 0.1, most));
    }
    if sheet.ground == Ground::Scan && sheet.visible > 40.0_f32.max(0.65 * sheet.contrast) && chance(rng, 0.2)
    {
        let threshold = sheet.white - sheet.visible * between(rng, 0.38, 0.6); // black and white
        let level = |paper: f32| if paper < threshold { 0.0 } else { 255.0 };
        sheet.paper.pixels.iter_mut().for_each(|paper| *paper = level(*paper));
    }
    let step = if chance(rng, 0.03) { between(rng, 0.1, 0.35) * sheet.visible } else { 1.0 };
    let step = step.max(1.0);
    let levels = sheet.paper.pixels.iter().map(|paper| {
        let level = (paper.clamp(0.0, 255.0) / step + 0.5) as u8;
        (f32::from(level) * step) as u8
    });
    levels.collect()
}

/// Noise of the sensor, so little that the ink stands out.
fn add_noise(sheet: &mut Sheet, rng: &mut Rng) {
    let most = if sheet.ground == Ground::Photo { 20.0 } else { 10.0 };
    let strength = mostly_low(rng, 0.2, most).min(0.17 * sheet.visible);
    sheet.spare.clear();
    sheet.spare.resize(sheet.paper.pixels.len(), 0.0);
    noise(&mut sheet.spare, rng);
    let pairs = sheet.paper.pixels.iter_mut().zip(&sheet.spare);
    pairs.for_each(|(paper, noise)| *paper += strength * noise);
}

const BLOCK: usize = 8;
type Block = [[f32; BLOCK]; BLOCK];

/// Half cosines of multiples of 1/16 of a half turn; the fourth, which the mean has too, by the square root of 2 less.
const COSINES: [f32; BLOCK] = [
    0.353_553_4,
    0.490_392_63,
    0.461_939_77,
    0.415_734_8,
    0.353_553_4,
    0.277_785_12,
    0.191_341_71,
    0.097_545_16,
];
/// The discrete cosine transform: which of [`COSINES`], and with which sign.
const TRANSFORM: [[i8; BLOCK]; BLOCK] = [
    [4, 4, 4, 4, 4, 4, 4, 4],
    [1, 3, 5, 7, -7, -5, -3, -1],
    [2, 6, -6, -2, -2, -6, 6, 2],
    [3, -7, -1, -5, 5, 1, 7, -3],
    [4, -4, -4, 4, 4, -4, -4, 4],
    [5, -1, 7, 3, -3, -7, 1, -5],
    [6, -2, 2, -6, -6, 2, -2, 6],
    [7, -5, 3, -1, 1, -3, 5, -7],
];
/// How coarsely each frequency is rounded (JPEG, ITU-T T.81, table K.1).
const STEPS: [[u8; BLOCK]; BLOCK] = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
];

/// Rounds the frequencies of each whole block, as JPEG does.
fn compress(plane: &mut Plane, coarseness: f32) {
    let matrix: Block = TRANSFORM
        .map(|row| row.map(|entry| COSINES[usize::from(entry.unsigned_abs())] * f32::from(entry.signum())));
    let width = plane.width;
    for rows in plane.pixels.chunks_exact_mut(BLOCK * width) {
        for left in (0..width / BLOCK).map(|block| block * BLOCK) {
            let block: Block = std::array::from_fn(|y| std::array::from_fn(|x| rows[y * width + left + x]));
            let mut frequencies = transform(&matrix, &block);
            for (row, steps) in frequencies.iter_mut().zip(&STEPS) {
                for (value, &step) in row.iter_mut().zip(steps) {
                    let step = f32::from(step) * coarseness;
                    let rounded = (value.abs() / step + 0.5) as i32 as f32 * step;
                    *value = if *value < 0.0 { -rounded } else { rounded };
                }
            }
            let inverse: Block = std::array::from_fn(|i| std::array::from_fn(|k| matrix[k][i]));
            let block = transform(&inverse, &frequencies);
            for (y, row) in block.iter().enumerate() {
                rows[y * width + left..][..BLOCK].copy_from_slice(row);
            }
        }
    }
}

/// `m * block * mᵀ`.
fn transform(m: &Block, block: &Block) -> Block {
    let mut half = [[0.0; BLOCK]; BLOCK];
    for (half, weights) in half.iter_mut().zip(m) {
        for (row, weight) in block.iter().zip(weights) {
            half.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    let turned: Block = std::array::from_fn(|i| std::array::from_fn(|k| m[k][i]));
    let mut whole = [[0.0; BLOCK]; BLOCK];
    for (whole, values) in whole.iter_mut().zip(&half) {
        for (row, value) in turned.iter().zip(values) {
            whole.iter_mut().zip(row).for_each(|(sum, weight)| *sum += value * weight);
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fine_steps_change_nothing_and_coarse_ones_leave_the_mean() {
        let gray =
            |x: usize, y: usize| (x * 7 + y * 5) as f32 + if (x + y).is_multiple_of(3) { 40.0 } else { 0.0 };
        let mut plane = Plane::new(16, 8);
        plane.pixels = (0..16 * 8).map(|i| gray(i % 16, i / 16)).collect();
        let before = plane.pixels.clone();
        compress(&mut plane, 1e-3);
        for (found, expected) in plane.pixels.iter().zip(&before) {
            assert!((found - expected).abs() < 0.5, "{found}, expected {expected}");
        }
        compress(&mut plane, 8.0);
        assert!(plane.pixels[..8].windows(2).all(|pair| (pair[0] - pair[1]).abs() < 20.0));
        let mean = |pixels: &[f32]| pixels.iter().sum::<f32>() / pixels.len() as f32;
        assert!((mean(&plane.pixels) - mean(&before)).abs() < 9.0);
    }
}
