//! What pixels weights were trained on, where their file does not say it: numbers from 0 to 255, or from 0 to 1.
//!
//! Files of other programs (`.npz`, `.npy`, safetensors) hold weights only. Read with the wrong scale a network still gives answers,
//! but its probabilities are worth nothing; labelled images show it.

use crate::{
    ending::UsageError,
    models::{self, Found},
};
use clap::ValueEnum;
use rust_i18n::t;
use shuzi_engine::{
    Processor,
    dataset::Dataset,
    evaluation::{Evaluation, evaluate},
    model::Model,
    preprocess::PixelScale,
};
use shuzi_report::nats;
use std::{
    io::{self, Write},
    path::Path,
};

#[derive(clap::Args)]
pub struct PixelsArgument {
    #[arg(long, value_name = "unit|raw")]
    pixels: Option<Pixels>,
}

/// As recipes call them.
#[derive(Clone, Copy, ValueEnum)]
enum Pixels {
    Unit,
    Raw,
}

impl PixelsArgument {
    /// Reads the model that `name` means. Refuses to say of a model what its pixels are that says it itself.
    pub fn read(&self, name: &Path) -> anyhow::Result<Found> {
        self.read_all(std::slice::from_ref(&name)).map(|mut found| found.remove(0))
    }

    /// Reads several models; what is said of the pixels holds for those that do not say it themselves.
    pub fn read_all<P: AsRef<Path>>(&self, names: &[P]) -> anyhow::Result<Vec<Found>> {
        let mut all: Vec<Found> =
            names.iter().map(|name| models::read(name.as_ref())).collect::<Result<_, _>>()?;
        let Some(pixels) = self.pixels else { return Ok(all) };
        let mut unsaid: Vec<_> = all.iter_mut().filter(|found| found.model.record.recipe.is_none()).collect();
        if unsaid.is_empty() {
            let said = names[0].as_ref().display();
            return Err(UsageError(t!("pixels.said", model = said).into()).into());
        }
        let scale = match pixels {
            Pixels::Unit => PixelScale::Unit,
            Pixels::Raw => PixelScale::Raw,
        };
        for Found { model, .. } in &mut unsaid {
            model.network = model.network.clone().with_pixel_scale(scale);
        }
        Ok(all)
    }
}

/// Warns where a model that does not say what its pixels are gives labelled images a loss that the other scale halves, or that is worse
/// than that of equal probabilities for all classes.
pub fn check(name: &Path, model: &Model, evaluation: &Evaluation, images: &Dataset, processor: Processor) {
    if model.record.recipe.is_some() {
        return;
    }
    let (scale, word) = match model.network.architecture().pixel_scale() {
        PixelScale::Raw => (PixelScale::Unit, "unit"),
        PixelScale::Unit => (PixelScale::Raw, "raw"),
    };
    let loss = evaluation.loss();
    let other = evaluate(&model.network.clone().with_pixel_scale(scale), images, processor).loss();
    let guessing = (evaluation.classes().count() as f64).ln();
    let (name, shown) = (name.display(), nats(loss));
    let warning = if 2.0 * other < loss {
        t!("pixels.other", model = name, loss = shown, pixels = word, other = nats(other))
    } else if loss > guessing {
        t!(
            "pixels.absurd",
            model = name,
            loss = shown,
            guessing = nats(guessing),
            pixels = word,
            other = nats(other)
        )
    } else {
        return;
    };
    let _ = writeln!(io::stderr(), "{warning}"); // nobody is left to tell
}
