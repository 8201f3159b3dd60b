//! Convolution as its formulas say it: the oracle of the tests.

use super::{Geometry, Places};

/// [`forward`](fn@super::forward), plainly: the oracle of its tests.
pub fn forward_plain(geometry: Geometry, weight: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    let g = geometry;
    for pixel in 0..y.len() / g.outputs {
        let window = Places::from(g, pixel).next();
        for o in 0..g.outputs {
            let mut sum = bias.get(o).copied().unwrap_or(0.0);
            for i in 0..g.kernel {
                for k in 0..g.run() {
                    sum += x[window + i * g.row() + k] * weight[(i * g.run() + k) * g.outputs + o];
                }
            }
            y[pixel * g.outputs + o] = sum;
        }
    }
}

/// [`gradient`](fn@super::gradient), plainly: the oracle of its tests.
pub fn gradient_plain(geometry: Geometry, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    let g = geometry;
    dweight.fill(0.0);
    for pixel in 0..dy.len() / g.outputs {
        let window = Places::from(g, pixel).next();
        for i in 0..g.kernel {
            for k in 0..g.run() {
                for o in 0..g.outputs {
                    let place = (i * g.run() + k) * g.outputs + o;
                    dweight[place] += x[window + i * g.row() + k] * dy[pixel * g.outputs + o];
                }
            }
        }
    }
}
