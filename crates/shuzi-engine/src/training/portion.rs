//! Augmentation on the way: some thousands of an epoch's examples at a time, changed anew.
//!
//! In: a data set, the indices of the examples to come, a recipe with an augmentation. Out: those
//! examples with changed images, in memory that is asked for once. Each example of each epoch has a
//! generator of its own, made from the recipe's seed, the epoch and the example's number, so that
//! neither threads nor order nor a new start half-way change what it looks like.

use super::{Purpose, generator};
use crate::{
    Rng,
    dataset::Dataset,
    image::{DigitImage, PIXELS},
    kernels::{Level, team::Team},
    preprocess::augment::Augmentation,
    recipe::TrainingRecipe,
};
use rand::{RngExt, SeedableRng};

/// What training sees of an image in an epoch, if it is the example with this number in its data
/// set. Without an augmentation in the recipe: the image itself.
pub fn augmented(recipe: &TrainingRecipe, image: &DigitImage, number: usize, epoch: usize) -> DigitImage {
    let mut changed = *image;
    if let Some(changes) = Changes::new(recipe, epoch, Level::detect()) {
        changes.apply(number, &image.0, &mut changed.0);
    }
    changed
}

/// How images are changed in one epoch.
pub(super) struct Changes {
    augmentation: Augmentation,
    level: Level,
    key: u64,
}

impl Changes {
    /// `None` if the recipe leaves images as they are.
    pub(super) fn new(recipe: &TrainingRecipe, epoch: usize, level: Level) -> Option<Self> {
        let key = generator(recipe.seed, Purpose::Augmentation, epoch).random();
        Some(Changes { augmentation: recipe.augmentation?, level, key })
    }

    fn apply(&self, number: usize, image: &[u8; PIXELS], out: &mut [u8; PIXELS]) {
        let mut rng = Rng::seed_from_u64(self.key ^ number as u64);
        self.augmentation.apply(self.level, image, &mut rng, out);
    }
}

/// Examples to train on next.
#[derive(Default)]
pub(super) struct Portion {
    examples: Option<Dataset>,
    order: Vec<u32>,
}

impl Portion {
    /// How many examples: whole batches.
    pub(super) fn size(batch_size: usize) -> usize {
        const EXAMPLES: usize = 4096;
        EXAMPLES.next_multiple_of(batch_size)
    }

    /// The examples at `indices` of `data`, changed, and the order to take them in: as they lie.
    /// `first` is the number of the first example of `data`.
    pub(super) fn fill(
        &mut self,
        changes: &Changes,
        data: &Dataset,
        first: usize,
        indices: &[u32],
        team: &mut Team<'_>,
    ) -> (&Dataset, &[u32]) {
        let examples = self.examples.get_or_insert_with(|| data.select(indices));
        let images = examples.select_labels(data, indices);
        team.for_each(images, |place, changed| {
            let index = indices[place] as usize;
            let image = data.example(index).0.try_into().expect("784 bytes");
            changes.apply(first + index, image, changed);
        });
        self.order.extend(self.order.len() as u32..indices.len() as u32);
        (examples, &self.order[..indices.len()])
    }
}
