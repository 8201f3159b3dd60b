//! WebAssembly's 128-bit registers: 4 numbers at a time.
//!
//! The whole of a WebAssembly is compiled with these instructions or without, so they need no proof.

use super::Lanes;
use std::arch::wasm32::*;

/// 4 numbers.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Simd128;

impl Lanes for Simd128 {
    type Register = v128;
    const WIDTH: usize = 4;
    const REGISTERS: usize = 16; // those of x86-64, and half of those of Arm

    #[inline(always)]
    fn splat(self, value: f32) -> v128 {
        f32x4_splat(value)
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> v128 {
        // SAFETY: so many numbers are there, the slicing checks; no alignment needed.
        unsafe { v128_load(from[..4].as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> v128 {
        if from.len() == 4 {
            return self.load(from);
        }
        let mut register = [0.0; 4];
        register[..from.len()].copy_from_slice(from);
        self.load(&register)
    }

    #[inline(always)]
    fn store(self, register: v128, to: &mut [f32]) {
        // SAFETY: so much space is there, the slicing checks.
        unsafe { v128_store(to[..4].as_mut_ptr().cast(), register) }
    }

    #[inline(always)]
    fn store_part(self, register: v128, to: &mut [f32]) {
        if to.len() == 4 {
            return self.store(register, to);
        }
        let mut all = [0.0; 4];
        self.store(register, &mut all);
        to.copy_from_slice(&all[..to.len()]);
    }

    #[inline(always)]
    fn multiply_add(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    fn multiply(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn maximum(self, a: v128, b: v128) -> v128 {
        f32x4_pmax(b, a) // a where b < a, else b: one instruction, as everywhere
    }

    #[inline(always)]
    fn where_not_below(self, a: v128, b: v128, then: v128, other: v128) -> v128 {
        v128_bitselect(then, other, f32x4_ge(a, b))
    }

    #[inline(always)]
    fn sum(self, r: v128) -> f32 {
        (f32x4_extract_lane::<0>(r) + f32x4_extract_lane::<2>(r))
            + (f32x4_extract_lane::<1>(r) + f32x4_extract_lane::<3>(r))
    }
}
