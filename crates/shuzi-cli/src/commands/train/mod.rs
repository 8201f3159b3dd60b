//! `shuzi train`: from labelled digits to a model, with a report of how it went.

use crate::{
    Ending, UsageError,
    checkpoints::{self, Checkpoints},
    commands::ProgramCommand,
    explain,
    files::{self, DataSource},
    machine,
    metrics::{self, EpochLine, Line, Metrics, StepLine},
    models,
    own::{self, OwnArguments},
    progress::TrainingProgress,
    recipes,
    report::{Curves, Digits, EpochPoint, FactGroup, Report, StepPoint, grouped, percent, render, summary},
    sources::{self, Found, Part},
    tuning::{self, Gain, Known},
};
use anyhow::{Context, bail};
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    Processor,
    classes::Classes,
    dataset::Dataset,
    evaluation::{Evaluation, evaluate},
    model::{Model, Record, TestResult, batch_order, initial_weights},
    network::{LayerKind, Network, Storage},
    recipe::{BatchSize, Distillation, LastBatch, Recipe, RecipeError, TrainingRecipe},
    training::{
        self, Checkpoint, CheckpointError, Event, Order, Outcome, Task, TrainingData, initial_network,
    },
};
use std::{
    borrow::Cow,
    io::{self, Write},
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
    #[arg(long, value_name = "NAME|FILE")]
    recipe: Option<String>,
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["resume", "initial_weights", "hidden"])]
    from: Option<PathBuf>,
    #[arg(long, value_name = "DIR|FILE.csv|mnist|synthetic[:N]", default_value = "auto")]
    data: DataSource,
    #[command(flatten)]
    own: OwnArguments,
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
    #[arg(long, value_name = "N", value_parser = machine::threads)]
    threads: Option<std::num::NonZeroUsize>,
    #[arg(long, value_name = "FILE")]
    initial_weights: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    batch_order: Option<PathBuf>,
    #[arg(long, value_name = "N", default_value = "100")]
    log_every: std::num::NonZeroUsize,
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "initial_weights"])]
    resume: Option<PathBuf>,
    #[arg(long, value_name = "STEPS")]
    checkpoint_every: Option<std::num::NonZeroU64>,
    #[arg(long, value_name = "N", default_value = "3")]
    keep_checkpoints: usize,
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    #[arg(long)]
    png: bool,
    #[arg(long)]
    json: bool,
    #[arg(long, short)]
    quiet: bool,
}

/// How to train, and the models that the recipe asks for.
struct Chosen {
    recipe: Recipe,
    teacher: Option<Model>,
    /// What the training goes on from.
    base: Option<Model>,
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
        // Before anything is said of what lies there: another training may still be at it.
        let existing = self.resume.as_deref().or(self.out.as_deref().filter(|folder| folder.is_dir()));
        let lock = existing.map(files::lock_folder).transpose()?;
        let resumed = match &self.resume {
            None => None,
            Some(run) => match checkpoints::newest(run)? {
                Some(resumed) => Some(resumed),
                None if metrics::is_finished(run) => return self.is_finished(run, out),
                None => bail!(t!("checkpoint.none", folder = run.display()).into_owned()),
            },
        };
        let resumed = resumed.as_ref().map(|(path, checkpoint)| (path.as_path(), checkpoint));
        let Chosen { recipe, teacher, base } = self.chosen_recipe(resumed)?;
        let teacher_classes = teacher.as_ref().map(|teacher| teacher.classes.clone());
        let teacher = teacher.map(|teacher| teacher.network);
        let processor = machine::processor(self.threads)?;
        if let Some(folder) = &self.out {
            checkpoints::refuse_unfinished(folder, &self.resume_command(folder))?;
        }
        let clock = Instant::now();
        let source = self.data_source(resumed)?;
        let mut found = sources::find(&source, &self.own, &self.mirror, self.quiet)?;
        let knows_classes =
            base.as_ref().map(|base| found.relabel(&base.classes)).transpose()?.unwrap_or(true);
        let classes = found.classes();
        let mut training_set = found.training_set(self.examples_at_once(&recipe.training))?;
        let recipe = self.adapted(recipe, &found, training_set.len(), knows_classes)?;
        let recipe = fitted(recipe, &classes, teacher_classes, resumed)?;
        tuning::check_layers(base.as_ref(), &recipe)?;
        check_validation(&recipe, training_set.len())?;
        if let Found::Own(own) = &found {
            own.check_test()?;
        }
        if let (Found::Own(own), None) = (&found, &base) {
            own.check_training(recipe.training.batch_size.of(1), recipe.training.validation)?;
        }
        let known = Known::find(&recipe, &found, knows_classes)?;
        let (trained_on, data) = match &known {
            None => (found.record(), found.describe()),
            Some(known) => (known.join_record(found.record()), known.join_words(found.describe())),
        };
        let mut split = training_set.split(recipe.training.validation, recipe.training.seed);
        if let (Some(fine_tuning), Some(known)) = (&recipe.training.fine_tuning, &known) {
            training_set.rehearse(&mut split, fine_tuning, known.examples(fine_tuning)?.as_ref());
        }
        training_set.add(&mut split, recipe.training.additions);
        let mut timing = Timing { load: clock.elapsed().as_secs_f64(), ..Timing::default() };

        let mut network = match (&self.initial_weights, resumed) {
            (_, Some((_, checkpoint))) => checkpoint.network().clone(),
            (None, None) => match &base {
                Some(base) => tuning::network(base, &recipe, &classes),
                None => initial_network(&recipe),
            },
            (Some(path), None) => {
                initial_weights(&files::read(path, MAX_INPUT_BYTES)?, &recipe.architecture()?)
                    .with_context(|| t!("train.initial-weights", path = path.display()).into_owned())?
            }
        };
        let order = self.order(&recipe, training_set.len())?;
        let examples = training_set.examples(&split, &order);
        check_batch_size(&recipe, examples.count())?;
        if let Some((path, checkpoint)) = resumed {
            checkpoint.check_data(&trained_on, examples).map_err(|error| misfit(path, error))?;
        }
        let count = examples.count();
        let folder = match self.out.as_ref().or(self.resume.as_ref()) {
            Some(folder) => folder.clone(),
            None => files::next_run_folder(&recipe.name)?,
        };
        files::ensure_writable_folder(&folder)?;
        let _lock = lock.map_or_else(|| files::lock_folder(&folder), Ok)?;
        self.print_status(&t!(
            "train.begin",
            recipe = recipe.name,
            parameters = grouped(network.parameters().len()),
            examples = grouped(examples.count()),
            data = data,
            threads = machine::threads_in_words(processor.threads)
        ));
        if let Some(base) = base.as_ref().filter(|_| !knows_classes) {
            self.print_status(&tuning::new_classes(base, &recipe, &classes));
        }
        if let Some((path, checkpoint)) = resumed {
            let (steps, epoch) = (checkpoint.steps(), checkpoint.epochs() + 1);
            self.print_status(&t!("checkpoint.going-on", path = path.display(), step = steps, epoch = epoch));
        }

        let clock = Instant::now();
        let resumed = resumed.map(|(_, checkpoint)| checkpoint);
        let first_step = resumed.map(Checkpoint::steps);
        let every = self.checkpoint_every.map(u64::from);
        let mut checkpoints = Checkpoints::new(&folder, self.keep_checkpoints, every, resumed);
        let training = Training {
            recipe: &recipe,
            trained_on: trained_on.clone(),
            lessons: TrainingData { examples, teacher: teacher.as_ref() },
            validation: split.validation.as_ref(),
            processor,
        };
        let mut log = RunLog::new(&folder, &training, resumed, self.log_every.get(), self.quiet)?;
        let ended = log.train(&training, resumed.cloned(), &mut network, &mut checkpoints);
        timing.train = clock.elapsed().as_secs_f64();
        drop(training_set);
        if recipe.training.storage == Storage::I8 && network.quantized().is_none() {
            let _ = writeln!(io::stderr(), "{}", t!("train.not-whole")); // nobody is left to tell
        }

        let clock = Instant::now();
        let test_set = found.read(Part::Test)?;
        timing.load += clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let evaluation = evaluate(&network, &test_set, processor);
        timing.evaluate = clock.elapsed().as_secs_f64();

        let test = TestResult { count: evaluation.count(), correct: evaluation.correct() };
        let held_out = split.validation.as_ref();
        let comparable = base.as_ref().filter(|_| knows_classes);
        let temperature = match held_out {
            Some(held_out) => evaluate(&network, held_out, processor).best_temperature(),
            None => comparable.and_then(|base| base.record.temperature),
        };
        let gain = comparable.map(|base| {
            Gain::measure(base, &network, &recipe, &test_set, &evaluation, known.as_ref(), processor)
        });
        let gain = gain.transpose()?;
        let record = Record {
            recipe: Some(recipe.clone()),
            trained_on: Some(trained_on.clone()),
            test: Some(test),
            temperature,
        };
        let model = Model { network, classes, record };
        let mut curves = std::mem::take(&mut log.curves);
        (curves.test_accuracy, curves.test_loss) = (Some(evaluation.accuracy()), Some(evaluation.loss()));
        let sha256 = model.weights_sha256();
        let [load, train, read] = [timing.load, timing.train, timing.evaluate].map(seconds);
        let times = match first_step {
            None => t!("train.timing", load = load, train = train, evaluate = read),
            Some(step) => {
                t!("train.timing-resumed", load = load, step = step, train = train, evaluate = read)
            }
        };
        let mut facts = facts(&model, &data, &times, processor);
        facts.extend(gain.as_ref().map(Gain::facts));
        let report = Report {
            title: t!("train.title", recipe = recipe.name).into(),
            facts,
            recipe_toml: &recipe.to_toml(),
            digits: Digits { evaluation: &evaluation, images: &test_set, temperature, origins: None },
            curves: Some(&curves),
            robustness: None,
        };
        let model_path = folder.join(models::FILE_NAME);
        let file = model.to_safetensors();
        files::write_atomically(&model_path, &file)
            .inspect_err(|_| self.print_status(&checkpoints.how_to_resume(&self.resume_command(&folder))))?;
        let metrics_written = log.finish(ended.as_ref().ok().copied());
        files::write_atomically(&folder.join("recipe.toml"), recipe.to_toml().as_bytes())?;
        for (name, bytes) in render(&report, self.png) {
            files::write_atomically(&folder.join(name), &bytes)?;
        }
        if let Some(complaint) = checkpoints.complaint() {
            let _ = writeln!(io::stderr(), "{complaint}"); // nobody is left to tell
        }
        metrics_written?;
        if matches!(ended, Ok(Outcome::Finished | Outcome::StoppedEarly)) {
            checkpoints.remove();
        }

        if let Err(diverged) = ended {
            let kept = t!("train.diverged-kept", path = model_path.display()).into_owned();
            return Err(anyhow::Error::new(diverged).context(kept));
        }
        if evaluation.is_no_better_than_guessing() {
            let show = ProgramCommand::new("data show").with_data(&source, &self.own, &found);
            let _ = writeln!(io::stderr(), "{}", no_better_than_guessing(&evaluation, &show)); // nobody is left to tell
        }
        if self.json {
            let interrupted = ended == Ok(Outcome::Stopped);
            let interval = evaluation.interval();
            let object = json!({
                "run": folder, "model": model_path, "recipe": recipe.name, "seed": recipe.training.seed,
                "data": trained_on, "gain": gain.as_ref().map(Gain::to_json), "parameters": model.network.parameters().len(),
                "multiplications": model.network.architecture().multiplications(), "model_bytes": file.len(),
                "weights_sha256": sha256, "test_count": test.count, "test_correct": test.correct,
                "test_accuracy": evaluation.accuracy(), "test_interval": [interval.low, interval.high],
                "test_loss": evaluation.loss(), "guessing_accuracy": evaluation.majority_share(),
                "test_calibration_error": evaluation.expected_calibration_error(), "temperature": temperature,
                "load_seconds": timing.load, "train_seconds": timing.train,
                "evaluate_seconds": timing.evaluate, "threads": processor.threads, "interrupted": interrupted,
                "resumed_at_step": first_step, "checkpoints_failed": checkpoints.failures,
            });
            writeln!(out, "{object}")?;
        } else {
            write!(out, "{}", summary(&evaluation, temperature))?;
            if let Some(gain) = &gain {
                write!(out, "{}", gain.words())?;
            }
            writeln!(out, "{}", t!("train.weights", sha256 = sha256))?;
            writeln!(out, "{times}")?;
            writeln!(out, "{}", t!("train.files", folder = folder.display()))?;
            writeln!(out, "{}", t!("train.next"))?;
            for step in self.next_steps(&model_path, &recipe, &source, &found, count)? {
                writeln!(out, "  {step}")?;
            }
        }
        if ended == Ok(Outcome::Stopped) {
            self.print_status(&t!("train.interrupted"));
            self.print_status(&checkpoints.how_to_resume(&self.resume_command(&folder)));
            return Ok(Ending::Interrupted);
        }
        Ok(Ending::Done)
    }

    /// What is said of a run that needs no resuming.
    fn is_finished(&self, run: &Path, out: &mut impl Write) -> anyhow::Result<Ending> {
        let model = run.join(models::FILE_NAME);
        if self.json {
            writeln!(out, "{}", json!({ "run": run, "model": model, "finished": true }))?;
        } else {
            writeln!(out, "{}", t!("checkpoint.finished", folder = run.display(), model = model.display()))?;
        }
        Ok(Ending::Done)
    }

    /// The command that goes on with the training in `run`. Data and an order of examples that lie in files are named
    /// again: a checkpoint does not know their place.
    fn resume_command(&self, run: &Path) -> String {
        let mut command = ProgramCommand::new("train --resume").with_path(run);
        if let DataSource::Folder(data) = &self.data {
            command = command.with_own_data(data, &self.own);
        }
        if let Some(order) = &self.batch_order {
            command = command.with("--batch-order").with_path(order);
        }
        command.to_string()
    }

    /// What can be done with the model next: for what, and the command.
    fn next_steps(
        &self,
        model: &Path,
        recipe: &Recipe,
        source: &DataSource,
        found: &Found,
        examples: usize,
    ) -> anyhow::Result<Vec<String>> {
        let with_data = |command: ProgramCommand| command.with_data(source, &self.own, found);
        let evaluate = with_data(ProgramCommand::new("evaluate").with_path(model));
        let mut steps = vec![t!("next.evaluate", command = evaluate).into_owned()];
        let picture = match found {
            Found::Own(own) => own.held_out_picture(),
            _ => None,
        };
        if let Some(picture) = picture {
            let recognize =
                ProgramCommand::new("recognize --single --model").with_path(model).with_path(picture);
            steps.push(t!("next.recognize", command = recognize).into_owned());
        } else if recipe.architecture()?.is_fully_connected() {
            let export = ProgramCommand::new("export").with_path(model).with("--to").with("npz");
            steps.push(t!("next.export", command = export).into_owned());
        }
        if recipe.name == "classic" && !found.is_users() {
            let better = recipes::read("mlp")?;
            if better.training.batch_size.of(examples) > examples {
                return Ok(steps);
            }
            let train = with_data(ProgramCommand::new("train --recipe").with(&better.name));
            steps.push(t!("next.train", command = train).into_owned());
        } else if found.classes().are_digits() && !recipe.architecture()?.is_fully_connected() {
            let compare = with_data(ProgramCommand::new("evaluate default").with_path(model));
            steps.push(t!("next.compare", command = compare).into_owned());
        }
        Ok(steps)
    }

    /// The recipe where the user has named none, now that the data are known: their size tells how one's own are learned, and
    /// classes that a model does not know how it is fine-tuned.
    fn adapted(
        &self,
        recipe: Recipe,
        found: &Found,
        examples: usize,
        knows_classes: bool,
    ) -> anyhow::Result<Recipe> {
        if self.recipe.is_some() || self.resume.is_some() {
            return Ok(recipe);
        }
        if !knows_classes {
            return self.overridden(recipe.with_new_classes());
        }
        let asks_for_classic =
            self.hidden.is_some() || self.initial_weights.is_some() || self.batch_order.is_some();
        if self.from.is_some() || asks_for_classic || !found.is_users() {
            return Ok(recipe);
        }
        let examples = examples.saturating_sub(self.validation.unwrap_or(0)).max(1);
        let recipe = self.overridden(Recipe::for_examples(examples))?;
        self.print_status(&t!(
            "train.chosen",
            recipe = recipe.name,
            examples = grouped(examples),
            epochs = recipe.training.epochs,
            batch = recipe.training.batch_size.of(examples)
        ));
        Ok(recipe)
    }

    /// Where the digits come from: as the user says, else as the checkpoint does.
    fn data_source(&self, resumed: Option<(&Path, &Checkpoint)>) -> anyhow::Result<DataSource> {
        let (DataSource::Auto, Some((_, checkpoint))) = (&self.data, resumed) else {
            return Ok(self.data.clone());
        };
        let trained_on = &checkpoint.task().trained_on;
        if own::is_own(trained_on) {
            return Err(UsageError(t!("own.name-again", data = trained_on).into()).into());
        }
        Ok(sources::of_record(trained_on).unwrap_or(DataSource::Auto))
    }

    /// The recipe with the options that override its values, and the models that it asks for.
    fn chosen_recipe(&self, resumed: Option<(&Path, &Checkpoint)>) -> anyhow::Result<Chosen> {
        let named = self.recipe.as_deref().map(recipes::read).transpose()?;
        let recipe = match (named, &self.from, resumed) {
            (named, Some(from), _) => tuning::recipe(from, named)?,
            (None, None, Some((_, checkpoint))) => checkpoint.task().recipe.clone(),
            (None, None, None) => recipes::read("classic")?,
            (Some(named), None, _) => named,
        };
        let mut recipe = self.overridden(recipe)?;
        let teacher = recipe.training.distillation.as_mut().map(teacher).transpose()?;
        let base = tuning::base(&mut recipe)?;
        Ok(Chosen { recipe, teacher, base })
    }

    /// A recipe with the values that options give.
    fn overridden(&self, mut recipe: Recipe) -> anyhow::Result<Recipe> {
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

    /// How many examples must be there at the same time: any of them if their order is given, or others are added.
    fn examples_at_once(&self, recipe: &TrainingRecipe) -> usize {
        if self.batch_order.is_some() || recipe.additions.is_some() || recipe.fine_tuning.is_some() {
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

    fn print_status(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{line}"); // worth no failure
        }
    }
}

/// Reads a recipe's teacher.
fn teacher(distillation: &mut Distillation) -> anyhow::Result<Model> {
    let Distillation { teacher: name, teacher_sha256, .. } = distillation;
    let other = |found: &str, expected: &str| {
        t!("train.other-teacher", model = name, found = found, expected = expected).into()
    };
    models::read_pinned(name, teacher_sha256, || t!("train.teacher", model = name).into(), other)
}

/// The recipe for data of these classes, which its teacher must know too; to go on, it must be that of the checkpoint.
fn fitted(
    recipe: Recipe,
    classes: &Classes,
    teacher: Option<Classes>,
    resumed: Option<(&Path, &Checkpoint)>,
) -> anyhow::Result<Recipe> {
    let recipe = recipe.for_classes(classes)?;
    if let Some(found) = teacher.filter(|teacher| teacher != classes) {
        bail!(t!("train.teacher-classes", found = found, classes = classes).into_owned());
    }
    let Some((path, checkpoint)) = resumed else { return Ok(recipe) };
    checkpoint.check_recipe(&recipe).map_err(|error| misfit(path, error))?;
    Ok(checkpoint.task().recipe.clone()) // with its name
}

/// The user wants to go on with something else than what the checkpoint is of.
fn misfit(path: &Path, error: CheckpointError) -> UsageError {
    UsageError(t!("checkpoint.misfit", path = path.display(), reason = explain::checkpoint(&error)).into())
}

/// Refuses to hold out more than there is.
fn check_validation(recipe: &Recipe, examples: usize) -> anyhow::Result<()> {
    let validation = recipe.training.validation;
    if validation >= examples {
        let message = t!("train.validation-too-large", validation = validation, examples = examples);
        return Err(UsageError(message.into()).into());
    }
    Ok(())
}

/// Refuses batches that so many training examples do not fill.
fn check_batch_size(recipe: &Recipe, examples: usize) -> anyhow::Result<()> {
    let batch = recipe.training.batch_size.of(examples);
    if batch > examples {
        let message = t!("train.batch-too-large", batch = batch, examples = examples);
        return Err(UsageError(message.into()).into());
    }
    Ok(())
}

/// That a network does no better than chance on held-out images, what to try, and the command to look at them.
fn no_better_than_guessing(evaluation: &Evaluation, show: &ProgramCommand) -> String {
    let interval = evaluation.interval();
    t!(
        "train.guessing",
        correct = grouped(evaluation.correct()),
        count = grouped(evaluation.count()),
        low = percent(interval.low, 2),
        high = percent(interval.high, 2),
        share = percent(evaluation.majority_share(), 2),
        command = show
    )
    .into_owned()
}

/// What a report says of a model and its run besides the numbers.
pub fn facts(model: &Model, data: &str, times: &str, processor: Processor) -> Vec<FactGroup> {
    let layers = models::layers(model.network.architecture());
    let parameters = t!("fact.parameters", count = grouped(model.network.parameters().len()));
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

/// What is trained, and with what.
struct Training<'a> {
    recipe: &'a Recipe,
    trained_on: String,
    lessons: TrainingData<'a>,
    validation: Option<&'a Dataset>,
    processor: Processor,
}

/// What is written down of a training while it runs: `metrics.jsonl`, the curves, the screen.
struct RunLog {
    metrics: Metrics,
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
    /// Of a training that begins, or goes on from a checkpoint.
    fn new(
        folder: &Path,
        training: &Training<'_>,
        from: Option<&Checkpoint>,
        log_every: usize,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        const MAX_POINTS: u64 = 10_000;
        let recipe = &training.recipe.training;
        let per_epoch = training::steps_per_epoch(recipe, training.lessons.examples.count()) as u64;
        let all_steps = per_epoch * recipe.epochs as u64;
        let first = from.map_or(0, Checkpoint::steps);
        let (metrics, curves) = match from {
            None => (Metrics::create(folder)?, Curves::default()),
            Some(checkpoint) => {
                let (metrics, lines) = Metrics::resume(folder, |line| match line {
                    Line::Step(step) => step.epoch as u64 * per_epoch + (step.iteration as u64) < first,
                    Line::Epoch(epoch) => epoch.epoch < checkpoint.epochs(),
                    Line::End(_) => false,
                })?;
                (metrics, curves_of(&lines, per_epoch))
            }
        };
        Ok(RunLog {
            metrics,
            log_every,
            curves,
            steps_per_point: all_steps.div_ceil(MAX_POINTS).max(1),
            gathered: (0, 0.0, 0.0),
            steps: first,
            progress: TrainingProgress::new(first, all_steps, recipe.epochs, quiet),
        })
    }

    /// Trains, until the end or Ctrl-C, and writes down what happens.
    fn train(
        &mut self,
        training: &Training<'_>,
        from: Option<Checkpoint>,
        network: &mut Network,
        checkpoints: &mut Checkpoints,
    ) -> Result<Outcome, training::Diverged> {
        let Training { recipe, ref trained_on, lessons, validation, processor } = *training;
        let task = || Task::new(recipe.clone(), trained_on.clone(), lessons.examples);
        let stop = stop_on_interrupt();
        let observe = |event: Event<'_>| {
            match event {
                Event::Step(step) => self.step(&step),
                Event::Epoch(epoch) => self.epoch(&epoch),
                Event::Pause(pause) => {
                    let stop = stop.load(Relaxed);
                    if stop || checkpoints.is_due(pause) {
                        let warnings = [self.metrics.sync(), checkpoints.write(pause, task)];
                        warnings.iter().flatten().for_each(|warning| self.progress.warn(warning));
                    }
                    if stop {
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        };
        let ended = match from {
            None => training::train(&recipe.training, network, lessons, validation, processor, observe),
            Some(checkpoint) => {
                training::resume(checkpoint, network, lessons, validation, processor, observe)
            }
        };
        self.progress.finish();
        self.write();
        ended
    }

    fn step(&mut self, step: &training::StepReport) {
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
        if step.iteration.is_multiple_of(self.log_every) {
            self.add(&Line::Step(StepLine {
                epoch: step.epoch,
                iteration: step.iteration,
                loss: step.loss,
                batch_accuracy: step.batch_accuracy,
                learning_rate: step.learning_rate,
                examples_per_second: self.progress.examples_per_second().round(),
            }));
        }
    }

    fn epoch(&mut self, epoch: &training::EpochReport<'_>) {
        self.progress.epoch(epoch);
        let validation = epoch.validation.map(|evaluation| (evaluation.accuracy(), evaluation.loss()));
        self.curves.epochs.push(EpochPoint {
            iteration: self.steps,
            mean_loss: epoch.mean_loss,
            mean_batch_accuracy: epoch.mean_batch_accuracy,
            validation,
        });
        self.add(&Line::Epoch(EpochLine {
            epoch: epoch.epoch,
            mean_loss: epoch.mean_loss,
            mean_batch_accuracy: epoch.mean_batch_accuracy,
            validation_accuracy: validation.map(|(accuracy, _)| accuracy),
            validation_loss: validation.map(|(_, loss)| loss),
        }));
        self.write(); // so that others can follow the file
    }

    fn write(&mut self) {
        let warning = self.metrics.write();
        warning.iter().for_each(|warning| self.progress.warn(warning));
    }

    fn add(&mut self, line: &Line) {
        let warning = self.metrics.add(line);
        warning.iter().for_each(|warning| self.progress.warn(warning));
    }

    /// Adds the last line, once there is a model; without an outcome the training diverged.
    fn finish(&mut self, outcome: Option<Outcome>) -> anyhow::Result<()> {
        self.metrics.finish(match outcome {
            Some(Outcome::Finished) => metrics::Ending::Finished,
            Some(Outcome::StoppedEarly) => metrics::Ending::StoppedEarly,
            Some(Outcome::Stopped) => metrics::Ending::Interrupted,
            None => metrics::Ending::Diverged,
        })
    }
}

/// The curves that lines tell of, with a point for each: those of the steps between them are not known.
fn curves_of(lines: &[Line], steps_per_epoch: u64) -> Curves {
    let mut curves = Curves::default();
    for line in lines {
        match line {
            Line::Step(step) => curves.steps.push(StepPoint {
                iteration: step.epoch as u64 * steps_per_epoch + step.iteration as u64,
                epoch: step.epoch,
                loss: step.loss,
                batch_accuracy: step.batch_accuracy,
                learning_rate: step.learning_rate,
            }),
            Line::Epoch(epoch) => curves.epochs.push(EpochPoint {
                iteration: (epoch.epoch as u64 + 1) * steps_per_epoch,
                mean_loss: epoch.mean_loss,
                mean_batch_accuracy: epoch.mean_batch_accuracy,
                validation: epoch.validation_accuracy.zip(epoch.validation_loss),
            }),
            Line::End(_) => {}
        }
    }
    curves
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
