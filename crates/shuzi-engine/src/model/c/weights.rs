//! Weights, biases and shifts as arrays in C.
//!
//! In: a quantised network, whose layers with weights come in their order. Out: the text of the arrays, and how many bytes they take.

use crate::network::QuantizedNetwork;
use std::fmt::Write;

/// Numbers of a line end before this column.
const LINE: usize = 100;

/// How a layer's weights lie in the header.
#[derive(Clone, Copy)]
pub(super) enum WeightOrder {
    /// All weights of an output together.
    ByOutput,
    /// As they lie in the network: all outputs' weights of an input together, as depthwise convolutions read them.
    ByInput,
}

/// The arrays of the layers so far.
pub(super) struct Weights<'a> {
    quantized: &'a QuantizedNetwork,
    /// The arrays in C.
    pub text: String,
    /// Bytes that they take.
    pub bytes: usize,
    /// How many weights of the network they have.
    n_weights: usize,
    /// How many outputs.
    n_outputs: usize,
}

impl<'a> Weights<'a> {
    pub(super) fn new(quantized: &'a QuantizedNetwork) -> Self {
        Weights { quantized, text: String::new(), bytes: 0, n_weights: 0, n_outputs: 0 }
    }

    /// Adds the arrays of the next layer with weights, of so many inputs for each output, and so many outputs.
    pub(super) fn add_layer(&mut self, name: &str, inputs: usize, outputs: usize, order: WeightOrder) {
        let weights = &self.quantized.weights[self.n_weights..][..inputs * outputs];
        let biases = &self.quantized.biases[self.n_outputs..][..outputs];
        let shifts = &self.quantized.shifts[self.n_outputs..][..outputs];
        let by_output = (0..outputs).flat_map(|output| weights.iter().skip(output).step_by(outputs));
        let values: Vec<_> = match order {
            WeightOrder::ByOutput => by_output.collect(),
            WeightOrder::ByInput => weights.iter().collect(),
        };
        self.add_array("int8_t", &format!("{name}_weights"), values.into_iter());
        self.add_array("int16_t", &format!("{name}_biases"), biases.iter());
        self.add_array("uint8_t", &format!("{name}_shifts"), shifts.iter());
        self.bytes += weights.len() + 3 * outputs;
        self.n_weights += weights.len();
        self.n_outputs += outputs;
    }

    fn add_array<T: ToString>(
        &mut self,
        element: &str,
        name: &str,
        values: impl ExactSizeIterator<Item = T>,
    ) {
        let text = &mut self.text;
        writeln!(text, "static const {element} shuzi_{name}[{}] = {{", values.len())
            .expect("a string takes everything");
        let mut column = 0;
        for value in values {
            let value = value.to_string();
            if column > 0 && column + value.len() + 2 > LINE {
                text.push('\n');
                column = 0;
            }
            let space = if column == 0 { "    " } else { " " };
            write!(text, "{space}{value},").expect("a string takes everything");
            column += space.len() + value.len() + 1;
        }
        text.push_str("\n};\n\n");
    }
}
