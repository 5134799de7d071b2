//! One call of the REST API, and how it can fail.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode, header};
use serde::de::DeserializeOwned;

use super::oauth::OauthError;
use super::reason::reason;

/// Timeout of a call. A picture may take longer as long as it makes progress.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ApiError {
    /// The server responded with an error.
    #[error("{message}")]
    Refused { status: StatusCode, message: String },
    /// The request did not reach the server, or the response did not come back.
    #[error("cannot reach the server ({0})")]
    Unreachable(String),
    /// The response does not conform to the API.
    #[error("the server sent an invalid response: {0}")]
    Unreadable(String),
    /// The server named an address that must not be used.
    #[error("the server named an unsafe address: {0}")]
    Address(String),
    /// There is no valid token.
    #[error(transparent)]
    SignIn(#[from] OauthError),
}

impl ApiError {
    /// Whether the same call may succeed later.
    pub(in crate::cli) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unreadable(_) => true,
            Self::Refused { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::SignIn(error) => matches!(error, OauthError::Unavailable(_)),
            Self::Address(_) => false,
        }
    }
}

/// Makes a call and reads its response.
pub(super) async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ApiError> {
    let response = response(request.timeout(TIMEOUT)).await?;
    response.json().await.map_err(|error| match error.is_decode() {
        true => ApiError::Unreadable(reason(&error)),
        false => ApiError::Unreachable(reason(&error)),
    })
}

pub(super) async fn response(request: RequestBuilder) -> Result<Response, ApiError> {
    let response = request.send().await.map_err(|error| ApiError::Unreachable(reason(&error)))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let place =
        response.headers().get(header::LOCATION).map(|place| String::from_utf8_lossy(place.as_bytes()).into_owned());
    let message = match place {
        Some(place) if status.is_redirection() => {
            format!(
                "the server redirects to {place} ({}), which is not followed; if that is right, pass it as --url",
                status.as_u16()
            )
        }
        // A truncated text is still better than none.
        _ => message(status, &response.text().await.unwrap_or_default()),
    };
    Err(ApiError::Refused { status, message })
}

/// The message of an error: ours are JSON, those of S3 XML.
fn message(status: StatusCode, body: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let ours = json.as_ref().and_then(|json| json["error"]["message"].as_str().or_else(|| json["message"].as_str()));
    let of_s3 = || body.split_once("<Message>")?.1.split_once("</Message>").map(|(message, _)| message);
    let text = match ours.or_else(of_s3) {
        Some(message) => message.chars().take(1_000).collect(),
        None => format!("{} ({})", status.canonical_reason().unwrap_or("the server refused"), status.as_u16()),
    };
    match status {
        StatusCode::UNAUTHORIZED => {
            format!("the token was not accepted; it may have expired. Pass a new one with --token: {text}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_message_is_extracted_from_json_and_xml() {
        let ours = r#"{"error":{"code":"too_large","message":"too much"}}"#;
        assert_eq!(message(StatusCode::PAYLOAD_TOO_LARGE, ours), "too much");
        let of_s3 = "<Error><Code>EntityTooLarge</Code><Message>too much</Message></Error>";
        assert_eq!(message(StatusCode::BAD_REQUEST, of_s3), "too much");
        assert_eq!(message(StatusCode::BAD_GATEWAY, "<html>"), "Bad Gateway (502)");
    }
}
