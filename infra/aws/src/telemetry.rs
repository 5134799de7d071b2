//! Logs as JSON, a line an event; metrics in CloudWatch's embedded format.

use metrics_cloudwatch_embedded::{Builder, Collector};
use tracing_subscriber::EnvFilter;

/// Where metrics are gathered until the end of an invocation.
pub struct Metrics(&'static Collector);

impl Metrics {
    /// Writes what was gathered, as a line that CloudWatch reads metrics from.
    pub fn flush(&self) {
        if let Err(error) = self.0.flush(std::io::stdout()) {
            tracing::warn!(%error, "metrics could not be written");
        }
    }
}

/// Begins to log and to gather. Once a process.
pub fn begin(function: &'static str) -> Result<&'static Metrics, String> {
    let filter = EnvFilter::try_from_env("RUST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // CloudWatch has the time already; Lambda's own lines have the request.
    let log = tracing_subscriber::fmt().json().without_time().with_env_filter(filter).with_ansi(false);
    log.try_init().map_err(|error| error.to_string())?;
    let collector = Builder::new()
        .cloudwatch_namespace("Labelcast")
        .with_dimension("function", function)
        .init()
        .map_err(|error| error.to_string())?;
    Ok(Box::leak(Box::new(Metrics(collector))))
}
