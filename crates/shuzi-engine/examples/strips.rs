//! Draws strips onto a contact sheet, a PNG picture, with what each says below it.
//!
//! ```sh
//! cargo run --release --example strips -- --data HANDWRITING --count 200 --seed 1 --out strips.png
//! ```
//!
//! HANDWRITING is a folder with `.npz` files of pen strokes, in folders of their own; without it our stroke models write. A letter is
//! With `--mnist FOLDER` images of MNIST's training set stand among them. A letter is
//! shown as `a`, another symbol as `?`, a currency as `$`. Prints how many strips a second were drawn.

use image::{GrayImage, Luma};
use shuzi_engine::{
    dataset::{
        Dataset,
        idx::{read_images, read_labels},
        strips::{HANDWRITING_FILES, Hands, LabelledStrip, draw},
    },
    preprocess::strip::STRIP_HEIGHT,
};
use std::{
    collections::HashMap,
    env,
    error::Error,
    fs::{self, File},
    path::Path,
    time::Instant,
};

const SHEET_WIDTH: u32 = 1500;
const LINE: u32 = STRIP_HEIGHT as u32 + 12;
/// A sheet's characters, each 3 by 5 dots, as the labels number them.
const CHARACTERS: [u16; 18] = [
    0o75557, 0o26227, 0o71747, 0o71717, 0o55711, 0o74717, 0o74757, 0o71111, 0o75757, 0o75717, 0o00002,
    0o00024, 0o00700, 0o07070, 0o11244, 0o36263, 0o07577, 0o71202,
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let options: HashMap<&str, &str> =
        arguments.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let number = |name, default| options.get(name).map_or(Ok(default), |text| text.parse::<u64>());
    let (count, seed) = (number("--count", 200)?, number("--seed", 1)?);
    let mut hands =
        options.get("--data").map_or(Ok(Hands::synthetic()), |folder| hands(Path::new(folder)))?;
    if let Some(folder) = options.get("--mnist") {
        hands = hands.with_scans(mnist(Path::new(folder))?);
    }

    let start = Instant::now();
    let strips: Vec<LabelledStrip> = (0..count).map(|index| draw(&hands, seed, index)).collect();
    let seconds = start.elapsed().as_secs_f64();
    let columns: usize = strips.iter().map(|strip| strip.strip.width).sum();
    println!(
        "{} writers, {:.0} strips a second, {} columns on average",
        hands.writers(),
        count as f64 / seconds,
        columns as u64 / count
    );
    sheet(&strips).save(options.get("--out").unwrap_or(&"strips.png"))?;
    Ok(())
}

fn hands(folder: &Path) -> Result<Hands, Box<dyn Error>> {
    let mut files = vec![];
    for name in HANDWRITING_FILES {
        files.push((name, fs::read(folder.join(name))?));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    Ok(Hands::from_files(&files)?)
}

/// MNIST's training set.
fn mnist(folder: &Path) -> Result<Dataset, Box<dyn Error>> {
    let images = read_images(File::open(folder.join("train-images-idx3-ubyte.gz"))?, None)?;
    Ok(Dataset::new(images, read_labels(File::open(folder.join("train-labels-idx1-ubyte.gz"))?, None)?)?)
}

/// The strips side by side.
fn sheet(strips: &[LabelledStrip]) -> GrayImage {
    let mut places = vec![];
    let (mut left, mut top) = (0, 0);
    for strip in strips {
        let width = strip.strip.width as u32;
        if left + width > SHEET_WIDTH {
            (left, top) = (0, top + LINE);
        }
        places.push((left, top));
        left += width + 6;
    }
    let mut sheet = GrayImage::from_pixel(SHEET_WIDTH, top + LINE, Luma([60]));
    for (LabelledStrip { strip, labels }, (left, top)) in strips.iter().zip(places) {
        for (i, &byte) in strip.pixels.iter().enumerate() {
            let (x, y) = ((i % strip.width) as u32, (i / strip.width) as u32);
            sheet.put_pixel(left + x, top + y, Luma([255 - byte]));
        }
        for (place, &label) in labels.iter().enumerate() {
            for dot in (0..15).filter(|dot| CHARACTERS[usize::from(label)] >> (14 - dot) & 1 == 1) {
                let (x, y) = (left + place as u32 * 4 + dot % 3, top + STRIP_HEIGHT as u32 + 2 + dot / 3);
                if x < SHEET_WIDTH {
                    sheet.put_pixel(x, y, Luma([255]));
                }
            }
        }
    }
    sheet
}
