//! A few images on their way through a network: what each layer gives for them.
//!
//! Made once and filled again for each batch: after the first no memory is asked for.

use super::{Architecture, Layer, Precision, batch_norm::BatchNorm, prepared::Scratch};
use crate::{
    image::NO_DIGIT,
    kernels::{
        Level, Numbers,
        pixels::{Images, by_pixel::PixelBlock},
        zeros,
    },
};

/// The upper or the lower half of a block's images, and the first layer's sums over it.
#[derive(Clone, Debug)]
pub struct InputShard {
    pub(super) level: Level,
    pub(super) pixels: PixelBlock,
    /// `[images, outputs of the first layer]`.
    pub(super) sums: Numbers,
}

impl InputShard {
    /// Buffers for the shard of half number `half` (0 is the upper one) of up to `capacity` images, and what
    /// [`Architecture::forward_shard`] writes.
    pub fn new(architecture: &Architecture, level: Level, half: usize, capacity: usize) -> Self {
        InputShard {
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
#[derive(Debug)]
pub struct Block {
    pub(super) level: Level,
    pub(super) classes: usize,
    pub(super) labels: Vec<u8>,
    pub(super) correct: usize,
    /// How much of each target is spread over all classes, see [`super::softmax`].
    pub(super) label_smoothing: f32,
    /// `[images, classes]`: how probable each class should be, in place of the labels; empty without a teacher.
    pub(super) targets: Vec<f32>,
    /// What gradients are taken from.
    pub(super) precision: Precision,
    /// Numbers of an image.
    pub(super) input_len: usize,
    /// `[images, 784]`, scaled; empty where the first layer takes them as bytes.
    pub(super) pixels: Numbers,
    /// For each layer `[images, width]`; in reading of a few images only, where they go through it alone.
    pub(super) outputs: Vec<Numbers>,
    /// ∂loss/∂output of each layer, of the same shapes; a fully connected network keeps the first
    /// layer's elsewhere.
    pub(super) gradients: Vec<Numbers>,
    /// Of the layers with batch normalisation, see [`Network::statistics`](super::Network::statistics).
    pub(super) measured: Numbers,
    pub(super) scratch: Scratch,
    /// Constants of one layer's channels.
    pub(super) channel_constants: Vec<f32>,
    /// `[images, classes]`.
    pub(super) probabilities: Numbers,
    pub(super) losses: Vec<f32>,
}

impl Block {
    /// Buffers for up to `capacity` images and all that [`Architecture::forward`] and
    /// [`Architecture::backward`] write.
    pub fn new(architecture: &Architecture, level: Level, capacity: usize) -> Self {
        let mut gradients: Vec<Numbers> =
            architecture.widths.iter().map(|width| zeros(width * capacity)).collect();
        let mut pixels = zeros(0);
        if architecture.is_fully_connected() {
            gradients[0] = zeros(0);
        } else {
            pixels = zeros(architecture.input.len() * capacity);
        }
        let outputs = architecture.widths.iter().map(|width| zeros(width * capacity)).collect();
        Block { outputs, gradients, pixels, ..Block::without_gradients(architecture, level, capacity) }
    }

    /// The same with each target's `label_smoothing`, 0 to below 1, spread over all classes.
    pub fn with_label_smoothing(self, label_smoothing: f32) -> Self {
        Block { label_smoothing, ..self }
    }

    /// Buffers for the way forward alone.
    pub(super) fn without_gradients(architecture: &Architecture, level: Level, capacity: usize) -> Self {
        let (mut scratch, mut channel_constants) = (Scratch::default(), vec![]);
        for layer in architecture.layers() {
            match layer {
                Layer::Conv(conv) => conv.reserve(capacity, &mut scratch),
                Layer::Linear(linear) if !architecture.is_fully_connected() => {
                    linear.as_convolution(capacity).reserve(1, &mut scratch);
                }
                Layer::BatchNorm(batch_norm) => {
                    channel_constants.reserve_exact(BatchNorm::CONSTANTS * batch_norm.channels);
                }
                _ => {}
            }
        }
        let classes = architecture.steps() * architecture.classes();
        Block {
            level,
            classes,
            labels: Vec::with_capacity(capacity),
            correct: 0,
            label_smoothing: 0.0,
            targets: Vec::with_capacity(classes * capacity),
            precision: Precision::F32,
            input_len: architecture.input.len(),
            pixels: zeros(0),
            outputs: (0..architecture.layers().len())
                .map(|layer| architecture.kept_in_reading(layer, capacity) * architecture.widths[layer])
                .map(zeros)
                .collect(),
            gradients: vec![],
            measured: zeros(architecture.statistic_count()),
            scratch,
            channel_constants,
            probabilities: zeros(classes * capacity),
            losses: vec![0.0; capacity],
        }
    }

    /// Buffers for one picture at a time on its way forward, of any shape.
    pub(super) fn for_reading_pictures(architecture: &Architecture, level: Level) -> Self {
        let pixels = zeros(architecture.input.len());
        Block { pixels, ..Block::without_gradients(architecture, level, 1) }
    }

    /// The same with gradients from numbers of this precision, which must be [available](Precision::available).
    pub fn with_precision(self, precision: Precision) -> Self {
        Block { precision, ..self }
    }

    /// Replaces the labels, one for each image, and forgets targets.
    ///
    /// # Panics
    ///
    /// If there are more than fit.
    pub fn set_labels(&mut self, labels: impl ExactSizeIterator<Item = u8>) {
        assert!(labels.len() <= self.losses.len(), "Block::set_labels: too many images");
        self.labels.clear();
        self.labels.extend(labels);
        self.targets.clear();
    }

    /// Sets how probable each class should be, `[images, classes]` or none. The loss is taken by these then, in place of
    /// the labels and their smoothing.
    ///
    /// # Panics
    ///
    /// If there are not as many as labels.
    pub fn set_targets(&mut self, targets: &[f32]) {
        let fits = targets.len() == self.classes * self.labels.len();
        assert!(targets.is_empty() || fits, "Block::set_targets: images");
        self.targets.clear();
        self.targets.extend_from_slice(targets);
    }

    /// Replaces the pixels of its images, each byte multiplied by `scale`; as many as labels.
    ///
    /// # Panics
    ///
    /// If there are more than fit, or an image has another number of pixels than the network takes.
    pub fn set_pixels<'a>(&mut self, images: impl Iterator<Item = &'a [u8]>, scale: f32) {
        let mut outputs = self.pixels.chunks_exact_mut(self.input_len);
        for image in images {
            let output = outputs.next().expect("Block::set_pixels: too many images");
            assert_eq!(image.len(), self.input_len, "Block::set_pixels: pixels");
            output.iter_mut().zip(image).for_each(|(pixel, &byte)| *pixel = f32::from(byte) * scale);
        }
    }

    /// Takes so many images without labels, and gives their pixels, `[images, pixels]`, to be written.
    ///
    /// # Panics
    ///
    /// If there are more than fit.
    pub fn pixels_mut(&mut self, images: usize) -> &mut [f32] {
        self.set_labels(std::iter::repeat_n(NO_DIGIT, images));
        &mut self.pixels[..images * self.input_len]
    }

    /// Logits, to be read, and ∂loss/∂logits, to be written, `[images, steps, classes]` both.
    pub fn logits_and_gradient(&mut self) -> (&[f32], &mut [f32]) {
        let len = self.labels.len() * self.classes;
        let logits = self.outputs.last().expect("a network has layers");
        let gradient = self.gradients.last_mut().expect("a network has layers");
        (&logits[..len], &mut gradient[..len])
    }

    /// What batch normalisation has measured of it in training, see [`Network::statistics`](super::Network::statistics).
    pub fn measured(&self) -> &[f32] {
        &self.measured
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

    /// Logits of an image.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The logits of each image, `[images, classes]`, after forward.
    pub fn logits(&self) -> &[f32] {
        let logits = self.outputs.last().expect("a network has layers");
        &logits[..self.labels.len() * self.classes]
    }

    /// The same to be written.
    pub(super) fn logits_mut(&mut self) -> &mut [f32] {
        let logits = self.outputs.last_mut().expect("a network has layers");
        &mut logits[..self.labels.len() * self.classes]
    }

    /// The probability of each class for each image, `[images, classes]`, after forward.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities[..self.labels.len() * self.classes]
    }
}
