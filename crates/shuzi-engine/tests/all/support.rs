//! What the tests share: MNIST and the reference's traces, where they are, and how a training is held against one.

#[path = "../support/mod.rs"]
mod requirements;

pub use requirements::{folder_with, golden, skip};
use shuzi_engine::{
    Processor,
    dataset::{Dataset, idx},
    evaluation::{Evaluation, evaluate},
    model::{arrays::Values, batch_order, initial_weights, npz},
    recipe::Recipe,
    training::{Event, Examples, Order, train},
};
use std::{fs, ops::ControlFlow};

/// MNIST's `train` or `t10k` in `SHUZI_DATA`, packed or not; without them the test is skipped.
pub fn mnist(part: &str) -> Option<Dataset> {
    let folder = requirements::mnist()?;
    let read = |kind: &str| {
        let name = format!("{part}-{kind}-ubyte");
        fs::read(folder.join(&name)).or_else(|_| fs::read(folder.join(format!("{name}.gz")))).unwrap()
    };
    let images = idx::read_images(&read("images-idx3")[..], None).unwrap();
    Some(Dataset::new(images, idx::read_labels(&read("labels-idx1")[..], None).unwrap()).unwrap())
}

/// A training by the reference program, `reference/trace.py`, and what it was of.
pub struct Trace<'a> {
    pub file: &'a [u8],
    pub recipe: &'a Recipe,
    pub training_set: &'a Dataset,
    pub test_set: &'a Dataset,
    pub steps: usize,
}

impl Trace<'_> {
    /// Trains as the trace does, and checks every loss, every weight and every prediction.
    pub fn check(&self, processor: Processor) -> Evaluation {
        let Trace { file, recipe, training_set, test_set, steps } = *self;
        let arrays = npz::read(file).unwrap();
        let array = |name: &str| arrays.iter().find(|(other, _)| other == name).expect(name).1.values();
        let floats = |name: &str| match array(name) {
            Values::F32(values) => values.iter().copied().map(f64::from).collect(),
            Values::F64(values) => values.clone(),
            _ => panic!("{name}: expected floats"),
        };
        let mut network = initial_weights(file, &recipe.architecture().unwrap()).unwrap();
        let order = Order::Given(batch_order(file).unwrap());
        let indices: Vec<u32> = (0..training_set.len() as u32).collect();
        let examples = Examples::Kept { data: training_set, indices: &indices, order: &order };
        let mut losses = vec![];
        let observe = |event: Event<'_>| {
            if let Event::Step(step) = event {
                losses.push(f64::from(step.loss));
            }
            ControlFlow::Continue(())
        };
        train(&recipe.training, &mut network, examples, None, processor, observe).unwrap();

        let (expected, at): (Vec<f64>, _) = (floats("loss"), processor.level);
        assert_eq!((losses.len(), expected.len()), (steps, steps));
        for (step, (ours, theirs)) in losses.iter().zip(&expected).enumerate() {
            let difference = (ours / theirs - 1.0).abs();
            assert!(difference < 1e-4, "{at}, step {step}: {ours}, reference {theirs}");
        }
        for (number, (_, weight, bias)) in (1..).zip(network.weights_and_biases()) {
            for (name, found) in [(format!("w{number}"), weight), (format!("b{number}"), bias)] {
                let theirs = floats(&name);
                assert_eq!(found.len(), theirs.len(), "{name}");
                for (index, (&ours, theirs)) in found.iter().zip(theirs).enumerate() {
                    let difference = (f64::from(ours) - theirs).abs();
                    assert!(difference < 1e-4, "{at}, {name}[{index}]: {ours}, reference {theirs}");
                }
            }
        }
        let evaluation = evaluate(&network, test_set, processor);
        let Values::Integers(predictions) = array("test_pred") else { panic!("test_pred") };
        assert_eq!(predictions.len(), test_set.len());
        for (index, &theirs) in predictions.iter().enumerate() {
            assert_eq!(i64::from(evaluation.prediction(index)), theirs, "{at}, prediction {index}");
        }
        evaluation
    }
}
