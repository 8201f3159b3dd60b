//! Several numbers in one register, so that one kernel's text serves every processor.
//!
//! A kernel is a [`Kernel`]: written once over [`Lanes`], compiled for each [`Level`], and run
//! at the level that the processor has. Whoever holds a value of a `Lanes` type may use its
//! instructions, because only [`Level::run`] makes one; so the kernels themselves are safe.

use super::Level;
use std::ops::Range;

/// Arithmetic that is compiled for every level.
///
/// `run` and all that it calls must be `#[inline(always)]`, so that it is compiled with the
/// instructions of the level.
pub(super) trait Kernel {
    /// Does the work with these lanes.
    fn run<L: Lanes>(self, lanes: L);
}

impl Level {
    /// Runs `kernel` with this level's instructions.
    ///
    /// # Panics
    ///
    /// If the processor does not have them.
    #[inline]
    pub(super) fn run(self, kernel: impl Kernel) {
        match self {
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            Level::Plain => kernel.run(Plain),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Plain => kernel.run(wasm::Simd128),
            // SAFETY: such a level is made by `Level::detect` only, where the processor has it.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => unsafe { run_avx2(kernel) },
            // SAFETY: the same.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => unsafe { run_avx512(kernel) },
        }
    }
}

/// A kernel that takes pairs of numbers; see [`PairLanes`].
pub(super) trait PairKernel {
    /// Does the work with these lanes.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    fn run<L: PairLanes>(self, lanes: L);
}

impl Level {
    /// Whether the processor itself multiplies pairs of bfloat16.
    pub fn has_bf16(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Level::Avx512(_) = self {
            return is_x86_feature_detected!("avx512bf16");
        }
        false
    }

    /// Runs `kernel` on pairs, with the processor's instructions if it [has them](Self::has_bf16), else
    /// plainly.
    #[inline]
    pub(super) fn run_pairs(self, kernel: impl PairKernel) {
        #[cfg(target_arch = "x86_64")]
        if self.has_bf16() {
            // SAFETY: the processor was asked for AVX-512 and its bfloat16 part.
            return unsafe { run_avx512_pairs(kernel) };
        }
        // Nobody asks for pairs in WebAssembly, where every byte of code is loaded first.
        #[cfg(not(target_arch = "wasm32"))]
        kernel.run(Plain);
        #[cfg(target_arch = "wasm32")]
        unreachable!("pairs of bfloat16 in WebAssembly: {}", size_of_val(&kernel));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,bmi2,popcnt")]
fn run_avx512_pairs(kernel: impl PairKernel) {
    kernel.run(x86::Avx512::<true>(()));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(kernel: impl Kernel) {
    kernel.run(x86::Avx2(()));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")]
fn run_avx512(kernel: impl Kernel) {
    kernel.run(x86::Avx512::<false>(()));
}

/// A kind of register, and the right to use it.
pub(super) trait Lanes: Copy {
    /// `WIDTH` numbers.
    type Register: Copy;
    /// How many numbers.
    const WIDTH: usize;
    /// How many registers there are.
    const REGISTERS: usize;

    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::Register;

    /// The first `WIDTH` numbers of a slice.
    fn load(self, from: &[f32]) -> Self::Register;

    /// All numbers of a slice of up to `WIDTH`, and 0 in the other lanes.
    fn load_part(self, from: &[f32]) -> Self::Register;

    /// Into the first `WIDTH` numbers of a slice.
    fn store(self, register: Self::Register, to: &mut [f32]);

    /// As many lanes as a slice of up to `WIDTH` has numbers, into it.
    fn store_part(self, register: Self::Register, to: &mut [f32]);

    /// `a·b + c`, rounded once where the processor can.
    fn multiply_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;

    /// `a·b`.
    fn multiply(self, a: Self::Register, b: Self::Register) -> Self::Register;

    /// `a + b`.
    fn add(self, a: Self::Register, b: Self::Register) -> Self::Register;

    /// The larger of `a` and `b`.
    fn maximum(self, a: Self::Register, b: Self::Register) -> Self::Register;

    /// `then` where `a ≥ b`, else `other`.
    fn where_not_below(
        self,
        a: Self::Register,
        b: Self::Register,
        then: Self::Register,
        other: Self::Register,
    ) -> Self::Register;

    /// The sum of all lanes.
    fn sum(self, register: Self::Register) -> f32;

    /// Lists the bytes that are not 0, each as `place << 8 | byte`, where the first byte's place
    /// is `first`. Returns how many; what is written behind them has no meaning.
    #[inline(always)]
    fn list_nonzero(self, bytes: &[u8; 16], first: u32, entries: &mut [u32; 16]) -> usize {
        if u128::from_ne_bytes(*bytes) == 0 {
            return 0;
        }
        let mut count = 0;
        for (place, &byte) in (first..).zip(bytes) {
            entries[count & 15] = place << 8 | u32::from(byte); // written always, kept if not 0:
            count += usize::from(byte != 0); // no branch to guess
        }
        count
    }

    /// Turns 64 bytes, from `first`, of 16 rows around: `columns[i * stride][j]` is made of the bytes
    /// `first + 4i` to `first + 4i + 3` of row `j`, the first lowest.
    #[inline(always)]
    fn transpose<const N: usize>(
        self,
        rows: &[&[u8; N]; 16],
        first: usize,
        columns: &mut [[u32; 16]],
        stride: usize,
    ) {
        for (j, row) in rows.iter().enumerate() {
            for (i, bytes) in row[first..][..64].as_chunks().0.iter().enumerate() {
                columns[i * stride][j] = u32::from_le_bytes(*bytes);
            }
        }
    }

    /// Lists the numbers of a column whose lower half is not 0, each as `place << 16 | lower half`, and
    /// then those whose upper half is not 0, as `place << 16 | upper half`. Returns how many; what is
    /// written behind them has no meaning. `entries` has room for all numbers twice.
    #[inline(always)]
    fn list_pairs(self, column: &[[u32; 16]], entries: &mut [u32]) -> [usize; 2] {
        let mut end = 0;
        [0, 16].map(|shift| {
            let start = end;
            for (place, number) in (0..).zip(column.as_flattened()) {
                let half = number >> shift & 0xffff;
                entries[end] = place << 16 | half; // written always, kept if not 0:
                end += usize::from(half != 0); // no branch to guess
            }
            end - start
        })
    }
}

/// Lanes that each hold a pair of bfloat16, the first in the lower half.
pub(super) trait PairLanes: Lanes {
    /// `a₀·b₀ + a₁·b₁ + c` in each lane, where `c` is one number and the products are exact.
    fn dot_pairs(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;

    /// [`dot_pairs`](Self::dot_pairs) with the same pair in every lane.
    #[inline(always)]
    fn dot_pair(self, a: &f32, b: Self::Register, c: Self::Register) -> Self::Register {
        self.dot_pairs(self.splat(*a), b, c)
    }
}

impl PairLanes for Plain {
    #[inline(always)]
    fn dot_pairs(self, a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        let halves = |pair: f32| [pair.to_bits() << 16, pair.to_bits() & 0xffff_0000].map(f32::from_bits);
        std::array::from_fn(|i| {
            let ([a0, a1], [b0, b1]) = (halves(a[i]), halves(b[i]));
            a0 * b0 + a1 * b1 + c[i]
        })
    }
}

/// The columns of a row of so many, a register's width at a time; the last may be fewer.
#[inline(always)]
pub(super) fn strips<L: Lanes>(columns: usize) -> impl Iterator<Item = Range<usize>> {
    (0..columns).step_by(L::WIDTH).map(move |start| start..columns.min(start + L::WIDTH))
}

/// The numbers of a row; fewer than fit into `N` registers only if `N` is 1.
#[inline(always)]
pub(super) fn load<L: Lanes, const N: usize>(lanes: L, row: &[f32]) -> [L::Register; N] {
    if N == 1 {
        return [lanes.load_part(row); N];
    }
    let row = &row[..N * L::WIDTH];
    let mut registers = [lanes.splat(0.0); N]; // loops, not `map`: that is not always inlined
    for n in 0..N {
        registers[n] = lanes.load(&row[n * L::WIDTH..]);
    }
    registers
}

/// Into a row as [`load`] reads it.
#[inline(always)]
pub(super) fn store<L: Lanes, const N: usize>(lanes: L, registers: [L::Register; N], row: &mut [f32]) {
    if N == 1 {
        return lanes.store_part(registers[0], row);
    }
    let row = &mut row[..N * L::WIDTH];
    for n in 0..N {
        lanes.store(registers[n], &mut row[n * L::WIDTH..]);
    }
}

/// What every processor can do: loops over arrays, which the compiler puts into whatever
/// registers there are.
#[derive(Clone, Copy)]
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub(super) struct Plain;

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

/// The whole of a WebAssembly is compiled with these instructions or without, so they need no proof.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use super::Lanes;
    use std::arch::wasm32::*;

    /// 4 numbers.
    #[derive(Clone, Copy)]
    pub(super) struct Simd128;

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
            // SAFETY: so much room is there, the slicing checks.
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
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, PairLanes};
    use std::{
        arch::{asm, x86_64::*},
        mem,
    };

    /// 8 numbers; proof that the processor has AVX2 and FMA.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(pub(super) ());

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
            // SAFETY: so much room is there, the slicing checks.
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

    /// 16 numbers; proof that the processor has AVX-512 (F, BW, DQ, VL), and if `PAIRS` its BF16 too.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx512<const PAIRS: bool>(pub(super) ());

    impl PairLanes for Avx512<true> {
        #[inline(always)]
        fn dot_pairs(self, a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: the processor has AVX-512 with BF16, `self` proves it; all three types are 512 bits.
            unsafe {
                _mm512_dpbf16_ps(
                    c,
                    mem::transmute::<__m512, __m512bh>(a),
                    mem::transmute::<__m512, __m512bh>(b),
                )
            }
        }

        #[inline(always)]
        fn dot_pair(self, a: &f32, b: __m512, c: __m512) -> __m512 {
            // SAFETY: see `dot_pairs`.
            unsafe { dot_pair(a, b, c) }
        }
    }

    /// The first `count` lanes, of up to 16.
    #[inline(always)]
    fn mask16(count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }

    /// `vdpbf16ps` with a pair from memory, which the compiler would spread over a register first. That takes
    /// as long as the product itself.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn dot_pair(a: &f32, b: __m512, mut c: __m512) -> __m512 {
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

    impl<const PAIRS: bool> Lanes for Avx512<PAIRS> {
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
            // SAFETY: so much room is there, the slicing checks.
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
                let mut pairs = rows;
                for i in 0..8 {
                    pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
                    pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
                }
                // Now groups of 4 rows: blocks[4g + j] has in each quarter q column 4q + j of rows 4g..4g + 4.
                let mut blocks = pairs;
                for g in 0..4 {
                    let p = [pairs[4 * g], pairs[4 * g + 1], pairs[4 * g + 2], pairs[4 * g + 3]];
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
        fn list_pairs(self, column: &[[u32; 16]], entries: &mut [u32]) -> [usize; 2] {
            assert!(2 * column.as_flattened().len() <= entries.len(), "list_pairs");
            // SAFETY: see `splat`; as many numbers are read as there are, and at most 16 entries are written
            // for each 16 of them, twice, for which there is room, checked above.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation, against what it says, on more than one register's numbers.
    struct Check;

    impl Kernel for Check {
        fn run<L: Lanes>(self, lanes: L) {
            let numbers: Vec<f32> = (0..L::WIDTH).map(|i| i as f32 - 3.0).collect();
            let stored = |register: L::Register| {
                let mut to = vec![f32::NAN; L::WIDTH];
                lanes.store(register, &mut to);
                to
            };
            assert_eq!(stored(lanes.splat(2.5)), vec![2.5; L::WIDTH]);
            let register = lanes.load(&numbers);
            assert_eq!(stored(register), numbers);
            assert_eq!(lanes.sum(register), numbers.iter().sum::<f32>());
            let sum = stored(lanes.add(register, lanes.splat(1.0)));
            assert_eq!(sum, numbers.iter().map(|x| x + 1.0).collect::<Vec<_>>());
            let product = stored(lanes.multiply(register, lanes.splat(2.0)));
            assert_eq!(product, numbers.iter().map(|x| x * 2.0).collect::<Vec<_>>());
            let product = stored(lanes.multiply_add(register, lanes.splat(2.0), lanes.splat(1.0)));
            assert_eq!(product, numbers.iter().map(|x| x * 2.0 + 1.0).collect::<Vec<_>>());
            let zero = lanes.splat(0.0);
            let maximum = stored(lanes.maximum(register, zero));
            assert_eq!(maximum, numbers.iter().map(|x| x.max(0.0)).collect::<Vec<_>>());
            let chosen = stored(lanes.where_not_below(register, zero, lanes.splat(1.0), lanes.splat(2.0)));
            assert_eq!(chosen, numbers.iter().map(|&x| if x >= 0.0 { 1.0 } else { 2.0 }).collect::<Vec<_>>());
            for count in 0..=L::WIDTH {
                let part = stored(lanes.load_part(&numbers[..count]));
                assert!(part[..count] == numbers[..count] && part[count..].iter().all(|&x| x == 0.0));
                let mut to = vec![7.0; count + 1];
                lanes.store_part(register, &mut to[..count]);
                assert!(to[..count] == numbers[..count] && to[count] == 7.0);
            }
            for seed in 0..200u64 {
                let bytes =
                    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) as u128 * 0x1_0001_0000_0001).to_le_bytes();
                let bytes = bytes.map(|byte| if byte.is_multiple_of(3) { byte } else { 0 });
                let mut entries = [0; 16];
                let count = lanes.list_nonzero(&bytes, 48, &mut entries);
                let nonzero = (0..16).filter(|&i| bytes[i] != 0);
                let expected: Vec<u32> =
                    nonzero.map(|i| (48 + i as u32) << 8 | u32::from(bytes[i])).collect();
                assert_eq!(entries[..count], expected);
            }

            let byte = |i: usize, j: usize| ((31 * i + 7 * j) as u8).saturating_sub(150);
            let rows: [[u8; 70]; 16] = std::array::from_fn(|j| std::array::from_fn(|i| byte(i, j)));
            let mut columns = [[7; 16]; 15 * 3 + 1];
            lanes.transpose(&rows.each_ref(), 6, &mut columns, 3);
            for (i, column) in columns.iter().enumerate() {
                let bytes = |j: usize| std::array::from_fn(|k| byte(6 + i / 3 * 4 + k, j));
                let turned = std::array::from_fn(|j| u32::from_le_bytes(bytes(j)));
                assert_eq!(*column, if i % 3 == 0 { turned } else { [7; 16] });
            }

            let column = &columns[..2];
            let expected = [0, 16].map(|shift| {
                let pairs = column.as_flattened().iter().map(|number| number >> shift & 0xffff);
                (0..)
                    .zip(pairs)
                    .filter(|&(_, pair)| pair != 0)
                    .map(|(place, pair)| place << 16 | pair)
                    .collect::<Vec<u32>>()
            });
            let mut entries = [7; 64];
            let counts = lanes.list_pairs(column, &mut entries);
            assert_eq!(counts, [expected[0].len(), expected[1].len()]);
            assert_eq!(entries[..counts[0] + counts[1]], expected.concat());
        }
    }

    #[test]
    fn every_level_does_what_the_trait_says() {
        for level in Level::all() {
            level.run(Check);
        }
    }
}
