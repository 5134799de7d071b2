//! Jobs that were running when the process ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Functions, Process, place, until};
use crate::jobs::{Kind, Target};

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
