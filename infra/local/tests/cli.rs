//! The command line, through the built binary: what needs no server.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use labelcast::database::Database;
use serde_json::{Value, json};

fn command(arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labelcast"));
    command.args(arguments).env("LABELCAST_DATA", directory).env_remove("LABELCAST_TOKEN");
    command
}

fn labelcast(arguments: &[&str], directory: &Path, input: &str) -> Output {
    let mut child = command(arguments, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that needs no input may have ended before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn records(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const COMMANDS: [&[&str]; 24] = [
    &[],
    &["serve"],
    &["token"],
    &["users"],
    &["users", "add"],
    &["users", "groups"],
    &["users", "list"],
    &["users", "passwd"],
    &["users", "remove"],
    &["keys"],
    &["keys", "add"],
    &["keys", "list"],
    &["keys", "remove"],
    &["upload"],
    &["watch"],
    &["search"],
    &["login"],
    &["logout"],
    &["dead", "list"],
    &["dead", "redrive"],
    &["backup"],
    &["fsck"],
    &["licenses"],
    &["completions"],
];

#[test]
fn every_command_has_help_and_a_version_on_standard_output_without_colour() {
    let place = tempfile::tempdir().unwrap();
    for arguments in COMMANDS {
        let help = labelcast(&[arguments, &["--help"]].concat(), place.path(), "");
        assert_eq!(help.status.code(), Some(0), "{arguments:?}");
        assert!(text(&help.stdout).contains("Usage: labelcast"), "{arguments:?}");
        assert!(!help.stdout.contains(&0x1b) && help.stderr.is_empty(), "{arguments:?}");
        let version = labelcast(&[arguments, &["-V"]].concat(), place.path(), "");
        assert_eq!(version.status.code(), Some(0), "{arguments:?}");
        assert!(text(&version.stdout).ends_with(env!("CARGO_PKG_VERSION")), "{arguments:?}");
        let with_commit = labelcast(&[arguments, &["--version"]].concat(), place.path(), "");
        assert_eq!(with_commit.status.code(), Some(0), "{arguments:?}");
        let commit = text(&with_commit.stdout).strip_prefix(&text(&version.stdout)).map(str::to_owned);
        assert!(commit.as_deref().is_some_and(names_a_commit_or_nothing), "{arguments:?}: {commit:?}");
    }
}

/// Releases name the commit and its day, as in ` (abc1234 2026-11-29)`; builds for development name none.
fn names_a_commit_or_nothing(text: &str) -> bool {
    let Some(inside) = text.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')')) else {
        return text.is_empty();
    };
    let Some((commit, day)) = inside.split_once(' ') else { return false };
    commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) && day.parse::<chrono::NaiveDate>().is_ok()
}

#[test]
fn completions_are_printed_for_each_shell_and_name_every_command() {
    let place = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = labelcast(&["completions", shell], place.path(), "");
        assert_eq!(output.status.code(), Some(0), "{shell}: {}", text(&output.stderr));
        for command in COMMANDS.iter().filter_map(|command| command.first()) {
            assert!(text(&output.stdout).contains(command), "{shell}: {command}");
        }
    }
    let script = place.path().join("labelcast.bash");
    std::fs::write(&script, labelcast(&["completions", "bash"], place.path(), "").stdout).unwrap();
    let completed = Command::new("bash")
        .arg("-c")
        .arg(r#"source "$1"; COMP_WORDS=(labelcast fs) COMP_CWORD=1; _labelcast labelcast fs labelcast; echo "${COMPREPLY[*]}""#)
        .arg("bash")
        .arg(script)
        .output()
        .unwrap();
    assert_eq!(text(&completed.stdout), "fsck", "{}", text(&completed.stderr));
}

#[test]
fn every_visible_command_has_a_manual_page() {
    let place = tempfile::tempdir().unwrap();
    let pages = place.path().join("pages");
    let missing = labelcast(&["manual", pages.to_str().unwrap()], place.path(), "");
    assert_eq!(missing.status.code(), Some(1), "the directory has to be there");
    std::fs::create_dir(&pages).unwrap();
    let output = labelcast(&["manual", pages.to_str().unwrap()], place.path(), "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for command in COMMANDS {
        let page = pages.join(format!("{}.1", [&["labelcast"][..], command].concat().join("-")));
        let page = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(page.contains(".SH SYNOPSIS"), "{command:?}");
    }
    assert!(!pages.join("labelcast-manual.1").exists(), "what packagers use has none");
}

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

#[test]
fn a_publicly_reachable_server_does_not_start_without_tls() {
    let place = tempfile::tempdir().unwrap();
    let output = labelcast(&["serve", "--listen", "0.0.0.0:0"], place.path(), "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--behind-proxy"), "{}", text(&output.stderr));
}

#[test]
fn a_token_is_never_sent_in_the_clear() {
    let place = tempfile::tempdir().unwrap();
    for arguments in [&["search", "dog"][..], &["watch", "labels"], &["upload", "cat.jpg"]] {
        for url in ["http://labels.example.org", "http://192.0.2.7:8080/stage"] {
            let mut command = command(&[arguments, &["--url", url]].concat(), place.path());
            let output = command.env("LABELCAST_TOKEN", "s3cret").output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert!(text(&output.stderr).contains("not encrypted"), "{}", text(&output.stderr));
            assert!(!text(&output.stderr).contains("s3cret"));
        }
    }
}

#[test]
fn without_a_token_no_request_is_made_and_help_never_shows_one() {
    let place = tempfile::tempdir().unwrap();
    for token in ["", " "] {
        let output = command(&["search", "dog"], place.path()).env("LABELCAST_TOKEN", token).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("LABELCAST_TOKEN"), "{}", text(&output.stderr));
    }
    let help = command(&["watch", "--help"], place.path()).env("LABELCAST_TOKEN", "s3cret").output().unwrap();
    assert!(!text(&help.stdout).contains("s3cret"));
}

#[test]
fn an_unreachable_server_is_named() {
    let place = tempfile::tempdir().unwrap();
    // A port for privileged programs that nobody uses any more.
    let url = "http://127.0.0.1:1";
    for arguments in [&["search", "dog"][..], &["watch", "labels"], &["upload", "cat.jpg"]] {
        let mut command = command(&[arguments, &["--url", url]].concat(), place.path());
        let output = command.env("LABELCAST_TOKEN", "s3cret\n-token").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let expected =
            format!("labelcast: Cannot connect to {url} (connection refused). Is `labelcast serve` running?");
        assert_eq!(text(&output.stderr), expected, "{arguments:?}");
    }
}

#[test]
fn users_and_keys_are_stored_without_their_secrets() {
    let place = tempfile::tempdir().unwrap();
    Database::open(place.path()).unwrap();
    let run = |arguments: &[&str], input: &str| labelcast(arguments, place.path(), input);
    let added = run(&["users", "add", "ann", "--group", "moderators"], "a long password\n");
    assert_eq!(added.status.code(), Some(0), "{}", text(&added.stderr));
    assert_eq!(run(&["users", "add", "ann"], "another password").status.code(), Some(1));
    assert_eq!(run(&["users", "add", "bob"], "short").status.code(), Some(1));
    let listed = records(&run(&["users", "list", "--json"], ""));
    assert_eq!((&listed[0]["name"], &listed[0]["groups"]), (&json!("ann"), &json!(["moderators"])));
    assert_eq!(text(&run(&["token", "ann"], "").stdout).split('.').count(), 3);
    let key = text(&run(&["keys", "add", "builds", "--allow", "search,publish:app:builds"], "").stdout);
    assert!(key.starts_with("lc_") && key.len() == 46, "{key}");
    assert_eq!(text(&run(&["keys", "list"], "").stdout).split_whitespace().next(), Some("builds"));
    let expected = json!({"name": "builds", "allow": ["search", "publish:app:builds"]});
    assert_eq!(records(&run(&["keys", "list", "--json"], "")), [expected]);
    for file in std::fs::read_dir(place.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        for secret in ["a long password", key.as_str()] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "a secret was kept");
        }
    }
    assert_eq!(run(&["keys", "remove", "builds"], "").status.code(), Some(0));
    assert_eq!(run(&["keys", "remove", "builds"], "").status.code(), Some(1));
    assert_eq!(run(&["users", "remove", "nobody"], "").status.code(), Some(1));
}

#[test]
fn a_password_is_read_completely_from_standard_input_or_refused() {
    let place = tempfile::tempdir().unwrap();
    Database::open(place.path()).unwrap();
    let run = |arguments: &[&str], input: &str| labelcast(arguments, place.path(), input);
    assert_eq!(run(&["users", "add", "ann"], " a pass phrase \r\n").status.code(), Some(0));
    let status = |input: &str| run(&["users", "passwd", "ann"], input).status.code();
    assert_eq!(status("another password\n"), Some(0));
    assert_eq!((status(""), status("short\n"), status(&"x".repeat(100_000))), (Some(1), Some(1), Some(1)));
    let nobody = run(&["users", "passwd", "nobody"], "another password\n");
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("no user `nobody`"), "{}", text(&nobody.stderr));
}

async fn with_dead_letters(directory: &Path, ids: std::ops::Range<i64>) {
    let change = move |group: &rusqlite::Transaction<'_>| {
        let mut insert = group.prepare(
            "INSERT INTO work (id, target, payload, attempts, visible_at, created_at, dead_at, error)
             VALUES (?1, 'analyze', '{}', 3, 5, 5, 1000, ?2)",
        )?;
        for id in ids {
            insert.execute(rusqlite::params![id, "out of reach\u{1b}[2J"])?;
        }
        Ok(())
    };
    Database::open(directory).unwrap().write(change).await.unwrap();
}

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
fn every_command_has_a_version_and_help() {
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
fn a_database_of_a_negative_version_or_of_another_program_is_refused_in_a_sentence_and_left_alone() {
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
