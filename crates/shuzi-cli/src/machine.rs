//! The machine that a run was made on, in words for the report.

use crate::files;
use anyhow::Context;
use rust_i18n::t;
use shuzi::{Processor, kernels::Level};
use std::num::NonZeroUsize;

/// The processor's name, how many threads it has, and the operating system.
pub fn describe() -> String {
    let name = files::read_text_if_there("/proc/cpuinfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    let name = name.unwrap_or_else(|| std::env::consts::ARCH.to_string());
    format!("{name}, {} × CPU, {}", available_threads(), std::env::consts::OS)
}

/// How many threads can run at once: the processors that this process may use, or less by a quota of processor time, as containers have.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What to compute with: so many threads, else all, and the best instructions, or those that
/// `$SHUZI_KERNELS` names.
pub fn processor(threads: Option<NonZeroUsize>) -> anyhow::Result<Processor> {
    let mut processor = Processor::with_threads(threads.map_or_else(available_threads, usize::from));
    if let Some(name) = std::env::var_os("SHUZI_KERNELS") {
        let levels = Level::all();
        let found = levels.iter().find(|level| name == level.to_string().as_str());
        let names = levels.iter().map(Level::to_string).collect::<Vec<_>>().join(", ");
        processor.level = *found
            .with_context(|| t!("kernels.unknown", name = name.display(), known = names).into_owned())?;
    }
    Ok(processor)
}

/// How the user calls the program, for the commands that it suggests.
pub fn invocation() -> &'static str {
    // Cargo sets the variable for what `cargo run` starts.
    if std::env::var_os("CARGO_MANIFEST_DIR").is_some() { "cargo run --release --" } else { "shuzi" }
}
