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
async fn what_was_answered_is_there_after_reopening() {
    let (directory, database) = open();
    database.write(|group| set(group, "a")).await.unwrap();
    drop(database);
    let again = Database::open(directory.path()).unwrap();
    assert_eq!(again.read(names).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn a_failing_change_undoes_only_itself() {
    let (_directory, database) = open();
    let twice = |group: &Transaction<'_>| {
        set(group, "b")?;
        set(group, "b")
    };
    // Asked for at once, so that they may share a commit.
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
async fn a_full_disk_is_told_as_such_and_ends_nothing() {
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
    // Each is either stored or told that it is not: nothing is lost silently.
    let stored = database.read(names).await.unwrap();
    assert_eq!(stored.contains(&"a".to_owned()), before.is_ok());
    assert_eq!(stored.contains(&"b".to_owned()), after.is_ok());
    database.write(move |group| limit(group, pages + 1000)).await.unwrap();
    database.write(large).await.unwrap();
}

#[tokio::test]
async fn a_look_up_sees_one_moment() {
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
