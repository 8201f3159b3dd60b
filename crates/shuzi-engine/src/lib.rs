//! shuzi (数字, "digit"): pixels in, digits out.
//!
//! A handwritten-digit recogniser written out by hand: layers, backpropagation, training,
//! evaluation. This library opens no file, prints nothing, reads no clock and keeps no
//! global state: bytes, readers, seeds and callbacks come in, values go out.
#![deny(unsafe_code)]
// What only training uses stands beside what reading uses: the backward pass of a layer is in the layer's file.
#![cfg_attr(not(feature = "train"), allow(dead_code))]

pub mod classes;
#[cfg(feature = "train")]
pub mod dataset;
#[cfg(feature = "decoding")]
pub mod decode;
#[cfg(feature = "train")]
pub mod evaluation;
pub mod hash;
pub mod image;
pub mod kernels;
pub mod model;
pub mod network;
pub mod preprocess;
pub mod recipe;
pub mod recognition;
pub mod signs;
#[cfg(feature = "train")]
pub mod training;

pub use kernels::Processor;

/// The generator that every random choice is drawn from: seeded, small, and with a stream
/// that is documented as stable across versions (PCG XSL 128/64, O'Neill 2014).
pub type Rng = rand_pcg::Pcg64;
