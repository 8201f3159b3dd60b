//! `shuzi evaluate`: how often a model is right on labelled images, and where it is wrong.

use crate::{
    files::{self, DataSource},
    machine, models,
    report::{Report, render, summary},
    sources::{self, Part},
    train::{facts, seconds},
};
use rust_i18n::t;
use serde_json::json;
use shuzi::evaluation::{Evaluation, evaluate};
use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

#[derive(clap::Args)]
pub struct Evaluate {
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[arg(long, value_name = "DIR|mnist|synthetic[:N]", default_value = "auto")]
    data: DataSource,
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    #[arg(long)]
    png: bool,
    #[arg(long)]
    json: bool,
    #[arg(long, short)]
    quiet: bool,
}

impl Evaluate {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let model = models::read(&self.model)?;
        let processor = machine::processor(self.threads)?;
        let found = sources::find(&self.data, &self.mirror, self.quiet)?;
        let test_set = found.read(Part::Test)?;
        let clock = Instant::now();
        let evaluation = evaluate(&model.network, &test_set, processor);
        let elapsed = clock.elapsed().as_secs_f64();
        let images_per_second = (evaluation.count() as f64 / elapsed).round();

        if let Some(path) = &self.predictions {
            let table = predictions(&evaluation);
            if path == Path::new("-") {
                out.write_all(table.as_bytes())?;
            } else {
                files::write_atomically(path, table.as_bytes())?;
            }
        }
        let folder = match &self.out {
            Some(folder) => folder.clone(),
            None => files::next_run_folder("evaluate")?,
        };
        files::ensure_writable_folder(&folder)?;
        let times = t!("evaluate.timing", seconds = seconds(elapsed), speed = images_per_second);
        let recipe_toml = model.record.recipe.as_ref().map(|recipe| recipe.to_toml()).unwrap_or_default();
        let report = Report {
            title: t!("evaluate.title", model = self.model.display()).into(),
            facts: facts(&model, &found.describe(), &times, processor),
            recipe_toml: &recipe_toml,
            evaluation: &evaluation,
            images: &test_set,
            curves: None,
        };
        for (name, bytes) in render(&report, self.png) {
            files::write_atomically(&folder.join(name), &bytes)?;
        }

        if self.predictions.as_deref() == Some(Path::new("-")) {
            return Ok(()); // standard output holds the table alone
        }
        if self.json {
            let interval = evaluation.interval();
            let scores = evaluation.digit_scores();
            let object = json!({
                "model": self.model, "weights_sha256": model.weights_sha256(), "data": found.record(),
                "count": evaluation.count(), "correct": evaluation.correct(), "accuracy": evaluation.accuracy(),
                "interval": [interval.low, interval.high], "loss": evaluation.loss(),
                "confusion": evaluation.confusion(),
                "precision": scores.map(|score| score.precision), "recall": scores.map(|score| score.recall),
                "worst_mistakes": evaluation.worst_mistakes(),
                "evaluate_seconds": elapsed, "images_per_second": images_per_second, "report": folder,
            });
            writeln!(out, "{object}")?;
        } else {
            write!(out, "{}", summary(&evaluation))?;
            writeln!(out, "{times}")?;
            writeln!(out, "{}", t!("evaluate.files", folder = folder.display()))?;
        }
        Ok(())
    }
}

/// One line for each image: `index,label,prediction,p0,…,p9`.
fn predictions(evaluation: &Evaluation) -> String {
    use std::fmt::Write as _;
    let mut table = String::from("index,label,prediction,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9\n");
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
