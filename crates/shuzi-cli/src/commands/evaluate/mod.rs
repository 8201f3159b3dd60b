//! `shuzi evaluate`: how often a model is right on labelled images, and where it is wrong; of several
//! models, which reads better.

mod pictures;

use crate::{
    UsageError,
    files::{self, DataSource},
    machine, models,
    own::OwnArguments,
    pictures::LimitArguments,
    pixels::{self, PixelsArgument},
    progress::PictureProgress,
    report::{
        Digits, Report,
        comparison::{self, ComparisonReport, Contender},
        render,
        robustness::{self, Corrupted},
        summary,
    },
    sources::{self, Found, Part},
    train::{facts, run_facts, seconds},
};
use anyhow::bail;
use clap::Arg;
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    Processor,
    classes::Classes,
    dataset::Dataset,
    evaluation::{
        Comparison, Evaluation, evaluate,
        robustness::{Condition, Corruption, Robustness, Sweep, measure},
    },
    image::DigitImage,
    kernels::Level,
};
use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

/// The table of suspected label errors, beside the report.
const LABEL_ERRORS: &str = "label-errors.csv";

/// Where the chance in corrupted images comes from: always the same, so that figures compare.
const CORRUPTION_SEED: u64 = 0;

#[derive(clap::Args)]
#[command(mut_args(needs_pictures))]
pub struct Evaluate {
    #[arg(value_name = "MODEL")]
    models: Vec<PathBuf>,
    #[arg(long, value_name = "DIR|FILE.csv|mnist|synthetic[:N]", default_value = "auto")]
    data: DataSource,
    #[command(flatten)]
    own: OwnArguments,
    #[arg(long, conflicts_with_all = ["labels", "training"])]
    all: bool,
    #[arg(long, conflicts_with = "labels")]
    training: bool,
    #[arg(long, value_name = "FILE.csv")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    pixels: PixelsArgument,
    #[command(flatten)]
    limits: LimitArguments,
    #[arg(long, conflicts_with = "labels")]
    robustness: bool,
    #[arg(long, conflicts_with_all = ["labels", "robustness"])]
    ensemble: bool,
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_name = "N", value_parser = machine::threads)]
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

/// How large pictures may be matters only where there are pictures.
fn needs_pictures(argument: Arg) -> Arg {
    if argument.get_id().as_str().starts_with("max_") { argument.requires("labels") } else { argument }
}

/// What models are evaluated on, and with what.
struct Test {
    found: Found,
    images: Dataset,
    processor: Processor,
}

impl Evaluate {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        if self.json && self.table_on_stdout() {
            return Err(UsageError(t!("evaluate.json-or-table").into()).into());
        }
        if let Some(labels) = &self.labels {
            return self.evaluate_pictures(labels, out);
        }
        match &self.models[..] {
            [] | [_] if self.ensemble => Err(UsageError(t!("evaluate.no-ensemble").into()).into()),
            [] => self.evaluate_one(Path::new("default"), out),
            [name] => self.evaluate_one(name, out),
            names => self.compare(names, out),
        }
    }

    fn evaluate_one(&self, name: &Path, out: &mut impl Write) -> anyhow::Result<()> {
        let model = self.pixels.read(name)?.model;
        let Test { found, images, processor } = self.test(&model.classes)?;
        let clock = Instant::now();
        let evaluation = evaluate(&model.network, &images, processor);
        let elapsed = clock.elapsed().as_secs_f64();
        let images_per_second = (evaluation.count() as f64 / elapsed).round();

        pixels::check(name, &model, &evaluation, &images, processor);
        self.write_predictions(&evaluation, out)?;
        let robustness = self.robustness.then(|| {
            let progress = PictureProgress::new(Condition::all().len(), self.quiet);
            measure(&model.network, &images, CORRUPTION_SEED, processor, || progress.step())
        });
        let corrupted = robustness
            .as_ref()
            .map(|measured| Corrupted { measured, examples: examples(&images.image(0), processor.level) });
        let temperature = model.record.temperature;
        let data = self.describe(&found);
        let times = t!("evaluate.timing", seconds = seconds(elapsed), speed = images_per_second);
        let recipe_toml = model.record.recipe.as_ref().map(|recipe| recipe.to_toml()).unwrap_or_default();
        let report = Report {
            title: t!("evaluate.title", model = name.display()).into(),
            facts: facts(&model, &data, &times, processor),
            recipe_toml: &recipe_toml,
            digits: Digits { evaluation: &evaluation, images: &images, temperature, origins: None },
            curves: None,
            robustness: corrupted.as_ref(),
        };
        let mut report = render(&report, self.png);
        report.push((LABEL_ERRORS.to_owned(), suspected_label_errors(&evaluation).into_bytes()));
        let folder = self.write(report)?;

        if self.table_on_stdout() {
            return Ok(());
        }
        if self.json {
            let scores = evaluation.class_scores();
            let mut object = json!({
                "model": name, "weights_sha256": model.weights_sha256(), "data": found.record(), "part": self.part().name(),
                "count": evaluation.count(), "confusion": evaluation.confusion(),
                "precision": scores.iter().map(|score| score.precision).collect::<Vec<_>>(),
                "recall": scores.iter().map(|score| score.recall).collect::<Vec<_>>(),
                "worst_mistakes": evaluation.worst_mistakes(),
                "suspected_label_errors": evaluation.suspected_label_errors(),
                "known_wrong_labels": known_wrong_labels(&evaluation),
                "evaluate_seconds": elapsed, "images_per_second": images_per_second, "report": folder,
            });
            add_quality(&mut object, &evaluation, temperature);
            if let Some(measured) = &robustness {
                object["robustness"] = robustness_object(measured);
            }
            writeln!(out, "{object}")?;
        } else {
            if self.training {
                writeln!(out, "{}", t!("evaluate.on-training-set"))?;
            }
            write!(out, "{}", summary(&evaluation, temperature))?;
            if let Some(measured) = &robustness {
                writeln!(out, "\n{}", robustness::summary(measured))?;
            }
            writeln!(out, "{times}")?;
            let suspected = evaluation.suspected_label_errors().len();
            if suspected > 0 {
                let file = folder.join(LABEL_ERRORS);
                writeln!(out, "{}", t!("evaluate.label-errors", count = suspected, file = file.display()))?;
            }
            writeln!(out, "{}", t!("evaluate.files", folder = folder.display()))?;
        }
        Ok(())
    }

    /// Several models, each against the first.
    fn compare(&self, names: &[PathBuf], out: &mut impl Write) -> anyhow::Result<()> {
        if let Some(twice) = (1..names.len()).find(|&place| names[..place].contains(&names[place])) {
            return Err(UsageError(t!("evaluate.twice", model = names[twice].display()).into()).into());
        }
        if self.predictions.is_some() && !self.ensemble {
            return Err(UsageError(t!("evaluate.one-table").into()).into());
        }
        if self.robustness {
            return Err(UsageError(t!("evaluate.one-robustness").into()).into());
        }
        // All of them are read before the first is evaluated: a slip of the pen costs no waiting.
        let read = self.pixels.read_all(names)?;
        let classes = &read[0].model.classes;
        if let Some(other) = read.iter().position(|read| read.model.classes != *classes) {
            let (one, other, others) =
                (names[0].display(), names[other].display(), &read[other].model.classes);
            bail!(
                t!("evaluate.other-classes", one = one, classes = classes, other = other, others = others)
                    .into_owned()
            );
        }
        let Test { found, images, processor } = self.test(classes)?;
        let clock = Instant::now();
        let mut evaluations: Vec<Evaluation> =
            read.iter().map(|read| evaluate(&read.model.network, &images, processor)).collect();
        let elapsed = clock.elapsed().as_secs_f64();
        let images_per_second = ((images.len() * names.len()) as f64 / elapsed).round();

        for ((name, read), evaluation) in names.iter().zip(&read).zip(&evaluations) {
            pixels::check(name, &read.model, evaluation, &images, processor);
        }
        let mut contenders: Vec<Contender> = names
            .iter()
            .zip(&read)
            .map(|(name, models::Found { model, bytes })| Contender {
                name: name.display().to_string(),
                layers: models::layers(model.network.architecture()),
                parameters: model.network.parameters().len(),
                bytes: *bytes,
                temperature: model.record.temperature,
                weights_sha256: Some(model.weights_sha256()),
            })
            .collect();
        if self.ensemble {
            let together = Evaluation::ensemble(&evaluations);
            self.write_predictions(&together, out)?;
            evaluations.push(together);
            contenders.push(Contender::ensemble(&contenders));
        }
        let data = self.describe(&found);
        let times = t!("evaluate.timing", seconds = seconds(elapsed), speed = images_per_second);
        let report = ComparisonReport {
            title: t!("evaluate.compare-title", count = names.len()).into(),
            facts: run_facts(&data, &times, processor).into(),
            models: &contenders,
            evaluations: &evaluations,
            images: &images,
        };
        let folder = self.write(comparison::render(&report, self.png))?;

        if self.table_on_stdout() {
            return Ok(());
        }
        if self.json {
            let models: Vec<_> = contenders.iter().zip(&evaluations).map(contender_object).collect();
            let against_first = contenders.iter().zip(&evaluations).skip(1);
            let comparisons: Vec<_> = against_first
                .map(|(contender, evaluation)| {
                    let comparison = Comparison::new(&evaluations[0], evaluation);
                    json!({
                        "model": contender.name, "against": contenders[0].name,
                        "only_model_right": comparison.only_second,
                        "only_against_right": comparison.only_first, "p_value": comparison.p_value(),
                    })
                })
                .collect();
            let object = json!({
                "data": found.record(), "part": self.part().name(), "count": images.len(), "models": models, "comparisons": comparisons,
                "evaluate_seconds": elapsed, "images_per_second": images_per_second, "report": folder,
            });
            writeln!(out, "{object}")?;
        } else {
            let data = found.describe();
            let compared_on = match self.part() {
                Part::Training => t!("evaluate.compared-on-training-set", count = images.len(), data = data),
                Part::Test => t!("evaluate.compared-on", count = images.len(), data = data),
                Part::All => t!("own.compared-on", count = images.len(), data = data),
            };
            writeln!(out, "{compared_on}\n")?;
            write!(out, "{}", comparison::summary(&report))?;
            writeln!(out, "\n{times}")?;
            writeln!(out, "{}", t!("evaluate.files", folder = folder.display()))?;
        }
        Ok(())
    }

    fn part(&self) -> Part {
        match (self.training, self.all) {
            (true, _) => Part::Training,
            (_, true) => Part::All,
            _ => Part::Test,
        }
    }

    /// What is read, for the facts of the report.
    fn describe(&self, found: &Found) -> String {
        match self.part() {
            Part::Training => t!("evaluate.training-set", data = found.describe()).into(),
            Part::Test | Part::All => found.describe(),
        }
    }

    /// What to evaluate models on that tell these classes apart.
    fn test(&self, classes: &Classes) -> anyhow::Result<Test> {
        let processor = machine::processor(self.threads)?;
        let found = sources::find(&self.data, &self.own, &self.mirror, self.quiet)?;
        let images = found.read(self.part())?.relabelled(classes)?;
        Ok(Test { found, images, processor })
    }

    /// Writes the table of what one model says, or an ensemble, where it is wanted.
    fn write_predictions(&self, evaluation: &Evaluation, out: &mut impl Write) -> anyhow::Result<()> {
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
    fn table_on_stdout(&self) -> bool {
        self.predictions.as_deref() == Some(Path::new("-"))
    }

    /// Writes the files of a report, and tells where they are.
    fn write(&self, report: Vec<(String, Vec<u8>)>) -> anyhow::Result<PathBuf> {
        let folder = match &self.out {
            Some(folder) => folder.clone(),
            None => files::next_run_folder("evaluate")?,
        };
        files::ensure_writable_folder(&folder)?;
        for (name, bytes) in report {
            files::write_atomically(&folder.join(name), &bytes)?;
        }
        Ok(folder)
    }
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

/// How much a network bears, for programs.
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

/// A model of a comparison, for programs.
fn contender_object((contender, evaluation): (&Contender, &Evaluation)) -> serde_json::Value {
    let mut object = json!({
        "model": contender.name, "weights_sha256": contender.weights_sha256, "layers": contender.layers,
        "parameters": contender.parameters, "bytes": contender.bytes,
    });
    add_quality(&mut object, evaluation, contender.temperature);
    object
}

/// How well a model reads, for programs: alone or in a comparison the same keys.
///
/// Settings are compared by the loss at the temperature that suits these images best: how underconfident a network is does not
/// count there, and chance moves it less than mistakes.
fn add_quality(object: &mut serde_json::Value, evaluation: &Evaluation, temperature: Option<f64>) {
    let interval = evaluation.interval();
    let tempered = temperature.map(|temperature| evaluation.at_temperature(temperature));
    let best_temperature = evaluation.best_temperature();
    let at_best = best_temperature.map(|temperature| evaluation.at_temperature(temperature));
    object["correct"] = evaluation.correct().into();
    object["accuracy"] = evaluation.accuracy().into();
    object["interval"] = json!([interval.low, interval.high]);
    object["loss"] = evaluation.loss().into();
    object["calibration_error"] = evaluation.expected_calibration_error().into();
    object["temperature"] = temperature.into();
    object["tempered_calibration_error"] =
        tempered.map(|tempered| tempered.expected_calibration_error()).into();
    object["best_temperature"] = best_temperature.into();
    object["loss_at_best_temperature"] = at_best.map(|at_best| at_best.loss()).into();
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
