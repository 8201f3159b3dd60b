//! The classic network against the small trace in `reference/trace/`: drawn digits, trained by the NumPy program that lies beside it.
//! So every checkout can see that training is exact; `golden.rs` does the same with MNIST, where that is at hand.

use shuzi_engine::{
    Processor,
    dataset::{Dataset, idx},
    evaluation::evaluate,
    kernels::Level,
    model::{arrays::Values, batch_order, initial_weights, npz},
    recipe::Recipe,
    training::{Event, Examples, Order, train},
};
use std::{fs, ops::ControlFlow, path::PathBuf};

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
/// NumPy program in float32), so a tolerance of 1e-4 leaves room for sums in another order and for nothing else.
#[test]
fn every_loss_weight_and_prediction_follows_the_small_trace() {
    let (trace, training_set, test_set) = (file("classic-digits.npz"), digits("train"), digits("t10k"));
    let mut recipe = Recipe::built_in("classic").unwrap();
    recipe.training.epochs = 20;
    let order = Order::Given(batch_order(&trace).unwrap());
    let indices: Vec<u32> = (0..training_set.len() as u32).collect();
    let arrays = npz::read(&trace).unwrap();
    let array = |name: &str| arrays.iter().find(|(other, _)| other == name).expect(name).1.values();
    let floats = |name: &str| match array(name) {
        Values::F32(values) => values.iter().copied().map(f64::from).collect(),
        Values::F64(values) => values.clone(),
        _ => panic!("{name}: expected floats"),
    };
    let expected: Vec<f64> = floats("loss");
    for level in Level::all() {
        for threads in 1..=2 {
            let processor = Processor { threads, level };
            let mut network = initial_weights(&trace, &recipe.architecture().unwrap()).unwrap();
            let mut losses = vec![];
            train(
                &recipe.training,
                &mut network,
                Examples::Kept { data: &training_set, indices: &indices, order: &order },
                None,
                processor,
                |event| {
                    if let Event::Step(step) = event {
                        losses.push(f64::from(step.loss));
                    }
                    ControlFlow::Continue(())
                },
            )
            .unwrap();

            assert_eq!((losses.len(), expected.len()), (80, 80));
            for (step, (ours, theirs)) in losses.iter().zip(&expected).enumerate() {
                let difference = (ours / theirs - 1.0).abs();
                assert!(difference < 1e-4, "{level}, step {step}: {ours}, reference {theirs}");
            }
            for (number, (_, weight, bias)) in (1..).zip(network.weights_and_biases()) {
                for (name, found) in [(format!("w{number}"), weight), (format!("b{number}"), bias)] {
                    let theirs = floats(&name);
                    assert_eq!(found.len(), theirs.len(), "{name}");
                    for (index, (&ours, theirs)) in found.iter().zip(theirs).enumerate() {
                        let difference = (f64::from(ours) - theirs).abs();
                        assert!(difference < 1e-4, "{level}, {name}[{index}]: {ours}, reference {theirs}");
                    }
                }
            }
            let evaluation = evaluate(&network, &test_set, processor);
            let Values::Integers(predictions) = array("test_pred") else { panic!("test_pred") };
            assert_eq!(predictions.len(), test_set.len());
            for (index, &theirs) in predictions.iter().enumerate() {
                assert_eq!(i64::from(evaluation.prediction(index)), theirs, "{level}, prediction {index}");
            }
        }
    }
}
