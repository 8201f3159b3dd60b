//! The classic network against the small trace in `reference/trace/`: drawn digits, trained by the NumPy program that lies beside it.
//! So every checkout can see that training is exact; `golden.rs` does the same with MNIST, where that is at hand.

use crate::support::Trace;
use shuzi_engine::{
    Processor,
    dataset::{Dataset, idx},
    kernels::Level,
    recipe::Recipe,
};
use std::{fs, path::PathBuf};

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../reference/trace");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn digits(part: &str) -> Dataset {
    let images = idx::read_images(&file(&format!("{part}-images-idx3-ubyte.gz"))[..], None).unwrap();
    let labels = idx::read_labels(&file(&format!("{part}-labels-idx1-ubyte.gz"))[..], None).unwrap();
    Dataset::new(images, labels).unwrap()
}

/// 20 epochs of 4 batches of 90; the other 20 examples wait, as 60 of MNIST's do. Single precision moves a loss by 5e-6 (the same
/// NumPy program in float32), so a tolerance of 1e-4 covers sums in another order and nothing else.
#[test]
fn every_loss_weight_and_prediction_follows_the_small_trace() {
    let (file, training_set, test_set) = (&file("classic-digits.npz"), &digits("train"), &digits("t10k"));
    let mut recipe = Recipe::built_in("classic").unwrap();
    recipe.training.epochs = 20;
    let trace = Trace { file, recipe: &recipe, training_set, test_set, steps: 80 };
    for level in Level::all() {
        for threads in 1..=2 {
            trace.check(Processor { threads, level });
        }
    }
}
