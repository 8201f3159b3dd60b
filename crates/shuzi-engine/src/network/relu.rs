//! Rectified linear unit, `y = max(x, 0)`.
//!
//! Backward: `dx = dy` where `x ≥ 0`, else 0. The slope at 0 itself is a choice; the tutorial
//! that shuzi begins with takes 1, and so do we (Nair & Hinton 2010).

use crate::kernels::{Level, Loop};

/// `y = max(x, 0)`, element by element.
pub fn forward(level: Level, x: &[f32], y: &mut [f32]) {
    level.vectorize(Forward { x, y });
}

struct Forward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Loop for Forward<'_> {
    #[inline(always)]
    fn run(self) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = if x < 0.0 { 0.0 } else { x }; // not `max`, which would hide a NaN
        }
    }
}

/// `dx = dy` where `x ≥ 0`; `x` is what `forward` saw.
pub fn backward(level: Level, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    level.vectorize(Backward { x, dy, dx });
}

struct Backward<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Loop for Backward<'_> {
    #[inline(always)]
    fn run(self) {
        for ((dx, &dy), &x) in self.dx.iter_mut().zip(self.dy).zip(self.x) {
            *dx = if x < 0.0 { 0.0 } else { dy };
        }
    }
}

/// [`backward`], where `dy` becomes `dx`.
pub fn backward_in_place(level: Level, x: &[f32], dy: &mut [f32]) {
    level.vectorize(BackwardInPlace { x, dy });
}

struct BackwardInPlace<'a> {
    x: &'a [f32],
    dy: &'a mut [f32],
}

impl Loop for BackwardInPlace<'_> {
    #[inline(always)]
    fn run(self) {
        for (dy, &x) in self.dy.iter_mut().zip(self.x) {
            *dy = if x < 0.0 { 0.0 } else { *dy };
        }
    }
}
