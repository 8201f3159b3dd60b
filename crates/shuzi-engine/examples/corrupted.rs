//! Corrupts images as `shuzi evaluate --robustness` does, for other readers: an IDX file from standard input to standard output.
//!
//! ```sh
//! gunzip < t10k-images-idx3-ubyte.gz | cargo run --release --example corrupted -- fog > fog-idx3-ubyte
//! gunzip < t10k-images-idx3-ubyte.gz | cargo run --release --example corrupted -- shift 4 > shift-4-idx3-ubyte
//! ```

use shuzi_engine::{
    dataset::idx,
    evaluation::robustness::{Condition, Corruption, Sweep},
    image::{PIXELS, SIDE},
    kernels::Level,
};
use std::{
    env,
    io::{self, Write},
};

/// That of `shuzi evaluate --robustness`.
const SEED: u64 = 0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().ok_or("which corruption, or which sweep and how much?")?;
    let condition = match arguments.next() {
        None => Corruption::ALL.into_iter().find(|known| known.name() == name).map(Condition::Corruption),
        Some(amount) => {
            let amount = amount.parse()?;
            Sweep::ALL
                .into_iter()
                .find(|known| known.name() == name)
                .map(|sweep| Condition::Sweep(sweep, amount))
        }
    };
    let condition = condition.ok_or_else(|| format!("nothing here is called {name}"))?;

    let mut images = idx::read_images(io::stdin().lock(), None)?;
    let level = Level::detect();
    for (index, image) in images.as_chunks_mut::<PIXELS>().0.iter_mut().enumerate() {
        let clean = *image;
        condition.apply(level, &clean, SEED, index, image);
    }
    let mut out = io::stdout().lock();
    for number in [idx::IMAGES_MAGIC as usize, images.len() / PIXELS, SIDE, SIDE] {
        out.write_all(&u32::try_from(number)?.to_be_bytes())?;
    }
    Ok(out.write_all(&images)?)
}
