//! Training and reading as a whole, on synthetic digits: three of four of their pixels are 0, as
//! MNIST's. The parts are in `kernels/`.

use divan::{Bencher, counter::ItemsCount};
use shuzi_engine::{
    Processor,
    dataset::{Dataset, synthetic},
    evaluation::evaluate,
    recipe::Recipe,
    training::{Examples, initial_network, split, train},
};
use std::ops::ControlFlow;

fn main() {
    divan::main();
}

fn recipe(name: &str) -> Recipe {
    let mut recipe = Recipe::built_in(name).expect("it is built in");
    recipe.training.epochs = 1;
    recipe
}

fn digits(count: usize) -> Dataset {
    synthetic::generate(count, 1, 2)
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
