//! `cargo xtask`: work on the project that cargo does not do by itself.
//!
//! `cargo xtask page` makes the web page's files, which the next build of the program takes in.

mod page;

use std::env;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["page"] => page::build(),
        _ => anyhow::bail!("usage: cargo xtask page"),
    }
}
