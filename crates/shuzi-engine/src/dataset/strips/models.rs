//! Signs from our own stroke models: the digits and letters of [`synthetic`](crate::dataset::synthetic), and the marks of amounts,
//! dates and sums.

use super::path::Path;
use crate::{
    Rng,
    dataset::synthetic::{
        example_rng,
        hand::{Hand, Knot, c, s},
        others,
        styles::Style,
    },
};
use rand::RngExt;

/// A writer who does not exist.
pub(super) struct ModelWriter {
    hand: Hand,
    /// Chooses the same ways of writing for all of a line.
    habits: u64,
}

impl ModelWriter {
    pub fn random(rng: &mut Rng) -> Self {
        ModelWriter { habits: rng.random(), hand: Hand::random(rng) }
    }

    /// Adds the strokes of a sign, of any size and at any place.
    pub fn write(&self, sign: char, path: &mut Path, rng: &mut Rng) {
        let mut habit = example_rng(self.habits, u64::from(u32::from(sign)));
        let strokes = match sign {
            '0'..='9' => Style::varied(sign as u8 - b'0', &mut habit).strokes,
            letter if letter.is_alphabetic() => others::letter(letter, &mut habit),
            sign => mark(sign, &mut habit),
        };
        for stroke in self.hand.write(strokes, rng) {
            path.stroke(stroke);
        }
    }
}

/// One of the ways to write a mark; of unknown ones, a number sign.
fn mark(sign: char, habit: &mut Rng) -> &'static [&'static [Knot]] {
    let ways = || MARKS.iter().filter(|(known, _)| *known == sign).map(|(_, strokes)| *strokes);
    match ways().count() {
        0 => mark('#', habit),
        count => ways().nth(habit.random_range(0..count)).expect("below their number"),
    }
}

/// Marks, each as a pen writes it, some in several ways.
#[rustfmt::skip] // one a line
const MARKS: &[(char, &[&[Knot]])] = &[
    ('.', &[&[s(0, 0), s(4, 4)]]),
    ('.', &[&[s(0, 0), s(6, 2), s(6, 8), s(0, 6), s(2, 0)]]),
    (',', &[&[s(10, 0), s(9, 16), s(0, 34)]]),
    (',', &[&[s(14, 0), s(0, 34)]]),
    ('-', &[&[s(0, 0), s(60, 0)]]),
    ('-', &[&[s(0, 6), s(24, 0), s(60, 4)]]),
    ('=', &[&[s(0, 0), s(70, 0)], &[s(0, 30), s(70, 30)]]),
    ('=', &[&[s(0, 4), s(70, 0), s(6, 30), s(74, 26)]]),
    ('/', &[&[s(50, 0), s(0, 120)]]),
    ('/', &[&[s(44, 0), s(26, 50), s(0, 120)]]),
    ('$', &[&[s(56, 18), s(36, 8), s(10, 22), s(30, 50), s(56, 74), s(30, 96), s(4, 84)], &[s(34, -8), s(28, 112)]]),
    ('$', &[&[s(56, 18), s(34, 8), s(10, 24), s(32, 50), s(54, 74), s(30, 94), s(4, 84)], &[s(26, -4), s(24, 108)], &[s(38, -4), s(36, 108)]]),
    ('€', &[&[s(64, 10), s(38, 0), s(14, 40), s(22, 88), s(44, 100), s(62, 90)], &[s(0, 40), s(50, 38)], &[s(0, 60), s(44, 58)]]),
    ('€', &[&[s(60, 14), s(30, 4), s(10, 50), s(30, 98), s(60, 88)], &[s(-2, 44), s(46, 42)], &[s(-2, 60), s(44, 58)]]),
    ('£', &[&[s(54, 14), s(34, 0), s(22, 30), s(22, 74), s(2, 98), s(30, 92), s(58, 98)], &[s(4, 52), s(44, 50)]]),
    ('¥', &[&[s(0, 0), c(28, 46), s(58, 0)], &[s(28, 46), s(28, 100)], &[s(8, 54), s(50, 54)], &[s(8, 72), s(50, 72)]]),
    (':', &[&[s(10, 0), s(12, 2)], &[s(10, 60), s(12, 62)]]),
    ('+', &[&[s(40, 0), s(40, 80)], &[s(0, 40), s(80, 40)]]),
    ('#', &[&[s(24, 0), s(14, 100)], &[s(54, 0), s(44, 100)], &[s(0, 34), s(70, 32)], &[s(0, 66), s(68, 64)]]),
    ('*', &[&[s(30, 0), s(30, 66)], &[s(0, 14), s(60, 52)], &[s(60, 14), s(0, 52)]]),
    ('*', &[&[s(0, 0), s(60, 60)], &[s(60, 0), s(0, 60)], &[s(-4, 30), s(64, 30)], &[s(30, -4), s(30, 64)]]),
    ('(', &[&[s(34, 0), s(6, 28), s(6, 72), s(34, 100)]]),
    (')', &[&[s(0, 0), s(28, 28), s(28, 72), s(0, 100)]]),
    ('[', &[&[s(30, 0), c(0, 0), c(0, 100), s(30, 100)]]),
    (']', &[&[s(0, 0), c(30, 0), c(30, 100), s(0, 100)]]),
    ('%', &[&[s(60, 0), s(0, 100)], &[s(12, 4), s(0, 16), s(12, 30), s(24, 16), s(12, 4)], &[s(52, 70), s(40, 84), s(52, 98), s(64, 84), s(52, 70)]]),
    ('?', &[&[s(4, 20), s(26, 0), s(50, 18), s(30, 44), s(28, 68)], &[s(28, 94), s(30, 98)]]),
    ('!', &[&[s(10, 0), s(10, 66)], &[s(9, 94), s(11, 98)]]),
    ('<', &[&[s(60, 0), c(0, 40), s(60, 80)]]),
    ('>', &[&[s(0, 0), c(60, 40), s(0, 80)]]),
    ('√', &[&[s(0, 60), c(10, 50), c(24, 100), c(44, 0), s(110, 0)]]),
    ('✓', &[&[s(0, 60), c(20, 100), s(70, 0)]]),
    ('→', &[&[s(0, 30), s(100, 30)], &[s(76, 6), c(100, 30), s(76, 56)]]),
    ('△', &[&[c(34, 0), c(70, 80), c(0, 80), s(34, 0)]]),
    ('÷', &[&[s(0, 40), s(80, 40)], &[s(40, 6), s(42, 8)], &[s(40, 74), s(42, 76)]]),
];
