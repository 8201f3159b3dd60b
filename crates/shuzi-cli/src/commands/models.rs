//! `shuzi models`: the models inside the program.

use crate::{
    models::{self, DEFAULT, FOR_PICTURES, SHIPPED, layers},
    report::{aligned, grouped, percent},
};
use rust_i18n::t;
use shuzi_engine::{
    evaluation::wilson_interval,
    model::{Model, TestResult},
};
use std::io::Write;

#[derive(clap::Args)]
pub struct Models {
    #[arg(long)]
    json: bool,
}

impl Models {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        if self.json {
            writeln!(out, "{}", models::list())?;
            return Ok(());
        }
        let headings = [
            t!("report.model"),
            t!("report.layers"),
            t!("models.made"),
            t!("report.parameters"),
            t!("report.bytes"),
            t!("report.accuracy"),
            t!("report.interval"),
        ];
        let mut rows = vec![headings.map(|heading| heading.into_owned()).to_vec()];
        rows.extend(SHIPPED.iter().map(|(name, bytes)| row(name, bytes)));
        write!(out, "{}", aligned(&rows, 3))?;
        writeln!(out, "{}", t!("models.default", name = DEFAULT, for_pictures = FOR_PICTURES))?;
        Ok(())
    }
}

/// A shipped model as a line of the table.
fn row(name: &str, bytes: &[u8]) -> Vec<String> {
    let Model { network, record, .. } = models::shipped(bytes);
    let none = || t!("report.none").into_owned();
    let interval = |TestResult { correct, count }| {
        let interval = wilson_interval(correct, count);
        let (low, high) = (percent(interval.low, 2), percent(interval.high, 2));
        t!("report.from_to", low = low, high = high).into_owned()
    };
    let made = record.recipe.as_ref().zip(record.trained_on.as_ref()).map(|(recipe, data)| {
        let seed = recipe.training.seed;
        t!("models.made-by", recipe = recipe.name, seed = seed, data = data).into_owned()
    });
    vec![
        name.to_string(),
        in_short(&layers(network.architecture())),
        made.unwrap_or_else(none),
        grouped(network.parameters().len()),
        grouped(bytes.len()),
        record.test.map_or_else(none, |test| percent(test.correct as f64 / test.count as f64, 2)),
        record.test.map_or_else(none, interval),
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
