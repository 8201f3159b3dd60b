//! The last test program of `cargo test --workspace`: says how many tests of all crates were skipped.

#[path = "../../shuzi-engine/tests/support/mod.rs"]
mod support;

use std::{
    collections::BTreeSet,
    io::{Write, stderr},
};

#[test]
fn skipped_tests_are_counted() {
    let lines: BTreeSet<String> = support::take_skipped().into_iter().collect();
    // A test that lacks several things has several lines, `SKIPPED: PROGRAM::TEST: REASON`.
    let tests: BTreeSet<&str> = lines.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    let mut words = match tests.len() {
        0 => "No test was skipped.\n".to_string(),
        1 => "1 test was skipped, or a part of it:\n".to_string(),
        count => format!("{count} tests were skipped, or parts of them:\n"),
    };
    for line in &lines {
        words += &format!("{line}\n");
    }
    // Written directly: what a passing test prints is not shown.
    stderr().write_all(words.as_bytes()).unwrap();
}
