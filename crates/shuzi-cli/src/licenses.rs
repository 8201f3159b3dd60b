//! `shuzi --licenses`: whose work is built into the program, and under which terms.

use flate2::read::DeflateDecoder;
use shuzi_report::png::FONT_LICENSE;
use std::io::{self, Write};

/// `THIRD-PARTY-LICENSES.txt`, packed by `build.rs`; ends with the heading of the fonts' licence.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/licenses.deflate"));

pub fn print(out: &mut impl Write) -> anyhow::Result<()> {
    io::copy(&mut DeflateDecoder::new(PACKED), out)?;
    out.write_all(FONT_LICENSE.as_bytes())?;
    Ok(())
}
