//! `cargo xtask page`: builds the page's WebAssembly and packs the page's files, for `shuzi-cli` to take in.
//!
//! In: `page/`, the models that ship, and the crates `shuzi-engine` and `shuzi-wasm`. Out: in `page/built` every file of the page as
//! it is and, with `.br` behind its name, compressed. Files that did not change are not written again, so a build that
//! follows has nothing to do. Nothing lies there before everything is made.

use anyhow::{Context, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// How the WebAssembly is built: what the files are called, the crate's features, and the instructions.
const VARIANTS: [(&str, &str, &str); 3] = [
    // What the page loads first.
    ("reader", "", "+simd128"),
    // When something is trained, or a file of another kind is read.
    ("full", "training", "+simd128"),
    // For browsers from before 2023.
    ("full-plain", "training", ""),
];
const MODELS: [&str; 4] = ["photo", "small", "tiny", "classic"];
const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler for [`TARGET`], and what else it needs to know.
struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// Where the standard library must be built too.
    build_std: bool,
}

/// Name to bytes.
type Files = BTreeMap<String, Vec<u8>>;

pub fn build() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the project")?;
    let toolchain = toolchain().with_context(|| {
        format!("no WebAssembly compiler; run `rustup target add {TARGET}` and try again")
    })?;
    let mut files = own_files(&root.join("page"))?;
    for model in MODELS {
        let name = format!("{model}.safetensors");
        let bytes = read(&root.join("crates/shuzi/models").join(&name))?;
        files.insert(name, bytes);
    }
    for (name, features, instructions) in VARIANTS {
        eprintln!("{name}.wasm");
        let compiled = compile(&toolchain, root, features, instructions)?;
        files.extend(bind(&compiled, name, &root.join("target/page/bound"))?);
    }
    let built = root.join("page/built");
    publish(&files, &built)?;
    println!("The page is in {}: build the program again, and it has it.", built.display());
    Ok(())
}

/// What stands in `page/` itself.
fn own_files(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).context("page/ can be read")? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("names are plain")?;
        if path.is_file() && !name.ends_with(".md") {
            files.insert(name.to_string(), read(&path)?);
        }
    }
    Ok(files)
}

/// The compiler that builds this program if it has the target, else Debian's with the library's source.
///
/// `cargo run` passes no program its compiler, and `rustc` may be rustup's stand-in: called by cargo in the folder of a crate that has a
/// `rust-toolchain.toml`, as some published ones have, that would update the user's toolchain. So the compiler is asked once, here,
/// where it really lies.
fn toolchain() -> Option<Toolchain> {
    let sysroot = |rustc: &Path| {
        let output = Command::new(rustc).args(["--print", "sysroot"]).output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    let found = sysroot(&PathBuf::from(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())))?;
    let rustc = found.join("bin").join(format!("rustc{}", env::consts::EXE_SUFFIX));
    if rustc.is_file() && found.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into();
        return Some(Toolchain { cargo, rustc, build_std: false });
    }
    let rustc = PathBuf::from("/usr/bin/rustc");
    let has_source = sysroot(&rustc)?.join("lib/rustlib/src/rust/library").is_dir();
    let has_linker = Command::new("wasm-ld").arg("--version").output().is_ok();
    (has_source && has_linker).then(|| Toolchain { cargo: "/usr/bin/cargo".into(), rustc, build_std: true })
}

/// Builds the crate `shuzi-wasm`, and says where the WebAssembly is.
fn compile(
    toolchain: &Toolchain,
    root: &Path,
    features: &str,
    instructions: &str,
) -> anyhow::Result<PathBuf> {
    let target = root.join("target/page");
    let mut cargo = Command::new(&toolchain.cargo);
    for (key, _) in env::vars_os() {
        // This program's settings are not meant for that build. Those of rustup stay: which toolchain, and to install none.
        let key = key.to_string_lossy();
        let is_cargos = key.starts_with("CARGO") && key != "CARGO_HOME";
        if is_cargos || key.starts_with("RUST") && !key.starts_with("RUSTUP_") {
            cargo.env_remove(&*key);
        }
    }
    cargo
        .env("RUSTC", &toolchain.rustc)
        .env("RUSTUP_AUTO_INSTALL", "0") // whatever stands in for a tool, a build changes no toolchain
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(root)
        // Alone: where a crate is an rlib too, its cdylib is linked without optimising the whole program.
        .args(["rustc", "--quiet", "--crate-type", "cdylib"])
        .args(["--package", "shuzi-wasm", "--profile", "wasm", "--target", TARGET])
        .args(["--no-default-features", "--features", features]);
    if !instructions.is_empty() {
        cargo.env("RUSTFLAGS", format!("-Ctarget-feature={instructions}"));
    }
    if toolchain.build_std {
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld")
            .arg("-Zbuild-std=std,panic_abort");
    }
    let status = cargo.status().context("cargo runs")?;
    ensure!(status.success(), "{cargo:?} failed");
    Ok(target.join(TARGET).join("wasm/shuzi_wasm.wasm"))
}

/// `NAME.wasm` and the glue to it, `NAME.js`, made in a folder of their own.
fn bind(compiled: &Path, name: &str, folder: &Path) -> anyhow::Result<Files> {
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(compiled)
        .out_name(name)
        .no_modules(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)?;
    let wasm = read(&folder.join(format!("{name}_bg.wasm")))?;
    let glue = read(&folder.join(format!("{name}.js")))?;
    Ok(Files::from([(format!("{name}.wasm"), wasm), (format!("{name}.js"), glue)]))
}

/// Brings `folder` in step with `files`: what is there and right stays untouched, what is of no use goes.
fn publish(files: &Files, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut wanted = BTreeSet::from([String::from(".gitignore")]);
    for (name, bytes) in files {
        let (path, packed) = (folder.join(name), folder.join(format!("{name}.br")));
        if !packed.is_file() || fs::read(&path).ok().as_ref() != Some(bytes) {
            // The plain file last: who is interrupted between the two makes both again.
            write(&packed, &compress(bytes)?)?;
            write(&path, bytes)?;
        }
        wanted.extend([name.clone(), format!("{name}.br")]);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| wanted.contains(name)) {
            fs::remove_file(entry.path()).with_context(|| format!("removing {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn compress(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut packed = vec![];
    let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &parameters)?;
    Ok(packed)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}
