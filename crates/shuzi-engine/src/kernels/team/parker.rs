//! Where a thread parks until there is work for it again.
//!
//! In: a condition, and the turn of the gate from which on a look at it is worth while. A mutex and a condition variable
//! that nobody touches while the thread is awake.

use std::sync::{
    Condvar, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

/// Where a thread sleeps until its condition holds; in between it is only woken at the turn of the gate that it chose.
pub(super) struct Parker {
    /// The turn; while nobody sleeps [`Parker::AWAKE`], which no turn reaches.
    alarm: AtomicUsize,
    mutex: Mutex<()>,
    condvar: Condvar,
}

impl Parker {
    pub const AWAKE: usize = usize::MAX;

    pub fn new() -> Self {
        Parker { alarm: AtomicUsize::new(Parker::AWAKE), mutex: Mutex::new(()), condvar: Condvar::new() }
    }

    #[cfg(test)]
    pub fn is_asleep(&self) -> bool {
        self.alarm.load(SeqCst) != Parker::AWAKE
    }

    pub fn sleep_until(&self, alarm: usize, condition: impl Fn() -> bool) {
        let mut guard = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // The alarm first: who makes the condition hold looks at the alarm afterwards, so one sees the other.
            self.alarm.store(alarm, SeqCst);
            if condition() {
                self.alarm.store(Parker::AWAKE, SeqCst);
                return;
            }
            guard = self.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes the sleeper if its turn has come. To be called after what makes its condition hold.
    pub fn wake(&self, turn: usize) {
        if self.alarm.load(SeqCst) <= turn {
            let _guard = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
            self.alarm.store(Parker::AWAKE, SeqCst);
            self.condvar.notify_all();
        }
    }
}
