//! Degrades an image as paper and camera do: a line across it, dark margins, grey paper, blur, specks.
//!
//! In: an image, how likely each of the five is. Out: the image, degraded by some of them or by none, in the order
//! in which they come about; its label stays. A network that trains on such images is robust to what it never met, as
//! well (see `evaluation::robustness`, which nothing here is made after). Integers and IEEE
//! arithmetic: the same bytes on every machine.

use super::{
    Elastic,
    elastic::{DisplacementField, ONE},
};
use crate::{
    Rng,
    image::{PIXELS, SIDE},
};
use rand::{Rng as _, RngExt};

/// The widest margin, in pixels.
const MARGIN: usize = 8;
/// How grey paper is at most on the mean (full ink is 1), and how much of the contrast goes at most.
const GREY: f32 = 0.6;
const FADING: f32 = 0.75;
/// How often an image is blurred at most, by half a pixel's variance each time.
const BLURS: usize = 6;
/// How many of 256 pixels become specks at most.
const SPECKS: u8 = 64;

/// Each of the five happens with this probability.
pub(super) fn degrade(probability: f32, rng: &mut Rng, image: &mut [u8; PIXELS]) {
    for way in [line, margins, ground, blur, specks] {
        if rng.random::<f32>() < probability {
            way(rng, image);
        }
    }
}

/// A straight line from one side to the opposite one, whole or broken, 1 to 3 pixels wide, of any grey.
fn line(rng: &mut Rng, image: &mut [u8; PIXELS]) {
    let [start, end] = [0, 1].map(|_| rng.random_range(0.0..SIDE as f32));
    let half_width = rng.random_range(0.5..1.5f32);
    let grey = rng.random_range(64.0..256.0f32);
    let period = rng.random_range(2..=8usize);
    let (broken, upright) = (rng.random::<bool>(), rng.random::<bool>());
    let slope = (end - start) / (SIDE - 1) as f32;
    let across = 1.0 / (1.0 + slope * slope).sqrt();
    for along in (0..SIDE).filter(|along| !broken || along % period < period.div_ceil(2)) {
        let middle = start + slope * along as f32;
        for aside in 0..SIDE {
            let distance = (aside as f32 - middle).abs() * across;
            let ink = grey * (half_width + 0.5 - distance).clamp(0.0, 1.0);
            let pixel = if upright { aside + SIDE * along } else { along + SIDE * aside };
            image[pixel] = image[pixel].max(ink as u8);
        }
    }
}

/// Along each side, with even chance, a band of one grey, in which ink is as light as the paper was.
fn margins(rng: &mut Rng, image: &mut [u8; PIXELS]) {
    for side in 0..4 {
        let (is_there, grey) = (rng.random::<bool>(), rng.random::<u8>());
        let width = rng.random_range(1..=MARGIN);
        if !is_there {
            continue;
        }
        for pixel in 0..PIXELS {
            let [x, y] = [pixel % SIDE, pixel / SIDE];
            if [x, SIDE - 1 - x, y, SIDE - 1 - y][side] < width {
                image[pixel] = grey.saturating_sub(image[pixel]);
            }
        }
    }
}

/// Paper of a grey that changes smoothly, on which ink has less contrast.
fn ground(rng: &mut Rng, image: &mut [u8; PIXELS]) {
    let contrast = 1.0 - FADING * rng.random::<f32>();
    let grey = GREY * rng.random::<f32>();
    let waves = DisplacementField::random(Elastic { strength: grey / 2.0, grid: 5 }, rng);
    for (y, row) in image.chunks_exact_mut(SIDE).enumerate() {
        for (pixel, wave) in row.iter_mut().zip(waves.row(0, y)) {
            let paper = grey + (f64::from(wave) / ONE) as f32;
            *pixel = (255.0 * paper + contrast * f32::from(*pixel)) as u8; // what is too much is cut off
        }
    }
}

/// Smeared along one direction, or evenly in two.
fn blur(rng: &mut Rng, image: &mut [u8; PIXELS]) {
    /// To the next pixel: to the right, down, down to the right, down to the left.
    const STEPS: [[usize; 2]; 4] = [[1, 0], [0, 1], [1, 1], [SIDE - 1, 1]];
    let times = rng.random_range(1..=BLURS);
    let first = rng.random_range(0..STEPS.len());
    let second = if rng.random() { first } else { first ^ 1 };
    for time in 0..times {
        let [right, down] = STEPS[if time % 2 == 0 { first } else { second }];
        let before = *image;
        // Beyond the border lies the opposite side: as good as any other paper.
        for pixel in 0..PIXELS {
            let [x, y] = [pixel % SIDE, pixel / SIDE];
            let ahead = (x + right) % SIDE + (y + down) % SIDE * SIDE;
            let behind = (x + SIDE - right) % SIDE + (y + SIDE - down) % SIDE * SIDE;
            let [ahead, here, behind] = [ahead, pixel, behind].map(|place| u16::from(before[place]));
            image[pixel] = ((ahead + 2 * here + behind + 2) / 4) as u8;
        }
    }
}

/// Some pixels become any grey, as dark as they like.
fn specks(rng: &mut Rng, image: &mut [u8; PIXELS]) {
    let share = rng.random_range(1..=SPECKS);
    let mut drawn = [[0; PIXELS]; 2];
    drawn.iter_mut().for_each(|bytes| rng.fill_bytes(bytes));
    for ((pixel, chance), grey) in image.iter_mut().zip(drawn[0]).zip(drawn[1]) {
        if chance < share {
            *pixel = grey;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::synthetic;
    use rand::SeedableRng;

    /// A digit before and after, for many seeds.
    fn changed(way: fn(&mut Rng, &mut [u8; PIXELS])) -> impl Iterator<Item = ([u8; PIXELS], [u8; PIXELS])> {
        (0..300).map(move |seed| {
            let before = synthetic::draw(3, seed).0.0;
            let mut after = before;
            way(&mut Rng::seed_from_u64(seed), &mut after);
            (before, after)
        })
    }

    fn differing(before: &[u8; PIXELS], after: &[u8; PIXELS]) -> usize {
        before.iter().zip(after).filter(|(before, after)| before != after).count()
    }

    #[test]
    fn a_line_only_adds_ink_and_goes_from_side_to_side() {
        for seed in 0..300 {
            let mut image = [0; PIXELS];
            line(&mut Rng::seed_from_u64(seed), &mut image);
            let columns = (0..SIDE).filter(|x| (0..SIDE).any(|y| image[y * SIDE + x] > 0)).count();
            let rows = image.chunks_exact(SIDE).filter(|row| row.iter().any(|&ink| ink > 0)).count();
            let inked = image.iter().filter(|&&ink| ink > 0).count();
            assert!(
                columns.max(rows) >= SIDE / 2,
                "half of it at least where it is broken: {columns}, {rows}"
            );
            assert!((SIDE / 2..=6 * SIDE).contains(&inked), "{inked}");
        }
        for (before, after) in changed(line) {
            assert!(before.iter().zip(&after).all(|(before, after)| before <= after));
        }
    }

    #[test]
    fn margins_leave_the_middle_alone() {
        let (mut there, mut widest) = (0, 0);
        for (before, after) in changed(margins) {
            for pixel in (0..PIXELS).filter(|&pixel| before[pixel] != after[pixel]) {
                let [x, y] = [pixel % SIDE, pixel / SIDE];
                let deep = x.min(SIDE - 1 - x).min(y).min(SIDE - 1 - y);
                assert!(deep < MARGIN, "{x}, {y}");
                widest = widest.max(deep + 1);
            }
            there += usize::from(before != after);
        }
        assert_eq!(widest, MARGIN);
        assert!((250..300).contains(&there), "none in one of sixteen: {there}");
    }

    #[test]
    fn ground_is_smooth_and_never_as_dark_as_ink() {
        let mut darkest = 0;
        for seed in 0..300 {
            let mut image = [0; PIXELS];
            ground(&mut Rng::seed_from_u64(seed), &mut image);
            for row in image.chunks_exact(SIDE) {
                assert!(row.windows(2).all(|two| two[0].abs_diff(two[1]) < 32), "{row:?}");
            }
            darkest = darkest.max(*image.iter().max().unwrap());
        }
        assert!((128..=230).contains(&darkest), "{darkest}");
    }

    #[test]
    fn blur_moves_ink_and_makes_none() {
        for (before, after) in changed(blur) {
            let sum = |image: &[u8; PIXELS]| image.iter().map(|&ink| i32::from(ink)).sum::<i32>();
            let rounding = (BLURS * PIXELS / 2) as i32;
            assert!((sum(&before) - sum(&after)).abs() < rounding && differing(&before, &after) > 50);
            assert!(after.iter().max() <= before.iter().max());
        }
    }

    #[test]
    fn specks_are_a_quarter_at_most_and_of_every_grey() {
        let (mut most, mut greys) = (0, [false; 256]);
        for seed in 0..300 {
            let mut image = [0; PIXELS];
            specks(&mut Rng::seed_from_u64(seed), &mut image);
            most = most.max(differing(&[0; PIXELS], &image));
            image.iter().for_each(|&grey| greys[usize::from(grey)] = true);
        }
        assert!((PIXELS / 5..PIXELS / 3).contains(&most), "{most}");
        assert_eq!(greys, [true; 256]);
    }

    #[test]
    fn each_of_the_five_happens_as_often_as_it_says() {
        // Ink on every pixel, so that each way is seen.
        let untouched = (0..4000).filter(|&seed| {
            let mut image = [10; PIXELS];
            degrade(0.2, &mut Rng::seed_from_u64(seed), &mut image);
            image == [10; PIXELS]
        });
        // 0.8^5 is 1,311 of 4,000; blur leaves an even grey, and one in sixteen has no margin.
        let expected = 4000.0 * 0.8f64.powi(3) * (0.8 + 0.2 / 16.0);
        let found = untouched.count() as f64;
        assert!((found - expected).abs() < 4.0 * 32.0, "{found}, expected {expected}"); // four standard deviations
    }
}
