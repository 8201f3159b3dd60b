//! Ink in any light, colour and size, and none where nothing is written.

use super::{ground::closed, *};
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
    let cell =
        |(x, y): (isize, isize)| cells[(y.clamp(0, rows - 1) * columns + x.clamp(0, columns - 1)) as usize];
    let lightest = |place| around(place).map(cell).max().unwrap();
    let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
    places.map(|place| around(place).map(lightest).min().unwrap()).collect()
}

/// How many pixels are classified wrongly.
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
    for (deviation, grain, seed) in [(6.0, 1, 1), (12.0, 1, 2), (25.0, 1, 3), (12.0, 3, 4), (25.0, 5, 5)] {
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
        assert!(found.is_dark && found.image.row(50)[45] == 255 && found.image.row(50)[70] == 0, "{pen:?}");
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
