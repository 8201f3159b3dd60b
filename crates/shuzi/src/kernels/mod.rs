//! The arithmetic that takes the time, and the only room with `unsafe` code.
//!
//! Each kernel has a plain form that says what it computes, and where that pays a fast form
//! that is tested against it. Slices in, slices out; knows nothing of layers or training.
#![allow(unsafe_code)]

mod lanes;
pub mod pixels;
pub mod product;
pub mod team;

/// Instructions that the fast forms are compiled for, found once by the processor's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What every processor of this architecture can do.
    Plain,
    /// AVX2 and FMA: 8 numbers at a time.
    Avx2,
    /// AVX-512: 16 numbers at a time.
    Avx512,
}

impl Level {
    /// The best level of this processor.
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("fma")
            {
                return Level::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Level::Avx2;
            }
        }
        Level::Plain
    }
}
