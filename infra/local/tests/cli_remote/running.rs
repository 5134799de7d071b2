//! A command while it runs.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// A command that runs, with what it prints.
pub struct Running {
    pub child: Child,
    output: Lines<BufReader<ChildStdout>>,
    pub reported: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let reported = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, output, reported }
    }

    /// The next line of the output.
    pub async fn line(&mut self) -> String {
        self.output.next_line().await.unwrap().expect("it goes on printing")
    }

    pub async fn record(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// Waits for a message on standard error; returns the whole line.
    pub async fn reports(&mut self, words: &str) -> String {
        while let Some(line) = self.reported.next_line().await.unwrap() {
            if line.contains(words) {
                return line;
            }
        }
        panic!("it ended without a word of {words}");
    }

    /// Presses Ctrl-C; returns the exit status.
    pub async fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        self.child.wait().await.unwrap().code()
    }
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
