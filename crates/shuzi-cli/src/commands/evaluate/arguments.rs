//! What is asked for on the command line of `shuzi evaluate`, and what every kind of evaluation does with it: find the images, write
//! predictions and report.

use crate::{
    data::{
        data_source::DataSource,
        part::Part,
        pictures::LimitArguments,
        sources::{self, Found},
        user_data::UserDataArguments,
    },
    files, machine,
    pixels::PixelsArgument,
    run::folder::next_run_folder,
};
use clap::Arg;
use rust_i18n::t;
use shuzi_engine::{Processor, classes::Classes, dataset::Dataset, evaluation::Evaluation};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

#[derive(clap::Args)]
#[command(mut_args(needs_pictures))]
pub struct Evaluate {
    #[arg(value_name = "MODEL")]
    pub models: Vec<PathBuf>,
    #[arg(long, value_name = "DIR|FILE.csv|mnist|synthetic[:N]", default_value = "auto")]
    pub data: DataSource,
    #[command(flatten)]
    pub user_data: UserDataArguments,
    #[arg(long, conflicts_with_all = ["labels", "training"])]
    pub all: bool,
    #[arg(long, conflicts_with = "labels")]
    pub training: bool,
    #[arg(long, value_name = "FILE.csv")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub pixels: PixelsArgument,
    #[command(flatten)]
    pub limits: LimitArguments,
    #[arg(long, conflicts_with = "labels")]
    pub robustness: bool,
    #[arg(long, conflicts_with_all = ["labels", "robustness"])]
    pub ensemble: bool,
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[arg(long, value_name = "N", value_parser = machine::threads)]
    pub threads: Option<std::num::NonZeroUsize>,
    #[arg(long, value_name = "URL")]
    pub mirror: Vec<String>,
    #[arg(long)]
    pub png: bool,
    #[arg(long)]
    pub json: bool,
    #[arg(long, short)]
    pub quiet: bool,
}

/// How large pictures may be matters only where there are pictures.
fn needs_pictures(argument: Arg) -> Arg {
    if argument.get_id().as_str().starts_with("max_") { argument.requires("labels") } else { argument }
}

/// What models are evaluated on, and with what.
pub struct Test {
    pub found: Found,
    pub images: Dataset,
    pub processor: Processor,
}

impl Evaluate {
    /// Which of the images are read.
    pub fn part(&self) -> Part {
        match (self.training, self.all) {
            (true, _) => Part::Training,
            (_, true) => Part::All,
            _ => Part::Test,
        }
    }

    /// What is read, for the facts of the report.
    pub fn describe(&self, found: &Found) -> String {
        match self.part() {
            Part::Training => t!("evaluate.training-set", data = found.describe()).into(),
            Part::Test | Part::All => found.describe(),
        }
    }

    /// What to evaluate models of these classes on.
    pub fn test(&self, classes: &Classes) -> anyhow::Result<Test> {
        let processor = machine::processor(self.threads)?;
        let found = sources::find(&self.data, &self.user_data, &self.mirror, self.quiet)?;
        let images = found.read(self.part())?.relabelled(classes)?;
        Ok(Test { found, images, processor })
    }

    /// Writes the table of what one model says, or an ensemble, where it is wanted.
    pub fn write_predictions(&self, evaluation: &Evaluation, out: &mut impl Write) -> anyhow::Result<()> {
        let Some(path) = &self.predictions else { return Ok(()) };
        let table = predictions(evaluation);
        if self.table_on_stdout() {
            out.write_all(table.as_bytes())?;
        } else {
            files::write_atomically(path, table.as_bytes())?;
        }
        Ok(())
    }

    /// Whether standard output holds a table, and so nothing else.
    pub fn table_on_stdout(&self) -> bool {
        self.predictions.as_deref() == Some(Path::new("-"))
    }

    /// Writes the files of a report, and prints where they are.
    pub fn write(&self, report: Vec<(String, Vec<u8>)>) -> anyhow::Result<PathBuf> {
        let folder = match &self.out {
            Some(folder) => folder.clone(),
            None => next_run_folder("evaluate")?,
        };
        files::ensure_writable_folder(&folder)?;
        for (name, bytes) in report {
            files::write_atomically(&folder.join(name), &bytes)?;
        }
        Ok(folder)
    }
}

/// One line for each image: `index,label,prediction,p0,…,p9`; label and prediction are the classes' places, from 0.
fn predictions(evaluation: &Evaluation) -> String {
    use std::fmt::Write as _;
    let mut table = String::from("index,label,prediction");
    (0..evaluation.classes().count())
        .for_each(|class| write!(table, ",p{class}").expect("a string takes everything"));
    table.push('\n');
    for index in 0..evaluation.count() {
        let (label, prediction) = (evaluation.label(index), evaluation.prediction(index));
        write!(table, "{index},{label},{prediction}").expect("a string takes everything");
        for probability in evaluation.probabilities(index) {
            write!(table, ",{probability}").expect("a string takes everything");
        }
        table.push('\n');
    }
    table
}
