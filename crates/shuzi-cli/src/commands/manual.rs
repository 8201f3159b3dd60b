//! `shuzi manual`: pages for `man`, one for the program and one for each verb, for those who make packages of it. The words are those
//! of `--help`.

use crate::{files, language};
use clap::Command;
use rust_i18n::t;
use std::{io::Write, path::PathBuf};

#[derive(clap::Args)]
pub struct Manual {
    #[arg(long, value_name = "DIR", default_value = "man")]
    out: PathBuf,
}

impl Manual {
    pub fn run(self, command: Command, out: &mut impl Write) -> anyhow::Result<()> {
        let mut command = language::command(command);
        command.build(); // the verbs get their full names
        files::ensure_writable_folder(&self.out)?;
        let mut count = 0;
        let mut commands = vec![&command];
        while let Some(next) = commands.pop() {
            let mut page = vec![];
            let manual = clap_mangen::Man::new(next.clone());
            manual.render(&mut page)?;
            files::write_atomically(&self.out.join(manual.get_filename()), &page)?;
            count += 1;
            commands.extend(next.get_subcommands().filter(|verb| !verb.is_hide_set()));
        }
        writeln!(out, "{}", t!("manual.written", count = count, folder = self.out.display()))?;
        Ok(())
    }
}
