//! The readers of untrusted bytes, one function for each.
//!
//! In: any bytes. Each function ends, whether or not the bytes were valid; what was read must
//! also come back equal when it is written and read again. Used by the fuzz targets, and by
//! `crates/shuzi-engine/tests/all/corpus.rs`, which replays the corpus.

use flate2::{Compression, write::GzEncoder};
use shuzi_engine::{
    dataset::{
        csv as csv_file,
        idx::{read_images, read_labels},
    },
    decode::{Limits, decode, decode_partial},
    kernels::Level,
    model::{Model, batch_order, initial_weights, npy as npy_file, npz as npz_file},
    network::{InferenceModel, InferenceSession, Precision},
    recipe::Recipe,
    recognition::{MOST_DIGITS, Options, Reader, recognize},
    training::checkpoint::{Checkpoint, seal},
};
use std::{io::Write, sync::OnceLock};

/// Images and labels, with and without a known length.
pub fn idx(bytes: &[u8]) {
    for length in [None, Some(bytes.len() as u64)] {
        let _ = read_images(bytes, length);
        let _ = read_labels(bytes, length);
    }
}

/// The same inside valid gzip data, and behind the beginning of invalid gzip data.
pub fn idx_gzip(bytes: &[u8]) {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).expect("memory takes everything");
    idx(&encoder.finish().expect("memory takes everything"));
    idx(&[&[0x1f, 0x8b], bytes].concat());
}

/// A table of digits. What is read is written in the plainest layout and read again.
pub fn csv(bytes: &[u8]) {
    if let Ok(digits) = csv_file::read(bytes) {
        let line = |index: usize| {
            let (image, label) = digits.example(index);
            let columns: Vec<String> = [&[label], image].concat().iter().map(u8::to_string).collect();
            columns.join(",") + "\n"
        };
        let text: String = (0..digits.len()).map(line).collect();
        assert_eq!(csv_file::read(text.as_bytes()).expect("what was written"), digits);
    }
}

/// NumPy's single file.
pub fn npy(bytes: &[u8]) {
    let _ = npy_file::read(bytes);
    as_model(bytes);
}

/// NumPy's archive.
pub fn npz(bytes: &[u8]) {
    let _ = npz_file::read(bytes);
    as_model(bytes);
}

/// The native file.
pub fn safetensors(bytes: &[u8]) {
    as_model(bytes);
}

/// A checkpoint, as it is and with its hash corrected.
pub fn checkpoint(bytes: &[u8]) {
    let mut sealed = bytes.to_vec();
    seal(&mut sealed);
    for bytes in [bytes, &sealed] {
        if let Ok(checkpoint) = Checkpoint::from_bytes(bytes) {
            let again = Checkpoint::from_bytes(&checkpoint.to_bytes()).expect("what was written");
            assert_eq!(again, checkpoint);
        }
    }
}

/// A picture, from its bytes to what is read in it.
pub fn picture(bytes: &[u8]) {
    static READER: OnceLock<Reader> = OnceLock::new();
    let reader = READER.get_or_init(|| {
        let model = Model::from_bytes(include_bytes!("../../crates/shuzi/models/tiny.safetensors"))
            .expect("it is tested");
        Reader::new(&model, Level::detect())
    });
    let limits = Limits { pixels: 200_000, bytes: 1 << 20 };
    let (whole, partial) = (decode(bytes, limits), decode_partial(bytes, limits));
    match (&whole, &partial) {
        (Ok(whole), Ok(partial)) => assert!(!partial.is_cut_short && partial.picture == *whole),
        (Err(_), Ok(partial)) => assert!(partial.is_cut_short),
        (whole, Err(error)) => assert_eq!(whole.as_ref(), Err(error)),
    }
    if let Ok(picture) = whole {
        for single in [false, true] {
            let reading = recognize(reader, &picture, Options { single, ..Options::default() });
            assert!(reading.digits.len() <= MOST_DIGITS);
            for digit in reading.digits {
                let area = digit.area;
                assert!(
                    area.left + area.width <= picture.width() && area.top + area.height <= picture.height()
                );
                assert!((digit.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-3);
            }
        }
    }
}

/// A recipe's TOML text.
pub fn recipe(bytes: &[u8]) {
    if let Ok(recipe) = Recipe::from_toml(bytes) {
        let text = recipe.to_toml();
        assert_eq!(Recipe::from_toml(text.as_bytes()).as_ref(), Ok(&recipe), "{text}");
    }
}

/// The readers of any model, recognised by its first bytes.
fn as_model(bytes: &[u8]) {
    if let Ok(model) = Model::from_bytes(bytes) {
        let _ = initial_weights(bytes, model.network.architecture());
        assert_eq!(Model::from_bytes(&model.to_safetensors()).expect("the native file"), model);
        if let Some(header) = model.to_c("fuzz") {
            assert_eq!(header.matches("/*").count(), header.matches("*/").count(), "{header}");
            let inference_model = InferenceModel::new(&model.network, Level::detect(), Precision::F32);
            for pixel in [0, 255] {
                InferenceSession::new(&inference_model, 1).logits([&[pixel; 784][..]].into_iter());
            }
            return;
        }
        for file in [model.to_npy(), model.to_npz()] {
            let read = Model::from_bytes(&file).expect("the tutorial's file");
            assert_eq!(read.weights_sha256(), model.weights_sha256());
        }
    }
    let classic = Recipe::built_in("classic").expect("it is built in");
    let _ = initial_weights(bytes, &classic.architecture().expect("it is sound"));
    let _ = batch_order(bytes);
}
