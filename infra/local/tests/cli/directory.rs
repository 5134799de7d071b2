//! The data directory: dead letters, backups, and what is not ours.

use labelcast::database::Database;
use serde_json::json;

use crate::{labelcast, records, text, with_dead_letters};

#[tokio::test]
async fn dead_letters_are_listed_and_redriven_and_an_unknown_id_fails() {
    let place = tempfile::tempdir().unwrap();
    with_dead_letters(place.path(), 7..9).await;
    let run = |arguments: &[&str]| labelcast(arguments, place.path(), "");
    let listed = records(&run(&["dead", "list", "--json"]));
    let expected = json!({"id": 7, "target": "analyze", "attempts": 3, "dead_at": "1970-01-01T00:00:01Z",
        "error": "out of reach\u{1b}[2J"});
    assert_eq!((listed.len(), &listed[0]), (2, &expected));
    let plain = run(&["dead", "list"]);
    assert!(text(&plain.stdout).contains("out of reach\\u{1b}[2J") && !plain.stdout.contains(&0x1b));

    let redriven = run(&["dead", "redrive", "99"]);
    assert_eq!((redriven.status.code(), text(&redriven.stdout).as_str()), (Some(1), "0 redriven"));
    assert!(text(&redriven.stderr).contains("no dead letter with id 99"), "{}", text(&redriven.stderr));
    let redriven = run(&["dead", "redrive", "7", "99", "7"]);
    assert_eq!((redriven.status.code(), text(&redriven.stdout).as_str()), (Some(1), "1 redriven"));
    let redriven = run(&["dead", "redrive"]);
    assert_eq!((redriven.status.code(), text(&redriven.stdout).as_str()), (Some(0), "1 redriven"));
    assert_eq!(text(&run(&["dead", "list"]).stdout), "");
}

#[test]
fn a_backup_is_written_once() {
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Database::open(place.path()).unwrap();
    let file = elsewhere.path().join("labelcast.tar");
    let run = || labelcast(&["backup", file.to_str().unwrap()], place.path(), "");
    let first = run();
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let written = std::fs::read(&file).unwrap();
    let second = run();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("already exists"), "{}", text(&second.stderr));
    assert!(std::fs::read(&file).unwrap() == written, "the first backup stays as it is");
}

#[test]
fn a_directory_of_a_newer_version_is_refused_with_a_reason_and_left_unchanged() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join(labelcast::database::FILE_NAME);
    let database = rusqlite::Connection::open(&file).unwrap();
    database.pragma_update(None, "user_version", labelcast::database::VERSION + 1).unwrap();
    database.close().unwrap();
    let before = std::fs::read(&file).unwrap();
    let output = labelcast(&["serve", "--listen", "127.0.0.1:0"], place.path(), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("newer"), "{}", text(&output.stderr));
    let version = |bytes: &[u8]| bytes[60..64].to_vec();
    assert_eq!(version(&std::fs::read(&file).unwrap()), version(&before), "its version stays");
}

#[test]
fn a_database_with_a_negative_version_or_foreign_schema_is_refused_clearly_and_left_unchanged() {
    for (version, table) in [(-1, ""), (0, "CREATE TABLE pets (name TEXT)")] {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(labelcast::database::FILE_NAME);
        let database = rusqlite::Connection::open(&file).unwrap();
        database.execute_batch(table).unwrap();
        database.pragma_update(None, "user_version", version).unwrap();
        database.close().unwrap();
        for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["users", "list"], &["token", "viewer"]] {
            let output = labelcast(arguments, place.path(), "");
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(
                said.contains("no Labelcast database") && said.contains("restore a backup"),
                "{arguments:?}: {said}"
            );
        }
        let database = rusqlite::Connection::open(&file).unwrap();
        let kept: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, version, "it stays as it is");
    }
}

/// Files that somebody else makes there would lock the owner out. Only the superuser can make such a directory.
#[test]
fn every_writing_command_refuses_a_directory_of_another_owner() {
    let place = tempfile::tempdir().unwrap();
    Database::open(place.path()).unwrap();
    if std::os::unix::fs::chown(place.path(), Some(54_321), None).is_err() {
        return eprintln!("skipped: this is not run by the superuser");
    }
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["users", "add", "ann"],
        &["keys", "add", "one", "--allow", "search"],
        &["dead", "redrive"],
        &["fsck", "--repair"],
        &["token", "viewer"],
    ] {
        let output = labelcast(arguments, place.path(), "a long password");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("belongs to user 54321"), "{arguments:?}: {said}");
    }
}
