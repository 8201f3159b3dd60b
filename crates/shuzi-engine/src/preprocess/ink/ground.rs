//! The ground: what a channel would be without ink.
//!
//! In: one channel. Out: [`Ground`], a coarse grid of cells, each with the lighter half of its pixels, in which everything
//! dark and narrow is filled (a morphological closing). Shadows, light from one side and a table's edge stay in it.

use super::planes::{Cells, Plane};

/// What is narrower than twice this part of the shorter side is no ground.
const GROUND_RADIUS: f32 = 0.16;

/// A coarse picture of one channel's ground.
pub(super) struct Ground {
    cells: Cells,
    values: Vec<u8>,
}

impl Ground {
    /// Around dark ink.
    pub fn of_dark_ink(plane: Plane<'_>) -> Self {
        Ground::new(plane, 0)
    }

    /// Around light ink, which is dark ink in the negative.
    pub fn of_light_ink(plane: Plane<'_>) -> Self {
        Ground::new(plane, 255)
    }

    /// Around what is dark ink once all bits of `flip` are turned over.
    fn new(plane: Plane<'_>, flip: u8) -> Self {
        let cells = plane.cells();
        let Cells { columns, rows, .. } = cells;
        let radius = ((columns.min(rows) as f32 * GROUND_RADIUS).round() as usize).max(1);
        let lights: Vec<u8> = (0..rows * columns)
            .map(|i| lighter_half(plane, cells, [i % columns, i / columns], flip))
            .collect();
        let values = closed(&lights, columns, radius).into_iter().map(|value| value ^ flip).collect();
        Ground { cells, values }
    }

    /// The ground along a row of pixels, between the middles of cells in proportion.
    pub fn fill_row(&self, y: usize, row: &mut [u8]) {
        let Ground { cells: Cells { side, columns: width, rows: height, .. }, ref values } = *self;
        if side == 1 {
            row.copy_from_slice(&values[y * width..][..row.len()]);
            return;
        }
        let (upper, below) = between(y, side, height);
        let unit = 2 * side as u32;
        let cells = |line: usize| values[line * width..][..width].iter().map(|&value| u32::from(value));
        let lower = cells((upper + 1).min(height - 1));
        let line: Vec<u32> = cells(upper).zip(lower).map(|(a, b)| a * (unit - below) + b * below).collect();
        for (x, pixel) in row.iter_mut().enumerate() {
            let (left, right) = between(x, side, width);
            let sum = line[left] * (unit - right) + line[(left + 1).min(width - 1)] * right;
            *pixel = ((sum + unit * unit / 2) / (unit * unit)) as u8;
        }
    }
}

/// The cell whose middle lies before a pixel's, and how far the pixel lies behind it, in halves of a pixel.
fn between(pixel: usize, cell: usize, cells: usize) -> (usize, u32) {
    let place = (2 * pixel + 1).saturating_sub(cell);
    let index = (place / (2 * cell)).min(cells - 1);
    (index, (place - index * 2 * cell).min(2 * cell) as u32)
}

/// The mean of a cell's pixels that are lighter than its mean.
fn lighter_half(plane: Plane<'_>, cells: Cells, [column, row]: [usize; 2], flip: u8) -> u8 {
    let Plane { values, width, height } = plane;
    let Cells { side, step, .. } = cells;
    let (left, top) = (column * side, row * side);
    let (right, bottom) = ((left + side).min(width), (top + side).min(height));
    let pixels = (top..bottom)
        .step_by(step)
        .flat_map(|y| values[y * width..][left..right].iter().step_by(step).map(|&v| u32::from(v ^ flip)));
    let (sum, count) = pixels.clone().fold((0, 0), |(sum, count), value| (sum + value, count + 1));
    let upper = pixels.filter(|value| value * count >= sum);
    let (sum, count) = upper.fold((0, 0), |(sum, count), value| (sum + value, count + 1));
    ((sum + count / 2) / count) as u8
}

/// A closing with a square of `2·radius + 1` cells: each cell becomes the lightest within `radius`, then the darkest of these.
/// The outermost cells go on behind the border, as does what a picture's border cuts off.
pub(super) fn closed(cells: &[u8], columns: usize, radius: usize) -> Vec<u8> {
    let (margin, window) = (2 * radius, 2 * radius + 1);
    let (rows, stride) = (cells.len() / columns, columns + 2 * margin);
    let mut grid = Vec::with_capacity((rows + 2 * margin) * stride);
    for line in 0..rows + 2 * margin {
        let row = &cells[line.saturating_sub(margin).min(rows - 1) * columns..][..columns];
        grid.resize(grid.len() + margin, row[0]);
        grid.extend_from_slice(row);
        grid.resize(grid.len() + margin, row[columns - 1]);
    }
    // A window begins at its cell instead of around it, so both together move everything by the margin, to the left and up.
    // Windows that reach into the next line begin at the right of what is kept.
    for step in [1, stride] {
        grid = gathered(grid, window, step, u8::max);
    }
    for step in [1, stride] {
        grid = gathered(grid, window, step, u8::min);
    }
    grid.chunks(stride).flat_map(|line| &line[..columns]).copied().collect()
}

/// The `pick` of each `window` values that are `step` apart, by their first. Two windows that meet or overlap are one of
/// up to twice the size, so few runs over all values are enough, and each compares many of them at once.
fn gathered(mut values: Vec<u8>, window: usize, step: usize, pick: impl Fn(u8, u8) -> u8) -> Vec<u8> {
    let mut size = 1;
    while size < window {
        let more = size.min(window - size);
        values = values.iter().zip(&values[more * step..]).map(|(&a, &b)| pick(a, b)).collect();
        size += more;
    }
    values
}
