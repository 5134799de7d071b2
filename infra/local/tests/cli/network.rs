//! Servers and tokens: what is refused before anything is sent.

use crate::{command, labelcast, text};

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
