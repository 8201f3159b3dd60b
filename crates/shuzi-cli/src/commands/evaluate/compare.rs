//! `shuzi evaluate MODEL MODEL …`: which of several models reads best, each against the first.

use super::{
    arguments::{Evaluate, Test},
    quality::add_quality,
};
use crate::{
    commands::facts::{run_facts, seconds},
    data::{part::Part, sources::Found},
    ending::UsageError,
    models, pixels,
};
use anyhow::bail;
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    classes::Classes,
    evaluation::{Comparison, Evaluation, evaluate},
};
use shuzi_report::comparison::{self, ComparisonReport, Contender};
use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

pub fn compare(asked: &Evaluate, names: &[PathBuf], out: &mut impl Write) -> anyhow::Result<()> {
    check(asked, names)?;
    // All of them are read before the first is evaluated: a slip of the pen costs no waiting.
    let read = asked.pixels.read_all(names)?;
    let Test { found, images, processor } = asked.test(common_classes(names, &read)?)?;
    let clock = Instant::now();
    let mut evaluations: Vec<Evaluation> =
        read.iter().map(|read| evaluate(&read.model.network, &images, processor)).collect();
    let elapsed = clock.elapsed().as_secs_f64();
    let images_per_second = ((images.len() * names.len()) as f64 / elapsed).round();

    for ((name, read), evaluation) in names.iter().zip(&read).zip(&evaluations) {
        pixels::check(name, &read.model, evaluation, &images, processor);
    }
    let mut contenders: Vec<_> = names.iter().zip(&read).map(|(name, read)| contender(name, read)).collect();
    if asked.ensemble {
        let together = Evaluation::ensemble(&evaluations);
        asked.write_predictions(&together, out)?;
        evaluations.push(together);
        contenders.push(Contender::ensemble(&contenders));
    }
    let times = t!("evaluate.timing", seconds = seconds(elapsed), speed = images_per_second);
    let report = ComparisonReport {
        title: t!("evaluate.compare-title", count = names.len()).into(),
        facts: run_facts(&asked.describe(&found), &times, processor).into(),
        models: &contenders,
        evaluations: &evaluations,
        images: &images,
    };
    let folder = asked.write(comparison::render(&report, asked.png))?;

    if asked.table_on_stdout() {
        return Ok(());
    }
    if asked.json {
        let object = json!({
            "data": found.record(), "part": asked.part().name(), "count": images.len(),
            "models": contenders.iter().zip(&evaluations).map(contender_object).collect::<Vec<_>>(),
            "comparisons": comparisons(&contenders, &evaluations),
            "evaluate_seconds": elapsed, "images_per_second": images_per_second, "report": folder,
        });
        writeln!(out, "{object}")?;
    } else {
        writeln!(out, "{}\n", compared_on(asked.part(), images.len(), &found))?;
        write!(out, "{}", comparison::summary(&report))?;
        writeln!(out, "\n{times}")?;
        writeln!(out, "{}", t!("evaluate.files", folder = folder.display()))?;
    }
    Ok(())
}

/// Refuses what makes no sense for several models.
fn check(asked: &Evaluate, names: &[PathBuf]) -> anyhow::Result<()> {
    if let Some(twice) = (1..names.len()).find(|&place| names[..place].contains(&names[place])) {
        return Err(UsageError(t!("evaluate.twice", model = names[twice].display()).into()).into());
    }
    if asked.predictions.is_some() && !asked.ensemble {
        return Err(UsageError(t!("evaluate.one-table").into()).into());
    }
    if asked.robustness {
        return Err(UsageError(t!("evaluate.one-robustness").into()).into());
    }
    Ok(())
}

/// The classes that all models have.
fn common_classes<'a>(names: &[PathBuf], read: &'a [models::Found]) -> anyhow::Result<&'a Classes> {
    let classes = &read[0].model.classes;
    if let Some(other) = read.iter().position(|read| read.model.classes != *classes) {
        let (one, other, others) = (names[0].display(), names[other].display(), &read[other].model.classes);
        bail!(
            t!("evaluate.other-classes", one = one, classes = classes, other = other, others = others)
                .into_owned()
        );
    }
    Ok(classes)
}

fn contender(name: &Path, models::Found { model, bytes }: &models::Found) -> Contender {
    Contender {
        name: name.display().to_string(),
        layers: models::layers(model.network.architecture()),
        parameters: model.network.parameters().len(),
        bytes: *bytes,
        temperature: model.record.temperature,
        weights_sha256: Some(model.weights_sha256()),
    }
}

/// What all were read on, in words.
fn compared_on(part: Part, count: usize, found: &Found) -> String {
    let data = found.describe();
    match part {
        Part::Training => t!("evaluate.compared-on-training-set", count = count, data = data),
        Part::Test => t!("evaluate.compared-on", count = count, data = data),
        Part::All => t!("user_data.compared-on", count = count, data = data),
    }
    .into()
}

/// All against the first, for programs.
fn comparisons(contenders: &[Contender], evaluations: &[Evaluation]) -> Vec<serde_json::Value> {
    let against_first = contenders.iter().zip(evaluations).skip(1);
    against_first
        .map(|(contender, evaluation)| {
            let comparison = Comparison::new(&evaluations[0], evaluation);
            json!({
                "model": contender.name, "against": contenders[0].name,
                "only_model_right": comparison.only_second,
                "only_against_right": comparison.only_first, "p_value": comparison.p_value(),
            })
        })
        .collect()
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
