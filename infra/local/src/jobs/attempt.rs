//! One attempt at jobs, within its timeout; panics count as failures.

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};

use super::{Job, Target};

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, for the log and the dead letter.
    pub message: String,
    /// Whether the job may be to blame.
    pub cause: Cause,
}

/// Whether a failure may be the job's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The job itself may be to blame.
    Job,
    /// Any job would have failed: a full disk, a database locked by another process. It uses no attempts.
    Outage,
    /// The attempt exceeded its timeout, or made no progress.
    TimeOut,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, cause: Cause::Job }
    }
}

/// The outcome of an attempt at one job.
pub type Outcome = Result<(), Failure>;

/// The functions that run the table's jobs, as the backend wires them.
#[async_trait]
pub trait JobHandler: Send + Sync {
    /// Runs jobs of one target; the outcomes are in the order of the jobs.
    async fn run(&self, target: Target, jobs: &[Job]) -> Vec<Outcome>;

    /// A counter that moves whenever running notifications make progress, to tell slow jobs from hanging ones.
    fn progress(&self) -> u64;

    /// Reports an exhausted job to whoever waits for it; a failure is retried later. Notifications also come here before
    /// others overtake them: their subscribers are closed and resume, so that no cursor passes what was not pushed.
    async fn on_exhausted(&self, job: &Job) -> Outcome;
}

/// Runs jobs within their timeout. A panic or a timeout fails all of them.
pub(super) async fn once(target: Target, handler: &dyn JobHandler, jobs: &[Job]) -> Vec<Outcome> {
    let all = |failure: Failure| vec![Err(failure); jobs.len()];
    match guarded(target, handler, handler.run(target, jobs)).await {
        Ok(outcomes) if outcomes.len() == jobs.len() => outcomes,
        Ok(_) => all("the function returned results for jobs that it was not given".to_owned().into()),
        Err(failure) => all(failure),
    }
}

/// Reports an exhausted job, within the timeout of an attempt.
pub(super) async fn on_exhausted(handler: &dyn JobHandler, job: &Job) -> Outcome {
    guarded(job.target, handler, handler.on_exhausted(job)).await.flatten()
}

async fn guarded<T>(target: Target, handler: &dyn JobHandler, attempt: impl Future<Output = T>) -> Result<T, Failure> {
    let attempt = std::panic::AssertUnwindSafe(attempt).catch_unwind();
    let mut attempt = std::pin::pin!(attempt);
    let end = Instant::now() + target.time_out();
    let mut reached = handler.progress();
    loop {
        let look = end.min(Instant::now() + target.timeout());
        match timeout_at(look, &mut attempt).await {
            Ok(Ok(outcome)) => return Ok(outcome),
            Ok(Err(_)) => return Err("the function panicked; the message is in the log".to_owned().into()),
            Err(_) => {}
        }
        let before = std::mem::replace(&mut reached, handler.progress());
        if look == end || (reached == before && target.in_order()) {
            let (time, got_nowhere) =
                if look == end { (target.time_out(), "") } else { (target.timeout(), " and got nowhere") };
            let message = format!("the function took longer than {} s{got_nowhere}", time.as_secs());
            return Err(Failure { message, cause: Cause::TimeOut });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::jobs::payload::PayloadError;

    /// Takes so many seconds, in which it gets on every so many.
    struct Slow {
        seconds: u64,
        every: u64,
        progress: AtomicU64,
    }

    #[async_trait]
    impl JobHandler for Slow {
        async fn run(&self, _: Target, jobs: &[Job]) -> Vec<Outcome> {
            for second in 0..self.seconds {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if second % self.every == 0 {
                    self.progress.fetch_add(1, Ordering::Relaxed);
                }
            }
            vec![Ok(()); jobs.len()]
        }

        fn progress(&self) -> u64 {
            self.progress.load(Ordering::Relaxed)
        }

        async fn on_exhausted(&self, _: &Job) -> Outcome {
            Ok(())
        }
    }

    async fn attempted(target: Target, seconds: u64, every: u64) -> (bool, u64) {
        let (request, created_at) = (Err(PayloadError::Version(0)), chrono::Utc::now());
        let job = Job { id: 1, target, request, bytes: 0, attempt: 1, created_at, suspect: None };
        let begun = Instant::now();
        let outcome = once(target, &Slow { seconds, every, progress: AtomicU64::new(0) }, &[job]).await.remove(0);
        (outcome.is_ok(), begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_notification_is_cut_off_soon_and_one_making_progress_is_not() {
        let never = u64::MAX;
        assert_eq!(attempted(Target::Notify, 1_000, never).await, (false, 4), "it got on once, in the first second");
        assert_eq!(attempted(Target::Notify, 20, 1).await, (true, 20), "slow, but it gets on");
        assert_eq!(attempted(Target::Notify, 1_000, 1).await, (false, 30), "not for ever");
        assert_eq!(attempted(Target::Analyze, 20, never).await, (true, 20), "nobody waits behind it");
        assert_eq!(attempted(Target::Analyze, 31, 1).await, (false, 30));
    }
}
