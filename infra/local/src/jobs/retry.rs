//! When a failed job is tried again. Plain functions.

use std::time::Duration;

use labelcast_functions::backoff::Backoff;

const JOB: Backoff =
    Backoff { first: Duration::from_secs(1), factor: 4, longest: Duration::from_mins(5), jitter: 0.25 };
const IN_ORDER: Backoff =
    Backoff { first: Duration::from_millis(250), factor: 4, longest: Duration::from_secs(1), jitter: 0.0 };
const SUSPECT: Backoff =
    Backoff { first: Duration::from_secs(2), factor: 2, longest: Duration::from_secs(8), jitter: 0.0 };

/// The delay after this many failed attempts: about 1, 4, 16, 64, 256 seconds, then 5 minutes. The jitter, from 0 to 1,
/// subtracts up to a quarter, so that jobs that failed together are not retried together.
pub(super) fn wait(failed_attempts: u32, jitter: f64) -> Duration {
    JOB.wait(failed_attempts, jitter)
}

/// The delay for a job that others wait behind: a quarter of a second, then one second.
pub(super) fn wait_in_order(failed_attempts: u32) -> Duration {
    IN_ORDER.wait(failed_attempts, 0.0)
}

/// The delay before a suspect runs alone again: none, then 2, 4, 8 seconds. So an operator who kills the
/// process several times in a row does not hit the same job each time.
pub(super) fn wait_of_suspect(interruptions: u32) -> Duration {
    if interruptions == 0 { Duration::ZERO } else { SUSPECT.wait(interruptions, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_five_minutes() {
        let waits: Vec<u64> = [1, 2, 3, 4, 5, 6, 1_000].map(|attempts| wait(attempts, 0.0).as_secs()).into();
        assert_eq!(waits, [1, 4, 16, 64, 256, 300, 300]);
    }

    #[test]
    fn jitter_subtracts_at_most_a_quarter() {
        assert_eq!(wait(2, 1.0), Duration::from_secs(3));
    }

    #[test]
    fn a_job_somebody_waits_for_is_retried_within_a_second() {
        assert_eq!(
            [0, 1, 2, 3, 9].map(|attempts| wait_in_order(attempts).as_millis()),
            [250, 250, 1_000, 1_000, 1_000]
        );
    }

    #[test]
    fn a_suspect_runs_at_once_and_then_after_growing_delays() {
        assert_eq!([0, 1, 2, 3, 9].map(|interruptions| wait_of_suspect(interruptions).as_secs()), [0, 2, 4, 8, 8]);
    }
}
