//! Ends a reading that nobody waits for any more.
//!
//! One thread calls [`Cancel::cancel`]; the loops of the other look at the flag and return [`Cancelled`].

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// A flag that ends work. Clones are the same flag.
///
/// ```
/// use shuzi_engine::recognition::{Cancel, Cancelled};
///
/// let cancel = Cancel::default();
/// let elsewhere = cancel.clone();
/// assert_eq!(cancel.check(), Ok(()));
/// elsewhere.cancel();
/// assert_eq!(cancel.check(), Err(Cancelled));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

/// The work was ended before it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

impl Cancel {
    /// Ends the work, soon.
    pub fn cancel(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether the work goes on.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] once [`cancel`](Self::cancel) was called.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.0.load(Relaxed) { Err(Cancelled) } else { Ok(()) }
    }
}
