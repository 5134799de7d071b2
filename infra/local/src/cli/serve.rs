use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use labelcast_functions::audit::TARGET;
use labelcast_functions::budget::{ByteSize, MemoryBudget};
use labelcast_functions::model::Confidence;
use labelcast_functions::rest::Origin;
use labelcast_functions::settings::{ModerationRule, ModerationRules, ReaderRule, Readers, Setting, Settings, table};
use tracing_subscriber::EnvFilter;

use super::arguments::Data;
use super::failure::Outcome;
use super::settings::SettingOptions;
use crate::detector::builtin::{self, EverydayWord};
use crate::detector::{DetectorOptions, DetectorSpec};
use crate::memory;
use crate::serve::ServeOptions;
use crate::server::{Tls, read_public_url};

/// Run the server on this machine until Ctrl-C or SIGTERM
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Address to listen on; anything but loopback needs TLS or --behind-proxy
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    #[command(flatten)]
    data_arguments: Data,
    /// Detector that labels pictures: `builtin` (metadata and pixels), `onnx:DIR` (a model) or `http:URL` (a service of your
    /// own); repeatable. By default builtin and all models
    #[arg(long = "detector", value_name = "SPEC")]
    detectors: Vec<DetectorSpec>,
    /// Directory with the models, each in a directory of its own; by default `models` beside the binary or else in the data
    /// directory
    #[arg(long, value_name = "DIR", conflicts_with = "detectors")]
    models: Option<PathBuf>,
    /// Library of ONNX Runtime (libonnxruntime.so) to run models with; faster than what is built in
    #[arg(long = "onnxruntime", value_name = "FILE")]
    onnx_runtime: Option<PathBuf>,
    /// What a moderation label and those below it do: LABEL=alert, LABEL=hide or LABEL=ignore, with :PERCENT for a minimum
    /// confidence, for example `Explicit=alert:90` or `*=hide`; repeatable. All alert by default
    #[arg(long = "moderation", value_name = "LABEL=ACTION")]
    moderation: Vec<ModerationRule>,
    /// Everyday word that makes a picture offensive as a keyword by itself: products, drinking, alcohol, tobacco or gambling;
    /// repeatable
    #[arg(long = "moderation-keyword", value_name = "WORD")]
    moderation_keywords: Vec<EverydayWord>,
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
    #[command(flatten)]
    numbers: SettingOptions,
    /// Maximum memory for decoded pictures and replays, for example 512MiB; by default half of what the machine, its control
    /// group and `ulimit -v` allow
    #[arg(long, value_name = "SIZE", value_parser = memory_budget)]
    memory_budget: Option<ByteSize>,
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

pub(super) fn confidence(text: &str) -> Result<Confidence, String> {
    text.parse().ok().and_then(Confidence::from_percent).ok_or_else(|| "must be a number from 0 to 100".to_owned())
}

/// The minimum memory budget: a photograph of 12 megapixels takes about 50 MiB.
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
        Ok(crate::serve::run(self.options()).await?)
    }

    fn options(&self) -> ServeOptions {
        ServeOptions {
            data: self.data_arguments.data.clone(),
            listen: self.listen,
            tls: self.tls(),
            public_url: self.public_url.clone(),
            metrics: self.metrics,
            max_connections: self.number(&table::MAX_CONNECTIONS) as usize,
            unauthenticated_per_address: self.number(&table::UNAUTHENTICATED_PER_ADDRESS) as usize,
            ping_every: std::time::Duration::from_secs(self.number(&table::PING_SECONDS).into()),
            memory: self.memory(),
            detectors: self.detectors(),
            settings: self.settings(),
        }
    }

    fn detectors(&self) -> DetectorOptions {
        let builtin = builtin::Options {
            min_confidence: self.numbers.settings().min_confidence,
            moderation_keywords: self.moderation_keywords.clone(),
        };
        DetectorOptions {
            specs: self.detectors.clone(),
            models: self.models.clone(),
            onnx_runtime: self.onnx_runtime.clone(),
            builtin,
        }
    }

    fn tls(&self) -> Tls {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::Own { certificate: certificate.clone(), key: key.clone() },
            _ if self.behind_proxy => Tls::BehindProxy,
            _ => Tls::None,
        }
    }

    fn memory(&self) -> MemoryBudget {
        MemoryBudget::new(self.memory_budget.unwrap_or_else(|| memory::default_budget().max(MIN_MEMORY_BUDGET)))
    }

    /// The value of a setting, given or default.
    pub fn number(&self, setting: &Setting) -> u32 {
        self.numbers.number(setting)
    }

    /// The settings of the functions.
    pub fn settings(&self) -> Settings {
        Settings {
            readers: Readers::new(self.readers.clone()),
            moderation: ModerationRules::new(self.moderation.clone()),
            allowed_origins: self.allowed_origins.clone(),
            ..self.numbers.settings()
        }
    }
}

/// Builds the log filter: the audit log is always written unless the filter names it.
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
    fn the_audit_log_is_written_unless_turned_off() {
        assert_eq!(with_audit(""), "info,audit=info");
        assert_eq!(with_audit("warn"), "warn,audit=info");
        assert_eq!(with_audit("warn,audit=off"), "warn,audit=off");
    }
}
