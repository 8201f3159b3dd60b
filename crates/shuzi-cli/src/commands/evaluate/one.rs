//! `shuzi evaluate MODEL`: how often one model is right, and where it is wrong.

use super::{
    arguments::{Evaluate, Test},
    quality::add_quality,
};
use crate::{
    commands::facts::{facts, seconds},
    pixels,
    run::progress::PictureProgress,
};
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    evaluation::{
        Evaluation, evaluate,
        robustness::{Condition, Corruption, Robustness, Sweep, measure},
    },
    image::DigitImage,
    kernels::Level,
    model::Model,
};
use shuzi_report::{Corrupted, Digits, Report, render, robustness, summary};
use std::{io::Write, path::Path, time::Instant};

/// The table of suspected label errors, beside the report.
const LABEL_ERRORS: &str = "label-errors.csv";

/// Where the chance in corrupted images comes from: always the same, so that figures compare.
const CORRUPTION_SEED: u64 = 0;

pub fn evaluate_one(asked: &Evaluate, name: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let model = asked.pixels.read(name)?.model;
    let test = asked.test(&model.classes)?;
    let clock = Instant::now();
    let evaluation = evaluate(&model.network, &test.images, test.processor);
    let elapsed = clock.elapsed().as_secs_f64();

    pixels::check(name, &model, &evaluation, &test.images, test.processor);
    asked.write_predictions(&evaluation, out)?;
    let robustness = asked.robustness.then(|| {
        let progress = PictureProgress::new(Condition::all().len(), asked.quiet);
        measure(&model.network, &test.images, CORRUPTION_SEED, test.processor, || progress.step())
    });
    let measured = Measured { name, model, test, evaluation, seconds: elapsed, robustness };
    let folder = asked.write(measured.report(asked))?;
    match () {
        () if asked.table_on_stdout() => {}
        () if asked.json => writeln!(out, "{}", measured.to_json(asked, &folder))?,
        () => measured.print(asked, &folder, out)?,
    }
    Ok(())
}

/// A model and what was measured of it.
struct Measured<'a> {
    name: &'a Path,
    model: Model,
    test: Test,
    evaluation: Evaluation,
    /// What the evaluation took.
    seconds: f64,
    robustness: Option<Robustness>,
}

impl Measured<'_> {
    fn images_per_second(&self) -> f64 {
        (self.evaluation.count() as f64 / self.seconds).round()
    }

    fn timing(&self) -> String {
        t!("evaluate.timing", seconds = seconds(self.seconds), speed = self.images_per_second()).into()
    }

    /// The files of the report.
    fn report(&self, asked: &Evaluate) -> Vec<(String, Vec<u8>)> {
        let Measured { model, test: Test { found, images, processor }, evaluation, .. } = self;
        let corrupted = self
            .robustness
            .as_ref()
            .map(|measured| Corrupted { measured, examples: examples(&images.image(0), processor.level) });
        let recipe_toml = model.record.recipe.as_ref().map(|recipe| recipe.to_toml()).unwrap_or_default();
        let temperature = model.record.temperature;
        let report = Report {
            title: t!("evaluate.title", model = self.name.display()).into(),
            facts: facts(model, &asked.describe(found), &self.timing(), *processor),
            recipe_toml: &recipe_toml,
            digits: Digits { evaluation, images, temperature, origins: None },
            curves: None,
            robustness: corrupted.as_ref(),
        };
        let mut files = render(&report, asked.png);
        files.push((LABEL_ERRORS.to_owned(), suspected_label_errors(evaluation).into_bytes()));
        files
    }

    fn to_json(&self, asked: &Evaluate, folder: &Path) -> serde_json::Value {
        let mut object = json!({
            "model": self.name, "data": self.test.found.record(), "part": asked.part().name(),
            "evaluate_seconds": self.seconds, "images_per_second": self.images_per_second(), "report": folder,
        });
        add_evaluation(&mut object, &self.model, &self.evaluation);
        if let Some(measured) = &self.robustness {
            object["robustness"] = robustness_object(measured);
        }
        object
    }

    fn print(&self, asked: &Evaluate, folder: &Path, out: &mut impl Write) -> anyhow::Result<()> {
        if asked.training {
            writeln!(out, "{}", t!("evaluate.on-training-set"))?;
        }
        write!(out, "{}", summary(&self.evaluation, self.model.record.temperature))?;
        if let Some(measured) = &self.robustness {
            writeln!(out, "\n{}", robustness::summary(measured))?;
        }
        writeln!(out, "{}", self.timing())?;
        let suspected = self.evaluation.suspected_label_errors().len();
        if suspected > 0 {
            let file = folder.join(LABEL_ERRORS);
            writeln!(out, "{}", t!("evaluate.label-errors", count = suspected, file = file.display()))?;
        }
        writeln!(out, "{}", t!("evaluate.files", folder = folder.display()))?;
        Ok(())
    }
}

/// What a model said, for programs.
fn add_evaluation(object: &mut serde_json::Value, model: &Model, evaluation: &Evaluation) {
    let scores = evaluation.class_scores();
    object["weights_sha256"] = model.weights_sha256().into();
    object["count"] = evaluation.count().into();
    object["confusion"] = json!(evaluation.confusion());
    object["precision"] = scores.iter().map(|score| score.precision).collect();
    object["recall"] = scores.iter().map(|score| score.recall).collect();
    object["worst_mistakes"] = json!(evaluation.worst_mistakes());
    object["suspected_label_errors"] = json!(evaluation.suspected_label_errors());
    object["known_wrong_labels"] = known_wrong_labels(evaluation);
    add_quality(object, evaluation, model.record.temperature);
}

/// An image as it is, and under each corruption.
fn examples(image: &DigitImage, level: Level) -> (DigitImage, [DigitImage; Corruption::ALL.len()]) {
    let corrupted = Corruption::ALL.map(|corruption| {
        let mut corrupted = *image;
        Condition::Corruption(corruption).apply(level, &image.0, CORRUPTION_SEED, 0, &mut corrupted.0);
        corrupted
    });
    (*image, corrupted)
}

/// Labels known to be wrong, and the accuracy without them, for programs; nothing where there are none.
fn known_wrong_labels(evaluation: &Evaluation) -> serde_json::Value {
    let wrong = evaluation.known_wrong_labels();
    if wrong.is_empty() {
        return serde_json::Value::Null;
    }
    let others = evaluation.without(wrong);
    let interval = others.interval();
    json!({
        "indices": wrong, "read_as_labelled": evaluation.correct() - others.correct(),
        "accuracy_without": others.accuracy(), "interval_without": [interval.low, interval.high],
    })
}

/// How robust a network is, for programs.
fn robustness_object(measured: &Robustness) -> serde_json::Value {
    let corruptions = Corruption::ALL.iter().zip(measured.corruptions);
    let sweeps = Sweep::ALL.iter().zip(&measured.sweeps);
    json!({
        "seed": CORRUPTION_SEED, "clean_accuracy": measured.clean,
        "mean_corruption_accuracy": measured.mean_corruption_accuracy(),
        "corruptions": corruptions
            .map(|(corruption, accuracy)| (corruption.name().to_owned(), accuracy.into()))
            .collect::<serde_json::Map<_, _>>(),
        "sweeps": sweeps
            .map(|(sweep, points)| (sweep.name().to_owned(), json!(points)))
            .collect::<serde_json::Map<_, _>>(),
    })
}

/// One line for each suspected label error, the least probable first: `index,label,prediction,label_probability,prediction_probability`.
fn suspected_label_errors(evaluation: &Evaluation) -> String {
    use std::fmt::Write as _;
    let mut table = String::from("index,label,prediction,label_probability,prediction_probability\n");
    for index in evaluation.suspected_label_errors() {
        let (label, prediction) = (evaluation.label(index), evaluation.prediction(index));
        let [of_label, of_prediction] =
            [label, prediction].map(|class| evaluation.probabilities(index)[usize::from(class)]);
        writeln!(table, "{index},{label},{prediction},{of_label},{of_prediction}")
            .expect("a string takes everything");
    }
    table
}
