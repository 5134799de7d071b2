use std::sync::Arc;

use labelcast_functions::ports::PortError;
use rusqlite::{Connection, Transaction};

use crate::database::Database;

fn open() -> (tempfile::TempDir, Database) {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).unwrap();
    (directory, database)
}

fn set(group: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    group.execute("INSERT INTO settings (name, value) VALUES (?1, 'x')", [name]).map(drop)
}

fn names(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM settings ORDER BY name")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

#[tokio::test]
async fn an_acknowledged_change_survives_reopening() {
    let (directory, database) = open();
    database.write(|group| set(group, "a")).await.unwrap();
    drop(database);
    let again = Database::open(directory.path()).unwrap();
    assert_eq!(again.read(names).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn a_failed_change_rolls_back_only_itself() {
    let (_directory, database) = open();
    let twice = |group: &Transaction<'_>| {
        set(group, "b")?;
        set(group, "b")
    };
    // Requested concurrently, so that they may share a commit.
    let (a, b, c) =
        tokio::join!(database.write(|group| set(group, "a")), database.write(twice), database.write(|g| set(g, "c")));
    assert!(a.is_ok() && c.is_ok());
    assert!(matches!(b, Err(PortError::Failed { .. })));
    assert_eq!(database.read(names).await.unwrap(), ["a", "c"]);
}

#[tokio::test]
async fn a_panic_in_a_change_does_not_stop_the_writer() {
    let (_directory, database) = open();
    let panics = |group: &Transaction<'_>| -> rusqlite::Result<()> {
        set(group, "a")?;
        panic!("on purpose, by a test");
    };
    assert!(database.write(panics).await.is_err());
    database.write(|group| set(group, "b")).await.unwrap();
    assert_eq!(database.read(names).await.unwrap(), ["b"]);
}

#[tokio::test]
async fn a_full_disk_is_reported_as_such_and_is_survived() {
    let (_directory, database) = open();
    let limit =
        |group: &Transaction<'_>, pages: u32| group.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
    let pages: u32 =
        database.read(|connection| connection.query_row("PRAGMA page_count", [], |row| row.get(0))).await.unwrap();
    database.write(move |group| limit(group, pages)).await.unwrap();
    let large = |group: &Transaction<'_>| {
        group.execute("INSERT INTO settings (name, value) VALUES ('large', hex(zeroblob(100000)))", []).map(drop)
    };
    let (before, full, after) =
        tokio::join!(database.write(|group| set(group, "a")), database.write(large), database.write(|g| set(g, "b")));
    assert!(matches!(full, Err(PortError::Full { .. })), "{full:?}");
    // Each is either stored or reported as failed: nothing is lost silently.
    let stored = database.read(names).await.unwrap();
    assert_eq!(stored.contains(&"a".to_owned()), before.is_ok());
    assert_eq!(stored.contains(&"b".to_owned()), after.is_ok());
    database.write(move |group| limit(group, pages + 1000)).await.unwrap();
    database.write(large).await.unwrap();
}

#[tokio::test]
async fn a_lookup_sees_one_consistent_snapshot() {
    let (_directory, database) = open();
    let seen = Arc::new(std::sync::Barrier::new(2));
    let written = Arc::new(std::sync::Barrier::new(2));
    let look_up = {
        let (seen, written) = (seen.clone(), written.clone());
        database.read(move |connection| {
            let before = names(connection)?;
            seen.wait();
            written.wait();
            Ok((before, names(connection)?))
        })
    };
    let change = async {
        tokio::task::spawn_blocking(move || seen.wait()).await.unwrap();
        database.write(|group| set(group, "a")).await.unwrap();
        tokio::task::spawn_blocking(move || written.wait()).await.unwrap();
    };
    let (looked, ()) = tokio::join!(look_up, change);
    assert_eq!(looked.unwrap(), (vec![], vec![]));
    assert_eq!(database.read(names).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn a_commit_waits_for_the_disk() {
    let (_directory, database) = open();
    let pragma = |name: &'static str| move |group: &Transaction<'_>| group.query_row(name, [], |row| row.get(0));
    // 2 is FULL (https://sqlite.org/pragma.html#pragma_synchronous): with a write-ahead log, each commit is synced.
    assert_eq!(database.write::<u32, _>(pragma("PRAGMA synchronous")).await.unwrap(), 2);
}

#[tokio::test]
async fn deferred_changes_join_the_next_commit_and_are_not_delayed_forever() {
    let (_directory, database) = open();
    // Nothing else comes.
    database.write_along(|group| set(group, "a")).await.unwrap();
    let (along, now) =
        tokio::join!(database.write_along(|group| set(group, "b")), database.write(|group| set(group, "c")));
    assert!(along.is_ok() && now.is_ok());
    assert_eq!(database.read(names).await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn deferred_changes_survive_a_clean_shutdown_which_leaves_an_empty_log() {
    let (directory, database) = open();
    let along = database.write_along(|group| set(group, "a"));
    let (along, ended) = tokio::join!(along, database.checkpoint());
    assert!(along.is_ok() && ended.is_ok());
    database.checkpoint().await.unwrap();
    let log = std::fs::metadata(directory.path().join("labelcast.db-wal")).map_or(0, |file| file.len());
    assert_eq!(log, 0);
    assert_eq!(database.read(names).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn the_log_is_truncated_once_writing_stops() {
    let (directory, database) = open();
    let large = |group: &Transaction<'_>| {
        group.execute("INSERT INTO settings (name, value) VALUES ('large', hex(zeroblob(2000000)))", []).map(drop)
    };
    database.write(large).await.unwrap();
    let log = directory.path().join("labelcast.db-wal");
    let emptied = async {
        while std::fs::metadata(&log).map_or(0, |file| file.len()) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), emptied).await.expect("it is emptied by itself");
}

#[tokio::test]
async fn slow_searches_replays_and_jobs_do_not_delay_requests() {
    let (_directory, database) = open();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    let slow = |held: Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>| {
        move |connection: &Connection| {
            // Ends when the test lets it.
            let _ = held.lock().unwrap().recv();
            names(connection)
        }
    };
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (searching, look_up) = (database.clone(), slow(held.clone()));
        waiting.spawn(async move { searching.search(look_up).await });
        let (replaying, look_up) = (database.clone(), slow(held.clone()));
        waiting.spawn(async move { replaying.read_history(look_up).await });
        let (jobs, look_up) = (database.for_jobs(), slow(held.clone()));
        waiting.spawn(async move { jobs.read(look_up).await });
    }
    let others = async {
        database.write(|group| set(group, "a")).await.unwrap();
        database.read(names).await.unwrap()
    };
    let found = tokio::time::timeout(std::time::Duration::from_secs(30), others).await;
    assert_eq!(found.expect("a request waits for none of them"), ["a"]);
    drop(release);
    while let Some(looked_up) = waiting.join_next().await {
        looked_up.unwrap().unwrap();
    }
}
