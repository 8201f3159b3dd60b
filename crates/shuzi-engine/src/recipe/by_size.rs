//! A recipe by the size of the data, where nobody has chosen one.
//!
//! In: how many training examples there are. Out: a small convolutional network, and as many epochs as it takes until it has learned
//! something, be they a handful or many thousands (docs/lab/own-data.md says how the numbers were chosen).

use super::{BatchSize, LastBatch, Recipe};
use crate::preprocess::augment::Augmentation;

/// Steps that a training has at least.
const STEPS: usize = 300;
/// The smallest and the largest batch.
const BATCH_SIZES: [usize; 2] = [16, 128];
/// Batches that an epoch is to have at least, as long as they are not too small.
const BATCHES: usize = 8;

impl Recipe {
    /// For data of so many training examples: the network of `quick`, in batches that fit, for 300 steps at least, on images that are
    /// shifted, turned, scaled and slanted a little.
    ///
    /// # Panics
    ///
    /// If there is no example.
    pub fn for_examples(examples: usize) -> Recipe {
        assert!(examples > 0, "Recipe::for_examples: no example");
        let [smallest, largest] = BATCH_SIZES;
        let batch_size = (examples / BATCHES).next_power_of_two().clamp(smallest, largest).min(examples);
        let mut recipe = Recipe::built_in("quick").expect("it is built in");
        let training = &mut recipe.training;
        training.batch_size = BatchSize::Examples(batch_size);
        training.last_batch = LastBatch::Drop; // of a single image batch normalisation makes nothing
        training.epochs = STEPS.div_ceil(examples / batch_size);
        training.augmentation = Some(Augmentation {
            shift: 1.5,
            rotation: 8.0,
            scale: 0.08,
            shear: 0.08,
            ..Augmentation::default()
        });
        recipe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_examples_are_seen_often_and_many_at_least_once() {
        for (examples, batch_size, epochs) in
            [(1, 1, 300), (10, 10, 300), (16, 16, 300), (144, 32, 75), (2000, 128, 20), (60_000, 128, 1)]
        {
            let recipe = Recipe::for_examples(examples);
            assert_eq!(recipe.check(), Ok(()));
            let training = &recipe.training;
            assert_eq!(
                (training.batch_size.of(examples), training.epochs),
                (batch_size, epochs),
                "{examples}"
            );
            assert!(examples / batch_size * epochs >= STEPS, "{examples}");
        }
    }
}
