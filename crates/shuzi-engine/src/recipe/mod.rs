//! Recipes: what to train and how, as data. The TOML text is the one source of every setting.
//!
//! In: TOML, and single values that override it. Out: a [`Recipe`] whose values were checked.
//! Knows nothing of files; the recipes that come with shuzi are part of the library.

mod by_size;
mod fine_tuning;
pub mod schedule;

pub use self::{fine_tuning::FineTuning, schedule::Schedule};
use crate::{
    classes::Classes,
    image::SIDE,
    network::{
        Architecture, ArchitectureError, ConvKind, InitialWeights, LayerKind, Precision, QuantizationError,
        Storage,
    },
    preprocess::{
        PixelScale,
        augment::{self, Augmentation},
    },
};
use serde::{Deserialize, Serialize};

/// The recipes that come with shuzi: name and TOML text.
pub const BUILT_IN: [(&str, &str); 10] = [
    ("classic", include_str!("../../recipes/classic.toml")),
    ("mlp", include_str!("../../recipes/mlp.toml")),
    ("mlp-large", include_str!("../../recipes/mlp-large.toml")),
    ("quick", include_str!("../../recipes/quick.toml")),
    ("good", include_str!("../../recipes/good.toml")),
    ("micro", include_str!("../../recipes/micro.toml")),
    ("tiny", include_str!("../../recipes/tiny.toml")),
    ("small", include_str!("../../recipes/small.toml")),
    ("best", include_str!("../../recipes/best.toml")),
    ("photo", include_str!("../../recipes/photo.toml")),
];

/// A recipe's TOML text may have at most so many bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// So many examples of a kind can be added to the training examples.
pub const MAX_ADDITIONS: usize = 1_000_000;

/// What to train and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is called.
    pub name: String,
    /// The layers and their beginning.
    pub network: NetworkRecipe,
    /// The way from there.
    pub training: TrainingRecipe,
}

/// The layers and their beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NetworkRecipe {
    /// What the bytes of an image become.
    pub pixels: PixelScale,
    /// The layers from pixels to logits.
    pub layers: Vec<LayerKind>,
    /// How the weights start.
    pub initial_weights: InitialWeights,
}

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrainingRecipe {
    /// How often every example is seen; 1 or more.
    pub epochs: usize,
    /// Examples for each step.
    pub batch_size: BatchSize,
    /// What becomes of a last batch that is not full.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// The (peak) learning rate; above 0.
    pub learning_rate: f32,
    /// How it changes.
    #[serde(default = "constant")]
    pub schedule: Schedule,
    /// The rule for a step.
    pub optimizer: OptimizerKind,
    /// How long the gradient of all parameters may be; above 0. It is shortened to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_clipping: Option<f32>,
    /// An average of the weights that takes their place in the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub averaging: Option<Averaging>,
    /// Of which images batch normalisation's statistics are, in the network that is kept.
    #[serde(default, skip_serializing_if = "is_as_trained")]
    pub statistics: Statistics,
    /// How much of each target is spread over all classes; 0 to below 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_smoothing: f32,
    /// A network to learn from besides the labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<Distillation>,
    /// A trained network that the training goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_tuning: Option<FineTuning>,
    /// Images that batch normalisation measures together; 1 or more. Without it the number changes only
    /// in which order gradients are added.
    #[serde(default = "ghost_batch", skip_serializing_if = "is_default_ghost_batch")]
    pub ghost_batch: usize,
    /// What convolutions multiply.
    #[serde(default, skip_serializing_if = "is_f32")]
    pub precision: Precision,
    /// What the trained weights are rounded to.
    #[serde(default, skip_serializing_if = "is_full")]
    pub storage: Storage,
    /// When to stop before the last epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Training examples that are held out to see how well the network does on unseen ones.
    #[serde(default)]
    pub validation: usize,
    /// Where all chance comes from.
    #[serde(default)]
    pub seed: u64,
    /// What is trained on besides the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additions: Option<Additions>,
    /// How images are changed, anew in each epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
}

fn constant() -> Schedule {
    Schedule::Constant
}

fn is_zero(number: &f32) -> bool {
    *number == 0.0
}

fn ghost_batch() -> usize {
    32
}

fn is_default_ghost_batch(number: &usize) -> bool {
    *number == ghost_batch()
}

fn is_f32(precision: &Precision) -> bool {
    *precision == Precision::F32
}

fn is_full(storage: &Storage) -> bool {
    *storage == Storage::F32
}

fn is_as_trained(statistics: &Statistics) -> bool {
    *statistics == Statistics::AsTrained
}

/// Of which images batch normalisation's statistics are, in the network that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistics {
    /// Of the training images as they were trained on, augmentation included.
    #[default]
    AsTrained,
    /// Of training images that are not augmented, as those to be read are not: measured anew with the final weights.
    Clean,
}

/// How the weights of many steps become one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Averaging {
    /// The exponential mean.
    Ema {
        /// How much of it stays in a step; 0 to below 1.
        decay: f32,
    },
    /// The plain mean of the last steps (stochastic weight averaging).
    Swa {
        /// The fraction of all steps that come before; 0 to below 1.
        start: f32,
    },
}

/// A trained network whose answers are learned from, as probabilities of all classes (Hinton et al. 2015).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Distillation {
    /// Where it is: the name of a shipped model, a run folder or a model file. The library opens none.
    pub teacher: String,
    /// The hash of its weights, written down when training begins: from then on it must be this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher_sha256: Option<String>,
    /// How much of a target is its answer; 0 to 1. The rest is the label.
    pub weight: f32,
    /// What its logits are divided by, so that its answers are less sure; above 0.
    pub temperature: f32,
}

/// Examples drawn by shuzi itself that are added to the training examples, the same for every seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Additions {
    /// So many digits, in all ways of writing them that [`synthetic`](crate::dataset::synthetic) knows.
    #[serde(default)]
    pub digits: usize,
    /// So many images that show none, for which all ten should be equally probable.
    #[serde(default)]
    pub others: usize,
}

/// When to stop before the last epoch: the network that did best on the validation part is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs to wait for a better validation loss; 1 or more.
    pub patience: usize,
}

/// Examples for each step: 1 is single-example, `all` full-batch gradient descent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BatchSize {
    /// So many.
    Examples(usize),
    /// All training examples at once.
    All(All),
}

/// The word `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum All {
    /// The only value.
    All,
}

impl BatchSize {
    /// How many examples, of so many.
    pub fn of(self, examples: usize) -> usize {
        match self {
            BatchSize::Examples(count) => count,
            BatchSize::All(_) => examples,
        }
    }
}

impl std::str::FromStr for BatchSize {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" { Ok(BatchSize::All(All::All)) } else { text.parse().map(BatchSize::Examples) }
    }
}

/// What becomes of a last batch that is not full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastBatch {
    /// It is a smaller step.
    #[default]
    Keep,
    /// Its examples wait for the next epoch, as in the tutorial.
    Drop,
}

/// Which rule, with its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum OptimizerKind {
    /// Stochastic gradient descent.
    Sgd {
        /// μ, 0 to below 1.
        #[serde(default)]
        momentum: f32,
        /// Look ahead along the momentum.
        #[serde(default)]
        nesterov: bool,
        /// λ, 0 or more.
        #[serde(default)]
        weight_decay: f32,
    },
    /// Adam; with weight decay it is AdamW.
    #[serde(alias = "adamw")]
    Adam {
        /// β₁, 0 to below 1.
        #[serde(default = "beta1")]
        beta1: f32,
        /// β₂, 0 to below 1.
        #[serde(default = "beta2")]
        beta2: f32,
        /// ε, above 0.
        #[serde(default = "epsilon")]
        epsilon: f32,
        /// λ, 0 or more.
        #[serde(default)]
        weight_decay: f32,
    },
}

fn beta1() -> f32 {
    0.9
}

fn beta2() -> f32 {
    0.999
}

fn epsilon() -> f32 {
    1e-8
}

/// A recipe that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum RecipeError {
    /// Neither built in nor a file.
    #[error("no recipe is called {name:?}")]
    UnknownName {
        /// The name asked for.
        name: String,
        /// The built-in name most like it.
        nearest: Option<&'static str>,
    },
    /// More text than any recipe needs.
    #[error("{found} bytes, at most {MAX_BYTES} are accepted")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 text")]
    NotText,
    /// A key that no recipe has.
    #[error("line {line}: unknown key `{key}`")]
    UnknownKey {
        /// Where, from 1.
        line: usize,
        /// The key found.
        key: String,
        /// The known key most like it.
        nearest: Option<String>,
    },
    /// A key is missing.
    #[error("line {line}: there is no key `{key}`")]
    MissingKey {
        /// Where it should be, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A word that is none of those known.
    #[error("line {line}: unknown value `{found}`, expected {known}")]
    UnknownValue {
        /// Where, from 1.
        line: usize,
        /// The word found.
        found: String,
        /// Those known.
        known: String,
    },
    /// A value of the wrong type.
    #[error("line {line}: found {found}, expected {expected}")]
    WrongType {
        /// Where, from 1.
        line: usize,
        /// The value found.
        found: String,
        /// The type expected.
        expected: String,
    },
    /// Not TOML, or a value that cannot be used.
    #[error("line {line}: {message}")]
    Syntax {
        /// Where, from 1.
        line: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// A number outside its range.
    #[error("{key} is {found}, expected {expected}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The value found.
        found: String,
        /// The range.
        expected: Range,
    },
    /// Layers that make no network.
    #[error("network.layers")]
    Layers(#[from] ArchitectureError),
    /// What is drawn shows digits, or none, which says nothing of other classes.
    #[error("training.additions are for digits, but the data shows {classes}")]
    Additions {
        /// What the data shows.
        classes: Classes,
    },
    /// Layers that int8 does not have, which it asks for.
    #[error("training.storage")]
    Quantization(#[from] QuantizationError),
}

/// What a number in a recipe may be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Range {
    /// 1 to [`MAX_EPOCHS`].
    Epochs,
    /// 1 or more, or `"all"`.
    BatchSize,
    /// An integer, 1 or more.
    OneOrMore,
    /// A finite number above 0.
    Positive,
    /// A finite number, 0 or more.
    NotNegative,
    /// 0 to below 1.
    BelowOne,
    /// These two, or a number between them.
    Between(f32, f32),
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Range::Epochs => write!(f, "1 to {MAX_EPOCHS}"),
            Range::BatchSize => write!(f, "1 or more, or \"all\""),
            Range::OneOrMore => write!(f, "1 or more"),
            Range::Positive => write!(f, "a number above 0"),
            Range::NotNegative => write!(f, "0 or more"),
            Range::BelowOne => write!(f, "0 to below 1"),
            Range::Between(least, most) => write!(f, "{least} to {most}"),
        }
    }
}

/// Epochs that can be asked for.
pub const MAX_EPOCHS: usize = 1_000_000;

impl Recipe {
    /// The built-in recipe of that name.
    ///
    /// # Errors
    ///
    /// [`RecipeError::UnknownName`], with the nearest name there is.
    pub fn built_in(name: &str) -> Result<Recipe, RecipeError> {
        let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) else {
            let nearest = nearest(name, BUILT_IN.iter().map(|(name, _)| *name));
            return Err(RecipeError::UnknownName { name: name.into(), nearest });
        };
        Ok(Recipe::from_toml(text.as_bytes()).expect("built-in recipes are tested"))
    }

    /// Reads TOML text and checks every value.
    ///
    /// # Errors
    ///
    /// [`RecipeError`], with the line of what is no recipe, or the key whose value is out of range.
    pub fn from_toml(bytes: &[u8]) -> Result<Recipe, RecipeError> {
        if bytes.len() > MAX_BYTES {
            return Err(RecipeError::TooLong { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RecipeError::NotText)?;
        let recipe: Recipe = toml::from_str(text).map_err(|error| explain(&error, text))?;
        recipe.check()?;
        Ok(recipe)
    }

    /// The recipe as TOML; [`from_toml`](Self::from_toml) reads it back.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every recipe can be written")
    }

    /// Checks every value, for a recipe that was changed after it was read.
    ///
    /// # Errors
    ///
    /// [`RecipeError`]: a value out of its range, or layers that make no network.
    pub fn check(&self) -> Result<(), RecipeError> {
        let architecture = self.architecture()?;
        if self.training.storage == Storage::I8 {
            architecture.check_quantizable()?;
        }
        if let InitialWeights::Normal(deviation) = self.network.initial_weights {
            check("network.initial-weights.normal", deviation, Range::NotNegative)?;
        }
        let training = &self.training;
        if !(1..=MAX_EPOCHS).contains(&training.epochs) {
            return Err(out_of_range("training.epochs", training.epochs, Range::Epochs));
        }
        if training.batch_size.of(1) == 0 {
            return Err(out_of_range("training.batch-size", 0, Range::BatchSize));
        }
        check("training.learning-rate", training.learning_rate, Range::Positive)?;
        match training.schedule {
            Schedule::Linear { warmup } | Schedule::Cosine { warmup } => {
                check("training.schedule.warmup", warmup, Range::BelowOne)?;
            }
            Schedule::OneCycle { warmup, start } => {
                check("training.schedule.warmup", warmup, Range::BelowOne)?;
                check("training.schedule.start", start, Range::BelowOne)?;
            }
            Schedule::Step { steps, factor } => {
                check("training.schedule.factor", factor, Range::BelowOne)?;
                at_least_one("training.schedule.steps", steps)?;
            }
            Schedule::Exponential { end } => check("training.schedule.end", end, Range::BelowOne)?,
            Schedule::Constant => {}
        }
        if let Some(limit) = training.gradient_clipping {
            check("training.gradient-clipping", limit, Range::Positive)?;
        }
        match training.averaging {
            Some(Averaging::Ema { decay }) => check("training.averaging.decay", decay, Range::BelowOne)?,
            Some(Averaging::Swa { start }) => check("training.averaging.start", start, Range::BelowOne)?,
            None => {}
        }
        check("training.label-smoothing", training.label_smoothing, Range::BelowOne)?;
        if let Some(Additions { digits, others }) = training.additions {
            let any_number = Range::Between(0.0, MAX_ADDITIONS as f32);
            check("training.additions.digits", digits as f32, any_number)?;
            check("training.additions.others", others as f32, any_number)?;
        }
        if let Some(Distillation { weight, temperature, .. }) = training.distillation {
            check("training.distillation.weight", weight, Range::Between(0.0, 1.0))?;
            check("training.distillation.temperature", temperature, Range::Positive)?;
        }
        if let Some(FineTuning { rehearsal, own, .. }) = training.fine_tuning {
            let any_number = Range::Between(0.0, MAX_ADDITIONS as f32);
            check("training.fine-tuning.rehearsal", rehearsal as f32, any_number)?;
            check("training.fine-tuning.own", own, Range::BelowOne)?;
        }
        at_least_one("training.ghost-batch", training.ghost_batch)?;
        if let Some(EarlyStopping { patience }) = training.early_stopping {
            at_least_one("training.early-stopping.patience", patience)?;
            if training.validation == 0 {
                return Err(out_of_range("training.validation", 0, Range::OneOrMore));
            }
        }
        if let Some(augmentation) = &training.augmentation {
            check_augmentation(augmentation)?;
        }
        match training.optimizer {
            OptimizerKind::Sgd { momentum, weight_decay, .. } => {
                check("training.optimizer.momentum", momentum, Range::BelowOne)?;
                check("training.optimizer.weight-decay", weight_decay, Range::NotNegative)
            }
            OptimizerKind::Adam { beta1, beta2, epsilon, weight_decay } => {
                check("training.optimizer.beta1", beta1, Range::BelowOne)?;
                check("training.optimizer.beta2", beta2, Range::BelowOne)?;
                check("training.optimizer.epsilon", epsilon, Range::Positive)?;
                check("training.optimizer.weight-decay", weight_decay, Range::NotNegative)
            }
        }
    }

    /// The same for data of these classes: the last layer with weights gets an output for each, whatever number stands there.
    ///
    /// # Errors
    ///
    /// [`RecipeError::Additions`] if it adds digits to what are none, [`RecipeError::Layers`] if no such layer gives the
    /// logits.
    pub fn for_classes(mut self, classes: &Classes) -> Result<Recipe, RecipeError> {
        if self.training.additions.is_some() && !classes.are_digits() {
            return Err(RecipeError::Additions { classes: classes.clone() });
        }
        let outputs = self.network.layers.iter_mut().rev().find_map(|layer| match layer {
            LayerKind::Linear(outputs) | LayerKind::Conv(ConvKind { channels: outputs, .. }) => Some(outputs),
            _ => None,
        });
        if let Some(outputs) = outputs {
            *outputs = classes.count();
        }
        if self.architecture()?.classes() != classes.count() {
            return Err(ArchitectureError::LastLayer.into());
        }
        Ok(self)
    }

    /// The layers of its network.
    ///
    /// # Errors
    ///
    /// [`ArchitectureError`]: layers that do not fit on each other.
    pub fn architecture(&self) -> Result<Architecture, ArchitectureError> {
        Architecture::new(self.network.pixels, &self.network.layers)
    }
}

fn check_augmentation(augmentation: &Augmentation) -> Result<(), RecipeError> {
    use augment::{GRIDS, MAX_ROTATION, MAX_SCALE, MAX_SHEAR, MAX_SHIFT, MAX_THICKNESS};
    let up_to = |key, value, most| check(key, value, Range::Between(0.0, most));
    up_to("training.augmentation.shift", augmentation.shift, MAX_SHIFT)?;
    up_to("training.augmentation.rotation", augmentation.rotation, MAX_ROTATION)?;
    up_to("training.augmentation.scale", augmentation.scale, MAX_SCALE)?;
    up_to("training.augmentation.stretch", augmentation.stretch, MAX_SCALE)?;
    up_to("training.augmentation.shear", augmentation.shear, MAX_SHEAR)?;
    up_to("training.augmentation.thickness", augmentation.thickness, MAX_THICKNESS)?;
    if let Some(elastic) = augmentation.elastic {
        let [fewest, most] = GRIDS.map(|knots| knots as f32);
        up_to("training.augmentation.elastic.strength", elastic.strength, MAX_SHIFT)?;
        check("training.augmentation.elastic.grid", elastic.grid as f32, Range::Between(fewest, most))?;
    }
    if let Some(erase) = augmentation.erase {
        let whole_image = Range::Between(1.0, SIDE as f32);
        up_to("training.augmentation.erase.probability", erase.probability, 1.0)?;
        check("training.augmentation.erase.size", erase.size as f32, whole_image)?;
    }
    up_to("training.augmentation.degradation", augmentation.degradation, 1.0)
}

fn check(key: &'static str, value: f32, expected: Range) -> Result<(), RecipeError> {
    let inside = match expected {
        Range::Positive => value > 0.0,
        Range::BelowOne => (0.0..1.0).contains(&value),
        Range::Between(least, most) => (least..=most).contains(&value),
        _ => value >= 0.0,
    };
    if inside && value.is_finite() { Ok(()) } else { Err(out_of_range(key, value, expected)) }
}

fn at_least_one(key: &'static str, value: usize) -> Result<(), RecipeError> {
    if value > 0 { Ok(()) } else { Err(out_of_range(key, value, Range::OneOrMore)) }
}

fn out_of_range(key: &'static str, found: impl ToString, expected: Range) -> RecipeError {
    RecipeError::OutOfRange { key, found: found.to_string(), expected }
}

/// Makes a typed error of what the TOML reader says; it names keys and words in backquotes, with
/// the known ones behind unknown ones.
fn explain(error: &toml::de::Error, text: &str) -> RecipeError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    match quoted.next() {
        Some(key) if message.starts_with("unknown field") => {
            RecipeError::UnknownKey { line, key: key.into(), nearest: nearest(key, quoted).map(String::from) }
        }
        Some(key) if message.starts_with("missing field") => {
            RecipeError::MissingKey { line, key: key.into() }
        }
        Some(found) if message.starts_with("unknown variant") => RecipeError::UnknownValue {
            line,
            found: found.into(),
            known: quoted.collect::<Vec<_>>().join(", "),
        },
        _ => {
            let wrong_type =
                message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "));
            match wrong_type {
                Some((found, expected)) => {
                    RecipeError::WrongType { line, found: found.into(), expected: expected.into() }
                }
                None => RecipeError::Syntax { line, message: message.into() },
            }
        }
    }
}

/// The name most like `name`, if one is like it at all.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: &str = BUILT_IN[0].1;

    #[test]
    fn built_in_recipes_are_sound_and_survive_a_round_trip() {
        for (name, text) in BUILT_IN {
            let recipe = Recipe::from_toml(text.as_bytes()).unwrap();
            assert_eq!(recipe.name, name);
            assert_eq!(
                Recipe::from_toml(recipe.to_toml().as_bytes()).unwrap(),
                recipe,
                "{}",
                recipe.to_toml()
            );
        }
    }

    #[test]
    fn classic_is_the_tutorials() {
        use LayerKind::{Linear, Relu};
        let recipe = Recipe::built_in("classic").unwrap();
        assert_eq!(recipe.network.layers, [Linear(32), Relu, Linear(16), Relu, Linear(10)]);
        assert_eq!(recipe.network.initial_weights, InitialWeights::Normal(0.01));
        assert_eq!(recipe.network.pixels, PixelScale::Raw);
        assert_eq!((recipe.training.batch_size.of(60_000), recipe.training.epochs), (90, 3));
        assert_eq!((recipe.training.learning_rate, recipe.training.last_batch), (0.01, LastBatch::Drop));
    }

    #[test]
    fn the_last_layer_follows_the_data() {
        let classes = |count: usize| Classes::new((0..count).map(|i| format!("{i}!")).collect()).unwrap();
        for (name, text) in BUILT_IN {
            let recipe = Recipe::from_toml(text.as_bytes()).unwrap();
            assert_eq!(recipe.clone().for_classes(&Classes::digits()).unwrap(), recipe, "{name}");
            let error = RecipeError::Additions { classes: classes(26) };
            match recipe.for_classes(&classes(26)) {
                Ok(letters) => assert_eq!(letters.architecture().unwrap().classes(), 26, "{name}"),
                Err(found) => assert_eq!((name, found), ("photo", error)),
            }
        }
        let mut recipe = Recipe::from_toml(CLASSIC.as_bytes()).unwrap();
        let conv = ConvKind { channels: 10, kernel: 5, stride: 1, padding: 0 };
        recipe.network.layers = vec![LayerKind::Conv(conv), LayerKind::GlobalAveragePool];
        assert_eq!(recipe.clone().for_classes(&classes(3)).unwrap().architecture().unwrap().classes(), 3);
        recipe.network.layers = vec![LayerKind::Conv(conv), LayerKind::Flatten];
        assert_eq!(recipe.for_classes(&classes(3)), Err(ArchitectureError::LastLayer.into()));
    }

    #[test]
    fn mistakes_are_named_with_their_place_and_the_nearest_key() {
        let unknown = |line, key: &str, nearest: Option<&str>| RecipeError::UnknownKey {
            line,
            key: key.into(),
            nearest: nearest.map(String::from),
        };
        let line_of = |needle: &str| CLASSIC.lines().position(|line| line.contains(needle)).unwrap() + 1;
        for (from, to, expected) in [
            ("epochs", "epohcs", unknown(line_of("epochs"), "epohcs", Some("epochs"))),
            ("batch-size", "xyzzy", unknown(line_of("batch-size"), "xyzzy", None)),
        ] {
            assert_eq!(Recipe::from_toml(CLASSIC.replace(from, to).as_bytes()).unwrap_err(), expected);
        }
        for (from, to, key) in [
            ("epochs = 3", "epochs = 0", "training.epochs"),
            ("batch-size = 90", "batch-size = 0", "training.batch-size"),
            ("learning-rate = 0.01", "learning-rate = -0.01", "training.learning-rate"),
            ("learning-rate = 0.01", "learning-rate = nan", "training.learning-rate"),
            ("learning-rate = 0.01", "learning-rate = inf", "training.learning-rate"),
            ("normal = 0.01", "normal = -1.0", "network.initial-weights.normal"),
            ("kind = \"sgd\"", "kind = \"sgd\", momentum = 1.0", "training.optimizer.momentum"),
            ("kind = \"sgd\"", "kind = \"adam\", epsilon = 0.0", "training.optimizer.epsilon"),
        ] {
            let changed = CLASSIC.replace(from, to);
            assert_ne!(changed, CLASSIC, "{from}");
            let error = Recipe::from_toml(changed.as_bytes()).unwrap_err();
            assert!(matches!(error, RecipeError::OutOfRange { key: found, .. } if found == key), "{error:?}");
        }
        assert!(matches!(Recipe::from_toml(b"\xff").unwrap_err(), RecipeError::NotText));
        assert!(matches!(
            Recipe::from_toml(&vec![b' '; MAX_BYTES + 1]).unwrap_err(),
            RecipeError::TooLong { .. }
        ));
        assert!(matches!(
            Recipe::from_toml(b"name = 3").unwrap_err(),
            RecipeError::WrongType { line: 1, .. }
        ));
        assert!(matches!(Recipe::from_toml(b"name 3").unwrap_err(), RecipeError::Syntax { line: 1, .. }));
        let zero = CLASSIC.replace("{ linear = 32 }", "{ linear = 0 }");
        assert!(matches!(Recipe::from_toml(zero.as_bytes()).unwrap_err(), RecipeError::Layers(_)));
    }

    #[test]
    fn files_from_before_a_key_was_renamed_are_read() {
        let (_, small) = BUILT_IN.iter().find(|(name, _)| *name == "small").unwrap();
        let before = small.replace("degradation = ", "spoil = ");
        assert_ne!(before, *small);
        assert_eq!(Recipe::from_toml(before.as_bytes()), Recipe::from_toml(small.as_bytes()));
    }

    #[test]
    fn statistics_are_as_trained_unless_clean_ones_are_asked_for() {
        let with = |value: &str| Recipe::from_toml(format!("{CLASSIC}\nstatistics = \"{value}\"").as_bytes());
        let clean = with("clean").unwrap();
        assert_eq!(clean.training.statistics, Statistics::Clean);
        assert_eq!(Recipe::from_toml(clean.to_toml().as_bytes()).unwrap(), clean, "{}", clean.to_toml());
        assert_eq!(with("as-trained").unwrap(), Recipe::from_toml(CLASSIC.as_bytes()).unwrap());
        let RecipeError::UnknownValue { found, known, .. } = with("cleen").unwrap_err() else { panic!() };
        assert_eq!((&found[..], &known[..]), ("cleen", "as-trained, clean"));
    }

    /// `classic` with an augmentation of these lines.
    fn augmenting(lines: &str) -> String {
        format!("{CLASSIC}\n[training.augmentation]\n{lines}")
    }

    #[test]
    fn an_augmentation_is_read_and_survives_a_round_trip() {
        let text = augmenting(
            "shift = 2\nrotation = 12.5\nscale = 0.1\nelastic = { strength = 1.5, grid = 5 }\n\
             erase = { probability = 0.25, size = 4 }\ndegradation = 0.2\n",
        );
        let recipe = Recipe::from_toml(text.as_bytes()).unwrap();
        let expected = Augmentation {
            shift: 2.0,
            rotation: 12.5,
            scale: 0.1,
            elastic: Some(augment::Elastic { strength: 1.5, grid: 5 }),
            erase: Some(augment::Erase { probability: 0.25, size: 4 }),
            degradation: 0.2,
            ..Augmentation::default()
        };
        assert_eq!(recipe.training.augmentation, Some(expected));
        assert_eq!(Recipe::from_toml(recipe.to_toml().as_bytes()).unwrap(), recipe, "{}", recipe.to_toml());
        let off = Recipe::from_toml(augmenting("").as_bytes()).unwrap();
        assert_eq!(off.training.augmentation, Some(Augmentation::default()));
    }

    #[test]
    fn mistakes_in_an_augmentation_are_named() {
        for (lines, key, nearest) in [
            ("rotatoin = 3", "rotatoin", Some("rotation")),
            ("elastic = { strenght = 3, grid = 4 }", "strenght", Some("strength")),
            ("erase = { probability = 1, size = 4, colour = 3 }", "colour", None),
        ] {
            let error = Recipe::from_toml(augmenting(lines).as_bytes()).unwrap_err();
            let RecipeError::UnknownKey { line, key: found, nearest: near } = error else {
                panic!("{error:?}")
            };
            assert_eq!((line, &found[..], near.as_deref()), (CLASSIC.lines().count() + 3, key, nearest));
        }
        for (lines, key) in [
            ("shift = -1", "shift"),
            ("shift = 14.5", "shift"),
            ("rotation = 181", "rotation"),
            ("scale = 1", "scale"),
            ("stretch = nan", "stretch"),
            ("shear = inf", "shear"),
            ("thickness = 1.01", "thickness"),
            ("elastic = { strength = -0.1, grid = 4 }", "elastic.strength"),
            ("elastic = { strength = 1, grid = 2 }", "elastic.grid"),
            ("elastic = { strength = 1, grid = 9 }", "elastic.grid"),
            ("erase = { probability = 1.1, size = 4 }", "erase.probability"),
            ("erase = { probability = 1, size = 0 }", "erase.size"),
            ("erase = { probability = 1, size = 29 }", "erase.size"),
            ("degradation = 1.5", "degradation"),
        ] {
            let error = Recipe::from_toml(augmenting(lines).as_bytes()).unwrap_err();
            let RecipeError::OutOfRange { key: found, .. } = &error else { panic!("{lines}: {error:?}") };
            assert_eq!(found.strip_prefix("training.augmentation."), Some(key), "{error}");
        }
        let missing = Recipe::from_toml(augmenting("elastic = { grid = 4 }").as_bytes());
        assert!(matches!(missing, Err(RecipeError::MissingKey { .. })), "{missing:?}");
    }

    #[test]
    fn a_distillation_is_read_and_its_mistakes_are_named() {
        let with = |lines: &str| {
            Recipe::from_toml(format!("{CLASSIC}\n[training.distillation]\n{lines}").as_bytes())
        };
        let recipe = with("teacher = \"runs/a b\"\nweight = 0.9\ntemperature = 2").unwrap();
        assert_eq!(Recipe::from_toml(recipe.to_toml().as_bytes()).unwrap(), recipe, "{}", recipe.to_toml());
        for (lines, key) in [
            ("teacher = \"a\"\nweight = 1.1\ntemperature = 2", "weight"),
            ("teacher = \"a\"\nweight = -0.1\ntemperature = 2", "weight"),
            ("teacher = \"a\"\nweight = 0.5\ntemperature = 0", "temperature"),
            ("teacher = \"a\"\nweight = 0.5\ntemperature = inf", "temperature"),
        ] {
            let error = with(lines).unwrap_err();
            let RecipeError::OutOfRange { key: found, .. } = &error else { panic!("{lines}: {error:?}") };
            assert_eq!(found.strip_prefix("training.distillation."), Some(key), "{error}");
        }
        assert!(matches!(with("weight = 0.5\ntemperature = 1"), Err(RecipeError::MissingKey { .. })));
    }

    #[test]
    fn a_name_with_a_slip_finds_its_recipe() {
        let error = Recipe::built_in("clasic").unwrap_err();
        assert_eq!(error, RecipeError::UnknownName { name: "clasic".into(), nearest: Some("classic") });
    }
}
