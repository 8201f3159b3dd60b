//! Times the reading of MNIST's test images by a model of any kind, many at once and one by one.
//!
//! ```sh
//! cargo run --release --example recognition -- runs/classic-1/model.safetensors mnist_data/t10k-images-idx3-ubyte
//! ```
//!
//! `THREADS` and `PRECISION` (`f32` or `bf16`) in the environment change how.

use shuzi_engine::{
    dataset::{Dataset, idx},
    evaluation::evaluate_ready,
    kernels::Level,
    model::Model,
    network::{InferenceModel, InferenceSession, Precision},
};
use std::{
    env, fs,
    fs::File,
    hint::black_box,
    iter, thread,
    time::{Duration, Instant},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(model), Some(images)) = (arguments.next(), arguments.next()) else {
        return Err("name a model file and a file of test images".into());
    };
    let threads = match env::var("THREADS") {
        Ok(threads) => threads.parse()?,
        Err(_) => thread::available_parallelism()?.get(),
    };
    let precision = match env::var("PRECISION").as_deref() {
        Ok("bf16") => Precision::Bf16,
        Ok("f32") | Err(_) => Precision::F32,
        Ok(other) => return Err(format!("PRECISION is {other}, expected f32 or bf16").into()),
    };
    let network = Model::from_bytes(&fs::read(model)?)?.network;
    let network = InferenceModel::new(&network, Level::detect(), precision);
    let labels = idx::read_labels(File::open(images.replace("images-idx3", "labels-idx1"))?, None)?;
    let data = Dataset::new(idx::read_images(File::open(&images)?, None)?, labels)?;

    let mut accuracy = 0.0;
    let many = median(101, || accuracy = evaluate_ready(&network, &data, threads).accuracy());

    let mut session = InferenceSession::new(&network, 1);
    let mut index = 0;
    let single = median(data.len(), || {
        black_box(session.evaluate(iter::once(data.example(index))).probabilities());
        index += 1;
    });
    println!(
        "{{\"version\": \"shuzi {}\", \"seconds\": {many}, \"single_seconds\": {single}, \"accuracy\": {accuracy}}}",
        env!("CARGO_PKG_VERSION"),
    );
    Ok(())
}

/// The median duration of `work`, in seconds: of so many times, or of 5 or more if they take too long.
fn median(times: usize, mut work: impl FnMut()) -> f64 {
    const LONG: Duration = Duration::from_secs(3);
    let begin = Instant::now();
    let mut durations = vec![];
    while durations.len() < times && (durations.len() < 5 || begin.elapsed() < LONG) {
        let clock = Instant::now();
        work();
        durations.push(clock.elapsed().as_secs_f64());
    }
    durations.sort_by(f64::total_cmp);
    durations[durations.len() / 2]
}
