//! Listens: plain, with TLS, or behind a proxy that does TLS.

mod address;
mod body;
mod connection;
mod descriptors;
mod explained;
mod forwarded;
mod hosts;
mod public_url;
mod stall;
mod timeouts;
mod tls;
mod unauthenticated;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use connection::Shared;
use descriptors::Descriptors;
pub use descriptors::{ConnectionPermit, FilePermit};
pub use explained::Explained;
use hosts::Hosts;
pub use public_url::{read_public_url, split_url};
use timeouts::Timeouts;
use unauthenticated::Unauthenticated;

/// Refusals that are written at once; beyond that connections are closed without a word.
const REFUSALS: usize = 64;
/// How long a refused client has to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// How long requests may go on once the server ends.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Whether and by whom connections are encrypted.
#[derive(Debug, Clone)]
pub enum Tls {
    /// Not at all: loopback only.
    None,
    /// With the operator's certificate, both in PEM.
    Own {
        /// The certificate and its chain.
        certificate: PathBuf,
        /// The private key of the certificate, in PEM.
        key: PathBuf,
    },
    /// By a proxy in front, whose `X-Forwarded-For` is believed.
    BehindProxy,
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is reachable from outside and has no TLS.
    #[error(
        "{0} can be reached from other machines, and nothing says how TLS is done: give --tls-cert and --tls-key, or \
         --behind-proxy if a proxy in front does it, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {0}: {1}")]
    Address(SocketAddr, std::io::Error),
    /// The certificate cannot be used.
    #[error("{0}: {1}")]
    Certificate(PathBuf, String),
}

/// How the server is reached, and how much it takes.
#[derive(Debug, Clone)]
pub struct Options {
    /// `scheme://host[:port][/prefix]` as browsers see it, without a slash at the end; empty if that is where it listens.
    pub public_url: String,
    /// Connections open at once, if the system gives as many files. Further ones are refused.
    pub max_connections: usize,
    /// Of those, how many one address may have that have shown no token, key or signature yet.
    pub unauthenticated_per_address: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { public_url: String::new(), max_connections: 15_000, unauthenticated_per_address: 1_000 }
    }
}

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    behind_proxy: bool,
    timeouts: Timeouts,
    options: Options,
}

impl Server {
    /// Listens. Refuses what would be readable on the way.
    pub fn listen(address: SocketAddr, tls: &Tls) -> Result<Self, ListenError> {
        if !address.ip().is_loopback() && matches!(tls, Tls::None) {
            return Err(ListenError::Unprotected(address));
        }
        let acceptor = match tls {
            Tls::Own { certificate, key } => Some(tls::acceptor(certificate, key)?),
            Tls::None | Tls::BehindProxy => None,
        };
        let behind_proxy = matches!(tls, Tls::BehindProxy);
        Ok(Self { acceptor, behind_proxy, ..Self::listen_in_clear(address)? })
    }

    /// Listens without TLS wherever configured: for what holds no secrets and is for other machines, such as metrics.
    pub fn listen_in_clear(address: SocketAddr) -> Result<Self, ListenError> {
        let listener = bind(address).map_err(|error| ListenError::Address(address, error))?;
        let (timeouts, options) = (Timeouts::default(), Options::default());
        Ok(Self { listener, acceptor: None, behind_proxy: false, timeouts, options })
    }

    /// The same with other options.
    #[must_use]
    pub fn with(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// Where it listens; the port, if 0 was requested.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`; then lets requests end.
    pub async fn serve(self, app: Router, stop: CancellationToken) {
        let options = self.options;
        let hosts = match self.listener.local_addr() {
            Ok(address) => Hosts::of(address, self.behind_proxy, &options.public_url),
            // It listens, so the system knows where; should it not say so, no name is ours.
            Err(error) => return tracing::error!(%error, "the listening address could not be determined"),
        };
        let descriptors = Descriptors::new(options.max_connections);
        let most = descriptors.max_connections();
        let connections = TaskTracker::new();
        let shared = Arc::new(Shared {
            app,
            behind_proxy: self.behind_proxy,
            timeouts: self.timeouts,
            hosts,
            prefix: split_url(&options.public_url).1.to_owned(),
            is_https: self.acceptor.is_some() || options.public_url.starts_with("https://"),
            acceptor: self.acceptor,
            unauthenticated: Unauthenticated::new(options.unauthenticated_per_address.min(most), most.div_ceil(2)),
            stop: stop.clone(),
        });
        let authentication = Entrance {
            shared,
            descriptors,
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            was_full: AtomicBool::new(false),
            connections: connections.clone(),
        };
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => authentication.take(stream, address),
                Err(error) => {
                    // Out of file descriptors, say: waits a moment, so that it does not turn in circles.
                    tracing::warn!(%error, "a connection could not be accepted");
                    metrics::counter!("labelcast_accept_failures_total").increment(1);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(self.listener);
        connections.close();
        if tokio::time::timeout(LAST_REQUESTS, connections.wait()).await.is_err() {
            tracing::warn!(left = connections.len(), "some requests did not finish in time");
        }
    }
}

/// Takes connections, or refuses them while nothing was promised to them yet.
struct Entrance {
    shared: Arc<Shared>,
    descriptors: Descriptors,
    refusals: Arc<Semaphore>,
    /// So that the log says it once, and not for each refusal.
    was_full: AtomicBool,
    connections: TaskTracker,
}

impl Entrance {
    fn take(&self, stream: TcpStream, address: SocketAddr) {
        let Some(permit) = self.descriptors.connection() else {
            metrics::counter!("labelcast_connections_full_total").increment(1);
            if !self.was_full.swap(true, Ordering::Relaxed) {
                tracing::warn!("connection limit reached; refusing further connections");
            }
            let message = "connection limit reached; try again in a moment";
            return self.refuse(stream, StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        };
        self.was_full.store(false, Ordering::Relaxed);
        let ticket = match self.shared.behind_proxy {
            // All of them are the proxy's; what counts is whose requests they carry.
            true => None,
            false => match self.shared.unauthenticated.enter(address.ip(), Instant::now()) {
                Some(ticket) => Some(ticket),
                None => {
                    metrics::counter!("labelcast_unauthenticated_refused_total").increment(1);
                    let message = "too many unauthenticated connections from this address; try again in a moment";
                    return self.refuse(stream, StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
                }
            },
        };
        self.connections.spawn(connection::serve(stream, address, permit, ticket, self.shared.clone()));
    }

    /// Says why, unless the client expects TLS or too many are being refused already.
    fn refuse(&self, mut stream: TcpStream, status: StatusCode, code: &'static str, message: &'static str) {
        let Ok(permit) = self.refusals.clone().try_acquire_owned() else { return };
        if self.shared.acceptor.is_some() {
            return;
        }
        let response = explained::response(status, code, message, Some(1), self.shared.is_https);
        let reported = async move {
            let _ = stream.write_all(&response).await;
            let _ = stream.shutdown().await;
            // What the client sends meanwhile would reset the connection before it has read the response.
            let mut scratch = [0; 4096];
            while stream.read(&mut scratch).await.is_ok_and(|read| read > 0) {}
        };
        tokio::spawn(async move {
            let _ = tokio::time::timeout(REFUSAL_TIME, reported).await;
            drop(permit);
        });
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

#[cfg(test)]
mod tests;
