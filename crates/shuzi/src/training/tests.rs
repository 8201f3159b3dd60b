//! Training as a whole: it learns, it repeats itself, it ends as it should.

use super::*;
use crate::kernels::Processor;
use crate::{
    image::PIXELS,
    recipe::{BatchSize, OptimizerKind},
};

/// Ten classes that differ in where their ink lies, with noise.
fn blobs(examples: usize) -> Dataset {
    use rand::RngExt;
    let mut rng = Rng::seed_from_u64(11);
    let labels: Vec<u8> = (0..examples).map(|i| (i * 7 % 10) as u8).collect();
    let mut images = vec![0; examples * PIXELS];
    for (image, &label) in images.chunks_exact_mut(PIXELS).zip(&labels) {
        for pixel in &mut image[usize::from(label) * 70..][..70] {
            *pixel = rng.random_range(0..=255);
        }
        for _ in 0..60 {
            image[rng.random_range(0..PIXELS)] = rng.random_range(0..=255);
        }
    }
    Dataset::new(images, labels).unwrap()
}

fn recipe() -> Recipe {
    let mut recipe = Recipe::built_in("mlp").unwrap();
    recipe.network.layers = vec![
        crate::network::LayerKind::Linear(24),
        crate::network::LayerKind::Relu,
        crate::network::LayerKind::Linear(10),
    ];
    recipe.training.batch_size = BatchSize::Examples(50);
    recipe.training.epochs = 6;
    recipe.training.learning_rate = 0.01;
    recipe
}

fn run(recipe: &Recipe, data: &Dataset, threads: usize) -> Network {
    let mut network = initial_network(recipe);
    let split = split(data, recipe.training.validation, recipe.training.seed);
    let carry_on = |_: Event<'_>| ControlFlow::Continue(());
    train(
        &recipe.training,
        &mut network,
        Examples::shuffled(data, &split),
        split.validation.as_ref(),
        Processor::with_threads(threads),
        carry_on,
    )
    .unwrap();
    network
}

#[test]
fn a_small_set_is_learnt_by_heart() {
    let data = blobs(430); // the last batch is not full
    let evaluation = evaluate(&run(&recipe(), &data, 1), &data, Processor::with_threads(1));
    assert!(evaluation.accuracy() > 0.99, "{}", evaluation.accuracy());
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let data = blobs(430);
    for optimizer in [
        OptimizerKind::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 },
        OptimizerKind::Sgd { momentum: 0.9, nesterov: true, weight_decay: 1e-3 },
        recipe().training.optimizer,
    ] {
        for layers in [vec![24], vec![100, 33]] {
            let mut recipe = recipe();
            recipe.training.optimizer = optimizer;
            recipe.training.epochs = 2;
            recipe.training.batch_size = BatchSize::Examples(200);
            recipe.network.layers = layers
                .iter()
                .flat_map(|&width| {
                    [crate::network::LayerKind::Linear(width), crate::network::LayerKind::Relu]
                })
                .chain([crate::network::LayerKind::Linear(10)])
                .collect();
            let one = run(&recipe, &data, 1);
            for threads in [1, 2, 3, 8] {
                assert!(run(&recipe, &data, threads) == one, "{threads} threads, {layers:?}, {optimizer:?}");
            }
        }
    }
}

#[test]
fn another_seed_gives_another_network() {
    let (data, mut other) = (blobs(430), recipe());
    other.training.seed = 1;
    assert!(run(&recipe(), &data, 1) != run(&other, &data, 1));
}

#[test]
fn full_batch_and_single_example_are_batch_sizes() {
    let (data, mut recipe) = (blobs(60), recipe());
    recipe.training.epochs = 2;
    for (batch_size, steps) in [("all", 1), ("1", 60), ("60", 1), ("59", 2)] {
        recipe.training.batch_size = batch_size.parse().unwrap();
        assert_eq!(steps_per_epoch(&recipe.training, data.len()), steps, "{batch_size}");
        run(&recipe, &data, 2);
    }
}

#[test]
fn a_dropped_last_batch_is_not_trained_on() {
    let (data, mut recipe) = (blobs(59), recipe());
    recipe.training.last_batch = LastBatch::Drop;
    recipe.training.epochs = 1;
    let mut steps = vec![];
    let split = split(&data, 0, 0);
    train(
        &recipe.training,
        &mut initial_network(&recipe),
        Examples::shuffled(&data, &split),
        split.validation.as_ref(),
        Processor::with_threads(1),
        |event| {
            if let Event::Step(step) = event {
                steps.push(step.examples);
            }
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    assert_eq!(steps, [50]);
}

#[test]
fn shuffling_keeps_every_example_once_and_differs_between_epochs() {
    let training: Vec<u32> = (0..1000).collect();
    let first = epoch_order(&Order::Shuffled, &training, 5, 0);
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, training);
    assert_ne!(first, epoch_order(&Order::Shuffled, &training, 5, 1));
    assert_eq!(first, epoch_order(&Order::Shuffled, &training, 5, 0));
}

#[test]
fn held_out_examples_are_not_trained_on() {
    let data = blobs(100);
    let split = split(&data, 30, 7);
    assert_eq!(split.training.len(), 70);
    let held_out = split.validation.unwrap();
    for index in 0..held_out.len() {
        assert!(split.training.iter().all(|&i| data.image(i as usize) != held_out.image(index)));
    }
}

#[test]
fn a_diverging_training_stops_and_gives_the_last_good_weights() {
    let (data, mut recipe) = (blobs(430), recipe());
    recipe.network.pixels = crate::preprocess::PixelScale::Raw;
    recipe.training.learning_rate = 1e20;
    recipe.training.optimizer = OptimizerKind::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    let mut network = initial_network(&recipe);
    let start = network.clone();
    let split = split(&data, 0, 0);
    let carry_on = |_: Event<'_>| ControlFlow::Continue(());
    let result = train(
        &recipe.training,
        &mut network,
        Examples::shuffled(&data, &split),
        split.validation.as_ref(),
        Processor::with_threads(2),
        carry_on,
    );
    assert!(matches!(result, Err(Diverged { epoch: 0, .. })), "{result:?}");
    assert!(network == start);
}

#[test]
fn the_observer_can_stop_a_training() {
    let data = blobs(430);
    let split = split(&data, 0, 0);
    let mut steps = 0;
    let outcome = train(
        &recipe().training,
        &mut initial_network(&recipe()),
        Examples::shuffled(&data, &split),
        split.validation.as_ref(),
        Processor::with_threads(2),
        |_| {
            steps += 1;
            if steps == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    assert_eq!((outcome, steps), (Ok(Outcome::Stopped), 3));
}

#[test]
fn drawing_on_the_way_gives_what_drawing_before_gives() {
    let mut recipe = recipe();
    recipe.training.batch_size = BatchSize::Examples(300);
    recipe.training.epochs = 2;
    let count = 4600; // a second portion, and a last batch that is not full
    let data = synthetic::generate(count, 3, 2);
    let in_order = Order::Given(vec![(0..count as u32).collect(); 2]);
    let Order::Given(orders) = &in_order else { unreachable!() };
    let train_on = |examples: Examples<'_>, threads| {
        let mut network = initial_network(&recipe);
        let mut iterations = vec![];
        train(&recipe.training, &mut network, examples, None, Processor::with_threads(threads), |event| {
            if let Event::Step(step) = event {
                iterations.push(step.iteration);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        (network, iterations)
    };
    let kept = train_on(Examples::Kept { data: &data, indices: &orders[0], order: &in_order }, 2);
    assert_eq!(kept.1, [(0..16).collect::<Vec<_>>(), (0..16).collect()].concat());
    for threads in [1, 2] {
        assert!(train_on(Examples::Drawn { seed: 3, count }, threads) == kept, "{threads} threads");
    }
}
