//! How the program ends: done, interrupted, or asked for what cannot be.

/// How a verb that did not fail ended.
pub enum Ending {
    Done,
    /// By Ctrl-C, with everything finished so far saved.
    Interrupted,
}

/// The user asked for something that cannot be: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);
