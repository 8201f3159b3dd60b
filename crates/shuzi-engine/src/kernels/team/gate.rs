//! The gate through which helpers enter a job, and which the leader closes behind them.
//!
//! One atomic word, so that a helper and the leader never disagree about who is inside. Knows nothing of the job.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Lets helpers into a job while it is open. The job's number, whether it is open and how many helpers are inside are
/// one word, so a helper either enters in time, and the leader waits for it, or not at all.
pub(super) struct Gate(pub AtomicUsize);

impl Gate {
    /// The bits below count the helpers inside, the others the turns: after an odd number of them the gate is open.
    pub const TURN: usize = 1 << 12;
    /// The state after the last job. It counts as open, so that waiting helpers look at it.
    pub const OVER: usize = usize::MAX;

    pub fn state(&self) -> usize {
        self.0.load(SeqCst)
    }

    pub fn is_open(state: usize) -> bool {
        state / Gate::TURN % 2 == 1
    }

    /// Opens or closes the gate.
    pub fn turn(&self) {
        self.0.fetch_add(Gate::TURN, SeqCst);
    }

    /// Enters if the gate is open and nothing has changed since `state`.
    pub fn enter(&self, state: usize) -> bool {
        Gate::is_open(state) && self.0.compare_exchange(state, state + 1, SeqCst, SeqCst).is_ok()
    }

    pub fn leave(&self) {
        self.0.fetch_sub(1, SeqCst);
    }

    pub fn is_empty(&self) -> bool {
        self.state().is_multiple_of(Gate::TURN)
    }
}
