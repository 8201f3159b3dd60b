//! Builds the page's WebAssembly and packs the page's files, for `src/page.rs` to take in, and the licences, for `src/licenses.rs`.
//!
//! In: `page/`, `models/` and the crates `shuzi` and `shuzi-wasm`. Out: in `OUT_DIR/page` every file of the page as it is and,
//! with `.br` behind its name, compressed; and `assets.rs`, which lists them. Where WebAssembly cannot be built, the list is
//! empty, and the program says what to do.

use flate2::{Compression, write::DeflateEncoder};
use std::{env, fs, io::Write, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    pack_licenses();
    #[cfg(feature = "page")]
    page::build();
}

/// Packs the notices for what is built into the program: crates, and the fonts in `assets/`.
fn pack_licenses() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut packed = DeflateEncoder::new(vec![], Compression::best());
    for path in ["../../THIRD-PARTY-LICENSES.txt", "assets/OFL.txt"].map(|path| folder.join(path)) {
        println!("cargo::rerun-if-changed={}", path.display());
        packed
            .write_all(&fs::read(path).expect("it is part of the source"))
            .expect("memory takes everything");
    }
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("licenses.deflate");
    fs::write(out, packed.finish().expect("memory takes everything")).expect("OUT_DIR can be written");
}

#[cfg(feature = "page")]
mod page {
    use std::{
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

    /// A compiler for [`TARGET`], and what else it needs to be told.
    struct Toolchain {
        cargo: PathBuf,
        rustc: PathBuf,
        /// Where the standard library must be built too.
        build_std: bool,
    }

    pub fn build() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .canonicalize()
            .expect("the workspace is there");
        for path in [
            "page",
            "crates/shuzi/models",
            "crates/shuzi-engine/src",
            "crates/shuzi-wasm",
            "crates/shuzi-engine/recipes",
            "Cargo.toml",
            "Cargo.lock",
        ] {
            println!("cargo::rerun-if-changed={}", root.join(path).display());
        }
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
        let folder = out.join("page");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("OUT_DIR can be written");
        let mut names = vec![];
        match toolchain() {
            None => println!(
                "cargo::warning=no WebAssembly compiler: the page is left out; run `rustup target add {TARGET}` and build again"
            ),
            Some(toolchain) => {
                for (name, features, instructions) in VARIANTS {
                    let file = compile(&toolchain, &root, features, instructions);
                    bind(&file, name, &folder);
                    names.extend([format!("{name}.js"), format!("{name}.wasm")]);
                }
                for entry in fs::read_dir(root.join("page")).expect("page/ is there") {
                    let path = entry.expect("page/ can be read").path();
                    let name =
                        path.file_name().and_then(|name| name.to_str()).expect("names are plain").to_string();
                    if path.is_file() && !name.ends_with(".md") {
                        fs::copy(&path, folder.join(&name)).expect("it can be copied");
                        names.push(name);
                    }
                }
                for model in MODELS {
                    let name = format!("{model}.safetensors");
                    fs::copy(root.join("crates/shuzi/models").join(&name), folder.join(&name))
                        .expect("it can be copied");
                    names.push(name);
                }
            }
        }
        names.sort();
        let mut list = String::from("&[\n");
        for name in &names {
            let path = folder.join(name);
            let packed = folder.join(format!("{name}.br"));
            compress(&path, &packed);
            list += &format!("    ({name:?}, include_bytes!({path:?}), include_bytes!({packed:?})),\n");
        }
        fs::write(out.join("assets.rs"), list + "]\n").expect("OUT_DIR can be written");
    }

    /// The compiler that builds the program if it has the target, else Debian's with the library's source.
    fn toolchain() -> Option<Toolchain> {
        let tool =
            |name: &str| PathBuf::from(env::var_os(name).unwrap_or_else(|| name.to_lowercase().into()));
        let sysroot = |rustc: &Path| {
            let output = Command::new(rustc).args(["--print", "sysroot"]).output().ok()?;
            Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
        };
        let (cargo, rustc) = (tool("CARGO"), tool("RUSTC"));
        if sysroot(&rustc)?.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
            return Some(Toolchain { cargo, rustc, build_std: false });
        }
        let rustc = PathBuf::from("/usr/bin/rustc");
        let has_source = sysroot(&rustc)?.join("lib/rustlib/src/rust/library").is_dir();
        let has_linker = Command::new("wasm-ld").arg("--version").output().is_ok();
        (has_source && has_linker).then(|| Toolchain {
            cargo: "/usr/bin/cargo".into(),
            rustc,
            build_std: true,
        })
    }

    /// Builds the crate `shuzi-wasm`, and says where the WebAssembly is.
    fn compile(toolchain: &Toolchain, root: &Path, features: &str, instructions: &str) -> PathBuf {
        // Beside the program's own files, so that every profile finds what another has built.
        let target = root.join("target/page");
        let mut cargo = Command::new(&toolchain.cargo);
        for (key, _) in env::vars_os() {
            // What this build was told is not meant for that one.
            let key = key.to_string_lossy();
            if key.starts_with("CARGO") && key != "CARGO_HOME"
                || key.starts_with("RUST") && key != "RUSTUP_HOME"
            {
                cargo.env_remove(&*key);
            }
        }
        cargo
            .env("RUSTC", &toolchain.rustc)
            .env("CARGO_TARGET_DIR", &target)
            .current_dir(root)
            // Alone: where a crate is an rlib too, its cdylib is linked without optimising the whole program.
            .args(["rustc", "--crate-type", "cdylib"])
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
        let output = cargo.output().expect("cargo runs");
        assert!(output.status.success(), "{cargo:?}:\n{}", String::from_utf8_lossy(&output.stderr));
        target.join(TARGET).join("wasm/shuzi_wasm.wasm")
    }

    /// Makes `NAME.wasm` and the glue to it, `NAME.js`, in `folder`.
    fn bind(file: &Path, name: &str, folder: &Path) {
        wasm_bindgen_cli_support::Bindgen::new()
            .input_path(file)
            .out_name(name)
            .no_modules(true)
            .expect("one kind of output is asked for")
            .typescript(false)
            .remove_name_section(true)
            .remove_producers_section(true)
            .generate(folder)
            .expect("wasm-bindgen understands what it made");
        fs::rename(folder.join(format!("{name}_bg.wasm")), folder.join(format!("{name}.wasm")))
            .expect("it is there");
    }

    fn compress(from: &Path, to: &Path) {
        let bytes = fs::read(from).expect("it was written");
        let mut packed = vec![];
        let parameters = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
        brotli::BrotliCompress(&mut &bytes[..], &mut packed, &parameters).expect("memory takes everything");
        fs::write(to, packed).expect("OUT_DIR can be written");
    }
}
