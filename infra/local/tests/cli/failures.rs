//! Exit statuses and messages.

use crate::{command, labelcast, text, with_dead_letters};

#[test]
fn a_usage_error_exits_with_2_and_a_message_on_standard_error() {
    let place = tempfile::tempdir().unwrap();
    for arguments in [
        &[][..],
        &["fly"],
        &["serve", "--detector", "magic"],
        &["serve", "--tls-cert", "a.pem"],
        &["users", "add", "a b"],
        &["users", "add", "ann", "a password as an argument"],
        &["keys", "add", "ci"],
        &["keys", "add", "ci", "--allow", "everything"],
        &["dead", "redrive", "one"],
        &["upload", "--token", "t"],
        &["watch", "cats", "--token", "t"],
        &["search", "dog", "--limit", "0", "--token", "t"],
        &["search", "dog", "--min-confidence", "101", "--token", "t"],
        &["search", "dog", "--token", "t", "--url", "ftp://labels.example.org"],
        &["search", "dog", "--token", "t", "--url", "here"],
    ] {
        let output = labelcast(arguments, place.path(), "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_failure_exits_with_1_and_a_message_and_creates_nothing() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("backup.tar");
    for arguments in [
        &["users", "list"][..],
        &["users", "add", "ann"],
        &["token", "ann"],
        &["keys", "list"],
        &["dead", "list"],
        &["dead", "redrive"],
        &["backup", file.to_str().unwrap()],
    ] {
        let output = labelcast(arguments, place.path(), "a long password");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_closed_pipe_ends_the_command_quietly() {
    let place = tempfile::tempdir().unwrap();
    with_dead_letters(place.path(), 1..3).await;
    for arguments in [&["dead", "list"][..], &["dead", "list", "--json"], &["--help"], &["--version"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(arguments, place.path()).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{arguments:?}");
    }
}
