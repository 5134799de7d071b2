//! Users and keys.

use labelcast::database::Database;
use serde_json::json;

use crate::{labelcast, records, text};

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
