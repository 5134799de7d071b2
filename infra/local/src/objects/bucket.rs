//! State shared by the handlers of forms and links.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use labelcast_functions::model::NewObject;
use labelcast_functions::ports::PortResult;

use super::FileObjects;
use crate::jobs::Reservation;
use crate::server::{ConnectionPermit, FilePermit};
use crate::signature::S3Error;

/// Called for each object that a form stored, before the form is acknowledged.
#[async_trait]
pub trait ObjectCreated: Send + Sync {
    /// Reserves a slot for one more object before its bytes are read: refused while too many are waiting.
    fn reserve(&self) -> PortResult<Reservation>;

    /// Accepts the object in its reserved slot. Durable on return.
    async fn created(&self, reserved: Reservation, object: NewObject) -> PortResult<()>;
}

/// State shared by the bucket's handlers.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) objects: FileObjects,
    pub(super) created: Arc<dyn ObjectCreated>,
}

pub(super) fn refused(error: &S3Error) -> Response {
    metrics::counter!("labelcast_objects_refused_total", "code" => error.code).increment(1);
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, error.to_xml()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if error.status == 503 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A place for the file that a request opens, beside that of its connection.
pub(super) fn open_file(parts: &Parts) -> Result<Option<FilePermit>, S3Error> {
    let Some(connection) = parts.extensions.get::<ConnectionPermit>() else { return Ok(None) };
    let busy = || {
        metrics::counter!("labelcast_files_full_total").increment(1);
        slow_down()
    };
    connection.open_file().map(Some).ok_or_else(busy)
}

/// So much waits that no more is taken, in S3's words.
pub(super) fn slow_down() -> S3Error {
    S3Error::new(503, "SlowDown", "Please reduce your request rate.")
}

pub(super) fn no_room() -> S3Error {
    S3Error::new(507, "InsufficientStorage", "The server has run out of storage; contact its operator.")
}

/// Logged in detail here; the client gets no detail.
pub(super) fn failed(error: &dyn std::fmt::Display) -> S3Error {
    tracing::error!(%error, "an object could not be stored or read");
    S3Error::new(500, "InternalError", "We encountered an internal error. Please try again.")
}
