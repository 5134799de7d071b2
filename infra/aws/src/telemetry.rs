//! Logs as JSON, one line per event; metrics in CloudWatch's embedded format.

use metrics_cloudwatch_embedded::{Builder, Collector};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Where metrics are gathered until the end of an invocation.
pub struct Metrics(&'static Collector);

impl Metrics {
    /// Writes what was gathered, as a line that CloudWatch reads metrics from.
    pub fn flush(&self) {
        labelcast_functions::audit::write_counted();
        if let Err(error) = self.0.flush(std::io::stdout()) {
            tracing::warn!(%error, "metrics could not be written");
        }
    }
}

/// Begins to log and to gather. Once a process.
pub fn begin(function: &'static str) -> Result<&'static Metrics, String> {
    let reported = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let filter: Targets = reported.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    // The span around each invocation has its trace: it is there at any level.
    let filter = filter.with_target("lambda_runtime::layers::trace", tracing::Level::INFO);
    // Whatever else is logged.
    let filter = filter.with_target(labelcast_functions::audit::TARGET, tracing::Level::INFO);
    // CloudWatch has the time already; Lambda's own lines have the request.
    let lines = tracing_subscriber::fmt::layer().json().without_time().with_ansi(false);
    tracing_subscriber::registry().with(lines).with(filter).try_init().map_err(|error| error.to_string())?;
    let metrics = Builder::new().cloudwatch_namespace("Labelcast").with_dimension("function", function);
    // Stages of one account are counted apart: alarms watch one of them.
    let metrics = match std::env::var("LABELCAST_STAGE") {
        Ok(stage) => metrics.with_dimension("stage", stage),
        Err(_) => metrics,
    };
    let collector = metrics.init().map_err(|error| error.to_string())?;
    Ok(Box::leak(Box::new(Metrics(collector))))
}
