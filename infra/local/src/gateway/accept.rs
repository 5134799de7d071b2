//! Accepts connections: withholds the 101 until the authorizer, then `$connect`, have responded.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use labelcast_functions::limits::MESSAGE_TIMEOUT;
use labelcast_functions::live::{AuthorizeError, Connected};
use labelcast_functions::model::{Connection, ConnectionId};
use labelcast_functions::protocol::{ClosingCode, choose_subprotocol};
use labelcast_functions::rest::Admission;
use labelcast_functions::token;
use serde_json::json;
use tokio::sync::oneshot;

use super::peer::Peer;
use super::socket::{Ended, Socket};
use super::transport::Transport;
use super::{Gateway, Routes, handshake, message, session};
use crate::server::ConnectionPermit;

/// Handles the HTTP request of a handshake, up to the 101.
pub async fn upgrade(gateway: Gateway, routes: Arc<dyn Routes>, request: Request) -> Response {
    let (mut request, _) = request.into_parts();
    let upgrade = request.extensions.remove::<OnUpgrade>();
    let accept = match handshake::accept_key(&request) {
        Ok(accept) => accept,
        Err(refused) => return *refused,
    };
    let Some(upgrade) = upgrade else { return refuse(StatusCode::BAD_REQUEST) };
    let (response, responded) = oneshot::channel();
    // In a task of its own: a client that hangs up meanwhile does not stop half-way what has to be undone again.
    gateway.shared.connections.clone().spawn(connection(gateway, routes, request, upgrade, response));
    // Without a response a function has panicked.
    match responded.await.unwrap_or(Err(StatusCode::BAD_GATEWAY)) {
        Ok(protocol) => switching(&accept, protocol),
        Err(status) => refuse(status),
    }
}

/// Refuses a handshake in the words of API Gateway.
pub fn refuse(status: StatusCode) -> Response {
    // Of its own, not among the functions' errors: refusals are everyday.
    metrics::counter!("labelcast_handshakes_refused_total", "status" => status.as_str().to_owned()).increment(1);
    (status, axum::Json(json!({"message": status.canonical_reason()}))).into_response()
}

/// A connection from its handshake to its `$disconnect`.
async fn connection(
    gateway: Gateway,
    routes: Arc<dyn Routes>,
    mut request: Parts,
    upgrade: OnUpgrade,
    response: oneshot::Sender<Result<Option<&'static str>, StatusCode>>,
) {
    // Kept as long as the stream: a socket counts among the connections that may be open until it is gone.
    let _permit = request.extensions.remove::<ConnectionPermit>();
    // Boxed, like all that is over soon: an idle connection's task stays small.
    match Box::pin(admit(&gateway, &*routes, request)).await {
        Err(status) => drop(response.send(Err(status))),
        Ok((peer, protocol)) => {
            // Nobody waits for it if the client is gone; then the upgrade fails, and what was connected is undone.
            let _ = response.send(Ok(protocol));
            let ended = serve(&gateway, &routes, &peer, upgrade).await;
            Box::pin(disconnect(&*routes, &peer, ended)).await;
        }
    }
}

async fn admit(
    gateway: &Gateway,
    routes: &dyn Routes,
    request: Parts,
) -> Result<(Arc<Peer>, Option<&'static str>), StatusCode> {
    if gateway.shared.draining.load(Ordering::Acquire) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let _handshake = gateway.shared.handshakes.try_acquire().map_err(|_| StatusCode::TOO_MANY_REQUESTS)?;
    let headers = &request.headers;
    let values = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let offered = || values(header::SEC_WEBSOCKET_PROTOCOL);
    // Of several, the last, as API Gateway has it.
    let token = token::of_handshake(values(header::AUTHORIZATION).next_back(), offered());
    let authorized = tokio::time::timeout(MESSAGE_TIMEOUT, routes.authorize(token)).await;
    let authorized = authorized.map_err(|_| failed("the authorizer", &"timed out"))?;
    let caller = authorized.map_err(|error| match error {
        AuthorizeError::Unauthorized => StatusCode::UNAUTHORIZED,
        AuthorizeError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    })?;
    Admission::admit(&request.extensions);
    let connection = Connection { id: gateway.new_id(), caller, connected_at: gateway.shared.clock.now() };
    let connected = tokio::time::timeout(MESSAGE_TIMEOUT, routes.connect(&connection)).await;
    let connected =
        connected.map_err(|_| failed("`$connect`", &"timed out"))?.map_err(|error| failed("`$connect`", &error))?;
    match connected {
        Connected::Accepted => {}
        Connected::TooMany => return Err(StatusCode::TOO_MANY_REQUESTS),
        Connected::Revoked => return Err(StatusCode::UNAUTHORIZED),
    }
    let peer = Peer {
        id: connection.id,
        connected_at: connection.connected_at,
        source_ip: request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()),
        user_agent: values(header::USER_AGENT).next().map(Box::from),
    };
    Ok((Arc::new(peer), choose_subprotocol(offered())))
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> StatusCode {
    tracing::error!(%why, "{what} failed");
    StatusCode::BAD_GATEWAY
}

fn switching(accept: &str, protocol: Option<&'static str>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    response
}

/// A connection from its 101 to its end.
async fn serve(gateway: &Gateway, routes: &Arc<dyn Routes>, peer: &Arc<Peer>, upgrade: OnUpgrade) -> Ended {
    let Some((socket, sent_already)) = Box::pin(open(gateway, peer, upgrade)).await else {
        return Ended::abnormally();
    };
    let handle = |text: String| message::handle(gateway.clone(), routes.clone(), peer.clone(), text);
    let ended = session::run(&socket, sent_already, handle).await;
    gateway.shared.sockets.write().unwrap_or_else(PoisonError::into_inner).remove(&peer.id);
    metrics::gauge!("labelcast_connections").decrement(1.0);
    ended
}

async fn open(gateway: &Gateway, peer: &Arc<Peer>, upgrade: OnUpgrade) -> Option<(Arc<Socket>, Bytes)> {
    let upgraded = upgrade.await.ok()?;
    let (transport, sent_already) = Transport::of(upgraded).ok()?;
    let shared = &gateway.shared;
    let socket = Arc::new(Socket::new(peer.clone(), transport, shared.now.clone(), shared.ping_every));
    shared.sockets.write().unwrap_or_else(PoisonError::into_inner).insert(peer.id.clone(), socket.clone());
    metrics::gauge!("labelcast_connections").increment(1.0);
    metrics::counter!("labelcast_connections_opened_total").increment(1);
    if shared.draining.load(Ordering::Acquire) {
        // It came while the others were sent away.
        socket.close(Some(ClosingCode::ServerShutdown), 1001, "Going away");
    }
    Some((socket, sent_already))
}

/// After the socket is gone; once, whatever comes of it.
async fn disconnect(routes: &dyn Routes, peer: &Peer, ended: Ended) {
    metrics::counter!("labelcast_disconnected_total", "code" => ended.code.to_string()).increment(1);
    let disconnected = routes.disconnect(&peer.id, peer.connected_at, &ended);
    match tokio::time::timeout(MESSAGE_TIMEOUT, disconnected).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => failed_to_disconnect(peer, &error),
        Err(_) => failed_to_disconnect(peer, &"timed out"),
    }
}

fn failed_to_disconnect(peer: &Peer, why: &dyn std::fmt::Display) {
    metrics::counter!("labelcast_disconnects_failed_total").increment(1);
    tracing::warn!(%why, connection = %peer.id, "`$disconnect` failed; the row stays until the next sweep");
}

impl Gateway {
    /// 11 random bytes in URL-safe base64: 16 characters with the pad, as API Gateway's are.
    fn new_id(&self) -> ConnectionId {
        let id = self.request_id();
        id.parse().expect("URL-safe base64 is a connection id")
    }

    pub(super) fn request_id(&self) -> String {
        let mut bytes = [0; 11];
        self.shared.random.fill(&mut bytes);
        URL_SAFE.encode(bytes)
    }
}
