//! What augmentation changes and what it leaves: against plain forms, and for every range that is accepted.

use super::{affine::CENTER, elastic::ONE, *};
use crate::{Rng, dataset::synthetic};
use proptest::prelude::*;
use rand::SeedableRng;

fn digit(index: u64) -> [u8; PIXELS] {
    synthetic::draw(3, index).0.0
}

fn applied(augmentation: &Augmentation, image: &[u8; PIXELS], seed: u64) -> [u8; PIXELS] {
    let mut out = [7; PIXELS]; // what was there before must not matter
    augmentation.apply(Level::detect(), image, &mut Rng::seed_from_u64(seed), &mut out);
    out
}

fn sampled(
    level: Level,
    image: &[u8; PIXELS],
    map: &AffineMap,
    displacement: Option<&DisplacementField>,
) -> [u8; PIXELS] {
    let (padded, mut out) = (PaddedImage::new(image), [7; PIXELS]);
    level.vectorize(Resample { image: &padded, map, displacement, rows: 0..SIDE, out: &mut out });
    out
}

/// The plain form of [`Resample`]: solves for each pixel's place in double precision, and reads
/// between pixels there.
fn sampled_plainly(
    image: &[u8; PIXELS],
    map: &AffineMap,
    displacement: impl Fn(usize, usize) -> [f64; 2],
) -> [f64; PIXELS] {
    let ink = |x: f64, y: f64| {
        let inside = (0.0..SIDE as f64).contains(&x) && (0.0..SIDE as f64).contains(&y);
        if inside { f64::from(image[y as usize * SIDE + x as usize]) } else { 0.0 }
    };
    std::array::from_fn(|i| {
        let (column, row) = (i % SIDE, i / SIDE);
        let [[a, b], [c, d]] = map.linear;
        let x = column as f64 - CENTER - map.shift[0];
        let y = row as f64 - CENTER - map.shift[1];
        let determinant = a * d - b * c;
        let [moved_x, moved_y] = displacement(column, row);
        let from_x = (d * x - b * y) / determinant + CENTER + moved_x;
        let from_y = (a * y - c * x) / determinant + CENTER + moved_y;
        let (left, top) = (from_x.floor(), from_y.floor());
        let (right_part, lower_part) = (from_x - left, from_y - top);
        let line = |y| ink(left, y) * (1.0 - right_part) + ink(left + 1.0, y) * right_part;
        line(top) * (1.0 - lower_part) + line(top + 1.0) * lower_part
    })
}

/// Places are rounded to 512ths of a pixel, so a slope of 255 a pixel gives half a grey level
/// along each axis; rounding to a byte gives another half.
fn assert_near(found: &[u8; PIXELS], expected: &[f64; PIXELS], what: &str) {
    for (i, (&found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(found) - expected).abs() < 1.6, "{what}, {i}: {found}, expected {expected}");
    }
}

fn center_of_mass(image: &[u8; PIXELS]) -> [f64; 2] {
    let mass: f64 = image.iter().map(|&ink| f64::from(ink)).sum();
    let moment = |place: fn(usize) -> usize| -> f64 {
        image.iter().enumerate().map(|(i, &ink)| place(i) as f64 * f64::from(ink)).sum()
    };
    [moment(|i| i % SIDE) / mass, moment(|i| i / SIDE) / mass]
}

#[test]
fn without_ranges_the_image_stays() {
    for index in 0..20 {
        assert_eq!(applied(&Augmentation::default(), &digit(index), index), digit(index));
        let elastic = Some(Elastic { strength: 0.0, grid: 5 });
        let still = Augmentation { elastic, ..Augmentation::default() };
        assert_eq!(applied(&still, &digit(index), index), digit(index), "the general way round too");
    }
}

#[test]
fn a_shift_moves_the_ink_by_whole_pixels_and_to_the_border_at_most() {
    let image = digit(4);
    let start = center_of_mass(&image);
    let mass = |image: &[u8; PIXELS]| -> u32 { image.iter().map(|&ink| u32::from(ink)).sum() };
    let mut seen = [[false; 5]; 2];
    for seed in 0..200 {
        let moved = applied(&Augmentation { shift: 2.9, ..Augmentation::default() }, &image, seed);
        assert_eq!(mass(&moved), mass(&image));
        for axis in 0..2 {
            let by = center_of_mass(&moved)[axis] - start[axis];
            assert!((by - by.round()).abs() < 1e-9 && by.abs() < 2.1, "{by}");
            seen[axis][(by.round() + 2.0) as usize] = true;
        }
        let far = applied(&Augmentation { shift: MAX_SHIFT, ..Augmentation::default() }, &image, seed);
        assert_eq!(mass(&far), mass(&image));
    }
    assert_eq!(seen, [[true; 5]; 2]);
}

#[test]
fn a_fractional_shift_moves_the_center_of_mass_by_what_it_says() {
    for (index, shift) in [[0.25, -1.5], [2.375, 0.5], [-1.0, 0.0]].into_iter().enumerate() {
        let image = digit(index as u64);
        let map = AffineMap { shift, ..AffineMap::new(0.0, 1.0, 1.0, 0.0) };
        let (from, to) = (center_of_mass(&image), center_of_mass(&sampled(Level::Plain, &image, &map, None)));
        for axis in 0..2 {
            assert!((to[axis] - from[axis] - shift[axis]).abs() < 0.01, "{from:?} {to:?} {shift:?}");
        }
    }
}

#[test]
fn rotation_scale_stretch_and_shear_follow_the_plain_form() {
    for (index, (degrees, scale, stretch, shear, shift)) in [
        (0.0, 1.0, 1.0, 0.0, [0.0, 0.0]),
        (15.0, 1.0, 1.0, 0.0, [0.0, 0.0]),
        (-90.0, 1.0, 1.0, 0.0, [0.0, 0.0]),
        (0.0, 1.15, 1.0, 0.0, [0.0, 0.0]),
        (0.0, 0.8, 1.3, 0.0, [0.0, 0.0]),
        (0.0, 1.0, 1.0, -0.3, [0.0, 0.0]),
        (180.0, 0.9, 0.8, 0.2, [1.3, -2.7]),
        (-12.0, 1.1, 1.1, 1.0, [14.0, 14.0]),
        (77.0, 0.1, 0.1, 1.0, [-14.0, 3.0]),
        (-33.0, 1.9, 1.9, 0.5, [0.3, 9.0]),
    ]
    .into_iter()
    .enumerate()
    {
        let image = digit(index as u64);
        let map = AffineMap { shift, ..AffineMap::new(f64::to_radians(degrees), scale, stretch, shear) };
        let expected = sampled_plainly(&image, &map, |_, _| [0.0; 2]);
        for level in Level::all() {
            assert_near(&sampled(level, &image, &map, None), &expected, &format!("case {index}, {level}"));
        }
    }
}

#[test]
fn a_quarter_turn_and_a_shear_go_where_they_should() {
    let mut dot = [0; PIXELS];
    dot[13 * SIDE + 20] = 255; // to the right of the centre, half a pixel up
    let turned = sampled(Level::Plain, &dot, &AffineMap::new(90f64.to_radians(), 1.0, 1.0, 0.0), None);
    assert_eq!(turned[20 * SIDE + 14], 255, "clockwise, and exact");
    let mut line = [0; PIXELS];
    for y in 0..SIDE {
        line[y * SIDE + 13] = 255;
    }
    let slanted = sampled(Level::Plain, &line, &AffineMap::new(0.0, 1.0, 1.0, 1.0), None);
    // Half a pixel for half a row: the line that was in column 13 passes between two.
    for y in 1..SIDE - 1 {
        assert!(slanted[y * SIDE + y - 1] == 128 && slanted[y * SIDE + y] == 128, "{y}");
    }
}

#[test]
fn displacements_follow_the_b_spline_and_stay_below_its_strength() {
    for (index, grid) in (GRIDS[0]..=GRIDS[1]).enumerate() {
        let image = digit(index as u64);
        let elastic = Elastic { strength: 2.5, grid };
        let displacement = DisplacementField::random(elastic, &mut Rng::seed_from_u64(index as u64));
        // Cox and de Boor's formula on each axis, with the knots as they were drawn.
        let weights = |pixel: usize| -> Vec<f64> {
            let at = (pixel as f64 + 0.5) * (grid - 2) as f64 / SIDE as f64;
            let (first, t) = (at.floor() as usize, at.fract());
            let mut weights = vec![0.0; grid];
            weights[first] = 0.5 * (1.0 - t) * (1.0 - t);
            weights[first + 1] = 0.5 + t - t * t;
            weights[first + 2] = 0.5 * t * t;
            weights
        };
        let expected_at = |x: usize, y: usize| {
            [0, 1].map(|axis| {
                let mut sum = 0.0;
                for (row, row_weight) in weights(y).iter().enumerate() {
                    for (column, weight) in weights(x).iter().enumerate() {
                        sum += row_weight * weight * f64::from(displacement.knots[axis][row][column]) / ONE;
                    }
                }
                sum
            })
        };
        let mut largest = 0.0f64;
        for y in 0..SIDE {
            for axis in 0..2 {
                for (x, found) in displacement.row(axis, y)[..SIDE].iter().enumerate() {
                    let (found, expected) = (f64::from(*found) / ONE, expected_at(x, y)[axis]);
                    // Weights have ten bits, three of them act along each axis.
                    assert!((found - expected).abs() < 2.5 * 6.0 / 1024.0, "{x}, {y}: {found}, {expected}");
                    largest = largest.max(found.abs());
                }
            }
        }
        assert!((0.3..=2.5).contains(&largest), "{largest}");
        let map = AffineMap::new(0.2, 1.1, 0.9, 0.1);
        let rounded = |x: usize, y: usize| [0, 1].map(|axis| f64::from(displacement.row(axis, y)[x]) / ONE);
        let expected = sampled_plainly(&image, &map, rounded);
        for level in Level::all() {
            assert_near(
                &sampled(level, &image, &map, Some(&displacement)),
                &expected,
                &format!("{grid} knots"),
            );
        }
    }
}

#[test]
fn thickness_moves_straight_edges_by_what_it_says() {
    let mut bar = [0; PIXELS];
    for row in bar.chunks_exact_mut(SIDE).skip(8).take(12) {
        row[10..16].fill(255);
    }
    let width = |image: &[u8; PIXELS]| {
        image[14 * SIDE..][..SIDE].iter().map(|&ink| f64::from(ink)).sum::<f64>() / 255.0
    };
    for level in Level::all() {
        for (distance, expected) in [(0.0, 6.0), (0.5, 7.0), (1.0, 8.0), (-0.25, 5.5), (-1.0, 4.0)] {
            let mut thickened = PaddedImage::BLANK;
            level.vectorize(Thicken { image: &PaddedImage::new(&bar), distance, thickened: &mut thickened });
            let ink = thickened.ink().unwrap();
            let mut image = [0; PIXELS];
            thickened.copy_shifted(&ink, [0, 0], &mut image);
            assert!((width(&image) - expected).abs() < 0.01, "{distance}: {}", width(&image));
        }
    }
    let full = [255; PIXELS];
    let thicker = Augmentation { thickness: 1.0, ..Augmentation::default() };
    for seed in 0..20 {
        let changed = applied(&thicker, &full, seed);
        assert!(changed[5 * SIDE + 5] == 255, "only the border fades");
    }
}

#[test]
fn erasing_happens_as_often_as_it_says_and_only_takes_away() {
    let full = [255; PIXELS];
    let erase = Some(Erase { probability: 0.3, size: 5 });
    let erasing = Augmentation { erase, ..Augmentation::default() };
    let mut erased = 0;
    let mut longest = [0; 2];
    for seed in 0..4000 {
        let image = applied(&erasing, &full, seed);
        let Some(first) = image.iter().position(|&ink| ink == 0) else { continue };
        erased += 1;
        let width = image[first..].iter().take_while(|&&ink| ink == 0).count();
        let height = image[first..].iter().step_by(SIDE).take_while(|&&ink| ink == 0).count();
        assert_eq!(image.iter().filter(|&&ink| ink == 0).count(), width * height, "a rectangle");
        longest = [longest[0].max(width), longest[1].max(height)];
    }
    // Four standard deviations.
    assert!((1084..=1316).contains(&erased), "{erased}");
    assert_eq!(longest, [5, 5]);
}

#[test]
fn ink_that_is_moved_stays_in_the_image() {
    let ranges = Augmentation {
        shift: MAX_SHIFT,
        rotation: MAX_ROTATION,
        scale: MAX_SCALE,
        stretch: MAX_SCALE,
        shear: MAX_SHEAR,
        ..Augmentation::default()
    };
    let mut rng = Rng::seed_from_u64(5);
    for index in 0..500 {
        let image = digit(index);
        let ink = PaddedImage::new(&image).ink().unwrap();
        let mut draw = |range| f64::from(within(range, &mut rng));
        let angle = draw(ranges.rotation).to_radians();
        let [scale, stretch] = [1.0 + draw(ranges.scale), 1.0 + draw(ranges.stretch)];
        let mut map = AffineMap::new(angle, scale, stretch, draw(ranges.shear));
        map.fit(&ink, [draw(ranges.shift), draw(ranges.shift)]);
        for i in (0..PIXELS).filter(|&i| image[i] > 0) {
            let from = [(i % SIDE) as f64 - CENTER, (i / SIDE) as f64 - CENTER];
            for ([a, b], shift) in map.linear.into_iter().zip(map.shift) {
                let to = a * from[0] + b * from[1] + shift;
                assert!(to.abs() <= 14.0, "{to}: {image:?}");
            }
        }
        let whole = sampled(Level::Plain, &image, &map, None);
        let mut rows_only = [0; PIXELS];
        let rows = map.rows(&ink, 0.0);
        Level::Plain.vectorize(Resample {
            image: &PaddedImage::new(&image),
            map: &map,
            displacement: None,
            rows,
            out: &mut rows_only,
        });
        assert_eq!(whole, rows_only, "rows that are skipped are blank");
    }
}

#[test]
fn images_without_ink_stay_blank() {
    let everything = Augmentation {
        shift: 3.0,
        rotation: 10.0,
        thickness: 1.0,
        elastic: Some(Elastic { strength: 2.0, grid: 4 }),
        ..Augmentation::default()
    };
    assert_eq!(applied(&everything, &[0; PIXELS], 1), [0; PIXELS]);
}

fn up_to(most: f32) -> impl Strategy<Value = f32> {
    prop_oneof![Just(0.0), Just(most), 0.0..=most]
}

prop_compose! {
    fn any_augmentation()(
        shift in up_to(MAX_SHIFT), rotation in up_to(MAX_ROTATION), scale in up_to(MAX_SCALE),
        stretch in up_to(MAX_SCALE), shear in up_to(MAX_SHEAR), thickness in up_to(MAX_THICKNESS),
        elastic in proptest::option::of((up_to(MAX_SHIFT), GRIDS[0]..=GRIDS[1])),
        erase in proptest::option::of((up_to(1.0), 1..=SIDE)), degradation in up_to(1.0),
    ) -> Augmentation {
        let elastic = elastic.map(|(strength, grid)| Elastic { strength, grid });
        let erase = erase.map(|(probability, size)| Erase { probability, size });
        Augmentation { shift, rotation, scale, stretch, shear, thickness, elastic, erase, degradation }
    }
}

proptest! {
    #[test]
    fn every_accepted_range_works_and_gives_the_same_bytes_at_every_level(
        augmentation in any_augmentation(), seed in any::<u64>(), index in 0u64..1000, full in any::<bool>(),
    ) {
        let image = if full { [255; PIXELS] } else { digit(index) };
        let mut outs = Level::all().into_iter().map(|level| {
            let mut out = [7; PIXELS];
            augmentation.apply(level, &image, &mut Rng::seed_from_u64(seed), &mut out);
            out
        });
        let plain = outs.next().unwrap();
        prop_assert!(outs.all(|out| out == plain));
    }
}
