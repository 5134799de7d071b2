//! One attempt at jobs: within its time, and whatever happens in it.

use async_trait::async_trait;
use futures_util::FutureExt;

use super::{Job, Target};

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For the log and the dead letter.
    pub message: String,
    /// What it says of the job.
    pub cause: Cause,
}

/// What a failure says of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The job itself may be to blame.
    Job,
    /// Everything would have failed: a full disk, a database that another process holds.
    Outage,
    /// It took too long.
    TimeOut,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, cause: Cause::Job }
    }
}

/// What became of one job.
pub type Outcome = Result<(), Failure>;

/// The functions behind the table, as the backend wires them.
#[async_trait]
pub trait Steps: Send + Sync {
    /// Runs jobs of one target; the outcomes are in order.
    async fn run(&self, target: Target, jobs: &[Job]) -> Vec<Outcome>;

    /// A job used up its attempts: notifies whoever waits. Where that fails it is tried again later.
    async fn gave_up(&self, job: &Job) -> Outcome;
}

/// Runs jobs within their time. A panic or a time-out fails all of them.
pub(super) async fn once(target: Target, steps: &dyn Steps, jobs: &[Job]) -> Vec<Outcome> {
    let all = |failure: Failure| vec![Err(failure); jobs.len()];
    match guarded(target, jobs.len(), steps.run(target, jobs)).await {
        Ok(outcomes) if outcomes.len() == jobs.len() => outcomes,
        Ok(_) => all("the function answered for other jobs than it was given".to_owned().into()),
        Err(failure) => all(failure),
    }
}

/// Notifies whoever waits for a job that used up its attempts, within the time of an attempt.
pub(super) async fn gave_up(steps: &dyn Steps, job: &Job) -> Outcome {
    guarded(job.target, 1, steps.gave_up(job)).await.flatten()
}

async fn guarded<T>(target: Target, together: usize, attempt: impl Future<Output = T>) -> Result<T, Failure> {
    let time_out = target.time_out(together);
    let attempt = std::panic::AssertUnwindSafe(attempt).catch_unwind();
    match tokio::time::timeout(time_out, attempt).await {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(_)) => Err("the function panicked; the log has the words".to_owned().into()),
        Err(_) => {
            let message = format!("the function took longer than {} s", time_out.as_secs());
            Err(Failure { message, cause: Cause::TimeOut })
        }
    }
}
