//! The one place that turns errors into REST answers: `{"error":{"code":"…","message":"…"}}`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, ErrorKind};

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong and what to do about it.
    pub error: ErrorDetail,
}

/// What went wrong, for programs and for people.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// One of [`CODES`], for programs.
    #[schema(example = "bad_request")]
    pub code: &'static str,
    /// For people: what happened and what to do about it.
    pub message: String,
    /// Of an invalid query: where the error is, 0-based, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = usize, required = false)]
    pub position: Option<usize>,
    /// Of an invalid query: what was expected there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub expected: Option<String>,
}

/// Every code that an error of REST has: of functions, and of what stands in front of them.
pub const CODES: [&str; 19] = [
    "bad_request",
    "bad_query",
    "unauthorized",
    "forbidden",
    "not_found",
    "conflict",
    "too_large",
    "unsupported_type",
    "rate_limited",
    "no_space",
    "unavailable",
    "overloaded",
    "internal",
    "method_not_allowed",
    "uri_too_long",
    "headers_too_large",
    "misdirected",
    "upgrade_required",
    "precondition_failed",
];

impl ErrorKind {
    const fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::BadQuery { .. } => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::UnsupportedType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_type"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Full => (StatusCode::INSUFFICIENT_STORAGE, "no_space"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

/// An error that no function made, but what stands in front of them: a server, a proxy of routes.
pub fn error(status: StatusCode, code: &'static str, message: impl Into<String>) -> Response {
    debug_assert!(CODES.contains(&code), "`{code}` is missing in `CODES`");
    (status, axum::Json(ErrorBody::new(code, message))).into_response()
}

impl ErrorBody {
    /// With a code for programs, and words.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { error: ErrorDetail { code, message: message.into(), position: None, expected: None } }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.kind.status_and_code();
        debug_assert!(CODES.contains(&code), "`{code}` is missing in `CODES`");
        let retry_after = match self.kind {
            ErrorKind::Overloaded { retry_after } => Some([(header::RETRY_AFTER, retry_after.to_string())]),
            _ => None,
        };
        let (position, expected) = match self.kind {
            ErrorKind::BadQuery { position, expected } => (Some(position), Some(expected)),
            _ => (None, None),
        };
        let body = ErrorBody { error: ErrorDetail { code, message: self.message, position, expected } };
        (status, retry_after, axum::Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenError;

    #[test]
    fn a_token_that_cannot_be_verified_right_now_is_not_reported_as_invalid() {
        for (error, status) in [
            (TokenError::KeysUnavailable, StatusCode::SERVICE_UNAVAILABLE),
            (TokenError::AccountUnavailable, StatusCode::SERVICE_UNAVAILABLE),
            (TokenError::Revoked, StatusCode::UNAUTHORIZED),
            (TokenError::Expired, StatusCode::UNAUTHORIZED),
        ] {
            assert_eq!(Error::from(error).into_response().status(), status, "{error:?}");
        }
    }
}
