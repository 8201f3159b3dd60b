//! Opens the page in the user's browser, by what the system has for that.

use rust_i18n::t;
use std::{
    io::{self, Write},
    process::{Command, Stdio},
    thread,
};

/// Opens an address; that it cannot be done is no reason not to serve.
pub fn open(url: &str) {
    let (program, arguments): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/c", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(mut child) => {
            thread::spawn(move || child.wait()); // so that the system can forget it
        }
        Err(error) => {
            let reason = crate::explain::chain(&error.into());
            let _ = writeln!(io::stderr(), "{}", t!("serve.no-browser", program = program, reason = reason));
        }
    }
}
