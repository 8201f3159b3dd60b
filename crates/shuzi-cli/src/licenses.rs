//! `shuzi --licenses`: whose work is built into the program, and under which terms.

use flate2::read::DeflateDecoder;
use std::io::{self, Write};

/// `THIRD-PARTY-LICENSES.txt` and the fonts' licence, packed by `build.rs`.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/licenses.deflate"));

pub fn print(out: &mut impl Write) -> anyhow::Result<()> {
    io::copy(&mut DeflateDecoder::new(PACKED), out)?;
    Ok(())
}
