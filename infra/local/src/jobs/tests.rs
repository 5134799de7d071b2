//! Jobs over a real database. The process "ends" by dropping everything in the middle of it, as `kill -9` does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{AnalysisJob, BusEvent, Event, ImageId, ImageType, JobRequest, NewObject};
use labelcast_functions::ports::{Clock, PortError};
use labelcast_functions::system::SystemRandom;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Dispatcher, Failure, Job, JobHandler, JobTable, Kind, NewJob, Outcome, Target};
use crate::database::Database;

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

#[tokio::test]
async fn a_burst_of_hours_of_work_runs_once_on_all_workers() {
    let (place, clock) = place();
    let functions = Functions::blocked();
    let process = Process::new(&place, &functions, &clock);
    process.accept(Target::Analyze, numbered(40)).await;
    for ended in 1..=40 {
        until("another runs", async || functions.attempts().len() >= (ended + 1).min(40)).await;
        process.advance(Duration::from_mins(10));
        process.dispatcher.poll().await.unwrap();
        functions.go(1);
        until("one ends", async || functions.done().len() == ended).await;
    }
    process.end().await;
    assert_eq!(functions.max_running.load(Ordering::SeqCst), Target::Analyze.concurrency());
    assert!(functions.attempts().values().all(|attempts| attempts == &[1]), "{:?}", functions.attempts());
}

#[tokio::test]
async fn a_first_failure_after_a_long_wait_counts_as_the_first_attempt() {
    let (place, clock) = place();
    let functions = Functions::blocked();
    functions.fail("0003", 1);
    let process = Process::new(&place, &functions, &clock);
    process.accept(Target::Analyze, numbered(4)).await;
    process.advance(Duration::from_hours(5));
    functions.go(100);
    until("the others end", async || functions.done().len() == 3).await;
    until("it is put back and tried again", async || {
        process.advance(Duration::from_secs(1));
        process.dispatcher.poll().await.unwrap();
        functions.done().len() == 4
    })
    .await;
    assert_eq!(functions.attempts()["0003"], [1, 2]);
    process.end().await;
}

#[tokio::test]
async fn jobs_waiting_at_a_clean_shutdown_are_neither_attempted_nor_suspect() {
    let (place, clock) = place();
    let functions = Functions::blocked();
    let process = Process::new(&place, &functions, &clock);
    process.accept(Target::Ingest, numbered(12)).await;
    let workers = Target::Ingest.concurrency();
    until("all workers run", async || functions.attempts().len() == workers).await;
    process.stop.cancel();
    functions.go(workers);
    process.end().await;
    assert_eq!(functions.done().len(), workers, "what runs may end");
    functions.go(100);
    let process = Process::new(&place, &functions, &clock);
    until("the others run", async || functions.done().len() == 12).await;
    process.end().await;
    assert!(functions.attempts().values().all(|attempts| attempts == &[1]));
    assert_eq!(functions.max_running.load(Ordering::SeqCst), workers, "nothing had to run alone");
}

#[tokio::test]
async fn a_job_that_kills_the_process_is_found_and_dead_lettered_without_affecting_others() {
    let (place, clock) = place();
    let mut deaths = 0;
    loop {
        let functions = Arc::<Functions>::default();
        let process = Process::new(&place, &functions, &clock);
        if deaths == 0 {
            process.accept(Target::Analyze, ["innocent", "killer", "another"].map(str::to_owned)).await;
        }
        let runs_or_is_found = async || {
            process.advance(Duration::from_secs(1));
            process.dispatcher.poll().await.unwrap();
            functions.attempts().contains_key("killer") || !process.table.dead().await.unwrap().is_empty()
        };
        until("it runs, or is found", runs_or_is_found).await;
        assert_eq!(functions.not_alone.load(Ordering::SeqCst), 0);
        let dead = process.table.dead().await.unwrap();
        if let [dead] = dead.as_slice() {
            assert!(dead.error.contains("3 times"), "{}", dead.error);
            assert_eq!(*functions.exhausted.lock().unwrap(), ["killer"], "its uploader is notified");
            until("the others are done", async || process.dispatcher.backlog(Kind::Pictures) == 0).await;
            process.end().await;
            break;
        }
        process.kill().await;
        deaths += 1;
        assert!(deaths < 10, "it is never found");
    }
    assert_eq!(deaths, 1 + 3, "once beside others, three times alone");
}

#[tokio::test]
async fn kills_by_an_operator_create_no_dead_letters() {
    let (place, clock) = place();
    let mut done = 0;
    for kill in 0..8 {
        let functions = Functions::blocked();
        let process = Process::new(&place, &functions, &clock);
        process.accept(Target::Ingest, [format!("{kill}-a"), format!("{kill}-b"), format!("{kill}-c")]).await;
        until("some run", async || functions.running.load(Ordering::SeqCst) > 0).await;
        // Sometimes one ends before the next kill.
        functions.go(kill % 2);
        until("it ends", async || functions.done().len() == kill % 2).await;
        done += kill % 2;
        process.kill().await;
    }
    let functions = Arc::<Functions>::default();
    let process = Process::new(&place, &functions, &clock);
    let all_done = async || {
        process.advance(Duration::from_secs(1));
        process.dispatcher.poll().await.unwrap();
        process.dispatcher.backlog(Kind::Pictures) == 0
    };
    until("all are done", all_done).await;
    assert!(functions.done().len() >= 8 * 3 - done);
    assert_eq!(process.table.dead().await.unwrap(), []);
    assert!(functions.attempts().values().all(|attempts| attempts == &[1]), "being cut off is no attempt");
    process.end().await;
}

#[tokio::test]
async fn poison_notifications_are_found_within_seconds_and_the_others_keep_their_order() {
    let (place, clock) = place();
    let functions = Arc::<Functions>::default();
    let all = numbered(300);
    for poisoned in ["0100", "0101", "0255"] {
        functions.fail(poisoned, usize::MAX);
    }
    functions.fail("0200", 1);
    let process = Process::new(&place, &functions, &clock);
    let begun = std::time::Instant::now();
    process.accept(Target::Notify, all.clone()).await;
    until("three are dead letters", async || process.table.dead().await.unwrap().len() == 3).await;
    until("all others are done", async || functions.done().len() == 297).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let poisoned = ["0100", "0101", "0255"];
    let expected: Vec<String> = all.into_iter().filter(|one| !poisoned.contains(&one.as_str())).collect();
    assert_eq!(functions.done(), expected, "0200 was tried again before those behind it");
    assert_eq!(*functions.exhausted.lock().unwrap(), poisoned);
    process.end().await;
}

#[tokio::test]
async fn a_hanging_notification_delays_later_ones_only_for_seconds_and_its_receivers_resume_first() {
    let (place, clock) = place();
    let functions = Arc::<Functions>::default();
    functions.hanging.lock().unwrap().insert("0020".to_owned());
    let process = Process::new(&place, &functions, &clock);
    let begun = std::time::Instant::now();
    process.accept(Target::Notify, numbered(60)).await;
    until("those behind it are done", async || functions.done().len() == 59).await;
    // Once with others, once alone.
    assert!(begun.elapsed() < 3 * Target::Notify.timeout(), "{:?}", begun.elapsed());
    assert_eq!(*functions.exhausted.lock().unwrap(), ["0020"], "its subscribers resume");
    assert_eq!(process.table.dead().await.unwrap(), [], "it is tried again");
    functions.hanging.lock().unwrap().clear();
    let tried_again = async || {
        process.advance(Duration::from_secs(1));
        process.dispatcher.poll().await.unwrap();
        functions.done().len() == 60
    };
    until("it is tried again", tried_again).await;
    assert_eq!(functions.done()[59], "0020");
    process.end().await;
}

#[tokio::test]
async fn notifications_keep_their_order_across_publishers_and_kills() {
    let (place, clock) = place();
    let functions = Functions::blocked();
    let process = Process::new(&place, &functions, &clock);
    for some in numbered(3_000).chunks(50) {
        process.accept(Target::Notify, some.to_vec()).await;
    }
    functions.go(3);
    until("some are done", async || !functions.done().is_empty()).await;
    process.kill().await;
    let before = functions.done();
    let functions = Arc::<Functions>::default();
    let process = Process::new(&place, &functions, &clock);
    process.accept(Target::Notify, ["last".to_owned()]).await;
    until("all are done", async || functions.done().last().is_some_and(|last| last == "last")).await;
    let after = functions.done();
    assert!(after.is_sorted(), "digits sort before letters");
    let mut all: Vec<String> = before.into_iter().chain(after).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 3_001);
    assert_eq!(functions.not_alone.load(Ordering::SeqCst), 0);
    process.end().await;
}

#[tokio::test]
async fn incoming_work_is_refused_beyond_the_backlog_and_accepted_again_once_it_shrinks() {
    let (place, clock) = place();
    let functions = Functions::blocked();
    let process = Process::new(&place, &functions, &clock);
    for number in 0..10 {
        let admitted = process.dispatcher.admit(Kind::Pictures, 1).unwrap();
        let jobs = vec![named(Target::Ingest, &number.to_string())];
        process.dispatcher.accept_admitted(vec![admitted], jobs).await.unwrap();
    }
    let refused = process.dispatcher.admit(Kind::Pictures, 1);
    assert!(matches!(refused, Err(PortError::Overloaded { .. })), "{refused:?}");
    // What finishes it is not refused, and the other kind has room.
    process.accept(Target::Analyze, numbered(20)).await;
    assert!(process.dispatcher.admit(Kind::Notifications, 10).is_ok());
    functions.go(100);
    until("there is room again", async || process.dispatcher.admit(Kind::Pictures, 10).is_ok()).await;
    process.end().await;
}

#[tokio::test]
async fn dead_letters_redriven_by_another_process_run_and_are_counted() {
    let (place, clock) = place();
    let functions = Arc::<Functions>::default();
    functions.fail("0000", 3);
    let process = Process::new(&place, &functions, &clock);
    process.accept(Target::Notify, numbered(1)).await;
    until("it is a dead letter", async || process.table.dead().await.unwrap().len() == 1).await;
    assert_eq!(process.table.dead().await.unwrap()[0].attempts, 3);
    let elsewhere = JobTable::new(&Database::open(place.path()).unwrap());
    assert_eq!(elsewhere.redrive(Vec::new(), clock.now()).await.unwrap().count, 1);
    until("it is run", async || functions.done() == ["0000"]).await;
    until("it is counted once", async || process.dispatcher.backlog(Kind::Notifications) == 0).await;
    process.end().await;
}

/// They are tried as often as others, and kept: a newer program can run them.
#[tokio::test]
async fn unreadable_rows_block_nothing_and_become_dead_letters() {
    let (place, clock) = place();
    let functions = Arc::<Functions>::default();
    Database::open(place.path())
        .unwrap()
        .write(|transaction| {
            let insert = "INSERT INTO work (target, payload, visible_at, created_at) VALUES ('notify', ?1, 0, 5)";
            let for_another = named(Target::Ingest, "elsewhere").payload;
            for payload in ["no payload", r#"{"v":7,"job":"notify"}"#, &for_another] {
                transaction.execute(insert, [payload])?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let process = Process::new(&place, &functions, &clock);
    process.accept(Target::Notify, numbered(2)).await;
    until("the others are done", async || functions.done().len() == 2).await;
    let all_are_dead = async || {
        process.advance(Duration::from_mins(5));
        process.dispatcher.poll().await.unwrap();
        process.table.dead().await.unwrap().len() == 3
    };
    until("three are dead letters", all_are_dead).await;
    let mut dead = process.table.dead().await.unwrap();
    dead.sort_by_key(|letter| letter.id);
    let errors: Vec<&str> = dead.iter().map(|letter| letter.error.as_str()).collect();
    assert!(errors[0].contains("cannot be read"), "{errors:?}");
    assert!(errors[1].contains("version 7"), "{errors:?}");
    assert!(errors[2].contains("it is not for `notify`"), "{errors:?}");
    process.end().await;
}
