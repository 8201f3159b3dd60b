//! A rule for the program and the crates it is made of, read off their sources: files use each other in one direction only, so that
//! each can be understood with those below it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Where a file stands among the modules: `["data", "sources"]`; `main.rs` or `lib.rs` is the empty path.
type Module = Vec<String>;

/// Every file's code, without comments and unit tests.
fn sources(name: &str) -> BTreeMap<Module, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
    let (mut folders, mut sources) = (vec![folder.clone()], BTreeMap::new());
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
                let name = path.strip_prefix(&folder).unwrap().with_extension("");
                let mut module: Module = name.iter().map(|part| part.to_str().unwrap().to_string()).collect();
                module.pop_if(|last| ["mod", "main", "lib"].contains(&last.as_str()));
                sources.insert(module, code(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources
}

fn code(text: &str) -> String {
    let is_test = |line: &str| line.contains("mod ") && line.ends_with('{');
    let mut lines = vec![];
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        if line == "#[cfg(test)]" && rest.peek().is_some_and(|next| is_test(next)) {
            break;
        }
        lines.push(line.split("//").next().unwrap());
    }
    lines.join("\n")
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The paths that a tree such as `a::{self, b::C}` names, and what is behind it.
fn paths(tree: &str) -> (Vec<Module>, &str) {
    let tree = tree.trim_start();
    if let Some(mut rest) = tree.strip_prefix('{') {
        let mut all = vec![];
        loop {
            rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
            if rest.is_empty() || rest.starts_with('}') {
                return (all, rest.strip_prefix('}').unwrap_or(rest));
            }
            let (found, behind) = paths(rest);
            if behind.len() == rest.len() {
                return (all, behind); // this is no tree
            }
            all.extend(found);
            rest = behind;
        }
    }
    let (name, rest) = tree.split_at(tree.find(|letter| !is_letter(letter)).unwrap_or(tree.len()));
    match rest.strip_prefix("::") {
        Some(inner) => {
            let (inner, rest) = paths(inner);
            let whole = |path: Module| [vec![name.to_string()], path].concat();
            (inner.into_iter().map(whole).collect(), rest)
        }
        None => (vec![Vec::from_iter((!name.is_empty()).then(|| name.to_string()))], rest),
    }
}

/// The files that a file uses, by `crate::`, `super::`, `self::`, or a folder's by the names of what lies in it.
fn uses(module: &Module, code: &str, all: &BTreeSet<Module>) -> BTreeSet<Module> {
    let begins_path =
        |place: usize| !code[..place].ends_with(|letter: char| is_letter(letter) || letter == ':');
    let mut used = BTreeSet::new();
    let above = &module[..module.len().saturating_sub(1)];
    for (word, base) in [("crate::", &[][..]), ("super::", above), ("self::", &module[..])] {
        for (place, _) in code.match_indices(word).filter(|(place, _)| begins_path(*place)) {
            for path in paths(&code[place + word.len()..]).0 {
                let ups = path.iter().take_while(|name| *name == "super").count();
                let mut path = [&base[..base.len().saturating_sub(ups)], &path[ups..]].concat();
                path.retain(|name| name != "self");
                while !all.contains(&path) {
                    path.pop();
                }
                used.insert(path);
            }
        }
    }
    for child in all.iter().filter(|child| child.len() == module.len() + 1 && child.starts_with(module)) {
        let name = format!("{}::", child.last().unwrap());
        if code.match_indices(&name).any(|(place, _)| begins_path(place)) {
            used.insert(child.clone());
        }
    }
    used.remove(module);
    used
}

/// The files that use each other in a circle: what is left when those that use none of the others have gone.
fn circle(sources: &BTreeMap<Module, String>) -> BTreeMap<String, Vec<String>> {
    let all: BTreeSet<Module> = sources.keys().cloned().collect();
    let mut left: BTreeMap<&Module, BTreeSet<Module>> =
        sources.iter().map(|(module, code)| (module, uses(module, code, &all))).collect();
    loop {
        let names: BTreeSet<Module> = left.keys().map(|module| (*module).clone()).collect();
        let used: BTreeSet<Module> = left.values().flatten().cloned().collect();
        left.values_mut().for_each(|uses| uses.retain(|used| names.contains(used)));
        let before = left.len();
        left.retain(|module, uses| !uses.is_empty() && used.contains(*module));
        if left.len() == before {
            break;
        }
    }
    let name = |module: &Module| module.join("::");
    left.iter().map(|(module, uses)| (name(module), uses.iter().map(name).collect())).collect()
}

#[test]
fn no_files_use_each_other() {
    for name in ["shuzi-cli", "shuzi-report", "shuzi-server"] {
        let sources = sources(name);
        assert!(sources.len() > 15, "the source was found");
        let circle = circle(&sources);
        assert!(circle.is_empty(), "{name}: {circle:#?}");
    }
}

#[test]
fn a_circle_is_noticed() {
    let module = |name: &str| -> Module {
        name.split("::").filter(|part| !part.is_empty()).map(String::from).collect()
    };
    let found = |files: &[(&str, &str)]| {
        let sources = files.iter().map(|(name, text)| (module(name), code(text))).collect();
        circle(&sources).into_keys().collect::<Vec<_>>()
    };
    for (one, other) in [
        ("use crate::b::Thing;", "use crate::{y, a::Other};"),
        ("fn f() { crate::b::c() }", "use super::a;"),
        ("use super::{\n    b::{self, D},\n    e,\n};", "fn g() { self::super::a::f() }"),
    ] {
        let files = [("", "mod a; mod b; mod x;"), ("a", one), ("b", other), ("x", "use crate::a;")];
        assert_eq!(found(&files[..3]), ["a", "b"], "{one}");
        assert_eq!(found(&files), ["a", "b"], "{one}: x is only above");
    }
    assert_eq!(
        found(&[("a", "mod b; use b::C;"), ("a::b", "use super::D;")]),
        ["a", "a::b"],
        "a folder and what is in it"
    );
    assert_eq!(found(&[("", "use a::X;"), ("a", "use crate::Y;")]), ["", "a"], "what stands in main.rs");
    let sound = [
        ("a", "use crate::b::C;"),
        ("b", "// crate::a\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}"),
    ];
    assert!(found(&sound).is_empty());
}
