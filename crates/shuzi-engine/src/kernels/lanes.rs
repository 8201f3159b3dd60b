//! Several numbers in one register, so that one kernel's text serves every processor.
//!
//! A kernel is a [`Kernel`]: written once over [`Lanes`], compiled for each [`Level`], and run
//! at the level that the processor has. Whoever holds a value of a `Lanes` type may use its
//! instructions, because only [`Level::run`] makes one; so the kernels themselves are safe.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod plain;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

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
            Level::Plain => kernel.run(plain::Plain),
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

/// A kernel over packed bfloat16; see [`Bf16Lanes`].
pub(super) trait Bf16Kernel {
    /// Does the work with these lanes.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    fn run<L: Bf16Lanes>(self, lanes: L);
}

impl Level {
    /// Whether the processor itself multiplies packed bfloat16.
    pub fn has_bf16(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let Level::Avx512(_) = self {
            return is_x86_feature_detected!("avx512bf16");
        }
        false
    }

    /// Runs `kernel` on packed bfloat16, with the processor's instructions if it [has them](Self::has_bf16), else
    /// plainly.
    #[inline]
    pub(super) fn run_bf16(self, kernel: impl Bf16Kernel) {
        #[cfg(target_arch = "x86_64")]
        if self.has_bf16() {
            // SAFETY: the processor was asked for AVX-512 and its bfloat16 part.
            return unsafe { run_avx512_bf16(kernel) };
        }
        // Nobody asks for bfloat16 in WebAssembly, where every byte of code is loaded first.
        #[cfg(not(target_arch = "wasm32"))]
        kernel.run(plain::Plain);
        #[cfg(target_arch = "wasm32")]
        unreachable!("packed bfloat16 in WebAssembly: {}", size_of_val(&kernel));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,bmi2,popcnt")]
fn run_avx512_bf16(kernel: impl Bf16Kernel) {
    kernel.run(avx512::Avx512::<true>(()));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(kernel: impl Kernel) {
    kernel.run(avx2::Avx2(()));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2,popcnt")]
fn run_avx512(kernel: impl Kernel) {
    kernel.run(avx512::Avx512::<false>(()));
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
    /// written behind them has no meaning. `entries` has space for all numbers twice.
    #[inline(always)]
    fn list_nonzero_u16(self, column: &[[u32; 16]], entries: &mut [u32]) -> [usize; 2] {
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

/// Lanes that each hold two packed bfloat16, the first in the lower half.
pub(super) trait Bf16Lanes: Lanes {
    /// `a₀·b₀ + a₁·b₁ + c` in each lane, where `c` is one number and the products are exact.
    fn dot_bf16(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;

    /// [`dot_bf16`](Self::dot_bf16) with the same two numbers in every lane.
    #[inline(always)]
    fn dot_bf16_splat(self, a: &f32, b: Self::Register, c: Self::Register) -> Self::Register {
        self.dot_bf16(self.splat(*a), b, c)
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

#[cfg(test)]
mod tests;
