//! What is made for packages of the program: manual pages, completions.

use crate::support::succeed;
use std::fs;

#[test]
fn the_manual_has_a_page_for_each_verb() {
    let folder = tempfile::tempdir().unwrap();
    let said = succeed(folder.path(), &["manual", "--out", "man"]);
    assert!(said.contains("pages in man"), "{said}");
    let page = fs::read_to_string(folder.path().join("man/shuzi-train.1")).unwrap();
    for words in [".TH shuzi-train 1", "Trains a network", "\\-\\-learning\\-rate"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let count = fs::read_dir(folder.path().join("man")).unwrap().count();
    assert!(count > 10 && !folder.path().join("man/shuzi-manual.1").exists(), "{count}");
}

#[test]
fn each_shell_gets_its_completions() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = succeed(folder.path(), &["completions", shell]);
        assert!(script.contains("shuzi") && script.contains("learning-rate"), "{shell}");
    }
}
