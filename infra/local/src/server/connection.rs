//! One HTTP/1.1 connection.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
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

/// A client that sends its headers slowly, or says nothing of TLS, is let go after this.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    app: Router,
    behind_proxy: bool,
    stop: CancellationToken,
) {
    // Frames are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    match acceptor {
        // Handed over as it is, so that the gateway finds the stream again and writes to it itself.
        None => http(TokioIo::new(stream), address, app, behind_proxy, stop).await,
        Some(acceptor) => match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => http(TokioIo::new(stream), address, app, behind_proxy, stop).await,
            Ok(Err(_)) | Err(_) => metrics::counter!("labelcast_tls_failures_total").increment(1),
        },
    }
}

async fn http<T>(stream: TokioIo<T>, address: SocketAddr, app: Router, behind_proxy: bool, stop: CancellationToken)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        let client = if behind_proxy { forwarded(&request).unwrap_or(address) } else { address };
        request.extensions_mut().insert(ConnectInfo(client));
        app.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
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

/// The last address is the one that the proxy in front has seen itself.
fn forwarded(request: &Request<Incoming>) -> Option<SocketAddr> {
    let header = request.headers().get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    let address: IpAddr = header.rsplit(',').next()?.trim().parse().ok()?;
    Some(SocketAddr::new(address, 0))
}
