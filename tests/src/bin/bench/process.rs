//! The servers under measurement, on the first core.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A server that runs.
pub struct Measured {
    process: Child,
    pub address: String,
    pub token: String,
    pub key: String,
    directory: tempfile::TempDir,
}

fn beside(name: &str) -> std::path::PathBuf {
    let mut path = std::env::current_exe().expect("a program has a path");
    path.set_file_name(name);
    path
}

fn on_cores(cores: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", cores]).arg(program).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

impl Measured {
    pub async fn labelcast() -> Self {
        Self::labelcast_on("0").await
    }

    /// With as much of the machine as it can get, as it is run otherwise.
    pub async fn labelcast_on_both_cores() -> Self {
        Self::labelcast_on("0,1").await
    }

    async fn labelcast_on(cores: &str) -> Self {
        let directory = tempfile::tempdir().expect("a place for temporary files");
        let binary = beside("labelcast");
        let mut process = on_cores(cores, &binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--connections-per-user", "20000", "--data"])
            .arg(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset and the release binary are there");
        let mut lines = BufReader::new(process.stdout.take().expect("it was piped")).lines();
        let mut address = String::new();
        while let Some(line) = lines.next_line().await.expect("it prints text") {
            if let Some((_, rest)) = line.split_once("http://") {
                rest.split('/').next().unwrap_or_default().clone_into(&mut address);
            }
            if line.contains("Ctrl-C") {
                break;
            }
        }
        let command = async |arguments: &[&str]| {
            let output = Command::new(&binary).args(arguments).arg("--data").arg(directory.path()).output().await;
            String::from_utf8(output.expect("the command runs").stdout).expect("text").trim().to_owned()
        };
        let token = command(&["token", "viewer"]).await;
        let key = command(&["keys", "add", "bench", "--allow", "publish:app:bench"]).await;
        Self { process, address, token, key, directory }
    }

    pub async fn ceiling() -> Self {
        Self::ceiling_of("ceiling").await
    }

    /// For sockets that come and go.
    pub async fn connections_ceiling() -> Self {
        Self::ceiling_of("connections-ceiling").await
    }

    async fn ceiling_of(what: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port").port();
        let own = std::env::current_exe().expect("a program has a path");
        let process = on_cores("0", &own).args([what, &port.to_string()]).spawn().expect("taskset is there");
        let address = format!("127.0.0.1:{port}");
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            tokio::task::yield_now().await;
        }
        let directory = tempfile::tempdir().expect("a place for temporary files");
        Self { process, address, token: "-".to_owned(), key: "-".to_owned(), directory }
    }

    fn stat(&self, file: &str) -> String {
        let id = self.process.id().expect("it runs");
        std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default()
    }

    /// User and system time, in seconds (proc(5): fields 14 and 15, in hundredths).
    pub fn cpu(&self) -> f64 {
        let stat = self.stat("stat");
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
        ticks.sum::<f64>() / 100.0
    }

    /// The most resident memory so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let line = self.stat("status").lines().find_map(|line| line.strip_prefix("VmHWM:").map(str::to_owned));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB").and_then(|number| number.trim().parse().ok()));
        kib.unwrap_or(0_u64) * 1024
    }

    /// Runs a command on the same data directory; returns what it printed.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(beside("labelcast"));
        command.args(arguments).arg("--data").arg(self.directory.path());
        String::from_utf8(command.output().await.expect("the command runs").stdout).expect("text").trim().to_owned()
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let pages = self.stat("statm").split_whitespace().nth(1).and_then(|field| field.parse::<u64>().ok());
        pages.unwrap_or(0) * 4096
    }
}
