//! `shuzi page`: the web page as files for any web server, and once more as one file that works from a disk.
//!
//! A folder may hold other files, but none of them is ever replaced: what this verb wrote it knows by a list of hashes.

use crate::{
    ending::UsageError,
    files,
    page::{FILES, is_built, single_file},
};
use rust_i18n::t;
use shuzi_engine::hash;
use std::{io::Write, path::PathBuf};

/// The page as one file.
const SINGLE_FILE: &str = "shuzi.html";

/// What this verb wrote in a folder, in the form of `sha256sum`.
const SUMS: &str = "shuzi-page.sha256";

#[derive(clap::Args)]
pub struct Page {
    #[arg(long, value_name = "DIR", default_value = "page")]
    out: PathBuf,
    #[arg(long, short)]
    quiet: bool,
}

impl Page {
    pub fn run(self, out: &mut impl Write) -> anyhow::Result<()> {
        if !is_built() {
            return Err(UsageError(t!("page.missing").into()).into());
        }
        let single = single_file();
        let mut pages: Vec<(&str, &[u8])> = FILES.iter().map(|(name, bytes, _)| (*name, *bytes)).collect();
        pages.push((SINGLE_FILE, single.as_bytes()));
        let others = self.files_of_others(&pages);
        if !others.is_empty() {
            let (folder, files) = (self.out.display(), others.join(&t!("list.comma")));
            return Err(UsageError(t!("page.others", folder = folder, files = files).into()).into());
        }
        files::ensure_writable_folder(&self.out)?;
        // The list is written last: who is interrupted finds files that are not in it, and is asked.
        let mut sums = String::new();
        for (name, bytes) in pages {
            files::write_atomically(&self.out.join(name), bytes)?;
            sums += &format!("{}  {name}\n", hash::sha256(bytes));
        }
        files::write_atomically(&self.out.join(SUMS), sums.as_bytes())?;
        if !self.quiet {
            let folder = self.out.display();
            let size = single.len() / 1000;
            writeln!(out, "{}", t!("page.written", folder = folder, file = SINGLE_FILE, size = size))?;
        }
        Ok(())
    }

    /// The files that would be replaced and were not written by this verb, or were changed since.
    fn files_of_others(&self, pages: &[(&'static str, &[u8])]) -> Vec<&'static str> {
        const MOST_BYTES: u64 = 1 << 26;
        let read = |name: &str| files::read(&self.out.join(name), MOST_BYTES);
        let sums = read(SUMS).unwrap_or_default();
        let sums = String::from_utf8_lossy(&sums);
        let is_ours = |name: &str| {
            let line = read(name).map(|bytes| format!("{}  {name}", hash::sha256(&bytes)));
            line.is_ok_and(|line| sums.lines().any(|known| known == line))
        };
        let names = pages.iter().map(|(name, _)| *name);
        names.filter(|name| self.out.join(name).symlink_metadata().is_ok() && !is_ours(name)).collect()
    }
}
