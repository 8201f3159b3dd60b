//! `shuzi train --from`: which model a training goes on from, what it rehearses, and its effect.

use crate::{
    data::{
        data_sets::MNIST,
        set_files::{self, SetFiles},
        sources::{Found, JOINT},
    },
    ending::UsageError,
    machine, models,
};
use rust_i18n::t;
use serde_json::json;
use shuzi_engine::{
    Processor,
    classes::Classes,
    dataset::{Dataset, synthetic},
    evaluation::{Comparison, Evaluation, evaluate},
    model::Model,
    network::Network,
    recipe::{FineTuning, Recipe},
    training::network_for_new_classes,
};
use shuzi_report::{FactGroup, percent};
use std::path::Path;

/// The recipe to go on by from the model that `name` means: `chosen`, else one that follows from its own.
pub fn recipe(name: &Path, chosen: Option<Recipe>) -> anyhow::Result<Recipe> {
    let model = models::read(name)?.model;
    let fine_tuning = FineTuning::new(name.display().to_string(), model.weights_sha256());
    match (chosen, model.record.recipe) {
        (Some(mut chosen), _) => {
            chosen.training.fine_tuning = Some(match chosen.training.fine_tuning {
                Some(wanted) => {
                    FineTuning { from: fine_tuning.from, from_sha256: fine_tuning.from_sha256, ..wanted }
                }
                None => fine_tuning,
            });
            Ok(chosen)
        }
        (None, Some(recipe)) => Ok(recipe.fine_tuning(fine_tuning)),
        (None, None) => Err(UsageError(t!("tune.no-recipe", model = name.display()).into()).into()),
    }
}

/// Reads the model that a recipe goes on from, if it goes on from one. Where its file does not say what its pixels are, they are as the
/// recipe has them.
pub fn base(recipe: &mut Recipe) -> anyhow::Result<Option<Model>> {
    let pixels = recipe.network.pixels;
    let Some(FineTuning { from: name, from_sha256, .. }) = &mut recipe.training.fine_tuning else {
        return Ok(None);
    };
    let other = |found: &str, expected: &str| {
        t!("tune.other-base", model = name, found = found, expected = expected).into()
    };
    let mut base = models::read_pinned(name, from_sha256, || t!("tune.base", model = name).into(), other)?;
    if base.record.recipe.is_none() {
        base.network = base.network.with_pixel_scale(pixels);
    }
    Ok(Some(base))
}

/// Refuses a recipe for another network than that which a training goes on from; the last layer may be for other classes.
pub fn check_layers(base: Option<&Model>, recipe: &Recipe) -> anyhow::Result<()> {
    let (Some(base), Some(fine_tuning)) = (base, &recipe.training.fine_tuning) else { return Ok(()) };
    let mut recipe = recipe.clone();
    recipe.training.additions = None; // they are for digits only
    let recipe = recipe.for_classes(&base.classes)?;
    if *base.network.architecture() != recipe.architecture()? {
        if base.network.quantized().is_some() {
            return Err(UsageError(t!("tune.int8", model = fine_tuning.from).into()).into());
        }
        let message = t!("tune.other-layers", model = fine_tuning.from, recipe = recipe.name);
        return Err(UsageError(message.into()).into());
    }
    Ok(())
}

/// The network that a training begins with which goes on from `base`, for data of these classes.
pub fn network(base: &Model, recipe: &Recipe, classes: &Classes) -> Network {
    if *classes == base.classes {
        return base.network.clone();
    }
    let kept: Vec<Option<u8>> = classes.names().map(|name| base.classes.label(name)).collect();
    network_for_new_classes(recipe, &base.network, &kept)
}

/// That a model does not know all classes of the data, and what follows from it.
pub fn new_classes(base: &Model, recipe: &Recipe, classes: &Classes) -> String {
    let from = recipe.training.fine_tuning.as_ref().map_or("", |tuning| &tuning.from);
    let is_new = |name: &&str| base.classes.label(name).is_none();
    let new: Vec<&str> = classes.names().filter(is_new).collect();
    let shown = match new[..] {
        [first, second, third, .., last] if new.len() > 5 => format!("{first}, {second}, {third}, …, {last}"),
        _ => new.join(&t!("list.comma")),
    };
    if new.len() == classes.count() {
        t!("tune.new-layer", model = from, classes = shown).into()
    } else {
        t!("tune.larger-layer", model = from, classes = shown).into()
    }
}

fn is_mnist(data: &Found) -> bool {
    matches!(data, Found::Set(files) if files.title() == MNIST.title)
}

/// What is rehearsed.
pub enum Known {
    /// MNIST, which lies on this machine.
    Mnist(SetFiles),
    Synthetic,
    /// The model has other classes than digits, so nobody knows what it has seen; or there is no more use for it.
    Nothing,
}

impl Known {
    /// `None` where nothing is to be rehearsed, or the data set is itself what would be. Never downloads.
    pub fn find(recipe: &Recipe, data: &Found, knows_classes: bool) -> anyhow::Result<Option<Known>> {
        match &recipe.training.fine_tuning {
            Some(fine_tuning) if fine_tuning.rehearsal > 0 && !is_mnist(data) => {}
            _ => return Ok(None),
        }
        if !(knows_classes && data.classes().are_digits()) {
            return Ok(Some(Known::Nothing));
        }
        Ok(Some(set_files::find_set(&MNIST)?.map_or(Known::Synthetic, Known::Mnist)))
    }

    /// Examples of it: more than are needed, or so many.
    pub fn examples(&self, fine_tuning: &FineTuning) -> anyhow::Result<Option<Dataset>> {
        const SEED: u64 = 4; // 1 to 3 are those of other synthetic digits
        Ok(match self {
            Known::Mnist(files) => Some(files.read_training_set()?),
            Known::Synthetic => {
                Some(synthetic::generate(fine_tuning.rehearsal, SEED, machine::available_threads()))
            }
            Known::Nothing => None,
        })
    }

    fn test_set(&self) -> anyhow::Result<Option<Dataset>> {
        match self {
            Known::Mnist(files) => files.read_test_set().map(Some),
            _ => Ok(None),
        }
    }

    /// Adds itself to the data, for the model's record.
    pub fn join_record(&self, data: String) -> String {
        match self {
            Known::Mnist(_) => data + JOINT + "MNIST",
            Known::Synthetic => data + JOINT + "synthetic",
            Known::Nothing => data,
        }
    }

    /// The same in the user's language.
    pub fn join_words(&self, data: String) -> String {
        match self {
            Known::Mnist(_) => t!("tune.with-mnist", data = data).into(),
            Known::Synthetic => t!("tune.with-synthetic", data = data).into(),
            Known::Nothing => data,
        }
    }
}

/// The same digits, read before the training and behind it.
struct Pair {
    before: Evaluation,
    now: Evaluation,
}

impl Pair {
    fn comparison(&self) -> Comparison {
        Comparison::new(&self.before, &self.now)
    }

    fn to_json(&self) -> serde_json::Value {
        let comparison = self.comparison();
        let interval = |one: &Evaluation| [one.interval().low, one.interval().high];
        json!({
            "count": self.now.count(), "correct_before": self.before.correct(), "correct": self.now.correct(),
            "accuracy_before": self.before.accuracy(), "accuracy": self.now.accuracy(),
            "interval_before": interval(&self.before), "interval": interval(&self.now),
            "only_right_before": comparison.only_first, "only_right_now": comparison.only_second,
            "p_value": comparison.p_value(),
        })
    }

    /// `8 of 10 (80.00 %, 95 % interval 49.02 % to 94.33 %)`.
    fn side(one: &Evaluation) -> String {
        let interval = one.interval();
        t!(
            "tune.side",
            correct = one.correct(),
            count = one.count(),
            accuracy = percent(one.accuracy(), 2),
            low = percent(interval.low, 2),
            high = percent(interval.high, 2)
        )
        .into()
    }

    /// Whether so many digits show that it is better, or worse.
    fn verdict(&self) -> String {
        const CHANCE: f64 = 0.05;
        let comparison = self.comparison();
        let Comparison { only_first, only_second } = comparison;
        let p = format!("{:.4}", comparison.p_value());
        match only_first.cmp(&only_second) {
            _ if comparison.p_value() > CHANCE => {
                t!("tune.chance", before = only_first, now = only_second, p = p)
            }
            std::cmp::Ordering::Less => t!("tune.better", before = only_first, now = only_second, p = p),
            _ => t!("tune.worse", before = only_first, now = only_second, p = p),
        }
        .into()
    }
}

/// The effect of a fine-tuning, on new and on known digits.
pub struct Gain {
    from: String,
    from_sha256: String,
    /// On the held-out part of the data that was trained on.
    user_data: Pair,
    /// On MNIST's test set, where it lies on this machine.
    known: Option<Pair>,
}

impl Gain {
    /// Compares a network with the one it began as; `now` is what it says of `test`.
    pub fn measure(
        base: &Model,
        network: &Network,
        recipe: &Recipe,
        test: &Dataset,
        now: &Evaluation,
        known: Option<&Known>,
        processor: Processor,
    ) -> anyhow::Result<Self> {
        let known = known.map(Known::test_set).transpose()?.flatten();
        let read = |network: &Network, data: &Dataset| evaluate(network, data, processor);
        Ok(Gain {
            from: recipe.training.fine_tuning.as_ref().map_or_else(String::new, |tuning| tuning.from.clone()),
            from_sha256: base.weights_sha256(),
            user_data: Pair { before: read(&base.network, test), now: now.clone() },
            known: known.map(|data| Pair { before: read(&base.network, &data), now: read(network, &data) }),
        })
    }

    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "from": self.from, "from_sha256": self.from_sha256, "own": self.user_data.to_json(),
            "mnist": self.known.as_ref().map(Pair::to_json),
        })
    }

    /// For a report.
    pub fn facts(&self) -> FactGroup {
        let mut facts = vec![(t!("tune.from").into_owned(), format!("{} ({})", self.from, self.from_sha256))];
        let mut add = |name: String, pair: &Pair| {
            let (before, now) = (Pair::side(&pair.before), Pair::side(&pair.now));
            facts.push((name.clone(), t!("tune.before-now", before = before, now = now).into_owned()));
            facts.push((name, pair.verdict()));
        };
        add(t!("tune.user_data").into_owned(), &self.user_data);
        if let Some(known) = &self.known {
            add(t!("tune.mnist").into_owned(), known);
        }
        FactGroup { heading: t!("tune.gained", from = self.from).into_owned(), facts }
    }

    /// The same as text.
    pub fn words(&self) -> String {
        let FactGroup { heading, facts } = self.facts();
        let lines =
            facts.iter().skip(1).map(|(name, value)| format!("  {name}{}{value}\n", t!("program.colon")));
        format!("{heading}\n{}", lines.collect::<String>())
    }
}
