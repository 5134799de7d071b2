//! Dead letters: how jobs become one, and what redriving them does.

use std::sync::Arc;
use std::time::Duration;

use labelcast_functions::ports::Clock as _;

use super::{Functions, Process, named, numbered, place, until};
use crate::database::Database;
use crate::jobs::{JobTable, Kind, Target};

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
