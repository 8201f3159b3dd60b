//! Training with augmentation: each example is changed by its number and its epoch alone.

use super::*;
use crate::{
    image::DigitImage,
    preprocess::augment::{Augmentation, Elastic, Erase},
};

fn augmenting_recipe() -> Recipe {
    let mut recipe = recipe();
    recipe.training.batch_size = BatchSize::Examples(300);
    recipe.training.epochs = 2;
    recipe.training.augmentation = Some(Augmentation {
        shift: 2.0,
        rotation: 10.0,
        thickness: 0.3,
        elastic: Some(Elastic { strength: 1.0, grid: 4 }),
        erase: Some(Erase { probability: 0.2, size: 4 }),
        degradation: 0.2,
        ..Augmentation::default()
    });
    recipe
}

#[test]
fn the_number_of_threads_changes_no_bit_of_a_training_with_augmentation() {
    let (data, recipe) = (synthetic::generate(4600, 3, 2), augmenting_recipe()); // a second chunk
    let one = run(&recipe, &data, 1);
    for threads in [2, 3] {
        assert!(run(&recipe, &data, threads) == one, "{threads} threads");
    }
    let mut without = recipe.clone();
    without.training.augmentation = None;
    assert!(run(&without, &data, 2) != one);
    let mut off = recipe;
    off.training.augmentation = Some(Default::default());
    assert!(run(&off, &data, 2) == run(&without, &data, 2), "all ranges 0");
}

/// The oracle: images that were changed before, one epoch after the other, and trained on as they are.
#[test]
fn training_sees_each_example_as_augmented_says_and_validation_is_left_alone() {
    let (count, mut recipe) = (4600, augmenting_recipe());
    let data = synthetic::generate(count, 3, 2);
    let validation = synthetic::generate(100, 4, 2);
    let backwards: Vec<u32> = (0..count as u32).rev().collect();
    let changed = (0..2).flat_map(|epoch| {
        let recipe = &recipe.training;
        (0..count).flat_map(move |i| augmented(recipe, &synthetic::draw(3, i as u64).0, i, epoch).0)
    });
    let twice = Dataset::new(changed.collect(), data.labels().repeat(2)).unwrap();
    let run = |recipe: &Recipe, data: &Dataset, orders: Vec<Vec<u32>>| {
        let (order, mut network) = (Order::Given(orders), initial_network(recipe));
        let examples = Examples::Kept { data, indices: &backwards, order: &order };
        let mut seen = vec![];
        let processor = Processor::with_threads(2);
        train(&recipe.training, &mut network, examples, Some(&validation), processor, |event| {
            match event {
                Event::Step(step) => seen.push(step.loss),
                Event::Epoch(epoch) => seen.push(epoch.validation.unwrap().accuracy() as f32),
                Event::Pause(_) => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        (network, seen)
    };
    let on_the_way = run(&recipe, &data, vec![backwards.clone(); 2]);
    recipe.training.augmentation = None;
    let second: Vec<u32> = backwards.iter().map(|index| index + count as u32).collect();
    assert!(on_the_way == run(&recipe, &twice, vec![backwards.clone(), second]));
}

#[test]
fn drawn_digits_are_augmented_by_their_numbers_too() {
    let (count, recipe) = (4600, augmenting_recipe());
    let data = synthetic::generate(count, 3, 2);
    let in_order: Vec<u32> = (0..count as u32).collect();
    let order = Order::Given(vec![in_order.clone(); 2]);
    let run = |examples: Examples<'_>| {
        let mut network = initial_network(&recipe);
        let carry_on = |_: Event<'_>| ControlFlow::Continue(());
        train(&recipe.training, &mut network, examples, None, Processor::with_threads(2), carry_on).unwrap();
        network
    };
    let kept = run(Examples::Kept { data: &data, indices: &in_order, order: &order });
    assert!(run(Examples::Drawn { seed: 3, count }) == kept);
}

#[test]
fn a_last_chunk_smaller_than_a_batch_is_dropped_or_kept_as_the_recipe_says() {
    let (data, mut recipe) = (synthetic::generate(4250, 3, 2), augmenting_recipe()); // 4,200 and 50
    for (last_batch, expected) in [(LastBatch::Drop, 14), (LastBatch::Keep, 15)] {
        recipe.training.last_batch = last_batch;
        let (split, mut steps) = (split(&data, 0, 0), 0);
        let examples = Examples::shuffled(&data, &split);
        let mut network = initial_network(&recipe);
        train(&recipe.training, &mut network, examples, None, Processor::with_threads(2), |event| {
            steps += usize::from(matches!(event, Event::Step(_)));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(steps, 2 * expected, "{last_batch:?}");
    }
}

#[test]
fn neighbouring_examples_and_epochs_are_changed_independently() {
    let mut recipe = recipe();
    recipe.training.augmentation = Some(Augmentation { shift: 9.0, ..Augmentation::default() });
    let mut dot = DigitImage([0; PIXELS]);
    dot.0[13 * 28 + 13] = 255;
    let shift = |number, epoch| {
        let place =
            augmented(&recipe.training, &dot, number, epoch).0.iter().position(|&ink| ink > 0).unwrap();
        [(place % 28) as f64 - 13.0, (place / 28) as f64 - 13.0]
    };
    let numbers = 0..20_000;
    let variance = 30.0; // (19² - 1) / 12
    // Products of independent shifts have mean 0; four standard deviations of the mean of 20,000.
    let bound = 4.0 * variance / f64::sqrt(20_000.0);
    for axis in 0..2 {
        for (what, number, epoch) in [("example", 1, 0), ("example", 2, 0), ("epoch", 0, 1)] {
            let product = |i| shift(i, 0)[axis] * shift(i + number, epoch)[axis];
            let mean = numbers.clone().map(product).sum::<f64>() / 20_000.0;
            assert!(mean.abs() < bound, "next {what}, axis {axis}: {mean}");
        }
        let square = numbers.clone().map(|i| shift(i, 0)[axis].powi(2)).sum::<f64>() / 20_000.0;
        assert!((square - variance).abs() < 1.0, "axis {axis}: {square}");
    }
    let both = numbers.map(|i| shift(i, 0)[0] * shift(i, 0)[1]).sum::<f64>() / 20_000.0;
    assert!(both.abs() < bound, "the axes: {both}");
}
