//! The user's language: chosen once, then every word comes from `locales/`.
//!
//! Also puts the help of the command line into words, and what clap says of wrong usage.

use crate::{explain, models};
use clap::{
    Arg, ArgAction, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use rust_i18n::t;
use std::{
    borrow::Cow,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

/// The languages there are.
pub const LANGUAGES: [&str; 2] = ["en", "zh-CN"];

/// The language that a name such as `zh_CN.UTF-8` or `en` asks for.
pub fn parse(name: &str) -> Result<&'static str, String> {
    let lower = name.to_ascii_lowercase();
    match lower.split(['-', '_', '.']).next() {
        Some("zh") => Ok(LANGUAGES[1]),
        Some("en") => Ok(LANGUAGES[0]),
        _ => Err(t!("program.unknown-language", name = name).into()),
    }
}

/// Speaks the language of `--lang`, else the locale's, else English. Looks at the arguments
/// itself, because mistakes in them must already be reported in the right language.
pub fn choose(arguments: impl Iterator<Item = OsString>) {
    let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let asked =
        arguments.iter().enumerate().find_map(|(place, argument)| match argument.strip_prefix("--lang") {
            Some("") => arguments.get(place + 1).map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        });
    let language = asked.and_then(|name| parse(name).ok());
    let locale = || sys_locale::get_locale().and_then(|name| parse(&name).ok());
    rust_i18n::set_locale(language.or_else(locale).unwrap_or(LANGUAGES[0]));
}

/// Puts the words of the help into a command: `help.VERB.about`, `help.VERB.ARGUMENT`.
pub fn command(command: Command) -> Command {
    let name = command.get_name().to_string();
    let command = with_words(command.disable_help_flag(true).disable_version_flag(true), &name);
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    command.arg(version.display_order(902).help(t!("help.version")).help_heading(t!("help.options")))
}

/// `shuzi train [OPTIONS]`, with the words between brackets in the user's language.
fn usage(command: &Command, key: &str) -> String {
    let mut parts = vec!["shuzi".to_string()];
    parts.extend(key.split('-').filter(|part| *part != "shuzi").map(String::from));
    parts.push(t!("help.usage-options").into_owned());
    for argument in command.get_positionals() {
        let name = argument.get_value_names().and_then(<[_]>::first).map_or("FILE", |name| name.as_str());
        let name = if argument.is_required_set() { format!("<{name}>") } else { format!("[{name}]") };
        let more = if matches!(argument.get_action(), ArgAction::Append) { "…" } else { "" };
        parts.push(format!("{name}{more}"));
    }
    if command.has_subcommands() {
        parts.push(t!("help.usage-command").into_owned());
    }
    parts.join(" ")
}

fn with_words(command: Command, key: &str) -> Command {
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_string()).collect();
    let (about_key, example_key) = (format!("help.{key}.about"), format!("help.{key}.examples"));
    let examples = t!(&example_key);
    let usage = usage(&command, key);
    let mut command = command
        .override_usage(usage)
        .about(t!(&about_key).into_owned())
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .subcommand_help_heading(t!("help.commands"))
        .help_template(format!(
            "{{about-with-newline}}\n{}{{usage}}\n\n{{all-args}}{{after-help}}",
            t!("help.usage")
        ))
        .after_help(if examples == example_key { String::new() } else { examples.into_owned() });
    let arguments: Vec<String> =
        command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
    let (recipes, models) = (explain::recipe_names(), models::names());
    for id in arguments {
        let word_key = if id == "lang" { "help.lang".to_string() } else { format!("help.{key}.{id}") };
        command = command.mut_arg(&id, |argument| {
            let heading = if argument.is_positional() { t!("help.arguments") } else { t!("help.options") };
            let argument = if id == "lang" { argument.display_order(900) } else { argument };
            argument
                .help(t!(&word_key, recipes = recipes, models = models).into_owned())
                .help_heading(heading.into_owned())
                .hide_default_value(true)
                .hide_possible_values(true)
        });
    }
    for verb in verbs {
        let key = if key == "shuzi" { verb.clone() } else { format!("{key}-{verb}") };
        command = command.mut_subcommand(&verb, |command| with_words(command, &key));
    }
    let help = Arg::new("help").short('h').long("help").action(ArgAction::HelpShort);
    command.arg(help.display_order(901).help(t!("help.help")).help_heading(t!("help.options")))
}

/// Prints what clap found wrong (or the help that was asked for), and gives the exit code.
pub fn print_usage_error(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print(); // a closed pipe: the reader has seen enough
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(2);
    }
    let context = |kind| context(error, kind);
    let mut lines = vec![t!("program.error", message = what_is_wrong(error)).into_owned()];
    lines.extend(std::error::Error::source(error).map(|reason| format!("  {}", why_invalid(reason))));
    let possible = context(ContextKind::ValidValue);
    if !possible.is_empty() {
        lines.push(format!("  {}", t!("usage.possible-values", values = possible)));
    }
    let suggestions =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    for suggestion in suggestions.map(context).into_iter().filter(|suggestion| !suggestion.is_empty()) {
        lines.push(format!("  {}", t!("usage.did-you-mean", suggestion = suggestion)));
    }
    lines.push(t!("usage.see-help").into_owned());
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
    ExitCode::from(2)
}

/// What clap says beside the kind of an error, such as the argument that is meant; empty if it says nothing.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        _ => String::new(),
    }
}

/// What clap found wrong, in the user's language.
fn what_is_wrong(error: &clap::Error) -> Cow<'static, str> {
    let context = |kind| context(error, kind);
    let (argument, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
    match error.kind() {
        ErrorKind::UnknownArgument if !argument.starts_with('-') => {
            t!("usage.unexpected-argument", argument = argument)
        }
        ErrorKind::UnknownArgument => t!("usage.unknown-argument", argument = argument),
        ErrorKind::InvalidSubcommand => {
            t!("usage.unknown-verb", verb = context(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingRequiredArgument => t!("usage.missing-argument", argument = argument),
        ErrorKind::MissingSubcommand => t!("usage.missing-verb"),
        ErrorKind::ArgumentConflict => {
            t!("usage.conflict", argument = argument, other = context(ContextKind::PriorArg))
        }
        ErrorKind::InvalidValue if value.is_empty() => t!("usage.missing-value", argument = argument),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            t!("usage.invalid-value", argument = argument, value = value)
        }
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues => {
            t!("usage.number-of-values", argument = argument)
        }
        _ => error.to_string().into(),
    }
}

/// Why a value was refused: numbers are parsed by the standard library, which speaks English only.
fn why_invalid(reason: &(dyn std::error::Error + 'static)) -> String {
    use std::num::{IntErrorKind, ParseFloatError, ParseIntError};
    match reason.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
        Some(IntErrorKind::Zero) => t!("usage.zero").into(),
        Some(IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) => t!("usage.too-large").into(),
        Some(_) => t!("usage.no-integer").into(),
        None if reason.is::<ParseFloatError>() => t!("usage.no-number").into(),
        None => reason.to_string(), // our own parsers speak the user's language
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn check(command: &Command, key: &str, missing: &mut Vec<String>) {
        let mut wanted = vec![format!("help.{key}.about")];
        for argument in command.get_arguments().map(|argument| argument.get_id().as_str()) {
            if !["help", "version", "lang"].contains(&argument) {
                wanted.push(format!("help.{key}.{argument}"));
            }
        }
        for key in wanted {
            for language in LANGUAGES {
                if t!(&key, locale = language) == key {
                    missing.push(format!("{key} ({language})"));
                }
            }
        }
        for verb in command.get_subcommands() {
            let key = if key == "shuzi" {
                verb.get_name().to_string()
            } else {
                format!("{key}-{}", verb.get_name())
            };
            check(verb, &key, missing);
        }
    }

    #[test]
    fn every_verb_and_option_has_its_help_in_both_languages() {
        let mut missing = vec![];
        check(&crate::Program::command(), "shuzi", &mut missing);
        assert!(missing.is_empty(), "{missing:#?}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        command(crate::Program::command()).debug_assert();
    }

    #[test]
    fn locale_names_of_all_shapes_are_understood() {
        for (name, expected) in
            [("zh_CN.UTF-8", "zh-CN"), ("zh-Hans-CN", "zh-CN"), ("ZH", "zh-CN"), ("en_GB", "en")]
        {
            assert_eq!(parse(name), Ok(expected));
        }
        assert!(parse("fr").is_err());
    }
}
