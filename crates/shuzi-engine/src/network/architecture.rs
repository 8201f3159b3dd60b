//! The layers of a network, their shapes, and where their numbers lie.
//!
//! In: layers as a recipe names them. Out: an [`Architecture`], whose shapes fit. All parameters
//! lie in one flat list in the order of the layers, and what batch normalisation has measured lies in
//! another. Nothing is computed here.

use super::{batch_norm::BatchNorm, conv::Conv, crop::Crop, linear::Linear};
use crate::{
    classes::MAX_CLASSES,
    image::{PIXELS, SIDE},
    kernels::{convolution::Geometry, pixels::by_pixel::HALVES, pooling::Windows},
    preprocess::PixelScale,
};
use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range};

/// Rows, columns and numbers of a pixel; row by row, the numbers of a pixel side by side. What is no
/// picture is one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
}

impl Shape {
    /// A picture of a digit.
    pub const IMAGE: Shape = Shape { height: SIDE, width: SIDE, channels: 1 };

    /// So many numbers that are no picture.
    fn flat(channels: usize) -> Self {
        Shape { height: 1, width: 1, channels }
    }

    /// Numbers in all.
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape { height: 1, width: 1, channels } => write!(f, "{channels}"),
            Shape { height, width, channels } => write!(f, "{height}x{width}x{channels}"),
        }
    }
}

/// One layer's kind and shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    /// Fully connected.
    Linear(Linear),
    /// Convolution.
    Conv(Conv),
    /// The middle of the picture.
    Crop(Crop),
    /// The largest number of each window.
    MaxPool(Windows),
    /// The mean of each window.
    AveragePool(Windows),
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// Rectified linear unit, as wide as the layer before it.
    Relu,
    /// Leaves each number out with this probability, in training only.
    Dropout(f32),
    /// The end of a residual: adds what went into its first layer.
    Add {
        /// The layer, from 0, whose output is added.
        from: usize,
    },
    /// The same numbers, no longer a picture.
    Flatten,
}

/// A layer as a recipe names it: its own numbers, without those of the layer before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// Fully connected with so many outputs.
    Linear(usize),
    /// Convolution.
    Conv(ConvKind),
    /// The middle of the picture, so many rows and columns.
    Crop(usize),
    /// Convolution of each channel by itself.
    DepthwiseConv(DepthwiseKind),
    /// The largest number of each square of so many pixels, side by side.
    MaxPool(usize),
    /// The mean of each square of so many pixels, side by side.
    AveragePool(usize),
    /// The mean of all pixels.
    GlobalAveragePool,
    /// Batch normalisation.
    BatchNorm,
    /// Rectified linear unit.
    Relu,
    /// Leaves each number out with this probability, 0 to below 1, in training only.
    Dropout(f32),
    /// The same numbers, no longer a picture.
    Flatten,
    /// Layers whose input is added to their output, `y = x + f(x)` (He et al. 2016).
    Residual(Vec<LayerKind>),
}

/// A convolution as a recipe names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvKind {
    /// Numbers of a pixel that comes out.
    pub channels: usize,
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Pixels that the window moves on.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: usize,
    /// Rows and columns of zeros around the picture.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub padding: usize,
}

/// A depthwise convolution as a recipe names it: as many channels come out as go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthwiseKind {
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Pixels that the window moves on.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: usize,
    /// Rows and columns of zeros around the picture.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub padding: usize,
}

fn one() -> usize {
    1
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The layers of a network and where their numbers lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    pub(super) pixel_scale: PixelScale,
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

/// Layers that do not make a network from 784 pixels to a logit for each class.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// The pixels go into a layer with weights, or are cropped.
    #[error("the first layer must be linear, a convolution or a crop")]
    FirstLayer,
    /// A logit for each class must come out.
    #[error(
        "the last layer must be linear, or leave a number for each class: 2 to {MAX_CLASSES}, 10 for digits"
    )]
    LastLayer,
    /// A layer without neurons.
    #[error("layer {layer} has {width} outputs, expected 1 to {max}", max = MAX_WIDTH)]
    Width {
        /// Its place, from 0.
        layer: usize,
        /// Its outputs.
        width: usize,
    },
    /// A window that does not fit what goes into it.
    #[error("layer {layer} has a window of {window}x{window} pixels, but {input} goes in")]
    Window {
        /// The layer's place, from 0.
        layer: usize,
        /// Rows and columns of the window.
        window: usize,
        /// What goes in, padding included.
        input: Shape,
    },
    /// A stride of 0, or padding as large as the window.
    #[error(
        "layer {layer}: stride {stride} and padding {padding}, expected 1 or more and less than the window"
    )]
    Stride {
        /// The layer's place, from 0.
        layer: usize,
        /// The stride.
        stride: usize,
        /// The padding.
        padding: usize,
    },
    /// A probability that is none.
    #[error("layer {layer} drops out {probability}, expected 0 to below 1")]
    Dropout {
        /// The layer's place, from 0.
        layer: usize,
        /// The probability.
        probability: f32,
    },
    /// A residual that changes the shape, so that nothing can be added.
    #[error("the residual that ends at layer {layer} makes {output} of {input}, expected the same shape")]
    Residual {
        /// The place of its last layer, from 0.
        layer: usize,
        /// What goes in.
        input: Shape,
        /// What comes out.
        output: Shape,
    },
    /// More layers than anyone trains by this program.
    #[error("{found} layers or more, at most {max} are accepted", max = MAX_LAYERS)]
    TooManyLayers {
        /// Layers asked for.
        found: usize,
    },
    /// More memory for an image's way than anyone has.
    #[error("layer {layer} brings the numbers of an image to {found}, at most {max} are accepted", max = MAX_NUMBERS)]
    TooLarge {
        /// The layer's place, from 0.
        layer: usize,
        /// Numbers of all layers up to it.
        found: usize,
    },
}

/// Outputs that a layer may have at most: what is read from a file must not fill the memory.
pub const MAX_WIDTH: usize = 16_384;
/// Layers that a network may have at most.
pub const MAX_LAYERS: usize = 256;
/// Numbers that all layers together may give for an image, and parameters that they may have.
pub const MAX_NUMBERS: usize = 1 << 26;

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

/// The layers so far.
struct Chain {
    architecture: Architecture,
    /// How many the recipe has named, for errors; a ReLU that batch normalisation takes along counts.
    named: usize,
    shape: Shape,
    numbers: usize,
}

impl Chain {
    fn new(pixel_scale: PixelScale) -> Self {
        Chain { architecture: Architecture::empty(pixel_scale), named: 0, shape: Shape::IMAGE, numbers: 0 }
    }

    /// A convolution that comes last so far takes the ReLU behind it along.
    fn rectify_last(&mut self) {
        if let Some(Layer::Conv(conv)) = self.architecture.layers.last_mut() {
            conv.rectified = !conv.depthwise;
        }
    }

    fn extend(&mut self, kinds: &[LayerKind]) -> Result<(), ArchitectureError> {
        for (index, kind) in kinds.iter().enumerate() {
            if let LayerKind::Residual(inner) = kind {
                let Some(from) = self.architecture.layers.len().checked_sub(1) else {
                    return Err(ArchitectureError::FirstLayer);
                };
                let input = self.shape;
                self.extend(inner)?;
                if self.shape != input {
                    let layer = self.named.saturating_sub(1);
                    return Err(ArchitectureError::Residual { layer, input, output: self.shape });
                }
                self.push(Layer::Add { from }, input)?;
            } else if !(*kind == LayerKind::Relu && kinds[..index].last() == Some(&LayerKind::BatchNorm)) {
                self.push_kind(kind, kinds.get(index + 1))?;
            }
            self.named += 1;
        }
        Ok(())
    }

    /// A bias before batch normalisation would be taken away by it, so it is left out. A ReLU behind it becomes part of it.
    fn push_kind(&mut self, kind: &LayerKind, next: Option<&LayerKind>) -> Result<(), ArchitectureError> {
        let normalised = next == Some(&LayerKind::BatchNorm);
        let (layer, input) = (self.named, self.shape);
        let biased = |conv: Conv| if normalised { conv.without_bias() } else { conv };
        let (layer, output) = match *kind {
            LayerKind::Linear(outputs) => {
                let linear = Linear { inputs: input.len(), outputs: self.in_range(outputs)? };
                (Layer::Linear(linear), Shape::flat(outputs))
            }
            LayerKind::Conv(ConvKind { channels, kernel, stride, padding }) => {
                let conv = biased(self.conv(self.in_range(channels)?, kernel, stride, padding)?);
                (Layer::Conv(conv), conv.output())
            }
            LayerKind::DepthwiseConv(DepthwiseKind { kernel, stride, padding }) => {
                let conv = biased(self.conv(input.channels, kernel, stride, padding)?.depthwise());
                (Layer::Conv(conv), conv.output())
            }
            LayerKind::Crop(side) => {
                if side == 0 || side > input.height.min(input.width) {
                    return Err(ArchitectureError::Window { layer, window: side, input });
                }
                let crop = Crop { input, side };
                (Layer::Crop(crop), crop.output())
            }
            LayerKind::MaxPool(window) => {
                let (windows, output) = self.pool(window, window)?;
                (Layer::MaxPool(windows), output)
            }
            LayerKind::AveragePool(window) => {
                let (windows, output) = self.pool(window, window)?;
                (Layer::AveragePool(windows), output)
            }
            LayerKind::GlobalAveragePool => {
                let (windows, output) = self.pool(input.height, input.width)?;
                (Layer::AveragePool(windows), output)
            }
            LayerKind::BatchNorm => {
                let rectified = next == Some(&LayerKind::Relu);
                (Layer::BatchNorm(BatchNorm { channels: input.channels, rectified }), input)
            }
            LayerKind::Relu => (Layer::Relu, input),
            LayerKind::Dropout(probability) if (0.0..1.0).contains(&probability) => {
                (Layer::Dropout(probability), input)
            }
            LayerKind::Dropout(probability) => {
                return Err(ArchitectureError::Dropout { layer, probability });
            }
            LayerKind::Flatten => (Layer::Flatten, Shape::flat(input.len())),
            LayerKind::Residual(_) => unreachable!("extend looks into it"),
        };
        self.push(layer, output)
    }

    fn in_range(&self, width: usize) -> Result<usize, ArchitectureError> {
        match width {
            1..=MAX_WIDTH => Ok(width),
            width => Err(ArchitectureError::Width { layer: self.named, width }),
        }
    }

    /// A convolution of what comes out so far.
    fn conv(
        &self,
        outputs: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Result<Conv, ArchitectureError> {
        let (layer, input) = (self.named, self.shape);
        if stride == 0 || padding >= kernel.max(1) || padding >= SIDE {
            return Err(ArchitectureError::Stride { layer, stride, padding });
        }
        let input = Shape { height: input.height + 2 * padding, width: input.width + 2 * padding, ..input };
        if kernel == 0 || kernel > input.height.min(input.width) {
            return Err(ArchitectureError::Window { layer, window: kernel, input });
        }
        self.in_range(stride)?;
        let Shape { height, width, channels } = input;
        let geometry = Geometry { height, width, channels, kernel, stride, outputs };
        let conv = Conv::new(geometry).with_padding(padding);
        self.in_range(conv.output().channels)?;
        Ok(conv)
    }

    /// Windows of what comes out so far, and what comes out of them.
    fn pool(&self, window_height: usize, window_width: usize) -> Result<(Windows, Shape), ArchitectureError> {
        let (layer, input) = (self.named, self.shape);
        if window_height == 0 || window_height > input.height || window_width > input.width {
            return Err(ArchitectureError::Window { layer, window: window_height, input });
        }
        let Shape { height, width, channels } = input;
        let windows = Windows { height, width, channels, window_height, window_width };
        Ok((windows, Shape { height: windows.output_height(), width: windows.output_width(), channels }))
    }

    fn push(&mut self, layer: Layer, output: Shape) -> Result<(), ArchitectureError> {
        let architecture = &mut self.architecture;
        let place = architecture.layers.len();
        if place == MAX_LAYERS {
            return Err(ArchitectureError::TooManyLayers { found: MAX_LAYERS + 1 });
        }
        if place == 0 && !matches!(layer, Layer::Linear(_) | Layer::Conv(_) | Layer::Crop(_)) {
            return Err(ArchitectureError::FirstLayer);
        }
        self.numbers += output.len() + layer.parameter_count();
        if self.numbers > MAX_NUMBERS {
            return Err(ArchitectureError::TooLarge { layer: self.named, found: self.numbers });
        }
        let behind = |ranges: &[Range<usize>], count| {
            let start = ranges.last().map_or(0, |range| range.end);
            start..start + count
        };
        architecture.ranges.push(behind(&architecture.ranges, layer.parameter_count()));
        architecture.statistics.push(behind(&architecture.statistics, layer.statistic_count()));
        architecture.layers.push(layer);
        architecture.shapes.push(output);
        architecture.widths.push(output.len());
        self.shape = output;
        Ok(())
    }
}

/// Layers as a recipe names them, from layers in their order: each with the place of the last one in it.
#[derive(Default)]
pub(super) struct Kinds(pub Vec<(usize, LayerKind)>);

impl Kinds {
    /// Adds the layer at this place; the end of a residual takes those into it that came after its beginning.
    pub fn push(&mut self, place: usize, layer: &Layer) {
        let kind = match *layer {
            Layer::Linear(linear) => LayerKind::Linear(linear.outputs),
            Layer::Conv(conv) => {
                let (kernel, stride, padding) = (conv.kernel(), conv.stride(), conv.padding());
                if conv.is_depthwise() {
                    LayerKind::DepthwiseConv(DepthwiseKind { kernel, stride, padding })
                } else {
                    LayerKind::Conv(ConvKind { channels: conv.outputs(), kernel, stride, padding })
                }
            }
            Layer::Crop(crop) => LayerKind::Crop(crop.output().height),
            // Pictures and windows are squares.
            Layer::MaxPool(windows) => LayerKind::MaxPool(windows.window_height),
            Layer::AveragePool(windows) => LayerKind::AveragePool(windows.window_height),
            Layer::BatchNorm(BatchNorm { rectified, .. }) => {
                self.0.push((place, LayerKind::BatchNorm));
                if !rectified {
                    return;
                }
                LayerKind::Relu
            }
            Layer::Relu => LayerKind::Relu,
            Layer::Dropout(probability) => LayerKind::Dropout(probability),
            Layer::Flatten => LayerKind::Flatten,
            Layer::Add { from } => {
                let begin = self.0.partition_point(|(last, _)| *last <= from);
                let inner = self.0.split_off(begin);
                LayerKind::Residual(inner.into_iter().map(|(_, kind)| kind).collect())
            }
        };
        self.0.push((place, kind));
    }

    pub fn finish(self) -> Vec<LayerKind> {
        self.0.into_iter().map(|(_, kind)| kind).collect()
    }
}

impl Layer {
    /// Whether it is a linear layer or a convolution.
    pub fn has_weights(&self) -> bool {
        matches!(self, Layer::Linear(_) | Layer::Conv(_))
    }

    /// Whether a gradient takes the place of the one that it is made of.
    pub(super) fn changes_in_place(&self) -> bool {
        matches!(self, Layer::Relu | Layer::Dropout(_) | Layer::Flatten)
    }

    /// How many numbers it learns.
    fn parameter_count(&self) -> usize {
        match self {
            Layer::Linear(linear) => linear.parameter_count(),
            Layer::Conv(conv) => conv.parameter_count(),
            Layer::BatchNorm(batch_norm) => 2 * batch_norm.channels,
            _ => 0,
        }
    }

    /// How many numbers it measures.
    fn statistic_count(&self) -> usize {
        match self {
            Layer::BatchNorm(batch_norm) => 2 * batch_norm.channels,
            _ => 0,
        }
    }
}

impl Architecture {
    /// Chains `layers` behind the 784 pixels of an image.
    ///
    /// # Errors
    ///
    /// If they do not lead from 784 pixels to 2 to [`MAX_CLASSES`] logits.
    pub fn new(pixel_scale: PixelScale, layers: &[LayerKind]) -> Result<Self, ArchitectureError> {
        if layers.len() > MAX_LAYERS {
            return Err(ArchitectureError::TooManyLayers { found: layers.len() });
        }
        let mut chain = Chain::new(pixel_scale);
        chain.extend(layers)?;
        let Some(last) = layers.last() else { return Err(ArchitectureError::FirstLayer) };
        let Shape { height, width, channels: classes } = chain.shape;
        if (height, width) != (1, 1) || !(2..=MAX_CLASSES).contains(&classes) || *last == LayerKind::Relu {
            return Err(ArchitectureError::LastLayer);
        }
        Ok(chain.architecture)
    }

    fn empty(pixel_scale: PixelScale) -> Self {
        Architecture {
            pixel_scale,
            layers: vec![],
            ranges: vec![],
            statistics: vec![],
            shapes: vec![],
            widths: vec![],
        }
    }

    /// The same layers without batch normalisation where it stands right behind a layer with weights
    /// that can take its place, see [`super::Network::folded`]. With it for each new layer the old one,
    /// and the batch normalisation that went into it.
    pub(super) fn folded(&self) -> (Self, Vec<(usize, Option<usize>)>) {
        let mut chain = Chain::new(self.pixel_scale);
        let mut sources: Vec<(usize, Option<usize>)> = vec![];
        for (index, &layer) in self.layers.iter().enumerate() {
            let is_added = |index| self.layers.contains(&Layer::Add { from: index });
            let folds = match (layer, sources.last()) {
                (Layer::BatchNorm(_), Some(&(before, None))) if before + 1 == index => {
                    matches!(self.layers[before], Layer::Linear(_) | Layer::Conv(_)) && !is_added(before)
                }
                _ => false,
            };
            if folds {
                let place = sources.len() - 1;
                sources[place].1 = Some(index);
                if let Layer::Conv(conv) = &mut chain.architecture.layers[place] {
                    // It is the last one so far, so only its own range grows.
                    conv.bias = true;
                    chain.architecture.ranges[place].end += conv.outputs();
                }
                if let Layer::BatchNorm(BatchNorm { rectified: true, .. }) = layer {
                    chain.rectify_last();
                    chain.push(Layer::Relu, self.shapes[index]).expect("no larger than before");
                    sources.push((index, None));
                }
                continue;
            }
            let layer = match layer {
                Layer::Add { from } => {
                    let is_from = |&(layer, norm): &(usize, Option<usize>)| norm.unwrap_or(layer) == from;
                    Layer::Add { from: sources.iter().rposition(is_from).expect("an earlier layer") }
                }
                Layer::Relu if index > 0 && !is_added(index - 1) => {
                    chain.rectify_last();
                    layer
                }
                layer => layer,
            };
            chain.push(layer, self.shapes[index]).expect("no larger than before");
            sources.push((index, None));
        }
        (chain.architecture, sources)
    }

    /// Whether the layer before has done the work of this one already.
    pub(super) fn is_done_before(&self, index: usize) -> bool {
        let before = index.checked_sub(1).map(|before| self.layers[before]);
        self.layers[index] == Layer::Relu && matches!(before, Some(Layer::Conv(Conv { rectified: true, .. })))
    }

    /// The layers from pixels to logits.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// How many classes are told apart: the logits that come out.
    pub fn classes(&self) -> usize {
        self.widths.last().copied().unwrap_or(0)
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

    /// Cuts the parameters into shares for so many `threads`, in order and without gaps, and each
    /// share into tiles of one layer, and in the first layer of one half of the picture. The first
    /// `threads` shares are the first layer's weights, as many for either half; the others are the
    /// rest. A share may be empty.
    pub fn shares(&self, threads: usize) -> Vec<Vec<Tile>> {
        /// Parameters of a tile: what a tile of the first layer reads and writes fits into the first
        /// cache, in other layers many rows share what they read.
        const FIRST_TILE: usize = 4096;
        const OTHER_TILE: usize = 25600;
        /// Rows that stay together.
        const ROWS: usize = 4;
        let first_weights = PIXELS * self.widths[0];
        let rest = self.parameter_count() - first_weights;
        let mut shares: Vec<Vec<Tile>> = vec![vec![]; 2 * threads];
        for (layer, kind) in self.layers.iter().enumerate() {
            let Layer::Linear(linear) = kind else { continue };
            for start in (0..linear.inputs + 1).step_by(ROWS) {
                let rows = start..(start + ROWS).min(linear.inputs + 1);
                let first = self.ranges[layer].start;
                let range = first + rows.start * linear.outputs..first + rows.end * linear.outputs;
                let half = usize::from(start >= HALVES[1].start);
                let (share, tile_size) = if range.end <= first_weights {
                    let Range { start: first_row, end } = HALVES[half];
                    let row = half * (end - first_row) + start - first_row;
                    (row * threads / (2 * (end - first_row)), FIRST_TILE)
                } else {
                    let middle = (range.start + range.end) / 2 - first_weights;
                    (threads + middle * threads / rest, OTHER_TILE)
                };
                let other_half = layer == 0 && start == HALVES[1].start;
                match shares[share].last_mut() {
                    Some(tile)
                        if tile.layer == layer
                            && !other_half
                            && tile.range.len() + range.len() <= tile_size =>
                    {
                        (tile.rows.end, tile.range.end) = (rows.end, range.end);
                    }
                    _ => shares[share].push(Tile { layer, rows, range }),
                }
            }
        }
        shares
    }
}

/// A part of one layer's parameters that one thread computes the gradient of and updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    pub(super) layer: usize,
    /// Rows of the layer's weights; the row behind the last is the bias.
    pub(super) rows: Range<usize>,
    /// Its place in the flat list of parameters.
    pub range: Range<usize>,
}
