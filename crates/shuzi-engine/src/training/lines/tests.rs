//! Lines of bars learn to be read; nothing depends on the number of threads.

use super::*;
use crate::{
    Rng,
    kernels::Level,
    network::{
        Architecture, InitialWeights, LayerKind, Precision, Shape,
        ctc::greedy,
        line_model::{LineModel, LineSession},
    },
    preprocess::{
        PixelScale,
        strip::{STRIP_HEIGHT, Strip},
    },
    recipe::Recipe,
};
use rand::{RngExt, SeedableRng};

/// A strip of bars: a tall one is a 1, a short one a 0.
fn bars(number: u64) -> LabelledStrip {
    let mut rng = Rng::seed_from_u64(number);
    let labels: Vec<u8> = (0..rng.random_range(0..4)).map(|_| rng.random_range(0..2)).collect();
    let width = 16 + 12 * labels.len();
    let mut pixels = vec![128; STRIP_HEIGHT * width];
    for (place, label) in labels.iter().enumerate() {
        let rows = if *label == 1 { 2..30 } else { 18..30 };
        for y in rows {
            pixels[y * width + 10 + 12 * place..][..3].fill(240);
        }
    }
    LabelledStrip { strip: Strip { width, pixels }, labels }
}

/// Two convolutions, and a class for each of four columns.
fn network() -> Network {
    let layers = toml::from_str::<Layers>(
        r#"layers = [
            { conv = { channels = 8, kernel = 3, padding = 1 } }, "batch-norm", "relu", { max-pool = 4 },
            { conv = { channels = 12, kernel = 3, padding = 1 } }, "batch-norm", "relu", { max-pool-rows = 8 },
            { conv = { channels = 3, kernel = 1 } },
        ]"#,
    );
    let input = Shape { height: STRIP_HEIGHT, width: 32, channels: 1 };
    let architecture = Architecture::of_pictures(PixelScale::Raw, input, &layers.unwrap().layers).unwrap();
    Network::random(architecture, InitialWeights::He, &mut Rng::seed_from_u64(1))
}

#[derive(serde::Deserialize)]
struct Layers {
    layers: Vec<LayerKind>,
}

fn recipe() -> TrainingRecipe {
    let mut recipe = Recipe::built_in("small").unwrap().training;
    (recipe.batch_size, recipe.ghost_batch) = (crate::recipe::BatchSize::Examples(16), 8);
    (recipe.precision, recipe.averaging) = (Precision::F32, None);
    recipe.gradient_clipping = Some(5.0);
    recipe.learning_rate = 0.01;
    recipe.optimizer =
        crate::recipe::OptimizerKind::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.0 };
    recipe
}

fn train(threads: usize, steps: u64) -> (LineState, Vec<f32>) {
    let (recipe, mut losses) = (recipe(), vec![]);
    let mut state = LineState::new(&recipe, network(), steps);
    train_lines(&recipe, &mut state, steps, bars, Processor::with_threads(threads), |step, _| {
        losses.push(step.loss);
        ControlFlow::Continue(())
    })
    .unwrap();
    (state, losses)
}

#[test]
fn bars_are_learned_without_being_told_where_they_stand() {
    let (state, losses) = train(2, 200);
    assert!(losses[0] > 3.0 && losses[199] < 0.1, "{} {}", losses[0], losses[199]);
    let kept = line_network_to_keep(&recipe(), &state, bars, Processor::with_threads(2));
    let (model, mut session) =
        (LineModel::new(&kept, Level::detect(), Precision::F32), LineSession::default());
    for number in 1_000_000..1_000_050 {
        let LabelledStrip { strip, labels } = bars(number);
        let logits = model.logits(&strip, &mut session);
        assert_eq!(logits.len(), strip.width / 4 * 3);
        let read: Vec<u8> = greedy(logits, 3).into_iter().map(|(class, _)| class).collect();
        assert_eq!(read, labels);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_network() {
    let (one, losses) = train(1, 5);
    let (three, same_losses) = train(3, 5);
    assert_eq!(losses, same_losses);
    assert!(one.network == three.network);
}

#[test]
fn every_layer_keeps_its_weights_for_another_width() {
    let network = network();
    let wide = network.architecture().with_width(96);
    assert_eq!((wide.input().width, wide.steps(), wide.classes()), (96, 24, 3));
    assert_eq!(wide.parameter_count(), network.architecture().parameter_count());
    assert_eq!(wide.with_width(32), *network.architecture());
    assert_eq!(wide.kinds(), network.architecture().kinds());
}
