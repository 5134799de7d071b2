//! When a failed job is tried again. Plain functions.

use std::time::Duration;

/// The longest wait.
const MAX: Duration = Duration::from_mins(5);

/// After this many failed attempts: about 1, 4, 16, 64 seconds, then 5 minutes; the jitter, from 0 to 1, takes up to a
/// quarter off, so that what failed together is not tried together.
pub(super) fn wait(failed_attempts: u32, jitter: f64) -> Duration {
    let exponent = failed_attempts.clamp(1, 6) - 1;
    let whole = Duration::from_secs(4_u64.pow(exponent)).min(MAX);
    whole.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 4.0)
}

/// The same for a job that others wait behind: a quarter of a second, then one second.
pub(super) fn wait_in_order(failed_attempts: u32) -> Duration {
    if failed_attempts <= 1 { Duration::from_millis(250) } else { Duration::from_secs(1) }
}

/// How long a suspect waits before it runs alone again: not at all, then 2, 4, 8 seconds. So an operator who kills the
/// process several times in a row does not hit the same job each time.
pub(super) fn wait_of_suspect(interruptions: u32) -> Duration {
    if interruptions == 0 { Duration::ZERO } else { Duration::from_secs(1 << interruptions.min(3)) }
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

    #[test]
    fn a_suspect_runs_at_once_and_then_after_a_growing_wait() {
        assert_eq!([0, 1, 2, 3, 9].map(|interruptions| wait_of_suspect(interruptions).as_secs()), [0, 2, 4, 8, 8]);
    }
}
