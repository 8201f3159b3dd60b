//! What the C function of a network does in which order, and where the outputs of its layers lie.
//!
//! In: the layers of a quantised network. Out: calls of the [functions](super::functions), and the place of each output in a
//! workspace that the caller lends, so that what is no longer needed is written over. Some layers are fused with the one before,
//! whose function does their work too. Names are those of a model called "shuzi".

use super::weights::{WeightOrder, Weights};
use crate::{
    image::{PIXELS, SIDE},
    network::{Architecture, Conv, Layer, Linear, QuantizedNetwork, Shape},
};
use std::ops::Range;

pub(super) struct Plan<'a> {
    /// Calls of functions, in order.
    calls: Vec<String>,
    pub weights: Weights<'a>,
    pub workspace: Workspace,
    /// Where the logits lie in it.
    logits: usize,
    n_linear: usize,
    n_conv: usize,
}

/// What the function of a layer works on.
struct Step {
    /// Where its input lies in the workspace.
    x: usize,
    /// Where its output lies.
    y: usize,
    input: Shape,
    /// The shape of its output, that of the layers that are fused with it.
    output: Shape,
    /// The smallest output: 0 if a ReLU is fused with it.
    least: &'static str,
    /// Rows and columns of the max pooling that is fused with it, or 1.
    pool: usize,
}

impl<'a> Plan<'a> {
    pub(super) fn new(architecture: &Architecture, quantized: &'a QuantizedNetwork) -> Self {
        let (layers, shapes) = (architecture.layers(), architecture.shapes());
        let fusion = Fusion { layers };
        let mut plan = Plan {
            calls: vec![],
            weights: Weights::new(quantized),
            workspace: Workspace::default(),
            logits: 0,
            n_linear: 0,
            n_conv: 0,
        };
        // The pixels come first, as numbers like all others; a crop at the beginning takes those that it needs.
        let (is_cropped, first, side) = match layers[0] {
            Layer::Crop(crop) => (true, crop.corner().0, crop.output().height),
            _ => (false, 0, SIDE),
        };
        let pixels_last_use = if is_cropped { fusion.last_use(0) } else { 0 };
        let mut before = plan.workspace.place(&[], side * side, 0, pixels_last_use);
        plan.calls.push(format!("shuzi_pixels(image, {first}, {side}, workspace + {})", before.place.start));
        let mut values: Vec<Value> = vec![];
        for (index, &layer) in layers.iter().enumerate() {
            let is_done = fusion.is_fused(index) || (index == 0 && is_cropped);
            if !is_done {
                let living: Vec<Value> = values.iter().chain([&before]).cloned().collect();
                let output = shapes[fusion.last_fused(index)];
                let value = plan.workspace.place(&living, output.len(), index, fusion.last_use(index));
                let step = Step {
                    x: before.place.start,
                    y: value.place.start,
                    input: index.checked_sub(1).map_or(Shape::IMAGE, |before| shapes[before]),
                    output,
                    least: if fusion.is_rectified(index) { "0" } else { "INT16_MIN" },
                    pool: fusion.pool(index),
                };
                let call = plan.call(layer, &step, &values);
                plan.calls.push(call);
                before = value;
            }
            values.push(before.clone());
        }
        plan.logits = before.place.start;
        plan
    }

    fn call(&mut self, layer: Layer, step: &Step, values: &[Value]) -> String {
        let &Step { x, y, input: Shape { height, width, channels }, output, .. } = step;
        match layer {
            Layer::Linear(linear) => self.call_linear(linear, step),
            Layer::Conv(conv) => self.call_convolution(conv, step),
            Layer::Crop(crop) => {
                let (first, side) = (crop.corner().0, crop.output().height);
                format!("shuzi_crop(workspace + {x}, {width}, {channels}, {first}, {side}, workspace + {y})")
            }
            Layer::MaxPool(windows) => {
                let window = windows.window_height;
                format!(
                    "shuzi_maximum(workspace + {x}, {height}, {width}, {channels}, {window}, workspace + {y})"
                )
            }
            Layer::AveragePool(windows) => {
                let window = windows.window_height;
                format!(
                    "shuzi_mean(workspace + {x}, {height}, {width}, {channels}, {window}, workspace + {y})"
                )
            }
            Layer::Relu => format!("shuzi_rectify(workspace + {x}, {}, workspace + {y})", output.len()),
            Layer::Add { from } => {
                let other = values[from].place.start;
                format!("shuzi_add(workspace + {other}, workspace + {x}, {}, workspace + {y})", output.len())
            }
            Layer::Flatten | Layer::BatchNorm(_) | Layer::Dropout(_) => {
                unreachable!("not in a quantised network, or fused")
            }
        }
    }

    fn call_linear(&mut self, Linear { inputs, outputs }: Linear, step: &Step) -> String {
        self.n_linear += 1;
        let name = format!("linear{}", self.n_linear);
        self.weights.add_layer(&name, inputs, outputs, WeightOrder::ByOutput);
        step.call_with_weights("shuzi_convolution", &name, &format!("1, 1, {inputs}, 1, 1, 0, {outputs}, 1"))
    }

    fn call_convolution(&mut self, conv: Conv, step: &Step) -> String {
        self.n_conv += 1;
        let name = format!("conv{}", self.n_conv);
        let Shape { height, width, channels } = conv.input();
        let (kernel, stride, padding) = (conv.kernel(), conv.stride(), conv.padding());
        let shape = format!("{height}, {width}, {channels}, {kernel}, {stride}, {padding}");
        if conv.is_depthwise() {
            self.weights.add_layer(&name, conv.inputs(), conv.outputs(), WeightOrder::ByInput);
            return step.call_with_weights("shuzi_depthwise", &name, &shape);
        }
        self.weights.add_layer(&name, conv.inputs(), conv.outputs(), WeightOrder::ByOutput);
        let shape = format!("{shape}, {}, {}", conv.outputs(), step.pool);
        step.call_with_weights("shuzi_convolution", &name, &shape)
    }

    /// Whether a function is called.
    pub(super) fn calls(&self, name: &str) -> bool {
        let sums =
            |call: &String| call.starts_with("shuzi_convolution(") || call.starts_with("shuzi_depthwise(");
        match name {
            "shuzi_end" => self.calls.iter().any(sums),
            _ => self.calls.iter().any(|call| call.starts_with(&format!("{name}("))),
        }
    }

    /// The function that calls the others.
    pub(super) fn recognize(&self) -> String {
        let calls: String = self.calls.iter().map(|call| format!("    {call};\n")).collect();
        let logits = self.logits;
        format!(
            "/* The label of an image, from 0; fills the logits. The workspace's content does not matter. */
static inline int shuzi_recognize(
    const uint8_t image[{PIXELS}], int16_t logits[SHUZI_CLASSES], int16_t workspace[SHUZI_WORKSPACE])
{{
    int label = 0;
{calls}    for (int i = 0; i < SHUZI_CLASSES; i++) {{
        logits[i] = workspace[{logits} + i];
        if (logits[i] > logits[label])
            label = i;
    }}
    return label;
}}

"
        )
    }
}

impl Step {
    fn call_with_weights(&self, function: &str, name: &str, shape: &str) -> String {
        let Step { x, y, least, .. } = self;
        format!(
            "{function}(workspace + {x}, {shape}, shuzi_{name}_weights,\n        shuzi_{name}_biases, shuzi_{name}_shifts, {least}, workspace + {y})"
        )
    }
}

/// Which layers are fused with the one before, whose function does their work too.
struct Fusion<'a> {
    layers: &'a [Layer],
}

impl Fusion<'_> {
    fn is_fused(&self, index: usize) -> bool {
        let layers = self.layers;
        let (Some(before), Some(layer)) = (index.checked_sub(1), layers.get(index)) else { return false };
        let is_rectified = layers[before] == Layer::Relu && before > 0 && !self.is_added(before - 1);
        let root = if is_rectified { before - 1 } else { before };
        match layer {
            Layer::Flatten => true,
            Layer::Relu => layers[before].has_weights() && !self.is_added(before),
            Layer::MaxPool(_) => {
                matches!(layers[root], Layer::Conv(conv) if !conv.is_depthwise()) && !self.is_added(before)
            }
            _ => false,
        }
    }

    /// The last layer that is fused with this one, or it itself.
    fn last_fused(&self, index: usize) -> usize {
        (index..).find(|&next| !self.is_fused(next + 1)).expect("layers end")
    }

    fn is_rectified(&self, index: usize) -> bool {
        self.is_fused(index + 1) && self.layers[index + 1] == Layer::Relu
    }

    /// Rows and columns of the max pooling that is fused with this layer, or 1.
    fn pool(&self, index: usize) -> usize {
        let window = self.layers[index..=self.last_fused(index)].iter().find_map(|layer| match layer {
            Layer::MaxPool(windows) => Some(windows.window_height),
            _ => None,
        });
        window.unwrap_or(1)
    }

    /// The last end of a residual that adds what this layer gives.
    fn last_addition(&self, index: usize) -> Option<usize> {
        self.layers.iter().rposition(|layer| *layer == Layer::Add { from: index })
    }

    fn is_added(&self, index: usize) -> bool {
        self.last_addition(index).is_some()
    }

    /// The last layer that reads what this one and those that are fused with it give.
    fn last_use(&self, index: usize) -> usize {
        let last = self.last_fused(index);
        let additions = (index..=last).filter_map(|layer| self.last_addition(layer));
        additions.chain([last + 1]).max().expect("one at least")
    }
}

/// The numbers that the caller lends.
#[derive(Default)]
pub(super) struct Workspace {
    pub len: usize,
}

/// What a layer gives, and where it lies in the workspace.
#[derive(Clone)]
struct Value {
    place: Range<usize>,
    /// The last layer that needs it.
    last_use: usize,
}

impl Workspace {
    /// The first gap for what layer `index` gives, beside all values that are still needed then.
    fn place(&mut self, values: &[Value], length: usize, index: usize, last_use: usize) -> Value {
        let mut living: Vec<_> = values.iter().filter(|value| value.last_use >= index).collect();
        living.sort_by_key(|value| value.place.start);
        let mut start = 0;
        for value in living {
            if start + length <= value.place.start {
                break;
            }
            start = start.max(value.place.end);
        }
        self.len = self.len.max(start + length);
        Value { place: start..start + length, last_use }
    }
}
