//! An emulator of AWS: DynamoDB, S3, SQS, EventBridge and the gateways, on this machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Names an emulator that runs already, so that tests share one: `http://127.0.0.1:4566`.
const RUNNING: &str = "LABELCAST_EMULATOR";

/// An emulator that runs. One that was started here ends with the test.
pub struct Emulator {
    endpoint: String,
    _process: Option<(Child, TempDir)>,
}

impl Emulator {
    /// The one that runs already, or one of its own.
    pub async fn start() -> Self {
        if let Ok(endpoint) = std::env::var(RUNNING) {
            return Self { endpoint, _process: None };
        }
        let program = program();
        assert!(program.exists(), "{} is missing: `make emulator` installs it", program.display());
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port").port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let directory = TempDir::new().expect("a place for temporary files");
        let process = Command::new(program)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "localhost")
            .env("LAMBDA_EXECUTOR", "local")
            // Without it, functions would call the real AWS.
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("IOT_MTLS_ENABLED", "0")
            .env("AUTH", "true")
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the emulator starts");
        let emulator = Self { endpoint, _process: Some((process, directory)) };
        emulator.ready().await;
        emulator
    }

    async fn ready(&self) {
        let health = format!("{}/_ministack/health", self.endpoint);
        let ready = async {
            while !reqwest::get(&health).await.is_ok_and(|response| response.status().is_success()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), ready).await.expect("the emulator is ready within a minute");
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// Installed within the project, wherever Cargo builds.
fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/emulator/bin/ministack")
}
