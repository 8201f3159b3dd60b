//! The page's files, for `shuzi serve` and `shuzi page`, and once more as one file that works from a disk.
//!
//! They were made by `cargo xtask page` and taken in by `build.rs`, if they were there. In the one file, scripts and styles stand in
//! the page itself, allowed by their hashes, and everything else is in it as gzip and Base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::io::Write;

/// Name, bytes, and bytes compressed by Brotli, by name. Empty where the page was not built.
pub const FILES: &[(&str, &[u8], &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The page's modules in the order in which they use each other.
const MODULES: [&str; 11] = [
    "assets.js",
    "words.js",
    "engine.js",
    "pad.js",
    "sketch.js",
    "answer.js",
    "photo.js",
    "network.js",
    "inside.js",
    "train.js",
    "main.js",
];

/// Whether this program was built with its page.
pub fn is_built() -> bool {
    !FILES.is_empty()
}

fn text(name: &str) -> &'static str {
    let (_, bytes, _) =
        FILES.iter().find(|(found, ..)| *found == name).expect("cargo xtask page makes the whole page");
    std::str::from_utf8(bytes).expect("the page's own files are text")
}

/// The whole page in one file: it loads nothing from anywhere.
pub fn single_file() -> String {
    let script: String = MODULES.iter().map(|name| without_borders(text(name))).collect();
    let script = format!("\n(() => {{\n{script}}})();\n");
    let style = text("style.css");
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}' 'wasm-unsafe-eval'; style-src 'sha256-{}'; worker-src blob:; img-src data: blob:; \
         base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(style),
    );
    let is_inside = |name: &str| !MODULES.contains(&name) && name != "index.html" && name != "style.css";
    let packed: String = FILES
        .iter()
        .filter(|(name, ..)| is_inside(name))
        .map(|(name, bytes, _)| {
            let data = BASE64_STANDARD.encode(gzip(bytes));
            format!("<script type=\"application/gzip\" id=\"asset:{name}\">{data}</script>\n")
        })
        .collect();
    // Nothing is asked for early where everything is here.
    let index: String =
        text("index.html").split_inclusive('\n').filter(|line| !line.contains("preload\"")).collect();
    index
        .replace(
            "<meta charset=\"utf-8\">",
            &format!(
                "<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">"
            ),
        )
        .replace("<link rel=\"stylesheet\" href=\"style.css\">", &format!("<style>{style}</style>"))
        .replace("<script type=\"module\" src=\"main.js\"></script>\n", "")
        .replace("</body>", &format!("{packed}<script>{script}</script>\n</body>"))
}

/// A module without its imports and exports; all modules together have no name twice.
fn without_borders(module: &str) -> String {
    let lines = module.lines().filter(|line| !line.starts_with("import "));
    lines.map(|line| line.strip_prefix("export ").unwrap_or(line)).flat_map(|line| [line, "\n"]).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}
