//! Listens: plain, with TLS, or behind a proxy that does TLS.

mod connection;
mod descriptors;
mod forwarded;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use connection::{Patience, Shared};

/// Connections open at once, if the system gives as many files; further ones wait to be accepted.
const CONNECTIONS: usize = 15_000;
/// How long requests may go on once the server ends.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// How TLS is done.
#[derive(Debug, Clone)]
pub enum Tls {
    /// Not at all: loopback only.
    None,
    /// With a certificate of one's own, both in PEM.
    Own {
        /// The certificate and its chain.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// By a proxy in front, whose `X-Forwarded-For` is believed.
    BehindProxy,
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Others would read along.
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

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    behind_proxy: bool,
    patience: Patience,
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
        let listener = bind(address).map_err(|error| ListenError::Address(address, error))?;
        Ok(Self { listener, acceptor, behind_proxy: matches!(tls, Tls::BehindProxy), patience: Patience::default() })
    }

    /// Where it listens; the port, if 0 was asked for.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`; then lets requests end.
    pub async fn serve(self, app: Router, stop: CancellationToken) {
        let open = Arc::new(Semaphore::new(descriptors::for_connections(CONNECTIONS)));
        let connections = TaskTracker::new();
        let shared = Shared {
            app,
            acceptor: self.acceptor,
            behind_proxy: self.behind_proxy,
            patience: self.patience,
            stop: stop.clone(),
        };
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = accept(&self.listener, &open) => accepted,
            };
            let Some((stream, address, permit)) = accepted else { continue };
            let shared = shared.clone();
            connections.spawn(async move {
                connection::serve(stream, address, shared).await;
                drop(permit);
            });
        }
        drop(self.listener);
        connections.close();
        if tokio::time::timeout(LAST_REQUESTS, connections.wait()).await.is_err() {
            tracing::warn!(left = connections.len(), "some requests did not end in time");
        }
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

async fn accept(
    listener: &TcpListener,
    open: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    if open.available_permits() == 0 {
        metrics::counter!("labelcast_connections_full_total").increment(1);
        tracing::warn!("as many connections are open as can be; the next wait until one ends");
    }
    let permit = open.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, address, permit)),
        Err(error) => {
            // Out of file descriptors, say: waits a moment, so that it does not turn in circles.
            tracing::warn!(%error, "a connection could not be accepted");
            metrics::counter!("labelcast_accept_failures_total").increment(1);
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

#[cfg(test)]
mod tests;
