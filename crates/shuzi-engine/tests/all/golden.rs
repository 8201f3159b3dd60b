//! The classic network against an independent program: float64, numpy, the same starting
//! weights and order of examples. `reference/trace.py` makes the traces; without them, and
//! without MNIST, these tests say that they skip.

use crate::support::{Trace, golden, mnist};
use shuzi_engine::{
    Processor,
    evaluation::evaluate,
    kernels::Level,
    model::{
        Model,
        arrays::{Array, Values},
        npz,
    },
    recipe::Recipe,
};

#[test]
fn every_loss_weight_and_prediction_follows_the_reference() {
    let (Some(golden), Some(training_set), Some(test_set)) = (golden(), mnist("train"), mnist("t10k")) else {
        return;
    };
    let file = std::fs::read(golden.join("classic-seed0.npz")).unwrap();
    let is_single = |(_, array): &(String, Array)| matches!(array.values(), Values::F32(_));
    assert!(!npz::read(&file).unwrap().iter().any(is_single), "expected float64");
    let recipe = Recipe::built_in("classic").unwrap();
    let (training_set, test_set) = (&training_set, &test_set);
    let trace = Trace { file: &file, recipe: &recipe, training_set, test_set, steps: 1998 };
    for level in Level::all() {
        assert_eq!(trace.check(Processor { threads: 2, level }).correct(), 9607);
    }
}

#[test]
fn the_tutorials_own_files_are_read_whatever_numpy_wrote_them() {
    let (Some(golden), Some(test_set)) = (golden(), mnist("t10k")) else { return };
    let mut networks = vec![];
    for name in ["numpy1.npy", "numpy1.npz", "numpy2.npy", "numpy2.npz"] {
        let bytes = std::fs::read(golden.join(format!("mlp-32-16-1epoch-{name}"))).unwrap();
        let model = Model::from_bytes(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(evaluate(&model.network, &test_set, Processor::with_threads(2)).correct(), 9607, "{name}");
        networks.push(model.network);
    }
    assert!(networks.windows(2).all(|pair| pair[0] == pair[1]));
}
