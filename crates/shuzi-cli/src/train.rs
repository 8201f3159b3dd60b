//! `shuzi train`: from labelled digits to a model, with a report of how it went.

use crate::{
    Ending, UsageError, explain,
    files::{self, DataSource},
    machine, models,
    progress::TrainingProgress,
    recipes,
    report::{Curves, EpochPoint, FactGroup, Report, StepPoint, render, summary},
    sources::{self, Part},
};
use anyhow::Context;
use rust_i18n::t;
use serde::Serialize;
use serde_json::json;
use shuzi::{
    Processor,
    dataset::Dataset,
    evaluation::evaluate,
    model::{Model, Record, TestResult, batch_order, initial_weights},
    network::{LayerKind, Network},
    recipe::{BatchSize, LastBatch, Recipe, RecipeError, TrainingRecipe},
    training::{self, Event, Examples, Order, Outcome, initial_network},
};
use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

/// A file of starting weights or of an order may have at most so many bytes.
const MAX_INPUT_BYTES: u64 = 1 << 30;

#[derive(clap::Args)]
pub struct Train {
    #[arg(long, value_name = "NAME|FILE", default_value = "classic")]
    recipe: String,
    #[arg(long, value_name = "DIR|mnist|synthetic[:N]", default_value = "auto")]
    data: DataSource,
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    hidden: Option<Vec<usize>>,
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    #[arg(long, value_name = "N|all")]
    batch_size: Option<BatchSize>,
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f32>,
    #[arg(long, value_name = "N")]
    validation: Option<usize>,
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
    #[arg(long, value_name = "FILE")]
    initial_weights: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    batch_order: Option<PathBuf>,
    #[arg(long, value_name = "N", default_value = "100")]
    log_every: std::num::NonZeroUsize,
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    #[arg(long)]
    png: bool,
    #[arg(long)]
    json: bool,
    #[arg(long, short)]
    quiet: bool,
}

/// Seconds that the parts of a run took.
#[derive(Clone, Copy, Default)]
struct Timing {
    load: f64,
    train: f64,
    evaluate: f64,
}

impl Train {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<Ending> {
        let recipe = self.chosen_recipe()?;
        let processor = machine::processor(self.threads)?;
        let clock = Instant::now();
        let found = sources::find(&self.data, &self.mirror, self.quiet)?;
        let training_set = found.training_set(self.examples_at_once(&recipe.training))?;
        check_sizes(&recipe, training_set.len())?;
        let split = training_set.split(recipe.training.validation, recipe.training.seed);
        let mut timing = Timing { load: clock.elapsed().as_secs_f64(), ..Timing::default() };

        let mut network = match &self.initial_weights {
            None => initial_network(&recipe),
            Some(path) => initial_weights(&files::read(path, MAX_INPUT_BYTES)?, &recipe.architecture()?)
                .with_context(|| t!("train.initial-weights", path = path.display()).into_owned())?,
        };
        let order = self.order(&recipe, training_set.len())?;
        let examples = training_set.examples(&split, &order);
        let folder = match &self.out {
            Some(folder) => folder.clone(),
            None => files::next_run_folder(&recipe.name)?,
        };
        files::ensure_writable_folder(&folder)?;
        self.say(&t!(
            "train.begin",
            recipe = recipe.name,
            parameters = network.parameters().len(),
            examples = examples.count(),
            data = found.describe(),
            threads = processor.threads
        ));

        let clock = Instant::now();
        let mut log = RunLog::create(&folder, &recipe, examples.count(), self.log_every.get(), self.quiet)?;
        let ended = log.train(&recipe, &mut network, examples, split.validation.as_ref(), processor);
        timing.train = clock.elapsed().as_secs_f64();
        let metrics_written = log.finish();
        drop(training_set);

        let clock = Instant::now();
        let test_set = found.read(Part::Test)?;
        timing.load += clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let evaluation = evaluate(&network, &test_set, processor);
        timing.evaluate = clock.elapsed().as_secs_f64();

        let test = TestResult { count: evaluation.count(), correct: evaluation.correct() };
        let held_out = split.validation.as_ref();
        let temperature =
            held_out.and_then(|held_out| evaluate(&network, held_out, processor).best_temperature());
        let record = Record {
            recipe: Some(recipe.clone()),
            trained_on: Some(found.record()),
            test: Some(test),
            temperature,
        };
        let model = Model { network, record };
        let mut curves = log.curves;
        (curves.test_accuracy, curves.test_loss) = (Some(evaluation.accuracy()), Some(evaluation.loss()));
        let sha256 = model.weights_sha256();
        let [load, train, read] = [timing.load, timing.train, timing.evaluate].map(seconds);
        let times = t!("train.timing", load = load, train = train, evaluate = read);
        let report = Report {
            title: t!("train.title", recipe = recipe.name).into(),
            facts: facts(&model, &found.describe(), &times, processor),
            recipe_toml: &recipe.to_toml(),
            evaluation: &evaluation,
            images: &test_set,
            temperature,
            curves: Some(&curves),
        };
        let model_path = folder.join(models::FILE_NAME);
        files::write_atomically(&model_path, &model.to_safetensors())?;
        files::write_atomically(&folder.join("recipe.toml"), recipe.to_toml().as_bytes())?;
        for (name, bytes) in render(&report, self.png) {
            files::write_atomically(&folder.join(name), &bytes)?;
        }
        metrics_written?;

        if let Err(diverged) = ended {
            let kept = t!("train.diverged-kept", path = model_path.display()).into_owned();
            return Err(anyhow::Error::new(diverged).context(kept));
        }
        if self.json {
            let interrupted = ended == Ok(Outcome::Stopped);
            let interval = evaluation.interval();
            let object = json!({
                "run": folder, "model": model_path, "recipe": recipe.name, "seed": recipe.training.seed,
                "data": found.record(), "parameters": model.network.parameters().len(),
                "weights_sha256": sha256, "test_count": test.count, "test_correct": test.correct,
                "test_accuracy": evaluation.accuracy(), "test_interval": [interval.low, interval.high],
                "test_loss": evaluation.loss(),
                "test_calibration_error": evaluation.expected_calibration_error(), "temperature": temperature,
                "load_seconds": timing.load, "train_seconds": timing.train,
                "evaluate_seconds": timing.evaluate, "threads": processor.threads, "interrupted": interrupted,
            });
            writeln!(out, "{object}")?;
        } else {
            write!(out, "{}", summary(&evaluation, temperature))?;
            writeln!(out, "{}", t!("train.weights", sha256 = sha256))?;
            writeln!(out, "{times}")?;
            writeln!(out, "{}", t!("train.files", folder = folder.display()))?;
            let (shuzi, model) = (machine::invocation(), model_path.display());
            let next = if recipe.name == "classic" {
                t!("train.next-classic", shuzi = shuzi, model = model)
            } else {
                t!("train.next", shuzi = shuzi, model = model)
            };
            writeln!(out, "{next}")?;
        }
        if ended == Ok(Outcome::Stopped) {
            self.say(&t!("train.interrupted"));
            return Ok(Ending::Interrupted);
        }
        Ok(Ending::Done)
    }

    /// The recipe with the options that override its values.
    fn chosen_recipe(&self) -> anyhow::Result<Recipe> {
        let mut recipe = recipes::read(&self.recipe)?;
        if let Some(hidden) = &self.hidden {
            let is_simple = |layer: &LayerKind| matches!(layer, LayerKind::Linear(_) | LayerKind::Relu);
            if !recipe.network.layers.iter().all(is_simple) {
                return Err(UsageError(t!("train.hidden-misfit", recipe = recipe.name).into()).into());
            }
            let hidden = hidden.iter().flat_map(|&width| [LayerKind::Linear(width), LayerKind::Relu]);
            recipe.network.layers = hidden.chain([LayerKind::Linear(10)]).collect();
        }
        let training = &mut recipe.training;
        training.epochs = self.epochs.unwrap_or(training.epochs);
        training.batch_size = self.batch_size.unwrap_or(training.batch_size);
        training.learning_rate = self.learning_rate.unwrap_or(training.learning_rate);
        training.validation = self.validation.unwrap_or(training.validation);
        training.seed = self.seed.unwrap_or(training.seed);
        recipe.check().map_err(|error: RecipeError| UsageError(explain::recipe(&error)))?;
        Ok(recipe)
    }

    /// How many examples must be there at the same time: any of them if their order is given.
    fn examples_at_once(&self, recipe: &TrainingRecipe) -> usize {
        if self.batch_order.is_some() {
            usize::MAX
        } else {
            recipe.batch_size.of(usize::MAX).max(recipe.validation)
        }
    }

    /// The order of the examples: shuffled, or as a file says, which must fit recipe and data.
    fn order(&self, recipe: &Recipe, examples: usize) -> anyhow::Result<Order> {
        let Some(path) = &self.batch_order else { return Ok(Order::Shuffled) };
        let order = batch_order(&files::read(path, MAX_INPUT_BYTES)?)
            .with_context(|| t!("train.batch-order", path = path.display()).into_owned())?;
        let refuse = |reason: String| {
            Err(UsageError(t!("train.order-misfit", path = path.display(), reason = reason).into()).into())
        };
        if order.len() < recipe.training.epochs {
            let reason = t!("train.order-epochs", found = order.len(), expected = recipe.training.epochs);
            return refuse(reason.into());
        }
        let (found, batch_size) = (order[0].len(), recipe.training.batch_size.of(examples));
        if recipe.training.last_batch == LastBatch::Drop && found < batch_size {
            return refuse(t!("train.order-batch", found = found, expected = batch_size).into());
        }
        if let Some(index) = order.iter().flatten().find(|&&index| index as usize >= examples) {
            return refuse(t!("train.order-index", index = index, examples = examples).into());
        }
        if recipe.training.validation > 0 {
            return refuse(t!("train.order-validation").into());
        }
        Ok(Order::Given(order))
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{line}"); // worth no failure
        }
    }
}

/// Refuses a recipe that this data set is too small for.
fn check_sizes(recipe: &Recipe, examples: usize) -> anyhow::Result<()> {
    let validation = recipe.training.validation;
    if validation >= examples {
        let message = t!("train.validation-too-large", validation = validation, examples = examples);
        return Err(UsageError(message.into()).into());
    }
    let left = examples - validation;
    let batch_size = recipe.training.batch_size.of(left);
    if batch_size > left {
        return Err(
            UsageError(t!("train.batch-too-large", batch = batch_size, examples = left).into()).into()
        );
    }
    Ok(())
}

/// What a report says of a model and its run besides the numbers.
pub fn facts(model: &Model, data: &str, times: &str, processor: Processor) -> Vec<FactGroup> {
    let layers = models::layers(model.network.architecture());
    let parameters = t!("fact.parameters", count = model.network.parameters().len());
    let mut network = vec![(t!("fact.layers"), format!("{layers} ({parameters})"))];
    if let Some(recipe) = &model.record.recipe {
        network.push((t!("fact.recipe"), recipe.name.clone()));
        network.push((t!("fact.seed"), recipe.training.seed.to_string()));
    }
    if let Some(temperature) = model.record.temperature {
        network.push((t!("fact.temperature"), temperature.to_string()));
    }
    network.push((t!("fact.weights"), model.weights_sha256()));
    let mut groups = vec![fact_group(t!("fact.network"), network)];
    groups.extend(run_facts(data, times, processor));
    groups
}

/// What a report says of a run, whatever was run.
pub fn run_facts(data: &str, times: &str, processor: Processor) -> [FactGroup; 2] {
    let run = vec![(t!("fact.data"), data.to_string()), (t!("fact.time"), times.to_string())];
    let machine = vec![
        (t!("fact.processor"), machine::describe()),
        (t!("fact.threads"), format!("{}, {}", processor.threads, processor.level)),
        (t!("fact.version"), format!("shuzi {}", env!("CARGO_PKG_VERSION"))),
    ];
    [fact_group(t!("fact.run"), run), fact_group(t!("fact.machine"), machine)]
}

fn fact_group(heading: Cow<'static, str>, facts: Vec<(Cow<'static, str>, String)>) -> FactGroup {
    let facts = facts.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
    FactGroup { heading: heading.into_owned(), facts }
}

pub fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}

/// A line of `metrics.jsonl` for a step; its words are kept stable for programs.
#[derive(Serialize)]
struct StepLine {
    epoch: usize,
    /// From 0 within the epoch.
    iteration: usize,
    loss: f32,
    batch_accuracy: f32,
    learning_rate: f32,
    examples_per_second: f64,
}

/// A line of `metrics.jsonl` for an epoch.
#[derive(Serialize)]
struct EpochLine {
    epoch: usize,
    mean_loss: f32,
    mean_batch_accuracy: f32,
    validation_accuracy: Option<f64>,
    validation_loss: Option<f64>,
}

/// What is written down of a training while it runs: `metrics.jsonl`, the curves, the screen.
struct RunLog {
    metrics: BufWriter<File>,
    metrics_path: PathBuf,
    /// The first failure to write a line; the training stops at it.
    failure: Option<io::Error>,
    log_every: usize,
    curves: Curves,
    /// So many steps make one point of a curve, so that a long training does not fill the memory.
    steps_per_point: u64,
    /// Steps, losses and accuracies gathered for the next point.
    gathered: (u64, f32, f32),
    steps: u64,
    progress: TrainingProgress,
}

impl RunLog {
    fn create(
        folder: &Path,
        recipe: &Recipe,
        examples: usize,
        log_every: usize,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        const MAX_POINTS: u64 = 10_000;
        let epochs = recipe.training.epochs;
        let steps = (training::steps_per_epoch(&recipe.training, examples) * epochs) as u64;
        let metrics_path = folder.join("metrics.jsonl");
        Ok(RunLog {
            metrics: BufWriter::new(files::create(&metrics_path)?),
            metrics_path,
            failure: None,
            log_every,
            curves: Curves::default(),
            steps_per_point: steps.div_ceil(MAX_POINTS).max(1),
            gathered: (0, 0.0, 0.0),
            steps: 0,
            progress: TrainingProgress::new(steps, epochs, quiet),
        })
    }

    /// Trains, until the end or Ctrl-C, and writes down what happens.
    fn train(
        &mut self,
        recipe: &Recipe,
        network: &mut Network,
        examples: Examples<'_>,
        validation: Option<&Dataset>,
        processor: Processor,
    ) -> Result<Outcome, training::Diverged> {
        let stop = stop_on_interrupt();
        let result = training::train(&recipe.training, network, examples, validation, processor, |event| {
            let written = match event {
                Event::Step(step) => self.step(&step),
                Event::Epoch(epoch) => self.epoch(&epoch),
            };
            if let Err(error) = written {
                self.failure = Some(error);
                return ControlFlow::Break(());
            }
            if stop.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.progress.finish();
        result
    }

    fn step(&mut self, step: &training::StepReport) -> io::Result<()> {
        self.progress.step(step);
        let (count, loss, accuracy) = &mut self.gathered;
        (*count, *loss, *accuracy) = (*count + 1, *loss + step.loss, *accuracy + step.batch_accuracy);
        if *count == self.steps_per_point {
            let n = *count as f32;
            let point = StepPoint {
                iteration: self.steps,
                epoch: step.epoch,
                loss: *loss / n,
                batch_accuracy: *accuracy / n,
                learning_rate: step.learning_rate,
            };
            self.curves.steps.push(point);
            self.gathered = (0, 0.0, 0.0);
        }
        self.steps += 1;
        if !step.iteration.is_multiple_of(self.log_every) {
            return Ok(());
        }
        self.write_line(&StepLine {
            epoch: step.epoch,
            iteration: step.iteration,
            loss: step.loss,
            batch_accuracy: step.batch_accuracy,
            learning_rate: step.learning_rate,
            examples_per_second: self.progress.examples_per_second().round(),
        })
    }

    fn epoch(&mut self, epoch: &training::EpochReport<'_>) -> io::Result<()> {
        self.progress.epoch(epoch);
        let validation = epoch.validation.map(|evaluation| (evaluation.accuracy(), evaluation.loss()));
        self.curves.epochs.push(EpochPoint {
            iteration: self.steps,
            mean_loss: epoch.mean_loss,
            mean_batch_accuracy: epoch.mean_batch_accuracy,
            validation,
        });
        self.write_line(&EpochLine {
            epoch: epoch.epoch,
            mean_loss: epoch.mean_loss,
            mean_batch_accuracy: epoch.mean_batch_accuracy,
            validation_accuracy: validation.map(|(accuracy, _)| accuracy),
            validation_loss: validation.map(|(_, loss)| loss),
        })?;
        self.metrics.flush() // so that others can follow the file
    }

    fn write_line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.metrics, line)?;
        writeln!(self.metrics)
    }

    /// Writes what is still to be written.
    fn finish(&mut self) -> anyhow::Result<()> {
        let written = match self.failure.take() {
            Some(error) => Err(error),
            None => self.metrics.flush(),
        };
        written.with_context(|| t!("files.writing", path = self.metrics_path.display()).into_owned())
    }
}

/// A flag that Ctrl-C raises. A second Ctrl-C ends the program at once.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let handler = move || {
        if raised.swap(true, Relaxed) {
            std::process::exit(130);
        }
    };
    // Without the handler Ctrl-C ends the program as usual, which is no reason not to train.
    let _ = ctrlc::set_handler(handler);
    stop
}
