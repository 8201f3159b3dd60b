//! What reports say besides the numbers: of a model, of a run, of the machine.

use crate::{machine, models};
use rust_i18n::t;
use shuzi_engine::{Processor, model::Model};
use shuzi_report::{FactGroup, grouped};
use std::borrow::Cow;

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
