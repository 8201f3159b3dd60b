//! Packed bfloat16: two (each the upper half of an f32, rounded to nearest, ties to even) in the place of one number.
//!
//! A processor with such instructions multiplies and adds two of them in the time of one f32, and the sums
//! stay f32. Both travel as the bits of one f32, which nobody
//! takes for a number.

use super::{Level, Loop};

/// Bits of the nearest bfloat16.
#[inline(always)]
fn rounded(x: f32) -> u32 {
    let bits = x.to_bits();
    (bits.wrapping_add(0x7fff + (bits >> 16 & 1))) >> 16
}

#[inline(always)]
fn packed(first: f32, second: f32) -> f32 {
    f32::from_bits(rounded(first) | rounded(second) << 16)
}

/// `to[i] = (x[2i], x[2i + 1])`.
///
/// # Panics
///
/// If `to` is not half as long as `x`.
pub fn neighbours(level: Level, x: &[f32], to: &mut [f32]) {
    assert_eq!(x.len(), 2 * to.len(), "packed_bf16::neighbours");
    level.vectorize(Neighbours { x, to });
}

struct Neighbours<'a> {
    x: &'a [f32],
    to: &'a mut [f32],
}

impl Loop for Neighbours<'_> {
    #[inline(always)]
    fn run(self) {
        for (to, &[first, second]) in self.to.iter_mut().zip(self.x.as_chunks().0) {
            *to = packed(first, second);
        }
    }
}

/// `to[i] = (x[i], x[i + distance])`, and 0 where that is behind the end.
///
/// # Panics
///
/// If `to` is not as long as `x`.
pub fn distant(level: Level, x: &[f32], distance: usize, to: &mut [f32]) {
    assert_eq!(x.len(), to.len(), "packed_bf16::distant");
    let whole = x.len().saturating_sub(distance);
    let (first, last) = to.split_at_mut(whole);
    level.vectorize(Zip { first: &x[..whole], second: &x[x.len() - whole..], to: first });
    for (to, &x) in last.iter_mut().zip(&x[whole..]) {
        *to = packed(x, 0.0);
    }
}

/// Two rows of so many columns become one, `to[r, c] = (x[2r, c], x[2r + 1, c])`; a last row without a
/// partner meets 0.
///
/// # Panics
///
/// If `to` has not half of the rows, rounded up.
pub fn rows(level: Level, x: &[f32], columns: usize, to: &mut [f32]) {
    assert_eq!((x.len() / columns).div_ceil(2) * columns, to.len(), "packed_bf16::rows");
    level.vectorize(Rows { x, columns, to });
}

struct Rows<'a> {
    x: &'a [f32],
    columns: usize,
    to: &'a mut [f32],
}

impl Loop for Rows<'_> {
    #[inline(always)]
    fn run(self) {
        let packed_rows = self.to.chunks_exact_mut(self.columns);
        for (rows, to) in self.x.chunks(2 * self.columns).zip(packed_rows) {
            let (first, second) = rows.split_at(self.columns);
            if second.is_empty() {
                for (to, &x) in to.iter_mut().zip(first) {
                    *to = packed(x, 0.0);
                }
            } else {
                Zip { first, second, to }.run();
            }
        }
    }
}

struct Zip<'a> {
    first: &'a [f32],
    second: &'a [f32],
    to: &'a mut [f32],
}

impl Loop for Zip<'_> {
    #[inline(always)]
    fn run(self) {
        for ((to, &first), &second) in self.to.iter_mut().zip(self.first).zip(self.second) {
            *to = packed(first, second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(packed: f32) -> [f32; 2] {
        [packed.to_bits() << 16, packed.to_bits() & 0xffff_0000].map(f32::from_bits)
    }

    #[test]
    fn halves_hold_the_nearest_numbers() {
        let x: Vec<f32> = (0..70).map(|i| (i as f32 - 30.0) * 0.37).collect();
        for level in Level::all() {
            let mut to = vec![f32::NAN; 35];
            neighbours(level, &x, &mut to);
            for (packed, x) in to.iter().zip(x.as_chunks::<2>().0) {
                for (half, x) in halves(*packed).iter().zip(x) {
                    assert!((half - x).abs() <= x.abs() / 256.0, "{half} {x}");
                }
            }
            let mut to = vec![f32::NAN; 70];
            distant(level, &x, 3, &mut to);
            assert_eq!(halves(to[10])[1], halves(to[13])[0]);
            assert_eq!(halves(to[67])[1], 0.0);
            let mut to = vec![f32::NAN; 40];
            rows(level, &x, 10, &mut to);
            assert!((halves(to[13])[0] - x[23]).abs() < 0.05 && (halves(to[13])[1] - x[33]).abs() < 0.05);
            assert_eq!(halves(to[35])[1], 0.0);
        }
    }

    #[test]
    fn ties_go_to_the_even_number() {
        let between = |bits: u32| f32::from_bits(bits << 16 | 0x8000);
        assert_eq!(
            halves(packed(between(0x3f80), between(0x3f81))),
            [0x3f80, 0x3f82].map(|bits| f32::from_bits(bits << 16))
        );
    }
}
