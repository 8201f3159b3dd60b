//! Each kernel at each level of instructions, beside its plain form and the libraries' products, on
//! the shapes that occur. One thread; items are multiplications, as a dense product counts them, or images.

mod convolution;

use divan::{Bencher, black_box, counter::ItemsCount};
use shuzi_engine::{
    dataset::synthetic,
    kernels::{
        Level,
        exponential::exponentials,
        pixels::{
            by_image::{self, ImageLists},
            by_pixel::{self, PixelBlock},
        },
        product::{Matrix, Output, add_rows, multiply, multiply_plain},
    },
    network::softmax::{self, Targets},
};
use std::{fmt, iter};

fn main() {
    divan::main();
}

/// Who does the work.
#[derive(Clone, Copy)]
enum By {
    /// The oracle of the tests.
    PlainForm,
    Kernel(Level),
    Gemm,
    MatrixMultiply,
}

/// What is worked on, and by whom.
struct Case<const N: usize> {
    by: By,
    shape: [usize; N],
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::PlainForm => f.write_str("plain form"),
            By::Kernel(level) => write!(f, "kernel, {level}"),
            By::Gemm => f.write_str("gemm"),
            By::MatrixMultiply => f.write_str("matrixmultiply"),
        }
    }
}

impl<const N: usize> fmt::Display for Case<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.shape, self.by)
    }
}

fn kernels() -> impl Iterator<Item = By> {
    iter::once(By::PlainForm).chain(Level::all().into_iter().map(By::Kernel))
}

/// Each shape by each kernel, and by the libraries if they have it.
fn cases<const N: usize>(shapes: &[[usize; N]], libraries: bool) -> Vec<Case<N>> {
    let others = if libraries { &[By::Gemm, By::MatrixMultiply][..] } else { &[] };
    let case = |shape| kernels().chain(others.iter().copied()).map(move |by| Case { by, shape });
    shapes.iter().copied().flat_map(case).collect()
}

/// Numbers of no meaning.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.7).sin()).collect()
}

/// `c = a·b`, all row by row, `a` `[m, k]` or, if `transposed`, `[k, m]`.
fn product(by: By, c: &mut [f32], a: &[f32], b: &[f32], [m, k, n]: [usize; 3], transposed: bool) {
    assert!(c.len() == m * n && a.len() == m * k && b.len() == k * n);
    let (a_rows, a_columns) = if transposed { (1, m as isize) } else { (k as isize, 1) };
    let n_stride = n as isize;
    let (left, right) = (
        if transposed { Matrix::new(a, k, m).transposed() } else { Matrix::new(a, m, k) },
        Matrix::new(b, k, n),
    );
    match by {
        By::PlainForm => multiply_plain(c, left, right, Output::Overwrite),
        By::Kernel(level) => multiply(level, c, left, right, Output::Overwrite),
        // SAFETY: the matrices are as large as these shapes and strides say, checked above.
        By::Gemm => unsafe {
            gemm::gemm(
                m,
                n,
                k,
                c.as_mut_ptr(),
                1,
                n_stride,
                false,
                a.as_ptr(),
                a_columns,
                a_rows,
                b.as_ptr(),
                1,
                n_stride,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        },
        // SAFETY: the same.
        By::MatrixMultiply => unsafe {
            matrixmultiply::sgemm(
                m,
                k,
                n,
                1.0,
                a.as_ptr(),
                a_rows,
                a_columns,
                b.as_ptr(),
                n_stride,
                1,
                0.0,
                c.as_mut_ptr(),
                n_stride,
                1,
            );
        },
    }
}

fn bench_product(bencher: Bencher, case: &Case<3>, transposed: bool) {
    let [m, k, n] = case.shape;
    let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0.0; m * n]);
    bencher
        .counter(ItemsCount::new(m * k * n))
        .bench_local(|| product(case.by, black_box(&mut c), &a, &b, case.shape, transposed));
}

/// Of a hidden layer: images, inputs, outputs; the last two are those of 784-512-512-10.
#[divan::bench(args = cases(&[[45, 32, 16], [45, 16, 10], [64, 512, 512], [64, 512, 10]], true), sample_count = 30)]
fn product_forward(bencher: Bencher, case: &Case<3>) {
    bench_product(bencher, case, false);
}

/// Of its gradient, `xᵀ·dy`: inputs, images, outputs.
#[divan::bench(args = cases(&[[32, 45, 16], [16, 45, 10], [48, 64, 512]], true), sample_count = 30)]
fn product_gradient(bencher: Bencher, case: &Case<3>) {
    bench_product(bencher, case, true);
}

/// Images of a batch.
const IMAGES: usize = 90;

/// As bytes, and as numbers in a dense matrix.
fn images() -> (Vec<u8>, Vec<f32>) {
    let bytes = synthetic::generate(IMAGES, 1, 2).images().to_vec();
    let numbers = bytes.iter().map(|&byte| f32::from(byte)).collect();
    (bytes, numbers)
}

fn halves(level: Level, bytes: &[u8]) -> [PixelBlock; 2] {
    [0, 1].map(|half| {
        let mut block = PixelBlock::new(half, IMAGES, 1.0);
        block.load(level, bytes.chunks_exact(784));
        block
    })
}

/// The first layer of 90 images as in training, with lists already made; libraries multiply densely.
#[divan::bench(args = cases(&[[32], [512]], true), sample_count = 30)]
fn pixels_forward(bencher: Bencher, case: &Case<1>) {
    let ((bytes, x), [outputs]) = (images(), case.shape);
    let (weight, mut y) = (numbers(784 * outputs), vec![0.0; 2 * IMAGES * outputs]);
    let bencher = bencher.counter(ItemsCount::new(IMAGES * 784 * outputs));
    let By::Kernel(level) = case.by else {
        let y = &mut y[..IMAGES * outputs];
        return bencher
            .bench_local(|| product(case.by, black_box(y), &x, &weight, [IMAGES, 784, outputs], false));
    };
    let halves = halves(level, &bytes);
    bencher.bench_local(|| {
        for (half, y) in halves.iter().zip(y.chunks_exact_mut(IMAGES * outputs)) {
            let weight = &weight[half.pixels().start * outputs..half.pixels().end * outputs];
            by_pixel::forward(level, black_box(half), weight, outputs, y, iter::empty());
        }
    });
}

/// Its gradient.
#[divan::bench(args = cases(&[[32], [512]], true), sample_count = 30)]
fn pixels_gradient(bencher: Bencher, case: &Case<1>) {
    let ((bytes, x), [outputs]) = (images(), case.shape);
    let (dy, mut gradient) = (numbers(IMAGES * outputs), vec![0.0; 784 * outputs]);
    let bencher = bencher.counter(ItemsCount::new(IMAGES * 784 * outputs));
    let By::Kernel(level) = case.by else {
        return bencher.bench_local(|| {
            product(case.by, black_box(&mut gradient), &x, &dy, [784, IMAGES, outputs], true)
        });
    };
    let halves = halves(level, &bytes);
    bencher.bench_local(|| {
        for half in &halves {
            let gradient = &mut gradient[half.pixels().start * outputs..half.pixels().end * outputs];
            by_pixel::gradient(level, iter::once(black_box(half)), &dy, half.pixels(), outputs, gradient);
        }
    });
}

/// The first layer of 90 images as in reading, with lists already made.
#[divan::bench(args = cases(&[[32], [512]], false), sample_count = 30)]
fn pixels_read(bencher: Bencher, case: &Case<1>) {
    let ((bytes, x), [outputs]) = (images(), case.shape);
    let (weight, bias, mut y) = (numbers(784 * outputs), numbers(outputs), vec![0.0; IMAGES * outputs]);
    let bencher = bencher.counter(ItemsCount::new(IMAGES * 784 * outputs));
    let By::Kernel(level) = case.by else {
        return bencher
            .bench_local(|| product(case.by, black_box(&mut y), &x, &weight, [IMAGES, 784, outputs], false));
    };
    let mut lists = ImageLists::new(IMAGES, 1.0);
    lists.load(level, bytes.chunks_exact(784));
    bencher.bench_local(|| by_image::forward(level, black_box(&lists), &weight, &bias, &mut y));
}

/// Making the lists of 90 images, both halves: for training.
#[divan::bench(args = Level::all())]
fn list_by_pixel(bencher: Bencher, level: Level) {
    let (bytes, _) = images();
    let mut halves = halves(level, &bytes);
    bencher.counter(ItemsCount::new(IMAGES)).bench_local(|| {
        for half in &mut halves {
            half.load(level, black_box(&bytes).chunks_exact(784));
        }
    });
}

/// Making the lists of 90 images: for reading.
#[divan::bench(args = Level::all())]
fn list_by_image(bencher: Bencher, level: Level) {
    let (bytes, _) = images();
    let mut lists = ImageLists::new(IMAGES, 1.0);
    bencher
        .counter(ItemsCount::new(IMAGES))
        .bench_local(|| lists.load(level, black_box(&bytes).chunks_exact(784)));
}

/// The exponential of 900 numbers; the plain form is the standard library's.
#[divan::bench(args = cases(&[[900]], false))]
fn exponential(bencher: Bencher, case: &Case<1>) {
    let numbers = numbers(case.shape[0]);
    let bencher = bencher.counter(ItemsCount::new(numbers.len())).with_inputs(|| numbers.clone());
    match case.by {
        By::Kernel(level) => bencher.bench_local_refs(|numbers| exponentials(level, numbers)),
        _ => bencher.bench_local_refs(|numbers| numbers.iter_mut().for_each(|x| *x = x.exp())),
    }
}

/// Sums of 90 rows of 32, a bias's gradient.
#[divan::bench(args = cases(&[[90, 32]], false))]
fn sum_of_rows(bencher: Bencher, case: &Case<2>) {
    let [rows, width] = case.shape;
    let (numbers, mut sums) = (numbers(rows * width), vec![0.0; width]);
    match case.by {
        By::Kernel(level) => bencher.bench_local(|| add_rows(level, black_box(&mut sums), &numbers)),
        _ => bencher.bench_local(|| {
            for row in black_box(&numbers).chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
            }
        }),
    }
}

/// Softmax with cross-entropy of 45 images.
#[divan::bench(args = Level::all())]
fn cross_entropy(bencher: Bencher, level: Level) {
    const BLOCK: usize = 45;
    let (logits, mut probabilities, mut losses) = (numbers(BLOCK * 10), [0.0; BLOCK * 10], [0.0; BLOCK]);
    let targets = Targets::Labels { labels: &[3; BLOCK], smoothing: 0.0 };
    bencher.counter(ItemsCount::new(BLOCK)).bench_local(|| {
        softmax::cross_entropy(level, 10, black_box(&logits), targets, &mut probabilities, &mut losses)
    });
}
