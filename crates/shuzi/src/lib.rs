//! Reads handwritten digits in photos, scans and drawings.
//!
//! ```
//! # #[cfg(all(feature = "decode", feature = "photo"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/page.png"))?;
//! let picture = shuzi::Picture::decode(&bytes)?;
//!
//! let reader = shuzi::Reader::pretrained();
//! let reading = reader.read(&picture);
//!
//! assert_eq!(reading.text(), "27182");
//! assert!(reading.confidence() > 0.8);
//! for digit in reading.digits() {
//!     println!("{} at {:?}, {:.1} % sure", digit.name(), digit.bounds(), 100.0 * digit.confidence());
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "decode", feature = "photo")))]
//! # fn main() {}
//! ```
//!
//! With the feature `train` it trains such networks, too. The tutorial's, 784-32-16-10:
//!
//! ```
//! # #[cfg(feature = "train")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use shuzi::{Dataset, Recipe};
//!
//! // MNIST: Dataset::from_idx(&fs::read("train-images-idx3-ubyte.gz")?, &fs::read("train-labels-idx1-ubyte.gz")?)?
//! let (training, test) = Dataset::synthetic(12_000, 0).split(2_000, 0);
//! let recipe = Recipe::named("classic")?.with_epochs(5);
//! let model = shuzi::train(&recipe, &training)?;
//! let evaluation = shuzi::evaluate(&model, &test)?;
//! let (low, high) = evaluation.interval();
//! println!("{:.2} % ({:.2} to {:.2})", 100.0 * evaluation.accuracy(), 100.0 * low, 100.0 * high);
//! std::fs::write(std::env::temp_dir().join("digits.safetensors"), model.to_bytes())?;
//! # assert!(evaluation.accuracy() > 0.5);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "train"))]
//! # fn main() {}
//! ```
//!
//! The library opens no file, prints nothing and keeps no global state: bytes go in, values come out. It compiles to
//! WebAssembly. What it is made of, layers and kernels, is the crate `shuzi-engine`, which promises no stability.
//!
//! # Features
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `decode` | [`Picture::decode`]: PNG, JPEG, GIF, WebP, TIFF, BMP, PNM | yes |
//! | `photo` | the weights of [`Reader::pretrained`], 166 kB | yes |
//! | `lines` | the weights by which it reads lines as a whole, 0.9 MB | yes |
//! | `small`, `tiny`, `micro`, `classic`; `models` for all | more weights, for [`Reader::named`] and [`Model::named`] | |
//! | `train` | `train`, `evaluate`, `Dataset`, `Recipe` | |
//! | `numpy` | model files `.npy` and `.npz` | |
//! | `onnx` | `Model::to_onnx` | |
//! | `int8` | networks in 8-bit integers; part of `train` and `micro` | |
//! | `full` | all of these | |
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod model;
mod picture;
mod reader;
mod reading;
mod shipped;

#[cfg(feature = "train")]
mod dataset;
#[cfg(feature = "train")]
mod evaluation;
#[cfg(feature = "train")]
mod recipe;
#[cfg(feature = "train")]
mod training;

#[cfg(feature = "decode")]
pub use self::picture::{PictureError, PictureErrorKind};
#[cfg(feature = "lines")]
pub use self::shipped::LINES_FILE;
#[cfg(feature = "train")]
pub use self::{
    dataset::{Dataset, DatasetError},
    evaluation::{Evaluation, Mistake, evaluate},
    recipe::{Recipe, RecipeError},
    training::{Progress, TrainError, Training, train},
};
pub use self::{
    model::{Model, ModelError, ModelErrorKind},
    picture::Picture,
    reader::{Cancel, Cancelled, ReadOptions, Reader},
    reading::{Bounds, Digit, Line, Reading},
    shipped::{DEFAULT_MODEL, MODEL_FILES, PICTURE_MODEL, model_names},
};

/// Rows and columns of the images that networks see.
pub const SIDE: usize = shuzi_engine::image::SIDE;

/// Pixels of the images that networks see: 28x28, row by row, 0 for paper to 255 for ink.
pub const PIXELS: usize = SIDE * SIDE;

// The examples of the READMEs.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
struct CrateReadme;
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../../README.zh-CN.md")]
struct ReadmeInChinese;
