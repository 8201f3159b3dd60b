//! The classic network against an independent program: float64, numpy, the same starting
//! weights and order of examples. `reference/trace.py` makes the traces; without them, and
//! without MNIST, these tests say that they skip.

use crate::support::{golden, mnist};
use shuzi_engine::{
    Processor,
    evaluation::evaluate,
    kernels::Level,
    model::{Model, arrays::Values, batch_order, initial_weights, npz},
    recipe::Recipe,
    training::{Event, Examples, Order, train},
};
use std::ops::ControlFlow;

#[test]
fn every_loss_weight_and_prediction_follows_the_reference() {
    let (Some(golden), Some(training_set), Some(test_set)) = (golden(), mnist("train"), mnist("t10k")) else {
        return;
    };
    let bytes = std::fs::read(golden.join("classic-seed0.npz")).unwrap();
    let recipe = Recipe::built_in("classic").unwrap();
    let order = Order::Given(batch_order(&bytes).unwrap());
    let indices: Vec<u32> = (0..training_set.len() as u32).collect();
    let arrays = npz::read(&bytes).unwrap();
    for level in Level::all() {
        let processor = Processor { threads: 2, level };
        let mut network = initial_weights(&bytes, &recipe.architecture().unwrap()).unwrap();
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

        let array = |name: &str| arrays.iter().find(|(other, _)| other == name).unwrap().1.values();
        let floats = |name: &str| match array(name) {
            Values::F64(values) => values.clone(),
            _ => panic!("{name}: expected float64"),
        };
        let expected = floats("loss");
        assert_eq!((losses.len(), expected.len()), (1998, 1998));
        let worst = losses
            .iter()
            .zip(&expected)
            .map(|(ours, theirs)| (ours - theirs).abs() / theirs)
            .fold(0.0, f64::max);
        assert!(worst < 1e-4, "a loss differs by {worst} relative");

        for (number, (_, weight, bias)) in (1..).zip(network.weights_and_biases()) {
            for (name, found) in [(format!("w{number}"), weight), (format!("b{number}"), bias)] {
                let differences =
                    found.iter().zip(floats(&name)).map(|(&ours, theirs)| (f64::from(ours) - theirs).abs());
                let worst = differences.fold(0.0, f64::max);
                assert!(worst < 1e-4, "{name} differs by {worst}");
            }
        }

        let evaluation = evaluate(&network, &test_set, processor);
        let Values::Integers(predictions) = array("test_pred") else { panic!("test_pred") };
        for (index, &theirs) in predictions.iter().enumerate() {
            assert_eq!(i64::from(evaluation.prediction(index)), theirs, "prediction {index}");
        }
        assert_eq!(evaluation.correct(), 9607);
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
