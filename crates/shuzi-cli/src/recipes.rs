//! Which recipe is meant by a word on the command line: a built-in one, or a file.

use crate::{ending::UsageError, explain, files};
use anyhow::Context;
use rust_i18n::t;
use shuzi_engine::recipe::{MAX_BYTES, Recipe};
use std::path::Path;

/// Reads the recipe that `name` means: a built-in recipe goes before a file of that name.
pub fn read(name: &str) -> anyhow::Result<Recipe> {
    let unknown = match Recipe::built_in(name) {
        Ok(recipe) => return Ok(recipe),
        Err(unknown) => unknown,
    };
    let path = Path::new(name);
    if !path.exists() {
        return Err(UsageError(explain::recipe(&unknown)).into());
    }
    let bytes = files::read(path, MAX_BYTES as u64 + 1)?;
    Recipe::from_toml(&bytes).with_context(|| t!("train.reading-recipe", path = path.display()).into_owned())
}
