//! The models inside the program; and which model is meant by a word on the command
//! line: a shipped one, a run folder, or a file.

use crate::{ending::UsageError, files, spelling};
use anyhow::Context;
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    evaluation::wilson_interval,
    kernels::Level,
    model::Model,
    network::Architecture,
    recognition::{LineReader, Reader},
};
use std::path::{Path, PathBuf};

/// The models inside the program, all that the library has: name and file.
pub use shuzi::MODEL_FILES as SHIPPED;

/// What `default` means, and what pictures are read with.
pub use shuzi::{DEFAULT_MODEL as DEFAULT, PICTURE_MODEL as FOR_PICTURES};

/// The file of a model in a run folder.
pub const FILE_NAME: &str = "model.safetensors";

/// A model file may have at most so many bytes.
const MAX_BYTES: u64 = 1 << 30;

/// The models inside the program, for programs.
pub fn list() -> serde_json::Value {
    let models: Vec<_> = SHIPPED.iter().map(|(name, bytes)| object(name, bytes)).collect();
    json!({ "default": DEFAULT, "for_pictures": FOR_PICTURES, "models": models })
}

/// The names of the models inside the program, in words.
pub fn names() -> String {
    shuzi::model_names().collect::<Vec<_>>().join(&t!("list.comma"))
}

/// The model inside the program that pictures are read with.
pub fn for_pictures() -> Model {
    let (_, bytes) = SHIPPED.iter().find(|(name, _)| *name == FOR_PICTURES).expect("it is shipped");
    shipped(bytes)
}

/// Reads one of them.
pub fn shipped(bytes: &[u8]) -> Model {
    Model::from_bytes(bytes).expect("shipped models are tested")
}

/// A shipped model for programs.
fn object(name: &str, bytes: &[u8]) -> serde_json::Value {
    let model = shipped(bytes);
    let record = &model.record;
    let interval = record.test.map(|test| wilson_interval(test.correct, test.count));
    json!({
        "name": name, "layers": layers(model.network.architecture()),
        "parameters": model.network.parameters().len(), "bytes": bytes.len(),
        "multiplications": model.network.architecture().multiplications(),
        "weights_sha256": model.weights_sha256(),
        "test_count": record.test.map(|test| test.count), "test_correct": record.test.map(|test| test.correct),
        "test_accuracy": record.test.map(|test| test.correct as f64 / test.count as f64),
        "test_interval": interval.map(|interval| [interval.low, interval.high]),
        "recipe": record.recipe.as_ref().map(|recipe| &recipe.name),
        "seed": record.recipe.as_ref().map(|recipe| recipe.training.seed),
        "trained_on": record.trained_on, "temperature": record.temperature,
    })
}

/// The widths from the pixels to the digits: 784–32–16–10.
pub fn layers(architecture: &Architecture) -> String {
    let mut widths = vec![shuzi_engine::image::PIXELS.to_string()];
    let layers = architecture.layers().iter().zip(architecture.shapes());
    widths.extend(layers.filter(|(layer, _)| layer.has_weights()).map(|(_, shape)| shape.to_string()));
    widths.join("–")
}

/// A model that was found, and how many bytes its file has.
pub struct Found {
    pub model: Model,
    pub bytes: usize,
}

/// Reads the model that `name` means: a file, a run folder, or the name of a shipped model.
/// A file of that name goes before a shipped model.
pub fn read(name: &Path) -> anyhow::Result<Found> {
    let shipped_name = name.to_str().map(|name| if name == "default" { DEFAULT } else { name });
    if !name.exists() {
        if let Some((_, bytes)) = SHIPPED.iter().find(|(name, _)| Some(*name) == shipped_name) {
            return Ok(Found { model: shipped(bytes), bytes: bytes.len() });
        }
        let known = shuzi::model_names().chain(["default"]);
        let suggestion = name.to_str().and_then(|name| spelling::did_you_mean(name, known));
        let message = t!("model.not-found", name = name.display(), names = names());
        return Err(UsageError(format!("{message}{}", suggestion.unwrap_or_default())).into());
    }
    let path = if name.is_dir() { name.join(FILE_NAME) } else { name.to_path_buf() };
    let bytes = files::read(&path, MAX_BYTES)?;
    let model =
        Model::from_bytes(&bytes).with_context(|| t!("model.reading", path = path.display()).into_owned())?;
    Ok(Found { model, bytes: bytes.len() })
}

/// A model of this name ready to read pictures; that for pictures reads lines as a whole.
pub fn reader(name: &Path, model: &Model, level: Level) -> Reader {
    let reader = Reader::new(model, level);
    if name != FOR_PICTURES || name.exists() {
        return reader;
    }
    let lines = LineReader::from_bytes(shuzi::LINES_FILE, level);
    reader.with_lines(lines.expect("shipped models are tested"))
}

/// Reads a model that a recipe names, which `reading` calls by what it is for. It must be the one whose hash is in the recipe; else the
/// hash is put there. `other` is the error if it is not, from the hash found and the one expected.
pub fn read_pinned(
    name: &str,
    sha256: &mut Option<String>,
    reading: impl FnOnce() -> String,
    other: impl FnOnce(&str, &str) -> String,
) -> anyhow::Result<Model> {
    let model = read(Path::new(name)).with_context(reading)?.model;
    let found = model.weights_sha256();
    let expected = sha256.get_or_insert_with(|| found.clone());
    if *expected != found {
        return Err(UsageError(other(&found, expected)).into());
    }
    Ok(model)
}

/// Refuses a model of other classes for what only makes sense for digits.
pub fn require_digits(model: &Model, name: &Path) -> anyhow::Result<()> {
    let classes = &model.classes;
    anyhow::ensure!(
        classes.are_digits(),
        t!("model.no-digits", model = name.display(), classes = classes).into_owned()
    );
    Ok(())
}

/// The name that files made from this model bear: that of its file or run folder.
pub fn stem(name: &Path) -> PathBuf {
    let stem = name.file_stem().filter(|stem| *stem != "..").unwrap_or("model".as_ref());
    PathBuf::from(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_model_can_be_read() {
        for name in shuzi::model_names().chain(["default"]) {
            let Model { record, .. } = read(Path::new(name)).unwrap().model;
            assert!(record.recipe.is_some() && record.test.is_some(), "{name}");
        }
    }
}
