//! AVX-512: 16 numbers at a time, and two packed bfloat16 in each lane where the processor multiplies them.
//!
//! A value of [`Avx512`] proves that the processor has these instructions; only [`Level::run`](super::Level::run) makes one.

use super::{Bf16Lanes, Lanes};
use std::{
    arch::{asm, x86_64::*},
    mem,
};

/// 16 numbers; proof that the processor has AVX-512 (F, BW, DQ, VL), and if `BF16` its BF16 too.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Avx512<const BF16: bool>(pub(super) ());

impl Bf16Lanes for Avx512<true> {
    #[inline(always)]
    fn dot_bf16(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the processor has AVX-512 with BF16, `self` proves it; all three types are 512 bits.
        unsafe {
            _mm512_dpbf16_ps(c, mem::transmute::<__m512, __m512bh>(a), mem::transmute::<__m512, __m512bh>(b))
        }
    }

    #[inline(always)]
    fn dot_bf16_splat(self, a: &f32, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see `dot_bf16`.
        unsafe { dot_bf16_from_memory(a, b, c) }
    }
}

/// The first `count` lanes, of up to 16.
#[inline(always)]
fn mask16(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

/// `vdpbf16ps` with two numbers from memory, which the compiler would spread over a register first. That takes
/// as long as the product itself.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn dot_bf16_from_memory(a: &f32, b: __m512, mut c: __m512) -> __m512 {
    // SAFETY: it reads `a` and nothing else.
    unsafe {
        asm!(
            "vdpbf16ps {c}, {b}, dword ptr [{a}]{{1to16}}",
            a = in(reg) a, b = in(zmm_reg) b, c = inout(zmm_reg) c,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    c
}

impl<const BF16: bool> Lanes for Avx512<BF16> {
    type Register = __m512;
    const WIDTH: usize = 16;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: the processor has AVX-512, `self` proves it (so for all below).
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> __m512 {
        // SAFETY: so many numbers are there, the slicing checks; no alignment needed.
        unsafe { _mm512_loadu_ps(from[..16].as_ptr()) }
    }

    #[inline(always)]
    fn load_part(self, from: &[f32]) -> __m512 {
        assert!(from.len() <= 16);
        // SAFETY: lanes behind the slice's end are not read.
        unsafe { _mm512_maskz_loadu_ps(mask16(from.len()), from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, register: __m512, to: &mut [f32]) {
        // SAFETY: so much space is there, the slicing checks.
        unsafe { _mm512_storeu_ps(to[..16].as_mut_ptr(), register) }
    }

    #[inline(always)]
    fn store_part(self, register: __m512, to: &mut [f32]) {
        assert!(to.len() <= 16);
        // SAFETY: lanes behind the slice's end are not written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask16(to.len()), register) }
    }

    #[inline(always)]
    fn multiply_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn multiply(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn maximum(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn where_not_below(self, a: __m512, b: __m512, then: __m512, other: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, b), other, then) }
    }

    #[inline(always)]
    fn sum(self, register: __m512) -> f32 {
        // SAFETY: see `splat`.
        unsafe { _mm512_reduce_add_ps(register) }
    }

    #[inline(always)]
    fn list_nonzero(self, bytes: &[u8; 16], first: u32, entries: &mut [u32; 16]) -> usize {
        // SAFETY: see `splat`; 16 bytes are read, and 16 entries written.
        unsafe {
            let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.as_ptr().cast()));
            let nonzero = _mm512_test_epi32_mask(bytes, bytes);
            let counting = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let places = _mm512_add_epi32(counting, _mm512_set1_epi32(first as i32));
            let all = _mm512_or_si512(_mm512_slli_epi32::<8>(places), bytes);
            // Into a register first: compressing straight into memory is slow on some processors.
            let listed = _mm512_maskz_compress_epi32(nonzero, all);
            _mm512_storeu_si512(entries.as_mut_ptr().cast(), listed);
            nonzero.count_ones() as usize
        }
    }

    #[inline(always)]
    fn transpose<const N: usize>(
        self,
        bytes: &[&[u8; N]; 16],
        first: usize,
        columns: &mut [[u32; 16]],
        stride: usize,
    ) {
        assert!(64 <= N && first <= N - 64 && stride.saturating_mul(15) < columns.len(), "transpose");
        // SAFETY: see `splat`; 64 bytes of each row are read, and 16 columns written, both checked above.
        unsafe {
            let mut rows = [_mm512_setzero_si512(); 16];
            for i in 0..16 {
                rows[i] = _mm512_loadu_si512(bytes[i].as_ptr().add(first).cast());
            }
            let mut twos = rows;
            for i in 0..8 {
                twos[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
                twos[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
            }
            // Now groups of 4 rows: blocks[4g + j] has in each quarter q column 4q + j of rows 4g..4g + 4.
            let mut blocks = twos;
            for g in 0..4 {
                let p = [twos[4 * g], twos[4 * g + 1], twos[4 * g + 2], twos[4 * g + 3]];
                blocks[4 * g] = _mm512_unpacklo_epi64(p[0], p[2]);
                blocks[4 * g + 1] = _mm512_unpackhi_epi64(p[0], p[2]);
                blocks[4 * g + 2] = _mm512_unpacklo_epi64(p[1], p[3]);
                blocks[4 * g + 3] = _mm512_unpackhi_epi64(p[1], p[3]);
            }
            for j in 0..4 {
                // A 4x4 transpose of quarters.
                let (a, b, c, d) = (blocks[j], blocks[4 + j], blocks[8 + j], blocks[12 + j]);
                let ab_low = _mm512_shuffle_i32x4::<0x44>(a, b); // a0 a1 b0 b1
                let ab_high = _mm512_shuffle_i32x4::<0xee>(a, b); // a2 a3 b2 b3
                let cd_low = _mm512_shuffle_i32x4::<0x44>(c, d);
                let cd_high = _mm512_shuffle_i32x4::<0xee>(c, d);
                let turned = [
                    _mm512_shuffle_i32x4::<0x88>(ab_low, cd_low), // a0 b0 c0 d0
                    _mm512_shuffle_i32x4::<0xdd>(ab_low, cd_low),
                    _mm512_shuffle_i32x4::<0x88>(ab_high, cd_high),
                    _mm512_shuffle_i32x4::<0xdd>(ab_high, cd_high),
                ];
                for q in 0..4 {
                    _mm512_storeu_si512(columns.as_mut_ptr().add((4 * q + j) * stride).cast(), turned[q]);
                }
            }
        }
    }

    #[inline(always)]
    fn list_nonzero_u16(self, column: &[[u32; 16]], entries: &mut [u32]) -> [usize; 2] {
        assert!(2 * column.as_flattened().len() <= entries.len(), "list_nonzero_u16");
        // SAFETY: see `splat`; as many numbers are read as there are, and at most 16 entries are written
        // for each 16 of them, twice, for which there is space, checked above.
        unsafe {
            let lower_half = _mm512_set1_epi32(0xffff);
            let mut any = _mm512_setzero_si512();
            for numbers in column {
                any = _mm512_or_si512(any, _mm512_loadu_si512(numbers.as_ptr().cast()));
            }
            if _mm512_test_epi32_mask(any, any) == 0 {
                return [0; 2];
            }
            let first_places = _mm512_slli_epi32::<16>(_mm512_setr_epi32(
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            ));
            let mut ends = [entries.as_mut_ptr(); 3];
            for half in 0..2 {
                let mut end = ends[half];
                let mut places = first_places;
                for numbers in column {
                    let numbers = _mm512_loadu_si512(numbers.as_ptr().cast());
                    let numbers = if half == 0 {
                        _mm512_and_si512(numbers, lower_half)
                    } else {
                        _mm512_srli_epi32::<16>(numbers)
                    };
                    let nonzero = _mm512_test_epi32_mask(numbers, numbers);
                    // Into a register first: compressing straight into memory is slow on some processors.
                    let listed = _mm512_maskz_compress_epi32(nonzero, _mm512_or_si512(numbers, places));
                    _mm512_storeu_si512(end.cast(), listed);
                    end = end.add(nonzero.count_ones() as usize);
                    places = _mm512_add_epi32(places, _mm512_set1_epi32(16 << 16));
                }
                ends[half + 1] = end;
            }
            [ends[1].offset_from_unsigned(ends[0]), ends[2].offset_from_unsigned(ends[1])]
        }
    }
}
