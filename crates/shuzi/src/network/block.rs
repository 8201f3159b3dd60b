//! A few images on their way through a network: what each layer gives for them.
//!
//! Made once and filled again for each batch: after the first no memory is asked for.

use super::{Architecture, Network};
use crate::{
    image::DIGITS,
    kernels::{
        Level, Numbers,
        pixels::{Images, by_image::ImageLists, by_pixel::PixelBlock},
        zeros,
    },
};

/// The upper or the lower half of a block's images, and the first layer's sums over it.
#[derive(Clone, Debug)]
pub struct Half {
    pub(super) level: Level,
    pub(super) pixels: PixelBlock,
    /// `[images, outputs of the first layer]`.
    pub(super) sums: Numbers,
}

impl Half {
    /// Room for half number `half` (0 is the upper one) of up to `capacity` images, and what
    /// [`Architecture::forward_half`] writes.
    pub fn new(architecture: &Architecture, level: Level, half: usize, capacity: usize) -> Self {
        Half {
            level,
            pixels: PixelBlock::new(half, capacity, architecture.pixel_scale.factor()),
            sums: zeros(architecture.widths[0] * capacity),
        }
    }

    /// Replaces the images, 784 bytes each.
    ///
    /// # Panics
    ///
    /// If there are more than fit.
    pub fn load<'a>(&mut self, images: impl Images<'a>) {
        self.pixels.load(self.level, images);
    }
}

/// Labels of a few images, and what all layers make of them.
#[derive(Clone, Debug)]
pub struct Block {
    pub(super) level: Level,
    pub(super) labels: Vec<u8>,
    pub(super) correct: usize,
    /// For each layer `[images, width]`.
    pub(super) outputs: Vec<Numbers>,
    /// ∂loss/∂output of each layer but the first, of the same shapes.
    pub(super) gradients: Vec<Numbers>,
    /// `[images, 10]`.
    pub(super) probabilities: Numbers,
    pub(super) losses: Vec<f32>,
}

impl Block {
    /// Room for up to `capacity` images and all that [`Architecture::forward`] and
    /// [`Architecture::backward`] write.
    pub fn new(architecture: &Architecture, level: Level, capacity: usize) -> Self {
        let mut gradients = vec![zeros(0)];
        gradients.extend(architecture.widths[1..].iter().map(|width| zeros(width * capacity)));
        Block { gradients, ..Block::without_gradients(architecture, level, capacity) }
    }

    fn without_gradients(architecture: &Architecture, level: Level, capacity: usize) -> Self {
        Block {
            level,
            labels: Vec::with_capacity(capacity),
            correct: 0,
            outputs: architecture.widths.iter().map(|width| zeros(width * capacity)).collect(),
            gradients: vec![],
            probabilities: zeros(DIGITS * capacity),
            losses: vec![0.0; capacity],
        }
    }

    /// Replaces the labels, one for each image.
    ///
    /// # Panics
    ///
    /// If there are more than fit.
    pub fn set_labels(&mut self, labels: impl ExactSizeIterator<Item = u8>) {
        assert!(labels.len() <= self.losses.len(), "Block::set_labels: too many images");
        self.labels.clear();
        self.labels.extend(labels);
    }

    /// The labels of its images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// How many images were read right, after forward.
    pub fn correct(&self) -> usize {
        self.correct
    }

    /// The cross-entropy of each image, after forward.
    pub fn losses(&self) -> &[f32] {
        &self.losses[..self.labels.len()]
    }

    /// The probability of each digit for each image, after forward.
    pub fn probabilities(&self) -> &[[f32; DIGITS]] {
        &self.probabilities.as_chunks().0[..self.labels.len()]
    }
}

/// Room for a block on its way forward, without gradients: reads images with a trained network.
#[derive(Clone, Debug)]
pub struct Recognizer {
    images: ImageLists,
    block: Block,
}

impl Recognizer {
    /// Room for up to `capacity` images at a time.
    pub fn new(architecture: &Architecture, level: Level, capacity: usize) -> Self {
        Recognizer {
            images: ImageLists::new(capacity, architecture.pixel_scale.factor()),
            block: Block::without_gradients(architecture, level, capacity),
        }
    }

    /// Reads images, each 784 bytes with a label; `network` is of the architecture given to
    /// [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// If there are more than fit.
    pub fn read<'a>(
        &mut self,
        network: &Network,
        examples: impl ExactSizeIterator<Item = (&'a [u8], u8)> + Clone,
    ) -> &Block {
        self.images.load(self.block.level, examples.clone().map(|(image, _)| image));
        self.block.set_labels(examples.map(|(_, label)| label));
        network.architecture().read(network.parameters(), &self.images, &mut self.block);
        &self.block
    }
}
