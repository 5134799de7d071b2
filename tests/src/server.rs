//! The real binary, on a data directory of its own.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::uploads::{self, HTTP};
use crate::{MemoryLimit, Socket};

/// A running server. It is killed when dropped.
pub struct Server {
    directory: TempDir,
    process: Child,
    address: String,
    metrics: String,
    arguments: Vec<String>,
}

/// A command; its output is piped, and it ends with the test at the latest.
pub fn labelcast(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_remove("LABELCAST_TOKEN").env_remove("LABELCAST_DATA");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// The binary stands beside the tests' own folder.
fn binary() -> PathBuf {
    let mut path = std::env::current_exe().expect("a test has a path");
    path.pop();
    path.pop();
    path.push("labelcast");
    assert!(path.exists(), "{} is missing: build the whole workspace", path.display());
    path
}

impl Server {
    /// Starts one on an empty directory.
    pub async fn start(arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("a place for temporary files");
        let (process, address, metrics) = serve(directory.path(), arguments).await;
        Self { directory, process, address, metrics, arguments: owned(arguments) }
    }

    /// Starts one on an empty directory, with its memory limited.
    pub async fn start_within(limit: &MemoryLimit, arguments: &[&str]) -> Self {
        let directory = TempDir::new().expect("a place for temporary files");
        let (process, address, metrics) = serve_by(limit.command(&binary()), directory.path(), arguments).await;
        Self { directory, process, address, metrics, arguments: owned(arguments) }
    }

    /// Starts one on a directory that was made before.
    pub async fn on(directory: TempDir) -> Self {
        let (process, address, metrics) = serve(directory.path(), &[]).await;
        Self { directory, process, address, metrics, arguments: Vec::new() }
    }

    /// Kills it as `kill -9` does and starts it again on the same directory, with the same arguments.
    pub async fn kill_and_restart(&mut self) {
        self.process.kill().await.expect("it can be killed");
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let (process, address, metrics) = serve(self.directory.path(), &arguments).await;
        self.process = process;
        self.address = address;
        self.metrics = metrics;
    }

    /// Ends it with SIGTERM.
    pub async fn terminate(mut self) -> ExitStatus {
        let id = self.process.id().expect("it runs").to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.expect("it can be told");
        self.process.wait().await.expect("it ends")
    }

    /// The id of the process.
    pub fn process_id(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    /// Sends it a signal, for example `TERM`.
    pub async fn signal(&self, name: &str) {
        let id = self.process.id().expect("it runs").to_string();
        Command::new("kill").args([&format!("-{name}"), &id]).status().await.expect("it can be told");
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.wait().await.expect("it ends")
    }

    /// The most memory that it ever had in use, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let id = self.process.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib * 1024
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `host:port` of the listener of metrics.
    pub fn metrics_address(&self) -> &str {
        &self.metrics
    }

    /// The metrics as they are now.
    pub async fn metrics(&self) -> String {
        let response = HTTP.get(format!("http://{}/metrics", self.metrics)).send().await.expect("an answer");
        response.text().await.expect("text")
    }

    /// Runs another command on the same directory and answers what it printed.
    pub async fn command(&self, arguments: &[&str]) -> String {
        self.command_with_input(arguments, "").await
    }

    /// The same, with something to read.
    pub async fn command_with_input(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--data").arg(self.directory.path()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the command runs");
        let mut to_read = process.stdin.take().expect("it was piped");
        // A command that reads nothing may be gone already.
        let _ = to_read.write_all(input.as_bytes()).await;
        drop(to_read);
        let output = process.wait_with_output().await.expect("the command ends");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// A user's token.
    pub async fn token(&self, user: &str) -> String {
        self.command(&["token", user]).await
    }

    /// A socket that is open.
    pub async fn connect(&self, token: &str) -> Socket {
        Socket::open(&self.address, token).await.expect("a good token opens a socket")
    }

    /// A request; the path begins with a slash.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        HTTP.request(method, format!("http://{}{path}", self.address))
    }

    /// Gets JSON with a token.
    pub async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        let response = self.request(Method::GET, path).bearer_auth(token).send().await.expect("an answer");
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Begins an upload: its id, and its form.
    pub async fn begin(&self, token: &str, kind: &str, size: usize) -> Value {
        uploads::begin(&self.address, token, kind, size).await
    }

    /// Posts a file with a form.
    pub async fn post(&self, begun: &Value, bytes: Vec<u8>) -> reqwest::Result<Response> {
        uploads::post(&self.address, begun, bytes).await
    }

    /// Uploads a picture; returns its upload's id once it is accepted.
    pub async fn upload(&self, token: &str, kind: &str, bytes: Vec<u8>) -> String {
        uploads::upload(&self.address, token, kind, bytes).await
    }
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

async fn serve(directory: &Path, arguments: &[&str]) -> (Child, String, String) {
    serve_by(Command::new(binary()), directory, arguments).await
}

async fn serve_by(mut command: Command, directory: &Path, arguments: &[&str]) -> (Child, String, String) {
    let mut process = command
        .args(["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--data"])
        .arg(directory)
        .args(arguments)
        .env("LABELCAST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(process.stdout.take().expect("it was piped")).lines();
    let (mut address, mut metrics) = (None, None);
    while let Some(line) = lines.next_line().await.expect("it prints text") {
        if let Some((_, rest)) = line.split_once("://") {
            address = rest.split('/').next().map(str::to_owned);
        }
        // Behind another public address.
        if let Some(rest) = line.trim().strip_prefix("listening on: ") {
            address = Some(rest.to_owned());
        }
        if let Some(rest) = line.trim().strip_prefix("metrics: ") {
            metrics = rest.strip_suffix("/metrics").map(str::to_owned);
        }
        if line.contains("Ctrl-C") {
            break;
        }
    }
    (process, address.expect("it says where it is"), metrics.expect("it says where its metrics are"))
}
