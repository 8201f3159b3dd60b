use super::*;
use crate::{
    dataset::synthetic, evaluation::evaluate, image::SIDE, recipe::Recipe, training::initial_network,
};

fn digit(index: u64) -> [u8; PIXELS] {
    synthetic::draw(3, index).0.0
}

fn corrupted(condition: Condition, image: &[u8; PIXELS], index: usize) -> [u8; PIXELS] {
    let mut out = [7; PIXELS]; // what was there before must not matter
    condition.apply(Level::detect(), image, 5, index, &mut out);
    out
}

fn mean_ink(image: &[u8; PIXELS]) -> f64 {
    image.iter().map(|&ink| f64::from(ink)).sum::<f64>() / (255.0 * PIXELS as f64)
}

/// The image moved by whole pixels, what leaves it lost.
fn moved(image: &[u8; PIXELS], right: isize, down: isize) -> [u8; PIXELS] {
    std::array::from_fn(|i| {
        let from = |place: usize, by: isize| place.checked_add_signed(-by).filter(|&from| from < SIDE);
        match (from(i % SIDE, right), from(i / SIDE, down)) {
            (Some(x), Some(y)) => image[y * SIDE + x],
            _ => 0,
        }
    })
}

#[test]
fn names_are_in_kebab_case_and_each_its_own() {
    let mut names: Vec<_> = Corruption::ALL.iter().map(|corruption| corruption.name()).collect();
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 15);
    for (place, corruption) in Corruption::ALL.into_iter().enumerate() {
        assert_eq!(corruption as usize, place);
    }
    for (place, sweep) in Sweep::ALL.into_iter().enumerate() {
        assert_eq!(sweep as usize, place);
        assert!(sweep.amounts().contains(&sweep.identity()) && sweep.amounts().is_sorted());
    }
}

#[test]
fn every_corruption_changes_images_and_the_same_seed_changes_them_alike() {
    for condition in Condition::all().into_iter().skip(1) {
        for index in 0..20 {
            let image = digit(index as u64);
            let out = corrupted(condition, &image, index);
            assert_eq!(out, corrupted(condition, &image, index), "{condition:?}");
            assert_ne!(out, image, "{condition:?}, {index}");
            for level in Level::all() {
                let mut same = [9; PIXELS];
                condition.apply(level, &image, 5, index, &mut same);
                assert_eq!(out, same, "{condition:?}, {level}");
            }
        }
    }
    let by_chance = [
        Corruption::ShotNoise,
        Corruption::ImpulseNoise,
        Corruption::GlassBlur,
        Corruption::MotionBlur,
        Corruption::Fog,
        Corruption::Spatter,
        Corruption::DottedLine,
        Corruption::Zigzag,
    ];
    for condition in by_chance.map(Condition::Corruption) {
        assert_ne!(
            corrupted(condition, &digit(0), 0),
            corrupted(condition, &digit(0), 1),
            "{condition:?}: another image's generator"
        );
    }
}

#[test]
fn the_digit_stays_to_be_seen() {
    for corruption in Corruption::ALL {
        // Half of the ink more or less, but for what darkens or inverts the ground.
        let (mut before, mut after, mut spread) = (0.0, 0.0, 0.0);
        for index in 0..50 {
            let image = digit(index as u64);
            let out = corrupted(Condition::Corruption(corruption), &image, index);
            let mean = mean_ink(&out);
            let variance =
                out.iter().map(|&ink| (f64::from(ink) / 255.0 - mean).powi(2)).sum::<f64>() / PIXELS as f64;
            (before, after) = (before + mean_ink(&image) / 50.0, after + mean / 50.0);
            spread += variance.sqrt() / 50.0;
        }
        let bounds = match corruption {
            Corruption::Brightness | Corruption::Stripe => before + 0.3..before + 0.5,
            Corruption::Fog => 0.1..0.75,
            _ => before * 0.35..before * 2.0,
        };
        assert!(bounds.contains(&after), "{corruption:?}: {before:.3} became {after:.3}, {bounds:?}");
        assert!(spread > 0.06, "{corruption:?} is flat: {spread:.3}");
    }
}

#[test]
fn each_sweep_begins_with_the_image_as_it_is() {
    for sweep in Sweep::ALL {
        for index in 0..20 {
            let image = digit(index as u64);
            assert_eq!(
                corrupted(Condition::Sweep(sweep, sweep.identity()), &image, index),
                image,
                "{sweep:?}"
            );
        }
    }
    assert_eq!(corrupted(Condition::Clean, &digit(1), 1), digit(1));
}

#[test]
fn a_shift_moves_pixels_one_of_four_ways_and_further_the_same_way() {
    let ways = [(-1, 0), (1, 0), (0, -1), (0, 1)];
    let mut seen = [false; 4];
    for index in 0..40 {
        let image = digit(index as u64);
        let way_of = |amount: isize| {
            let out = corrupted(Condition::Sweep(Sweep::Shift, amount as f64), &image, index);
            ways.iter().position(|(right, down)| out == moved(&image, right * amount, down * amount))
        };
        let way = way_of(3).expect("moved by three pixels");
        assert_eq!(way_of(8), Some(way));
        seen[way] = true;

        let translated = corrupted(Condition::Corruption(Corruption::Translate), &image, index);
        let corners = [(-3, -3), (-3, 3), (3, -3), (3, 3)];
        assert!(corners.iter().any(|&(right, down)| translated == moved(&image, right, down)));
    }
    assert_eq!(seen, [true; 4]);
}

#[test]
fn noise_is_as_strong_as_it_says() {
    let gray = [128; PIXELS];
    let (mut squares, mut impulses, mut photons) = (0.0, 0, 0.0);
    for index in 0..50 {
        let noisy = corrupted(Condition::Sweep(Sweep::Noise, 0.1), &gray, index);
        squares += noisy.iter().map(|&ink| ((f64::from(ink) - 128.0) / 255.0).powi(2)).sum::<f64>();
        let salted = corrupted(Condition::Corruption(Corruption::ImpulseNoise), &gray, index);
        assert!(salted.iter().all(|ink| [0, 128, 255].contains(ink)));
        impulses += salted.iter().filter(|&&ink| ink != 128).count();
        photons +=
            mean_ink(&corrupted(Condition::Corruption(Corruption::ShotNoise), &[64; PIXELS], index)) / 50.0;
    }
    let count = 50.0 * PIXELS as f64;
    assert!(((squares / count).sqrt() - 0.1).abs() < 0.002);
    assert!((f64::from(impulses as u32) / count - 0.17).abs() < 0.01);
    assert!((photons - 64.0 / 255.0).abs() < 0.01, "few are cut off at full ink: {photons}");
}

#[test]
fn plain_corruptions_do_what_they_say() {
    for index in 0..10 {
        let image = digit(index as u64);
        let stripe = corrupted(Condition::Corruption(Corruption::Stripe), &image, index);
        assert_eq!(corrupted(Condition::Corruption(Corruption::Stripe), &stripe, index), image);
        let bright = corrupted(Condition::Corruption(Corruption::Brightness), &image, index);
        assert!(bright.iter().zip(image).all(|(&ink, before)| ink == before.saturating_add(128)));
        let small = corrupted(Condition::Corruption(Corruption::Scale), &image, index);
        let part = mean_ink(&small) / mean_ink(&image);
        assert!((part - 0.49).abs() < 0.06, "{part}");
        let edges = corrupted(Condition::Corruption(Corruption::CannyEdges), &image, index);
        assert!(edges.iter().all(|ink| [0, 255].contains(ink)));
    }
}

#[test]
fn the_edges_of_a_square_are_its_outline() {
    let square: [u8; PIXELS] = std::array::from_fn(|i| {
        let inside = |place: usize| (8..20).contains(&place);
        if inside(i % SIDE) && inside(i / SIDE) { 255 } else { 0 }
    });
    let edges = corrupted(Condition::Corruption(Corruption::CannyEdges), &square, 0);
    for i in (0..PIXELS).filter(|&i| edges[i] > 0) {
        let near = |place: usize| (7..=8).contains(&place) || (19..=20).contains(&place);
        assert!(near(i % SIDE) || near(i / SIDE), "{}, {}", i % SIDE, i / SIDE);
    }
    let middle = &edges[14 * SIDE..][..SIDE];
    assert!(middle.iter().any(|&ink| ink > 0) && middle[10..18] == [0; 8]);
    assert_eq!(corrupted(Condition::Corruption(Corruption::CannyEdges), &[200; PIXELS], 0), [0; PIXELS]);
}

#[test]
fn what_is_measured_is_what_reading_corrupted_images_gives_on_any_number_of_threads() {
    let network = initial_network(&Recipe::built_in("classic").unwrap());
    let data = synthetic::generate(300, 1, 2);
    let on = |threads| {
        let processor = Processor { threads, level: Level::detect() };
        let mut done = 0;
        let measured = measure(&network, &data, 9, processor, || done += 1);
        assert_eq!(done, Condition::all().len());
        measured
    };
    let measured = on(1);
    assert_eq!(measured, on(3));

    let processor = Processor { threads: 1, level: Level::detect() };
    let accuracy = |condition: Condition| {
        let mut images = vec![];
        for index in 0..data.len() {
            let mut out = [0; PIXELS];
            condition.apply(processor.level, &data.image(index).0, 9, index, &mut out);
            images.extend(out);
        }
        let corrupted = Dataset::new(images, data.labels().to_vec()).unwrap();
        evaluate(&network, &corrupted, processor).accuracy()
    };
    assert_eq!(measured.clean, accuracy(Condition::Clean));
    for corruption in Corruption::ALL {
        assert_eq!(measured.corruptions[corruption as usize], accuracy(Condition::Corruption(corruption)));
    }
    for sweep in Sweep::ALL {
        let points = &measured.sweeps[sweep as usize];
        assert_eq!(points.len(), sweep.amounts().len());
        for &(amount, found) in points {
            assert_eq!(found, accuracy(Condition::Sweep(sweep, amount)), "{sweep:?}, {amount}");
        }
    }
    let mean = measured.corruptions.iter().sum::<f64>() / 15.0;
    assert!((measured.mean_corruption_accuracy() - mean).abs() < 1e-12);
}
