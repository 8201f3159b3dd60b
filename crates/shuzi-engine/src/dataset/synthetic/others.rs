//! What is no digit: letters, signs, scribbles, several digits at once, halves of one, specks.
//!
//! What a network that has seen only digits calls a digit all the same. Left out is what people read as one: O, I, l,
//! S, Z, B, q, g, b, J, y, D, a bare slash.

use super::{
    hand::{Hand, Knot, Point, between, c, ink, s},
    styles::Style,
};
use crate::{Rng, image::DigitImage, preprocess::center_digit};
use rand::RngExt;

/// Draws one.
pub(super) fn draw(rng: &mut Rng) -> DigitImage {
    loop {
        let hand = Hand::random(rng);
        let strokes = match rng.random_range(0..100) {
            0..40 => hand.write(SIGNS[rng.random_range(0..SIGNS.len())], rng),
            40..60 => neighbours(rng),
            60..75 => half(&hand, rng),
            75..92 => scribble(&hand, rng),
            _ => specks(rng),
        };
        let drawn = (!strokes.is_empty()).then(|| center_digit(&ink(&strokes, &hand.pen)));
        if let Some(image) = drawn.flatten() {
            return image;
        }
    }
}

type Strokes = Vec<Vec<Point>>;

/// The smallest and the largest of one coordinate.
fn range(strokes: &Strokes, axis: usize) -> (f32, f32) {
    let places = strokes.iter().flatten().map(|point| point[axis]);
    places.fold((f32::MAX, f32::MIN), |(low, high), place| (low.min(place), high.max(place)))
}

/// Two or three digits, side by side or touching.
fn neighbours(rng: &mut Rng) -> Strokes {
    let mut all: Strokes = vec![];
    for _ in 0..rng.random_range(2..=3) {
        let mut strokes = Hand::random(rng).write(Style::any(rng).strokes, rng);
        if !all.is_empty() {
            let gap = between(rng, -0.08, 0.35);
            let shift = range(&all, 0).1 - range(&strokes, 0).0 + gap;
            strokes.iter_mut().flatten().for_each(|point| point[0] += shift);
        }
        all.append(&mut strokes);
    }
    all
}

/// Halves that are no digit themselves, as the lower half of a 9 is a 1: the digit, the axis that is cut across, and
/// whether the first half is left.
const HALVES: [(u8, usize, bool); 14] = [
    (0, 0, true),
    (0, 0, false),
    (0, 1, true),
    (0, 1, false),
    (2, 0, true),
    (2, 0, false),
    (2, 1, false),
    (3, 0, true),
    (4, 0, true),
    (5, 0, true),
    (5, 0, false),
    (6, 0, true),
    (8, 0, true),
    (7, 0, true),
];

/// Half of a digit, as a wrong cut between two would leave it.
fn half(hand: &Hand, rng: &mut Rng) -> Strokes {
    let (digit, axis, first) = HALVES[rng.random_range(0..HALVES.len())];
    let strokes = hand.write(Style::random(digit, rng).strokes, rng);
    let (low, high) = range(&strokes, axis);
    let cut = low + (high - low) * between(rng, 0.4, 0.6);
    let keeps = |point: &Point| (point[axis] < cut) == first;
    let mut kept: Strokes = vec![];
    for stroke in strokes {
        let parts = stroke.split(|point| !keeps(point)).filter(|part| part.len() > 1);
        kept.extend(parts.map(<[Point]>::to_vec));
    }
    kept
}

/// Strokes to and fro.
fn scribble(hand: &Hand, rng: &mut Rng) -> Strokes {
    let strokes: Vec<Vec<Knot>> = (0..rng.random_range(1..=3))
        .map(|_| {
            let knots = rng.random_range(6..=14);
            (0..knots)
                .map(|_| Knot {
                    x: rng.random_range(0..=80),
                    y: rng.random_range(0..=100),
                    corner: rng.random_range(0..3) == 0,
                })
                .collect()
        })
        .collect();
    let strokes: Vec<&[Knot]> = strokes.iter().map(Vec::as_slice).collect();
    hand.write(&strokes, rng)
}

/// Dots and dashes here and there.
fn specks(rng: &mut Rng) -> Strokes {
    (0..rng.random_range(3..=14))
        .map(|_| {
            let (x, y) = (between(rng, 0.0, 1.0), between(rng, 0.0, 1.0));
            vec![[x, y], [x + between(rng, -0.1, 0.1), y + between(rng, -0.1, 0.1)]]
        })
        .collect()
}

/// The letters that [`SIGNS`] begins with, in its order.
const LETTERS: &str = "ACEFGHKLMNPRTUVWXadefhkmnrtuw";

/// The strokes of a letter; of those without any, the strokes of some other.
pub(in crate::dataset) fn letter(letter: char, rng: &mut Rng) -> &'static [&'static [Knot]] {
    let place = LETTERS.chars().position(|known| known == letter);
    SIGNS[place.unwrap_or_else(|| rng.random_range(0..LETTERS.len()))]
}

/// Letters and signs, each as a pen writes it.
#[rustfmt::skip] // one a line
const SIGNS: &[&[&[Knot]]] = &[
    /* A */ &[&[s(0, 100), c(30, 0), s(60, 100)], &[s(12, 62), s(48, 62)]],
    /* C */ &[&[s(58, 14), s(36, 0), s(6, 26), s(2, 66), s(26, 100), s(60, 86)]],
    /* E */ &[&[c(54, 0), c(4, 0), s(3, 50), c(4, 100), s(58, 100)], &[s(4, 48), s(44, 48)]],
    /* F */ &[&[c(54, 0), c(6, 0), s(5, 50), s(4, 100)], &[s(5, 46), s(44, 46)]],
    /* G */ &[&[s(58, 16), s(34, 0), s(4, 30), s(6, 80), s(34, 100), c(60, 82), c(60, 56), s(36, 56)]],
    /* H */ &[&[s(4, 0), s(3, 100)], &[s(56, 0), s(56, 100)], &[s(4, 50), s(56, 48)]],
    /* K */ &[&[s(4, 0), s(4, 100)], &[s(54, 2), c(8, 54), s(58, 100)]],
    /* L */ &[&[s(6, 0), c(5, 100), s(54, 98)]],
    /* M */ &[&[s(2, 100), c(8, 0), c(36, 64), c(64, 0), s(72, 100)]],
    /* N */ &[&[s(4, 100), c(6, 0), c(54, 100), s(56, 0)]],
    /* P */ &[&[s(6, 0), s(5, 100)], &[s(6, 2), s(40, 2), s(52, 24), s(38, 48), s(6, 50)]],
    /* R */ &[&[s(6, 0), s(5, 100)], &[s(6, 2), s(40, 2), s(50, 22), s(36, 44), c(8, 48), s(54, 100)]],
    /* T */ &[&[s(0, 2), s(60, 0)], &[s(30, 2), s(30, 100)]],
    /* U */ &[&[s(4, 0), s(6, 70), s(30, 100), s(54, 74), s(58, 0)]],
    /* V */ &[&[s(0, 0), c(28, 100), s(58, 0)]],
    /* W */ &[&[s(0, 0), c(20, 100), c(40, 30), c(60, 100), s(80, 0)]],
    /* X */ &[&[s(0, 0), s(58, 100)], &[s(58, 0), s(0, 100)]],
    /* a */ &[&[s(50, 30), s(24, 24), s(2, 54), s(16, 96), s(44, 80), s(52, 40), s(50, 78), s(62, 98)]],
    /* d */ &[&[s(46, 60), s(24, 44), s(2, 70), s(18, 100), s(44, 84), c(50, 0), s(50, 98)]],
    /* e */ &[&[s(4, 56), s(48, 52), s(34, 22), s(8, 38), s(6, 82), s(30, 100), s(58, 86)]],
    /* f */ &[&[s(52, 8), s(34, 0), s(22, 24), s(20, 100)], &[s(2, 44), s(46, 42)]],
    /* h */ &[&[s(6, 0), s(4, 100)], &[s(5, 62), s(26, 42), s(46, 56), s(46, 100)]],
    /* k */ &[&[s(6, 0), s(4, 100)], &[s(46, 40), c(8, 70), s(50, 100)]],
    /* m */ &[&[s(2, 30), s(2, 100)], &[s(3, 48), s(18, 30), s(30, 44), s(30, 100)], &[s(31, 48), s(48, 30), s(62, 44), s(62, 100)]],
    /* n */ &[&[s(4, 30), s(3, 100)], &[s(4, 52), s(28, 28), s(52, 48), s(52, 100)]],
    /* r */ &[&[s(6, 10), s(5, 100)], &[s(6, 40), s(26, 12), s(52, 16)]],
    /* t */ &[&[s(26, 0), s(24, 80), s(36, 100), s(56, 92)], &[s(2, 30), s(54, 28)]],
    /* u */ &[&[s(4, 10), s(4, 70), s(24, 98), s(48, 70), c(52, 10), s(52, 96)]],
    /* w */ &[&[s(0, 10), s(10, 90), s(32, 40), s(54, 92), s(66, 10)]],
    /* Ä */ &[&[s(0, 100), c(30, 20), s(60, 100)], &[s(12, 66), s(48, 66)], &[s(16, 2), s(18, 4)], &[s(44, 2), s(46, 4)]],
    /* + */ &[&[s(40, 0), s(40, 80)], &[s(0, 40), s(80, 40)]],
    /* − */ &[&[s(0, 0), s(60, 0)]],
    /* × */ &[&[s(0, 0), s(70, 70)], &[s(70, 0), s(0, 70)]],
    /* ÷ */ &[&[s(0, 40), s(80, 40)], &[s(40, 6), s(42, 8)], &[s(40, 74), s(42, 76)]],
    /* = */ &[&[s(0, 0), s(70, 0)], &[s(0, 30), s(70, 30)]],
    /* % */ &[&[s(60, 0), s(0, 100)], &[s(12, 4), s(0, 16), s(12, 30), s(24, 16), s(12, 4)], &[s(52, 70), s(40, 84), s(52, 98), s(64, 84), s(52, 70)]],
    /* # */ &[&[s(24, 0), s(14, 100)], &[s(54, 0), s(44, 100)], &[s(0, 34), s(70, 32)], &[s(0, 66), s(68, 64)]],
    /* * */ &[&[s(30, 0), s(30, 66)], &[s(0, 14), s(60, 52)], &[s(60, 14), s(0, 52)]],
    /* ? */ &[&[s(4, 20), s(26, 0), s(50, 18), s(30, 44), s(28, 68)], &[s(28, 94), s(30, 98)]],
    /* ! */ &[&[s(10, 0), s(10, 66)], &[s(9, 94), s(11, 98)]],
    /* . */ &[&[s(0, 0), s(2, 2)]],
    /* : */ &[&[s(10, 0), s(12, 2)], &[s(10, 60), s(12, 62)]],
    /* ( */ &[&[s(34, 0), s(6, 28), s(6, 72), s(34, 100)]],
    /* ) */ &[&[s(0, 0), s(28, 28), s(28, 72), s(0, 100)]],
    /* [ */ &[&[s(30, 0), c(0, 0), c(0, 100), s(30, 100)]],
    /* ] */ &[&[s(0, 0), c(30, 0), c(30, 100), s(0, 100)]],
    /* { */ &[&[s(40, 0), s(22, 10), s(22, 38), c(4, 50), s(22, 62), s(22, 90), s(40, 100)]],
    /* < */ &[&[s(60, 0), c(0, 40), s(60, 80)]],
    /* > */ &[&[s(0, 0), c(60, 40), s(0, 80)]],
    /* ✓ */ &[&[s(0, 60), c(20, 100), s(70, 0)]],
    /* √ */ &[&[s(0, 60), c(10, 50), c(24, 100), c(44, 0), s(110, 0)]],
    /* Σ */ &[&[s(56, 4), c(2, 2), c(34, 48), c(0, 98), s(60, 98)]],
    /* π */ &[&[s(0, 8), s(66, 4)], &[s(16, 6), s(12, 100)], &[s(48, 6), s(48, 90), s(60, 100)]],
    /* α */ &[&[s(64, 0), s(40, 60), s(20, 90), s(2, 60), s(16, 20), s(38, 40), s(62, 100)]],
    /* θ */ &[&[s(30, 0), s(4, 40), s(8, 86), s(30, 100), s(54, 60), s(48, 14), s(30, 0)], &[s(6, 52), s(52, 50)]],
    /* φ */ &[&[s(30, 30), s(4, 50), s(30, 78), s(58, 52), s(30, 30)], &[s(34, 0), s(26, 110)]],
    /* ∫ */ &[&[s(56, 8), s(42, 0), s(30, 30), s(26, 80), s(14, 108), s(0, 100)]],
    /* ∞ */ &[&[s(50, 20), s(80, 0), s(100, 20), s(80, 40), s(50, 20), s(20, 0), s(0, 20), s(20, 40), s(50, 20)]],
    /* → */ &[&[s(0, 30), s(100, 30)], &[s(76, 6), c(100, 30), s(76, 56)]],
    /* △ */ &[&[c(34, 0), c(70, 80), c(0, 80), s(34, 0)]],
    /* 木 */ &[&[s(40, 0), s(40, 100)], &[s(4, 28), s(78, 28)], &[s(38, 30), s(4, 82)], &[s(42, 30), s(80, 84)]],
    /* 人 */ &[&[s(36, 0), s(30, 50), s(0, 100)], &[s(34, 40), s(74, 100)]],
    /* 口字 */ &[&[c(2, 0), c(64, 0), c(62, 70), c(2, 70), s(2, 0)], &[s(34, 0), s(34, 100)]],
];
