//! Ctrl-C, and where the system knows it SIGTERM: the first asks to stop, the second ends the program at once.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Calls `stop` when the user asks for it. An error where that cannot be heard: then Ctrl-C ends the program as usual.
pub fn on_interrupt(stop: impl Fn() + Send + 'static) -> Result<(), ctrlc::Error> {
    let asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if asked.swap(true, Relaxed) {
            process::exit(130);
        }
        stop();
    })
}
