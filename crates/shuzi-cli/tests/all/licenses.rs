//! What is built into the program is named with its licence.

use crate::support::succeed;
use std::{collections::BTreeSet, process::Command};

/// The crates that the program links, by Cargo's own account.
fn crates() -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--package",
            "shuzi-cli",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty());
    names.filter(|name| !name.starts_with("shuzi")).map(String::from).collect()
}

#[test]
fn every_crate_and_font_in_the_program_is_named_with_its_licence() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), &["--licenses"]);
    let lists = text.split("\nUsed by:\n").skip(1).filter_map(|rest| rest.split("\n\n").next());
    let named: BTreeSet<&str> = lists.flat_map(str::split_whitespace).collect();
    let crates = crates();
    assert!(crates.len() > 100 && crates.contains("clap"), "{crates:?}");
    let missing: Vec<_> = crates.iter().filter(|name| !named.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "make THIRD-PARTY-LICENSES.txt anew (CONTRIBUTING.md): {missing:?}");
    for words in ["Apache License", "Noto Sans CJK", "SIL OPEN FONT LICENSE", "2014-2021 Adobe"] {
        assert!(text.contains(words), "{words}");
    }
}
