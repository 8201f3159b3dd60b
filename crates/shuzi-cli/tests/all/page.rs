//! `shuzi page`: the page's files, and the one that holds all of them.

#![cfg(feature = "page")]

use crate::support::{names, run, shuzi, skip};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use std::fs;
use tempfile::tempdir;

/// Whether an error says that the program was built without its page: then the test is skipped.
fn is_without_page(error: &str) -> bool {
    let is_missing = error.contains("cargo xtask page");
    if is_missing {
        skip("this program was built without its page");
    }
    is_missing
}

#[test]
fn one_file_holds_the_whole_page_and_allows_only_itself() {
    let folder = tempdir().unwrap();
    let (code, out, error) = run(&mut shuzi(folder.path(), &["page", "--out", "site"]));
    if is_without_page(&error) {
        return;
    }
    assert!(code == 0 && out.contains("site/shuzi.html"), "{out}{error}");
    let site = folder.path().join("site");
    let files = names(&site);
    for file in ["index.html", "main.js", "reader.wasm", "full.wasm", "full-plain.wasm", "photo.safetensors"]
    {
        assert!(files.iter().any(|name| name == file), "{file} in {files:?}");
    }
    let page = fs::read_to_string(site.join("shuzi.html")).unwrap();
    for name in files.iter().filter(|name| name.ends_with(".wasm") || name.ends_with(".safetensors")) {
        assert!(page.contains(&format!("id=\"asset:{name}\"")), "{name} is inside");
    }
    assert!(!page.contains("import {") && !page.contains("\nexport "), "modules have lost their borders");
    assert!(!page.contains(" src=") && !page.contains("stylesheet"), "nothing is loaded");
    let between = |from: &str, to: &str| {
        let (_, rest) = page.rsplit_once(from).unwrap();
        rest.split_once(to).unwrap().0
    };
    for (part, directive) in
        [(between("<script>", "</script>"), "script-src"), (between("<style>", "</style>"), "style-src")]
    {
        let hash = BASE64_STANDARD.encode(Sha256::digest(part));
        assert!(page.contains(&format!("{directive} 'sha256-{hash}'")), "{directive}");
    }
}

#[test]
fn files_that_it_did_not_write_are_never_replaced() {
    let folder = tempdir().unwrap();
    let site = folder.path().join("page");
    fs::create_dir(&site).unwrap();
    fs::write(site.join("style.css"), "mine").unwrap();
    fs::write(site.join("notes.txt"), "mine too").unwrap();
    let write = || run(&mut shuzi(folder.path(), &["page", "--quiet"]));
    let (code, _, error) = write();
    if is_without_page(&error) {
        return;
    }
    assert!(code == 2 && error.contains("style.css") && error.contains("--out"), "{code}: {error}");
    assert_eq!(names(&site), ["notes.txt", "style.css"]);
    assert_eq!(fs::read_to_string(site.join("style.css")).unwrap(), "mine");

    fs::remove_file(site.join("style.css")).unwrap();
    for _ in 0..2 {
        assert_eq!(write(), (0, String::new(), String::new()), "its own files are replaced");
    }
    assert_eq!(fs::read_to_string(site.join("notes.txt")).unwrap(), "mine too");
    fs::write(site.join("main.js"), "changed").unwrap();
    let (code, _, error) = write();
    assert!(code == 2 && error.contains("main.js") && !error.contains("style.css"), "{code}: {error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("taken"), "a file").unwrap();
    let (code, _, error) = run(&mut shuzi(folder.path(), &["page", "--out", "taken"]));
    if is_without_page(&error) {
        return;
    }
    assert!(code == 1 && error.contains("taken"), "{code}: {error}");
}

#[test]
fn every_word_of_the_page_is_there_in_both_languages() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../page");
    let words: std::collections::BTreeMap<String, [String; 2]> =
        serde_json::from_str(&fs::read_to_string(format!("{page}/words.json")).unwrap()).unwrap();
    for [english, chinese] in words.values() {
        let names = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().into()).collect();
            names.sort();
            names
        };
        assert!(!english.is_empty() && !chinese.is_empty());
        assert_eq!(names(english), names(chinese), "{english}");
    }
    let mut asked = 0;
    for file in names(page.as_ref()).into_iter().filter(|name| name != "built") {
        let text = fs::read_to_string(format!("{page}/{file}")).unwrap();
        for beginning in ["data-word=\"", "data-label=\"", "word(\""] {
            for (place, _) in text.match_indices(beginning) {
                let key = text[place + beginning.len()..].split('"').next().unwrap();
                assert!(words.contains_key(key), "{file}: {key}");
                asked += 1;
            }
        }
    }
    assert!(asked > 60, "{asked} words are asked for");
}
