//! Training as a whole: it learns, it repeats itself, it ends as it should.

use super::{epoch::epoch_order, *};
use crate::{
    Rng,
    classes::Classes,
    dataset::synthetic,
    image::PIXELS,
    network::{LayerKind, Precision, Storage},
    recipe::{
        Averaging, BatchSize, Distillation, EarlyStopping, LastBatch, OptimizerKind, Recipe, Schedule,
        Statistics,
    },
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
        split.validation.as_ref(),
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

fn augmenting_recipe() -> Recipe {
    use crate::preprocess::augment::{Augmentation, Elastic, Erase};
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
    use crate::preprocess::augment::Augmentation;
    let mut recipe = recipe();
    recipe.training.augmentation = Some(Augmentation { shift: 9.0, ..Augmentation::default() });
    let mut dot = crate::image::DigitImage([0; PIXELS]);
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

/// A small convolutional network with all that a recipe can ask of a training.
fn convolutional_recipe() -> Recipe {
    let text = r#"
        name = "small"
        [network]
        pixels = "unit"
        layers = [
          { crop = 24 },
          { conv = { channels = 6, kernel = 5, stride = 2 } }, "batch-norm", "relu",
          { residual = [{ conv = { channels = 6, kernel = 3, padding = 1 } }, "batch-norm", { dropout = 0.1 }] },
          { depthwise-conv = { kernel = 3 } }, { max-pool = 2 }, "batch-norm", "relu",
          { linear = 20 }, "relu", { linear = 10 },
        ]
        initial-weights = "he"
        [training]
        epochs = 2
        batch-size = 100
        learning-rate = 0.01
        schedule = { kind = "one-cycle", warmup = 0.3 }
        optimizer = { kind = "adam" }
        label-smoothing = 0.1
        gradient-clipping = 1.0
        averaging = { kind = "ema", decay = 0.9 }
        ghost-batch = 16
        validation = 60
        augmentation = { shift = 1 }
    "#;
    Recipe::from_toml(text.as_bytes()).unwrap()
}

#[test]
fn the_number_of_threads_changes_no_bit_of_a_convolutional_network() {
    let data = synthetic::generate(490, 3, 2); // the last batch is not full, nor its last ghost batch
    for (precision, statistics) in [
        (Precision::F32, Statistics::AsTrained),
        (Precision::Bf16, Statistics::AsTrained),
        (Precision::Bf16, Statistics::Clean),
    ] {
        let mut recipe = convolutional_recipe();
        (recipe.training.precision, recipe.training.statistics) = (precision, statistics);
        let one = run(&recipe, &data, 1);
        for threads in [1, 2, 3, 8] {
            assert!(run(&recipe, &data, threads) == one, "{threads} threads, {precision:?}, {statistics:?}");
        }
    }
}

#[test]
fn every_wish_of_a_recipe_changes_the_network() {
    let data = synthetic::generate(300, 3, 2);
    let as_it_is = run(&convolutional_recipe(), &data, 2);
    let changes: [fn(&mut TrainingRecipe); 9] = [
        |recipe| recipe.label_smoothing = 0.0,
        |recipe| recipe.gradient_clipping = None,
        |recipe| recipe.averaging = None,
        |recipe| recipe.averaging = Some(Averaging::Swa { start: 0.5 }),
        |recipe| recipe.statistics = Statistics::Clean,
        |recipe| recipe.ghost_batch = 32,
        |recipe| recipe.augmentation = None,
        |recipe| recipe.seed = 1,
        |recipe| recipe.schedule = Schedule::Exponential { end: 0.01 },
    ];
    for (place, change) in changes.iter().enumerate() {
        let mut recipe = convolutional_recipe();
        change(&mut recipe.training);
        assert!(run(&recipe, &data, 2) != as_it_is, "{place}");
    }
}

#[test]
fn a_trained_network_is_rounded_as_the_recipe_wishes_and_judged_as_it_is_kept() {
    let data = synthetic::generate(300, 3, 2);
    for averaging in [None, Some(Averaging::Ema { decay: 0.9 })] {
        let mut recipe = convolutional_recipe();
        recipe.training.averaging = averaging;
        let mut rounded = run(&recipe, &data, 2);
        recipe.training.storage = Storage::F16;
        let (mut network, split) = (initial_network(&recipe), split(&data, 60, recipe.training.seed));
        let (examples, processor) = (Examples::shuffled(&data, &split), Processor::with_threads(2));
        let (validation, mut judged) = (split.validation.as_ref(), 0.0);
        train(&recipe.training, &mut network, examples, validation, processor, |event| {
            if let Event::Epoch(epoch) = event {
                judged = epoch.validation.unwrap().loss();
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(network != rounded, "{averaging:?}");
        rounded.round_to(Storage::F16);
        assert!(network == rounded, "{averaging:?}");
        assert_eq!(evaluate(&network, validation.unwrap(), processor).loss(), judged, "{averaging:?}");
    }
}

#[test]
fn clean_statistics_are_those_of_the_images_as_they_are() {
    let data = synthetic::generate(490, 3, 2); // with a last ghost batch that is not full
    for averaging in [None, Some(Averaging::Ema { decay: 0.9 })] {
        for storage in [Storage::F32, Storage::F16] {
            let mut recipe = convolutional_recipe();
            // Normalises the pixels themselves, so no weight has a share in what it measures.
            recipe.network.layers.insert(1, LayerKind::BatchNorm);
            (recipe.training.averaging, recipe.training.storage) = (averaging, storage);
            recipe.training.augmentation.as_mut().unwrap().scale = 0.3;
            let as_trained = run(&recipe, &data, 2);
            recipe.training.statistics = Statistics::Clean;
            let clean = run(&recipe, &data, 2);
            assert!(clean.parameters() == as_trained.parameters(), "{averaging:?}: no weight moves");
            let unchanged = split(&data, recipe.training.validation, recipe.training.seed).training;
            let expected = middle_pixels(&data, &unchanged);
            let distances = [&clean, &as_trained].map(|network| {
                let found = &network.statistics()[..2];
                (0..2).map(|i| (f64::from(found[i]) / expected[i] - 1.0).abs()).fold(0.0, f64::max)
            });
            let rounding = if storage == Storage::F16 { 1e-3 } else { 1e-5 };
            assert!(distances[0] < rounding && distances[1] > 1e-2, "{averaging:?}: {distances:?}");
        }
    }
}

/// Mean and variance of the middle 24x24 pixels of some images, from 0 to 1: what `clean` should give, computed plainly.
fn middle_pixels(data: &Dataset, indices: &[u32]) -> [f64; 2] {
    let middle = |place: &usize| [place / 28, place % 28].iter().all(|at| (2..26).contains(at));
    let images = indices.iter().map(|&index| data.image(index as usize));
    let pixels: Vec<f64> = images
        .flat_map(|image| {
            (0..PIXELS).filter(middle).map(|place| f64::from(image.0[place]) / 255.0).collect::<Vec<_>>()
        })
        .collect();
    let mean = pixels.iter().sum::<f64>() / pixels.len() as f64;
    [mean, pixels.iter().map(|pixel| (pixel - mean).powi(2)).sum::<f64>() / pixels.len() as f64]
}

#[test]
fn a_convolutional_network_learns_and_its_running_statistics_suit_it() {
    let data = synthetic::generate(2_000, 3, 2);
    for averaging in [None, Some(Averaging::Ema { decay: 0.9 })] {
        let mut recipe = convolutional_recipe();
        recipe.training.averaging = averaging;
        recipe.training.epochs = 8;
        let evaluation = evaluate(&run(&recipe, &data, 2), &data, Processor::with_threads(2));
        assert!(evaluation.accuracy() > 0.75, "{averaging:?}: {}", evaluation.accuracy());
    }
}

#[test]
fn bfloat16_is_close_to_f32() {
    let (data, mut recipe) = (synthetic::generate(300, 3, 2), convolutional_recipe());
    (recipe.training.epochs, recipe.training.validation) = (1, 0);
    let network = run(&recipe, &data, 2);
    recipe.training.precision = Precision::Bf16;
    let rounded = run(&recipe, &data, 2);
    let pairs = network.parameters().iter().zip(rounded.parameters());
    let (errors, squares) =
        pairs.fold((0.0, 0.0), |(e, s), (a, b)| (e + f64::from(a - b).powi(2), s + f64::from(*a).powi(2)));
    assert!((errors / squares).sqrt() < 0.1, "{errors} of {squares}");
    assert_eq!(errors > 0.0, Processor::with_threads(1).level.has_bf16());
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
    let (validation, mut losses) = (split.validation.as_ref(), vec![]);
    let examples = Examples::shuffled(&data, &split);
    let outcome =
        train(&recipe.training, &mut network, examples, validation, Processor::with_threads(2), |event| {
            if let Event::Epoch(epoch) = event {
                losses.push(epoch.validation.unwrap().loss());
            }
            ControlFlow::Continue(())
        });
    assert_eq!(outcome, Ok(Outcome::StoppedEarly));
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses.iter().rposition(|&loss| loss == best), Some(losses.len() - 3));
    let kept = evaluate(&network, validation.unwrap(), Processor::with_threads(2)).loss();
    assert_eq!(kept, best);
}
