//! Synthetic digits drawn per second, on one thread and on two.

use divan::{Bencher, counter::ItemsCount};
use shuzi_engine::dataset::synthetic;

fn main() {
    divan::main();
}

const COUNT: usize = 2000;

#[divan::bench(args = [1, 2])]
fn generate(bencher: Bencher, threads: usize) {
    bencher.counter(ItemsCount::new(COUNT)).bench(|| synthetic::generate(COUNT, 1, threads));
}
