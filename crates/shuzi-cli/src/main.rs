//! `shuzi`: train a digit recogniser, see how good it is, take it elsewhere.
//!
//! Parses, calls a verb, prints the error, chooses the exit code: 0 done, 1 the work failed,
//! 2 wrong usage, 130 interrupted. One file for each verb, in
//! `commands`; no arithmetic on pixels or weights.

mod commands;

mod data;
mod run;

mod explain;
mod language;
mod licenses;
mod models;
#[cfg(feature = "page")]
mod page;
mod pixels;
mod recipes;
mod spelling;
mod suggestions;

mod ending;
mod files;
mod machine;

use crate::ending::{Ending, UsageError};
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
    Train(Box<commands::train::Train>),
    Evaluate(commands::evaluate::Evaluate),
    Recognize(commands::recognize::Recognize),
    #[cfg(feature = "serve")]
    Serve(commands::serve::Serve),
    Export(commands::export::Export),
    Models(commands::models::Models),
    #[cfg(feature = "page")]
    Page(commands::page::Page),
    Data(commands::data::Data),
    Completions(commands::completions::Completions),
    #[command(hide = true)]
    Manual(commands::manual::Manual),
}

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
        Verb::Completions(completions) => completions.run(Program::command(), out).map(done),
        Verb::Manual(manual) => manual.run(Program::command(), out).map(done),
    }
}

/// `shuzi … | head`: the reader has seen enough, which is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref().map(io::Error::kind);
    error.chain().any(|cause| kind(cause) == Some(io::ErrorKind::BrokenPipe))
}
