//! Recipes from text and back, and every mistake named with its place.

use super::*;
use crate::preprocess::augment::{self, Augmentation};

const CLASSIC: &str = BUILT_IN[0].1;

#[test]
fn built_in_recipes_are_sound_and_survive_a_round_trip() {
    for (name, text) in BUILT_IN {
        let recipe = Recipe::from_toml(text.as_bytes()).unwrap();
        assert_eq!(recipe.name, name);
        assert_eq!(Recipe::from_toml(recipe.to_toml().as_bytes()).unwrap(), recipe, "{}", recipe.to_toml());
    }
}

#[test]
fn classic_is_the_tutorials() {
    use LayerKind::{Linear, Relu};
    let recipe = Recipe::built_in("classic").unwrap();
    assert_eq!(recipe.network.layers, [Linear(32), Relu, Linear(16), Relu, Linear(10)]);
    assert_eq!(recipe.network.initial_weights, InitialWeights::Normal(0.01));
    assert_eq!(recipe.network.pixels, PixelScale::Raw);
    assert_eq!((recipe.training.batch_size.of(60_000), recipe.training.epochs), (90, 3));
    assert_eq!((recipe.training.learning_rate, recipe.training.last_batch), (0.01, LastBatch::Drop));
}

#[test]
fn the_last_layer_follows_the_data() {
    let classes = |count: usize| Classes::new((0..count).map(|i| format!("{i}!")).collect()).unwrap();
    for (name, text) in BUILT_IN {
        let recipe = Recipe::from_toml(text.as_bytes()).unwrap();
        assert_eq!(recipe.clone().for_classes(&Classes::digits()).unwrap(), recipe, "{name}");
        let error = RecipeError::Additions { classes: classes(26) };
        match recipe.for_classes(&classes(26)) {
            Ok(letters) => assert_eq!(letters.architecture().unwrap().classes(), 26, "{name}"),
            Err(found) => assert_eq!((name, found), ("photo", error)),
        }
    }
    let mut recipe = Recipe::from_toml(CLASSIC.as_bytes()).unwrap();
    let conv = ConvKind { channels: 10, kernel: 5, stride: 1, padding: 0 };
    recipe.network.layers = vec![LayerKind::Conv(conv), LayerKind::GlobalAveragePool];
    assert_eq!(recipe.clone().for_classes(&classes(3)).unwrap().architecture().unwrap().classes(), 3);
    recipe.network.layers = vec![LayerKind::Conv(conv), LayerKind::Flatten];
    assert_eq!(recipe.for_classes(&classes(3)), Err(ArchitectureError::LastLayer.into()));
}

#[test]
fn mistakes_are_named_with_their_place_and_the_nearest_key() {
    let unknown = |line, key: &str, nearest: Option<&str>| RecipeError::UnknownKey {
        line,
        key: key.into(),
        nearest: nearest.map(String::from),
    };
    let line_of = |needle: &str| CLASSIC.lines().position(|line| line.contains(needle)).unwrap() + 1;
    for (from, to, expected) in [
        ("epochs", "epohcs", unknown(line_of("epochs"), "epohcs", Some("epochs"))),
        ("batch-size", "xyzzy", unknown(line_of("batch-size"), "xyzzy", None)),
    ] {
        assert_eq!(Recipe::from_toml(CLASSIC.replace(from, to).as_bytes()).unwrap_err(), expected);
    }
    for (from, to, key) in [
        ("epochs = 3", "epochs = 0", "training.epochs"),
        ("batch-size = 90", "batch-size = 0", "training.batch-size"),
        ("learning-rate = 0.01", "learning-rate = -0.01", "training.learning-rate"),
        ("learning-rate = 0.01", "learning-rate = nan", "training.learning-rate"),
        ("learning-rate = 0.01", "learning-rate = inf", "training.learning-rate"),
        ("normal = 0.01", "normal = -1.0", "network.initial-weights.normal"),
        ("kind = \"sgd\"", "kind = \"sgd\", momentum = 1.0", "training.optimizer.momentum"),
        ("kind = \"sgd\"", "kind = \"adam\", epsilon = 0.0", "training.optimizer.epsilon"),
    ] {
        let changed = CLASSIC.replace(from, to);
        assert_ne!(changed, CLASSIC, "{from}");
        let error = Recipe::from_toml(changed.as_bytes()).unwrap_err();
        assert!(matches!(error, RecipeError::OutOfRange { key: found, .. } if found == key), "{error:?}");
    }
    assert!(matches!(Recipe::from_toml(b"\xff").unwrap_err(), RecipeError::NotText));
    assert!(matches!(
        Recipe::from_toml(&vec![b' '; MAX_BYTES + 1]).unwrap_err(),
        RecipeError::TooLong { .. }
    ));
    assert!(matches!(Recipe::from_toml(b"name = 3").unwrap_err(), RecipeError::WrongType { line: 1, .. }));
    assert!(matches!(Recipe::from_toml(b"name 3").unwrap_err(), RecipeError::Syntax { line: 1, .. }));
    let zero = CLASSIC.replace("{ linear = 32 }", "{ linear = 0 }");
    assert!(matches!(Recipe::from_toml(zero.as_bytes()).unwrap_err(), RecipeError::Layers(_)));
}

#[test]
fn files_from_before_a_key_was_renamed_are_read() {
    let (_, small) = BUILT_IN.iter().find(|(name, _)| *name == "small").unwrap();
    let before = small.replace("degradation = ", "spoil = ");
    assert_ne!(before, *small);
    assert_eq!(Recipe::from_toml(before.as_bytes()), Recipe::from_toml(small.as_bytes()));
}

#[test]
fn statistics_are_as_trained_unless_clean_ones_are_asked_for() {
    let with = |value: &str| Recipe::from_toml(format!("{CLASSIC}\nstatistics = \"{value}\"").as_bytes());
    let clean = with("clean").unwrap();
    assert_eq!(clean.training.statistics, Statistics::Clean);
    assert_eq!(Recipe::from_toml(clean.to_toml().as_bytes()).unwrap(), clean, "{}", clean.to_toml());
    assert_eq!(with("as-trained").unwrap(), Recipe::from_toml(CLASSIC.as_bytes()).unwrap());
    let RecipeError::UnknownValue { found, known, .. } = with("cleen").unwrap_err() else { panic!() };
    assert_eq!((&found[..], &known[..]), ("cleen", "as-trained, clean"));
}

/// `classic` with an augmentation of these lines.
fn augmenting(lines: &str) -> String {
    format!("{CLASSIC}\n[training.augmentation]\n{lines}")
}

#[test]
fn an_augmentation_is_read_and_survives_a_round_trip() {
    let text = augmenting(
        "shift = 2\nrotation = 12.5\nscale = 0.1\nelastic = { strength = 1.5, grid = 5 }\n\
         erase = { probability = 0.25, size = 4 }\ndegradation = 0.2\n",
    );
    let recipe = Recipe::from_toml(text.as_bytes()).unwrap();
    let expected = Augmentation {
        shift: 2.0,
        rotation: 12.5,
        scale: 0.1,
        elastic: Some(augment::Elastic { strength: 1.5, grid: 5 }),
        erase: Some(augment::Erase { probability: 0.25, size: 4 }),
        degradation: 0.2,
        ..Augmentation::default()
    };
    assert_eq!(recipe.training.augmentation, Some(expected));
    assert_eq!(Recipe::from_toml(recipe.to_toml().as_bytes()).unwrap(), recipe, "{}", recipe.to_toml());
    let off = Recipe::from_toml(augmenting("").as_bytes()).unwrap();
    assert_eq!(off.training.augmentation, Some(Augmentation::default()));
}

#[test]
fn mistakes_in_an_augmentation_are_named() {
    for (lines, key, nearest) in [
        ("rotatoin = 3", "rotatoin", Some("rotation")),
        ("elastic = { strenght = 3, grid = 4 }", "strenght", Some("strength")),
        ("erase = { probability = 1, size = 4, colour = 3 }", "colour", None),
    ] {
        let error = Recipe::from_toml(augmenting(lines).as_bytes()).unwrap_err();
        let RecipeError::UnknownKey { line, key: found, nearest: near } = error else { panic!("{error:?}") };
        assert_eq!((line, &found[..], near.as_deref()), (CLASSIC.lines().count() + 3, key, nearest));
    }
    for (lines, key) in [
        ("shift = -1", "shift"),
        ("shift = 14.5", "shift"),
        ("rotation = 181", "rotation"),
        ("scale = 1", "scale"),
        ("stretch = nan", "stretch"),
        ("shear = inf", "shear"),
        ("thickness = 1.01", "thickness"),
        ("elastic = { strength = -0.1, grid = 4 }", "elastic.strength"),
        ("elastic = { strength = 1, grid = 2 }", "elastic.grid"),
        ("elastic = { strength = 1, grid = 9 }", "elastic.grid"),
        ("erase = { probability = 1.1, size = 4 }", "erase.probability"),
        ("erase = { probability = 1, size = 0 }", "erase.size"),
        ("erase = { probability = 1, size = 29 }", "erase.size"),
        ("degradation = 1.5", "degradation"),
    ] {
        let error = Recipe::from_toml(augmenting(lines).as_bytes()).unwrap_err();
        let RecipeError::OutOfRange { key: found, .. } = &error else { panic!("{lines}: {error:?}") };
        assert_eq!(found.strip_prefix("training.augmentation."), Some(key), "{error}");
    }
    let missing = Recipe::from_toml(augmenting("elastic = { grid = 4 }").as_bytes());
    assert!(matches!(missing, Err(RecipeError::MissingKey { .. })), "{missing:?}");
}

#[test]
fn a_distillation_is_read_and_its_mistakes_are_named() {
    let with =
        |lines: &str| Recipe::from_toml(format!("{CLASSIC}\n[training.distillation]\n{lines}").as_bytes());
    let recipe = with("teacher = \"runs/a b\"\nweight = 0.9\ntemperature = 2").unwrap();
    assert_eq!(Recipe::from_toml(recipe.to_toml().as_bytes()).unwrap(), recipe, "{}", recipe.to_toml());
    for (lines, key) in [
        ("teacher = \"a\"\nweight = 1.1\ntemperature = 2", "weight"),
        ("teacher = \"a\"\nweight = -0.1\ntemperature = 2", "weight"),
        ("teacher = \"a\"\nweight = 0.5\ntemperature = 0", "temperature"),
        ("teacher = \"a\"\nweight = 0.5\ntemperature = inf", "temperature"),
    ] {
        let error = with(lines).unwrap_err();
        let RecipeError::OutOfRange { key: found, .. } = &error else { panic!("{lines}: {error:?}") };
        assert_eq!(found.strip_prefix("training.distillation."), Some(key), "{error}");
    }
    assert!(matches!(with("weight = 0.5\ntemperature = 1"), Err(RecipeError::MissingKey { .. })));
}

#[test]
fn a_name_with_a_slip_finds_its_recipe() {
    let error = Recipe::built_in("clasic").unwrap_err();
    assert_eq!(error, RecipeError::UnknownName { name: "clasic".into(), nearest: Some("classic") });
}
