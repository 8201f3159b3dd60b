//! Ways to write each digit: tables of knots, one style a line, to be compared by eye.

use super::hand::{Knot, c, s};
use crate::Rng;
use rand::RngExt;

/// One way to write a digit.
pub(in crate::dataset) struct Style {
    pub digit: u8,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader, and for failing tests"))]
    pub name: &'static str,
    /// How often, relative to the other styles of this digit.
    pub weight: u32,
    pub strokes: &'static [&'static [Knot]],
}

impl Style {
    /// Any style of any digit, those that MNIST's writers do not use included, all equally likely.
    pub fn any(rng: &mut Rng) -> &'static Style {
        let index = rng.random_range(0..STYLES.len() + ABROAD.len());
        STYLES.get(index).unwrap_or_else(|| &ABROAD[index - STYLES.len()])
    }

    /// A style of this digit, now and then one of those that MNIST's writers do not use.
    pub fn varied(digit: u8, rng: &mut Rng) -> &'static Style {
        let abroad = || ABROAD.iter().filter(|style| style.digit == digit);
        match abroad().count() {
            count if rng.random_range(0..3) == 0 => {
                abroad().nth(rng.random_range(0..count)).expect("below their number")
            }
            _ => Style::random(digit, rng),
        }
    }

    pub fn random(digit: u8, rng: &mut Rng) -> &'static Style {
        let styles = || STYLES.iter().filter(|style| style.digit == digit);
        let mut rest = rng.random_range(0..styles().map(|style| style.weight).sum());
        for style in styles() {
            if rest < style.weight {
                return style;
            }
            rest -= style.weight;
        }
        unreachable!("rest is below the sum of the weights")
    }
}

const fn style(digit: u8, name: &'static str, weight: u32, strokes: &'static [&'static [Knot]]) -> Style {
    Style { digit, name, weight, strokes }
}

/// Styles of other countries and of screens, which MNIST hardly has.
#[rustfmt::skip] // one style a line
pub(super) const ABROAD: &[Style] = &[
    style(0, "narrow", 1, &[&[s(30, 0), s(10, 20), s(6, 60), s(22, 99), s(40, 80), s(46, 40), s(38, 8), s(28, 0)]]),
    style(1, "long flag", 1, &[&[s(0, 42), c(32, 0), s(31, 50), s(30, 100)]]),
    style(1, "steep flag", 1, &[&[s(4, 50), s(20, 24), c(36, 0), s(35, 50), s(34, 100)]]),
    style(1, "roof", 1, &[&[s(2, 66), c(36, 0), s(34, 50), s(30, 100)]]),
    style(1, "flag and wide base", 1, &[&[s(6, 28), c(34, 0), s(33, 50), s(32, 98)], &[s(0, 99), s(66, 97)]]),
    style(1, "serif and base", 1, &[&[s(14, 14), c(32, 2), s(32, 50), s(32, 98)], &[s(10, 99), s(54, 99)]]),
    style(1, "short flag", 1, &[&[s(16, 16), c(30, 0), s(30, 50), s(29, 100)]]),
    style(2, "flat", 1, &[&[s(4, 16), s(22, 0), s(48, 6), s(52, 30), s(28, 66), c(0, 98), s(34, 98), s(66, 98)]]),
    style(2, "boxy", 1, &[&[s(2, 4), s(34, 0), s(52, 12), s(50, 42), s(24, 54), s(4, 70), c(2, 98), s(34, 98), s(60, 97)]]),
    style(3, "angular", 1, &[&[c(4, 4), s(28, 2), c(52, 4), s(34, 26), c(22, 44), s(48, 54), s(56, 78), s(34, 98), s(2, 94)]]),
    style(3, "boxy", 1, &[&[c(4, 4), s(30, 2), s(52, 12), s(48, 38), c(20, 48), s(52, 56), s(54, 86), s(30, 98), s(2, 96)]]),
    style(4, "wide open", 1, &[&[s(12, 0), s(8, 24), c(4, 50), s(34, 50), s(72, 48)], &[s(50, 24), s(48, 62), s(46, 100)]]),
    style(4, "steep", 1, &[&[s(36, 0), s(18, 36), c(2, 70), s(34, 68), s(64, 66)], &[s(40, 40), s(38, 72), s(36, 100)]]),
    style(4, "closed and narrow", 1, &[&[s(40, 100), s(42, 50), c(44, 0), s(20, 36), c(2, 68), s(30, 68), s(60, 68)]]),
    style(5, "boxy", 1, &[&[c(56, 2), s(30, 2), c(6, 2), s(5, 22), c(4, 44), s(30, 40), s(54, 52), s(56, 78), s(36, 98), s(4, 96)]]),
    style(5, "bar apart", 1, &[&[s(14, 14), s(10, 28), c(8, 48), s(34, 42), s(54, 60), s(48, 88), s(22, 100), s(0, 92)], &[s(20, 2), s(44, 0), s(66, 0)]]),
    style(6, "straight", 1, &[&[s(44, 0), s(20, 30), s(2, 66), s(16, 96), s(42, 98), s(56, 78), s(44, 58), s(20, 58), s(4, 72)]]),
    style(6, "round top", 1, &[&[s(50, 12), s(36, 0), s(12, 16), s(2, 60), s(12, 94), s(36, 100), s(54, 80), s(42, 58), s(18, 60), s(4, 76)]]),
    style(7, "serif", 1, &[&[s(2, 22), c(4, 4), s(34, 4), c(64, 2), s(48, 46), s(30, 100)]]),
    style(7, "crossed, wide bar", 1, &[&[s(0, 4), s(32, 4), c(62, 2), s(46, 48), s(28, 100)], &[s(8, 50), s(38, 50), s(74, 48)]]),
    style(7, "serif and crossed", 1, &[&[s(2, 20), c(4, 4), s(34, 4), c(64, 2), s(46, 48), s(28, 100)], &[s(14, 50), s(40, 50), s(70, 48)]]),
    style(7, "upright", 1, &[&[s(0, 3), s(30, 3), c(58, 2), s(52, 48), s(48, 100)]]),
    style(8, "two loops", 1, &[&[s(30, 48), s(10, 30), s(14, 6), s(32, 0), s(50, 10), s(50, 30), s(30, 48), s(8, 66), s(8, 90), s(30, 100), s(54, 90), s(52, 66), s(30, 48)]]),
    style(9, "hooked", 1, &[&[s(52, 10), s(30, 0), s(6, 14), s(8, 42), s(30, 50), s(50, 34), s(54, 8), s(54, 60), s(46, 92), s(24, 100), s(2, 90)]]),
    style(9, "leaning", 1, &[&[s(54, 4), s(28, 2), s(6, 20), s(14, 46), s(38, 42), s(54, 12), s(40, 56), s(24, 100)]]),
];

/// Every style by name, upright, as a pen writes it: stroke by stroke, knot by knot.
#[rustfmt::skip] // one style a line, to be compared by eye
pub(super) const STYLES: &[Style] = &[
    style(0, "closed", 20, &[&[s(40, 2), s(18, 8), s(3, 35), s(4, 70), s(24, 99), s(52, 88), s(66, 50), s(55, 12), s(34, 0)]]),
    style(0, "open", 5, &[&[s(34, 4), s(16, 12), s(2, 45), s(8, 82), s(32, 100), s(58, 82), s(66, 45), s(56, 12), s(44, 3)]]),
    style(0, "gaping", 2, &[&[s(20, 8), s(8, 22), s(2, 48), s(8, 82), s(32, 100), s(58, 82), s(66, 48), s(62, 20), s(54, 6)]]),
    style(0, "curled", 3, &[&[s(46, 16), s(24, 2), s(6, 28), s(2, 68), s(24, 99), s(54, 86), s(66, 46), s(50, 8), s(30, 4), s(22, 20)]]),
    style(0, "ticked", 3, &[&[s(36, 2), s(18, 8), s(3, 35), s(4, 70), s(24, 99), s(52, 88), s(66, 50), s(55, 12), s(40, 6), s(34, 30)]]),
    style(0, "slashed", 1, &[&[s(40, 2), s(18, 8), s(3, 35), s(4, 70), s(24, 99), s(52, 88), s(66, 50), s(55, 12), s(34, 0)], &[s(58, 10), s(12, 90)]]),
    style(1, "plain", 20, &[&[s(30, 0), s(30, 50), s(30, 100)]]),
    style(1, "flag", 3, &[&[s(10, 22), c(32, 0), s(31, 50), s(30, 100)]]),
    style(1, "flag and base", 2, &[&[s(8, 20), c(32, 0), s(31, 50), s(30, 98)], &[s(4, 99), s(56, 98)]]),
    style(2, "angular", 8, &[&[s(4, 22), s(16, 5), s(36, 0), s(54, 14), s(48, 42), s(24, 76), c(2, 98), s(36, 97), s(70, 97)]]),
    style(2, "looped", 6, &[&[s(6, 20), s(16, 4), s(36, 0), s(54, 16), s(44, 50), s(22, 86), s(4, 96), s(4, 80), s(22, 78), s(42, 94), s(74, 90)]]),
    style(2, "wide loop", 8, &[&[s(8, 18), s(18, 4), s(38, 0), s(54, 18), s(46, 54), s(26, 86), s(6, 96), s(0, 78), s(18, 66), s(46, 84), s(80, 94)]]),
    style(2, "dropped tail", 3, &[&[s(4, 18), s(20, 2), s(42, 4), s(52, 26), s(40, 60), s(18, 84), c(2, 88), s(36, 86), s(66, 100)]]),
    style(2, "zed", 3, &[&[s(2, 8), s(28, 2), c(56, 4), s(30, 50), c(2, 98), s(34, 96), s(68, 97)]]),
    style(3, "round", 10, &[&[s(6, 16), s(24, 0), s(50, 8), s(48, 32), c(22, 46), s(52, 58), s(54, 86), s(28, 100), s(0, 88)]]),
    style(3, "flowing", 4, &[&[s(6, 12), s(26, 0), s(50, 8), s(46, 32), s(26, 46), s(52, 60), s(54, 86), s(26, 100), s(0, 88)]]),
    style(3, "looped", 4, &[&[s(6, 16), s(26, 0), s(50, 10), s(42, 36), s(22, 48), s(28, 40), s(50, 54), s(54, 84), s(26, 100), s(0, 86)]]),
    style(3, "flat-topped", 2, &[&[c(4, 4), s(28, 3), c(54, 2), s(40, 22), c(24, 40), s(52, 56), s(54, 84), s(28, 100), s(0, 90)]]),
    style(4, "open", 8, &[&[s(8, 2), s(4, 30), c(2, 56), s(30, 56), s(64, 50)], &[s(54, 0), s(50, 50), s(46, 100)]]),
    style(4, "open, swung", 5, &[&[s(14, 2), s(2, 34), s(14, 54), s(40, 50), s(66, 44)], &[s(56, 4), s(50, 50), s(44, 100)]]),
    style(4, "closed", 5, &[&[s(44, 0), s(22, 32), c(0, 62), s(34, 62), s(68, 60)], &[s(48, 4), s(46, 50), s(44, 100)]]),
    style(4, "one stroke", 4, &[&[s(12, 2), s(2, 32), s(12, 52), s(40, 44), c(56, 4), s(50, 50), s(46, 100)]]),
    style(4, "sail", 2, &[&[s(48, 98), s(48, 50), c(48, 2), s(22, 32), c(0, 60), s(34, 60), s(68, 58)]]),
    style(5, "two strokes", 8, &[&[s(16, 2), s(10, 22), c(6, 44), s(34, 38), s(56, 58), s(48, 88), s(22, 100), s(0, 90)], &[s(16, 3), s(44, 2), s(72, 0)]]),
    style(5, "long bar", 4, &[&[s(24, 10), s(18, 26), c(12, 46), s(32, 44), s(48, 62), s(42, 90), s(20, 100), s(0, 92)], &[s(24, 8), s(56, 4), s(90, 0)]]),
    style(5, "one stroke", 6, &[&[s(70, 0), s(42, 3), c(18, 4), s(12, 24), c(8, 44), s(34, 40), s(54, 58), s(48, 88), s(22, 100), s(0, 90)]]),
    style(5, "swung", 5, &[&[s(68, 2), s(38, 2), s(18, 12), s(20, 34), s(42, 52), s(50, 76), s(28, 98), s(0, 90)]]),
    style(6, "wide loop", 8, &[&[s(32, 0), s(12, 28), s(0, 62), s(12, 94), s(38, 98), s(56, 78), s(44, 56), s(20, 62), s(6, 84)]]),
    style(6, "small loop", 5, &[&[s(36, 0), s(16, 24), s(2, 58), s(6, 90), s(26, 100), s(44, 84), s(36, 64), s(18, 70), s(8, 88)]]),
    style(6, "unclosed", 4, &[&[s(28, 0), s(10, 30), s(0, 66), s(14, 96), s(42, 96), s(58, 76), s(50, 58), s(34, 62), s(24, 80)]]),
    style(6, "curled top", 2, &[&[s(52, 8), s(34, 2), s(10, 34), s(2, 70), s(18, 98), s(44, 94), s(54, 70), s(34, 58), s(8, 72)]]),
    style(7, "plain", 9, &[&[s(0, 6), s(32, 5), c(64, 2), s(46, 48), s(28, 100)]]),
    style(7, "round", 6, &[&[s(0, 14), s(18, 3), s(44, 3), s(60, 16), s(46, 56), s(30, 100)]]),
    style(7, "crossed", 3, &[&[s(2, 6), s(30, 5), c(60, 2), s(44, 48), s(28, 100)], &[s(12, 54), s(68, 46)]]),
    style(7, "hooked", 4, &[&[s(2, 28), c(4, 6), s(32, 5), c(62, 3), s(46, 48), s(32, 100)]]),
    style(7, "hooked and crossed", 1, &[&[s(2, 28), c(4, 6), s(32, 5), c(62, 3), s(46, 48), s(32, 100)], &[s(16, 54), s(68, 46)]]),
    style(8, "S-loop", 10, &[&[s(52, 14), s(32, 0), s(8, 16), s(26, 44), s(50, 72), s(28, 100), s(4, 80), s(24, 50), s(50, 22), s(48, 8)]]),
    style(8, "two circles", 3, &[&[s(28, 0), s(8, 14), s(10, 38), s(28, 46), s(48, 34), s(48, 10), s(26, 0)], &[s(28, 46), s(6, 60), s(6, 90), s(28, 100), s(52, 88), s(50, 58), s(26, 46)]]),
    style(8, "open-topped", 4, &[&[s(56, 4), s(34, 8), s(8, 14), s(22, 42), s(46, 72), s(26, 98), s(6, 78), s(28, 46), s(58, 10)]]),
    style(8, "from the waist", 3, &[&[s(26, 46), s(6, 22), s(26, 0), s(50, 18), s(26, 46), s(4, 76), s(24, 100), s(50, 80), s(28, 48)]]),
    style(9, "straight tail", 8, &[&[s(48, 12), s(28, 2), s(4, 24), s(14, 48), s(36, 40), c(52, 8), s(48, 56), s(42, 100)]]),
    style(9, "round", 6, &[&[s(46, 26), s(44, 6), s(22, 2), s(4, 26), s(20, 46), s(42, 32), s(50, 14), s(48, 60), s(36, 100)]]),
    style(9, "wide loop", 4, &[&[s(50, 14), s(30, 0), s(6, 12), s(4, 40), s(26, 50), s(48, 32), s(54, 10), s(54, 56), s(50, 100)]]),
    style(9, "curved tail", 3, &[&[s(48, 14), s(28, 1), s(4, 20), s(16, 46), s(42, 36), s(52, 16), s(50, 66), s(32, 98), s(6, 92)]]),
    style(9, "small loop", 3, &[&[s(44, 6), s(24, 0), s(6, 14), s(14, 34), s(36, 26), c(46, 6), s(42, 54), s(38, 100)]]),
];
