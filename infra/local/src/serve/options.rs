//! What is served, and how.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use labelcast_functions::budget::MemoryBudget;
use labelcast_functions::settings::Settings;

use crate::detector::DetectorOptions;
use crate::server::Tls;

/// What the operator chose for one run of the server.
pub struct ServeOptions {
    /// The data directory.
    pub data: PathBuf,
    /// Where connections are accepted.
    pub listen: SocketAddr,
    /// How TLS is done.
    pub tls: Tls,
    /// How browsers reach the server; where it listens if none is given.
    pub public_url: Option<String>,
    /// Where metrics are served; nowhere if none is given.
    pub metrics: Option<SocketAddr>,
    /// Connections that may be open at once.
    pub max_connections: usize,
    /// Connections that one address may have open before it has shown a token, key or signature.
    pub unauthenticated_per_address: usize,
    /// How often each socket is pinged.
    pub ping_every: Duration,
    /// What decoded pictures and replays may take at once.
    pub memory: MemoryBudget,
    /// What looks at pictures.
    pub detectors: DetectorOptions,
    /// The settings of the functions.
    pub settings: Settings,
}
