//! Layers as a recipe names them, chained into an [`Architecture`].
//!
//! In: [`LayerKind`]s. Out: layers whose shapes fit on each other, from the 784 pixels of an image to a logit for each class, or what is
//! wrong with them. Here a layer also learns what the one behind it takes over: a bias before batch normalisation is left out, and a
//! ReLU behind it becomes part of it.

use super::{
    Architecture, ConvKind, DepthwiseKind, Layer, LayerKind, Shape, batch_norm::BatchNorm, conv::Conv,
    crop::Crop, linear::Linear,
};
use crate::{
    classes::MAX_CLASSES,
    image::SIDE,
    kernels::{convolution::Geometry, pooling::Windows},
    preprocess::{PixelScale, strip::STRIP_HEIGHT},
};
use std::ops::Range;

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
    /// Rows alone are pooled, in a network for digits: its pictures and windows are squares.
    #[error("layer {layer} pools rows alone, which only a network for lines does")]
    RowsAlone {
        /// The layer's place, from 0.
        layer: usize,
    },
    /// Layers that read no line, see [`Architecture::of_lines`].
    #[error(
        "a network for lines has no layer that depends on the width, a step for every {MOST_COLUMNS_PER_STEP} columns or \
         fewer, and {classes} numbers for each step"
    )]
    Lines {
        /// The numbers that each step should have.
        classes: usize,
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
/// Columns of a strip for each step of a line network, at most: the labels of every strip fit into so many steps.
pub const MOST_COLUMNS_PER_STEP: usize = 4;
/// The width that a line network is described with; it reads any.
const LINE_WIDTH: usize = 64;

impl Architecture {
    /// Chains `layers` behind the 784 pixels of an image.
    ///
    /// # Errors
    ///
    /// If they do not lead from 784 pixels to 2 to [`MAX_CLASSES`] logits.
    pub fn new(pixel_scale: PixelScale, layers: &[LayerKind]) -> Result<Self, ArchitectureError> {
        let architecture = Architecture::of_pictures(pixel_scale, Shape::IMAGE, layers)?;
        if architecture.steps() != 1 {
            return Err(ArchitectureError::LastLayer);
        }
        let is_rows_alone = |shape: &Shape| shape.height != shape.width;
        match architecture.shapes.iter().position(is_rows_alone) {
            Some(layer) => Err(ArchitectureError::RowsAlone { layer }),
            None => Ok(architecture),
        }
    }

    /// Chains `layers` behind strips of [`STRIP_HEIGHT`] rows and any width. `classes` logits come out for each step.
    ///
    /// # Errors
    ///
    /// If they do not fit, one depends on the width, a step is more than [`MOST_COLUMNS_PER_STEP`] columns, or there are other
    /// classes.
    pub fn of_lines(layers: &[LayerKind], classes: usize) -> Result<Self, ArchitectureError> {
        let input = Shape { height: STRIP_HEIGHT, width: LINE_WIDTH, channels: 1 };
        let architecture = Architecture::of_pictures(PixelScale::Raw, input, layers)?;
        let steps = architecture.steps();
        let has_steps =
            steps > 0 && LINE_WIDTH.is_multiple_of(steps) && LINE_WIDTH / steps <= MOST_COLUMNS_PER_STEP;
        if has_steps && architecture.classes() == classes && architecture.reads_any_width() {
            Ok(architecture)
        } else {
            Err(ArchitectureError::Lines { classes })
        }
    }

    /// Chains `layers` behind pictures of another shape. Logits for each class come out, in one row of steps.
    ///
    /// # Errors
    ///
    /// If they do not lead from there to one row of 2 to [`MAX_CLASSES`] logits.
    pub(crate) fn of_pictures(
        pixel_scale: PixelScale,
        input: Shape,
        layers: &[LayerKind],
    ) -> Result<Self, ArchitectureError> {
        if layers.len() > MAX_LAYERS {
            return Err(ArchitectureError::TooManyLayers { found: layers.len() });
        }
        let mut chain = Chain::new(pixel_scale, input);
        chain.extend(layers)?;
        let Some(last) = layers.last() else { return Err(ArchitectureError::FirstLayer) };
        let Shape { height, channels: classes, .. } = chain.shape;
        if height != 1 || !(2..=MAX_CLASSES).contains(&classes) || *last == LayerKind::Relu {
            return Err(ArchitectureError::LastLayer);
        }
        Ok(chain.architecture)
    }

    fn empty(pixel_scale: PixelScale, input: Shape) -> Self {
        Architecture {
            pixel_scale,
            input,
            layers: vec![],
            ranges: vec![],
            statistics: vec![],
            shapes: vec![],
            widths: vec![],
        }
    }
}

/// The layers so far.
pub(super) struct Chain {
    pub architecture: Architecture,
    /// How many the recipe has named, for errors; a ReLU that batch normalisation takes along counts.
    named: usize,
    shape: Shape,
    numbers: usize,
}

impl Chain {
    pub(super) fn new(pixel_scale: PixelScale, input: Shape) -> Self {
        Chain { architecture: Architecture::empty(pixel_scale, input), named: 0, shape: input, numbers: 0 }
    }

    /// A convolution that comes last so far takes the ReLU behind it along.
    pub(super) fn rectify_last(&mut self) {
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
        let input = self.shape;
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
                let crop = self.crop(side)?;
                (Layer::Crop(crop), crop.output())
            }
            LayerKind::MaxPool(window) => {
                let (windows, output) = self.pool(window, window)?;
                (Layer::MaxPool(windows), output)
            }
            LayerKind::MaxPoolRows(window) => {
                let (windows, output) = self.pool(window, 1)?;
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
            LayerKind::Dropout(probability) => (self.dropout(probability)?, input),
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

    /// The middle of what comes out so far.
    fn crop(&self, side: usize) -> Result<Crop, ArchitectureError> {
        let (layer, input) = (self.named, self.shape);
        if side == 0 || side > input.height.min(input.width) {
            return Err(ArchitectureError::Window { layer, window: side, input });
        }
        Ok(Crop { input, side })
    }

    fn dropout(&self, probability: f32) -> Result<Layer, ArchitectureError> {
        if !(0.0..1.0).contains(&probability) {
            return Err(ArchitectureError::Dropout { layer: self.named, probability });
        }
        Ok(Layer::Dropout(probability))
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

    pub(super) fn push(&mut self, layer: Layer, output: Shape) -> Result<(), ArchitectureError> {
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
