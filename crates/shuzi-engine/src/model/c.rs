//! C: a quantised network as one header, for processors without floating point and without an operating system.
//!
//! C99 with `<stdint.h>` alone: no library, no memory of its own, no floating point, and no shift of a negative number, which C
//! leaves open. The header has a function for each kind of layer that the network has, and one that calls them in order. What layers give lies
//! in a room that the caller lends; where it lies is worked out here, so that what is no longer needed is written over. All names
//! begin with the model's, so that a program can include several. Only written, never read.

use super::Model;
use crate::{
    image::{PIXELS, SIDE},
    network::{Architecture, Layer, QuantizedNetwork},
};
use std::{fmt::Write, ops::Range};

/// Numbers of a line end before this column.
const LINE: usize = 100;

/// How a layer's weights lie in the header.
#[derive(Clone, Copy)]
enum WeightOrder {
    /// All weights of an output together.
    ByOutput,
    /// As they lie in the network: all outputs' weights of an input together, as depthwise convolutions read them.
    ByInput,
}

impl Model {
    /// A C header with the weights and a function that reads an image, its logits equal to those here to the bit
    /// (`docs/model-file.md`); `None` if the network is [not quantised](crate::network::quantize()).
    ///
    /// Everything in it is called after `name`, of which it keeps letters, digits and `_` of ASCII: `micro_recognize`,
    /// `MICRO_CLASSES` for `micro`.
    pub fn to_c(&self, name: &str) -> Option<String> {
        let quantized = self.network.quantized()?;
        let name = identifier(name);
        let plan = Plan::new(self.network.architecture(), quantized);
        let mut text = String::from("#ifndef SHUZI_H\n#define SHUZI_H\n\n#include <stdint.h>\n\n");
        line(&mut text, format_args!("/* What is told apart. */"));
        line(&mut text, format_args!("#define SHUZI_CLASSES {}", self.classes.count()));
        line(&mut text, format_args!("/* Numbers that shuzi_recognize needs to work in. */"));
        line(&mut text, format_args!("#define SHUZI_ROOM {}", plan.room));
        line(&mut text, format_args!("/* The logits count 2^-SHUZI_FRACTION_BITS. */"));
        line(&mut text, format_args!("#define SHUZI_FRACTION_BITS {}\n", quantized.fraction_bits));
        text.push_str(&plan.weights);
        FUNCTIONS.iter().filter(|(name, _)| plan.calls(name)).for_each(|(_, code)| text.push_str(code));
        text.push_str(&plan.recognize());
        text.push_str("#endif\n");
        // The code above is written for one called "shuzi".
        let text =
            text.replace("shuzi_", &format!("{name}_")).replace("SHUZI_", &format!("{}_", upper(&name)));
        Some(self.introduction(&name, &plan) + &text)
    }

    /// What the header is, in a comment.
    fn introduction(&self, name: &str, plan: &Plan) -> String {
        let mut facts = vec![];
        let record = &self.record;
        if let Some(recipe) = &record.recipe {
            facts.push(format!("Recipe {}, seed {}.", one_line(&recipe.name), recipe.training.seed));
        }
        if let Some(trained_on) = &record.trained_on {
            facts.push(format!("Trained on {}.", one_line(trained_on)));
        }
        if let Some(test) = record.test {
            let percent = 100.0 * test.correct as f64 / test.count as f64;
            facts.push(format!("{percent:.2} % of {} test images read right.", test.count));
        }
        if let Some(temperature) = record.temperature {
            facts.push(format!(
                "Temperature {temperature}: divide the logits by it for calibrated probabilities."
            ));
        }
        let facts = facts.join("\n   ");
        let (reads, class) = match self.classes.are_digits() {
            true => ("Reads handwritten digits".to_string(), "the digit"),
            false => {
                let names: Vec<_> = self
                    .classes
                    .names()
                    .enumerate()
                    .map(|(label, name)| format!("{label} is {}", one_line(name)))
                    .collect();
                (format!("Tells classes apart ({})", names.join(", ")), "the number of the class")
            }
        };
        let (version, sha256) = (env!("CARGO_PKG_VERSION"), self.weights_sha256());
        let (room, weights, upper) = (2 * plan.room, plan.bytes, upper(name));
        let multiplications = self.network.architecture().multiplications();
        format!(
            "/* {reads} in int8. Written by shuzi {version}; do not edit.

   {facts}
   Weights: SHA-256 {sha256}.

       int16_t logits[{upper}_CLASSES], room[{upper}_ROOM];
       int label = {name}_recognize(image, logits, room);

   image: {PIXELS} bytes, {SIDE} rows of {SIDE} pixels from the top left, 0 for paper to 255 for ink, light on dark. As in MNIST a
   digit is scaled into 20x20 pixels, and its centre of mass lies in the middle of the picture.
   label: {class}, that of the largest logit. How far it is above the second tells how sure it is.
   Memory: {weights} bytes of constants, {room} bytes for the room. Multiplications: {multiplications}, of 16 by 8 bits.
   C99 (or C++11) with <stdint.h> alone. The code may be used under MIT or Apache-2.0, at your choice. */

"
        )
    }
}

/// A name as names in C begin: one that would begin with a digit or `_`, which C reserves, begins with `shuzi_`.
fn identifier(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = name.chars().map(letter).collect();
    match name.trim_matches('_') {
        "" => "shuzi".into(),
        name if name.starts_with(|first: char| first.is_ascii_digit()) => format!("shuzi_{name}"),
        name => name.into(),
    }
}

fn upper(name: &str) -> String {
    name.to_ascii_uppercase()
}

/// Text that may come from a file, fit for a comment.
fn one_line(text: &str) -> String {
    let printable = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(100).map(printable).collect::<String>().replace("*/", "* /").replace("/*", "/ *")
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("a string takes everything");
}

/// What the function does, and where.
#[derive(Default)]
struct Plan {
    /// Calls of functions, in order.
    calls: Vec<String>,
    /// The arrays.
    weights: String,
    /// Bytes of them.
    bytes: usize,
    /// Numbers of the room.
    room: usize,
    /// Where the logits lie in it.
    logits: usize,
}

/// What a layer gives, and where it lies in the room.
#[derive(Clone)]
struct Value {
    place: Range<usize>,
    /// The last layer that needs it.
    last_use: usize,
}

impl Plan {
    fn new(architecture: &Architecture, quantized: &QuantizedNetwork) -> Plan {
        let mut plan = Plan::default();
        let layers = architecture.layers();
        let added = |index: usize| layers.iter().rposition(|layer| *layer == Layer::Add { from: index });
        // The layers whose work the one before does.
        let is_joined = |index: usize| {
            let (Some(before), Some(layer)) = (index.checked_sub(1), layers.get(index)) else { return false };
            let is_rectified = layers[before] == Layer::Relu && before > 0 && added(before - 1).is_none();
            let root = if is_rectified { before - 1 } else { before };
            match layer {
                Layer::Flatten => true,
                Layer::Relu => layers[before].has_weights() && added(before).is_none(),
                Layer::MaxPool(_) => {
                    matches!(layers[root], Layer::Conv(conv) if !conv.is_depthwise())
                        && added(before).is_none()
                }
                _ => false,
            }
        };
        let last_joined = |index: usize| (index..).find(|&next| !is_joined(next + 1)).expect("layers end");
        let last_use = |index: usize| {
            let last = last_joined(index);
            (index..=last).filter_map(added).chain([last + 1]).max().expect("one at least")
        };
        // The pixels come first, as numbers like all others; a crop at the beginning takes those that it needs.
        let (first, side) = match layers[0] {
            Layer::Crop(crop) => (crop.corner().0, crop.output().height),
            _ => (0, SIDE),
        };
        let is_cropped = matches!(layers[0], Layer::Crop(_));
        let mut values: Vec<Value> = vec![];
        let mut before = plan.value(&[], side * side, if is_cropped { last_use(0) } else { 0 }, 0);
        plan.calls.push(format!("shuzi_pixels(image, {first}, {side}, room + {})", before.place.start));
        let (mut numbers, mut offsets) = ([0; 2], [0; 2]);
        for (index, layer) in layers.iter().enumerate() {
            if is_joined(index) || (index == 0 && is_cropped) {
                values.push(before.clone());
                continue;
            }
            let living: Vec<Value> = values.iter().chain([&before]).cloned().collect();
            let shape = architecture.shapes()[last_joined(index)];
            let value = plan.value(&living, shape.len(), last_use(index), index);
            let (x, y) = (before.place.start, value.place.start);
            let least =
                if is_joined(index + 1) && layers[index + 1] == Layer::Relu { "0" } else { "INT16_MIN" };
            let pool = (index..=last_joined(index)).find_map(|joined| match layers[joined] {
                Layer::MaxPool(windows) => Some(windows.window_height),
                _ => None,
            });
            let call = match layer {
                Layer::Linear(linear) => {
                    numbers[0] += 1;
                    let name = format!("linear{}", numbers[0]);
                    let size = [linear.inputs, linear.outputs];
                    plan.add_weights(&name, quantized, &mut offsets, size, WeightOrder::ByOutput);
                    let shape = format!("1, 1, {}, 1, 1, 0, {}, 1", linear.inputs, linear.outputs);
                    sum("shuzi_convolution", &name, x, &shape, least, y)
                }
                Layer::Conv(conv) => {
                    numbers[1] += 1;
                    let name = format!("conv{}", numbers[1]);
                    let depthwise = conv.is_depthwise();
                    let size = [conv.inputs(), conv.outputs()];
                    let order = if depthwise { WeightOrder::ByInput } else { WeightOrder::ByOutput };
                    plan.add_weights(&name, quantized, &mut offsets, size, order);
                    let input = conv.input();
                    let (kernel, stride, padding) = (conv.kernel(), conv.stride(), conv.padding());
                    let mut shape = format!(
                        "{}, {}, {}, {kernel}, {stride}, {padding}",
                        input.height, input.width, input.channels
                    );
                    if !depthwise {
                        let (outputs, pool) = (conv.outputs(), pool.unwrap_or(1));
                        write!(shape, ", {outputs}, {pool}").expect("a string takes everything");
                    }
                    let function = if depthwise { "shuzi_depthwise" } else { "shuzi_convolution" };
                    sum(function, &name, x, &shape, least, y)
                }
                Layer::Crop(crop) => {
                    let (first, input) = (crop.corner().0, architecture.shapes()[index - 1]);
                    let (width, channels, side) = (input.width, input.channels, crop.output().height);
                    format!("shuzi_crop(room + {x}, {width}, {channels}, {first}, {side}, room + {y})")
                }
                Layer::MaxPool(windows) | Layer::AveragePool(windows) => {
                    let is_max = matches!(layer, Layer::MaxPool(_));
                    let function = if is_max { "shuzi_maximum" } else { "shuzi_mean" };
                    let (height, width, channels) = (windows.height, windows.width, windows.channels);
                    let window = windows.window_height;
                    format!("{function}(room + {x}, {height}, {width}, {channels}, {window}, room + {y})")
                }
                Layer::Relu => format!("shuzi_rectify(room + {x}, {}, room + {y})", shape.len()),
                Layer::Add { from } => {
                    let other = values[*from].place.start;
                    format!("shuzi_add(room + {other}, room + {x}, {}, room + {y})", shape.len())
                }
                Layer::Flatten | Layer::BatchNorm(_) | Layer::Dropout(_) => {
                    unreachable!("not in a quantised network, or joined")
                }
            };
            plan.calls.push(call);
            values.push(value.clone());
            before = value;
        }
        plan.logits = before.place.start;
        plan
    }

    /// Room for what layer `index` gives, beside all values that are still needed then.
    fn value(&mut self, values: &[Value], length: usize, last_use: usize, index: usize) -> Value {
        let mut living: Vec<_> = values.iter().filter(|value| value.last_use >= index).collect();
        living.sort_by_key(|value| value.place.start);
        let mut start = 0;
        for value in living {
            if start + length <= value.place.start {
                break;
            }
            start = start.max(value.place.end);
        }
        self.room = self.room.max(start + length);
        Value { place: start..start + length, last_use }
    }

    /// The arrays of the next layer with weights, of so many inputs for each output, and so many outputs.
    fn add_weights(
        &mut self,
        name: &str,
        quantized: &QuantizedNetwork,
        [weights, outputs]: &mut [usize; 2],
        [inputs, count]: [usize; 2],
        order: WeightOrder,
    ) {
        let from = &quantized.weights[*weights..][..inputs * count];
        let by_output = (0..count).flat_map(|output| from.iter().skip(output).step_by(count));
        let values: Vec<_> = match order {
            WeightOrder::ByOutput => by_output.collect(),
            WeightOrder::ByInput => from.iter().collect(),
        };
        self.array("int8_t", &format!("{name}_weights"), values.into_iter());
        self.array("int16_t", &format!("{name}_biases"), quantized.biases[*outputs..][..count].iter());
        self.array("uint8_t", &format!("{name}_shifts"), quantized.shifts[*outputs..][..count].iter());
        self.bytes += from.len() + 3 * count;
        *weights += from.len();
        *outputs += count;
    }

    fn array<T: ToString>(&mut self, element: &str, name: &str, values: impl ExactSizeIterator<Item = T>) {
        let text = &mut self.weights;
        line(text, format_args!("static const {element} shuzi_{name}[{}] = {{", values.len()));
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

    /// Whether a function is called.
    fn calls(&self, name: &str) -> bool {
        let sums =
            |call: &String| call.starts_with("shuzi_convolution(") || call.starts_with("shuzi_depthwise(");
        match name {
            "shuzi_end" => self.calls.iter().any(sums),
            _ => self.calls.iter().any(|call| call.starts_with(&format!("{name}("))),
        }
    }

    /// The function that calls the others.
    fn recognize(&self) -> String {
        let calls: String = self.calls.iter().map(|call| format!("    {call};\n")).collect();
        let logits = self.logits;
        format!(
            "/* The label of an image, from 0; fills the logits. The room's content does not matter. */
static inline int shuzi_recognize(
    const uint8_t image[{PIXELS}], int16_t logits[SHUZI_CLASSES], int16_t room[SHUZI_ROOM])
{{
    int label = 0;
{calls}    for (int i = 0; i < SHUZI_CLASSES; i++) {{
        logits[i] = room[{logits} + i];
        if (logits[i] > logits[label])
            label = i;
    }}
    return label;
}}

"
        )
    }
}

/// The call of a layer with weights.
fn sum(function: &str, name: &str, x: usize, shape: &str, least: &str, y: usize) -> String {
    format!(
        "{function}(room + {x}, {shape}, shuzi_{name}_weights,\n        shuzi_{name}_biases, shuzi_{name}_shifts, {least}, room + {y})"
    )
}

/// The functions that a header may have, each behind those that it calls.
const FUNCTIONS: [(&str, &str); 9] = [
    (
        "shuzi_pixels",
        "/* The middle of an image, as many rows and columns from the first on. */
static inline void shuzi_pixels(const uint8_t *image, int32_t first, int32_t side, int16_t *y)
{
    for (int32_t row = first; row < first + side; row++)
        for (int32_t column = first; column < first + side; column++)
            *y++ = image[row * 28 + column];
}

",
    ),
    (
        "shuzi_end",
        "/* floor(sum / 2^shift + 1/2) + bias, least to INT16_MAX; a shift of a negative number is left open by C. */
static inline int16_t shuzi_end(int32_t sum, uint8_t shift, int16_t bias, int16_t least)
{
    sum += ((int32_t)1 << shift) >> 1;
    sum = (sum < 0 ? ~(~sum >> shift) : sum >> shift) + bias;
    return sum < least ? least : sum > INT16_MAX ? INT16_MAX : (int16_t)sum;
}

",
    ),
    (
        "shuzi_convolution",
        "/* Convolution with zeros around the picture, then the largest of each window of pool x pool pixels;
   weights[outputs][kernel][kernel][channels]. */
static inline void shuzi_convolution(const int16_t *x, int32_t height, int32_t width, int32_t channels,
    int32_t kernel, int32_t stride, int32_t padding, int32_t outputs, int32_t pool, const int8_t *weights,
    const int16_t *biases, const uint8_t *shifts, int16_t least, int16_t *y)
{
    const int32_t rows = ((height + 2 * padding - kernel) / stride + 1) / pool;
    const int32_t columns = ((width + 2 * padding - kernel) / stride + 1) / pool;
    for (int32_t i = 0; i < rows * pool; i++)
        for (int32_t j = 0; j < columns * pool; j++) {
            const int32_t row = i * stride - padding, column = j * stride - padding;
            /* What of the window lies inside the picture. */
            const int32_t top = row < 0 ? -row : 0, left = column < 0 ? -column : 0;
            const int32_t bottom = row + kernel > height ? height - row : kernel;
            const int32_t right = column + kernel > width ? width - column : kernel;
            const int is_first = i % pool == 0 && j % pool == 0;
            int16_t *to = y + (i / pool * columns + j / pool) * outputs;
            for (int32_t output = 0; output < outputs; output++) {
                int32_t sum = 0;
                for (int32_t k = top; k < bottom; k++) {
                    const int16_t *near = x + ((row + k) * width + column + left) * channels;
                    const int8_t *by = weights + ((output * kernel + k) * kernel + left) * channels;
                    for (int32_t n = 0; n < (right - left) * channels; n++)
                        sum += (int32_t)near[n] * by[n];
                }
                const int16_t value = shuzi_end(sum, shifts[output], biases[output], least);
                if (is_first || value > to[output])
                    to[output] = value;
            }
        }
}

",
    ),
    (
        "shuzi_depthwise",
        "/* Convolution of each channel by itself; weights[kernel][kernel][channels]. */
static inline void shuzi_depthwise(const int16_t *x, int32_t height, int32_t width, int32_t channels,
    int32_t kernel, int32_t stride, int32_t padding, const int8_t *weights, const int16_t *biases,
    const uint8_t *shifts, int16_t least, int16_t *y)
{
    for (int32_t row = -padding; row + kernel <= height + padding; row += stride)
        for (int32_t column = -padding; column + kernel <= width + padding; column += stride) {
            const int32_t top = row < 0 ? -row : 0, left = column < 0 ? -column : 0;
            const int32_t bottom = row + kernel > height ? height - row : kernel;
            const int32_t right = column + kernel > width ? width - column : kernel;
            for (int32_t channel = 0; channel < channels; channel++) {
                int32_t sum = 0;
                for (int32_t k = top; k < bottom; k++)
                    for (int32_t i = left; i < right; i++)
                        sum += (int32_t)x[((row + k) * width + column + i) * channels + channel]
                            * weights[(k * kernel + i) * channels + channel];
                *y++ = shuzi_end(sum, shifts[channel], biases[channel], least);
            }
        }
}

",
    ),
    (
        "shuzi_crop",
        "/* The middle of a picture, as many rows and columns from the first on. */
static inline void shuzi_crop(const int16_t *x, int32_t width, int32_t channels, int32_t first,
    int32_t side, int16_t *y)
{
    for (int32_t row = first; row < first + side; row++)
        for (int32_t i = first * channels; i < (first + side) * channels; i++)
            *y++ = x[row * width * channels + i];
}

",
    ),
    (
        "shuzi_maximum",
        "/* The largest number of each window; windows lie side by side. */
static inline void shuzi_maximum(const int16_t *x, int32_t height, int32_t width, int32_t channels,
    int32_t window, int16_t *y)
{
    for (int32_t row = 0; row + window <= height; row += window)
        for (int32_t column = 0; column + window <= width; column += window)
            for (int32_t channel = 0; channel < channels; channel++) {
                int16_t largest = INT16_MIN;
                for (int32_t k = 0; k < window * window; k++) {
                    const int32_t pixel = (row + k / window) * width + column + k % window;
                    if (x[pixel * channels + channel] > largest)
                        largest = x[pixel * channels + channel];
                }
                *y++ = largest;
            }
}

",
    ),
    (
        "shuzi_mean",
        "/* The mean of each window, rounded, halves up; windows lie side by side. */
static inline void shuzi_mean(const int16_t *x, int32_t height, int32_t width, int32_t channels,
    int32_t window, int16_t *y)
{
    const int32_t count = window * window;
    for (int32_t row = 0; row + window <= height; row += window)
        for (int32_t column = 0; column + window <= width; column += window)
            for (int32_t channel = 0; channel < channels; channel++) {
                int32_t sum = count / 2;
                for (int32_t k = 0; k < count; k++)
                    sum += x[((row + k / window) * width + column + k % window) * channels + channel];
                *y++ = (int16_t)(sum / count - (sum % count < 0));
            }
}

",
    ),
    (
        "shuzi_rectify",
        "/* max(x, 0). */
static inline void shuzi_rectify(const int16_t *x, int32_t count, int16_t *y)
{
    for (int32_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

",
    ),
    (
        "shuzi_add",
        "/* a + b, INT16_MIN to INT16_MAX. */
static inline void shuzi_add(const int16_t *a, const int16_t *b, int32_t count, int16_t *y)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t sum = (int32_t)a[i] + b[i];
        y[i] = sum < INT16_MIN ? INT16_MIN : sum > INT16_MAX ? INT16_MAX : (int16_t)sum;
    }
}

",
    ),
];

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn names_of_files_become_names_in_c() {
        for (name, expected) in [
            ("micro", "micro"),
            ("tiny-1", "tiny_1"),
            ("v2.digits", "v2_digits"),
            ("7", "shuzi_7"),
            ("_x_", "x"),
            ("数字", "shuzi"),
            ("", "shuzi"),
            ("*/ int", "int"),
        ] {
            assert_eq!(identifier(name), expected, "{name}");
        }
    }
}
