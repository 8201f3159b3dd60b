//! Training of convolutional networks: threads, precision, storage, and the statistics of batch normalisation.

use super::*;
use crate::{
    network::{Precision, Storage},
    recipe::{Averaging, Statistics},
};

/// A small convolutional network with all that a recipe can ask of a training.
pub(super) fn convolutional_recipe() -> Recipe {
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
fn every_setting_of_a_recipe_changes_the_network() {
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
fn a_trained_network_is_rounded_as_the_recipe_asks_and_evaluated_as_it_is_kept() {
    let data = synthetic::generate(300, 3, 2);
    for averaging in [None, Some(Averaging::Ema { decay: 0.9 })] {
        let mut recipe = convolutional_recipe();
        recipe.training.averaging = averaging;
        let mut rounded = run(&recipe, &data, 2);
        recipe.training.storage = Storage::F16;
        let (mut network, split) = (initial_network(&recipe), split(&data, 60, recipe.training.seed));
        let (examples, processor) = (Examples::shuffled(&data, &split), Processor::with_threads(2));
        let (validation, mut evaluated) = (split.validation_set(&data), 0.0);
        train(&recipe.training, &mut network, examples, validation.as_ref(), processor, |event| {
            if let Event::Epoch(epoch) = event {
                evaluated = epoch.validation.unwrap().loss();
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(network != rounded, "{averaging:?}");
        rounded.round_to(Storage::F16);
        assert!(network == rounded, "{averaging:?}");
        assert_eq!(evaluate(&network, &validation.unwrap(), processor).loss(), evaluated, "{averaging:?}");
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
    let numbers = network.parameters().iter().zip(rounded.parameters());
    let (errors, squares) =
        numbers.fold((0.0, 0.0), |(e, s), (a, b)| (e + f64::from(a - b).powi(2), s + f64::from(*a).powi(2)));
    assert!((errors / squares).sqrt() < 0.1, "{errors} of {squares}");
    assert_eq!(errors > 0.0, Processor::with_threads(1).level.has_bf16());
}
