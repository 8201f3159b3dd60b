//! Handwritten digits drawn by our own stroke models: any number, from a seed, without files.
//!
//! In: a seed and a count. Out: a [`Dataset`] in MNIST's form. Each example chooses a writing
//! style (a table of pen movements), shakes its control points, bends, slants, turns and
//! stretches it as a hand would, draws it with a pen of some width and pressure, and goes
//! through [`preprocess`](crate::preprocess) like any photo.
//!
//! Each example has a generator of its own, seeded from the seed and its index, and uses
//! IEEE arithmetic without the machine's `sin` or `exp`: the same seed gives the same bytes
//! on any number of threads and any machine. Holds no pixel of anybody's data set.

pub(super) mod hand;
pub(super) mod others;
pub(super) mod styles;

use self::{
    hand::{Hand, ink},
    styles::Style,
};
use crate::{
    Rng,
    dataset::Dataset,
    image::{DIGITS, DigitImage, NO_DIGIT, PIXELS},
    preprocess::center_digit,
};
use rand::{RngExt, SeedableRng};
use std::ops::Range;

/// Draws `count` digits, examples 0 to `count - 1` of [`draw`].
///
/// # Panics
///
/// If `count` is 0.
pub fn generate(count: usize, seed: u64, threads: usize) -> Dataset {
    generate_range(0..count, seed, threads)
}

/// Draws the examples of `range`, as [`draw`] numbers them.
///
/// # Panics
///
/// If the range is empty.
pub fn generate_range(range: Range<usize>, seed: u64, threads: usize) -> Dataset {
    let (images, labels) = draw_all(range, threads, |index| draw(seed, index));
    Dataset::new(images, labels).expect("as many labels as images")
}

/// Draws `count` digits in every way of writing them, all ways equally likely, those of other countries and of screens included: examples
/// 0 to `count - 1` of [`draw_varied`].
///
/// # Panics
///
/// If `count` is 0.
pub fn generate_varied(count: usize, seed: u64, threads: usize) -> Dataset {
    let (images, labels) = draw_all(0..count, threads, |index| draw_varied(seed, index));
    Dataset::new(images, labels).expect("as many labels as images")
}

/// [`draw`], but of every way of writing.
pub fn draw_varied(seed: u64, index: u64) -> (DigitImage, u8) {
    let mut rng = example_rng(spread(seed ^ VARIED), index);
    let (hand, style) = (Hand::random(&mut rng), Style::any(&mut rng));
    (write(style, &hand, &mut rng), style.digit)
}

/// Draws `count` images that show no digit, labelled [`NO_DIGIT`]: examples 0 to `count - 1` of
/// [`draw_other`].
///
/// # Panics
///
/// If `count` is 0.
pub fn generate_others(count: usize, seed: u64, threads: usize) -> Dataset {
    let (images, labels) = draw_all(0..count, threads, |index| (draw_other(seed, index), NO_DIGIT));
    Dataset::with_others(images, labels).expect("as many labels as images")
}

/// Images and labels of a range of examples, drawn by several threads.
fn draw_all(
    range: Range<usize>,
    threads: usize,
    draw: impl Fn(u64) -> (DigitImage, u8) + Sync,
) -> (Vec<u8>, Vec<u8>) {
    let count = range.len();
    assert!(count > 0, "synthetic: no example asked for");
    let mut images = vec![0; count * PIXELS];
    let mut labels = vec![0; count];
    let part = count.div_ceil(threads.max(1));
    let draw_part = |first: usize, images: &mut [u8], labels: &mut [u8]| {
        for (i, (image, label)) in images.chunks_exact_mut(PIXELS).zip(labels).enumerate() {
            let (drawn, its_label) = draw((first + i) as u64);
            image.copy_from_slice(&drawn.0);
            *label = its_label;
        }
    };
    if threads <= 1 {
        draw_part(range.start, &mut images, &mut labels); // WebAssembly has no threads
    } else {
        let parts = images.chunks_mut(part * PIXELS).zip(labels.chunks_mut(part));
        std::thread::scope(|scope| {
            for (i, (images, labels)) in parts.enumerate() {
                let first = range.start + i * part;
                let draw_part = &draw_part;
                scope.spawn(move || draw_part(first, images, labels));
            }
        });
    }
    (images, labels)
}

/// Example number `index` of the endless data set that belongs to `seed`: the image and its
/// label, all ten equally likely.
pub fn draw(seed: u64, index: u64) -> (DigitImage, u8) {
    let mut rng = example_rng(seed, index);
    let label = rng.random_range(0..DIGITS) as u8;
    let hand = Hand::random(&mut rng);
    let style = Style::random(label, &mut rng);
    (write(style, &hand, &mut rng), label)
}

/// A digit as one hand writes it.
fn write(style: &Style, hand: &Hand, rng: &mut Rng) -> DigitImage {
    let strokes = hand.write(style.strokes, rng);
    center_digit(&ink(&strokes, &hand.pen)).expect("every stroke leaves ink")
}

/// Image number `index` of an endless row of images that show no digit: letters, signs, scribbles, several digits at once,
/// halves of one.
pub fn draw_other(seed: u64, index: u64) -> DigitImage {
    others::draw(&mut example_rng(spread(seed ^ OTHERS), index))
}

/// Keep the generators of these apart from those of other digits.
const VARIED: u64 = 0x0076_6172_6965_6400;
const OTHERS: u64 = 0x6f74_6865_7273;

/// A generator for one example. Seed and index are spread over all bits first (SplitMix64,
/// Steele, Lea and Flood 2014), because PCG streams of neighbouring seeds resemble each other.
pub(super) fn example_rng(seed: u64, index: u64) -> Rng {
    let mut state = spread(seed) ^ index;
    let mut bytes = [0; 32];
    for word in bytes.chunks_exact_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        word.copy_from_slice(&spread(state).to_le_bytes());
    }
    Rng::from_seed(bytes)
}

pub(super) fn spread(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{
        hand::PAPER,
        styles::{ABROAD, STYLES},
        *,
    };
    use crate::image::SIDE;

    #[test]
    fn any_number_of_threads_draws_the_same_bytes() {
        let one = generate(101, 7, 1);
        for threads in [0, 2, 3, 200] {
            assert_eq!(one, generate(101, 7, threads), "{threads} threads");
        }
    }

    #[test]
    fn an_example_depends_on_seed_and_index_only() {
        let all = generate(5, 7, 2);
        for index in 0..5 {
            assert_eq!((all.image(index), all.labels()[index]), draw(7, index as u64));
        }
        assert_ne!(draw(7, 0), draw(8, 0));
        assert_ne!(draw(7, 0), draw(7, 1));
    }

    /// FNV-1a of the first thousand images: fails when anything changes what is drawn, on
    /// this machine or another. Record the new value on purpose only.
    #[test]
    fn the_bytes_are_the_same_on_every_machine() {
        let images = generate(1000, 1, 2);
        let hash = images.images().iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        assert_eq!(hash, 6_183_869_098_292_093_871);
    }

    #[test]
    fn what_is_no_digit_depends_on_seed_and_index_only() {
        let all = generate_others(40, 7, 3);
        assert!(all.labels().iter().all(|&label| label == NO_DIGIT));
        for index in 0..40 {
            assert_eq!(all.image(index), draw_other(7, index as u64));
        }
        assert_eq!(generate_others(40, 7, 1), all);
        assert_ne!(draw_other(7, 0), draw_other(8, 0));
        assert_eq!(all.histogram(), [0; DIGITS]);
    }

    #[test]
    fn every_way_of_writing_is_drawn() {
        let varied = generate_varied(3000, 1, 2);
        assert!(
            varied.histogram().iter().all(|count| (200..600).contains(count)),
            "{:?}",
            varied.histogram()
        );
        assert_eq!(varied.image(17), draw_varied(1, 17).0);
        assert_ne!(draw_varied(1, 0), draw(1, 0));
    }

    #[test]
    fn neighbouring_seeds_share_no_image() {
        let mut all: Vec<_> = (0..4).flat_map(|seed| (0..200).map(move |i| draw(seed, i).0.0)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 800);
    }

    #[test]
    fn all_ten_digits_occur_about_equally() {
        for (digit, count) in generate(10_000, 3, 2).histogram().into_iter().enumerate() {
            assert!((880..1120).contains(&count), "{digit}: {count}"); // four standard deviations
        }
    }

    #[test]
    fn every_digit_is_inked_and_centred() {
        for index in 0..2000 {
            let (image, label) = draw(5, index);
            let mass: f64 = image.0.iter().map(|&p| f64::from(p)).sum();
            assert!(mass > 255.0 * 15.0, "{label}: {image:?}");
            let (mut x, mut y) = (0.0, 0.0);
            for (i, &p) in image.0.iter().enumerate() {
                x += (i % SIDE) as f64 * f64::from(p) / mass;
                y += (i / SIDE) as f64 * f64::from(p) / mass;
            }
            // Half a pixel; up to two more where the border holds a lopsided digit back.
            assert!((x - 14.0).abs() < 2.5 && (y - 14.0).abs() < 2.5, "{label} at {x}, {y}: {image:?}");
        }
    }

    #[test]
    fn every_style_can_be_written_by_many_hands() {
        let mut rng = example_rng(1, 1);
        for style in STYLES.iter().chain(ABROAD) {
            assert!(style.weight > 0 && style.strokes.iter().all(|knots| knots.len() > 1), "{}", style.name);
            for _ in 0..100 {
                let hand = Hand::random(&mut rng);
                let strokes = hand.write(style.strokes, &mut rng);
                assert!(center_digit(&ink(&strokes, &hand.pen)).is_some(), "{} {}", style.digit, style.name);
            }
        }
    }

    #[test]
    fn the_strokes_never_leave_the_paper() {
        for index in 0..2000 {
            let mut rng = example_rng(11, index);
            let hand = Hand::random(&mut rng);
            let style = &STYLES[index as usize % STYLES.len()];
            let paper = ink(&hand.write(style.strokes, &mut rng), &hand.pen);
            let rim_is_clean = (0..PAPER).all(|i| {
                let last = PAPER - 1;
                [(0, i), (last, i), (i, 0), (i, last)].iter().all(|&(x, y)| paper.row(y)[x] == 0)
            });
            assert!(rim_is_clean, "{} {}", style.digit, style.name);
        }
    }

    #[test]
    fn every_digit_has_a_style() {
        for digit in 0..DIGITS {
            assert!(STYLES.iter().any(|style| usize::from(style.digit) == digit), "{digit}");
        }
    }
}
