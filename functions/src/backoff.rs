//! The delay before a retry: one formula for all retries.

use std::time::Duration;

/// Waits that grow from failure to failure.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The delay after the first failure.
    pub first: Duration,
    /// By how much each further wait is longer than the one before.
    pub factor: u32,
    /// The maximum delay.
    pub longest: Duration,
    /// The share of a wait that chance may take off, from 0 to 1, so that what failed together is not tried together.
    pub jitter: f64,
}

impl Backoff {
    /// After so many failures; none counts as one. `chance` is from 0, which leaves the whole wait, to 1.
    pub fn wait(&self, failures: u32, chance: f64) -> Duration {
        let growth = self.factor.saturating_pow(failures.saturating_sub(1));
        let whole = self.first.saturating_mul(growth).min(self.longest);
        whole.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBLED: Backoff =
        Backoff { first: Duration::from_millis(500), factor: 2, longest: Duration::from_secs(30), jitter: 0.5 };

    #[test]
    fn delays_grow_up_to_the_maximum_after_any_number_of_failures() {
        let waits = [0, 1, 2, 3, 6, 7, 8, 1_000, u32::MAX].map(|failures| DOUBLED.wait(failures, 0.0).as_millis());
        assert_eq!(waits, [500, 500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn jitter_subtracts_no_more_than_its_share() {
        assert_eq!(DOUBLED.wait(2, 1.0), Duration::from_millis(500));
        assert_eq!(DOUBLED.wait(2, 0.5), Duration::from_millis(750));
        assert_eq!(DOUBLED.wait(2, 7.0), Duration::from_millis(500));
        assert_eq!(Backoff { jitter: 1.0, ..DOUBLED }.wait(9, 1.0), Duration::ZERO);
    }
}
