//! Lets connections in: holds the 101 until the authorizer, then `$connect`, have answered.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use aws_lambda_events::encodings::Body as EventBody;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use labelcast_functions::live::AuthorizerEvent;
use labelcast_functions::model::ConnectionId;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;
use tungstenite::handshake::derive_accept_key;

use super::event::{Origin, single};
use super::socket::Socket;
use super::transport::Transport;
use super::{Gateway, Routes, frame, limits};

const METHOD_ARN: &str = "arn:aws:execute-api:local:000000000000:labelcast/live/$connect";
/// Routes that are matched exactly; everything else is `$default`.
const ROUTES: [&str; 5] = ["subscribe", "unsubscribe", "set_notify_list", "refresh", "ping"];

/// Answers a handshake.
pub async fn upgrade(gateway: Gateway, routes: Arc<dyn Routes>, request: Request) -> Response {
    let (mut request, _) = request.into_parts();
    let upgrade = request.extensions.remove::<OnUpgrade>();
    let Some(accept) = accept_key(&request.headers) else {
        let wanted = [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")];
        return (StatusCode::UPGRADE_REQUIRED, wanted, "this address speaks WebSocket, version 13\n").into_response();
    };
    match admit(&gateway, &*routes, &request).await {
        Ok((origin, protocol)) => {
            let Some(upgrade) = upgrade else { return StatusCode::UPGRADE_REQUIRED.into_response() };
            tokio::spawn(serve(gateway, routes, origin, upgrade));
            switching(&accept, protocol)
        }
        Err(status) => {
            // Of its own, not among the functions' errors: refusals are everyday (rule 19).
            metrics::counter!("labelcast_handshakes_refused_total", "status" => status.as_str().to_owned())
                .increment(1);
            (status, axum::Json(json!({"message": status.canonical_reason()}))).into_response()
        }
    }
}

/// The answer to the client's key, if this is a handshake that RFC 6455 (4.2.1) knows.
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let has = |name, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|one| one.trim().eq_ignore_ascii_case(word))
    };
    let right = has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| right)?;
    Some(derive_accept_key(key.as_bytes()))
}

async fn admit(
    gateway: &Gateway,
    routes: &dyn Routes,
    request: &Parts,
) -> Result<(Origin, Option<HeaderValue>), StatusCode> {
    if gateway.shared.draining.load(Ordering::Acquire) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let _handshake = gateway.shared.handshakes.try_acquire().map_err(|_| StatusCode::TOO_MANY_REQUESTS)?;
    let headers = &request.headers;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let address = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    let mut origin = Origin {
        id: gateway.new_id(),
        connected_at: gateway.shared.clock.now(),
        source_ip: address.unwrap_or_default(),
        user_agent: text(header::USER_AGENT),
        host: text(header::HOST).unwrap_or_default(),
        authorizer: serde_json::Map::new(),
    };
    let asked = json!({"type": "REQUEST", "methodArn": METHOD_ARN, "headers": single(headers)});
    let asked: AuthorizerEvent = serde_json::from_value(asked).map_err(|_| StatusCode::BAD_REQUEST)?;
    let answer = routes.authorize(asked).await.map_err(|_| StatusCode::UNAUTHORIZED)?;
    origin.authorized(answer);
    let connected = routes.connect(origin.connect(headers, &gateway.request_id())).await.map_err(|error| {
        tracing::error!(%error, "`$connect` failed");
        StatusCode::BAD_GATEWAY
    })?;
    match u16::try_from(connected.status_code).ok().and_then(|status| StatusCode::from_u16(status).ok()) {
        // The only header that is copied.
        Some(status) if status.is_success() => {
            Ok((origin, connected.headers.get(header::SEC_WEBSOCKET_PROTOCOL).cloned()))
        }
        Some(status) => Err(status),
        None => Err(StatusCode::BAD_GATEWAY),
    }
}

fn switching(accept: &str, protocol: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// A connection from its 101 to its `$disconnect`.
async fn serve(gateway: Gateway, routes: Arc<dyn Routes>, origin: Origin, upgrade: OnUpgrade) {
    let (code, reason) = match open(&gateway, &origin, upgrade).await {
        Some((socket, sent_already)) => {
            let (code, reason) = run(&gateway, &routes, &origin, &socket, sent_already).await;
            gateway.shared.sockets.write().unwrap_or_else(PoisonError::into_inner).remove(&origin.id);
            metrics::gauge!("labelcast_connections").decrement(1.0);
            (code, reason)
        }
        None => (1006, "Connection Closed Abnormally".to_owned()),
    };
    let event = origin.disconnect(code, &reason, &gateway.request_id(), gateway.shared.clock.now());
    if let Err(error) = routes.disconnect(event).await {
        tracing::warn!(%error, connection = %origin.id, "`$disconnect` failed; the row stays until it is swept");
    }
}

async fn open(gateway: &Gateway, origin: &Origin, upgrade: OnUpgrade) -> Option<(Arc<Socket>, Vec<u8>)> {
    let upgraded = upgrade.await.ok()?;
    let (transport, sent_already) = Transport::of(upgraded).ok()?;
    let shared = gateway.shared.clone();
    let now = Arc::new(move || shared.now.load(Ordering::Relaxed));
    let socket = Arc::new(Socket::new(origin, transport, now));
    gateway.shared.sockets.write().unwrap_or_else(PoisonError::into_inner).insert(origin.id.clone(), socket.clone());
    metrics::gauge!("labelcast_connections").increment(1.0);
    metrics::counter!("labelcast_connections_opened_total").increment(1);
    Some((socket, sent_already))
}

async fn run(
    gateway: &Gateway,
    routes: &Arc<dyn Routes>,
    origin: &Origin,
    socket: &Socket,
    sent_already: Vec<u8>,
) -> (u16, String) {
    let handle = |text: String| message(gateway.clone(), routes.clone(), origin.clone(), text);
    let ended = socket.run(sent_already, handle).await;
    (ended.code, ended.reason)
}

/// Brings a message to its route; what the route answers is the frame.
async fn message(gateway: Gateway, routes: Arc<dyn Routes>, origin: Origin, text: String) -> Option<Bytes> {
    metrics::counter!("labelcast_messages_total").increment(1);
    let request = gateway.request_id();
    let event = origin.message(route_of(&text), &text, &request, gateway.shared.clock.now());
    // In a task of its own: a panic ends the message, not the connection.
    let handled = AbortOnDropHandle::new(tokio::spawn(async move { routes.message(event).await }));
    match tokio::time::timeout(limits::MESSAGE_TIME, handled).await {
        Ok(Ok(answer)) => match answer.body? {
            EventBody::Text(text) => Some(frame::text(text.as_bytes())),
            _ => None,
        },
        Ok(Err(_)) | Err(_) => {
            metrics::counter!("labelcast_messages_failed_total").increment(1);
            tracing::error!(connection = %origin.id, request, "a message could not be handled");
            // Word for word and blank for blank what API Gateway sends.
            let text = format!(
                "{{\"message\": \"Internal server error\", \"connectionId\":\"{}\", \"requestId\":\"{request}\"}}",
                origin.id
            );
            Some(frame::text(text.as_bytes()))
        }
    }
}

/// `$request.body.action`, compared exactly.
fn route_of(text: &str) -> &'static str {
    let body: Option<Value> = serde_json::from_str(text).ok();
    let action = body.as_ref().and_then(|body| body.get("action")).and_then(Value::as_str);
    action.and_then(|action| ROUTES.into_iter().find(|route| *route == action)).unwrap_or("$default")
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
