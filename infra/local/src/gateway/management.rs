//! The `@connections` API: statuses and headers as API Gateway's.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use base64::Engine;
use base64::alphabet::URL_SAFE as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use chrono::SecondsFormat;
use labelcast_functions::audit::{Action, Outcome, Record};
use labelcast_functions::limits::{FRAME_BYTES, MESSAGE_BYTES};
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::{Connections, Pusher};
use labelcast_functions::rest::{Admission, ClientAddress};
use serde_json::json;

use super::outbound::Queued;
use super::{Gateway, frame};

/// Whether a request (its parts and its whole body) is signed by somebody who may.
pub type SignatureCheck = Arc<dyn Fn(&axum::http::request::Parts, &[u8]) -> bool + Send + Sync>;

/// Ids of API Gateway need not end in zero bits.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&ALPHABET, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The routes below the socket's own address.
pub fn router(gateway: Gateway, check: SignatureCheck) -> Router {
    Router::new()
        .route("/@connections/{id}", post(send).get(show).delete(close))
        // As the documentation's own example writes it.
        .route("/%40connections/{id}", post(send).get(show).delete(close))
        .layer(from_fn_with_state(check, signed))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES + 1))
        .with_state(gateway)
}

async fn signed(State(check): State<SignatureCheck>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, MESSAGE_BYTES).await {
        Ok(body) => body,
        Err(failure) if is_too_long(&failure) => return too_large(),
        Err(_) => {
            return error(
                StatusCode::BAD_REQUEST,
                "BadRequestException",
                "the request body was incomplete or too slow",
            );
        }
    };
    if !check(&parts, &body) {
        metrics::counter!("labelcast_management_refused_total").increment(1);
        let address = ClientAddress::of(&parts).0;
        let what = format_args!("{} {}", parts.method, parts.uri.path());
        Record::new(Action::ManagementCall, Outcome::Refused, "").what(what).address(address).log();
        return error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden");
    }
    Admission::admit(&parts.extensions);
    next.run(Request::from_parts(parts, body.into())).await
}

fn is_too_long(failure: &axum::Error) -> bool {
    std::error::Error::source(failure).is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>)
}

fn error(status: StatusCode, kind: &'static str, message: &str) -> Response {
    (status, [(ERROR_TYPE, kind)], axum::Json(json!({"message": message}))).into_response()
}

/// 410 has no body; the SDKs read the header.
fn gone() -> Response {
    (StatusCode::GONE, [(ERROR_TYPE, "GoneException")]).into_response()
}

fn too_large() -> Response {
    error(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "the message is too large (limit 32 KiB)")
}

/// An id has the form of those that are given out: 11 bytes in URL-safe base64.
fn read_id(id: Result<Path<String>, PathRejection>) -> Result<ConnectionId, Box<Response>> {
    let malformed = |id: &str| {
        let message = format!("Invalid connectionId: {id}");
        Box::new(error(StatusCode::BAD_REQUEST, "BadRequestException", &message))
    };
    let Ok(Path(id)) = id else { return Err(malformed("not UTF-8")) };
    let decoded = BASE64.decode(&id).is_ok_and(|bytes| bytes.len() == 11);
    id.parse::<ConnectionId>().ok().filter(|_| decoded).ok_or_else(|| malformed(&id))
}

/// API Gateway's response at an endpoint without its stage.
pub fn without_stage() -> Router {
    let forbidden = || async { error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden") };
    ["/@connections/{*id}", "/%40connections/{*id}", "/{stage}/@connections/{id}", "/{stage}/%40connections/{id}"]
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, any(forbidden)))
}

async fn send(State(gateway): State<Gateway>, id: Result<Path<String>, PathRejection>, body: Bytes) -> Response {
    let id = match read_id(id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    let Some(socket) = gateway.socket(&id) else { return gone() };
    // The frame's limit holds for posts too.
    if body.len() > FRAME_BYTES {
        return too_large();
    }
    if std::str::from_utf8(&body).is_err() {
        return error(StatusCode::BAD_REQUEST, "BadRequestException", "a text frame must be UTF-8");
    }
    match socket.queue(frame::text(&body)) {
        Queued::First => {
            socket.flush();
            StatusCode::OK.into_response()
        }
        Queued::Behind => StatusCode::OK.into_response(),
        Queued::Full => error(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", "the connection is not reading"),
        Queued::Closing => gone(),
    }
}

async fn show(State(gateway): State<Gateway>, id: Result<Path<String>, PathRejection>) -> Response {
    let id = match read_id(id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    let (Some(socket), Ok(Some(connection))) = (gateway.socket(&id), gateway.get(&id).await) else { return gone() };
    let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    axum::Json(json!({
        "connectedAt": time(connection.connected_at),
        "lastActiveAt": time(socket.last_active()),
        "identity": {"sourceIp": socket.peer.source_ip, "userAgent": socket.peer.user_agent},
    }))
    .into_response()
}

async fn close(State(gateway): State<Gateway>, id: Result<Path<String>, PathRejection>) -> Response {
    let id = match read_id(id) {
        Ok(id) => id,
        Err(refused) => return *refused,
    };
    if gateway.socket(&id).is_none() {
        return gone();
    }
    match Pusher::close(&gateway, &id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => gone(),
    }
}
