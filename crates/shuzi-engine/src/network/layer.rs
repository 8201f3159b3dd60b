//! What a layer is, as a recipe names it ([`LayerKind`]) and as a network has it ([`Layer`]), and the shape of what comes out of it.
//!
//! A recipe names a layer's own numbers. A network's layer also knows what goes into it, and a residual has become its
//! inner layers with an addition behind them. The set is closed. Nothing is computed here.

use super::{batch_norm::BatchNorm, conv::Conv, crop::Crop, linear::Linear};
use crate::{image::SIDE, kernels::pooling::Windows};
use serde::{Deserialize, Serialize};
use std::fmt;

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
    pub(super) fn flat(channels: usize) -> Self {
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
    /// The largest number of so many pixels above each other: the width stays.
    MaxPoolRows(usize),
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
    pub(super) fn parameter_count(&self) -> usize {
        match self {
            Layer::Linear(linear) => linear.parameter_count(),
            Layer::Conv(conv) => conv.parameter_count(),
            Layer::BatchNorm(batch_norm) => 2 * batch_norm.channels,
            _ => 0,
        }
    }

    /// How many numbers it measures.
    pub(super) fn statistic_count(&self) -> usize {
        match self {
            Layer::BatchNorm(batch_norm) => 2 * batch_norm.channels,
            _ => 0,
        }
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
            Layer::MaxPool(Windows { window_width: 1, window_height, .. }) if window_height > 1 => {
                LayerKind::MaxPoolRows(window_height)
            }
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
