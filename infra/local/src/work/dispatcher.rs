//! Brings steps to the functions that take them, again and again until they are done or given up.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::ports::{Clock, PortResult, Random};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::lane::{self, Lane};
use super::retry;
use super::{Job, Target, WorkTable};

/// What became of one step.
pub type Outcome = Result<(), String>;

/// The functions behind the table, as the home wires them.
#[async_trait]
pub trait Steps: Send + Sync {
    /// Runs steps of one target; the outcomes are in order.
    async fn run(&self, target: Target, jobs: &[Job]) -> Vec<Outcome>;

    /// A step was given up: tells whoever waits. Failing puts the step back, so that they are told later.
    async fn gave_up(&self, job: &Job) -> Outcome;
}

/// Steps that one poll takes up at most.
const POLL: usize = 256;
/// How often the table is looked at for steps that wait for another attempt, or were redriven by hand.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// The dispatcher. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    shared: Arc<Shared>,
}

struct Shared {
    table: WorkTable,
    lanes: [Lane; Target::ALL.len()],
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    max_attempts: u32,
}

impl Dispatcher {
    /// Over a table. Nothing runs before [`Dispatcher::run`].
    pub fn new(table: WorkTable, clock: Arc<dyn Clock>, random: Arc<dyn Random>, max_attempts: u32) -> Self {
        let lanes = Target::ALL.map(|_| Lane::new());
        Self { shared: Arc::new(Shared { table, lanes, clock, random, max_attempts }) }
    }

    fn lane(&self, target: Target) -> &Lane {
        &self.shared.lanes[target as usize]
    }

    /// Accepts steps: durable when answered, and then on their way.
    pub async fn accept(&self, steps: Vec<(Target, String)>) -> PortResult<()> {
        let this = self.clone();
        // On its own, so that whoever asked can go away in between without leaving rows that nobody takes up.
        let accepted = tokio::spawn(async move {
            let now = this.shared.clock.now();
            let jobs = this.shared.table.add(steps, now).await?;
            for job in jobs {
                this.hand_over(job);
            }
            Ok(())
        });
        accepted.await.unwrap_or_else(|error| {
            Err(labelcast_functions::ports::PortError::Failed { what: "accepting a step", why: error.to_string() })
        })
    }

    fn hand_over(&self, job: Job) {
        self.lane(job.target).push(job);
    }

    /// Takes up what a process before left behind, then works until `stop` says so; what runs then may end, what waits
    /// stays in the table.
    pub async fn run(&self, steps: Arc<dyn Steps>, stop: CancellationToken) -> PortResult<()> {
        let interrupted = self.shared.table.take_over(self.shared.clock.now()).await?;
        if interrupted > 0 {
            tracing::info!(interrupted, "taking up steps that were cut off");
        }
        let mut tasks = JoinSet::new();
        for target in Target::ALL {
            for _ in 0..target.concurrency() {
                tasks.spawn(self.clone().work(target, steps.clone(), stop.clone()));
            }
        }
        tasks.spawn(self.clone().poll_regularly(stop));
        while tasks.join_next().await.is_some() {}
        Ok(())
    }

    async fn poll_regularly(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {
                    if let Err(error) = self.poll().await {
                        tracing::warn!(%error, "the table of steps could not be looked at");
                    }
                }
            }
        }
    }

    /// Takes up every step that is visible now. Done regularly; tests that set the clock call it themselves.
    pub async fn poll(&self) -> PortResult<()> {
        loop {
            let jobs = self.shared.table.claim(self.shared.clock.now(), POLL).await?;
            let whole = jobs.len() == POLL;
            for job in jobs {
                self.hand_over(job);
            }
            if !whole {
                break;
            }
        }
        for (target, waiting, dead) in self.shared.table.depths().await? {
            metrics::gauge!("labelcast_steps_waiting", "target" => target.name()).set(waiting);
            metrics::gauge!("labelcast_dead_letters", "target" => target.name()).set(dead);
        }
        Ok(())
    }

    async fn work(self, target: Target, steps: Arc<dyn Steps>, stop: CancellationToken) {
        loop {
            let jobs = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                jobs = self.lane(target).take(target.batch()) => jobs,
            };
            self.attempt(target, &*steps, jobs).await;
        }
    }

    async fn attempt(&self, target: Target, steps: &dyn Steps, jobs: Vec<Job>) {
        let outcomes = lane::guarded(target, steps, &jobs).await;
        let mut done = Vec::with_capacity(jobs.len());
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            match outcome {
                Ok(()) => done.push(job.id),
                Err(error) => self.failed(steps, job, error).await,
            }
        }
        if done.is_empty() {
            return;
        }
        metrics::counter!("labelcast_steps_done_total", "target" => target.name()).increment(done.len() as u64);
        // Not waited for: if the row stays, the step runs again, which every function can bear.
        let table = self.shared.table.clone();
        tokio::spawn(async move {
            if let Err(error) = table.done(done).await {
                tracing::warn!(%error, "steps that are done could not be ended; they will run again");
            }
        });
    }

    async fn failed(&self, steps: &dyn Steps, job: Job, error: String) {
        metrics::counter!("labelcast_steps_failed_total", "target" => job.target.name()).increment(1);
        let now = self.shared.clock.now();
        let outcome = if job.attempt < self.shared.max_attempts {
            tracing::warn!(id = job.id, target = job.target.name(), attempt = job.attempt, error, "a step failed");
            self.shared.table.put_back(job.id, self.next_attempt(&job, now), error).await
        } else {
            self.give_up(steps, &job, now, error).await
        };
        if let Err(error) = outcome {
            // The row keeps its claim, which runs out.
            tracing::error!(id = job.id, %error, "what became of a step could not be written down");
        }
    }

    async fn give_up(&self, steps: &dyn Steps, job: &Job, now: DateTime<Utc>, error: String) -> PortResult<()> {
        if let Err(untold) = steps.gave_up(job).await {
            tracing::warn!(id = job.id, untold, "those who wait could not be told yet that a step was given up");
            return self.shared.table.put_back(job.id, self.next_attempt(job, now), error).await;
        }
        tracing::error!(
            id = job.id,
            target = job.target.name(),
            attempts = job.attempt,
            error,
            "a step is a dead letter"
        );
        metrics::counter!("labelcast_steps_dead_total", "target" => job.target.name()).increment(1);
        self.shared.table.bury(job.id, now, error).await
    }

    fn next_attempt(&self, job: &Job, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut byte = [0];
        self.shared.random.fill(&mut byte);
        now + retry::wait(job.attempt, f64::from(byte[0]) / 255.0)
    }
}
