//! Training as a whole: it learns, it repeats itself, it ends as it should.

mod augmentation;
mod convolutional;

use self::convolutional::convolutional_recipe;
use super::{epoch::epoch_order, *};
use crate::{
    Rng,
    classes::Classes,
    dataset::synthetic,
    image::PIXELS,
    network::LayerKind,
    recipe::{BatchSize, Distillation, EarlyStopping, LastBatch, OptimizerKind, Recipe, Schedule},
};
use rand::SeedableRng;

/// Ten classes that differ in where their ink lies, with noise.
fn blobs(examples: usize) -> Dataset {
    blobs_of(examples, Classes::digits())
}

fn blobs_of(examples: usize, classes: Classes) -> Dataset {
    use rand::RngExt;
    let mut rng = Rng::seed_from_u64(11);
    let count = classes.count();
    let labels: Vec<u8> = (0..examples).map(|i| (i * 7 % count) as u8).collect();
    let mut images = vec![0; examples * PIXELS];
    let pixels = 700 / count;
    for (image, &label) in images.chunks_exact_mut(PIXELS).zip(&labels) {
        for pixel in &mut image[usize::from(label) * pixels..][..pixels] {
            *pixel = rng.random_range(0..=255);
        }
        for _ in 0..60 {
            image[rng.random_range(0..PIXELS)] = rng.random_range(0..=255);
        }
    }
    Dataset::with_classes(images, labels, classes).unwrap()
}

#[test]
fn any_number_of_classes_is_learned() {
    for count in [3, 26] {
        let classes = Classes::new((0..count).map(|class| format!("no. {class}")).collect()).unwrap();
        let data = blobs_of(1300, classes.clone());
        let mut general = convolutional_recipe();
        (general.training.epochs, general.training.augmentation) = (12, None);
        let mut dense = recipe();
        dense.training.epochs = 20;
        let mut teacher = None;
        for recipe in [dense, general] {
            let recipe = recipe.for_classes(&classes).unwrap();
            let network = match &teacher {
                None => run(&recipe, &data, 2),
                Some(teacher) => run_taught(&recipe, &data, teacher, 0.5, 2),
            };
            let evaluation = evaluate(&network, &data, Processor::with_threads(2));
            assert!(evaluation.accuracy() > 0.8, "{count}: {}", evaluation.accuracy());
            assert_eq!((evaluation.confusion().len(), evaluation.classes()), (count, &classes));
            assert_eq!(evaluation.probabilities(0).len(), count);
            assert!(evaluation.best_temperature().is_none_or(|temperature| temperature < 2.0));
            teacher = Some(network);
        }
    }
}

#[test]
#[should_panic(expected = "outputs and classes")]
fn a_network_of_other_classes_is_not_trained() {
    run(&recipe(), &blobs_of(100, Classes::new(["a", "b"].map(String::from).to_vec()).unwrap()), 1);
}

fn recipe() -> Recipe {
    let mut recipe = Recipe::built_in("mlp").unwrap();
    recipe.network.layers = vec![LayerKind::Linear(24), LayerKind::Relu, LayerKind::Linear(10)];
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
        split.validation_set(data).as_ref(),
        Processor::with_threads(threads),
        carry_on,
    )
    .unwrap();
    network
}

/// The same with a teacher, of whose answers so much is learned.
fn run_taught(recipe: &Recipe, data: &Dataset, teacher: &Network, weight: f32, threads: usize) -> Network {
    let mut recipe = recipe.clone();
    recipe.training.distillation =
        Some(Distillation { teacher: String::new(), teacher_sha256: None, weight, temperature: 2.0 });
    let (mut network, split) = (initial_network(&recipe), split(data, 0, 0));
    let taught = TrainingData { examples: Examples::shuffled(data, &split), teacher: Some(teacher) };
    let carry_on = |_: Event<'_>| ControlFlow::Continue(());
    train(&recipe.training, &mut network, taught, None, Processor::with_threads(threads), carry_on).unwrap();
    network
}

#[test]
fn a_student_learns_from_its_teacher_what_no_label_says() {
    let data = synthetic::generate(1000, 3, 2);
    let mut own = recipe();
    (own.training.batch_size, own.training.epochs) = (BatchSize::Examples(20), 20);
    let teacher = run(&own, &data, 2);
    let lies = Dataset::new(data.images().to_vec(), vec![0; data.len()]).unwrap();
    let mut general = convolutional_recipe();
    general.training.epochs = 20;
    general.training.augmentation = None;
    general.training.validation = 0;
    let accuracy = |network: &Network| evaluate(network, &data, Processor::with_threads(2)).accuracy();
    assert!(accuracy(&teacher) > 0.9);
    for recipe in [own, general] {
        let student = accuracy(&run_taught(&recipe, &lies, &teacher, 1.0, 2));
        assert!(student > 0.8, "{student}");
    }
}

#[test]
fn a_teacher_changes_no_bit_by_threads_and_none_at_all_where_it_has_no_weight() {
    let data = synthetic::generate(490, 3, 2);
    let mut general = convolutional_recipe();
    (general.training.label_smoothing, general.training.validation) = (0.0, 0);
    let teacher = initial_network(&convolutional_recipe());
    for recipe in [recipe(), general] {
        let one = run_taught(&recipe, &data, &teacher, 0.5, 1);
        for threads in [2, 3] {
            assert!(run_taught(&recipe, &data, &teacher, 0.5, threads) == one, "{threads} threads");
        }
        let alone = run(&recipe, &data, 2);
        assert!(run_taught(&recipe, &data, &teacher, 0.0, 2) == alone && one != alone);
    }
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
                .flat_map(|&width| [LayerKind::Linear(width), LayerKind::Relu])
                .chain([LayerKind::Linear(10)])
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
        split.validation_set(&data).as_ref(),
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
    let held_out = split.validation_set(&data).unwrap();
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
        split.validation_set(&data).as_ref(),
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
        split.validation_set(&data).as_ref(),
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
    let count = 4600; // a second chunk, and a last batch that is not full
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

#[test]
fn a_training_that_no_longer_helps_stops_early_with_its_best_network() {
    let (data, mut recipe) = (blobs(430), recipe());
    recipe.training.validation = 100;
    recipe.training.epochs = 50;
    recipe.training.learning_rate = 0.5; // too large to go on getting better
    recipe.training.schedule = Schedule::Constant;
    recipe.training.early_stopping = Some(EarlyStopping { patience: 2 });
    recipe.check().unwrap();
    let (mut network, split) = (initial_network(&recipe), split(&data, 100, recipe.training.seed));
    let (validation, mut losses) = (split.validation_set(&data), vec![]);
    let examples = Examples::shuffled(&data, &split);
    let outcome = train(
        &recipe.training,
        &mut network,
        examples,
        validation.as_ref(),
        Processor::with_threads(2),
        |event| {
            if let Event::Epoch(epoch) = event {
                losses.push(epoch.validation.unwrap().loss());
            }
            ControlFlow::Continue(())
        },
    );
    assert_eq!(outcome, Ok(Outcome::StoppedEarly));
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses.iter().rposition(|&loss| loss == best), Some(losses.len() - 3));
    let kept = evaluate(&network, &validation.unwrap(), Processor::with_threads(2)).loss();
    assert_eq!(kept, best);
}
