//! ONNX: the network as a graph that runtimes in other languages and on other processors run.
//!
//! Source: <https://github.com/onnx/onnx>, `onnx.proto3` and `docs/Operators.md`. The graph does all that the library does from
//! the 784 bytes of a digit on: pixel scale, crop, layers, temperature and softmax. ONNX has a picture's channels first,
//! `[batch, channels, height, width]`, the library has them last: weights of convolutions are turned when they are written,
//! and a picture is turned back where it becomes a list, so that the weights of linear layers are those of the native file. Only
//! written, never read.
//!
//! Throughout, a value of the graph is a picture `[batch, channels, height, width]` where its [`Shape`] has several pixels, and
//! a list `[batch, channels]` where it has one: so both sides of a residual have the same form.

use super::protobuf::Message;
use crate::{
    classes::Classes,
    image::SIDE,
    network::{Architecture, Conv, Layer, Network, Shape, Tensor, batch_norm::EPSILON, crop::Crop},
};

/// The version of the file format: that which came with the operators.
const IR_VERSION: i64 = 8;
/// The version of the set of operators: what all runtimes of the last years know.
const OPERATORS: i64 = 17;
/// The name of the graph's input.
const PIXELS: &str = "pixels";
/// The names of what comes out.
const LOGITS: &str = "logits";
const PROBABILITIES: &str = "probabilities";

/// The shape of what goes in. A graph has one, which runtimes insist on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputShape {
    /// `[batch, 28, 28]`, as MNIST's arrays are.
    Nhw,
    /// `[batch, 1, 28, 28]`, with an axis for channels, as PyTorch and the ONNX model zoo have it.
    Nchw,
}

/// A network as an ONNX file. The probabilities are those of the logits divided by `temperature`.
pub fn write(
    network: &Network,
    input: InputShape,
    classes: &Classes,
    temperature: Option<f32>,
    metadata: &[(&str, String)],
) -> Vec<u8> {
    let doc = match classes.are_digits() {
        true => "Reads handwritten digits: pixels to the probability of each digit, 0 to 9.".to_string(),
        false => format!("Classifies {classes}: pixels to the probability of each class."),
    };
    let mut graph = Graph::default();
    graph.add_layers(network, input);
    graph.add_probabilities(temperature);
    let property = |message: Message, (key, value): &(&str, String)| {
        message.message(14, Message::default().text(1, key).text(2, value))
    };
    Message::default()
        .integer(1, IR_VERSION)
        .text(2, "shuzi") // producer_name
        .text(3, env!("CARGO_PKG_VERSION"))
        .text(6, &doc) // doc_string
        .message(7, graph.into_message(input, classes))
        .message(8, Message::default().text(1, "").integer(2, OPERATORS)) // opset_import
        .each(metadata, property)
        .into_bytes()
}

/// One step of the graph: an `operator` of ONNX makes one `output` of its `inputs`.
struct Node {
    operator: &'static str,
    inputs: Vec<String>,
    output: String,
    attributes: Vec<(&'static str, Attribute)>,
}

enum Attribute {
    Float(f32),
    Integer(usize),
    Integers(Vec<usize>),
}

#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    /// Weights and other numbers that are known, as `TensorProto`.
    constants: Vec<Message>,
}

impl Graph {
    /// From pixels to logits.
    fn add_layers(&mut self, network: &Network, input: InputShape) {
        let architecture = network.architecture();
        let mut tensors = architecture.tensors().into_iter();
        let mut x = self.add_pixels(architecture, input);
        let mut shape = Shape::IMAGE;
        let mut outputs: Vec<String> = vec![];
        for (layer, &output) in architecture.layers().iter().zip(architecture.shapes()) {
            let mut next = |count: usize| -> Vec<Tensor> { tensors.by_ref().take(count).collect() };
            x = match layer {
                Layer::Linear(_) => {
                    let x = self.list(x, shape);
                    let weights = self.tensors(network, &next(2));
                    self.add_named("Gemm", x, weights, vec![])
                }
                Layer::Conv(conv) => {
                    let tensors = next(if conv.has_bias() { 2 } else { 1 });
                    self.on_picture(x, [shape, output], |graph, x| {
                        graph.add_convolution(x, conv, network, &tensors)
                    })
                }
                Layer::Crop(crop) => self.on_picture(x, [shape, output], |graph, x| graph.add_crop(x, crop)),
                Layer::MaxPool(windows) => {
                    let window = [windows.window_height, windows.window_width];
                    self.on_picture(x, [shape, output], |graph, x| graph.add_pool("MaxPool", x, window))
                }
                Layer::AveragePool(windows) => {
                    let window = [windows.window_height, windows.window_width];
                    let is_global = window == [shape.height, shape.width];
                    self.on_picture(x, [shape, output], |graph, x| match is_global {
                        true => graph.add("GlobalAveragePool", [x], []),
                        false => graph.add_pool("AveragePool", x, window),
                    })
                }
                Layer::BatchNorm(batch_norm) => {
                    let numbers = self.tensors(network, &next(4));
                    let epsilon = vec![("epsilon", Attribute::Float(EPSILON))];
                    let y = self.add_named("BatchNormalization", x, numbers, epsilon);
                    if batch_norm.rectified { self.add("Relu", [y], []) } else { y }
                }
                Layer::Relu => self.add("Relu", [x], []),
                Layer::Dropout(_) => x, // in training only
                Layer::Add { from } => self.add("Add", [outputs[*from].clone(), x], []),
                Layer::Flatten => self.list(x, shape),
            };
            outputs.push(x.clone());
            shape = output;
        }
        // No node uses what the last one gives, so it may get the name of what comes out.
        self.nodes.last_mut().expect("there are layers").output = LOGITS.into();
    }

    /// The input, scaled, in the shape that the first layer takes.
    fn add_pixels(&mut self, architecture: &Architecture, input: InputShape) -> String {
        let mut x = PIXELS.to_string();
        let factor = architecture.pixel_scale().factor();
        if factor != 1.0 {
            let factor = self.numbers("pixel_scale", &[], &[factor]);
            x = self.add("Mul", [x, factor], []);
        }
        if input == InputShape::Nhw && !matches!(architecture.layers()[0], Layer::Linear(_)) {
            x = self.unsqueeze(x, &[1]);
        }
        x
    }

    fn add_convolution(&mut self, x: String, conv: &Conv, network: &Network, tensors: &[Tensor]) -> String {
        let mut weights = vec![self.convolution_weight(conv, network, &tensors[0])];
        weights.extend(self.tensors(network, &tensors[1..]));
        let group = if conv.is_depthwise() { conv.outputs() } else { 1 };
        let attributes = vec![
            ("kernel_shape", Attribute::Integers(vec![conv.kernel(); 2])),
            ("strides", Attribute::Integers(vec![conv.stride(); 2])),
            ("pads", Attribute::Integers(vec![conv.padding(); 4])),
            ("group", Attribute::Integer(group)),
        ];
        self.add_named("Conv", x, weights, attributes)
    }

    fn add_crop(&mut self, x: String, crop: &Crop) -> String {
        let (top, left) = crop.corner();
        let Shape { height, width, .. } = crop.output();
        let starts = self.integers("Slice", "starts", &[top, left]);
        let ends = self.integers("Slice", "ends", &[top + height, left + width]);
        let axes = self.integers("Slice", "axes", &[2, 3]);
        self.add("Slice", [x, starts, ends, axes], [])
    }

    /// A pooling whose windows lie side by side.
    fn add_pool(&mut self, operator: &'static str, x: String, window: [usize; 2]) -> String {
        let attributes = ["kernel_shape", "strides"].map(|name| (name, Attribute::Integers(window.to_vec())));
        self.add(operator, [x], attributes)
    }

    fn add_probabilities(&mut self, temperature: Option<f32>) {
        let mut logits = LOGITS.to_string();
        if let Some(temperature) = temperature {
            let temperature = self.numbers("temperature", &[], &[temperature]);
            logits = self.add("Div", [logits, temperature], []);
        }
        self.add("Softmax", [logits], [("axis", Attribute::Integer(1))]);
        self.nodes.last_mut().expect("just added").output = PROBABILITIES.into();
    }

    /// What an operator on pictures gives, whose input and output are lists where they have one pixel.
    fn on_picture(
        &mut self,
        x: String,
        [input, output]: [Shape; 2],
        add: impl FnOnce(&mut Graph, String) -> String,
    ) -> String {
        let x = if is_one_pixel(input) { self.unsqueeze(x, &[2, 3]) } else { x };
        let y = add(self, x);
        if is_one_pixel(output) { self.flatten(y) } else { y }
    }

    /// A value as a list in the library's order: row, column, channel.
    fn list(&mut self, mut x: String, shape: Shape) -> String {
        if is_one_pixel(shape) {
            return x;
        }
        if shape.channels > 1 {
            let channels_last = Attribute::Integers(vec![0, 2, 3, 1]);
            x = self.add("Transpose", [x], [("perm", channels_last)]);
        }
        self.flatten(x)
    }

    fn flatten(&mut self, x: String) -> String {
        self.add("Flatten", [x], [("axis", Attribute::Integer(1))])
    }

    fn unsqueeze(&mut self, x: String, axes: &[usize]) -> String {
        let axes = self.integers("Unsqueeze", "axes", axes);
        self.add("Unsqueeze", [x, axes], [])
    }

    /// Adds a node that is named after its operator: what it gives.
    fn add<const INPUTS: usize, const ATTRIBUTES: usize>(
        &mut self,
        operator: &'static str,
        inputs: [String; INPUTS],
        attributes: [(&'static str, Attribute); ATTRIBUTES],
    ) -> String {
        let output = self.next_name(operator);
        self.push(Node {
            operator,
            inputs: inputs.into(),
            output,
            attributes: attributes.into_iter().collect(),
        })
    }

    /// What the next node of this operator is called: `relu1`.
    fn next_name(&self, operator: &'static str) -> String {
        let number = 1 + self.nodes.iter().filter(|node| node.operator == operator).count();
        format!("{}{number}", operator.to_lowercase())
    }

    /// Adds a node that is named after its weights: `conv1` for `conv1.weight`.
    fn add_named(
        &mut self,
        operator: &'static str,
        x: String,
        weights: Vec<String>,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> String {
        let (name, _) = weights[0].split_once('.').expect("a layer and a part");
        let output = name.to_string();
        self.push(Node { operator, inputs: [vec![x], weights].concat(), output, attributes })
    }

    fn push(&mut self, node: Node) -> String {
        let output = node.output.clone();
        self.nodes.push(node);
        output
    }

    /// Adds tensors as the native file has them: their names.
    fn tensors(&mut self, network: &Network, tensors: &[Tensor]) -> Vec<String> {
        tensors
            .iter()
            .map(|tensor| self.numbers(&tensor.name, &tensor.shape, network.tensor(tensor)))
            .collect()
    }

    /// Adds numbers that are known: their name.
    fn numbers(&mut self, name: &str, shape: &[usize], numbers: &[f32]) -> String {
        const FLOAT: i64 = 1;
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.constant(name, FLOAT, shape, &bytes)
    }

    /// Adds a list of integers for the node that comes next: its name, `slice1.starts`.
    fn integers(&mut self, operator: &'static str, part: &str, numbers: &[usize]) -> String {
        const INT64: i64 = 7;
        let bytes: Vec<u8> = numbers.iter().flat_map(|&number| (number as u64).to_le_bytes()).collect();
        let name = format!("{}.{part}", self.next_name(operator));
        self.constant(&name, INT64, &[numbers.len()], &bytes)
    }

    fn constant(&mut self, name: &str, element: i64, shape: &[usize], bytes: &[u8]) -> String {
        let tensor = Message::default()
            .each(shape, |message, &length| message.integer(1, length as i64)) // dims
            .integer(2, element) // data_type
            .text(8, name)
            .bytes(9, bytes); // raw_data
        self.constants.push(tensor);
        name.to_string()
    }

    /// From `[kernel, kernel, channels, outputs]` to `[outputs, channels, kernel, kernel]`; depthwise it has one channel.
    fn convolution_weight(&mut self, conv: &Conv, network: &Network, tensor: &Tensor) -> String {
        let (places, outputs) = (conv.kernel() * conv.kernel(), conv.outputs());
        let (weight, channels) = (network.tensor(tensor), conv.inputs() / places);
        let mut turned = Vec::with_capacity(weight.len());
        for output in 0..outputs {
            for channel in 0..channels {
                turned
                    .extend((0..places).map(|place| weight[(place * channels + channel) * outputs + output]));
            }
        }
        self.numbers(&tensor.name, &[outputs, channels, conv.kernel(), conv.kernel()], &turned)
    }

    /// As `GraphProto`.
    fn into_message(self, input: InputShape, classes: &Classes) -> Message {
        let (pixels, of_each) = match classes.are_digits() {
            true => (
                "Digits of 28x28 pixels as in MNIST: from 0 for paper to 255 for ink, centred",
                "Of each digit, 0 to 9",
            ),
            false => {
                ("Images of 28x28 pixels, 0 to 255, as in the data set", "Of each class, see the metadata")
            }
        };
        let outputs = [
            (PROBABILITIES, format!("{of_each}: softmax(logits / temperature), which sums to 1")),
            (LOGITS, format!("{of_each}, as the last layer gives them")),
        ];
        let shape = match input {
            InputShape::Nhw => &[SIDE, SIDE][..],
            InputShape::Nchw => &[1, SIDE, SIDE],
        };
        Message::default()
            .each(self.nodes, |message, node| message.message(1, node.into_message()))
            .text(2, "shuzi") // name
            .each(self.constants, |message, tensor| message.message(5, tensor)) // initializer
            .message(11, value(PIXELS, shape, pixels)) // input
            .each(outputs, |message, (name, doc)| message.message(12, value(name, &[classes.count()], &doc)))
    }
}

impl Node {
    /// As `NodeProto`.
    fn into_message(self) -> Message {
        Message::default()
            .each(&self.inputs, |message, input| message.text(1, input))
            .text(2, &self.output)
            .text(3, &self.output) // its name
            .text(4, self.operator)
            .each(self.attributes, |message, (name, value)| message.message(5, value.into_message(name)))
    }
}

impl Attribute {
    /// As `AttributeProto`; its last field says which of the others it has.
    fn into_message(self, name: &str) -> Message {
        let message = Message::default().text(1, name);
        match self {
            Attribute::Float(value) => message.float(2, value).integer(20, 1),
            Attribute::Integer(value) => message.integer(3, value as i64).integer(20, 2),
            Attribute::Integers(values) => {
                message.each(values, |message, value| message.integer(8, value as i64)).integer(20, 7)
            }
        }
    }
}

/// What goes in or comes out, float32 for each digit of a batch of any size, as `ValueInfoProto`.
fn value(name: &str, shape: &[usize], doc: &str) -> Message {
    let batch = Message::default().text(2, "batch"); // dim_param
    let dimension = |message: Message, &length: &usize| {
        message.message(1, Message::default().integer(1, length as i64)) // dim_value
    };
    let shape = Message::default().message(1, batch).each(shape, dimension);
    let tensor = Message::default().integer(1, 1).message(2, shape); // elem_type FLOAT
    Message::default().text(1, name).message(2, Message::default().message(1, tensor)).text(3, doc)
}

fn is_one_pixel(shape: Shape) -> bool {
    shape.height * shape.width == 1
}

#[cfg(test)]
mod tests;
