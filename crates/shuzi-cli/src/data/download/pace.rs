//! How long a download waits for mirrors: what is slow, and how the patience is shared out.

use std::time::{Duration, Instant};

/// A mirror that sends less, for as long as the patience lasts, is given up for the next one.
pub(super) const LEAST_BYTES_PER_SECOND: u32 = 1000;

/// How fast a mirror sends a file, over all tries.
pub(super) struct Pace {
    /// Of the stretch of time that is being measured.
    begin: Instant,
    bytes: usize,
}

impl Pace {
    pub fn new(now: Instant) -> Self {
        Pace { begin: now, bytes: 0 }
    }

    /// A mirror begins to answer. The time before its first byte does not count.
    pub fn begin(&mut self, now: Instant) {
        if self.bytes == 0 {
            self.begin = now;
        }
    }

    /// Counts bytes that have come by now. Whether the mirror is to go on: not after a stretch as long as the patience in which too
    /// few came.
    pub fn is_enough(&mut self, bytes: usize, now: Instant, patience: Duration) -> bool {
        self.bytes += bytes;
        let passed = now.duration_since(self.begin);
        if passed < patience {
            return true;
        }
        let is_enough = self.bytes as f64 >= f64::from(LEAST_BYTES_PER_SECOND) * passed.as_secs_f64();
        *self = Pace::new(now);
        is_enough
    }
}

/// How long each stage of a request (name, connection, answer) may take while no mirror has sent a byte: of the patience that is left
/// each mirror gets its share, for two stages.
pub(super) fn stage_patience(patience: Duration, passed: Duration, mirrors_left: usize) -> Duration {
    patience.saturating_sub(passed) / (2 * mirrors_left as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_that_is_too_slow_is_given_up_after_the_patience() {
        let (start, patience) = (Instant::now(), Duration::from_secs(15));
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut trickle = Pace::new(start);
        assert!((1..15).all(|second| trickle.is_enough(1, after(second), patience)));
        assert!(!trickle.is_enough(1, after(15), patience));
        let mut modem = Pace::new(start);
        assert!((1..1000).all(|second| modem.is_enough(1100, after(second), patience)));
        let mut late = Pace::new(start);
        late.begin(after(14));
        assert!(late.is_enough(1, after(16), patience), "what it took to answer does not count");
        late.begin(after(28));
        assert!(!late.is_enough(1, after(30), patience), "what it took to answer again does");
        let mut stops = Pace::new(start);
        assert!(stops.is_enough(10_000_000, after(15), patience));
        assert!(!stops.is_enough(1, after(30), patience), "what came before does not count for ever");
    }

    #[test]
    fn a_network_that_swallows_everything_costs_the_patience_and_no_more() {
        let (patience, mut passed) = (Duration::from_secs(15), Duration::ZERO);
        for mirrors_left in (1..=3).rev() {
            let stage = stage_patience(patience, passed, mirrors_left);
            assert_eq!(stage, Duration::from_millis(2500));
            passed += 2 * stage; // a name that is not found in time, a connection that is not answered
        }
        assert_eq!((passed, stage_patience(patience, passed, 1)), (patience, Duration::ZERO));
    }
}
