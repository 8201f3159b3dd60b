//! Every word that users see exists in English and Simplified Chinese, and every word that is
//! asked for exists. Also: only the modules for it open files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const LANGUAGES: [&str; 2] = ["en", "zh-CN"];

/// Keys that no `t!("key"` names, because the program puts them together: help of verbs and
/// options, by their names in the parser (a unit test in `language.rs` checks these).
const PUT_TOGETHER: &str = "help.";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Every file below a folder, with its text.
fn files(name: &str, extension: &str) -> Vec<(String, String)> {
    let (mut folders, mut files) = (vec![folder(name)], vec![]);
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).unwrap();
                files.push((
                    path.strip_prefix(folder(name)).unwrap().to_str().unwrap().replace('\\', "/"),
                    text,
                ));
            }
        }
    }
    files
}

/// Key to language to words.
type Words = BTreeMap<String, BTreeMap<String, String>>;

fn words(name: &str) -> Words {
    let mut all = Words::new();
    for (file, text) in files(name, "yml") {
        let mut entries: BTreeMap<String, serde_norway::Value> = serde_norway::from_str(&text).unwrap();
        assert_eq!(entries.remove("_version"), Some(2.into()), "{file}");
        for (key, value) in entries {
            let languages =
                serde_norway::from_value(value).unwrap_or_else(|error| panic!("{file}: {key}: {error}"));
            assert!(all.insert(key.clone(), languages).is_none(), "{file}: {key} is there twice");
        }
    }
    all
}

/// The names in `%{name}`.
fn placeholders(words: &str) -> BTreeSet<&str> {
    words.split("%{").skip(1).map(|rest| rest.split('}').next().unwrap()).collect()
}

/// What `t!("key", name = value, …)` asks for: the key, and the names it gives.
fn keys_asked_for(code: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut keys = vec![];
    for (place, _) in code.match_indices("t!(") {
        let is_macro =
            !code[..place].ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
        // A key that is put together (`t!(&key)`) is not in quotes.
        let Some(rest) = code[place + 3..].trim_start().strip_prefix('"') else { continue };
        let (key, rest) = rest.split_once('"').expect("a key ends");
        if is_macro {
            keys.push((key.to_string(), names(rest)));
        }
    }
    keys
}

/// The `name`s of `, name = value, other = f(a, b))`, up to the closing bracket.
fn names(arguments: &str) -> BTreeSet<String> {
    let (mut depth, mut item, mut names) = (0, String::new(), BTreeSet::new());
    for letter in arguments.chars() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ',' | ')' if depth == 0 => {
                if let Some((name, _)) = item.split_once(" = ") {
                    names.insert(name.trim().to_string());
                }
                item.clear();
                if letter == ')' {
                    break;
                }
                continue;
            }
            _ => {}
        }
        item.push(letter);
    }
    names.remove("locale");
    names
}

/// Everything that is wrong with the words.
fn complaints(words: &Words, sources: &[(String, String)]) -> Vec<String> {
    let mut complaints = vec![];
    for (key, languages) in words {
        for language in LANGUAGES {
            if languages.get(language).is_none_or(|words| words.trim().is_empty()) {
                complaints.push(format!("{key}: no {language}"));
            }
        }
        let all: BTreeSet<_> = languages.values().map(|words| placeholders(words)).collect();
        if all.len() > 1 {
            complaints.push(format!("{key}: placeholders differ between the languages"));
        }
    }
    let mut used = BTreeSet::new();
    for (file, code) in sources {
        for (key, names) in keys_asked_for(code) {
            match words.get(&key) {
                None => complaints.push(format!("{file}: {key} has no words")),
                Some(languages) => {
                    let wanted = placeholders(&languages["en"]).into_iter().map(String::from).collect();
                    if names != wanted {
                        complaints
                            .push(format!("{file}: {key} has {wanted:?} to fill in, given are {names:?}"));
                    }
                }
            }
            used.insert(key);
        }
    }
    let unused = words.keys().filter(|key| !used.contains(*key) && !key.starts_with(PUT_TOGETHER));
    complaints.extend(unused.map(|key| format!("{key}: nobody asks for it")));
    complaints
}

#[test]
fn every_word_is_there_in_both_languages() {
    for name in ["", "../shuzi-report/"] {
        let (words, sources) = (words(&format!("{name}locales")), files(&format!("{name}src"), "rs"));
        assert!(words.len() > 100 && sources.len() > 10, "{} words, {} files", words.len(), sources.len());
        let complaints = complaints(&words, &sources);
        assert!(complaints.is_empty(), "{name}: {complaints:#?}");
    }
}

#[test]
fn a_word_that_is_missing_is_noticed() {
    let languages =
        |en: &str, zh: &str| BTreeMap::from([("en".into(), en.into()), ("zh-CN".into(), zh.into())]);
    let sound = Words::from([("a.b".into(), languages("%{n} digits", "%{n} 个数字"))]);
    let code = |code: &str| [("x.rs".to_string(), code.to_string())];
    assert_eq!(complaints(&sound, &code("t!(\"a.b\", n = f(1, 2))")), Vec::<String>::new());
    for (words, code, expected) in [
        (Words::from([("a.b".into(), languages("digits", " "))]), code("t!(\"a.b\")"), "no zh-CN"),
        (Words::from([("a.b".into(), languages("%{n}", "%{m}"))]), code("t!(\"a.b\", n = 1)"), "differ"),
        (sound.clone(), code("t!(\"a.b\", n = 1); t!(\"a.c\")"), "no words"),
        (sound.clone(), code("t!(\"a.b\", m = 1)"), "fill in"),
        (sound, code("assert!(\"a.b\")"), "nobody asks"),
    ] {
        let found = complaints(&words, &code);
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
    }
}

/// The errors of the library: `Type::Variant` of every enum in its source that is one.
fn errors() -> Vec<String> {
    let mut errors = vec![];
    // The program reads no pen strokes: they are for those who train a line reader.
    let is_met = |(file, _): &(String, String)| !file.starts_with("dataset/str");
    for (_, text) in files("../shuzi-engine/src", "rs").into_iter().filter(is_met) {
        for (place, _) in text.match_indices("\npub enum ") {
            let (name, rest) = text[place + 10..].split_once(' ').unwrap();
            let body = rest.split("\n}").next().unwrap();
            // Errors of features that are off are not for the program, which has them all.
            let with_all_features = body.split("    #[cfg(not(").enumerate().flat_map(|(place, part)| {
                part.lines().skip_while(move |line| place > 0 && !line.ends_with(',')).skip(place.min(1))
            });
            let variants = with_all_features
                .filter(|line| line.starts_with("    ") && line.as_bytes()[4].is_ascii_uppercase());
            if name.ends_with("Error") {
                let word = |line: &str| {
                    line.chars().skip(4).take_while(|letter| letter.is_alphanumeric()).collect::<String>()
                };
                errors.extend(variants.map(|line| format!("{name}::{}", word(line))));
            }
        }
    }
    errors
}

#[test]
fn every_error_of_the_library_is_explained_in_both_languages() {
    let explain = fs::read_to_string(folder("src/explain.rs")).unwrap();
    let errors = errors();
    assert!(errors.len() > 40 && errors.contains(&"IdxError::GzipCut".to_string()), "{errors:?}");
    let missing: Vec<_> = errors
        .iter()
        .filter(|error| {
            !explain.match_indices(*error).any(|(place, _)| {
                !explain[place + error.len()..].starts_with(|letter: char| letter.is_alphanumeric())
            })
        })
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// `files` opens files for everyone; `data/download/` keeps its parts until they are whole.
#[test]
fn only_two_modules_open_files() {
    for (file, code) in files("src", "rs") {
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let calls =
            code.split("fs::").skip(1).any(|rest| rest.starts_with(|letter: char| letter.is_lowercase()));
        let opens = calls || code.contains("File::") || code.contains("OpenOptions");
        let may = ["files/", "data/download/"].iter().any(|folder| file.starts_with(folder));
        assert!(!opens || may || file.ends_with("/tests.rs"), "{file}");
    }
}
