//! Attempts: when they are counted, and how many run at once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Functions, Process, numbered, place, until};
use crate::jobs::Target;

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
