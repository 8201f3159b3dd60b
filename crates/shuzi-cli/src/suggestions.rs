//! Commands that the program suggests: they run as printed, in a POSIX shell in the folder where the program was called.

use crate::{
    data::{data_source::DataSource, sources::Found, user_data::UserDataArguments},
    machine,
};
use std::{borrow::Cow, path::Path};

/// A command of the program, with an argument after the other.
#[derive(Clone)]
pub struct ProgramCommand(String);

impl ProgramCommand {
    /// The program as the user calls it, and a verb.
    pub fn new(verb: &str) -> Self {
        ProgramCommand(format!("{} {verb}", machine::invocation()))
    }

    /// With an option or a name, quoted where need be.
    pub fn with(mut self, argument: &str) -> Self {
        let quoted = shlex::try_quote(argument).expect("no argument holds a NUL");
        self.0 += " ";
        self.0 += &quoted;
        self
    }

    /// With a path, which is not taken for an option whatever its name is.
    pub fn with_path(self, path: &Path) -> Self {
        let path = path.to_string_lossy();
        let path = if path.starts_with('-') { Cow::from(format!("./{path}")) } else { path };
        self.with(&path)
    }

    /// With the options that name this data, which was found as `found`; none where it is found without a word.
    pub fn with_data(self, source: &DataSource, user_data: &UserDataArguments, found: &Found) -> Self {
        match (source, found) {
            (DataSource::Folder(path), _) => self.with_user_data(path, user_data),
            (DataSource::Set(set), _) => self.with("--data").with(set.name),
            (_, Found::Synthetic(count)) => self.with("--data").with(&format!("synthetic:{count}")),
            _ => self,
        }
    }

    /// With the options that name the data at this path.
    pub fn with_user_data(self, path: &Path, user_data: &UserDataArguments) -> Self {
        let named = self.with("--data").with_path(path);
        user_data.again().iter().fold(named, |command, argument| command.with(argument))
    }
}

impl std::fmt::Display for ProgramCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gives_every_argument_back() {
        for argument in
            ["plain/path-1", "two words", "it's", "\"q\"", "$HOME `x` \\ !", "我的数字", "*?[a]", ";&|<>", ""]
        {
            let command = ProgramCommand::new("train").with(argument).to_string();
            assert_eq!(shlex::split(&command).unwrap().last().unwrap(), argument, "{command}");
        }
        let command = ProgramCommand::new("train").with_path(Path::new("-x y")).to_string();
        assert!(command.ends_with(" './-x y'"), "{command}");
    }
}
