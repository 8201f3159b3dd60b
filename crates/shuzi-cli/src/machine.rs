//! The machine that a run was made on, in words for the report.

use crate::files;
use anyhow::{Context, bail};
use rust_i18n::t;
use shuzi_engine::{Processor, kernels::Level};
use std::{
    num::NonZeroUsize,
    time::{Duration, SystemTime},
};

/// More threads than any machine has use for; far more cannot be started.
const MAX_THREADS: usize = 1024;

/// The processor's name, how many threads it has, and the operating system.
pub fn describe() -> String {
    let name = files::read_text_if_there("/proc/cpuinfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    let name = name.unwrap_or_else(|| std::env::consts::ARCH.to_string());
    format!("{name}, {} × CPU, {}", available_threads(), std::env::consts::OS)
}

/// How many threads can run at once: the processors that this process may use, or less by a quota of processor time, as containers have;
/// at most [`MAX_THREADS`].
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
}

/// The value of `--threads`.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MAX_THREADS);
    threads.ok_or_else(|| t!("usage.threads", max = MAX_THREADS).into())
}

/// So many threads, in words.
pub fn threads_in_words(count: usize) -> String {
    if count == 1 { t!("machine.thread") } else { t!("machine.threads", count = count) }.into()
}

/// What to compute with: so many threads, but no more than can run at once, else as many as can; and the best instructions, or
/// those that `$SHUZI_KERNELS` names. More threads than cores, or than a quota allows, compute the same, slower.
pub fn processor(threads: Option<NonZeroUsize>) -> anyhow::Result<Processor> {
    let available = available_threads();
    let mut processor =
        Processor::with_threads(threads.map_or(available, |wanted| wanted.get().min(available)));
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

/// Refuses to work with a clock that says a time before 1970 or after 9999: dates in HTTP and the certificates of HTTPS know none.
pub fn check_clock() -> anyhow::Result<()> {
    const TO_9999: Duration = Duration::from_secs(253_402_300_799);
    let dates = SystemTime::UNIX_EPOCH..=SystemTime::UNIX_EPOCH + TO_9999;
    if !dates.contains(&SystemTime::now()) {
        bail!(t!("clock.wrong").into_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_have_a_bound() {
        for (text, expected) in [
            ("1", NonZeroUsize::new(1)),
            ("1024", NonZeroUsize::new(1024)),
            ("0", None),
            ("1025", None),
            ("1000000", None),
            ("18446744073709551615", None),
            ("18446744073709551616", None),
            ("-1", None),
            ("two", None),
        ] {
            assert_eq!(threads(text).ok(), expected, "{text}");
        }
    }
}
