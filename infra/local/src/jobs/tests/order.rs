//! The order of notifications.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Functions, Process, numbered, place, until};
use crate::jobs::Target;

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
