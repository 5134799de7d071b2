//! `publish`: programs with a key publish to `app:` topics, so that anything can notify browsers.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BusEvent, Name, Topic};
use crate::ports::{Bus, Claimed, Clock, Idempotency, IdempotencyClaim, Random};
use crate::rest::{AppState, ErrorBody, Json, KeyHolder, Path, RestFunction};
use crate::size::readable_size;

/// The largest `data`, in bytes of JSON: with its envelope it fits into a frame.
const MAX_DATA: usize = 24 * 1024;

/// How deep `data` may be nested. Readers of JSON stop at 128 levels, and on its way `data` is wrapped into some more: what is
/// accepted must be readable to the end.
const MAX_DEPTH: usize = 64;

/// Lets programs publish to `app:` topics over REST.
#[derive(Clone)]
pub struct PublishApi {
    /// Dates idempotency claims.
    pub clock: Arc<dyn Clock>,
    /// Carries the event to `notify`.
    pub bus: Arc<dyn Bus>,
    /// Remembers requests by their `Idempotency-Key`, for 24 hours.
    pub idempotency: Arc<dyn Idempotency>,
    /// Makes notification ids.
    pub random: Arc<dyn Random>,
}

impl RestFunction for PublishApi {
    const TAKES_KEYS: bool = true;

    fn routes() -> OpenApiRouter<AppState<Self>> {
        OpenApiRouter::new().routes(routes!(publish))
    }
}

/// What to publish.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Publish {
    /// What happened: 1 to 64 letters, digits, `.`, `_`, `-`.
    #[schema(value_type = String, example = "build.done", pattern = "^[A-Za-z0-9._-]{1,64}$")]
    event: Name,
    /// Any JSON, at most 24 KiB and 64 levels deep.
    #[serde(default)]
    data: Value,
}

/// The notification is stored and will reach every subscriber.
#[derive(Debug, Serialize, ToSchema)]
pub struct Published {
    /// The notification's id.
    id: String,
}

/// Publish to an `app:` topic.
#[utoipa::path(post, operation_id = "publish", path = "/topics/{topic}", tag = "topics", request_body = Publish, security(("key" = [])),
    params(
        ("topic" = String, Path, example = "app:builds"),
        ("Idempotency-Key" = Option<String>, Header,
            description = "1 to 255 characters; a repeat within 24 hours returns the same id and publishes nothing")),
    responses(
        (status = 202, body = Published, description = "stored durably, and will be delivered"),
        (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "the idempotency key was used for a different request"),
        (status = 413, body = ErrorBody, description = "`data` is over 24 KiB"),
        (status = 415, body = ErrorBody, description = "the body isn't sent as application/json"),
        (status = 503, body = ErrorBody, description = "overloaded; nothing was published",
            headers(("Retry-After" = u64, description = "seconds to wait before trying again"))),
        (status = 507, body = ErrorBody, description = "the server has run out of storage"),
))]
async fn publish(
    State(AppState { function: api, .. }): State<AppState<PublishApi>>,
    KeyHolder(key): KeyHolder,
    Path(topic): Path<String>,
    headers: HeaderMap,
    Json(request): Json<Publish>,
) -> Result<(StatusCode, Json<Published>)> {
    let topic: Topic = topic.parse().map_err(|error| Error::bad_request(format!("{error}")))?;
    if !matches!(topic, Topic::App(_)) {
        return Err(Error::forbidden(format!("programs may publish to `app:` topics only, not to `{topic}`")));
    }
    let name = topic.to_string();
    if !key.allows_publish(&name) {
        return Err(Error::forbidden(format!("the key `{}` does not allow `publish:{name}`", key.name)));
    }
    let data = request.data.to_string();
    if data.len() > MAX_DATA {
        let message = format!(
            "`data` is too large: {} (limit {})",
            readable_size(data.len() as u64),
            readable_size(MAX_DATA as u64)
        );
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    if depth(&request.data) > MAX_DEPTH {
        return Err(Error::bad_request(format!("`data` is nested too deeply (limit {MAX_DEPTH} levels)")));
    }
    let id = api.random.id();
    let claim = match headers.get("idempotency-key") {
        None => None,
        Some(value) => {
            let printable = |value: &&str| value.bytes().all(|b| matches!(b, b' '..=b'~'));
            let value = value.to_str().ok().filter(|value| (1..=255).contains(&value.len())).filter(printable);
            let wrong = || Error::bad_request("`Idempotency-Key` must have 1 to 255 printable ASCII characters");
            let value = value.ok_or_else(wrong)?;
            let request = request_digest(&name, request.event.as_str(), &data);
            Some(IdempotencyClaim { api_key: key.name, key: value.to_owned(), request, id: id.clone() })
        }
    };
    let id = match &claim {
        None => id,
        Some(claim) => match api.idempotency.claim(claim, api.clock.now()).await? {
            Claimed::First => id,
            Claimed::Again { id, done: true } => return Ok((StatusCode::ACCEPTED, Json(Published { id }))),
            // An earlier try was cut off before it was durable: the same id, so that it is once in history at most.
            Claimed::Again { id, done: false } => id,
            Claimed::Conflict => {
                let message =
                    "this `Idempotency-Key` was already used for a different request within 24 hours; use a new one";
                return Err(Error::new(ErrorKind::Conflict, message));
            }
        },
    };
    let event =
        BusEvent::TopicPublished { id: id.clone(), topic, event: request.event.to_string(), data: request.data };
    api.bus.publish_all(&[event]).await?;
    if let Some(claim) = &claim {
        api.idempotency.done(&claim.api_key, &claim.key).await?;
    }
    metrics::counter!("labelcast_published_total").increment(1);
    Ok((StatusCode::ACCEPTED, Json(Published { id })))
}

fn request_digest(topic: &str, event: &str, data: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [topic, event, data] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Levels of lists and objects, the value itself included. What was read from JSON has 128 at most.
fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 1,
    };
    1 + deepest.unwrap_or(0)
}
