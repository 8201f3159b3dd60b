//! The matrix product, `C = A·B` or `C += A·B`, by the `gemm` crate.
//!
//! Inside one thread `gemm` is as fast as any library on the shapes that occur
//! (docs/performance.md), so there is no product of our own besides the plain form.

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
    pub fn columns(self, range: std::ops::Range<usize>) -> Self {
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

/// `c = a·b`, or `c += a·b` if `add`; `c` is `[a.rows, b.columns]`, row by row.
///
/// # Panics
///
/// If the shapes do not fit.
pub fn multiply(c: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    assert_eq!(a.columns, b.rows, "multiply: {}x{} by {}x{}", a.rows, a.columns, b.rows, b.columns);
    assert_eq!(c.len(), a.rows * b.columns, "multiply: size of the result");
    let (m, n, k) = (a.rows, b.columns, a.columns);
    if k == 0 {
        if !add {
            c.fill(0.0);
        }
        return;
    }
    // SAFETY: `Matrix` keeps every place `row * row_stride + column * column_stride` inside
    // its slice, and `c` has m·n places, checked above; `c` is borrowed mutably, so nothing
    // overlaps.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// [`multiply`], plainly: the oracle of its tests.
pub fn multiply_plain(c: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    for row in 0..a.rows {
        for column in 0..b.columns {
            let product: f32 = (0..a.columns).map(|k| a.at(row, k) * b.at(k, column)).sum();
            let c = &mut c[row * b.columns + column];
            *c = if add { *c + product } else { product };
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
            m in 1..20usize, n in 1..20usize, k in 0..20usize, seed in 0..1000u32, add: bool, transposed: bool,
        ) {
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 16) as f32 / 65536.0 - 0.5;
            let a: Vec<f32> = (0..m * k).map(number).collect();
            let b: Vec<f32> = (0..k * n).map(|i| number(i + 7)).collect();
            let a = if transposed { Matrix::new(&a, k, m).transposed() } else { Matrix::new(&a, m, k) };
            let b = Matrix::new(&b, k, n);
            let mut fast: Vec<f32> = (0..m * n).map(number).collect();
            let mut plain = fast.clone();
            multiply(&mut fast, a, b, add);
            multiply_plain(&mut plain, a, b, add);
            for (fast, plain) in fast.iter().zip(&plain) {
                prop_assert!((fast - plain).abs() < 1e-5, "{fast} {plain}"); // 20 terms below 0.25
            }
        }
    }

    #[test]
    fn columns_of_a_matrix_are_a_matrix() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let right = Matrix::new(&values, 2, 3).columns(1..3);
        let mut c = [0.0; 4];
        multiply(&mut c, right.transposed(), right, false);
        assert_eq!(c, [4.0 + 25.0, 6.0 + 30.0, 6.0 + 30.0, 9.0 + 36.0]);
    }
}
