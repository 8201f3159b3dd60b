//! The classic network's training and reading, as a whole and part by part, on synthetic
//! digits: three of four of their pixels are 0, as MNIST's.

use divan::{Bencher, black_box, counter::ItemsCount};
use shuzi::{
    Processor,
    dataset::{Dataset, synthetic},
    evaluation::evaluate,
    kernels::{
        Level,
        pixels::{self, PixelBlock},
        product::{Matrix, multiply},
    },
    network::softmax,
    recipe::Recipe,
    training::{Examples, initial_network, split, train},
};
use std::ops::ControlFlow;

fn main() {
    divan::main();
}

/// Images that one thread takes at a time.
const BLOCK: usize = 16;

fn recipe(name: &str) -> Recipe {
    let mut recipe = Recipe::built_in(name).expect("it is built in");
    recipe.training.epochs = 1;
    recipe
}

fn digits(count: usize) -> Dataset {
    synthetic::generate(count, 1, 2)
}

/// Numbers of no meaning.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.7).sin()).collect()
}

/// One epoch of 12,000 images.
#[divan::bench(args = [("classic", 1), ("classic", 2), ("mlp", 1), ("mlp", 2)], sample_count = 20)]
fn epoch(bencher: Bencher, (name, threads): (&str, usize)) {
    let (recipe, data) = (recipe(name), digits(12_000));
    let parts = split(&data, 0, 0);
    let start = initial_network(&recipe);
    bencher.counter(ItemsCount::new(data.len())).with_inputs(|| start.clone()).bench_refs(|network| {
        train(
            &recipe.training,
            network,
            Examples::shuffled(&data, &parts),
            None,
            Processor::with_threads(threads),
            |_| ControlFlow::Continue(()),
        )
    });
}

/// Reading 10,000 images.
#[divan::bench(args = [("classic", 1), ("classic", 2), ("mlp", 1), ("mlp", 2)])]
fn read(bencher: Bencher, (name, threads): (&str, usize)) {
    let (network, data) = (initial_network(&recipe(name)), digits(10_000));
    bencher
        .counter(ItemsCount::new(data.len()))
        .bench(|| evaluate(&network, &data, Processor::with_threads(threads)));
}

fn block(data: &Dataset) -> PixelBlock {
    let mut block = PixelBlock::new(BLOCK, 1.0);
    block.load(Level::detect(), (0..BLOCK).map(|index| data.example(index).0));
    block
}

/// Images to a block of pixels.
#[divan::bench]
fn load_pixels(bencher: Bencher) {
    let data = digits(BLOCK);
    let mut block = PixelBlock::new(BLOCK, 1.0);
    bencher
        .counter(ItemsCount::new(BLOCK))
        .bench_local(|| block.load(Level::detect(), (0..BLOCK).map(|index| data.example(index).0)));
}

/// The first layer, from bytes.
#[divan::bench(args = [32, 512])]
fn pixels_forward(bencher: Bencher, outputs: usize) {
    let (block, weight, bias) = (block(&digits(BLOCK)), numbers(784 * outputs), numbers(outputs));
    let mut y = vec![0.0; BLOCK * outputs];
    bencher
        .counter(ItemsCount::new(BLOCK))
        .bench_local(|| pixels::forward(Level::detect(), black_box(&block), &weight, &bias, &mut y));
}

/// Its gradient.
#[divan::bench(args = [32, 512])]
fn pixels_gradient(bencher: Bencher, outputs: usize) {
    let (block, dy) = (block(&digits(BLOCK)), numbers(BLOCK * outputs));
    let mut gradient = vec![0.0; 784 * outputs];
    bencher.counter(ItemsCount::new(BLOCK)).bench_local(|| {
        pixels::gradient(
            Level::detect(),
            [(black_box(&block), dy.as_slice())].into_iter(),
            0..784,
            outputs,
            &mut gradient,
        );
    });
}

/// `[rows, inner]` by `[inner, columns]`; items are multiplications.
#[divan::bench(args = [[16, 32, 16], [16, 16, 10], [64, 512, 256], [128, 784, 512]])]
fn product(bencher: Bencher, [rows, inner, columns]: [usize; 3]) {
    let (a, b) = (numbers(rows * inner), numbers(inner * columns));
    let mut c = vec![0.0; rows * columns];
    let (a, b) = (Matrix::new(&a, rows, inner), Matrix::new(&b, inner, columns));
    bencher
        .counter(ItemsCount::new(rows * inner * columns))
        .bench_local(|| multiply(Level::detect(), black_box(&mut c), a, b, false));
}

/// Softmax with cross-entropy.
#[divan::bench]
fn cross_entropy(bencher: Bencher) {
    let (logits, mut probabilities, mut losses) = (numbers(BLOCK * 10), [0.0; BLOCK * 10], [0.0; BLOCK]);
    bencher.bench_local(|| {
        softmax::cross_entropy(
            Level::detect(),
            black_box(&logits),
            &[3; BLOCK],
            &mut probabilities,
            &mut losses,
        )
    });
}
