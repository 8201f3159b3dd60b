//! What convolutional networks are made of, on the shapes of bench/conv-99.0.toml and bench/conv-99.5.toml
//! and a block of 32 images. Items are multiplications, or the numbers that a loop goes through.

use super::{By, Case, cases, numbers};
use divan::{Bencher, black_box, counter::ItemsCount};
use shuzi_engine::kernels::{
    Activation, Level, Numbers,
    channels::{self, BackwardSums, ScaleAndShift},
    convolution::{self, Filters, Geometry},
    depthwise, packed_bf16,
    pooling::{self, Windows},
    zeros,
};

/// Images of a block.
const IMAGES: usize = 32;

/// Rows and columns of a padded image, channels, window, stride, outputs: the two convolutions of conv-99.0, the
/// five of conv-99.5.
const CONVOLUTIONS: [[usize; 5]; 7] = [
    [28, 1, 5, 2, 16],
    [12, 16, 3, 1, 16],
    [28, 1, 5, 1, 16],
    [12, 16, 3, 1, 32],
    [10, 32, 3, 1, 32],
    [6, 32, 3, 1, 64],
    [6, 64, 3, 1, 64],
];
/// Rows and columns of an image, channels, and rows and columns of a window.
const POOLINGS: [[usize; 3]; 4] = [[10, 16, 2], [24, 16, 2], [8, 32, 2], [4, 64, 4]];
/// Rows and columns of an image, and channels.
const NORMALISED: [[usize; 2]; 4] = [[12, 16], [10, 32], [4, 32], [4, 64]];

/// Numbers of no meaning, where a network's lie.
fn aligned(count: usize) -> Numbers {
    Numbers::from_slice(64, &numbers(count))
}

fn geometry([side, channels, kernel, stride, outputs]: [usize; 5]) -> Geometry {
    Geometry { height: side, width: side, channels, kernel, stride, outputs }
}

/// Of a block.
fn multiplications(g: Geometry) -> ItemsCount {
    ItemsCount::new(IMAGES * g.output_len() * g.kernel * g.kernel * g.channels)
}

/// Each shape at each level, of what has no plain form besides its lowest level.
fn levels<const N: usize>(shapes: &[[usize; N]]) -> Vec<Case<N>> {
    cases(shapes, false).into_iter().filter(|case| matches!(case.by, By::Kernel(_))).collect()
}

/// The same of packed bf16: at the level whose instructions multiply it, and at the lowest.
fn packed_bf16_levels(shapes: &[[usize; 5]]) -> impl Iterator<Item = Case<5>> {
    let differs = |level: Level| level == Level::Plain || level.has_bf16();
    levels(shapes).into_iter().filter(move |case| differs(level(case)))
}

/// Of a case that [`levels`] made.
fn level<const N: usize>(case: &Case<N>) -> Level {
    let By::Kernel(level) = case.by else { unreachable!("not from levels") };
    level
}

#[divan::bench(args = cases(&CONVOLUTIONS, false), sample_count = 30)]
fn forward(bencher: Bencher, case: &Case<5>) {
    let g = geometry(case.shape);
    let (x, mut y) = (aligned(IMAGES * g.input_len()), zeros(IMAGES * g.output_len()));
    let (weight, bias) = (aligned(g.weights()), aligned(g.outputs));
    let filters = Filters { geometry: g, weight: &weight, bias: &bias, activation: Activation::Identity };
    bencher.counter(multiplications(g)).bench_local(|| match case.by {
        By::Kernel(level) => convolution::forward(level, filters, black_box(&x), &mut y),
        _ => convolution::forward_plain(g, &weight, &bias, black_box(&x), &mut y),
    });
}

#[divan::bench(args = cases(&CONVOLUTIONS, false), sample_count = 30)]
fn gradient(bencher: Bencher, case: &Case<5>) {
    let g = geometry(case.shape);
    let (x, dy) = (aligned(IMAGES * g.input_len()), aligned(IMAGES * g.output_len()));
    let mut dweight = zeros(g.weights());
    bencher.counter(multiplications(g)).bench_local(|| match case.by {
        By::Kernel(level) => convolution::gradient(level, g, black_box(&x), &dy, &mut dweight),
        _ => convolution::gradient_plain(g, black_box(&x), &dy, &mut dweight),
    });
}

/// Of layers with an even number of channels; packing the images is part of it.
#[divan::bench(args = packed_bf16_levels(&CONVOLUTIONS).filter(|case| case.shape[1] > 1), sample_count = 30)]
fn forward_packed_bf16(bencher: Bencher, case: &Case<5>) {
    let (level, g) = (level(case), geometry(case.shape));
    let half = Geometry { channels: g.channels / 2, ..g };
    let (x, mut y) = (aligned(IMAGES * g.input_len()), zeros(IMAGES * g.output_len()));
    let (mut x_packed, mut weight, bias) = (zeros(x.len() / 2), zeros(half.weights()), aligned(g.outputs));
    packed_bf16::rows(level, &aligned(g.weights()), g.outputs, &mut weight);
    let filters = Filters { geometry: half, weight: &weight, bias: &bias, activation: Activation::Identity };
    bencher.counter(multiplications(g)).bench_local(|| {
        packed_bf16::neighbours(level, black_box(&x), &mut x_packed);
        convolution::forward_bf16(level, filters, &x_packed, &mut y);
    });
}

/// Packing is part of it.
#[divan::bench(args = packed_bf16_levels(&CONVOLUTIONS), sample_count = 30)]
fn gradient_packed_bf16(bencher: Bencher, case: &Case<5>) {
    let (level, g) = (level(case), geometry(case.shape));
    let (x, dy) = (aligned(IMAGES * g.input_len()), aligned(IMAGES * g.output_len()));
    let (row, packed_row) = (g.output_width() * g.outputs, g.output_width().div_ceil(2) * g.outputs);
    let (mut x_packed, mut dy_packed) = (zeros(x.len()), zeros(dy.len() / row * packed_row));
    let mut dweight = zeros(g.weights());
    bencher.counter(multiplications(g)).bench_local(|| {
        packed_bf16::distant(level, black_box(&x), g.stride * g.channels, &mut x_packed);
        for (row, packed) in dy.chunks_exact(row).zip(dy_packed.chunks_exact_mut(packed_row)) {
            packed_bf16::rows(level, row, g.outputs, packed);
        }
        convolution::gradient_bf16(level, g, &x_packed, &dy_packed, &mut dweight);
    });
}

/// Neither network has one: the shapes of their convolutions, as they would be.
const DEPTHWISE: [[usize; 5]; 3] = [[12, 16, 3, 1, 16], [10, 32, 3, 1, 32], [6, 64, 3, 1, 64]];

#[divan::bench(args = cases(&DEPTHWISE, false), sample_count = 30)]
fn depthwise_forward(bencher: Bencher, case: &Case<5>) {
    let g = geometry(case.shape);
    let (x, mut y) = (aligned(IMAGES * g.input_len()), zeros(IMAGES * g.output_len()));
    let (weight, bias) = (aligned(g.kernel * g.kernel * g.channels), aligned(g.outputs));
    bencher.counter(multiplications(Geometry { channels: 1, ..g })).bench_local(|| match case.by {
        By::Kernel(level) => depthwise::forward(level, g, &weight, &bias, black_box(&x), &mut y),
        _ => depthwise::forward_plain(g, &weight, &bias, black_box(&x), &mut y),
    });
}

#[divan::bench(args = cases(&DEPTHWISE, false), sample_count = 30)]
fn depthwise_gradient(bencher: Bencher, case: &Case<5>) {
    let g = geometry(case.shape);
    let (x, dy) = (aligned(IMAGES * g.input_len()), aligned(IMAGES * g.output_len()));
    let mut dweight = zeros(g.kernel * g.kernel * g.channels);
    bencher.counter(multiplications(Geometry { channels: 1, ..g })).bench_local(|| match case.by {
        By::Kernel(level) => depthwise::gradient(level, g, black_box(&x), &dy, &mut dweight),
        _ => depthwise::gradient_plain(g, black_box(&x), &dy, &mut dweight),
    });
}

fn windows([side, channels, window]: [usize; 3]) -> Windows {
    Windows { height: side, width: side, channels, window_height: window, window_width: window }
}

/// `x`, `y`, `dy` and `dx` of a pooling of a block.
fn pooled([side, channels, window]: [usize; 3]) -> [Numbers; 4] {
    let (x, y) = (side * side * channels, (side / window) * (side / window) * channels);
    [x, y, y, x].map(|count| aligned(IMAGES * count))
}

#[divan::bench(args = levels(&POOLINGS))]
fn pool_maximum(bencher: Bencher, case: &Case<3>) {
    let (level, shape) = (level(case), case.shape);
    let [x, mut y, ..] = pooled(shape);
    bencher
        .counter(ItemsCount::new(x.len()))
        .bench_local(|| pooling::maximum(level, windows(shape), black_box(&x), &mut y));
}

#[divan::bench(args = levels(&POOLINGS))]
fn pool_maximum_backward(bencher: Bencher, case: &Case<3>) {
    let (level, shape) = (level(case), case.shape);
    let [x, mut y, dy, mut dx] = pooled(shape);
    pooling::maximum(level, windows(shape), &x, &mut y);
    bencher
        .counter(ItemsCount::new(x.len()))
        .bench_local(|| pooling::maximum_backward(level, windows(shape), black_box(&x), &y, &dy, &mut dx));
}

#[divan::bench(args = levels(&POOLINGS))]
fn pool_average(bencher: Bencher, case: &Case<3>) {
    let (level, shape) = (level(case), case.shape);
    let [x, mut y, ..] = pooled(shape);
    bencher
        .counter(ItemsCount::new(x.len()))
        .bench_local(|| pooling::average(level, windows(shape), black_box(&x), &mut y));
}

#[divan::bench(args = levels(&POOLINGS))]
fn pool_average_backward(bencher: Bencher, case: &Case<3>) {
    let (level, shape) = (level(case), case.shape);
    let [_, _, dy, mut dx] = pooled(shape);
    bencher
        .counter(ItemsCount::new(dx.len()))
        .bench_local(|| pooling::average_backward(level, windows(shape), black_box(&dy), &mut dx));
}

/// `x` and `dy` of a block's batch normalisation, what is written, and three constants for each channel.
fn normalised([side, channels]: [usize; 2]) -> ([Numbers; 3], [Numbers; 3]) {
    let numbers = IMAGES * side * side * channels;
    ([numbers; 3].map(aligned), [channels; 3].map(aligned))
}

#[divan::bench(args = levels(&NORMALISED))]
fn channels_moments(bencher: Bencher, case: &Case<2>) {
    let (level, shape) = (level(case), case.shape);
    let ([x, ..], [mut mean, mut variance, _]) = normalised(shape);
    bencher
        .counter(ItemsCount::new(x.len()))
        .bench_local(|| channels::moments(level, black_box(&x), &mut mean, &mut variance));
}

#[divan::bench(args = levels(&NORMALISED))]
fn channels_scale_and_shift(bencher: Bencher, case: &Case<2>) {
    let (level, shape) = (level(case), case.shape);
    let ([x, _, mut y], [scale, shift, _]) = normalised(shape);
    let constants = ScaleAndShift { scale: &scale, shift: &shift };
    bencher
        .counter(ItemsCount::new(x.len()))
        .bench_local(|| channels::scale_and_shift(level, black_box(&x), constants, Activation::Relu, &mut y));
}

#[divan::bench(args = levels(&NORMALISED))]
fn channels_backward_sums(bencher: Bencher, case: &Case<2>) {
    let (level, shape) = (level(case), case.shape);
    let ([x, dy, _], [mean, mut sum, mut product]) = normalised(shape);
    bencher.counter(ItemsCount::new(x.len())).bench_local(|| {
        let sums = BackwardSums { dy: &mut sum, dy_x: &mut product };
        let constants = ScaleAndShift { scale: &mean, shift: &mean };
        channels::backward_sums(level, black_box(&x), &dy, &mean, Some(constants), sums);
    });
}

#[divan::bench(args = levels(&NORMALISED))]
fn channels_combine(bencher: Bencher, case: &Case<2>) {
    let (level, shape) = (level(case), case.shape);
    let ([x, dy, mut dx], [a, b, c]) = normalised(shape);
    let constants = ScaleAndShift { scale: &a, shift: &b };
    bencher
        .counter(ItemsCount::new(x.len()))
        .bench_local(|| channels::combine(level, black_box(&x), &dy, [&a, &b, &c], Some(constants), &mut dx));
}
