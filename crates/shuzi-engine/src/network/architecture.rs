//! The layers of a network, and where their numbers lie.
//!
//! In: layers whose shapes fit, from a [`chain`](super::chain). Out: an [`Architecture`], which knows each layer's place in two flat
//! lists, that of all parameters and that of what batch normalisation has measured, both in the order of the layers. Nothing is
//! computed here.

use super::{Conv, Layer, LayerKind, Linear, Shape, batch_norm::BatchNorm, layer::Kinds};
use crate::preprocess::PixelScale;
use std::ops::Range;

/// The layers of a network and where their numbers lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    pub(super) pixel_scale: PixelScale,
    /// What goes in.
    pub(super) input: Shape,
    pub(super) layers: Vec<Layer>,
    /// For each layer its range in the flat list of parameters.
    pub(super) ranges: Vec<Range<usize>>,
    /// For each layer its range in the flat list of statistics.
    pub(super) statistics: Vec<Range<usize>>,
    /// For each layer what comes out.
    pub(super) shapes: Vec<Shape>,
    /// For each layer how many numbers these are.
    pub(super) widths: Vec<usize>,
}

/// A named part of a network's numbers, as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The layer's kind and its number among its kind, and the part: `conv1.weight`.
    pub name: String,
    /// Rows first.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub place: Place,
}

/// Where a tensor lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the list of parameters.
    Parameters(Range<usize>),
    /// In the list of statistics.
    Statistics(Range<usize>),
}

impl Architecture {
    /// Whether the layer before has done the work of this one already.
    pub(super) fn is_done_before(&self, index: usize) -> bool {
        let before = index.checked_sub(1).map(|before| self.layers[before]);
        self.layers[index] == Layer::Relu && matches!(before, Some(Layer::Conv(Conv { rectified: true, .. })))
    }

    /// The layers from pixels to logits.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// What goes in.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// How many steps (columns) come out, each with logits of its own; one of a digit.
    pub fn steps(&self) -> usize {
        self.shapes.last().map_or(1, |shape| shape.width)
    }

    /// Whether no layer depends on the width of what goes in.
    pub(super) fn reads_any_width(&self) -> bool {
        self.layers.iter().all(|layer| match layer {
            Layer::Linear(_) | Layer::Crop(_) | Layer::Flatten => false,
            Layer::AveragePool(windows) => windows.window_width < windows.width,
            _ => true,
        })
    }

    /// The same layers for pictures of another width.
    ///
    /// # Panics
    ///
    /// If there is a layer that depends on the width: a fully connected one, a crop, or a mean of all pixels.
    pub fn with_width(&self, width: usize) -> Architecture {
        let mut architecture = Architecture { input: Shape { width, ..self.input }, ..self.clone() };
        let mut shape = architecture.input;
        for (index, layer) in architecture.layers.iter_mut().enumerate() {
            match layer {
                Layer::Conv(conv) => conv.geometry.width = shape.width + 2 * conv.padding,
                Layer::MaxPool(windows) | Layer::AveragePool(windows) => windows.width = shape.width,
                Layer::BatchNorm(_) | Layer::Relu | Layer::Dropout(_) | Layer::Add { .. } => {}
                Layer::Linear(_) | Layer::Crop(_) | Layer::Flatten => {
                    panic!("Architecture::with_width: layer {index} depends on it")
                }
            }
            shape.width = match layer {
                Layer::Conv(conv) => conv.output().width,
                Layer::MaxPool(windows) | Layer::AveragePool(windows) => windows.output_width(),
                _ => shape.width,
            };
            architecture.shapes[index].width = shape.width;
            architecture.widths[index] = architecture.shapes[index].len();
        }
        architecture
    }

    /// How many classes it distinguishes: the logits that come out of each step.
    pub fn classes(&self) -> usize {
        self.shapes.last().map_or(0, |shape| shape.channels)
    }

    /// What comes out of each layer.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The layers as a recipe names them: [`Architecture::new`] makes the same of them.
    pub fn kinds(&self) -> Vec<LayerKind> {
        let mut kinds = Kinds::default();
        self.layers.iter().enumerate().for_each(|(place, layer)| kinds.push(place, layer));
        kinds.finish()
    }

    /// What a pixel's byte is multiplied by.
    pub fn pixel_scale(&self) -> PixelScale {
        self.pixel_scale
    }

    /// How many numbers are learned.
    pub fn parameter_count(&self) -> usize {
        self.ranges.last().map_or(0, |range| range.end)
    }

    /// How many numbers batch normalisation measures.
    pub fn statistic_count(&self) -> usize {
        self.statistics.last().map_or(0, |range| range.end)
    }

    /// Where the statistics of each batch normalisation lie: the means, then as many variances.
    pub fn statistic_ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.statistics.iter().filter(|range| !range.is_empty()).cloned()
    }

    /// Multiplications of one image's way through the network.
    pub fn multiplications(&self) -> usize {
        let of = |layer: &Layer| match layer {
            Layer::Linear(linear) => linear.inputs * linear.outputs,
            Layer::Conv(conv) => conv.multiplications(),
            _ => 0,
        };
        self.layers.iter().map(of).sum()
    }

    /// Whether there are only fully connected layers and ReLUs.
    pub fn is_fully_connected(&self) -> bool {
        self.layers.iter().all(|layer| matches!(layer, Layer::Linear(_) | Layer::Relu))
    }

    /// How many images are best read together: few enough to stay in the second cache, and enough that
    /// weights are not fetched for each.
    pub fn reading_block(&self) -> usize {
        const CACHE: usize = 256 * 1024; // numbers
        let together = self.layers_alone().saturating_sub(1)..;
        (CACHE / self.widths[together].iter().sum::<usize>()).clamp(16, 64)
    }

    /// How many images a layer's output is kept of in reading, of so many.
    pub(super) fn kept_in_reading(&self, layer: usize, images: usize) -> usize {
        if layer + 1 < self.layers_alone() { images.min(self.images_alone()) } else { images }
    }

    /// The layers that an image goes through alone in reading: those before the first fully connected one, whose weights
    /// are too many to be fetched for each image.
    pub(super) fn layers_alone(&self) -> usize {
        let is_linear = |layer: &Layer| matches!(layer, Layer::Linear(_));
        let mut alone = self.layers.iter().position(is_linear).unwrap_or(self.layers.len());
        // A residual that reaches over the border needs what lies before it of all images.
        for (index, layer) in self.layers.iter().enumerate().rev() {
            match *layer {
                Layer::Add { from } if index >= alone => alone = alone.min(from + 1),
                _ => {}
            }
        }
        alone
    }

    /// How many images go through those layers at a time: as many as stay in the second cache.
    pub(super) fn images_alone(&self) -> usize {
        const CACHE: usize = 64 * 1024; // numbers
        let widest = self.widths[..self.layers_alone()].iter().max().copied().unwrap_or(1);
        (CACHE / widest).max(1)
    }

    /// Outputs of the layer that the pixels go into.
    pub fn first_width(&self) -> usize {
        self.widths[0]
    }

    /// The layer that the pixels go into.
    pub(super) fn first(&self) -> Linear {
        let Layer::Linear(linear) = self.layers[0] else { unreachable!("the first layer is linear") };
        linear
    }

    /// The fully connected layers, each with its range in the flat list of parameters.
    pub fn linear_layers(&self) -> impl Iterator<Item = (Linear, Range<usize>)> {
        self.layers.iter().zip(&self.ranges).filter_map(|(layer, range)| match layer {
            Layer::Linear(linear) => Some((*linear, range.clone())),
            _ => None,
        })
    }

    /// All numbers of the network by name, in their order.
    pub fn tensors(&self) -> Vec<Tensor> {
        let mut tensors = vec![];
        let mut numbers = [0; 3];
        for (index, layer) in self.layers.iter().enumerate() {
            let mut number = |kind: usize| {
                numbers[kind] += 1;
                numbers[kind]
            };
            // The parts lie one behind the other.
            let mut parts = |name: String,
                             parts: Vec<(&str, Vec<usize>)>,
                             place: fn(Range<usize>) -> Place,
                             start| {
                let mut start = start;
                for (part, shape) in parts {
                    let end = start + shape.iter().product::<usize>();
                    tensors.push(Tensor { name: format!("{name}.{part}"), shape, place: place(start..end) });
                    start = end;
                }
            };
            let start = self.ranges[index].start;
            match layer {
                Layer::Linear(Linear { inputs, outputs }) => {
                    let shapes = vec![("weight", vec![*inputs, *outputs]), ("bias", vec![*outputs])];
                    parts(format!("linear{}", number(0)), shapes, Place::Parameters, start);
                }
                Layer::Conv(conv) => {
                    let mut shapes = vec![("weight", conv.weight_shape())];
                    if conv.bias {
                        shapes.push(("bias", vec![conv.outputs()]));
                    }
                    parts(format!("conv{}", number(1)), shapes, Place::Parameters, start);
                }
                Layer::BatchNorm(BatchNorm { channels, .. }) => {
                    let name = format!("batch_norm{}", number(2));
                    let shapes =
                        |names: [&'static str; 2]| names.map(|name| (name, vec![*channels])).to_vec();
                    parts(name.clone(), shapes(["weight", "bias"]), Place::Parameters, start);
                    let start = self.statistics[index].start;
                    parts(name, shapes(["mean", "variance"]), Place::Statistics, start);
                }
                _ => {}
            }
        }
        tensors
    }
}
