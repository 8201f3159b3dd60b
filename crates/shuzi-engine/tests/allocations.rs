//! A training step asks for no memory after the first of its epoch: a counting allocator shows it.

#[path = "support/allocator.rs"]
mod allocator;

use allocator::allocations;
use shuzi_engine::{
    Processor,
    dataset::{Dataset, synthetic},
    preprocess::augment::{Augmentation, Elastic, Erase},
    recipe::{Distillation, Recipe},
    training::{Event, Examples, TrainingData, initial_network, split, train},
};
use std::ops::ControlFlow;

/// One test: another one beside it would be counted too.
#[test]
fn steps_after_the_first_allocate_nothing() {
    let before = allocations();
    drop(std::hint::black_box(vec![0u8; 1000]));
    assert!(allocations() > before, "allocations are counted");

    let data = synthetic::generate(1000, 1, 2);
    for name in ["classic", "mlp", "quick"] {
        check(name, &Recipe::built_in(name).unwrap(), &data);
    }
    let mut augmenting = Recipe::built_in("classic").unwrap();
    augmenting.training.augmentation = Some(Augmentation {
        shift: 2.0,
        rotation: 10.0,
        thickness: 0.5,
        elastic: Some(Elastic { strength: 1.0, grid: 5 }),
        erase: Some(Erase { probability: 0.5, size: 5 }),
        degradation: 0.5,
        ..Augmentation::default()
    });
    let mut taught = Recipe::built_in("quick").unwrap();
    taught.training.distillation =
        Some(Distillation { teacher: "good".into(), teacher_sha256: None, weight: 0.9, temperature: 2.0 });
    check("distillation", &taught, &data);
    check("augmentation", &augmenting, &synthetic::generate(5000, 1, 2)); // two chunks
}

/// Trains two epochs and looks after each step.
fn check(name: &str, recipe: &Recipe, data: &Dataset) {
    let split = split(data, 0, 0);
    let mut recipe = recipe.clone();
    recipe.training.epochs = 2;
    for threads in [1, 2] {
        let mut network = initial_network(&recipe);
        let (mut after_first, mut later_steps) = (0, 0);
        let teacher = recipe.training.distillation.as_ref();
        let teacher = teacher.map(|it| initial_network(&Recipe::built_in(&it.teacher).unwrap()));
        let training_data =
            TrainingData { examples: Examples::shuffled(data, &split), teacher: teacher.as_ref() };
        let processor = Processor::with_threads(threads);
        train(&recipe.training, &mut network, training_data, None, processor, |event| {
            if let Event::Step(step) = event {
                if step.iteration == 0 {
                    after_first = allocations();
                } else {
                    later_steps += 1;
                    assert_eq!(allocations(), after_first, "{name}, {threads} threads, {step:?}");
                }
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(later_steps >= 6);
    }
}
