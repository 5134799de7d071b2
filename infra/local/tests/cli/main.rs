//! The command line, through the built binary: what needs no server.

mod directory;
mod failures;
mod help;
mod network;
mod users;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use labelcast::database::Database;
use serde_json::Value;

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

/// Puts exhausted jobs with these ids into a data directory.
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
