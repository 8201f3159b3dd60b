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
            thread::spawn(move || match child.wait() {
                Ok(status) if status.success() => {}
                Ok(status) => {
                    warn_user(program, &t!("serve.browser-failed", code = status.code().unwrap_or(-1)))
                }
                Err(error) => warn_user(program, &crate::explain::chain(&error.into())),
            });
        }
        Err(error) => warn_user(program, &crate::explain::chain(&error.into())),
    }
}

fn warn_user(program: &str, reason: &str) {
    let _ = writeln!(io::stderr(), "{}", t!("serve.no-browser", program = program, reason = reason)); // if anybody can see it
}
