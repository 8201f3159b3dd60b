//! The plain form of lanes: loops over arrays of 8 numbers.
//!
//! It runs on every processor and needs no `unsafe`. The compiler puts the arrays into whatever registers there are.

use super::{Bf16Lanes, Lanes};

/// What every processor can do: loops over arrays, which the compiler puts into whatever
/// registers there are.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub(in crate::kernels) struct Plain;

impl Lanes for Plain {
    type Register = [f32; 8];
    const WIDTH: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; 8] {
        [value; 8]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; 8] {
        *from.first_chunk().expect("a whole register")
    }

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> [f32; 8] {
        let mut register = [0.0; 8];
        register[..from.len()].copy_from_slice(from);
        register
    }

    #[inline(always)]
    fn store(self, register: [f32; 8], to: &mut [f32]) {
        to[..8].copy_from_slice(&register);
    }

    #[inline(always)]
    fn store_part(self, register: [f32; 8], to: &mut [f32]) {
        to.copy_from_slice(&register[..to.len()]);
    }

    #[inline(always)]
    fn multiply_add(self, a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn multiply(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn add(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn maximum(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn where_not_below(self, a: [f32; 8], b: [f32; 8], then: [f32; 8], other: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| if a[i] >= b[i] { then[i] } else { other[i] })
    }

    #[inline(always)]
    fn sum(self, r: [f32; 8]) -> f32 {
        ((r[0] + r[4]) + (r[2] + r[6])) + ((r[1] + r[5]) + (r[3] + r[7]))
    }
}

impl Bf16Lanes for Plain {
    #[inline(always)]
    fn dot_bf16(self, a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        let halves =
            |packed: f32| [packed.to_bits() << 16, packed.to_bits() & 0xffff_0000].map(f32::from_bits);
        std::array::from_fn(|i| {
            let ([a0, a1], [b0, b1]) = (halves(a[i]), halves(b[i]));
            a0 * b0 + a1 * b1 + c[i]
        })
    }
}
