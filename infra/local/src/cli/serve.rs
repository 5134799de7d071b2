use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::Duration;
use clap::{Args, ValueEnum};
use labelcast_functions::audit::TARGET;
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::model::Confidence;
use labelcast_functions::rest::Origin;
use labelcast_functions::settings::{Bounds, OutOfBounds, ReaderRule, Readers, Settings, bounds};
use tracing_subscriber::EnvFilter;

use super::arguments::Data;
use super::failure::Outcome;
use crate::memory;
use crate::server::{Options, Tls, read_public_url};

/// Run the server on this machine until Ctrl-C or SIGTERM
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Address to listen on; anything but loopback needs TLS or --behind-proxy
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    #[command(flatten)]
    data_arguments: Data,
    /// Detector that labels pictures; only `builtin` is available
    #[arg(long, default_value = "builtin", value_name = "SPEC")]
    detector: DetectorSpec,
    /// TLS certificate, in PEM
    #[arg(long, requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the TLS certificate, in PEM
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Trust a proxy in front that terminates TLS and sets X-Forwarded-For
    #[arg(long, conflicts_with = "tls_cert")]
    behind_proxy: bool,
    /// URL that browsers use, for example https://labels.example.org or https://example.org/labels; derived from --listen by
    /// default
    #[arg(long, value_name = "URL", value_parser = read_public_url)]
    pub public_url: Option<String>,
    /// Address to serve /metrics on, for example 127.0.0.1:9100; off by default
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Another origin whose pages may use the API, the upload form and the WebSocket, for example
    /// https://photos.example.org; repeatable
    #[arg(long = "allowed-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<Origin>,
    /// Maximum number of open connections; more are refused
    #[arg(long, default_value_t = 15_000, value_name = "N", value_parser = within::<usize>(bounds::MAX_CONNECTIONS))]
    max_connections: usize,
    /// Maximum number of open connections per address that have not yet presented a token, key or signature
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = within::<usize>(bounds::UNAUTHENTICATED_PER_ADDRESS))]
    unauthenticated_per_address: usize,
    /// Maximum number of uploads per user and hour
    #[arg(long, default_value_t = 5_000, value_name = "N", value_parser = within::<u32>(bounds::UPLOADS_PER_HOUR))]
    uploads_per_hour: u32,
    /// Maximum number of open connections per user
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = within::<usize>(bounds::CONNECTIONS_PER_USER))]
    connections_per_user: usize,
    /// Maximum number of topics per connection
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = within::<usize>(bounds::TOPICS_PER_CONNECTION))]
    topics_per_connection: usize,
    /// Maximum rate of messages per connection, per second; bursts of twice as many are allowed
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = within::<u32>(bounds::MESSAGES_PER_SECOND))]
    messages_per_second: u32,
    /// Seconds between pings to each WebSocket; one that does not respond within 20 s is closed
    #[arg(long, default_value_t = 25, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=600))]
    ping_seconds: u16,
    /// Maximum number of labels kept per picture
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = within::<usize>(bounds::MAX_LABELS))]
    max_labels: usize,
    /// Minimum confidence of a label, in percent; others are dropped
    #[arg(long, default_value = "85", value_name = "PERCENT", value_parser = confidence)]
    min_confidence: Confidence,
    /// Attempts at a job before it becomes a dead letter
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = within::<u32>(bounds::MAX_ATTEMPTS))]
    max_attempts: u32,
    /// Maximum number of pictures and of notifications that wait to be processed; above it, uploads or publishes are refused
    /// (503) for a moment
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = within::<usize>(bounds::MAX_BACKLOG))]
    max_backlog: usize,
    /// Maximum number of notifications replayed on a WebSocket
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = within::<usize>(bounds::REPLAY_LIMIT))]
    replay_limit: usize,
    /// Minimum number of hours that history is kept
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = within::<u32>(bounds::HISTORY_HOURS))]
    history_hours: u32,
    /// Minimum number of notifications kept per topic
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = within::<u64>(bounds::HISTORY_ENTRIES))]
    history_entries: u64,
    /// Days that topics are kept which nobody publishes to or reads
    #[arg(long, default_value_t = 90, value_name = "N", value_parser = within::<u32>(bounds::UNUSED_TOPIC_DAYS))]
    unused_topic_days: u32,
    /// Memory that decoded pictures and replays may take at once, for example 512MiB; unless given, half of what the
    /// machine, its control group and `ulimit -v` allow
    #[arg(long, value_name = "SIZE", value_parser = memory_budget)]
    memory_budget: Option<ByteSize>,
    /// Days that abandoned uploads are kept
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    new_days: u32,
    /// Days that the files of rejected uploads are kept
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    rejected_days: u32,
    /// Groups that may read topics such as device:*, runs and app:*, for example `device:*=technicians`; repeatable
    #[arg(long = "reader", value_name = "PATTERN=GROUP,…")]
    readers: Vec<ReaderRule>,
    /// Format of the log on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Human-readable lines
    Text,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DetectorSpec {
    /// Colors, keywords, QR codes and similar; needs no model
    Builtin,
}

pub(super) fn confidence(text: &str) -> Result<Confidence, String> {
    text.parse().ok().and_then(Confidence::from_percent).ok_or_else(|| "must be a number from 0 to 100".to_owned())
}

/// A number within what the functions can work with; both backends have the same bounds.
fn within<T: TryFrom<u64>>(bounds: Bounds) -> impl Fn(&str) -> Result<T, OutOfBounds> + Clone {
    move |text| bounds.read(text)
}

/// The least budget: a photograph of 12 megapixels takes about 50 MiB.
const MIN_MEMORY_BUDGET: ByteSize = ByteSize::mib(64);

fn memory_budget(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse().map_err(|error: labelcast_functions::budget::ByteSizeError| error.to_string())?;
    let most = ByteSize::new(memory::usable());
    match (MIN_MEMORY_BUDGET..=most).contains(&size) {
        true => Ok(size),
        false => Err(format!("must be from {MIN_MEMORY_BUDGET} to {most}, the memory available to this process")),
    }
}

impl ServeArguments {
    pub(super) async fn run(self) -> Outcome {
        start_logging(self.log_format);
        Ok(crate::serve::run(self).await?)
    }

    /// The data directory.
    pub fn data(&self) -> &std::path::Path {
        &self.data_arguments.data
    }

    /// How TLS is done.
    pub fn tls(&self) -> Tls {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::Own { certificate: certificate.clone(), key: key.clone() },
            _ if self.behind_proxy => Tls::BehindProxy,
            _ => Tls::None,
        }
    }

    /// What decoded pictures and replays may take at once.
    pub fn memory(&self) -> MemoryBudget {
        MemoryBudget::new(self.memory_budget.unwrap_or_else(|| memory::default_budget().max(MIN_MEMORY_BUDGET)))
    }

    /// How often each open socket is pinged.
    pub fn ping_every(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.ping_seconds.into())
    }

    /// What the server takes that is reached at this URL.
    pub fn server(&self, public_url: &str) -> Options {
        Options {
            public_url: public_url.to_owned(),
            max_connections: self.max_connections,
            unauthenticated_per_address: self.unauthenticated_per_address,
        }
    }

    /// The settings of the functions.
    pub fn settings(&self) -> Settings {
        // There is one detector so far; the match says where another would go.
        match self.detector {
            DetectorSpec::Builtin => {}
        }
        Settings {
            uploads_per_hour: self.uploads_per_hour,
            connections_per_user: self.connections_per_user,
            topics_per_connection: self.topics_per_connection,
            messages_per_second: self.messages_per_second,
            max_labels: self.max_labels,
            min_confidence: self.min_confidence,
            max_attempts: self.max_attempts,
            max_backlog: self.max_backlog,
            replay_limit: self.replay_limit,
            history_age: Duration::hours(self.history_hours.into()),
            history_entries: self.history_entries,
            unused_topics_kept: Duration::days(self.unused_topic_days.into()),
            new_kept: Duration::days(self.new_days.into()),
            rejected_kept: Duration::days(self.rejected_days.into()),
            readers: Readers::new(self.readers.clone()),
            allowed_origins: self.allowed_origins.clone(),
            ..Settings::default()
        }
    }
}

/// The audit log is written whatever else is, unless it is named.
fn with_audit(wanted: &str) -> String {
    let wanted = if wanted.trim().is_empty() { "info" } else { wanted };
    let names_it = wanted.split(',').any(|part| part.trim().split(['=', '[']).next() == Some(TARGET));
    if names_it { wanted.to_owned() } else { format!("{wanted},{TARGET}=info") }
}

fn start_logging(format: LogFormat) {
    let wanted = std::env::var("LABELCAST_LOG").unwrap_or_default();
    let filter = EnvFilter::try_new(with_audit(&wanted)).unwrap_or_else(|_| EnvFilter::new(with_audit("info")));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => builder.json().init(),
    }
}

#[cfg(test)]
mod tests {
    use super::with_audit;

    #[test]
    fn the_audit_log_is_written_unless_somebody_says_otherwise() {
        assert_eq!(with_audit(""), "info,audit=info");
        assert_eq!(with_audit("warn"), "warn,audit=info");
        assert_eq!(with_audit("warn,audit=off"), "warn,audit=off");
    }
}
