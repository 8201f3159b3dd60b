//! `shuzi train`: from labelled digits to a model, with a report of how it went.
//!
//! First a plan, in which everything that can be refused is refused; then the training; then its publication.

mod arguments;
mod log;
mod plan;
mod publish;
mod tuning;

pub use arguments::Train;

use crate::{
    ending::Ending,
    files, machine, models,
    run::{
        checkpoints::{self, Checkpoints},
        folder::next_run_folder,
        metrics,
    },
};
use anyhow::bail;
use log::{RunLog, Training};
use plan::{Plan, PreparedData, Resumed};
use publish::{Ran, Timing};
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    dataset::Dataset,
    network::{Network, Storage},
    training::{Checkpoint, Diverged, Outcome, TrainingData},
};
use shuzi_report::grouped;
use std::{
    io::{self, Write},
    path::Path,
    time::Instant,
};

/// A training that has ended.
struct Trained {
    network: Network,
    /// The validation set.
    held_out: Option<Dataset>,
    log: RunLog,
    checkpoints: Checkpoints,
    ended: Result<Outcome, Diverged>,
    seconds: f64,
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

        let (plan, mut data) = plan::make(&self, resumed)?;
        let network = plan.first_network(&self, resumed)?;
        plan.put_in_order(&self, &mut data, resumed)?;
        let folder = match self.out.as_ref().or(self.resume.as_ref()) {
            Some(folder) => folder.clone(),
            None => next_run_folder(&plan.recipe.name)?,
        };
        files::ensure_writable_folder(&folder)?;
        let _lock = lock.map_or_else(|| files::lock_folder(&folder), Ok)?;
        let from = resumed.map(|(_, checkpoint)| checkpoint);
        let examples = data.examples().count();
        self.announce(&plan, &network, examples, resumed);

        let trained = self.execute(&plan, data, network, &folder, from)?;
        self.publish(&plan, trained, &folder, examples, from.map(Checkpoint::steps), out)
    }

    /// Trains until the end, until Ctrl-C, or until the loss is no number.
    fn execute(
        &self,
        plan: &Plan,
        mut data: PreparedData,
        mut network: Network,
        folder: &Path,
        from: Option<&Checkpoint>,
    ) -> anyhow::Result<Trained> {
        let clock = Instant::now();
        let every = self.checkpoint_every.map(u64::from);
        let mut checkpoints = Checkpoints::new(folder, self.keep_checkpoints, every, from);
        let training = Training {
            recipe: &plan.recipe,
            trained_on: plan.trained_on.clone(),
            data: TrainingData { examples: data.examples(), teacher: plan.teacher.as_ref() },
            validation: data.validation.as_ref(),
            processor: plan.processor,
        };
        let mut log = RunLog::new(folder, &training, from, self.log_every.get(), self.quiet)?;
        let ended = log.train(&training, from.cloned(), &mut network, &mut checkpoints);
        let seconds = clock.elapsed().as_secs_f64();
        let held_out = data.validation.take(); // the other data go: they may be large
        if plan.recipe.training.storage == Storage::I8 && network.quantized().is_none() {
            let _ = writeln!(io::stderr(), "{}", t!("train.not-whole")); // nobody is left to tell
        }
        Ok(Trained { network, held_out, log, checkpoints, ended, seconds })
    }

    /// Tests the network, writes the files of the run, and says how it went.
    fn publish(
        &self,
        plan: &Plan,
        trained: Trained,
        folder: &Path,
        examples: usize,
        first_step: Option<u64>,
        out: &mut impl Write,
    ) -> anyhow::Result<Ending> {
        let Trained { network, held_out, mut log, checkpoints, ended, seconds } = trained;
        let mut timing = Timing { load: plan.load_seconds, train: seconds, evaluate: 0.0 };
        let tested = publish::test(plan, network, held_out.as_ref(), &mut timing)?;
        let outcome = ended.as_ref().ok().copied();
        let interrupted = outcome == Some(Outcome::Stopped);
        let ran = Ran { folder, timing, first_step, interrupted, checkpoints: &checkpoints };
        let model_bytes = self.write_files(&tested, plan, &ran, &mut log, outcome)?;
        if let Err(diverged) = ended {
            let kept = t!("train.diverged-kept", path = ran.model_path().display()).into_owned();
            return Err(anyhow::Error::new(diverged).context(kept));
        }
        self.warn_of_guessing(&tested, plan);
        if self.json {
            writeln!(out, "{}", tested.to_json(plan, &ran, model_bytes))?;
        } else {
            tested.write_summary(&ran, out)?;
            writeln!(out, "{}", t!("train.next"))?;
            for step in self.next_steps(&ran.model_path(), plan, examples)? {
                writeln!(out, "  {step}")?;
            }
        }
        if interrupted {
            self.print_status(&t!("train.interrupted"));
            self.print_status(&checkpoints.how_to_resume(&self.resume_command(folder)));
            return Ok(Ending::Interrupted);
        }
        Ok(Ending::Done)
    }

    /// Says what begins.
    fn announce(&self, plan: &Plan, network: &Network, examples: usize, resumed: Resumed<'_>) {
        self.print_status(&t!(
            "train.begin",
            recipe = plan.recipe.name,
            parameters = grouped(network.parameters().len()),
            examples = grouped(examples),
            data = plan.data,
            threads = machine::threads_in_words(plan.processor.threads)
        ));
        if let Some(base) = plan.base.as_ref().filter(|_| !plan.knows_classes) {
            self.print_status(&tuning::new_classes(base, &plan.recipe, &plan.classes));
        }
        if let Some((path, checkpoint)) = resumed {
            let (steps, epoch) = (checkpoint.steps(), checkpoint.epochs() + 1);
            self.print_status(&t!("checkpoint.going-on", path = path.display(), step = steps, epoch = epoch));
        }
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
}
