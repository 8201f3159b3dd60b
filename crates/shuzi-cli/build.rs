//! Takes in the page's files, for `src/page.rs`, and packs the licences, for `src/licenses.rs`.
//!
//! In: what `cargo xtask page` left in `page/built`, each file with its compressed form, `.br`, beside it. Out: in `OUT_DIR`
//! `assets.rs`, which lists them. Where nothing was built, the list is empty, and the program says what to do.

use flate2::{Compression, write::DeflateEncoder};
use std::{env, fs, io::Write, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    pack_licenses();
    #[cfg(feature = "page")]
    list_page();
}

/// Packs the notices for the crates that are built into the program.
fn pack_licenses() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("THIRD-PARTY-LICENSES.txt");
    println!("cargo::rerun-if-changed={}", path.display());
    let mut packed = DeflateEncoder::new(vec![], Compression::best());
    packed.write_all(&fs::read(path).expect("it is part of the source")).expect("memory takes everything");
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("licenses.deflate");
    fs::write(out, packed.finish().expect("memory takes everything")).expect("OUT_DIR can be written");
}

/// Lists the page's files by name.
#[cfg(feature = "page")]
fn list_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../page/built");
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut packed: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "br"))
        .collect();
    packed.sort();
    let mut list = String::from("&[\n");
    for packed in &packed {
        let path = packed.with_extension("");
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are plain");
        list += &format!("    ({name:?}, include_bytes!({path:?}), include_bytes!({packed:?})),\n");
    }
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("assets.rs");
    fs::write(out, list + "]\n").expect("OUT_DIR can be written");
}
