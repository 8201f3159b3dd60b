//! Strips drawn per second, on one thread.

use divan::{Bencher, counter::ItemsCount};
use shuzi_engine::dataset::strips::{Hands, draw};

fn main() {
    divan::main();
}

const COUNT: u64 = 500;

#[divan::bench]
fn synthetic(bencher: Bencher) {
    let hands = Hands::synthetic();
    let draw_all = || (0..COUNT).map(|index| draw(&hands, 1, index).strip.width).sum::<usize>();
    bencher.counter(ItemsCount::new(COUNT)).bench(draw_all);
}
