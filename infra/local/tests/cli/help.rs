//! Help, versions, completions and manual pages.

use std::process::Command;

use crate::{labelcast, text};

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
