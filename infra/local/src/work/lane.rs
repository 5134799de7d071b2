//! Steps on their way to one function, in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::sync::Notify;

use super::{Job, Outcome, Steps, Target};

/// A queue in memory in front of a function. Each entry has its row, so nothing is lost with it.
pub(super) struct Lane {
    waiting: Mutex<VecDeque<Job>>,
    arrived: Notify,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::default(), arrived: Notify::new() }
    }

    pub(super) fn push(&self, job: Job) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(job);
        self.arrived.notify_one();
    }

    /// Waits for steps, and takes up to this many of those that wait.
    pub(super) async fn take(&self, most: usize) -> Vec<Job> {
        loop {
            let arrived = self.arrived.notified();
            let jobs = self.take_waiting(most);
            if !jobs.is_empty() {
                return jobs;
            }
            arrived.await;
        }
    }

    fn take_waiting(&self, most: usize) -> Vec<Job> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = most.min(waiting.len());
        let jobs = waiting.drain(..taken).collect();
        if !waiting.is_empty() {
            // There is more for another worker of this lane.
            self.arrived.notify_one();
        }
        jobs
    }
}

/// Runs steps within their time. A panic or a time-out fails all of them. Several that fail together are tried one by
/// one, so that one bad step does not hold up the others.
pub(super) async fn guarded(target: Target, steps: &dyn Steps, jobs: &[Job]) -> Vec<Outcome> {
    let outcomes = once(target, steps, jobs).await;
    if jobs.len() == 1 || outcomes.iter().all(Result::is_ok) {
        return outcomes;
    }
    let mut alone = Vec::with_capacity(jobs.len());
    for (job, outcome) in jobs.iter().zip(outcomes) {
        alone.push(match outcome {
            Ok(()) => Ok(()),
            Err(_) => once(target, steps, std::slice::from_ref(job)).await.pop().unwrap_or(Ok(())),
        });
    }
    alone
}

async fn once(target: Target, steps: &dyn Steps, jobs: &[Job]) -> Vec<Outcome> {
    let all = |error: String| vec![Err(error); jobs.len()];
    let attempt = std::panic::AssertUnwindSafe(steps.run(target, jobs)).catch_unwind();
    match tokio::time::timeout(target.time_out(), attempt).await {
        Ok(Ok(outcomes)) if outcomes.len() == jobs.len() => outcomes,
        Ok(Ok(_)) => all("the function answered for other steps than it was given".to_owned()),
        Ok(Err(_)) => all("the function panicked; the log has the words".to_owned()),
        Err(_) => all(format!("the function took longer than {} s", target.time_out().as_secs())),
    }
}
