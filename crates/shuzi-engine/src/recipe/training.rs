//! How a recipe trains: batches, learning rate, optimizer, augmentation and all the rest, each with its range.
//!
//! In: the table `training` of a recipe's TOML. Out: a [`TrainingRecipe`] whose values were checked. What they do stands in
//! [`training`](crate::training), which this file never uses.

use super::{
    FineTuning, MAX_ADDITIONS, MAX_EPOCHS, Range, RecipeError, Schedule,
    range::{at_least_one, check, out_of_range},
};
use crate::{
    image::SIDE,
    network::{Precision, Storage},
    preprocess::augment::{self, Augmentation},
};
use serde::{Deserialize, Serialize};

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

impl TrainingRecipe {
    /// Checks every value.
    pub(crate) fn check(&self) -> Result<(), RecipeError> {
        if !(1..=MAX_EPOCHS).contains(&self.epochs) {
            return Err(out_of_range("training.epochs", self.epochs, Range::Epochs));
        }
        if self.batch_size.of(1) == 0 {
            return Err(out_of_range("training.batch-size", 0, Range::BatchSize));
        }
        check("training.learning-rate", self.learning_rate, Range::Positive)?;
        self.schedule.check()?;
        if let Some(limit) = self.gradient_clipping {
            check("training.gradient-clipping", limit, Range::Positive)?;
        }
        self.averaging.map_or(Ok(()), Averaging::check)?;
        check("training.label-smoothing", self.label_smoothing, Range::BelowOne)?;
        self.additions.map_or(Ok(()), Additions::check)?;
        self.distillation.as_ref().map_or(Ok(()), Distillation::check)?;
        self.fine_tuning.as_ref().map_or(Ok(()), FineTuning::check)?;
        at_least_one("training.ghost-batch", self.ghost_batch)?;
        if let Some(EarlyStopping { patience }) = self.early_stopping {
            at_least_one("training.early-stopping.patience", patience)?;
            at_least_one("training.validation", self.validation)?;
        }
        self.augmentation.as_ref().map_or(Ok(()), check_augmentation)?;
        self.optimizer.check()
    }
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

impl Averaging {
    fn check(self) -> Result<(), RecipeError> {
        match self {
            Averaging::Ema { decay } => check("training.averaging.decay", decay, Range::BelowOne),
            Averaging::Swa { start } => check("training.averaging.start", start, Range::BelowOne),
        }
    }
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

impl Distillation {
    fn check(&self) -> Result<(), RecipeError> {
        check("training.distillation.weight", self.weight, Range::Between(0.0, 1.0))?;
        check("training.distillation.temperature", self.temperature, Range::Positive)
    }
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

impl Additions {
    fn check(self) -> Result<(), RecipeError> {
        let any_number = Range::Between(0.0, MAX_ADDITIONS as f32);
        check("training.additions.digits", self.digits as f32, any_number)?;
        check("training.additions.others", self.others as f32, any_number)
    }
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

impl OptimizerKind {
    fn check(self) -> Result<(), RecipeError> {
        match self {
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
