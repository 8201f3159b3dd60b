//! A table of models for the terminal: what each is, and what it reached on the test set that its record names.

use crate::{
    numbers::{grouped, percent},
    summary::aligned,
};
use rust_i18n::t;
use shuzi_engine::{evaluation::wilson_interval, model::TestResult};

/// A model, as a line of the table.
pub struct ModelRow {
    /// What it is called by.
    pub name: String,
    /// Such as 784–32–16–10; a long list is shortened.
    pub layers: String,
    /// Its recipe, seed and data in words, if its file says so.
    pub made: Option<String>,
    /// How many weights and biases.
    pub parameters: usize,
    /// Size of its file.
    pub bytes: usize,
    /// As its record has it.
    pub test: Option<TestResult>,
}

/// The table, with headings; ends with a line break.
pub fn table(models: &[ModelRow]) -> String {
    let headings = [
        t!("report.model"),
        t!("report.layers"),
        t!("report.made"),
        t!("report.parameters"),
        t!("report.bytes"),
        t!("report.accuracy"),
        t!("report.interval"),
    ];
    let mut rows = vec![headings.map(|heading| heading.into_owned()).to_vec()];
    rows.extend(models.iter().map(cells));
    aligned(&rows, 3)
}

fn cells(model: &ModelRow) -> Vec<String> {
    let none = || t!("report.none").into_owned();
    let interval = |TestResult { correct, count }| {
        let interval = wilson_interval(correct, count);
        let (low, high) = (percent(interval.low, 2), percent(interval.high, 2));
        t!("report.from_to", low = low, high = high).into_owned()
    };
    vec![
        model.name.clone(),
        in_short(&model.layers),
        model.made.clone().unwrap_or_else(none),
        grouped(model.parameters),
        grouped(model.bytes),
        model.test.map_or_else(none, |test| percent(test.correct as f64 / test.count as f64, 2)),
        model.test.map_or_else(none, interval),
    ]
}

/// Long lists of layers by their ends, for tables: 784–22x22x24–…–10.
fn in_short(layers: &str) -> String {
    const MOST: usize = 5;
    let widths: Vec<&str> = layers.split('–').collect();
    match widths[..] {
        [first, second, .., before_last, last] if widths.len() > MOST => {
            [first, second, "…", before_last, last].join("–")
        }
        _ => layers.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_lists_are_shortened() {
        assert_eq!(in_short("784–32–16–10"), "784–32–16–10");
        assert_eq!(in_short("784–9–8–7–10"), "784–9–8–7–10");
        assert_eq!(in_short("784–9–8–7–6–10"), "784–9–…–6–10");
    }
}
