//! Convolution of images that lie pixel by pixel, the channels of a pixel side by side.
//!
//! No image is unfolded: a tile of output pixels keeps its sums in registers while a window's
//! numbers go by, each read where it lies (compare Dukhan 2019, "The Indirect Convolution Algorithm").
//! The plain forms are the sums as they are written.

mod forward;
mod geometry;
mod gradient;
mod plain;

pub(super) use self::geometry::Places;
use self::{forward::Forward, gradient::Gradient};
pub use self::{
    geometry::Geometry,
    plain::{forward_plain, gradient_plain},
};
use super::{
    Activation, Level,
    lanes::{Bf16Lanes, Lanes},
};
use std::{marker::PhantomData, slice};

/// What images are multiplied by, and what is added.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a> {
    /// Their shape.
    pub geometry: Geometry,
    /// `[kernel, kernel, channels, outputs]`.
    pub weight: &'a [f32],
    /// `[outputs]`; 0 if it is empty.
    pub bias: &'a [f32],
    /// What is done to the sums.
    pub activation: Activation,
}

/// `y[p, o] = bias[o] + Σ x[window of p] · weight[o]` for every pixel `p` of all images in `x`.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward(level: Level, filters: Filters<'_>, x: &[f32], y: &mut [f32]) {
    level.run(Forward::<Numbers>::new(filters, x, y));
}

/// [`forward`](fn@forward) of packed bfloat16: each number of `x` and `weight` is two, channels side by side, so that
/// the geometry has half of the channels.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn forward_bf16(level: Level, filters: Filters<'_>, x: &[f32], y: &mut [f32]) {
    level.run_bf16(Forward::<PackedBf16>::new(filters, x, y));
}

/// `dweight[k, o] = Σ x[k of the window of p] · dy[p, o]` over all pixels `p` of all images.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn gradient(level: Level, geometry: Geometry, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let images = geometry.images(x, dy);
    assert_eq!(dweight.len(), geometry.weights(), "convolution: size of the weights");
    let (pixels, step) = (geometry.output_width(), geometry.stride * geometry.channels);
    level.run(Gradient { geometry, images, pixels, step, x, dy, dweight, multiply: PhantomData::<Numbers> });
}

/// [`gradient`](fn@gradient) of packed bfloat16: each number of `dy` is one of a pixel and the next in its row (or 0), so that a row
/// has half of the pixels, rounded up; each number of `x` is one of a pixel and the one that is
/// `stride` behind it.
///
/// # Panics
///
/// If the sizes do not fit.
pub fn gradient_bf16(level: Level, geometry: Geometry, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let images = x.len() / geometry.input_len();
    assert_eq!(x.len(), images * geometry.input_len(), "convolution: whole images");
    let pixels = geometry.output_width().div_ceil(2);
    let rows = images * geometry.output_height();
    assert_eq!(dy.len(), rows * pixels * geometry.outputs, "convolution: size of the output");
    assert_eq!(dweight.len(), geometry.weights(), "convolution: size of the weights");
    let step = 2 * geometry.stride * geometry.channels;
    level.run_bf16(Gradient {
        geometry,
        images,
        pixels,
        step,
        x,
        dy,
        dweight,
        multiply: PhantomData::<PackedBf16>,
    });
}

/// Loads so many numbers, `N` registers of them or (if not `WHOLE`) fewer than one.
///
/// # Safety
///
/// They are there.
#[inline(always)]
unsafe fn load_columns<L: Lanes, const N: usize, const WHOLE: bool>(
    lanes: L,
    from: *const f32,
    columns: usize,
) -> [L::Register; N] {
    let mut registers = [lanes.splat(0.0); N];
    if WHOLE {
        for n in 0..N {
            // SAFETY: the caller promises `N` registers of numbers.
            registers[n] = lanes.load(unsafe { slice::from_raw_parts(from.add(n * L::WIDTH), L::WIDTH) });
        }
    } else {
        // SAFETY: the caller promises so many.
        registers[0] = lanes.load_part(unsafe { slice::from_raw_parts(from, columns) });
    }
    registers
}

/// How a number of the input meets one of the weights.
trait Multiply<L: Lanes> {
    /// `c[n] += a·b[n]`.
    fn multiply_add<const N: usize>(lanes: L, a: &f32, b: [L::Register; N], c: &mut [L::Register; N]);
}

/// Each number by itself.
struct Numbers;

impl<L: Lanes> Multiply<L> for Numbers {
    #[inline(always)]
    fn multiply_add<const N: usize>(lanes: L, a: &f32, b: [L::Register; N], c: &mut [L::Register; N]) {
        let a = lanes.splat(*a);
        for n in 0..N {
            c[n] = lanes.multiply_add(a, b[n], c[n]);
        }
    }
}

/// Two bfloat16 in the place of each number, see [`super::packed_bf16`].
struct PackedBf16;

impl<L: Bf16Lanes> Multiply<L> for PackedBf16 {
    #[inline(always)]
    fn multiply_add<const N: usize>(lanes: L, a: &f32, b: [L::Register; N], c: &mut [L::Register; N]) {
        if N == 1 {
            c[0] = lanes.dot_bf16_splat(a, b[0], c[0]);
        } else {
            let a = lanes.splat(*a);
            for n in 0..N {
                c[n] = lanes.dot_bf16(a, b[n], c[n]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
