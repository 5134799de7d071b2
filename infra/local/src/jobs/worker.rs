//! A worker: takes jobs when it has a free slot, runs them, and records their outcomes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use labelcast_functions::ports::PortResult;
use tokio_util::sync::CancellationToken;

use super::attempt::{self, Cause, Failure, JobHandler, Outcome};
use super::lease::Taken;
use super::running::RunningFile;
use super::shared::Shared;
use super::{Job, Target, retry};

/// Number of times the process may end while a job runs alone before the job becomes a dead letter.
const MAX_INTERRUPTIONS: u32 = 3;
/// Delay before a retry during an outage.
const OUTAGE: Duration = Duration::from_secs(1);
/// How long failing jobs of one batch are retried before later jobs may overtake them.
const RETRIED_IN_PLACE: Duration = Duration::from_secs(5);
/// A batch that takes longer than this makes the next one smaller, so that what is notified is never old …
const SLOW_BATCH: Duration = Duration::from_secs(1);
/// … and one that takes less makes it larger.
const FAST_BATCH: Duration = Duration::from_millis(250);
/// Batches are this large at first, and at least a quarter of it.
const FIRST_BATCH: usize = 64;

/// One of the workers of a function.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) target: Target,
    pub(super) handler: Arc<dyn JobHandler>,
    pub(super) running: Arc<RunningFile>,
    /// Its index in the running file.
    pub(super) place: usize,
    pub(super) stop: CancellationToken,
}

impl Worker {
    /// Runs jobs until stopped. Running jobs may finish; others stay in the table.
    pub(super) async fn run(self) {
        let mut most = FIRST_BATCH.min(self.target.batch());
        loop {
            let shared = &self.shared;
            let taken = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                taken = shared.queue(self.target).take(&shared.table, || shared.clock.now(), most) => taken,
            };
            match taken {
                Ok(taken) => {
                    let (count, begun) = (taken.jobs.len(), Instant::now());
                    self.attempt(taken).await;
                    most = next_batch(self.target, most, count, begun.elapsed());
                }
                Err(error) => {
                    tracing::warn!(%error, target = self.target.name(), "the table of jobs could not be read");
                    self.pause(OUTAGE).await;
                }
            }
        }
    }

    async fn attempt(&self, mut taken: Taken) {
        let interruptions = taken.jobs[0].suspect.unwrap_or(0);
        if interruptions >= MAX_INTERRUPTIONS {
            let error = format!("the process died {interruptions} times while this job ran alone");
            return self.exhausted(taken, error.into()).await;
        }
        if self.target.in_order() {
            return self.in_order(taken).await;
        }
        while !taken.jobs.is_empty() {
            let one = taken.split_front(1);
            match self.once(&one.jobs).await.pop() {
                Some(Err(failure)) => self.failed(one, failure).await,
                _ => self.done(one),
            }
        }
    }

    /// Runs jobs in order: none is overtaken while it may still be retried. A failing batch is halved until the culprit is
    /// found, which is retried alone, quickly, and then becomes a dead letter.
    async fn in_order(&self, mut taken: Taken) {
        let begun = Instant::now();
        let mut together = taken.jobs.len();
        // Looking for a job that hangs takes a time-out for each batch that it is in.
        let mut largest = together;
        let mut outage = false;
        while !taken.jobs.is_empty() && !self.stop.is_cancelled() {
            let count = together.min(together_at_most(&taken.jobs));
            let outcomes = self.once(&taken.jobs[..count]).await;
            let done = outcomes.iter().take_while(|outcome| outcome.is_ok()).count();
            if done > 0 {
                self.done(taken.split_front(done));
            }
            let Some(Err(failure)) = outcomes.into_iter().nth(done) else {
                together = (together * 2).min(largest);
                continue;
            };
            let again = std::mem::replace(&mut outage, failure.cause == Cause::Outage);
            if failure.cause == Cause::Outage {
                self.outage(&failure, again).await;
            } else if count > 1 {
                tracing::warn!(count, error = failure.message, "a batch failed; looking for the faulty job");
                metrics::counter!("labelcast_batches_failed_total", "target" => self.target.name()).increment(1);
                if failure.cause == Cause::TimeOut {
                    largest = 1;
                }
                together = if done > 0 { 1 } else { (count / 2).min(largest) };
            } else if failure.cause == Cause::TimeOut && !self.table_answers().await {
                // Everything hangs, not this job.
                self.outage(&failure, again).await;
                outage = true;
            } else {
                taken.jobs[0].suspect = None;
                self.failed_in_order(&mut taken, failure, begun.elapsed() < RETRIED_IN_PLACE).await;
            }
        }
    }

    /// Handles a first job that failed alone. It is retried before later jobs to keep the order, unless it hangs or so many
    /// fail that others would wait for long.
    async fn failed_in_order(&self, taken: &mut Taken, failure: Failure, in_place: bool) {
        if taken.jobs[0].attempt >= self.shared.max_attempts {
            return self.failed(taken.split_front(1), failure).await;
        }
        if !in_place || failure.cause == Cause::TimeOut {
            return self.passed(taken.split_front(1), failure).await;
        }
        let job = &mut taken.jobs[0];
        report(job, &failure);
        let wait = retry::wait_in_order(job.attempt);
        job.attempt += 1;
        self.pause(wait).await;
    }

    /// Runs jobs, alongside others or, for a suspect, alone, and records on disk that they are running.
    async fn once(&self, jobs: &[Job]) -> Vec<Outcome> {
        let alone = jobs[0].suspect.is_some();
        let (beside, by_itself);
        if alone {
            tracing::info!(id = jobs[0].id, target = self.target.name(), "running an interrupted job alone");
            by_itself = Some(self.shared.gate.write().await);
            beside = None;
        } else {
            beside = Some(self.shared.gate.read().await);
            by_itself = None;
        }
        self.running.started(self.place, jobs.iter().map(|job| job.id), alone);
        let outcomes = attempt::once(self.target, &*self.handler, jobs).await;
        self.running.ended(self.place);
        drop((beside, by_itself));
        outcomes
    }

    /// Removes completed jobs without waiting: if a row stays, its job runs again, and every function is idempotent.
    fn done(&self, taken: Taken) {
        let (shared, target, stop) = (self.shared.clone(), self.target, self.stop.clone());
        self.shared.ending.spawn(async move {
            let lease = taken.into_lease();
            let count = lease.rows().len();
            metrics::counter!("labelcast_jobs_done_total", "target" => target.name()).increment(count as u64);
            if persisted(&stop, || shared.table.done(lease.rows().to_vec())).await {
                shared.backlog.ended(target.kind(), count);
            }
        });
    }

    async fn failed(&self, taken: Taken, failure: Failure) {
        let job = &taken.jobs[0];
        if job.attempt >= self.shared.max_attempts {
            metrics::counter!("labelcast_jobs_failed_total", "target" => self.target.name()).increment(1);
            return self.exhausted(taken, failure).await;
        }
        report(job, &failure);
        self.put_back(job, &failure).await;
    }

    /// Lets others overtake a job that will be retried. Whoever waits for it is closed first and resumes, so that nothing
    /// is missed.
    async fn passed(&self, taken: Taken, failure: Failure) {
        let job = &taken.jobs[0];
        report(job, &failure);
        if self.on_exhausted(job).await {
            metrics::counter!("labelcast_jobs_passed_total", "target" => self.target.name()).increment(1);
            self.put_back(job, &failure).await;
        }
    }

    /// Whether the database responds at all.
    async fn table_answers(&self) -> bool {
        let request = tokio::time::timeout(self.target.timeout(), self.shared.table.done(Vec::new()));
        request.await.is_ok_and(|response| response.is_ok())
    }

    async fn put_back(&self, job: &Job, failure: &Failure) {
        let next = self.next_attempt(job.attempt);
        let put_back = || self.shared.table.put_back(job.id, job.attempt, next, failure.message.clone());
        persisted(&self.stop, put_back).await;
    }

    /// Handles an exhausted job: whoever waits is notified, then it becomes a dead letter.
    async fn exhausted(&self, taken: Taken, failure: Failure) {
        let job = &taken.jobs[0];
        if !self.target.in_order() {
            if let Err(unreached) = attempt::on_exhausted(&*self.handler, job).await {
                report_unreached(job, &unreached);
                return self.put_back(job, &failure).await;
            }
        } else if !self.on_exhausted(job).await {
            return;
        }
        let (now, error) = (self.shared.clock.now(), failure.message);
        let attempts = job.attempt;
        tracing::error!(id = job.id, target = self.target.name(), attempts, error, "a job became a dead letter");
        metrics::counter!("labelcast_jobs_dead_lettered_total", "target" => self.target.name()).increment(1);
        if persisted(&self.stop, || self.shared.table.dead_letter(job.id, attempts, now, error.clone())).await {
            self.shared.backlog.ended(self.target.kind(), 1);
        }
    }

    /// Whoever waits for a notification is reached before any later one is pushed. Others wait behind it, so it is not
    /// tried for ever: then it is counted. False if the worker was stopped meanwhile; the job runs again.
    async fn on_exhausted(&self, job: &Job) -> bool {
        let mut tries = 0;
        while let Err(unreached) = attempt::on_exhausted(&*self.handler, job).await {
            tries += 1;
            report_unreached(job, &unreached);
            if tries >= self.shared.max_attempts && unreached.cause != Cause::Outage {
                metrics::counter!("labelcast_dead_letters_unreported_total").increment(1);
                return true;
            }
            if self.stop.is_cancelled() {
                return false;
            }
            self.pause(OUTAGE).await;
        }
        true
    }

    async fn outage(&self, failure: &Failure, again: bool) {
        if !again {
            tracing::warn!(
                target = self.target.name(),
                error = failure.message,
                "jobs are paused until an outage is over"
            );
        }
        metrics::counter!("labelcast_jobs_outages_total", "target" => self.target.name()).increment(1);
        self.pause(OUTAGE).await;
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }

    fn next_attempt(&self, failed_attempts: u32) -> DateTime<Utc> {
        let mut byte = [0];
        self.shared.random.fill(&mut byte);
        self.shared.clock.now() + retry::wait(failed_attempts, f64::from(byte[0]) / 255.0)
    }
}

fn report(job: &Job, failure: &Failure) {
    let (target, error) = (job.target.name(), &failure.message);
    metrics::counter!("labelcast_jobs_failed_total", "target" => target).increment(1);
    tracing::warn!(id = job.id, target, attempt = job.attempt, error, "a job failed");
}

fn report_unreached(job: &Job, unreached: &Failure) {
    let error = &unreached.message;
    tracing::warn!(id = job.id, error, "those who wait for a job that failed were not reached");
}

/// How many of these jobs may run together: one that failed before runs alone, so that it cannot fail others again.
fn together_at_most(jobs: &[Job]) -> usize {
    jobs.iter().take_while(|job| job.attempt == 1).count().max(1)
}

/// Records an outcome, retrying until it is stored or the worker is stopped; in that case the row is unchanged and the job
/// runs again. On a full disk that is better than running it again at once.
async fn persisted<F: Future<Output = PortResult<()>>>(stop: &CancellationToken, write: impl Fn() -> F) -> bool {
    loop {
        match write().await {
            Ok(()) => return true,
            Err(error) => tracing::error!(%error, "the outcome of a job could not be recorded; will retry"),
        }
        metrics::counter!("labelcast_jobs_unwritten_total").increment(1);
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(OUTAGE) => {}
        }
    }
}

/// How many jobs to take next.
fn next_batch(target: Target, most: usize, taken: usize, time: Duration) -> usize {
    let least = (FIRST_BATCH / 4).min(target.batch());
    if time > SLOW_BATCH {
        (most / 2).max(least)
    } else if taken == most && time < FAST_BATCH {
        (most * 2).min(target.batch())
    } else {
        most
    }
}
