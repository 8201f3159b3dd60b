//! Several numbers in one register, so that one kernel's text serves every processor.
//!
//! A kernel is written once over [`Lanes`] and compiled for each kind of register inside a
//! function that enables the instructions. Plain numbers are lanes too: one at a time.

/// A register of numbers. The methods may run only where the processor has the instructions,
/// and are always inlined into a function that enables them.
pub(super) trait Lanes: Copy {
    /// How many numbers.
    const WIDTH: usize;

    /// The same number in every lane.
    ///
    /// # Safety
    ///
    /// The processor has the instructions (so for every method).
    unsafe fn splat(value: f32) -> Self;

    /// The first `WIDTH` numbers of a slice.
    ///
    /// # Safety
    ///
    /// See [`splat`](Self::splat).
    unsafe fn load(from: &[f32]) -> Self;

    /// Into the first `WIDTH` numbers of a slice.
    ///
    /// # Safety
    ///
    /// See [`splat`](Self::splat).
    unsafe fn store(self, to: &mut [f32]);

    /// `self · b + c`.
    ///
    /// # Safety
    ///
    /// See [`splat`](Self::splat).
    unsafe fn multiply_add(self, b: Self, c: Self) -> Self;

    /// `self + b`.
    ///
    /// # Safety
    ///
    /// See [`splat`](Self::splat).
    unsafe fn add(self, b: Self) -> Self;
}

/// One number, product and sum rounded each: what every processor can do.
impl Lanes for f32 {
    const WIDTH: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        value
    }

    #[inline(always)]
    unsafe fn load(from: &[f32]) -> Self {
        from[0]
    }

    #[inline(always)]
    unsafe fn store(self, to: &mut [f32]) {
        to[0] = self;
    }

    #[inline(always)]
    unsafe fn multiply_add(self, b: Self, c: Self) -> Self {
        self * b + c
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        self + b
    }
}

/// One number, rounded once, like the lanes of the wide registers: for what is left over at
/// the end of a row.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Fused(f32);

#[cfg(target_arch = "x86_64")]
impl Lanes for Fused {
    const WIDTH: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Fused(value)
    }

    #[inline(always)]
    unsafe fn load(from: &[f32]) -> Self {
        Fused(from[0])
    }

    #[inline(always)]
    unsafe fn store(self, to: &mut [f32]) {
        to[0] = self.0;
    }

    #[inline(always)]
    unsafe fn multiply_add(self, b: Self, c: Self) -> Self {
        Fused(self.0.mul_add(b.0, c.0))
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Fused(self.0 + b.0)
    }
}

/// Lanes over an x86-64 register type and its intrinsics.
#[cfg(target_arch = "x86_64")]
macro_rules! register {
    ($name:ident, $width:literal, $splat:ident, $load:ident, $store:ident, $multiply_add:ident, $add:ident) => {
        impl Lanes for std::arch::x86_64::$name {
            const WIDTH: usize = $width;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: the caller vouches for the processor.
                unsafe { std::arch::x86_64::$splat(value) }
            }

            #[inline(always)]
            unsafe fn load(from: &[f32]) -> Self {
                // SAFETY: so many numbers are there, the slicing checks; no alignment needed.
                unsafe { std::arch::x86_64::$load(from[..$width].as_ptr()) }
            }

            #[inline(always)]
            unsafe fn store(self, to: &mut [f32]) {
                // SAFETY: as in `load`.
                unsafe { std::arch::x86_64::$store(to[..$width].as_mut_ptr(), self) }
            }

            #[inline(always)]
            unsafe fn multiply_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the caller vouches for the processor.
                unsafe { std::arch::x86_64::$multiply_add(self, b, c) }
            }

            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                // SAFETY: the caller vouches for the processor.
                unsafe { std::arch::x86_64::$add(self, b) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
register!(__m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps, _mm256_add_ps);
#[cfg(target_arch = "x86_64")]
register!(__m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps, _mm512_add_ps);
