//! C: a quantised network as one header, for processors without floating point and without an operating system.
//!
//! C99 with `<stdint.h>` alone: no library, no memory of its own, no floating point, and no shift of a negative number, which C
//! leaves open. The header has a function for each kind of layer that the network has, and one that calls them in order. What layers give lies
//! in a `workspace` that the caller lends. All names begin with the model's, so that a program can include several.
//! Only written, never read.

mod functions;
mod plan;
mod weights;

use self::{functions::FUNCTIONS, plan::Plan};
use super::{Model, Record};
use crate::image::{PIXELS, SIDE};

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
        let mut text = format!(
            "#ifndef SHUZI_H
#define SHUZI_H

#include <stdint.h>

/* How many classes there are. */
#define SHUZI_CLASSES {}
/* Numbers that shuzi_recognize needs to work in. */
#define SHUZI_WORKSPACE {}
/* The logits count 2^-SHUZI_FRACTION_BITS. */
#define SHUZI_FRACTION_BITS {}

",
            self.classes.count(),
            plan.workspace.len,
            quantized.fraction_bits
        );
        text.push_str(&plan.weights.text);
        FUNCTIONS.iter().filter(|(name, _)| plan.calls(name)).for_each(|(_, code)| text.push_str(code));
        text.push_str(&plan.recognize());
        text.push_str("#endif\n");
        // The code above is written for one called "shuzi".
        let text =
            text.replace("shuzi_", &format!("{name}_")).replace("SHUZI_", &format!("{}_", upper(&name)));
        Some(self.introduction(&name, &plan) + &text)
    }

    /// What the header is, in a comment.
    fn introduction(&self, name: &str, plan: &Plan<'_>) -> String {
        let facts = facts(&self.record).join("\n   ");
        let (reads, class) = match self.classes.are_digits() {
            true => ("Reads handwritten digits".to_string(), "the digit"),
            false => {
                let names: Vec<_> = self
                    .classes
                    .names()
                    .enumerate()
                    .map(|(label, name)| format!("{label} is {}", one_line(name)))
                    .collect();
                (format!("Classifies pictures ({})", names.join(", ")), "the number of the class")
            }
        };
        let (version, sha256) = (env!("CARGO_PKG_VERSION"), self.weights_sha256());
        let (workspace, weights, upper) = (2 * plan.workspace.len, plan.weights.bytes, upper(name));
        let multiplications = self.network.architecture().multiplications();
        format!(
            "/* {reads} in int8. Written by shuzi {version}; do not edit.

   {facts}
   Weights: SHA-256 {sha256}.

       int16_t logits[{upper}_CLASSES], workspace[{upper}_WORKSPACE];
       int label = {name}_recognize(image, logits, workspace);

   image: {PIXELS} bytes, {SIDE} rows of {SIDE} pixels from the top left, 0 for paper to 255 for ink, light on dark. As in MNIST a
   digit is scaled into 20x20 pixels, and its centre of mass lies in the middle of the picture.
   label: {class}, that of the largest logit. The further it is above the second, the surer it is.
   Memory: {weights} bytes of constants, {workspace} bytes of workspace. Multiplications: {multiplications}, of 16 by 8 bits.
   C99 (or C++11) with <stdint.h> alone. The code may be used under MIT or Apache-2.0, at your choice. */

"
        )
    }
}

/// What is known of how the network came to be, in sentences.
fn facts(record: &Record) -> Vec<String> {
    let mut facts = vec![];
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
    facts
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
