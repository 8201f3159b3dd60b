//! Polarity: whether the ink is darker than its ground or lighter.
//!
//! In: one channel. Out: [`Polarity`], by the sign of a skewness: ink is rare in its neighbourhood, and neither shadows nor
//! the edge of a table are. Each channel by itself: blue ink on yellow is dark in red and green, and light in blue.

use super::planes::{Cells, Plane};
use std::{array, ops::Range};

/// Whether ink is dark in a channel.
#[derive(Clone, Copy)]
pub(super) struct Polarity {
    pub is_dark: bool,
    pub is_certain: bool,
}

impl Polarity {
    /// The sign of the skewness of each pixel's difference from the mean around it; where a digit fills its picture and
    /// nothing is rare, the rim decides.
    pub fn of(plane: Plane<'_>) -> Self {
        /// Less skewness says little.
        const EVEN: f64 = 0.7;
        let Plane { values, width, height } = plane;
        let Cells { side, columns, rows, step } = plane.cells();
        let pixels = |column: usize, row: usize| {
            let (left, top) = (column * side, row * side);
            let across = move || (left..(left + side).min(width)).step_by(step);
            let down = (top..(top + side).min(height)).step_by(step);
            down.flat_map(move |y| across().map(move |x| f64::from(values[y * width + x])))
        };
        let sums = SummedCells::new(columns, rows, |column, row| {
            pixels(column, row).fold([0.0, 0.0], |[sum, count], light| [sum + light, count + 1.0])
        });
        let radius = columns.min(rows).div_ceil(4);
        let around = |place: usize, end: usize| place.saturating_sub(radius)..(place + radius + 1).min(end);
        let (mut second, mut third) = (0.0, 0.0);
        for row in 0..rows {
            for column in 0..columns {
                let [sum, count] = sums.over(around(column, columns), around(row, rows));
                for light in pixels(column, row) {
                    let away = light - sum / count;
                    second += away * away;
                    third += away * away * away;
                }
            }
        }
        let [_, count] = sums.over(0..columns, 0..rows);
        let skewness = third / count / (second / count).max(1e-9).powf(1.5);
        let is_certain = skewness.abs() >= EVEN;
        Polarity { is_certain, is_dark: if is_certain { skewness < 0.0 } else { rim_is_light(plane) } }
    }
}

/// Whether the rim is lighter than the mean of the picture.
fn rim_is_light(plane: Plane<'_>) -> bool {
    let sum: u64 = plane.values.iter().map(|&value| u64::from(value)).sum();
    f64::from(plane.rim_median()) * (plane.width * plane.height) as f64 >= sum as f64
}

/// A summed-area table: sums and counts of all cells above and to the left, for means over rectangles.
struct SummedCells {
    columns: usize,
    sums: Vec<[f64; 2]>,
}

impl SummedCells {
    /// From the sum and the count of each cell, by column and row.
    fn new(columns: usize, rows: usize, cell: impl Fn(usize, usize) -> [f64; 2]) -> Self {
        let mut table = SummedCells { columns, sums: vec![[0.0; 2]; (columns + 1) * (rows + 1)] };
        for row in 0..rows {
            for column in 0..columns {
                let own = cell(column, row);
                let left = table.at(column, row + 1);
                let above = table.at(column + 1, row);
                let both = table.at(column, row);
                table.sums[(row + 1) * (columns + 1) + column + 1] =
                    array::from_fn(|k| own[k] + left[k] + above[k] - both[k]);
            }
        }
        table
    }

    fn at(&self, column: usize, row: usize) -> [f64; 2] {
        self.sums[row * (self.columns + 1) + column]
    }

    /// Sum and count of a rectangle of cells.
    fn over(&self, columns: Range<usize>, rows: Range<usize>) -> [f64; 2] {
        let (a, b) = (self.at(columns.end, rows.end), self.at(columns.start, rows.start));
        let (c, d) = (self.at(columns.start, rows.end), self.at(columns.end, rows.start));
        array::from_fn(|k| a[k] + b[k] - c[k] - d[k])
    }
}
