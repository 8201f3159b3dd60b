//! An epoch's mini-batches: in which order, augmented, and some of what comes next.
//!
//! In: [`Examples`], a recipe, the number of an epoch. Out: its [`Batch`]es, one after the other. What is augmented or drawn is
//! made some thousands of examples at a time, in memory that is asked for once; a batch names those behind it as far as
//! they are there, so that a step can bring them near. Each example of each epoch has a generator of its own, made from
//! the recipe's seed, the epoch and the example's number, so that neither threads nor order nor a new start
//! half-way change what it looks like.

use super::{
    data::{Examples, Order},
    random::{Purpose, generator},
};
use crate::{
    Rng,
    dataset::{Dataset, synthetic},
    image::{DigitImage, PIXELS},
    kernels::{Level, pixels::Images, team::Team},
    preprocess::augment::Augmentation,
    recipe::{LastBatch, TrainingRecipe},
};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use std::ops::Range;

/// Some examples of a data set.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub data: &'a Dataset,
    pub indices: &'a [u32],
    /// A teacher's, `[examples, classes]`, if there is one, in the batch whose turn it is.
    pub targets: &'a [f32],
    /// The examples of the next two batches, as far as they are in memory.
    upcoming: [&'a [u32]; 2],
}

impl<'a> Batch<'a> {
    /// Batch number `number` of those that `order` is cut into.
    fn new(data: &'a Dataset, order: &'a [u32], number: usize, size: usize) -> Self {
        let batch = |number| order.chunks(size).nth(number).unwrap_or_default();
        let [indices, upcoming @ ..] = [0, 1, 2].map(|ahead| batch(number + ahead));
        Batch { data, indices, targets: &[], upcoming }
    }

    /// The one behind it; of no examples, if they are not in memory yet.
    pub fn next(self) -> Batch<'a> {
        let [next, after_next] = self.upcoming;
        Batch { indices: next, targets: &[], upcoming: [after_next, &[]], ..self }
    }

    /// Part number `part` of so many examples.
    pub fn part(self, part: usize, size: usize) -> Batch<'a> {
        let indices = self.indices.chunks(size).nth(part).unwrap_or_default();
        let mut targets = self.targets.chunks(size * self.data.classes().count());
        Batch { indices, targets: targets.nth(part).unwrap_or_default(), ..self }
    }

    pub fn images(self, part: usize, size: usize) -> impl Images<'a> {
        self.data.images_at(self.part(part, size).indices)
    }

    pub fn labels(self) -> impl ExactSizeIterator<Item = u8> + 'a {
        self.indices.iter().map(move |&index| self.data.labels()[index as usize])
    }
}

/// Where the batches of all epochs come from.
pub(super) struct Batches<'a> {
    recipe: &'a TrainingRecipe,
    examples: Examples<'a>,
    /// Examples of a batch.
    size: usize,
    level: Level,
    /// Kept from epoch to epoch for its memory.
    chunk: Chunk,
}

impl<'a> Batches<'a> {
    /// # Panics
    ///
    /// If a batch is larger than the training set.
    pub fn new(recipe: &'a TrainingRecipe, examples: Examples<'a>, level: Level) -> Self {
        let (count, size) = (examples.count(), recipe.batch_size.of(examples.count()));
        assert!((1..=count).contains(&size), "train: batches of {size}");
        Batches { recipe, examples, size, level, chunk: Chunk::default() }
    }

    /// Examples of a batch, but for a smaller last one.
    pub fn batch_size(&self) -> usize {
        self.size
    }

    /// The batches of an epoch from number `first` on, augmented if the recipe says so.
    pub fn epoch(&mut self, epoch: usize, first: usize) -> Epoch<'_> {
        let augmentation = EpochAugmentation::new(self.recipe, epoch, self.level);
        Epoch { next: first, augmentation, ..self.clean_epoch(epoch) }
    }

    /// The batches of an epoch, with images as they are.
    pub fn clean_epoch(&mut self, epoch: usize) -> Epoch<'_> {
        let Batches { recipe, examples, size, .. } = *self;
        let count = match recipe.last_batch {
            LastBatch::Keep => examples.count(),
            LastBatch::Drop => examples.count() / size * size,
        };
        let mut order = match examples {
            Examples::Kept { indices, order, .. } => epoch_order(order, indices, recipe.seed, epoch),
            Examples::Drawn { .. } => vec![],
        };
        order.truncate(count);
        self.chunk.number = None;
        let chunk = &mut self.chunk;
        Epoch { examples, order, count, augmentation: None, batch_size: size, next: 0, chunk }
    }
}

/// The batches of one epoch.
pub(super) struct Epoch<'a> {
    examples: Examples<'a>,
    /// Of the examples, if they are kept; drawn ones come in the order of their numbers.
    order: Vec<u32>,
    /// How many examples there are in all batches.
    count: usize,
    augmentation: Option<EpochAugmentation>,
    batch_size: usize,
    /// Number of the next batch.
    next: usize,
    /// The examples that batches are taken from, unless they are taken from the data set itself.
    chunk: &'a mut Chunk,
}

impl Epoch<'_> {
    /// The next batch, until there is none.
    pub fn next(&mut self, team: &mut Team<'_>) -> Option<Batch<'_>> {
        let (number, size) = (self.next, self.batch_size);
        if number * size >= self.count {
            return None;
        }
        self.next += 1;
        if let (Examples::Kept { data, .. }, None) = (self.examples, &self.augmentation) {
            return Some(Batch::new(data, &self.order, number, size));
        }
        let in_a_chunk = Chunk::size(size) / size;
        self.load(number / in_a_chunk, team);
        Some(self.chunk.batch(number % in_a_chunk, size))
    }

    /// Fills the chunk with the examples of so many a one, unless it has them.
    fn load(&mut self, number: usize, team: &mut Team<'_>) {
        if self.chunk.number == Some(number) {
            return;
        }
        self.chunk.number = Some(number);
        let size = Chunk::size(self.batch_size);
        let range = number * size..self.count.min((number + 1) * size);
        match (self.examples, &self.augmentation) {
            (Examples::Kept { data, .. }, Some(augmentation)) => {
                self.chunk.augment(augmentation, data, 0, &self.order[range], team);
            }
            (Examples::Kept { .. }, None) => unreachable!("its batches are taken from the data set itself"),
            (Examples::Drawn { seed, .. }, augmentation) => {
                self.chunk.draw(augmentation.as_ref(), range, seed, team);
            }
        }
    }
}

/// The order of an epoch's examples.
pub(super) fn epoch_order(order: &Order, training: &[u32], seed: u64, epoch: usize) -> Vec<u32> {
    match order {
        Order::Given(epochs) => epochs[epoch].clone(),
        Order::Shuffled => {
            let mut order = training.to_vec();
            order.shuffle(&mut generator(seed, Purpose::Order, epoch));
            order
        }
    }
}

/// What training sees of an image in an epoch, if it is the example with this number in its data
/// set. Without an augmentation in the recipe: the image itself.
pub fn augmented(recipe: &TrainingRecipe, image: &DigitImage, number: usize, epoch: usize) -> DigitImage {
    let mut changed = *image;
    if let Some(augmentation) = EpochAugmentation::new(recipe, epoch, Level::detect()) {
        augmentation.apply(number, &image.0, &mut changed.0);
    }
    changed
}

/// How images are changed in one epoch.
struct EpochAugmentation {
    augmentation: Augmentation,
    level: Level,
    key: u64,
}

impl EpochAugmentation {
    /// `None` if the recipe leaves images as they are.
    fn new(recipe: &TrainingRecipe, epoch: usize, level: Level) -> Option<Self> {
        let key = generator(recipe.seed, Purpose::Augmentation, epoch).random();
        Some(EpochAugmentation { augmentation: recipe.augmentation?, level, key })
    }

    fn apply(&self, number: usize, image: &[u8; PIXELS], out: &mut [u8; PIXELS]) {
        let mut rng = Rng::seed_from_u64(self.key ^ number as u64);
        self.augmentation.apply(self.level, image, &mut rng, out);
    }
}

/// Some thousands of an epoch's examples, those of whole batches, as training sees them.
#[derive(Default)]
struct Chunk {
    /// Which one of the epoch it is, if it is one.
    number: Option<usize>,
    examples: Option<Dataset>,
    /// They lie in the order that they are taken in: 0, 1, 2 and so on.
    order: Vec<u32>,
    /// How many of these there are.
    len: usize,
}

impl Chunk {
    /// How many examples: whole batches.
    fn size(batch_size: usize) -> usize {
        const EXAMPLES: usize = 4096;
        EXAMPLES.next_multiple_of(batch_size)
    }

    fn batch(&self, number: usize, size: usize) -> Batch<'_> {
        let examples = self.examples.as_ref().expect("a chunk is loaded before it is used");
        Batch::new(examples, &self.order[..self.len], number, size)
    }

    /// Takes the examples at `indices` of `data`, changed. `first` is the number of the first example of `data`.
    fn augment(
        &mut self,
        augmentation: &EpochAugmentation,
        data: &Dataset,
        first: usize,
        indices: &[u32],
        team: &mut Team<'_>,
    ) {
        let examples = self.examples.get_or_insert_with(|| data.select(indices));
        let images = examples.select_labels(data, indices);
        team.for_each(images, |place, changed| {
            let index = indices[place] as usize;
            let image = data.example(index).0.try_into().expect("784 bytes");
            augmentation.apply(first + index, image, changed);
        });
        self.set_len(indices.len());
    }

    /// Takes the synthetic digits of these numbers, changed if so asked.
    fn draw(
        &mut self,
        augmentation: Option<&EpochAugmentation>,
        numbers: Range<usize>,
        seed: u64,
        team: &mut Team<'_>,
    ) {
        let (first, len) = (numbers.start, numbers.len());
        let drawn = synthetic::generate_range(numbers, seed, team.threads());
        match augmentation {
            Some(augmentation) => {
                let in_order: Vec<u32> = (0..len as u32).collect();
                self.augment(augmentation, &drawn, first, &in_order, team);
            }
            None => self.examples = Some(drawn),
        }
        self.set_len(len);
    }

    fn set_len(&mut self, len: usize) {
        self.order.extend(self.order.len() as u32..len as u32);
        self.len = len;
    }
}
