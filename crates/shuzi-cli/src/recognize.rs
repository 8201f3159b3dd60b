//! `shuzi recognize`: which digits are written in pictures, or none.

use crate::{
    UsageError, files, machine, models,
    pictures::{self, Found, LimitArguments},
    pixels::PixelsArgument,
    report::{self, Explained, percent},
};
use rust_i18n::t;
use serde_json::json;
use shuzi::recognition::{Options, Reader, Reading, Wording};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

#[derive(clap::Args)]
pub struct Recognize {
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    #[arg(long, value_name = "MODEL", default_value = models::FOR_PICTURES)]
    model: PathBuf,
    #[arg(long, conflicts_with = "lines")]
    single: bool,
    #[arg(long)]
    lines: bool,
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    min_confidence: f32,
    #[arg(long, value_name = "FILE.png")]
    annotate: Option<PathBuf>,
    #[arg(long, value_name = "FILE.html")]
    explain: Option<PathBuf>,
    #[command(flatten)]
    pixels: PixelsArgument,
    #[command(flatten)]
    limits: LimitArguments,
    #[arg(long, value_name = "N", value_parser = machine::threads)]
    threads: Option<std::num::NonZeroUsize>,
    #[arg(long)]
    json: bool,
    #[arg(long, short)]
    quiet: bool,
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err(t!("recognize.probability", found = text).into()),
    }
}

impl Recognize {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let paths = self.paths()?;
        for (option, file) in [("--annotate", &self.annotate), ("--explain", &self.explain)] {
            if file.is_some() && paths.len() != 1 {
                let message = t!("recognize.one-picture", option = option, count = paths.len());
                return Err(UsageError(message.into()).into());
            }
        }
        let processor = machine::processor(self.threads)?;
        let model = self.pixels.read(&self.model)?.model;
        let reader = Reader::new(&model, processor.level);
        let options = Options { single: self.single, ..Options::default() };
        let read = |path: &PathBuf| self.limits.read(path, &reader, options);
        let tell = |path: &PathBuf, found| self.tell(path, &found, out);
        let failures = pictures::read_each(&paths, processor.threads, self.quiet, read, tell)?;
        pictures::all_read(failures, paths.len())
    }

    /// The pictures that are asked for; a folder stands for those in it.
    fn paths(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut paths = vec![];
        for path in &self.images {
            if path.is_dir() {
                let inside = files::pictures_in(path)?;
                if inside.is_empty() {
                    return Err(UsageError(t!("recognize.empty-folder", path = path.display()).into()).into());
                }
                paths.extend(inside);
            } else {
                paths.push(path.clone());
            }
        }
        Ok(paths)
    }

    /// Says what is in a picture.
    fn tell(&self, path: &Path, found: &Found, out: &mut impl Write) -> anyhow::Result<()> {
        let Found { picture, reading } = found;
        if let Some(target) = &self.annotate {
            files::write_atomically(target, &report::annotate(picture, reading))?;
        }
        if let Some(target) = &self.explain {
            let (name, text) = (path.display().to_string(), self.text(reading));
            let page = report::explain(&Explained { name, picture, reading, text });
            files::write_atomically(target, page.as_bytes())?;
        }
        if self.json {
            let mut object = reading.to_json(self.wording());
            object["file"] = json!(path);
            writeln!(out, "{object}")?;
            return Ok(());
        }
        let accepted = reading.digits.iter().filter(|digit| !digit.rejected);
        let sure: Vec<String> = accepted.map(|digit| percent(f64::from(digit.confidence()), 1)).collect();
        let path = path.display();
        let line = if sure.is_empty() {
            t!("recognize.none", path = path)
        } else {
            t!(
                "recognize.line",
                path = path,
                text = self.text(reading).replace('\n', " / "),
                sure = sure.join(", ")
            )
        };
        writeln!(out, "{line}")?;
        Ok(())
    }

    fn text(&self, reading: &Reading) -> String {
        reading.text(self.wording())
    }

    fn wording(&self) -> Wording {
        Wording { min_confidence: self.min_confidence, lines: self.lines }
    }
}
