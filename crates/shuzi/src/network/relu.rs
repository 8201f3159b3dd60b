//! Rectified linear unit, `y = max(x, 0)`.
//!
//! Backward: `dx = dy` where `x ≥ 0`, else 0. The slope at 0 itself is a choice; the tutorial
//! that shuzi begins with takes 1, and so do we (Nair & Hinton 2010).

/// `y = max(x, 0)`, element by element.
pub fn forward(x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = if x < 0.0 { 0.0 } else { x }; // not `max`, which would hide a NaN
    }
}

/// `dx = dy` where `x ≥ 0`; `x` is what `forward` saw.
pub fn backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    for ((dx, &dy), &x) in dx.iter_mut().zip(dy).zip(x) {
        *dx = if x < 0.0 { 0.0 } else { dy };
    }
}
