//! AVX2 and FMA: 8 numbers at a time.
//!
//! A value of [`Avx2`] proves that the processor has these instructions; only [`Level::run`](super::Level::run) makes one.

use super::Lanes;
use std::arch::x86_64::*;

/// 8 numbers; proof that the processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Avx2(pub(super) ());

/// The first `count` lanes.
#[inline(always)]
fn mask8(_: Avx2, count: usize) -> __m256i {
    // SAFETY: the processor has AVX2, the value proves it.
    unsafe {
        let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), places)
    }
}

impl Lanes for Avx2 {
    type Register = __m256;
    const WIDTH: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        // SAFETY: the processor has AVX2 and FMA, `self` proves it (so for all below).
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> __m256 {
        // SAFETY: so many numbers are there, the slicing checks; no alignment needed.
        unsafe { _mm256_loadu_ps(from[..8].as_ptr()) }
    }

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> __m256 {
        assert!(from.len() <= 8);
        // SAFETY: lanes behind the slice's end are not read.
        unsafe { _mm256_maskload_ps(from.as_ptr(), mask8(self, from.len())) }
    }

    #[inline(always)]
    fn store(self, register: __m256, to: &mut [f32]) {
        // SAFETY: so much space is there, the slicing checks.
        unsafe { _mm256_storeu_ps(to[..8].as_mut_ptr(), register) }
    }

    #[inline(always)]
    fn store_part(self, register: __m256, to: &mut [f32]) {
        assert!(to.len() <= 8);
        // SAFETY: lanes behind the slice's end are not written.
        unsafe { _mm256_maskstore_ps(to.as_mut_ptr(), mask8(self, to.len()), register) }
    }

    #[inline(always)]
    fn multiply_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn multiply(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn maximum(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn where_not_below(self, a: __m256, b: __m256, then: __m256, other: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_blendv_ps(other, then, _mm256_cmp_ps::<_CMP_GE_OQ>(a, b)) }
    }

    #[inline(always)]
    fn sum(self, register: __m256) -> f32 {
        // SAFETY: see `splat`.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(register), _mm256_extractf128_ps::<1>(register));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
}
