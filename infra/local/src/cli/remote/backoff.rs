//! How long to wait before another attempt.

use std::time::Duration;

use labelcast_functions::backoff;

/// Delays that double from half a second to half a minute, minus up to half as jitter, so that clients that lost a server
/// together do not return together.
const WAITS: backoff::Backoff =
    backoff::Backoff { first: Duration::from_millis(500), factor: 2, longest: Duration::from_secs(30), jitter: 0.5 };

/// Consecutive failures.
#[derive(Debug, Default)]
pub(in crate::cli) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The delay after one more failure.
    pub(in crate::cli) fn next(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        WAITS.wait(self.failures, rand::random())
    }

    /// Records a success: the next delay is short again.
    pub(in crate::cli) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_stay_bounded_and_reset_after_a_success() {
        let mut backoff = Backoff::default();
        for doubled in [1, 2, 4, 8, 16, 32] {
            let wait = backoff.next();
            assert!(wait >= WAITS.first * doubled / 2 && wait <= WAITS.first * doubled, "{wait:?}");
        }
        for _ in 0..100 {
            let wait = backoff.next();
            assert!(wait >= WAITS.longest / 2 && wait <= WAITS.longest, "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= WAITS.first);
    }
}
