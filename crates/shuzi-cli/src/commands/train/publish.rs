//! What is made of a finished training: the test, the model and its report as files, and what is said of it.

use super::{arguments::Train, log::RunLog, plan::Plan, tuning::Gain};
use crate::{
    commands::facts::{facts, seconds},
    data::{part::Part, sources::Found},
    files, models, recipes,
    run::checkpoints::Checkpoints,
    suggestions::ProgramCommand,
};
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    dataset::Dataset,
    evaluation::{Evaluation, evaluate},
    model::{Model, Record, TestResult},
    network::Network,
    training::Outcome,
};
use shuzi_report::{Curves, Digits, Report, grouped, percent, render, summary};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Instant,
};

/// Seconds that the parts of a run took.
#[derive(Clone, Copy, Default)]
pub struct Timing {
    pub load: f64,
    pub train: f64,
    pub evaluate: f64,
}

impl Timing {
    /// For a report; `first_step` is where a training went on.
    fn words(&self, first_step: Option<u64>) -> String {
        let [load, train, read] = [self.load, self.train, self.evaluate].map(seconds);
        match first_step {
            None => t!("train.timing", load = load, train = train, evaluate = read),
            Some(step) => {
                t!("train.timing-resumed", load = load, step = step, train = train, evaluate = read)
            }
        }
        .into()
    }
}

/// A model, and how well it reads what it was not trained on.
pub struct Tested {
    pub model: Model,
    pub evaluation: Evaluation,
    test_set: Dataset,
    test: TestResult,
    temperature: Option<f64>,
    gain: Option<Gain>,
}

/// Reads the test set, and what is held out, with the network that a training has made.
pub fn test(
    plan: &Plan,
    network: Network,
    held_out: Option<&Dataset>,
    timing: &mut Timing,
) -> anyhow::Result<Tested> {
    let clock = Instant::now();
    let test_set = plan.found.read(Part::Test)?;
    timing.load += clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let evaluation = evaluate(&network, &test_set, plan.processor);
    timing.evaluate = clock.elapsed().as_secs_f64();

    let test = TestResult { count: evaluation.count(), correct: evaluation.correct() };
    let comparable = plan.base.as_ref().filter(|_| plan.knows_classes);
    let temperature = match held_out {
        Some(held_out) => evaluate(&network, held_out, plan.processor).best_temperature(),
        None => comparable.and_then(|base| base.record.temperature),
    };
    let known = plan.known.as_ref();
    let gain = comparable.map(|base| {
        Gain::measure(base, &network, &plan.recipe, &test_set, &evaluation, known, plan.processor)
    });
    let record = Record {
        recipe: Some(plan.recipe.clone()),
        trained_on: Some(plan.trained_on.clone()),
        test: Some(test),
        temperature,
    };
    let model = Model { network, classes: plan.classes.clone(), record };
    Ok(Tested { model, evaluation, test_set, test, temperature, gain: gain.transpose()? })
}

/// How a run went.
pub struct Ran<'a> {
    pub folder: &'a Path,
    pub timing: Timing,
    /// Where it went on, if it did.
    pub first_step: Option<u64>,
    pub interrupted: bool,
    pub checkpoints: &'a Checkpoints,
}

impl Ran<'_> {
    pub fn model_path(&self) -> PathBuf {
        self.folder.join(models::FILE_NAME)
    }
}

impl Tested {
    /// The report's files, by name.
    pub fn report(
        &self,
        plan: &Plan,
        ran: &Ran<'_>,
        mut curves: Curves,
        png: bool,
    ) -> Vec<(String, Vec<u8>)> {
        let evaluation = &self.evaluation;
        (curves.test_accuracy, curves.test_loss) = (Some(evaluation.accuracy()), Some(evaluation.loss()));
        let times = ran.timing.words(ran.first_step);
        let mut facts = facts(&self.model, &plan.data, &times, plan.processor);
        facts.extend(self.gain.as_ref().map(Gain::facts));
        let (images, temperature) = (&self.test_set, self.temperature);
        let report = Report {
            title: t!("train.title", recipe = plan.recipe.name).into(),
            facts,
            recipe_toml: &plan.recipe.to_toml(),
            digits: Digits { evaluation, images, temperature, origins: None },
            curves: Some(&curves),
            robustness: None,
        };
        render(&report, png)
    }

    /// For programs.
    pub fn to_json(&self, plan: &Plan, ran: &Ran<'_>, model_bytes: usize) -> serde_json::Value {
        let Tested { model, evaluation, test, temperature, gain, .. } = self;
        let (Plan { recipe, trained_on, processor, .. }, timing) = (plan, ran.timing);
        let interval = evaluation.interval();
        json!({
            "run": ran.folder, "model": ran.model_path(), "recipe": recipe.name, "seed": recipe.training.seed,
            "data": trained_on, "gain": gain.as_ref().map(Gain::to_json), "parameters": model.network.parameters().len(),
            "multiplications": model.network.architecture().multiplications(), "model_bytes": model_bytes,
            "weights_sha256": model.weights_sha256(), "test_count": test.count, "test_correct": test.correct,
            "test_accuracy": evaluation.accuracy(), "test_interval": [interval.low, interval.high],
            "test_loss": evaluation.loss(), "guessing_accuracy": evaluation.majority_share(),
            "test_calibration_error": evaluation.expected_calibration_error(), "temperature": temperature,
            "load_seconds": timing.load, "train_seconds": timing.train,
            "evaluate_seconds": timing.evaluate, "threads": processor.threads, "interrupted": ran.interrupted,
            "resumed_at_step": ran.first_step, "checkpoints_failed": ran.checkpoints.failures,
        })
    }

    /// For people.
    pub fn write_summary(&self, ran: &Ran<'_>, out: &mut impl Write) -> anyhow::Result<()> {
        write!(out, "{}", summary(&self.evaluation, self.temperature))?;
        if let Some(gain) = &self.gain {
            write!(out, "{}", gain.words())?;
        }
        writeln!(out, "{}", t!("train.weights", sha256 = self.model.weights_sha256()))?;
        writeln!(out, "{}", ran.timing.words(ran.first_step))?;
        writeln!(out, "{}", t!("train.files", folder = ran.folder.display()))?;
        Ok(())
    }
}

impl Train {
    /// What can be done with the model next: for what, and the command.
    pub fn next_steps(&self, model: &Path, plan: &Plan, examples: usize) -> anyhow::Result<Vec<String>> {
        let Plan { recipe, source, found, .. } = plan;
        let with_data = |command: ProgramCommand| command.with_data(source, &self.user_data, found);
        let evaluate = with_data(ProgramCommand::new("evaluate").with_path(model));
        let mut steps = vec![t!("next.evaluate", command = evaluate).into_owned()];
        let picture = match found {
            Found::UserData(user_data) => user_data.held_out_picture(),
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

    /// Says on standard error that a network does no better than chance, if so.
    pub fn warn_of_guessing(&self, tested: &Tested, plan: &Plan) {
        if tested.evaluation.is_no_better_than_guessing() {
            let show = ProgramCommand::new("data show").with_data(&plan.source, &self.user_data, &plan.found);
            let _ = writeln!(io::stderr(), "{}", no_better_than_guessing(&tested.evaluation, &show)); // nobody is left to tell
        }
    }

    /// Writes the files of a run: first the model, whatever else fails.
    pub fn write_files(
        &self,
        tested: &Tested,
        plan: &Plan,
        ran: &Ran<'_>,
        log: &mut RunLog,
        outcome: Option<Outcome>,
    ) -> anyhow::Result<usize> {
        let file = tested.model.to_safetensors();
        files::write_atomically(&ran.model_path(), &file).inspect_err(|_| {
            self.print_status(&ran.checkpoints.how_to_resume(&self.resume_command(ran.folder)))
        })?;
        let metrics_written = log.finish(outcome);
        files::write_atomically(&ran.folder.join("recipe.toml"), plan.recipe.to_toml().as_bytes())?;
        for (name, bytes) in tested.report(plan, ran, std::mem::take(&mut log.curves), self.png) {
            files::write_atomically(&ran.folder.join(name), &bytes)?;
        }
        if let Some(complaint) = ran.checkpoints.complaint() {
            let _ = writeln!(io::stderr(), "{complaint}"); // nobody is left to tell
        }
        metrics_written?;
        if matches!(outcome, Some(Outcome::Finished | Outcome::StoppedEarly)) {
            ran.checkpoints.remove();
        }
        Ok(file.len())
    }
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
