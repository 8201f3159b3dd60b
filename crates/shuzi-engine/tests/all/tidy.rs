//! The library's own rules, read off its source: which module may use which, where `unsafe` may
//! stand, who may change weights, and what a library that is quiet and repeatable never does.

use std::{fs, path::Path};

/// The modules, lowest first. Each may use those that stand before it and are listed beside it.
const MODULES: [(&str, &[&str]); 14] = [
    ("hash", &[]),
    ("signs", &[]),
    ("classes", &[]),
    ("image", &[]),
    ("decode", &["image"]),
    ("kernels", &["image"]),
    ("preprocess", &["image", "kernels"]),
    ("network", &["classes", "image", "kernels", "preprocess"]),
    ("dataset", &["classes", "image", "kernels", "preprocess", "signs"]),
    ("recipe", &["classes", "image", "network", "preprocess"]),
    ("model", &["classes", "hash", "image", "network", "preprocess", "recipe", "signs"]),
    ("evaluation", &["classes", "hash", "image", "dataset", "kernels", "network", "preprocess"]),
    ("recognition", &["classes", "image", "kernels", "model", "network", "preprocess", "signs"]),
    (
        "training",
        &[
            "classes",
            "dataset",
            "evaluation",
            "hash",
            "image",
            "kernels",
            "model",
            "network",
            "preprocess",
            "recipe",
            "signs",
        ],
    ),
];

/// Where a network's numbers are changed: in training by the optimizer's steps and by what batch normalisation measures.
const CHANGES_NETWORKS: [&str; 3] = ["network/", "training/step/", "training/statistics.rs"];

/// Lines of `training/mod.rs` at most: the loop is seen at once.
const LOOP_LINES: usize = 150;

/// What would make the library open files, speak, look at the clock or remember between calls.
const LOUD: [&str; 14] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "File::",
    "stdout",
    "stderr",
    "println!",
    "print!(",
    "Instant",
    "SystemTime",
    "static mut",
    "thread_local!",
    "OnceLock",
];

/// A file of the library: its path below `src`, its module, and its code without comments and
/// unit tests.
struct Source {
    path: String,
    module: String,
    code: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources) = (vec![folder.clone()], vec![]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push(Source::new(name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let module = path.split(['/', '.']).next().unwrap().to_string();
        let is_test = path.ends_with("/tests.rs");
        let before_tests = text.split("#[cfg(test)]").next().unwrap();
        let code =
            before_tests.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
        Source { module, code: if is_test { String::new() } else { code }, text, path }
    }

    /// The modules that it uses: `crate::MODULE`, alone or in braces.
    fn uses(&self) -> Vec<String> {
        let mut modules = vec![];
        for (place, _) in self.code.match_indices("crate::") {
            let rest = &self.code[place + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(list) => modules.extend(first_names(list)),
                None => modules.push(first_name(rest)),
            }
        }
        modules.retain(|name| {
            name.starts_with(|letter: char| letter.is_ascii_lowercase()) && *name != self.module
        });
        modules
    }
}

fn first_name(code: &str) -> String {
    code.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

/// The names that a list in braces begins its items with: `a::{b, c}, d` gives a and d.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0, 0, vec![]);
    for (place, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.push(first_name(list[start..place].trim_start()));
                start = place + 1;
                if letter == '}' {
                    return names;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

/// Everything that breaks a rule.
fn complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = vec![];
    for source in sources.iter().filter(|source| source.path != "lib.rs") {
        let Source { path, module, code, text } = source;
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| name == module) else {
            complaints.push(format!("{path}: a module that tests/tidy.rs does not know"));
            continue;
        };
        for used in source.uses().iter().filter(|used| !allowed.contains(&used.as_str())) {
            complaints.push(format!("{path}: {module} may not use {used}"));
        }
        if module != "kernels" && code.contains("unsafe") {
            complaints.push(format!("{path}: unsafe outside of kernels"));
        }
        if !CHANGES_NETWORKS.iter().any(|place| path.starts_with(place)) && code.contains(".parts_mut()") {
            complaints.push(format!("{path}: changes weights"));
        }
        if path == "training/mod.rs" && text.lines().count() > LOOP_LINES {
            complaints.push(format!("{path}: the loop is no longer seen at once"));
        }
        for word in LOUD.iter().filter(|word| code.contains(*word)) {
            complaints.push(format!("{path}: {word} is for programs, not for the library"));
        }
        if !path.ends_with("tests.rs") && !text.starts_with("//! ") {
            complaints.push(format!("{path}: does not say what it is for in its first lines"));
        }
    }
    complaints
}

#[test]
fn every_module_keeps_to_its_borders() {
    let sources = sources();
    assert!(sources.len() > 20, "the source was found");
    let complaints = complaints(&sources);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn modules_use_only_what_lies_below_them() {
    for (place, (module, allowed)) in MODULES.iter().enumerate() {
        for used in *allowed {
            assert!(MODULES[..place].iter().any(|(below, _)| below == used), "{module} uses {used}");
        }
    }
}

#[test]
fn every_rule_can_be_broken() {
    let long = format!("//! x{}", "\n//".repeat(LOOP_LINES));
    let broken = [
        ("image.rs", "//! x\nuse crate::network::Network;", "image may not use network"),
        (
            "dataset/mod.rs",
            "//! x\nuse crate::{Rng, image::{A, b}, training::train};",
            "dataset may not use training",
        ),
        ("model/mod.rs", "//! x\nfn f() { unsafe { g() } }", "unsafe outside of kernels"),
        ("evaluation.rs", "//! x\nfn f() { network.parts_mut(); }", "changes weights"),
        ("training/finish.rs", "//! x\nfn f() { network.parts_mut(); }", "changes weights"),
        ("training/mod.rs", &long, "the loop is no longer seen"),
        ("kernels/mod.rs", "//! x\nfn f() { println!(); }", "println! is for programs"),
        ("kernels/mod.rs", "fn f() {}", "does not say what it is for"),
        ("utils.rs", "//! x", "does not know"),
    ];
    for (path, text, expected) in broken {
        let found = complaints(&[Source::new(path.to_string(), text.to_string())]);
        assert!(found.len() == 1 && found[0].contains(expected), "{path}: {found:?}");
    }
    let sound = "//! unsafe\nuse crate::image::PIXELS; // unsafe\n#[cfg(test)]\nmod tests { println!() }";
    assert!(complaints(&[Source::new("preprocess/mod.rs".to_string(), sound.to_string())]).is_empty());
}
