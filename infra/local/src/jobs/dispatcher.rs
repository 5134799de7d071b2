//! Accepts jobs and runs them until they are done or dead letters.

use std::sync::Arc;
use std::time::Duration;

use labelcast_functions::ports::{Clock, PortError, PortResult, Random};
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::JobHandler;
use super::backlog::Backlog;
use super::lease::JobQueue;
use super::running::RunningFile;
use super::shared::Shared;
use super::worker::Worker;
use super::{Job, JobTable, Kind, NewJob, Reservation, Target};

/// How often the table is polled for jobs due for another attempt, or redriven by hand.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// Accepts and runs jobs. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    shared: Arc<Shared>,
}

impl Dispatcher {
    /// A dispatcher over a table. Nothing runs before [`Dispatcher::run`]. At `max_backlog` waiting jobs of one kind,
    /// incoming ones are refused.
    pub fn new(
        table: JobTable,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        max_attempts: u32,
        max_backlog: usize,
    ) -> Self {
        let shared = Shared {
            table,
            queues: Target::ALL.map(JobQueue::new),
            backlog: Backlog::new(max_backlog),
            gate: RwLock::default(),
            ending: TaskTracker::new(),
            clock,
            random,
            max_attempts,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Reserves slots for incoming jobs; fails with [`PortError::Overloaded`] while too many are waiting.
    pub fn admit(&self, kind: Kind, jobs: usize) -> PortResult<Reservation> {
        self.shared.backlog.admit(kind, jobs)
    }

    /// The number of jobs of one kind that are waiting or running.
    pub fn backlog(&self, kind: Kind) -> usize {
        self.shared.backlog.rows(kind)
    }

    /// Whether incoming jobs of this kind are being refused.
    pub fn is_full(&self, kind: Kind) -> bool {
        self.shared.backlog.is_full(kind)
    }

    /// Accepts jobs that complete accepted work; these are never refused. Durable on return.
    pub async fn accept(&self, jobs: Vec<NewJob>) -> PortResult<()> {
        let of = |kind| jobs.iter().filter(|job| Target::of(&job.request).kind() == kind).count();
        let admissions = [Kind::Pictures, Kind::Notifications]
            .map(|kind| (kind, of(kind)))
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| self.shared.backlog.admit_always(kind, count));
        self.accept_admitted(admissions.collect(), jobs).await
    }

    /// Accepts jobs in slots reserved for them. Durable on return.
    pub async fn accept_admitted(&self, admitted: Vec<Reservation>, jobs: Vec<NewJob>) -> PortResult<()> {
        let shared = self.shared.clone();
        let on_their_way = move |jobs: Vec<Job>| {
            admitted.into_iter().for_each(Reservation::committed);
            for job in jobs {
                shared.queue(job.target).added(job);
            }
        };
        self.shared.table.add(jobs, self.shared.clock.now(), on_their_way).await
    }

    /// Recovers what an earlier process left, then runs jobs until `stop`: running jobs may finish, waiting ones stay in
    /// the table. The caller must hold the directory's lock.
    pub async fn run(&self, handler: Arc<dyn JobHandler>, stop: CancellationToken) -> PortResult<()> {
        let running = Arc::new(self.take_over().await?);
        self.poll().await?;
        let mut tasks = JoinSet::new();
        let mut place = 0;
        for target in Target::ALL {
            for _ in 0..target.concurrency() {
                let (shared, handler, running, stop) =
                    (self.shared.clone(), handler.clone(), running.clone(), stop.clone());
                tasks.spawn(Worker { shared, target, handler, running, place, stop }.run());
                place += 1;
            }
        }
        tasks.spawn(self.clone().poll_regularly(stop));
        while tasks.join_next().await.is_some() {}
        self.shared.ending.close();
        self.shared.ending.wait().await;
        Ok(())
    }

    /// Forgets which jobs are running, because the operator is ending the process: they do not become suspects.
    pub fn forget_running(&self) {
        RunningFile::forget(self.shared.table.directory());
    }

    /// Makes suspects of the jobs that were running when the last process ended.
    async fn take_over(&self) -> PortResult<RunningFile> {
        let directory = self.shared.table.directory();
        let failed = |error: std::io::Error| PortError::Failed {
            what: "the file of jobs that run",
            why: format!("{}: {error}", directory.display()),
        };
        let left = RunningFile::left_behind(directory).map_err(failed)?;
        let suspects = self.shared.table.take_over(left, self.shared.clock.now()).await?;
        if suspects > 0 {
            tracing::info!(
                suspects,
                "jobs were interrupted by the end of the last process; running each of them alone"
            );
            metrics::counter!("labelcast_jobs_interrupted_total").increment(suspects as u64);
        }
        let mut run = [0; 8];
        self.shared.random.fill(&mut run);
        let workers = Target::ALL.into_iter().map(Target::concurrency).sum();
        RunningFile::begin(directory, u64::from_le_bytes(run), workers).map_err(failed)
    }

    async fn poll_regularly(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {
                    if let Err(error) = self.poll().await {
                        tracing::warn!(%error, "the table of jobs could not be read");
                    }
                }
            }
        }
    }

    /// Starts every job that is due, and updates the backlog's count. Runs regularly; tests that set the clock call it
    /// directly.
    pub async fn poll(&self) -> PortResult<()> {
        let shared = &self.shared;
        let kinds = [Kind::Pictures, Kind::Notifications].map(|kind| (kind, shared.backlog.version(kind)));
        let depths = shared.table.depths().await?;
        for depth in &depths {
            let name = depth.target.name();
            let age = depth.oldest.map_or(0.0, |oldest| (shared.clock.now() - oldest).as_seconds_f64().max(0.0));
            metrics::gauge!("labelcast_jobs_waiting", "target" => name).set(depth.waiting);
            metrics::gauge!("labelcast_oldest_job_age_seconds", "target" => name).set(age);
            metrics::gauge!("labelcast_dead_letters", "target" => name).set(depth.dead);
            if depth.waiting > 0 {
                shared.queue(depth.target).look_again();
            }
        }
        for (kind, version) in kinds {
            let of_kind = || Target::ALL.into_iter().filter(|target| target.kind() == kind);
            if of_kind().all(|target| shared.queue(target).is_idle()) {
                let waiting = depths.iter().filter(|depth| depth.target.kind() == kind).map(|depth| depth.waiting);
                shared.backlog.counted(kind, version, waiting.map(|waiting| waiting as usize).sum());
            }
        }
        Ok(())
    }
}
