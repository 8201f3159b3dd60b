//! What a training will do, decided and checked before it begins: recipe, data, the network it begins with.

use super::{
    arguments::Train,
    tuning::{self, Known},
};
use crate::{
    data::{
        data_source::DataSource,
        sources::{self, Found, TrainingSet},
        user_data,
    },
    ending::UsageError,
    explain, files, machine, models, recipes,
    run::checkpoints,
};
use anyhow::{Context, bail};
use rust_i18n::t;
use shuzi_engine::{
    Processor,
    classes::Classes,
    model::{Model, batch_order, initial_weights},
    network::{LayerKind, Network},
    recipe::{Distillation, LastBatch, Recipe, RecipeError, TrainingRecipe},
    training::{Checkpoint, CheckpointError, Examples, Order, Split, initial_network},
};
use shuzi_report::grouped;
use std::{path::Path, time::Instant};

/// A file of starting weights or of an order may have at most so many bytes.
const MAX_INPUT_BYTES: u64 = 1 << 30;

/// A checkpoint to go on from, and where it lies.
pub type Resumed<'a> = Option<(&'a Path, &'a Checkpoint)>;

/// What is trained, how, and on what; it outlives the training.
pub struct Plan {
    pub recipe: Recipe,
    pub teacher: Option<Network>,
    /// What the training goes on from.
    pub base: Option<Model>,
    /// Whether that knows all classes of the data.
    pub knows_classes: bool,
    pub classes: Classes,
    pub processor: Processor,
    pub source: DataSource,
    pub found: Found,
    /// What is rehearsed.
    pub known: Option<Known>,
    /// The data for the model's record, and in the user's language.
    pub trained_on: String,
    pub data: String,
    pub load_seconds: f64,
}

/// The examples, which are not needed any more when the training is over.
pub struct PreparedData {
    set: TrainingSet,
    pub split: Split,
    order: Order,
}

impl PreparedData {
    /// Those to train on.
    pub fn examples(&self) -> Examples<'_> {
        self.set.examples(&self.split, &self.order)
    }
}

/// Decides and checks everything, and reads the data.
pub fn make(train: &Train, resumed: Resumed<'_>) -> anyhow::Result<(Plan, PreparedData)> {
    let Chosen { recipe, teacher, base } = train.chosen_recipe(resumed)?;
    let processor = machine::processor(train.threads)?;
    if let Some(folder) = &train.out {
        checkpoints::refuse_unfinished(folder, &train.resume_command(folder))?;
    }
    let clock = Instant::now();
    let source = train.data_source(resumed)?;
    let mut found = sources::find(&source, &train.user_data, &train.mirror, train.quiet)?;
    let knows_classes = base.as_ref().map(|base| found.relabel(&base.classes)).transpose()?.unwrap_or(true);
    let classes = found.classes();
    let mut set = found.training_set(train.examples_at_once(&recipe.training))?;
    let recipe = train.adapted(recipe, &found, set.len(), knows_classes)?;
    let teacher_classes = teacher.as_ref().map(|teacher| &teacher.classes);
    let recipe = fitted(recipe, &classes, teacher_classes, resumed)?;
    check_data(&recipe, base.as_ref(), &found, set.len())?;

    let known = Known::find(&recipe, &found, knows_classes)?;
    let (trained_on, data) = match &known {
        None => (found.record(), found.describe()),
        Some(known) => (known.join_record(found.record()), known.join_words(found.describe())),
    };
    let mut split = set.split(recipe.training.validation, recipe.training.seed);
    if let (Some(fine_tuning), Some(known)) = (&recipe.training.fine_tuning, &known) {
        set.rehearse(&mut split, fine_tuning, known.examples(fine_tuning)?.as_ref());
    }
    set.add(&mut split, recipe.training.additions);
    let load_seconds = clock.elapsed().as_secs_f64();

    let teacher = teacher.map(|teacher| teacher.network);
    let plan = Plan {
        recipe,
        teacher,
        base,
        knows_classes,
        classes,
        processor,
        source,
        found,
        known,
        trained_on,
        data,
        load_seconds,
    };
    Ok((plan, PreparedData { set, split, order: Order::Shuffled }))
}

impl Plan {
    /// The network that the training begins with.
    pub fn first_network(&self, train: &Train, resumed: Resumed<'_>) -> anyhow::Result<Network> {
        Ok(match (&train.initial_weights, resumed, &self.base) {
            (_, Some((_, checkpoint)), _) => checkpoint.network().clone(),
            (Some(path), None, _) => {
                initial_weights(&files::read(path, MAX_INPUT_BYTES)?, &self.recipe.architecture()?)
                    .with_context(|| t!("train.initial-weights", path = path.display()).into_owned())?
            }
            (None, None, Some(base)) => tuning::network(base, &self.recipe, &self.classes),
            (None, None, None) => initial_network(&self.recipe),
        })
    }

    /// Puts the examples in the order that the user gives, if one is given, and checks that they suffice.
    pub fn put_in_order(
        &self,
        train: &Train,
        data: &mut PreparedData,
        resumed: Resumed<'_>,
    ) -> anyhow::Result<()> {
        data.order = train.order(&self.recipe, data.set.len())?;
        let examples = data.examples();
        check_batch_size(&self.recipe, examples.count())?;
        if let Some((path, checkpoint)) = resumed {
            checkpoint.check_data(&self.trained_on, examples).map_err(|error| misfit(path, error))?;
        }
        Ok(())
    }
}

/// How to train, and the models that the recipe asks for.
struct Chosen {
    recipe: Recipe,
    teacher: Option<Model>,
    /// What the training goes on from.
    base: Option<Model>,
}

impl Train {
    /// The recipe where the user has named none, now that the data are known: the size of user data decides how they are learned, and
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
    fn data_source(&self, resumed: Resumed<'_>) -> anyhow::Result<DataSource> {
        let (DataSource::Auto, Some((_, checkpoint))) = (&self.data, resumed) else {
            return Ok(self.data.clone());
        };
        let trained_on = &checkpoint.task().trained_on;
        if user_data::is_user_data(trained_on) {
            return Err(UsageError(t!("user_data.name-again", data = trained_on).into()).into());
        }
        Ok(sources::of_record(trained_on).unwrap_or(DataSource::Auto))
    }

    /// The recipe with the options that override its values, and the models that it asks for.
    fn chosen_recipe(&self, resumed: Resumed<'_>) -> anyhow::Result<Chosen> {
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
    teacher: Option<&Classes>,
    resumed: Resumed<'_>,
) -> anyhow::Result<Recipe> {
    let recipe = recipe.for_classes(classes)?;
    if let Some(found) = teacher.filter(|teacher| *teacher != classes) {
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

/// Refuses data that cannot be trained on as asked.
fn check_data(recipe: &Recipe, base: Option<&Model>, found: &Found, examples: usize) -> anyhow::Result<()> {
    tuning::check_layers(base, recipe)?;
    check_validation(recipe, examples)?;
    if let Found::UserData(user_data) = found {
        user_data.check_test()?;
        if base.is_none() {
            user_data.check_training(recipe.training.batch_size.of(1), recipe.training.validation)?;
        }
    }
    Ok(())
}
