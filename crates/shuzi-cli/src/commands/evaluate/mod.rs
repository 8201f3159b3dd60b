//! `shuzi evaluate`: how often a model is right on labelled images, and where it is wrong; of several
//! models, which reads better.

mod arguments;
mod compare;
mod one;
mod pictures;
mod quality;

pub use arguments::Evaluate;

use crate::ending::UsageError;
use rust_i18n::t;
use std::{io::Write, path::Path};

impl Evaluate {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        if self.json && self.table_on_stdout() {
            return Err(UsageError(t!("evaluate.json-or-table").into()).into());
        }
        if let Some(labels) = &self.labels {
            return pictures::evaluate_pictures(&self, labels, out);
        }
        match &self.models[..] {
            [] | [_] if self.ensemble => Err(UsageError(t!("evaluate.no-ensemble").into()).into()),
            [] => one::evaluate_one(&self, Path::new("default"), out),
            [name] => one::evaluate_one(&self, name, out),
            names => compare::compare(&self, names, out),
        }
    }
}
