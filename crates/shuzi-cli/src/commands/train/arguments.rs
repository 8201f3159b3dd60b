//! What is asked for on the command line of `shuzi train`, and what the arguments alone decide.

use crate::{
    data::{data_source::DataSource, user_data::UserDataArguments},
    machine,
    suggestions::ProgramCommand,
};
use shuzi_engine::recipe::BatchSize;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

#[derive(clap::Args)]
pub struct Train {
    #[arg(long, value_name = "NAME|FILE")]
    pub recipe: Option<String>,
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["resume", "initial_weights", "hidden"])]
    pub from: Option<PathBuf>,
    #[arg(long, value_name = "DIR|FILE.csv|mnist|synthetic[:N]", default_value = "auto")]
    pub data: DataSource,
    #[command(flatten)]
    pub user_data: UserDataArguments,
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub hidden: Option<Vec<usize>>,
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    #[arg(long, value_name = "N|all")]
    pub batch_size: Option<BatchSize>,
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub learning_rate: Option<f32>,
    #[arg(long, value_name = "N")]
    pub validation: Option<usize>,
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    #[arg(long, value_name = "N", value_parser = machine::threads)]
    pub threads: Option<std::num::NonZeroUsize>,
    #[arg(long, value_name = "FILE")]
    pub initial_weights: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub batch_order: Option<PathBuf>,
    #[arg(long, value_name = "N", default_value = "100")]
    pub log_every: std::num::NonZeroUsize,
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "initial_weights"])]
    pub resume: Option<PathBuf>,
    #[arg(long, value_name = "STEPS")]
    pub checkpoint_every: Option<std::num::NonZeroU64>,
    #[arg(long, value_name = "N", default_value = "3")]
    pub keep_checkpoints: usize,
    #[arg(long, value_name = "URL")]
    pub mirror: Vec<String>,
    #[arg(long)]
    pub png: bool,
    #[arg(long)]
    pub json: bool,
    #[arg(long, short)]
    pub quiet: bool,
}

impl Train {
    /// The command that goes on with the training in `run`. Data and an order of examples that lie in files are named
    /// again: a checkpoint does not know their place.
    pub fn resume_command(&self, run: &Path) -> String {
        let mut command = ProgramCommand::new("train --resume").with_path(run);
        if let DataSource::Folder(data) = &self.data {
            command = command.with_user_data(data, &self.user_data);
        }
        if let Some(order) = &self.batch_order {
            command = command.with("--batch-order").with_path(order);
        }
        command.to_string()
    }

    /// A line for who watches.
    pub fn print_status(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{line}"); // worth no failure
        }
    }
}
