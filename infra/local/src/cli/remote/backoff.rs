//! How long to wait before another attempt.

use std::time::Duration;

/// Doubles from half a second to half a minute, less up to a half by chance: clients that lost a server together do
/// not come back together.
#[derive(Debug, Default)]
pub(in crate::cli) struct Backoff {
    failures: u32,
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

impl Backoff {
    /// The wait after one more failure.
    pub(in crate::cli) fn next(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// It worked.
    pub(in crate::cli) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_stay_bounded_and_begin_anew_after_success() {
        let mut backoff = Backoff::default();
        for doubled in [1, 2, 4, 8, 16, 32] {
            let wait = backoff.next();
            assert!(wait >= FIRST * doubled / 2 && wait <= FIRST * doubled, "{wait:?}");
        }
        for _ in 0..100 {
            let wait = backoff.next();
            assert!(wait >= LONGEST / 2 && wait <= LONGEST, "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
