//! Jobs over a real database. The process "ends" by dropping everything in the middle of it, as `kill -9` does.

mod attempts;
mod backlog;
mod dead_letters;
mod order;
mod suspects;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{AnalysisJob, BusEvent, Event, ImageId, ImageType, JobRequest, NewObject};
use labelcast_functions::ports::Clock;
use labelcast_functions::system::SystemRandom;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::jobs::{Dispatcher, Failure, Job, JobHandler, JobTable, NewJob, Outcome, Target};

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A request that carries a name of at most 32 bytes, by which the test knows it again.
fn named(target: Target, name: &str) -> NewJob {
    let at = DateTime::UNIX_EPOCH;
    let request = match target {
        Target::Ingest => JobRequest::Ingest(NewObject { upload_id: name.parse().unwrap(), created_at: at }),
        Target::Analyze => {
            let mut digest = [0; 32];
            digest[..name.len()].copy_from_slice(name.as_bytes());
            let image_id = ImageId::from_digest(digest);
            JobRequest::Analyze(AnalysisJob { image_id, content_type: ImageType::Png })
        }
        Target::Notify => {
            let (topic, data) = ("app:tests".parse().unwrap(), serde_json::Value::Null);
            let body = BusEvent::TopicPublished { id: name.to_owned(), topic, event: "tested".to_owned(), data };
            JobRequest::Notify(Event { at, body })
        }
        Target::Index => unreachable!("no test needs one"),
    };
    request.into()
}

fn name(job: &Job) -> String {
    match job.request.as_ref().unwrap() {
        JobRequest::Ingest(object) => object.upload_id.to_string(),
        JobRequest::Analyze(job) => {
            let digest = hex::decode(job.image_id.to_string()).unwrap();
            String::from_utf8(digest).unwrap().trim_end_matches('\0').to_owned()
        }
        JobRequest::Notify(Event { body: BusEvent::TopicPublished { id, .. }, .. }) => id.clone(),
        other => panic!("{other:?}"),
    }
}

/// What the functions do and what was seen of it.
#[derive(Default)]
struct Functions {
    /// Attempts by name: the number of each, in order.
    attempts: Mutex<BTreeMap<String, Vec<u32>>>,
    /// Names of jobs whose attempt ended well, in order.
    done: Mutex<Vec<String>>,
    exhausted: Mutex<Vec<String>>,
    /// Names of jobs that fail, and how often.
    failing: Mutex<BTreeMap<String, usize>>,
    running: AtomicUsize,
    max_running: AtomicUsize,
    /// Suspects that ran while something else did.
    not_alone: AtomicUsize,
    /// Names of jobs whose attempts never end.
    hanging: Mutex<BTreeSet<String>>,
    /// Each attempt needs one, if there is a bound at all.
    turns: Option<Semaphore>,
    /// How often somebody looked whether it gets on.
    looks: AtomicU64,
}

impl Functions {
    fn blocked() -> Arc<Self> {
        Arc::new(Self { turns: Some(Semaphore::new(0)), ..Self::default() })
    }

    fn go(&self, attempts: usize) {
        self.turns.as_ref().unwrap().add_permits(attempts);
    }

    fn fail(&self, payload: &str, times: usize) {
        self.failing.lock().unwrap().insert(payload.to_owned(), times);
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    fn attempts(&self) -> BTreeMap<String, Vec<u32>> {
        self.attempts.lock().unwrap().clone()
    }
}

#[async_trait]
impl JobHandler for Functions {
    async fn run(&self, _: Target, jobs: &[Job]) -> Vec<Outcome> {
        if let Some(Err(error)) = jobs.iter().map(|job| &job.request).find(|request| request.is_err()) {
            return vec![Err(Failure::from(error.to_string())); jobs.len()];
        }
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_running.fetch_max(running, Ordering::SeqCst);
        if jobs[0].suspect.is_some() && (running > 1 || jobs.len() > 1) {
            self.not_alone.fetch_add(1, Ordering::SeqCst);
        }
        for job in jobs {
            self.attempts.lock().unwrap().entry(name(job)).or_default().push(job.attempt);
        }
        if jobs.iter().any(|job| name(job) == "killer") {
            // The test ends the process while it runs.
            std::future::pending::<()>().await;
        }
        let hangs = |job: &Job| self.hanging.lock().unwrap().contains(&name(job));
        if jobs.iter().any(hangs) {
            std::future::pending::<()>().await;
        }
        if let Some(turns) = &self.turns {
            turns.acquire().await.unwrap().forget();
        }
        let mut failing = self.failing.lock().unwrap();
        let fails = jobs.iter().find(|job| failing.get(&name(job)).is_some_and(|left| *left > 0));
        let outcome = match fails {
            Some(job) => {
                // A batch that fails says nothing of the job.
                if jobs.len() == 1 {
                    *failing.get_mut(&name(job)).unwrap() -= 1;
                }
                Err(Failure::from(format!("{} was told to fail", name(job))))
            }
            None => {
                self.done.lock().unwrap().extend(jobs.iter().map(name));
                Ok(())
            }
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        vec![outcome; jobs.len()]
    }

    /// Whoever waits for a turn gets on; what hangs does not.
    fn progress(&self) -> u64 {
        if self.turns.is_none() { 0 } else { self.looks.fetch_add(1, Ordering::SeqCst) }
    }

    async fn on_exhausted(&self, job: &Job) -> Outcome {
        if job.request.is_err() {
            return Ok(());
        }
        self.exhausted.lock().unwrap().push(name(job));
        Ok(())
    }
}

struct Process {
    dispatcher: Dispatcher,
    table: JobTable,
    clock: Arc<SetClock>,
    stop: CancellationToken,
    work: JoinHandle<()>,
}

impl Process {
    fn new(place: &TempDir, functions: &Arc<Functions>, clock: &Arc<SetClock>) -> Self {
        let table = JobTable::new(&Database::open(place.path()).unwrap());
        let dispatcher = Dispatcher::new(table.clone(), clock.clone(), Arc::new(SystemRandom), 3, 10);
        let stop = CancellationToken::new();
        let (running, functions, stopped) = (dispatcher.clone(), functions.clone(), stop.clone());
        let work = tokio::spawn(async move { running.run(functions, stopped).await.unwrap() });
        Self { dispatcher, table, clock: clock.clone(), stop, work }
    }

    async fn accept(&self, target: Target, names: impl IntoIterator<Item = String>) {
        let jobs = names.into_iter().map(|name| named(target, &name)).collect();
        self.dispatcher.accept(jobs).await.unwrap();
    }

    /// As by `kill -9`.
    async fn kill(self) {
        self.work.abort();
        let _ = self.work.await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.work.await.unwrap();
    }

    fn advance(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

fn place() -> (TempDir, Arc<SetClock>) {
    (tempfile::tempdir().unwrap(), Arc::new(SetClock(AtomicI64::new(1_800_000_000_000))))
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), holds).await.unwrap_or_else(|_| panic!("{what}"));
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:04}")).collect()
}
