//! When a failed step is tried again. Plain function.

use std::time::Duration;

/// The longest wait.
const MOST: Duration = Duration::from_mins(5);

/// After this many failed attempts: about 1, 4, 16, 64 seconds, then 5 minutes; the jitter, from 0 to 1, takes up to a
/// quarter off, so that what failed together is not tried together.
pub(super) fn wait(failed_attempts: u32, jitter: f64) -> Duration {
    let exponent = failed_attempts.clamp(1, 6) - 1;
    let whole = Duration::from_secs(4_u64.pow(exponent)).min(MOST);
    whole.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_at_five_minutes() {
        let waits: Vec<u64> = [1, 2, 3, 4, 5, 6, 1_000].map(|attempts| wait(attempts, 0.0).as_secs()).into();
        assert_eq!(waits, [1, 4, 16, 64, 256, 300, 300]);
    }

    #[test]
    fn jitter_takes_at_most_a_quarter_off() {
        assert_eq!(wait(2, 1.0), Duration::from_secs(3));
    }
}
