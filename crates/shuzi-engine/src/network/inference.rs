//! Reading with a trained network: made ready once, then block after block goes forward.

use super::{
    Block, Layer, Network, Precision, Prepared, Shape,
    int8::{Int8Workspace, PreparedInt8},
};
use crate::{
    image::NO_DIGIT,
    kernels::{Level, pixels::by_image::ImageLists, zeros},
};

/// A trained network in the form that it reads by: batch normalisation is taken into other layers
/// ([`Network::folded`]), and weights lie as they are multiplied.
#[derive(Clone, Debug)]
pub struct InferenceModel {
    pub(super) network: Network,
    /// Of each layer.
    pub(super) prepared: Vec<Prepared>,
    /// If it is quantised.
    quantized: Option<PreparedInt8>,
    pub(super) level: Level,
}

impl InferenceModel {
    /// Makes `network` ready to be read with, multiplying numbers of this `precision`, or int8 if it is one of these.
    pub fn new(network: &Network, level: Level, precision: Precision) -> Self {
        let network = network.folded();
        let architecture = network.architecture();
        let mut prepared = vec![Prepared::default(); architecture.layers().len()];
        if precision.available(level) == Precision::Bf16 {
            for (index, prepared) in prepared.iter_mut().enumerate() {
                architecture.prepare_reading(index, level, network.parameters(), prepared);
            }
        }
        let quantized = network.quantized();
        let quantized = quantized.map(|quantized| PreparedInt8::new(architecture, quantized, level));
        InferenceModel { network, prepared, quantized, level }
    }

    /// How many classes it distinguishes.
    pub fn classes(&self) -> usize {
        self.network.architecture().classes()
    }

    /// How many images are best read together.
    pub fn block_size(&self) -> usize {
        self.network.architecture().reading_block()
    }
}

/// The workspace for a block of images on its way forward through one network.
#[derive(Debug)]
pub struct InferenceSession<'a> {
    ready: &'a InferenceModel,
    /// Where the first layer takes images as bytes.
    lists: Option<ImageLists>,
    /// Where it is quantised.
    quantized: Option<Int8Workspace>,
    block: Block,
}

impl<'a> InferenceSession<'a> {
    /// For up to `capacity` images at a time.
    pub fn new(ready: &'a InferenceModel, capacity: usize) -> Self {
        let architecture = ready.network.architecture();
        let mut block = Block::without_gradients(architecture, ready.level, capacity);
        let quantized = ready.quantized.as_ref().map(|_| Int8Workspace::new(architecture));
        let lists = match architecture.layers()[0] {
            _ if quantized.is_some() => None,
            Layer::Linear(_) => Some(ImageLists::new(capacity, architecture.pixel_scale().factor())),
            _ => {
                block.pixels = zeros(architecture.input().len() * capacity);
                None
            }
        };
        InferenceSession { ready, lists, quantized, block }
    }

    /// The logits of images, 784 bytes each: `[images, classes]`.
    ///
    /// # Panics
    ///
    /// If there are more than fit.
    pub fn logits<'b>(&mut self, images: impl ExactSizeIterator<Item = &'b [u8]> + Clone) -> &[f32] {
        self.block.set_labels(images.clone().map(|_| NO_DIGIT));
        self.forward(images);
        self.block.logits()
    }

    /// Reads images, each 784 bytes with a label: logits, probabilities and losses.
    ///
    /// # Panics
    ///
    /// If there are more than fit.
    pub fn evaluate<'b>(
        &mut self,
        examples: impl ExactSizeIterator<Item = (&'b [u8], u8)> + Clone,
    ) -> &Block {
        self.block.set_labels(examples.clone().map(|(_, label)| label));
        self.forward(examples.map(|(image, _)| image));
        self.ready.network.architecture().score(&mut self.block);
        &self.block
    }

    /// Fills the block's outputs, for as many images as it has labels.
    fn forward<'b>(&mut self, images: impl ExactSizeIterator<Item = &'b [u8]> + Clone) {
        let InferenceSession {
            ready: InferenceModel { network, prepared, quantized, .. },
            lists,
            quantized: workspace,
            block,
        } = self;
        let architecture = network.architecture();
        if let (Some(quantized), Some(workspace)) = (quantized, workspace) {
            let unit = quantized.logit_unit();
            for (image, logits) in images.zip(block.logits_mut().chunks_exact_mut(architecture.classes())) {
                let integers = quantized.read(architecture, image, workspace);
                logits.iter_mut().zip(integers).for_each(|(to, &logit)| *to = f32::from(logit) * unit);
            }
        } else if let Some(lists) = lists {
            lists.load(block.level, images);
            architecture.read_lists(network, prepared, lists, block);
        } else {
            block.set_pixels(images, architecture.pixel_scale().factor());
            architecture.read(network, prepared, block);
        }
    }

    /// Each layer as it reads, its shape, and what it gave for the image that was read last and alone. A ReLU that the convolution
    /// before it takes along comes once, with it.
    pub fn outputs(&self) -> impl Iterator<Item = (Layer, Shape, Vec<f32>)> {
        let architecture = self.ready.network.architecture();
        let layers =
            architecture.layers().iter().zip(architecture.shapes()).zip(self.layer_outputs()).enumerate();
        layers.filter_map(move |(index, ((layer, shape), outputs))| {
            let next = index + 1;
            let is_part_of_next = next < architecture.layers().len() && architecture.is_done_before(next);
            (!is_part_of_next).then_some((*layer, *shape, outputs))
        })
    }

    /// What each layer gave for the image that was read last and alone, integers as they are; of a convolution that takes
    /// the ReLU behind it along, anything.
    pub(super) fn layer_outputs(&self) -> impl Iterator<Item = Vec<f32>> {
        let shapes = self.ready.network.architecture().shapes().iter().enumerate();
        shapes.map(move |(index, shape)| match &self.quantized {
            Some(workspace) => workspace.values[index].iter().map(|&value| f32::from(value)).collect(),
            None => self.block.outputs[index][..shape.len()].to_vec(),
        })
    }
}
