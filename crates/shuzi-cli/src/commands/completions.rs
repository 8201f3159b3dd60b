//! `shuzi completions`: what a shell needs to complete verbs and options.

use crate::language;
use clap::Command;
use std::io::Write;

#[derive(clap::Args)]
pub struct Completions {
    #[arg(value_name = "SHELL")]
    shell: clap_complete::Shell,
}

impl Completions {
    pub fn run(self, command: Command, out: &mut impl Write) -> anyhow::Result<()> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut language::command(command), "shuzi", &mut script);
        Ok(out.write_all(&script)?)
    }
}
