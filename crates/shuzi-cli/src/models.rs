//! Which model is meant by a word on the command line: a shipped one, a run folder, or a file.

use crate::{UsageError, files};
use anyhow::Context;
use rust_i18n::t;
use shuzi::model::Model;
use std::path::{Path, PathBuf};

/// The models inside the program, by name. How each was made: models/README.md.
const SHIPPED: [(&str, &[u8]); 1] = [("classic", include_bytes!("../../../models/classic.safetensors"))];

/// What `default` means.
const DEFAULT: &str = "classic";

/// The file of a model in a run folder.
pub const FILE_NAME: &str = "model.safetensors";

/// A model file may have at most so many bytes.
const MAX_BYTES: u64 = 1 << 30;

/// Reads the model that `name` means: a file, a run folder, or the name of a shipped model.
/// A file of that name goes before a shipped model.
pub fn read(name: &Path) -> anyhow::Result<Model> {
    let shipped = name.to_str().map(|name| if name == "default" { DEFAULT } else { name });
    if !name.exists() {
        if let Some((_, bytes)) = SHIPPED.iter().find(|(shipped_name, _)| Some(*shipped_name) == shipped) {
            return Ok(Model::from_bytes(bytes).expect("shipped models are tested"));
        }
        let names = SHIPPED.map(|(name, _)| name).join(", ");
        return Err(UsageError(t!("model.not-found", name = name.display(), names = names).into()).into());
    }
    let path = if name.is_dir() { name.join(FILE_NAME) } else { name.to_path_buf() };
    let bytes = files::read(&path, MAX_BYTES)?;
    Model::from_bytes(&bytes).with_context(|| t!("model.reading", path = path.display()).into_owned())
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
        for (name, _) in SHIPPED.iter().chain([&("default", &[][..])]) {
            let model = read(Path::new(name)).unwrap();
            assert!(model.record.recipe.is_some() && model.record.test.is_some(), "{name}");
        }
    }
}
