//! What is said of paths, and what unfinished files are called.

use rust_i18n::t;
use std::path::Path;

/// What the names of files begin with while they are written.
pub const UNFINISHED: &str = ".shuzi-";

/// What failed, where it was to be read.
pub fn reading(path: &Path) -> impl Fn() -> String + '_ {
    move || t!("files.reading", path = path.display()).into_owned()
}

/// What failed, where it was to be written.
pub fn writing(path: &Path) -> impl Fn() -> String + '_ {
    move || t!("files.writing", path = path.display()).into_owned()
}
