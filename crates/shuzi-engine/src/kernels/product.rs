//! The matrix product, `C = A·B` or `C += A·B`, on the shapes of a network.
//!
//! Libraries for large matrices copy them together first. Here they are small enough to be read
//! where they lie, which is faster than the `gemm`, `faer` and `matrixmultiply` crates
//! (docs/performance.md) and asks for no memory.

use super::{
    Level,
    lanes::{Kernel, Lanes, load, store, strips},
};
use std::ops::Range;

/// A matrix seen in a slice: `rows` x `columns`, with a distance between neighbours.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `values` row by row.
    ///
    /// # Panics
    ///
    /// If `values` is not `rows * columns` long.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "Matrix::new: {rows}x{columns}");
        Matrix { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The columns of `range` only.
    ///
    /// # Panics
    ///
    /// If the range ends behind the last column, or the matrix is transposed.
    pub fn columns(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.columns && self.column_stride == 1);
        let values = if self.rows == 0 { self.values } else { &self.values[range.start..] };
        Matrix { values, columns: range.len(), ..self }
    }

    /// Rows become columns, without moving a number.
    pub fn transposed(self) -> Self {
        Matrix {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.row_stride + column * self.column_stride]
    }
}

/// What a product does to the numbers that it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `c = a·b`.
    Overwrite,
    /// `c += a·b`.
    Add,
}

/// `c = a·b` or `c += a·b`; `c` is `[a.rows, b.columns]`, row by row.
///
/// # Panics
///
/// If the shapes do not fit, or both `a` and `b` are transposed and large.
pub fn multiply(level: Level, c: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, output: Output) {
    assert_eq!(a.columns, b.rows, "multiply: {}x{} by {}x{}", a.rows, a.columns, b.rows, b.columns);
    assert_eq!(c.len(), a.rows * b.columns, "multiply: size of the result");
    let (depth, width) = (b.rows, b.columns);
    if depth == 0 {
        if output == Output::Overwrite {
            c.fill(0.0);
        }
    } else if b.column_stride == 1 {
        level.run(Product { c, first_column: 0, width, a, b, output });
    } else if depth <= MAX_COPIED_DEPTH {
        // Few rows: laid out row by row first, some columns at a time.
        let mut rows = [0.0; 16 * MAX_COPIED_DEPTH];
        for first_column in (0..width).step_by(rows.len() / depth) {
            let columns = (width - first_column).min(rows.len() / depth);
            let rows = &mut rows[..depth * columns];
            let sources = b.values[first_column * b.column_stride..].chunks(b.column_stride);
            for (column, source) in sources.take(columns).enumerate() {
                for (row, &value) in source[..depth].iter().enumerate() {
                    rows[row * columns + column] = value;
                }
            }
            let b = Matrix::new(rows, depth, columns);
            level.run(Product { c, first_column, width, a, b, output });
        }
    } else {
        assert_eq!(a.column_stride, 1, "multiply: both are transposed");
        level.run(Dots { c, a, b, output });
    }
}

/// Rows of a transposed matrix up to which copying them costs less than dot products do.
const MAX_COPIED_DEPTH: usize = 64;

/// Some columns of `c = a·b` where `b` lies row by row: each number of `a` times a piece of a row
/// of `b`, a tile of `c` at a time in registers.
struct Product<'c, 'a, 'b> {
    c: &'c mut [f32],
    /// The column of `c` that the first of `b` belongs to.
    first_column: usize,
    /// Columns of `c`.
    width: usize,
    a: Matrix<'a>,
    b: Matrix<'b>,
    output: Output,
}

impl Kernel for Product<'_, '_, '_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        /// Rows of `b` whose strip stays in the first cache while it meets all rows of `a`.
        const DEPTH: usize = 256;
        for first in (0..self.a.columns).step_by(DEPTH) {
            let depth = first..self.a.columns.min(first + DEPTH);
            let mut start = 0;
            // As many sums as fit beside a row's strip: they hide each other's waiting.
            if L::REGISTERS >= 32 {
                while start + 3 * L::WIDTH <= self.b.columns {
                    self.strip::<L, 8, 3>(lanes, depth.clone(), start);
                    start += 3 * L::WIDTH;
                }
            }
            while start + 2 * L::WIDTH <= self.b.columns {
                if L::REGISTERS >= 32 {
                    self.strip::<L, 8, 2>(lanes, depth.clone(), start);
                } else {
                    self.strip::<L, 6, 2>(lanes, depth.clone(), start);
                }
                start += 2 * L::WIDTH;
            }
            while start < self.b.columns {
                self.strip::<L, 8, 1>(lanes, depth.clone(), start);
                start += L::WIDTH;
            }
        }
    }
}

impl Product<'_, '_, '_> {
    /// `N` registers of columns, from `start`, of all rows.
    #[inline(always)]
    fn strip<L: Lanes, const ROWS: usize, const N: usize>(
        &mut self,
        lanes: L,
        depth: Range<usize>,
        start: usize,
    ) {
        let mut row = 0;
        while row + ROWS <= self.a.rows {
            self.tile::<L, ROWS, N>(lanes, depth.clone(), row, start);
            row += ROWS;
        }
        if row + 4 <= self.a.rows {
            self.tile::<L, 4, N>(lanes, depth.clone(), row, start);
            row += 4;
        }
        while row < self.a.rows {
            self.tile::<L, 1, N>(lanes, depth.clone(), row, start);
            row += 1;
        }
    }

    #[inline(always)]
    fn tile<L: Lanes, const ROWS: usize, const N: usize>(
        &mut self,
        lanes: L,
        depth: Range<usize>,
        row: usize,
        start: usize,
    ) {
        let a = self.a;
        if a.column_stride == 1 {
            let mut rows = [&a.values[..0]; ROWS];
            for i in 0..ROWS {
                rows[i] = &a.values[(row + i) * a.row_stride..][depth.clone()];
            }
            self.sum::<L, ROWS, N>(lanes, depth, row, start, |i, k| rows[i][k]);
        } else {
            let columns = &a.values[depth.start * a.column_stride + row..];
            let columns = &columns[..(depth.len() - 1) * a.column_stride + ROWS];
            self.sum::<L, ROWS, N>(lanes, depth, row, start, |i, k| columns[k * a.column_stride + i]);
        }
    }

    /// One tile of `c`; `left` gives the number of `a` in a row of the tile and a column of `depth`.
    #[inline(always)]
    fn sum<L: Lanes, const ROWS: usize, const N: usize>(
        &mut self,
        lanes: L,
        depth: Range<usize>,
        row: usize,
        start: usize,
        left: impl Fn(usize, usize) -> f32,
    ) {
        let b = self.b;
        let columns = start..b.columns.min(start + N * L::WIDTH);
        let c = |i: usize| (row + i) * self.width + self.first_column + columns.start;
        let mut sums = [[lanes.splat(0.0); N]; ROWS];
        if self.output == Output::Add || depth.start > 0 {
            for i in 0..ROWS {
                sums[i] = load::<L, N>(lanes, &self.c[c(i)..][..columns.len()]);
            }
        }
        for (k, index) in depth.enumerate() {
            let b = load::<L, N>(lanes, &b.values[index * b.row_stride..][columns.clone()]);
            for i in 0..ROWS {
                let a = lanes.splat(left(i, k));
                for n in 0..N {
                    sums[i][n] = lanes.multiply_add(a, b[n], sums[i][n]);
                }
            }
        }
        for i in 0..ROWS {
            store::<L, N>(lanes, sums[i], &mut self.c[c(i)..][..columns.len()]);
        }
    }
}

/// `c = a·b` where `b` lies column by column, as `a` row by row: each number of `c` is the
/// dot product of two slices.
struct Dots<'a> {
    c: &'a mut [f32],
    a: Matrix<'a>,
    b: Matrix<'a>,
    output: Output,
}

impl Kernel for Dots<'_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let mut column = 0;
        while column + 4 <= self.b.columns {
            let mut row = 0;
            while row + 4 <= self.a.rows {
                self.tile::<L, 4, 4>(lanes, row, column);
                row += 4;
            }
            while row < self.a.rows {
                self.tile::<L, 1, 4>(lanes, row, column);
                row += 1;
            }
            column += 4;
        }
        while column < self.b.columns {
            for row in 0..self.a.rows {
                self.tile::<L, 1, 1>(lanes, row, column);
            }
            column += 1;
        }
    }
}

impl Dots<'_> {
    #[inline(always)]
    fn tile<L: Lanes, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        lanes: L,
        row: usize,
        column: usize,
    ) {
        let depth = self.a.columns;
        let (mut a, mut b) = ([&self.a.values[..0]; ROWS], [&self.b.values[..0]; COLUMNS]);
        for i in 0..ROWS {
            a[i] = &self.a.values[(row + i) * self.a.row_stride..][..depth];
        }
        for j in 0..COLUMNS {
            b[j] = &self.b.values[(column + j) * self.b.column_stride..][..depth];
        }
        let mut sums = [[lanes.splat(0.0); COLUMNS]; ROWS];
        for k in (0..depth).step_by(L::WIDTH) {
            let k = k..depth.min(k + L::WIDTH);
            let whole = k.len() == L::WIDTH;
            let load = |row: &[f32]| {
                if whole { lanes.load(&row[k.clone()]) } else { lanes.load_part(&row[k.clone()]) }
            };
            let mut right = [lanes.splat(0.0); COLUMNS];
            for j in 0..COLUMNS {
                right[j] = load(b[j]);
            }
            for i in 0..ROWS {
                let left = load(a[i]);
                for j in 0..COLUMNS {
                    sums[i][j] = lanes.multiply_add(left, right[j], sums[i][j]);
                }
            }
        }
        for i in 0..ROWS {
            for j in 0..COLUMNS {
                let c = &mut self.c[(row + i) * self.b.columns + column + j];
                *c = lanes.sum(sums[i][j]) + if self.output == Output::Add { *c } else { 0.0 };
            }
        }
    }
}

/// `sums += Σ rows`, each as long as `sums`, in their order.
///
/// # Panics
///
/// If the last row is not whole.
pub fn add_rows(level: Level, sums: &mut [f32], rows: &[f32]) {
    assert!(rows.len().is_multiple_of(sums.len()), "add_rows: {} into {}", rows.len(), sums.len());
    level.run(AddRows { sums, rows });
}

struct AddRows<'a> {
    sums: &'a mut [f32],
    rows: &'a [f32],
}

impl Kernel for AddRows<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let width = self.sums.len();
        for columns in strips::<L>(width) {
            let mut sums = lanes.load_part(&self.sums[columns.clone()]);
            for row in self.rows.chunks_exact(width) {
                sums = lanes.add(sums, lanes.load_part(&row[columns.clone()]));
            }
            lanes.store_part(sums, &mut self.sums[columns]);
        }
    }
}

/// [`multiply`], plainly: the oracle of its tests.
pub fn multiply_plain(c: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, output: Output) {
    for row in 0..a.rows {
        for column in 0..b.columns {
            let product: f32 = (0..a.columns).map(|k| a.at(row, k) * b.at(k, column)).sum();
            let c = &mut c[row * b.columns + column];
            *c = match output {
                Output::Overwrite => product,
                Output::Add => *c + product,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_product_equals_its_plain_form(
            m in 1..20usize, n in 1..120usize, k in 0..300usize, seed in 0..1000u32, add: bool,
            transposed: Option<bool>, // neither, the left, the right
        ) {
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 16) as f32 / 65536.0 - 0.5;
            let a: Vec<f32> = (0..m * k).map(number).collect();
            let b: Vec<f32> = (0..k * n).map(|i| number(i + 7)).collect();
            let a = if transposed == Some(false) { Matrix::new(&a, k, m).transposed() } else { Matrix::new(&a, m, k) };
            let b = if transposed == Some(true) { Matrix::new(&b, n, k).transposed() } else { Matrix::new(&b, k, n) };
            let start: Vec<f32> = (0..m * n).map(number).collect();
            let mut plain = start.clone();
            let output = if add { Output::Add } else { Output::Overwrite };
            multiply_plain(&mut plain, a, b, output);
            for level in Level::all() {
                let mut fast = start.clone();
                multiply(level, &mut fast, a, b, output);
                for (fast, plain) in fast.iter().zip(&plain) {
                    prop_assert!((fast - plain).abs() < 1e-4, "{fast} {plain}"); // 300 terms below 0.25
                }
            }
        }
    }

    #[test]
    fn rows_are_added_in_their_order() {
        for (level, width) in
            Level::all().into_iter().flat_map(|level| (1..70).map(move |width| (level, width)))
        {
            let rows: Vec<f32> = (0..5 * width).map(|i| (i as f32).sin()).collect();
            let mut sums = vec![0.5; width];
            add_rows(level, &mut sums, &rows);
            for (column, sum) in sums.into_iter().enumerate() {
                assert_eq!(sum, (0..5).fold(0.5, |sum, row| sum + rows[row * width + column]));
            }
        }
    }

    #[test]
    fn columns_of_a_matrix_are_a_matrix() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let right = Matrix::new(&values, 2, 3).columns(1..3);
        let mut c = [0.0; 4];
        multiply(Level::detect(), &mut c, right.transposed(), right, Output::Overwrite);
        assert_eq!(c, [4.0 + 25.0, 6.0 + 30.0, 6.0 + 30.0, 9.0 + 36.0]);
    }
}
