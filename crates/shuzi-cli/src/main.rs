//! `shuzi`: train a digit recogniser, see how good it is, take it elsewhere.
//!
//! Parses, calls a verb, prints the error, chooses the exit code: 0 done, 1 the work failed,
//! 2 wrong usage, 130 interrupted. One file for each verb; no arithmetic on pixels or weights.

#[path = "run/checkpoints.rs"]
mod checkpoints;
#[path = "suggestions.rs"]
mod commands;
#[path = "commands/completions.rs"]
mod completions;
#[path = "commands/data.rs"]
mod data;
#[path = "data/data_sets.rs"]
mod data_sets;
#[path = "data/download.rs"]
mod download;
#[path = "commands/evaluate/mod.rs"]
mod evaluate;
mod explain;
#[path = "commands/export.rs"]
mod export;
mod files;
#[path = "data/labels.rs"]
mod labels;
mod language;
mod licenses;
mod machine;
#[path = "run/metrics.rs"]
mod metrics;
mod models;
#[path = "data/user_data.rs"]
mod own;
#[cfg(feature = "page")]
mod page;
#[path = "data/pictures.rs"]
mod pictures;
mod pixels;
#[path = "run/progress.rs"]
mod progress;
mod recipes;
#[path = "commands/recognize/mod.rs"]
mod recognize;
mod report;
#[cfg(feature = "serve")]
#[path = "commands/serve/mod.rs"]
mod serve;
#[path = "data/sources.rs"]
mod sources;
#[path = "commands/train/mod.rs"]
mod train;
#[path = "commands/train/tuning.rs"]
mod tuning;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use rust_i18n::t;
use std::{
    io::{self, Write},
    process::ExitCode,
};

rust_i18n::i18n!("locales", fallback = "en");

// The words of the help are in locales/help.yml, in both languages; `language::command` puts
// them in.
#[derive(Parser)]
#[command(name = "shuzi", version, disable_help_subcommand = true, arg_required_else_help = true)]
struct Program {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[arg(long, display_order = 903)]
    licenses: bool,
    #[arg(long, global = true, value_name = "en|zh-CN", value_parser = language::parse)]
    lang: Option<&'static str>,
}

#[derive(Subcommand)]
enum Verb {
    Train(Box<train::Train>),
    Evaluate(evaluate::Evaluate),
    Recognize(recognize::Recognize),
    #[cfg(feature = "serve")]
    Serve(serve::Serve),
    Export(export::Export),
    Models(models::Models),
    #[cfg(feature = "page")]
    Page(page::Page),
    Data(data::Data),
    Completions(completions::Completions),
}

/// How a verb that did not fail ended.
enum Ending {
    Done,
    /// By Ctrl-C, with everything finished so far saved.
    Interrupted,
}

/// The user asked for something that cannot be: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

fn main() -> ExitCode {
    language::choose(std::env::args_os());
    let matches = match language::command(Program::command()).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return language::print_usage_error(&error),
    };
    let program = Program::from_arg_matches(&matches).expect("the arguments were parsed");
    let ending = match program.verb {
        _ if program.licenses => licenses::print(&mut io::stdout().lock()).map(|()| Ending::Done),
        Some(verb) => run(verb),
        None => {
            let error = Program::command().error(ErrorKind::MissingSubcommand, "");
            return language::print_usage_error(&error);
        }
    };
    match ending {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Interrupted) => ExitCode::from(130),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "{}", t!("program.error", message = explain::chain(&error)));
            ExitCode::from(if error.is::<UsageError>() { 2 } else { 1 })
        }
    }
}

fn run(verb: Verb) -> anyhow::Result<Ending> {
    let out = &mut io::stdout().lock();
    let done = |()| Ending::Done;
    match verb {
        Verb::Train(train) => train.run(out),
        Verb::Evaluate(evaluate) => evaluate.run(out).map(done),
        Verb::Recognize(recognize) => recognize.run(out).map(done),
        #[cfg(feature = "serve")]
        Verb::Serve(serve) => serve.run(out).map(done),
        Verb::Export(export) => export.run(out).map(done),
        Verb::Models(models) => models.run(out).map(done),
        #[cfg(feature = "page")]
        Verb::Page(page) => page.run(out).map(done),
        Verb::Data(data) => data.run(out).map(done),
        Verb::Completions(completions) => completions.run(out).map(done),
    }
}

/// `shuzi … | head`: the reader has seen enough, which is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref().map(io::Error::kind);
    error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}
