//! One HTTP/1.1 connection.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::timeout::{DeadlineBody, TimeoutBody};

use super::forwarded;

/// How long clients have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For TLS to begin, and for the head of a request, the next one too.
    pub(super) head: Duration,
    /// For the next piece of a body.
    pub(super) piece: Duration,
    /// For a whole body: as long as an upload's form is good.
    pub(super) body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), piece: Duration::from_secs(30), body: Duration::from_mins(15) }
    }
}

/// What all connections share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) app: Router,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) behind_proxy: bool,
    pub(super) patience: Patience,
    pub(super) stop: CancellationToken,
}

pub(super) async fn serve(stream: TcpStream, address: SocketAddr, shared: Shared) {
    // Frames are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    match &shared.acceptor {
        // Handed over as it is, so that the gateway finds the stream again and writes to it itself.
        None => http(TokioIo::new(stream), address, shared).await,
        Some(acceptor) => match tokio::time::timeout(shared.patience.head, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => http(TokioIo::new(stream), address, shared).await,
            Ok(Err(_)) | Err(_) => metrics::counter!("labelcast_tls_failures_total").increment(1),
        },
    }
}

async fn http<T>(stream: TokioIo<T>, address: SocketAddr, shared: Shared)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Shared { app, behind_proxy, patience, stop, .. } = shared;
    let service = service_fn(move |mut request: Request<Incoming>| {
        let client = if behind_proxy { forwarded::client(request.headers()).unwrap_or(address) } else { address };
        request.extensions_mut().insert(ConnectInfo(client));
        app.clone().oneshot(request.map(|body| bounded_in_time(body, patience)))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(64 * 1024)
        .serve_connection(stream, service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        // How a connection broke off is its client's business.
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

fn bounded_in_time(body: Incoming, patience: Patience) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(DeadlineBody::new(patience.body, TimeoutBody::new(patience.piece, body)))
}
