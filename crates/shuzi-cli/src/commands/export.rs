//! `shuzi export`: a model as a file that other programs load.

use crate::{
    data::{data_source::DataSource, sources, user_data::UserDataArguments},
    ending::UsageError,
    files, machine, models,
    pixels::PixelsArgument,
};
use anyhow::{Context, bail};
use clap::ValueEnum;
use rust_i18n::t;
use shuzi_engine::{
    dataset::{Part, synthetic},
    evaluation::evaluate,
    model::{InputShape, Model, TestResult},
    network::quantize,
};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Digits by which a network in floating point is quantised.
const SAMPLES: usize = 500;

#[derive(clap::Args)]
pub struct Export {
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[arg(long, value_name = "FORMAT")]
    to: Format,
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pixels: PixelsArgument,
    #[arg(long)]
    channel_axis: bool,
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    #[arg(long, value_name = "DATA")]
    test: Option<DataSource>,
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// C in int8, for small processors.
    C,
    /// shuzi's own in int8.
    Int8,
    /// The tutorial's: a pickled dictionary in a `.npy` file.
    Npy,
    /// The same arrays without pickle.
    Npz,
    /// A graph for other runtimes.
    Onnx,
    /// shuzi's own.
    Safetensors,
}

impl Format {
    /// Whether it is the tutorial's, which knows only the weights of fully connected layers.
    fn is_tutorials(self) -> bool {
        matches!(self, Format::Npy | Format::Npz)
    }

    /// How the names of its files end.
    fn extension(self) -> &'static str {
        match self {
            Format::C => "h",
            Format::Int8 => "int8.safetensors",
            Format::Npy => "npy",
            Format::Npz => "npz",
            Format::Onnx => "onnx",
            Format::Safetensors => "safetensors",
        }
    }

    /// Whether it is quantised.
    fn is_whole(self) -> bool {
        matches!(self, Format::C | Format::Int8)
    }
}

impl Export {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let mut model = self.pixels.read(&self.model)?.model;
        if let Some(temperature) = self.temperature {
            if self.to.is_tutorials() {
                return Err(UsageError(t!("export.no-temperature").into()).into());
            }
            if !(temperature > 0.0 && temperature.is_finite()) {
                let message = t!("export.temperature", found = temperature);
                return Err(UsageError(message.into()).into());
            }
            model.record.temperature = Some(temperature);
        }
        if self.channel_axis && !matches!(self.to, Format::Onnx) {
            return Err(UsageError(t!("export.no-channel-axis").into()).into());
        }
        if self.to.is_tutorials() && !model.network.architecture().is_fully_connected() {
            bail!(t!("export.only-linear", path = self.model.display()).into_owned());
        }
        if self.to.is_whole() && model.network.quantized().is_none() {
            model.record.test = None; // it was another network's
            // How large numbers become is seen on digits that need no download.
            let samples = synthetic::generate(SAMPLES, 0, 1);
            let samples = (0..samples.len()).map(|index| samples.example(index).0);
            model.network = quantize(&model.network, samples)
                .with_context(|| t!("export.not-whole", path = self.model.display()).into_owned())?;
        }
        if let Some(source) = &self.test {
            model.record.test = Some(self.test_result(&model, source)?);
        }
        let path = self.out.unwrap_or_else(|| models::stem(&self.model).with_extension(self.to.extension()));
        let bytes = match self.to {
            Format::C => {
                let name = if path == Path::new("-") { &self.model } else { &path };
                let name = models::stem(name);
                model.to_c(&name.to_string_lossy()).expect("it is quantised").into_bytes()
            }
            Format::Int8 | Format::Safetensors => model.to_safetensors(),
            Format::Npy => model.to_npy(),
            Format::Npz => model.to_npz(),
            Format::Onnx => model.to_onnx(if self.channel_axis { InputShape::Nchw } else { InputShape::Nhw }),
        };
        if path == Path::new("-") {
            return Ok(out.write_all(&bytes)?);
        }
        files::write_atomically(&path, &bytes)?;
        if !self.quiet {
            writeln!(io::stderr(), "{}", t!("export.done", path = path.display(), bytes = bytes.len()))?;
        }
        Ok(())
    }

    /// How many images of a test set a model reads right.
    fn test_result(&self, model: &Model, source: &DataSource) -> anyhow::Result<TestResult> {
        let mut found = sources::find(source, &UserDataArguments::default(), &[], self.quiet)?;
        found.relabel(&model.classes)?;
        let images = found.read(Part::Test)?;
        let evaluation = evaluate(&model.network, &images, machine::processor(None)?);
        Ok(TestResult { correct: evaluation.correct(), count: evaluation.count() })
    }
}
