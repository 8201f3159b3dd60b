//! `shuzi models`: the models inside the program.

use crate::models::{self, DEFAULT, FOR_PICTURES, SHIPPED, layers};
use rust_i18n::t;
use shuzi_engine::model::Model;
use shuzi_report::models::{ModelRow, table};
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
        let rows: Vec<_> = SHIPPED.iter().map(|(name, bytes)| row(name, bytes)).collect();
        write!(out, "{}", table(&rows))?;
        writeln!(out, "{}", t!("models.default", name = DEFAULT, for_pictures = FOR_PICTURES))?;
        Ok(())
    }
}

/// A shipped model as a line of the table.
fn row(name: &str, bytes: &[u8]) -> ModelRow {
    let Model { network, record, .. } = models::shipped(bytes);
    let made = record.recipe.as_ref().zip(record.trained_on.as_ref()).map(|(recipe, data)| {
        let seed = recipe.training.seed;
        t!("models.made-by", recipe = recipe.name, seed = seed, data = data).into_owned()
    });
    ModelRow {
        name: name.to_string(),
        layers: layers(network.architecture()),
        made,
        parameters: network.parameters().len(),
        bytes: bytes.len(),
        test: record.test,
    }
}
