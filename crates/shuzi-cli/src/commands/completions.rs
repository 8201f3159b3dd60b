//! `shuzi completions`: what a shell needs to complete verbs and options.

use crate::{Program, language};
use clap::CommandFactory;
use std::io::Write;

#[derive(clap::Args)]
pub struct Completions {
    #[arg(value_name = "SHELL")]
    shell: clap_complete::Shell,
}

impl Completions {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut language::command(Program::command()), "shuzi", &mut script);
        Ok(out.write_all(&script)?)
    }
}
