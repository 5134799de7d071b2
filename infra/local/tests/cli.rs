//! The command line, through the built binary: what needs no server.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use labelcast::database::Database;

fn labelcast(arguments: &[&str], directory: &Path, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_labelcast"))
        .args(arguments)
        .env("LABELCAST_DATA", directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn usage_errors_end_with_2_failures_with_1_and_help_with_0() {
    let place = tempfile::tempdir().unwrap();
    for (arguments, status) in [
        (&["--version"][..], 0),
        (&["serve", "--help"], 0),
        (&["fly"], 2),
        (&["serve", "--detector", "magic"], 2),
        (&["users", "list"], 1),
        (&["serve", "--listen", "0.0.0.0:0"], 1),
    ] {
        let output = labelcast(arguments, place.path(), "");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_server_that_others_can_reach_does_not_start_without_tls() {
    let place = tempfile::tempdir().unwrap();
    let output = labelcast(&["serve", "--listen", "0.0.0.0:0"], place.path(), "");
    assert!(text(&output.stderr).contains("--behind-proxy"), "{}", text(&output.stderr));
}

#[test]
fn users_and_keys_are_kept_without_their_secrets() {
    let place = tempfile::tempdir().unwrap();
    Database::open(place.path()).unwrap();
    let run = |arguments: &[&str], input: &str| labelcast(arguments, place.path(), input);
    let added = run(&["users", "add", "ann", "--group", "moderators"], "a long password\n");
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    assert_eq!(run(&["users", "add", "ann"], "another password").status.code(), Some(1));
    assert_eq!(run(&["users", "add", "bob"], "short").status.code(), Some(1));
    assert!(text(&run(&["users", "list", "--json"], "").stdout).contains(r#""groups":["moderators"]"#));
    assert_eq!(text(&run(&["token", "ann"], "").stdout).split('.').count(), 3);
    let key = text(&run(&["keys", "add", "builds", "--allow", "search,publish:app:builds"], "").stdout);
    assert!(key.starts_with("lc_") && key.len() == 46, "{key}");
    assert_eq!(text(&run(&["keys", "list"], "").stdout).split_whitespace().next(), Some("builds"));
    for file in std::fs::read_dir(place.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        for secret in ["a long password", key.as_str()] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "a secret was kept");
        }
    }
    assert_eq!(run(&["keys", "remove", "builds"], "").status.code(), Some(0));
    assert_eq!(run(&["users", "remove", "nobody"], "").status.code(), Some(1));
    assert_eq!(text(&run(&["dead", "list"], "").stdout), "");
    assert_eq!(text(&run(&["dead", "redrive"], "").stdout), "0 redriven");
}

#[test]
fn every_command_says_its_version_and_helps() {
    let place = tempfile::tempdir().unwrap();
    for command in ["serve", "token", "users", "keys", "upload", "watch", "search", "dead", "backup"] {
        for (flag, said) in [("--version", env!("CARGO_PKG_VERSION")), ("--help", "Usage:")] {
            let output = labelcast(&[command, flag], place.path(), "");
            assert_eq!(output.status.code(), Some(0), "{command} {flag}");
            assert!(text(&output.stdout).contains(said), "{command} {flag}: {}", text(&output.stdout));
        }
    }
}

#[test]
fn a_directory_of_a_newer_version_is_refused_in_words_and_left_alone() {
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
fn a_password_is_changed_and_a_user_removed() {
    let place = tempfile::tempdir().unwrap();
    Database::open(place.path()).unwrap();
    let run = |arguments: &[&str], input: &str| labelcast(arguments, place.path(), input).status.code();
    assert_eq!(run(&["users", "add", "ann"], "a long password"), Some(0));
    assert_eq!(run(&["users", "passwd", "ann"], "another long password"), Some(0));
    assert_eq!(run(&["users", "passwd", "ann"], "short"), Some(1));
    assert_eq!(run(&["users", "passwd", "nobody"], "another long password"), Some(1));
    assert_eq!(run(&["users", "remove", "ann"], ""), Some(0));
    assert_eq!(run(&["token", "ann"], ""), Some(1), "who is gone gets no token");
}
