//! Trains a line reader: `train_lines RECIPE.toml OUT_FOLDER THREADS [HANDWRITING_FOLDER [MNIST_FOLDER]]`. Without the first folder our
//! own stroke models write; with the second MNIST's training images stand among their strokes. `lines.safetensors` is written every thousand steps and at the end, and tested on strips of writers who were held out.

use shuzi_engine::{
    Processor,
    dataset::{
        Dataset,
        idx::{read_images, read_labels},
        strips::{HANDWRITING_FILES, Hands, draw},
    },
    model::{CalibratedLines, line_network_to_safetensors},
    network::{
        Network, Precision,
        calibration::Calibration,
        ctc::greedy,
        line_model::{LineModel, LineSession},
    },
    training::lines::{LineRecipe, LineState, line_network_to_keep, train_lines},
};
use std::{
    fs::{self, File},
    ops::ControlFlow,
    path::Path,
    time::Instant,
};

/// One in so many writers is held out.
const HELD_OUT: usize = 10;
const SEED: u64 = 0;
const VALIDATION_SEED: u64 = 1;

fn hands(folder: Option<&String>, mnist: Option<&String>) -> (Hands, Hands) {
    let Some(folder) = folder else { return (Hands::synthetic(), Hands::synthetic()) };
    let files: Vec<(&str, Vec<u8>)> = HANDWRITING_FILES
        .iter()
        .map(|file| (*file, fs::read(Path::new(folder).join(file)).unwrap()))
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let (training, held_out) = Hands::from_files(&files).unwrap().split(HELD_OUT, 0);
    let Some(folder) = mnist else { return (training, held_out) };
    let open = |kind: &str| File::open(Path::new(folder).join(format!("train-{kind}-ubyte.gz"))).unwrap();
    let images = read_images(open("images-idx3"), None).unwrap();
    let digits = Dataset::new(images, read_labels(open("labels-idx1"), None).unwrap()).unwrap();
    (training.with_scans(digits), held_out)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let recipe = LineRecipe::from_toml(&fs::read(&arguments[1]).unwrap()).unwrap();
    let folder = Path::new(&arguments[2]);
    let processor = Processor::with_threads(arguments[3].parse().unwrap());
    fs::create_dir_all(folder).unwrap();
    let (training, held_out) = hands(arguments.get(4), arguments.get(5));
    println!("{} writers, {} held out", training.writers(), held_out.writers());
    let network = recipe.initial_network();
    println!("{} parameters", network.parameters().len());
    let steps = recipe.steps();
    let mut state = LineState::new(&recipe.training, network, steps);
    let batch = recipe.training.batch_size.of(usize::MAX);
    let (start, mut sum) = (Instant::now(), 0.0);
    let write_strip = |number: u64| draw(&training, SEED, number);
    train_lines(&recipe.training, &mut state, steps, write_strip, processor, |step, state| {
        sum += step.loss;
        let done = step.step + 1;
        if done % 100 == 0 {
            let speed = done as f64 * batch as f64 / start.elapsed().as_secs_f64();
            println!(
                "step {done} of {steps} loss {:.4} rate {:.5} {speed:.0} strips/s",
                sum / 100.0,
                step.learning_rate
            );
            sum = 0.0;
        }
        if done % 1000 == 0 || done == steps {
            let network = line_network_to_keep(&recipe.training, state, write_strip, processor);
            let record = [("recipe", recipe.name.clone()), ("steps", done.to_string())];
            let lines = CalibratedLines { network, calibration: Calibration::default() };
            fs::write(folder.join("lines.safetensors"), line_network_to_safetensors(&lines, &record))
                .unwrap();
            validate(&lines.network, &held_out, processor);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
}

/// How many of some strips of held-out writers are read right, as a whole.
fn validate(network: &Network, hands: &Hands, processor: Processor) {
    const COUNT: u64 = 2000;
    let (model, mut session) =
        (LineModel::new(network, processor.level, Precision::F32), LineSession::default());
    let (mut right, mut digits_right, mut digits) = (0, 0, 0);
    for number in 0..COUNT {
        let strip = draw(hands, VALIDATION_SEED, number);
        let read: Vec<u8> = greedy(model.logits(&strip.strip, &mut session), model.classes())
            .into_iter()
            .map(|(sign, _)| sign)
            .collect();
        right += u64::from(read == strip.labels);
        let is_numeric = !strip.labels.is_empty() && strip.labels.iter().all(|&sign| sign < 16);
        if is_numeric {
            digits += 1;
            let only = |signs: &[u8]| signs.iter().copied().filter(|&sign| sign < 10).collect::<Vec<_>>();
            digits_right += u64::from(only(&read) == only(&strip.labels));
        }
    }
    println!(
        "validation: {:.2} % right, {:.2} % of {digits} numbers",
        100.0 * right as f64 / COUNT as f64,
        100.0 * digits_right as f64 / digits as f64
    );
}
