//! The machine that a run was made on, in words for the report.

use crate::files;

/// The processor's name, how many threads it has, and the operating system.
pub fn describe() -> String {
    let name = files::read_text_if_there("/proc/cpuinfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    let name = name.unwrap_or_else(|| std::env::consts::ARCH.to_string());
    format!("{name}, {} × CPU, {}", available_threads(), std::env::consts::OS)
}

/// How many threads can run at once.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How the user calls the program, for the commands that it suggests.
pub fn invocation() -> &'static str {
    // Cargo sets the variable for what `cargo run` starts.
    if std::env::var_os("CARGO_MANIFEST_DIR").is_some() { "cargo run --release --" } else { "shuzi" }
}
