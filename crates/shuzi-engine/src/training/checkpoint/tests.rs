//! Going on from a checkpoint is bit for bit what an undisturbed training is, and bytes that are not one are
//! refused with a reason.

use super::*;
use crate::{
    dataset::{Dataset, synthetic},
    kernels::Processor,
    model::safetensors::SafetensorsError,
    training::{Event, Outcome, TrainingData, initial_network, resume, split, steps_per_epoch, train},
};
use std::ops::ControlFlow;

fn recipe(network: &str, training: &str) -> Recipe {
    let text = format!(
        "name = \"small\"\n[network]\npixels = \"unit\"\ninitial-weights = \"he\"\n{network}\n[training]\n{training}"
    );
    Recipe::from_toml(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const LINEAR: &str = "layers = [{ linear = 13 }, \"relu\", { linear = 10 }]";
const CONVOLUTION: &str = "layers = [{ conv = { channels = 3, kernel = 5, stride = 3 } }, \"batch-norm\", \"relu\", \
                           { dropout = 0.2 }, \"flatten\", { linear = 10 }]";
const MOMENTUM: &str = "optimizer = { kind = \"sgd\", momentum = 0.9, nesterov = true }";
const ADAM: &str = "optimizer = { kind = \"adam\", weight-decay = 0.01 }";
const DISTILLATION: &str = "distillation = { teacher = \"another\", weight = 0.9, temperature = 2 }";
const CLEAN: &str = "statistics = \"clean\"";
const AUGMENTATION: &str = "[training.augmentation]\nshift = 2\nrotation = 10";

/// Recipes that between them have everything that a checkpoint keeps.
fn recipes() -> Vec<Recipe> {
    let begin = "epochs = 3\nbatch-size = 50\nlearning-rate = 0.02\nschedule = { kind = \"cosine\" }";
    let averaging = "averaging = { kind = \"ema\", decay = 0.9 }";
    let stopping = "validation = 30\nearly-stopping = { patience = 2 }";
    [
        (LINEAR, format!("{begin}\noptimizer = {{ kind = \"sgd\" }}\nlast-batch = \"drop\"")),
        (LINEAR, format!("{begin}\n{MOMENTUM}\n{stopping}\n{AUGMENTATION}")),
        (LINEAR, format!("{begin}\n{ADAM}\n{averaging}\n{stopping}\ngradient-clipping = 1.0")),
        (CONVOLUTION, format!("{begin}\n{MOMENTUM}\nlabel-smoothing = 0.1\n{AUGMENTATION}")),
        (CONVOLUTION, format!("{begin}\n{MOMENTUM}\n{DISTILLATION}\n{CLEAN}\n{AUGMENTATION}")),
        (CONVOLUTION, format!("{begin}\n{ADAM}\n{averaging}\n{stopping}\n{CLEAN}\n{AUGMENTATION}")),
        (CONVOLUTION, format!("{begin}\n{ADAM}\naveraging = {{ kind = \"swa\", start = 0.5 }}\n{stopping}")),
    ]
    .map(|(network, training)| recipe(network, &training))
    .into()
}

/// How a training went: what it reported, what it ended with, and a checkpoint of each pause, beside how much had been
/// reported by then.
struct Course {
    reported: Vec<String>,
    ended: Outcome,
    network: Network,
    checkpoints: Vec<(usize, Vec<u8>)>,
}

/// What is trained on.
#[derive(Clone, Copy)]
enum Digits<'a> {
    Kept(&'a Dataset, &'a Order),
    Drawn(usize),
}

/// A whole training, or the rest of one.
fn run(recipe: &Recipe, digits: Digits<'_>, from: Option<&[u8]>, threads: usize) -> Course {
    let (mut reported, mut checkpoints) = (vec![], vec![]);
    let teacher = recipe.training.distillation.is_some();
    let teacher = teacher.then(|| initial_network(&Recipe::built_in("mlp").unwrap()));
    let (training, validation) = (&recipe.training, recipe.training.validation);
    let drawn = synthetic::generate(validation + 1, 9, 1);
    let (data, seed) = match digits {
        Digits::Kept(data, _) => (data, training.seed),
        Digits::Drawn(_) => (&drawn, 0),
    };
    let held_out = split(data, validation, seed);
    let examples = match digits {
        Digits::Kept(data, order) => Examples::Kept { data, indices: &held_out.training, order },
        Digits::Drawn(count) => Examples::Drawn { seed: 5, count },
    };
    let task = Task::new(recipe.clone(), "synthetic".into(), examples);
    let (validation, processor) = (held_out.validation_set(data), Processor::with_threads(threads));
    let observe = |event: Event<'_>| {
        match event {
            Event::Step(step) => reported.push(format!("{step:?}")),
            Event::Epoch(epoch) => reported.push(format!(
                "{} {} {} {:?}",
                epoch.epoch,
                epoch.mean_loss,
                epoch.mean_batch_accuracy,
                epoch.validation.map(crate::evaluation::Evaluation::loss)
            )),
            Event::Pause(pause) if from.is_none() => {
                let checkpoint = pause.checkpoint(&task).unwrap();
                assert_eq!((pause.steps(), pause.between_epochs()), place(&checkpoint));
                checkpoints.push((reported.len(), checkpoint.to_bytes()));
            }
            Event::Pause(_) => {}
        }
        ControlFlow::Continue(())
    };
    let mut network = initial_network(recipe);
    let data = TrainingData { examples, teacher: teacher.as_ref() };
    let ended = match from {
        None => train(training, &mut network, data, validation.as_ref(), processor, observe),
        Some(bytes) => {
            let checkpoint = Checkpoint::from_bytes(bytes).unwrap();
            checkpoint.check_recipe(recipe).unwrap();
            checkpoint.check_data("synthetic", examples).unwrap();
            resume(checkpoint, &mut network, data, validation.as_ref(), processor, observe)
        }
    };
    Course { reported, ended: ended.unwrap(), network, checkpoints }
}

fn place(checkpoint: &Checkpoint) -> (u64, bool) {
    (checkpoint.steps(), checkpoint.state.sums.steps == 0)
}

/// Goes on from every pause, with one and with several threads.
fn check(recipe: &Recipe, digits: Digits<'_>) -> Course {
    let undisturbed = run(recipe, digits, None, 2);
    for (index, (reported, bytes)) in undisturbed.checkpoints.iter().enumerate() {
        assert_eq!(Checkpoint::from_bytes(bytes).unwrap().to_bytes(), *bytes);
        let rest = run(recipe, digits, Some(bytes), 1 + index % 3);
        assert_eq!(rest.reported, undisturbed.reported[*reported..], "pause {index}");
        assert!(rest.network == undisturbed.network && rest.ended == undisturbed.ended, "pause {index}");
    }
    undisturbed
}

#[test]
fn going_on_after_any_step_gives_the_same_network_to_the_last_bit() {
    let data = synthetic::generate(260, 3, 2);
    for recipe in recipes() {
        let course = check(&recipe, Digits::Kept(&data, &Order::Shuffled));
        let steps = 3 * steps_per_epoch(&recipe.training, 260 - recipe.training.validation);
        assert_eq!(course.checkpoints.len(), steps + 2, "after each step, and after two epochs");
    }
}

#[test]
fn going_on_in_any_chunk_of_augmented_or_drawn_digits_gives_the_same() {
    let (count, mut recipes) = (4600, recipes());
    let data = synthetic::generate(count, 5, 2);
    let backwards = Order::Given(vec![(0..count as u32).rev().collect(); 2]);
    recipes.retain(|recipe| recipe.training.augmentation.is_some());
    for recipe in &mut recipes {
        recipe.training.epochs = 2;
        recipe.training.batch_size = "1500".parse().unwrap(); // chunks of three batches, then a smaller one
        recipe.training.validation = 0;
        recipe.training.early_stopping = None;
        check(recipe, Digits::Kept(&data, &Order::Shuffled));
        let course = check(recipe, Digits::Drawn(count));
        assert_eq!(course.checkpoints.len(), 2 * 4 + 1);
        recipe.training.augmentation = None;
        recipe.training.last_batch = crate::recipe::LastBatch::Drop;
        check(recipe, Digits::Drawn(count));
        check(recipe, Digits::Kept(&data, &backwards));
    }
}

#[test]
fn a_training_that_stops_early_does_so_after_a_break_too() {
    let data = synthetic::generate(260, 3, 2);
    let mut recipe = recipes().remove(1);
    recipe.training.epochs = 30;
    recipe.training.schedule = crate::recipe::Schedule::Constant;
    recipe.training.learning_rate = 0.3; // too much
    let course = check(&recipe, Digits::Kept(&data, &Order::Shuffled));
    assert_eq!(course.ended, Outcome::StoppedEarly);
}

/// A checkpoint in the middle of a training that has every list: Adam, average, statistics, the best network.
fn bytes() -> Vec<u8> {
    let data = synthetic::generate(260, 3, 2);
    let recipe = recipes().pop().unwrap();
    run(&recipe, Digits::Kept(&data, &Order::Shuffled), None, 1).checkpoints.swap_remove(8).1
}

/// The same bytes with other text in them, and the hash made right.
fn with(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let place = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect(from);
    let mut changed = [&bytes[..place], to.as_bytes(), &bytes[place + from.len()..]].concat();
    let length = u64::from_le_bytes(changed[..8].try_into().unwrap()) + to.len() as u64 - from.len() as u64;
    changed[..8].copy_from_slice(&length.to_le_bytes());
    seal(&mut changed);
    changed
}

#[test]
fn damage_anywhere_is_noticed() {
    let bytes = bytes();
    for end in (0..2500).chain((2500..bytes.len()).step_by(997)) {
        let error = Checkpoint::from_bytes(&bytes[..end]).unwrap_err();
        assert!(
            matches!(error, CheckpointError::Beginning { .. } | CheckpointError::Hash { .. }),
            "cut at {end}: {error:?}"
        );
    }
    let mut damaged = bytes.clone();
    for place in (0..2500).chain((2500..bytes.len()).step_by(997)) {
        for change in [0x01, 0x20, 0x80, 0xff] {
            damaged[place] ^= change;
            let error = Checkpoint::from_bytes(&damaged).unwrap_err();
            let noticed = matches!(error, CheckpointError::Beginning { .. } | CheckpointError::Hash { .. });
            assert!(noticed, "{change:#x} at {place}: {error:?}");
            damaged[place] ^= change;
        }
    }
    assert!(Checkpoint::from_bytes(&[bytes, vec![0]].concat()).is_err());
}

/// The hash is no protection against somebody who means harm, so everything behind it is checked as well.
fn error_with(bytes: &[u8], from: &str, to: &str) -> CheckpointError {
    Checkpoint::from_bytes(&with(bytes, from, to)).unwrap_err()
}

#[test]
fn another_version_is_refused() {
    let bytes = bytes();
    assert_eq!(with(&bytes, "synthetic", "synthetic"), bytes);
    let version = error_with(&bytes, "\"format_version\":\"1\"", "\"format_version\":\"2\"");
    assert!(matches!(version, CheckpointError::Version { ref found } if found == "2"), "{version:?}");
    assert!(matches!(error_with(&bytes, "shuzi checkpoint", "another"), CheckpointError::Version { .. }));
}

#[test]
fn values_that_cannot_be_are_refused_by_name() {
    let bytes = bytes();
    for (from, to, expected) in [
        ("\"steps\":\"8\"", "\"steps\":\"4\"", "steps"),
        ("\"steps\":\"8\"", "\"steps\":\"-8\"", "steps"),
        ("\"epoch\":\"1\"", "\"epoch\":\"3\"", "epoch"),
        ("\"epoch\":\"1\"", "\"epoch\":\"99999999999999999999\"", "epoch"),
        ("\"examples\":\"230\"", "\"examples\":\"49\"", "examples"),
        ("\"examples\":\"230\"", "\"examples\":\"0\"", "examples"),
        ("\"examples\":\"230\"", "\"examples\":\"4294967296\"", "examples"),
        ("\"best_epochs_since\":\"0\"", "\"best_epochs_since\":\"2\"", "best_epochs_since"),
        ("\"epoch_loss\":\"", "\"epoch_loss\":\"NaN", "epoch_loss"),
        ("\"best_loss\":\"", "\"best_loss\":\"inf", "best_loss"),
    ] {
        let error = error_with(&bytes, from, to);
        assert!(matches!(error, CheckpointError::Value { name, .. } if name == expected), "{to}: {error:?}");
    }
}

#[test]
fn a_recipe_that_cannot_be_is_refused() {
    let bytes = bytes();
    for (from, to) in [
        ("epochs = 3", "epochs = 0"),
        ("learning-rate", "learning-rat"),
        ("channels = 3", "channels = 0"),
        ("channels = 3", "channels = 9999999999"),
        ("kind = \\\"adam\\\"", "kind = \\\"sgd\\\""), // its constants
    ] {
        assert!(matches!(error_with(&bytes, from, to), CheckpointError::Recipe(_)), "{to}");
    }
}

#[test]
fn lists_that_are_missing_too_many_or_of_another_length_are_refused_by_name() {
    use CheckpointError as E;
    let bytes = bytes();
    for (from, to) in [("\"epoch_loss\"", "\"epoch_lost\""), ("\"average\"", "\"overage\"")] {
        let error = error_with(&bytes, from, to);
        assert!(matches!(error, E::Missing { name } if name == from.trim_matches('"')), "{to}");
    }
    for channels in ["channels = 4", "channels = 16000"] {
        let error = error_with(&bytes, "channels = 3", channels);
        assert!(matches!(error, E::Length { name: "parameters", .. }), "{error:?}");
    }
    let surplus = error_with(&bytes, "[training.early-stopping]\\npatience = 2", "");
    assert!(matches!(surplus, E::Surplus { ref name } if name.starts_with("best_")), "{surplus:?}");
}

#[test]
fn numbers_that_cannot_be_are_refused_by_the_name_of_their_list() {
    let bytes = bytes();
    for (number, from_end) in [(f32::NAN, 4), (f32::INFINITY, 400), (-1.0, 4)] {
        let mut changed = bytes.clone();
        let place = changed.len() - from_end;
        changed[place..place + 4].copy_from_slice(&number.to_le_bytes());
        seal(&mut changed);
        let error = Checkpoint::from_bytes(&changed).unwrap_err();
        let refused = match error {
            CheckpointError::Safetensors(SafetensorsError::NotFinite { .. }) => !number.is_finite(),
            CheckpointError::Negative { name: "best_statistics", .. } => number < 0.0, // the last of all is a variance
            _ => false,
        };
        assert!(refused, "{number}: {error:?}");
    }
}

#[test]
fn another_recipe_is_refused_with_the_first_difference() {
    type Change = fn(&mut Recipe);
    let checkpoint = Checkpoint::from_bytes(&bytes()).unwrap();
    let same = checkpoint.task().recipe.clone();
    let mut named = same.clone();
    named.name = "another name".into();
    checkpoint.check_recipe(&named).unwrap();
    let cases: [(Change, &str); 6] = [
        (
            |recipe| recipe.training.epochs = 4,
            "its recipe has training.epochs = Some(\"3\"), now it is Some(\"4\")",
        ),
        (|recipe| recipe.training.learning_rate = 0.5, "training.learning-rate = Some(\"0.02\")"),
        (
            |recipe| recipe.training.averaging = None,
            "training.averaging = Some(\"{ kind = \\\"swa\\\", start = 0.5 }\"), now it is None",
        ),
        (
            |recipe| recipe.training.statistics = crate::recipe::Statistics::Clean,
            "training.statistics = None, now it is Some(\"\\\"clean\\\"\")",
        ),
        (|recipe| drop(recipe.network.layers.remove(3)), "network.layers"),
        (
            |recipe| recipe.training.gradient_clipping = Some(1.0),
            "training.gradient-clipping = None, now it is Some(\"1.0\")",
        ),
    ];
    for (change, expected) in cases {
        let mut other = same.clone();
        change(&mut other);
        let found = checkpoint.check_recipe(&other).unwrap_err().to_string();
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn other_data_are_refused() {
    use CheckpointError as E;
    let data = synthetic::generate(260, 3, 2);
    let checkpoint = Checkpoint::from_bytes(&bytes()).unwrap();
    let held_out = split(&data, 30, checkpoint.task().recipe.training.seed);
    let check = |trained_on, examples| checkpoint.check_data(trained_on, examples);
    let examples = Examples::shuffled(&data, &held_out);
    check("synthetic", examples).unwrap();
    assert!(matches!(check("MNIST", examples), Err(E::OtherData { .. })));
    let (fewer, other) = (split(&data, 31, 0), synthetic::generate(260, 4, 2));
    let counted = check("synthetic", Examples::shuffled(&data, &fewer));
    assert!(matches!(counted, Err(E::OtherCount { found: 229, expected: 230 })));
    let given = Order::Given(vec![held_out.training.clone(); 3]);
    let indices = &held_out.training;
    for examples in [
        Examples::shuffled(&other, &held_out),
        Examples::Kept { data: &data, indices, order: &given },
        Examples::Drawn { seed: 3, count: 230 },
    ] {
        assert!(matches!(check("synthetic", examples), Err(E::OtherExamples { .. })));
    }
}

#[test]
fn weights_that_are_no_numbers_make_no_checkpoint() {
    let data = synthetic::generate(60, 3, 2);
    let mut recipe = recipes().remove(0);
    recipe.network.pixels = crate::preprocess::PixelScale::Raw;
    recipe.training.learning_rate = 3e38;
    let (held_out, mut refused) = (split(&data, 0, 0), 0);
    let examples = Examples::shuffled(&data, &held_out);
    let task = Task::new(recipe.clone(), "synthetic".into(), examples);
    let mut network = initial_network(&recipe);
    let ended = train(&recipe.training, &mut network, examples, None, Processor::with_threads(1), |event| {
        if let Event::Pause(pause) = event {
            refused += usize::from(matches!(pause.checkpoint(&task), Err(CheckpointError::NotFinite { .. })));
        }
        ControlFlow::Continue(())
    });
    assert!(ended.is_err() && refused > 0, "{ended:?}, {refused}");
}
