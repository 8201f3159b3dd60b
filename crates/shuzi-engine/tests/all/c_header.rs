//! The C header computes what the library does, to the bit. Without a C compiler (`CC`, or `cc`) its tests say that they skip, without
//! MNIST (`SHUZI_DATA`) they take synthetic digits.

use crate::support::{mnist, skip};
use shuzi_engine::{
    Processor,
    classes::Classes,
    dataset::synthetic,
    evaluation::evaluate,
    kernels::Level,
    model::{Model, Record},
    network::{InferenceModel, InferenceSession, LayerKind, Network, Precision, quantize},
    recipe::Recipe,
    training::initial_network,
};
use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Reads images until there are no more, writes for each its digit and its logits.
const PROGRAM: &str = r#"
#include "model.h"
#include <stdio.h>

int main(void)
{
    static uint8_t image[784];
    static int16_t logits[MODEL_CLASSES], workspace[MODEL_WORKSPACE];
    while (fread(image, 1, 784, stdin) == 784) {
        printf("%d", model_recognize(image, logits, workspace));
        for (int i = 0; i < MODEL_CLASSES; i++)
            printf(" %d", logits[i]);
        printf("\n");
    }
    return 0;
}
"#;

/// What a model's header gives for images, or `None` without a compiler.
fn in_c(header: &str, images: &[u8]) -> Option<String> {
    output_of(&[("model.h", header), ("main.c", PROGRAM)], images)
}

/// What a program of these files, compiled, writes for images, or `None` without a compiler.
fn output_of(files: &[(&str, &str)], images: &[u8]) -> Option<String> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_string());
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c-header-{number}"));
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    let mut compile = Command::new(&compiler);
    compile.args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O3", "main.c", "-o", "main"]);
    let Ok(compiled) = compile.current_dir(&folder).output() else {
        skip(&format!("no C compiler {compiler}"));
        return None;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let mut program =
        Command::new(folder.join("main")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = program.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(images).unwrap());
        Some(String::from_utf8(program.wait_with_output().unwrap().stdout).unwrap())
    })
}

/// What the library gives, as the program writes it.
fn in_rust(network: &Network, images: &[u8]) -> String {
    let unit = f32::from(network.quantized().expect("it is quantised").fraction_bits).exp2();
    let ready = InferenceModel::new(network, Level::detect(), Precision::F32);
    let mut session = InferenceSession::new(&ready, 1);
    let mut lines = String::new();
    for image in images.chunks_exact(784) {
        let logits = session.logits([image].into_iter());
        let logits: Vec<i32> = logits.iter().map(|logit| (logit * unit) as i32).collect();
        let digit = (0..logits.len()).rev().max_by_key(|&digit| logits[digit]).unwrap(); // the first of equals
        let logits: Vec<String> = logits.iter().map(i32::to_string).collect();
        lines += &format!("{digit} {}\n", logits.join(" "));
    }
    lines
}

fn agree(name: &str, model: &Model, images: &[u8]) {
    let expected = in_rust(&model.network, images);
    assert!(expected.lines().any(|line| !line.starts_with(&expected[..1])), "{name}: one digit for all");
    let header = model.to_c("model").expect("it is quantised");
    assert!(!header.contains("float") && !header.contains("double"), "{name}");
    let Some(found) = in_c(&header, images) else { return };
    assert_eq!(found.lines().count(), images.len() / 784, "{name}");
    for (image, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{name}: image {image}");
    }
}

fn quantized(network: &Network) -> Network {
    let samples = synthetic::generate(200, 7, 1);
    quantize(network, (0..samples.len()).map(|index| samples.example(index).0)).unwrap()
}

fn shipped(name: &str) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../shuzi/models/{name}.safetensors"));
    Model::from_bytes(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn all_layers_give_the_same_in_c() {
    let layers = [
        r#"[{ linear = 10 }]"#,
        r#"[{ linear = 12 }, "batch-norm", "relu", { linear = 10 }]"#,
        r#"[{ crop = 22 }, { conv = { channels = 20, kernel = 4, stride = 2, padding = 3 } }, { max-pool = 2 }, "batch-norm", "relu",
            { crop = 4 }, "flatten", { dropout = 0.5 }, { linear = 10 }]"#,
        r#"[{ conv = { channels = 7, kernel = 5, stride = 2 } }, "batch-norm", "relu",
            { residual = [{ depthwise-conv = { kernel = 3, padding = 1 } }, "batch-norm", "relu",
                { conv = { channels = 7, kernel = 1 } }, "batch-norm",
                { residual = [{ conv = { channels = 7, kernel = 3, padding = 1 } }] }] }, "relu",
            { residual = [{ conv = { channels = 7, kernel = 3, padding = 2 } }, { conv = { channels = 7, kernel = 3 } }] },
            { depthwise-conv = { kernel = 4, stride = 3, padding = 1 } }, { average-pool = 2 },
            { conv = { channels = 10, kernel = 1 } }, "global-average-pool"]"#,
    ];
    let images = synthetic::generate(100, 3, 1);
    for layers in layers {
        let recipe = format!(
            "name = \"*/ all \\n\"\n[network]\npixels = \"unit\"\nlayers = {layers}\ninitial-weights = \"he\"\n[training]\n\
             epochs = 1\nbatch-size = 10\nlearning-rate = 0.1\noptimizer = {{ kind = \"sgd\" }}\n"
        );
        let recipe = Recipe::from_toml(recipe.as_bytes()).unwrap();
        let network = quantized(&initial_network(&recipe));
        let record = Record { recipe: Some(recipe), ..Record::default() };
        agree(layers, &Model { network, classes: Classes::default(), record }, images.images());
    }
}

#[test]
fn other_classes_give_the_same_in_c() {
    let mut model = shipped("classic");
    let mut recipe = model.record.recipe.clone().unwrap();
    *recipe.network.layers.last_mut().unwrap() = LayerKind::Linear(3);
    let names = ["*/ a", "二", "/* c"].map(String::from).to_vec();
    model.classes = Classes::new(names).unwrap();
    model.network = quantized(&initial_network(&recipe));
    agree("three classes", &model, synthetic::generate(50, 6, 1).images());
}

#[test]
fn shipped_models_give_the_same_in_c() {
    let images = synthetic::generate(50, 4, 1);
    let micro = shipped("micro");
    agree("micro", &micro, images.images());
    for name in ["classic", "small", "photo"] {
        let mut model = shipped(name);
        assert_eq!(model.to_c("model"), None, "{name} is not quantised yet");
        model.network = quantized(&model.network);
        agree(name, &model, images.images());
    }
}

#[test]
fn two_headers_are_included_together() {
    const BOTH: &str = r#"
#include "classic.h"
#include "shuzi_2.h"
#include "classic.h"
#include <stdio.h>

int main(void)
{
    static uint8_t image[784];
    static int16_t logits[CLASSIC_CLASSES + SHUZI_2_CLASSES], workspace[CLASSIC_WORKSPACE + SHUZI_2_WORKSPACE];
    while (fread(image, 1, 784, stdin) == 784) {
        const int one = classic_recognize(image, logits, workspace);
        printf("%d%d\n", one, shuzi_2_recognize(image, logits, workspace));
    }
    return 0;
}
"#;
    let images = synthetic::generate(30, 8, 1);
    let models = ["classic", "tiny"].map(|name| {
        let mut model = shipped(name);
        model.network = quantized(&model.network);
        model
    });
    let headers = [("classic.h", models[0].to_c("classic")), ("shuzi_2.h", models[1].to_c("2"))];
    let mut files = headers.each_ref().map(|(name, header)| (*name, header.as_deref().unwrap())).to_vec();
    files.push(("main.c", BOTH));
    let Some(found) = output_of(&files, images.images()) else { return };
    let [classic, tiny] = models.map(|model| in_rust(&model.network, images.images()));
    let expected: Vec<String> = classic
        .lines()
        .zip(tiny.lines())
        .map(|(one, other)| format!("{}{}", &one[..1], &other[..1]))
        .collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn no_prediction_differs_on_all_test_images() {
    let images = mnist("t10k").unwrap_or_else(|| synthetic::generate(100, 5, 1));
    let mut model = shipped("tiny");
    let floats = evaluate(&model.network, &images, Processor::with_threads(2)).correct();
    model.network = quantized(&model.network);
    let whole = evaluate(&model.network, &images, Processor::with_threads(2)).correct();
    assert!(whole.abs_diff(floats) * 1000 <= images.len(), "{whole} right in int8, {floats} in floats");
    agree("tiny", &model, images.images());
}
