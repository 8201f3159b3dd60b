//! The arithmetic that takes the time, and the only module with `unsafe` code.
//!
//! Each kernel is written once and compiled for each [`Level`] of instructions; the plain
//! formula beside it is the oracle of its tests. Slices in, slices out; knows nothing of
//! layers or training.
#![allow(unsafe_code)]
// Loops over registers count: closures and iterators in them are not always inlined, and then they
// are compiled without the level's instructions.
#![allow(clippy::needless_range_loop)]

use self::lanes::{Kernel, Lanes};
pub mod channels;
pub mod convolution;
pub mod depthwise;
pub mod exponential;
pub mod int8;
mod lanes;
pub mod packed_bf16;
pub mod pixels;
pub mod pooling;
pub mod product;
pub mod team;

use aligned_vec::{AVec, ConstAlign, avec};
use std::fmt;

/// What becomes of each number of a result before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// It stays as it is.
    Identity,
    /// `max(y, 0)`.
    Relu,
}

/// The instructions that kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What every processor of this architecture can do.
    Plain,
    /// AVX2 and FMA: 8 numbers at a time.
    #[cfg(target_arch = "x86_64")]
    Avx2(Detected),
    /// AVX-512: 16 numbers at a time.
    #[cfg(target_arch = "x86_64")]
    Avx512(Detected),
}

/// Proof that the processor was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected(());

impl Level {
    /// The best level of this processor.
    pub fn detect() -> Level {
        *Level::all().last().expect("one at least")
    }

    /// Runs a simple loop, compiled with this level's instructions.
    #[inline]
    pub fn vectorize(self, work: impl Loop) {
        struct Work<W>(W);
        impl<W: Loop> Kernel for Work<W> {
            #[inline(always)]
            fn run<L: Lanes>(self, _: L) {
                self.0.run();
            }
        }
        self.run(Work(work));
    }

    /// All levels of this processor, the best last.
    pub fn all() -> Vec<Level> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))]
        let mut levels = vec![Level::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Level::Avx2(Detected(())));
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("popcnt")
                {
                    levels.push(Level::Avx512(Detected(())));
                }
            }
        }
        levels
    }
}

/// A loop over slices that is simple enough for the compiler to take many numbers at a time.
pub trait Loop {
    /// The loop; `#[inline(always)]`, or it is compiled without the level's instructions.
    fn run(self);
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Plain => "plain",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "avx512",
        })
    }
}

/// Begins to bring `bytes` near, for a later reader that jumps about in a large memory: into the
/// second cache, because the first is full of what is worked on now.
#[inline]
pub fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint; it never faults, and every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Asks the system for large pages behind the space that a vector has, before it is filled. Ten
/// thousand small ones take longer to hand out than MNIST to read, and whoever jumps about in them
/// waits for their addresses.
pub fn prefer_huge_pages(bytes: &mut Vec<u8>) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 2 << 20; // elsewhere large pages are larger, or begin anywhere
        let space = bytes.spare_capacity_mut();
        let before = space.as_ptr().align_offset(PAGE);
        let length = space.len().saturating_sub(before) / PAGE * PAGE;
        if length > 0 {
            // SAFETY: a hint about memory that the vector owns; it changes no byte of it.
            unsafe { libc::madvise(space.as_mut_ptr().add(before).cast(), length, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = bytes;
}

/// Numbers that begin at a cache line, so that no register is loaded from two.
pub type Numbers = AVec<f32, ConstAlign<64>>;

/// So many zeros.
pub fn zeros(count: usize) -> Numbers {
    avec![[64]| 0.0; count]
}

/// What to compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor {
    /// How many threads; at least 1.
    pub threads: usize,
    /// Which instructions.
    pub level: Level,
}

impl Processor {
    /// So many threads, and the best instructions that there are.
    pub fn with_threads(threads: usize) -> Self {
        Processor { threads, level: Level::detect() }
    }
}
