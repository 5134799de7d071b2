//! One HTTP/1.1 connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use labelcast_functions::rest::{Admission, add_safe_headers, error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::descriptors::ConnectionPermit;
use super::explained::Explained;
use super::hosts::Hosts;
use super::public_url::without_prefix;
use super::timeouts::Timeouts;
use super::unauthenticated::{Ticket, Unauthenticated};
use super::{body, forwarded};

/// As API Gateway's for a WebSocket: characters of path and query.
const MAX_SOCKET_URL: usize = 4_096;
/// A search of a thousand characters, however they are encoded, with everything beside it.
const MAX_URL: usize = 16 << 10;

/// Names and values of all headers: a token of 8 KiB several times over.
const MAX_HEADERS: usize = 32 << 10;

/// State shared by all connections.
pub(super) struct Shared {
    pub(super) app: Router,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) behind_proxy: bool,
    pub(super) timeouts: Timeouts,
    pub(super) hosts: Hosts,
    /// The path of the public URL.
    pub(super) prefix: String,
    /// Whether browsers come by TLS: ours, or that of a proxy.
    pub(super) is_https: bool,
    pub(super) unauthenticated: Arc<Unauthenticated>,
    pub(super) stop: CancellationToken,
}

/// One connection, and what its requests need.
struct Connection {
    shared: Arc<Shared>,
    address: SocketAddr,
    permit: ConnectionPermit,
    /// Without a proxy in front the connection has the place that its requests are counted by.
    ticket: Option<Arc<Ticket>>,
}

pub(super) async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    permit: ConnectionPermit,
    ticket: Option<Arc<Ticket>>,
    shared: Arc<Shared>,
) {
    // Frames are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let gives_way = ticket.clone();
    let is_https = shared.is_https;
    let connection = Connection { shared: shared.clone(), address, permit, ticket };
    let served = async {
        match &shared.acceptor {
            // The gateway finds the stream again and writes to it itself.
            None => http(Explained::new(stream, is_https, shared.timeouts.piece), connection).await,
            Some(acceptor) => match tokio::time::timeout(shared.timeouts.head, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => http(Explained::new(stream, is_https, shared.timeouts.piece), connection).await,
                Ok(Err(_)) | Err(_) => metrics::counter!("labelcast_tls_failures_total").increment(1),
            },
        }
    };
    match gives_way {
        None => served.await,
        Some(ticket) => tokio::select! {
            () = served => {}
            () = ticket.gives_way() => {}
        },
    }
}

async fn http<T>(stream: Explained<T>, connection: Connection)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (timeouts, stop) = (connection.shared.timeouts, connection.shared.stop.clone());
    let connection = Arc::new(connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let connection = connection.clone();
        async move { Ok::<_, Infallible>(connection.response(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
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

impl Connection {
    async fn response(&self, mut request: Request<Incoming>) -> Response {
        if let Some(uri) = without_prefix(request.uri(), &self.shared.prefix) {
            *request.uri_mut() = uri;
        }
        let mut response = match self.check(&request) {
            Ok(()) => self.handle(request).await,
            Err(refused) => *refused,
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            add_safe_headers(response.headers_mut(), self.shared.is_https);
        }
        response
    }

    fn check(&self, request: &Request<Incoming>) -> Result<(), Box<Response>> {
        let uri = request.uri();
        let length = uri.path_and_query().map_or(0, |target| target.as_str().len());
        let limit = if uri.path() == "/live" { MAX_SOCKET_URL } else { MAX_URL };
        if length > limit {
            let message = format!("URL too long (limit {limit} characters)");
            return Err(Box::new(error(StatusCode::URI_TOO_LONG, "uri_too_long", message)));
        }
        // hyper bounds its buffer, but takes what one read brings.
        let bytes: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > MAX_HEADERS {
            let message = format!("headers too large (limit {} KiB)", MAX_HEADERS >> 10);
            return Err(Box::new(error(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", message)));
        }
        self.shared.hosts.check(request.version(), uri, request.headers())
    }

    async fn handle(&self, mut request: Request<Incoming>) -> Response {
        let client = match self.shared.behind_proxy {
            true => forwarded::client(request.headers()).unwrap_or(self.address),
            false => self.address,
        };
        let ticket = match &self.ticket {
            Some(ticket) => Some(ticket.clone()),
            None => self.shared.unauthenticated.enter(client.ip(), Instant::now()),
        };
        let Some(ticket) = ticket else { return too_many() };
        let admitting = ticket.clone();
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(client));
        extensions.insert(self.permit.clone());
        extensions.insert(Admission::new(move || admitting.admit()));
        let request = request.map(|incoming| body::in_time(incoming, self.shared.timeouts, ticket.clone()));
        let handled = self.shared.app.clone().oneshot(request);
        let responded = match self.ticket {
            Some(_) => handled.await,
            // Behind a proxy the request gives way, and not the connection, which others use too.
            None => tokio::select! {
                response = handled => response,
                () = ticket.gives_way() => Ok(too_many()),
            },
        };
        let Ok(response) = responded;
        response
    }
}

/// Too much of what an address has open has shown nothing good.
fn too_many() -> Response {
    metrics::counter!("labelcast_unauthenticated_refused_total").increment(1);
    let message = "too many unauthenticated requests from this address; try again in a moment";
    let mut response = error(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
