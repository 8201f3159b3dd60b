//! `shuzi recognize`: which digits are written in pictures, or none.
//!
//! Every picture that is asked for is answered, in order, by what was read or by why it was not; one that fails stops no other,
//! and makes the exit code 1, as does one of which only a part was there.

mod answer;
mod target;

use crate::{
    data::pictures::{self, Found, LimitArguments, PictureError},
    files, machine, models,
    pixels::PixelsArgument,
};
use answer::{Answer, Answers, Form};
use anyhow::bail;
use rust_i18n::t;
use shuzi_engine::recognition::{Options, Reader, Wording};
use shuzi_report::Explained;
use std::{io::Write, path::PathBuf};

#[derive(clap::Args)]
pub struct Recognize {
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    #[arg(long, value_name = "MODEL", default_value = models::FOR_PICTURES)]
    model: PathBuf,
    #[arg(long, conflicts_with = "lines")]
    single: bool,
    #[arg(long, conflicts_with = "lines")]
    join: bool,
    /// What is done anyway, and was once asked for.
    #[arg(long, hide = true)]
    lines: bool,
    #[arg(long, value_name = "P", value_parser = probability, default_value = "0")]
    min_confidence: f32,
    #[arg(long, value_name = "FILE.png|FOLDER/")]
    annotate: Option<PathBuf>,
    #[arg(long, value_name = "FILE.html|FOLDER/")]
    explain: Option<PathBuf>,
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    pixels: PixelsArgument,
    #[command(flatten)]
    limits: LimitArguments,
    #[arg(long, value_name = "N", value_parser = machine::threads)]
    threads: Option<std::num::NonZeroUsize>,
    #[arg(long)]
    json: bool,
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[arg(long, short, conflicts_with_all = ["json", "csv"])]
    verbose: bool,
    #[arg(long, short)]
    quiet: bool,
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err(t!("recognize.probability", found = text).into()),
    }
}

/// One that is asked for, and the files that are to be written of it.
struct Job {
    path: PathBuf,
    annotated: Option<PathBuf>,
    explained: Option<PathBuf>,
}

impl Recognize {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let Inputs { paths, skipped } = Inputs::find(&self.images);
        let jobs = self.jobs(paths)?;
        let processor = machine::processor(self.threads)?;
        let model = self.pixels.read(&self.model)?.model;
        let reader = models::reader(&self.model, &model, processor.level);
        let mut answers = Answers::new(self.form(), self.wording(), out)?;
        let read = |job: &Job| self.read(job, &reader);
        let answer = |job: &Job, read: anyhow::Result<Answer>| {
            let is_named = self.images.contains(&job.path);
            answers.add(&job.path, is_named, read)
        };
        pictures::read_all(&jobs, processor.threads, self.quiet, read, answer)?;
        answers.report_skipped(&skipped)?;
        pictures::all_read(answers.failures, jobs.len())?;
        match (answers.cut_short, jobs.len()) {
            (0, _) => Ok(()),
            (1, 1) => bail!(t!("recognize.one-in-part").into_owned()),
            (cut, count) => bail!(t!("recognize.in-part", cut = cut, count = count).into_owned()),
        }
    }

    /// What to do with each of `paths`; wrong wishes are refused before any work.
    fn jobs(&self, paths: Vec<PathBuf>) -> anyhow::Result<Vec<Job>> {
        let is_one = self.images.len() == 1 && paths == self.images;
        let targets = |option, wish: &Option<PathBuf>, ending| match wish {
            Some(wish) => {
                let targets = target::for_pictures(option, wish, ending, &paths, is_one)?;
                Ok(targets.into_iter().map(Some).collect())
            }
            None => anyhow::Ok(vec![None; paths.len()]),
        };
        let annotated = targets("--annotate", &self.annotate, "png")?;
        let explained = targets("--explain", &self.explain, "html")?;
        let targets = annotated.into_iter().zip(explained);
        let jobs = paths.into_iter().zip(targets);
        Ok(jobs.map(|(path, (annotated, explained))| Job { path, annotated, explained }).collect())
    }

    /// Reads a picture, and writes what was asked for of it.
    fn read(&self, job: &Job, reader: &Reader) -> anyhow::Result<Answer> {
        if job.path.is_dir() {
            files::files_below(&job.path)?;
            let message = t!("recognize.empty-folder", path = job.path.display());
            return Err(PictureError::new("no_pictures", message).into());
        }
        let options = Options { single: self.single, ..Options::default() };
        let read = if self.partial { LimitArguments::read_partial } else { LimitArguments::read };
        let Found { picture, mut reading, is_cut_short } = read(&self.limits, &job.path, reader, options)?;
        if let Some(target) = &job.annotated {
            pictures::write(target, &shuzi_report::annotate(&picture, &reading))?;
        }
        if let Some(target) = &job.explained {
            let (name, text) = (job.path.display().to_string(), reading.text(self.wording()));
            let page = shuzi_report::explain(&Explained { name, picture: &picture, reading: &reading, text });
            pictures::write(target, page.as_bytes())?;
        }
        reading.ink = None; // as large as the picture, and others may wait long for their turn
        Ok(Answer { reading, is_cut_short })
    }

    fn form(&self) -> Form {
        match self {
            Recognize { json: true, .. } => Form::Json,
            Recognize { csv: true, .. } => Form::Csv,
            _ => Form::Words { all_confidences: self.verbose },
        }
    }

    fn wording(&self) -> Wording {
        Wording { min_confidence: self.min_confidence, lines: !self.join }
    }
}

/// What was asked for, with the pictures in folders.
struct Inputs {
    paths: Vec<PathBuf>,
    /// Files in the folders whose names do not end as a picture's.
    skipped: Vec<PathBuf>,
}

impl Inputs {
    /// A folder stands for the pictures in it; one that has none, or cannot be read, for itself.
    fn find(images: &[PathBuf]) -> Self {
        let mut inputs = Inputs { paths: vec![], skipped: vec![] };
        for image in images {
            let inside = if image.is_dir() { files::files_below(image).unwrap_or_default() } else { vec![] };
            let (pictures, others): (Vec<_>, Vec<_>) =
                inside.into_iter().partition(|file| pictures::is_picture(file));
            inputs.skipped.extend(others);
            if pictures.is_empty() {
                inputs.paths.push(image.clone());
            } else {
                inputs.paths.extend(pictures);
            }
        }
        inputs
    }
}
