//! The REST API.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::time::Duration;

use chrono::{DateTime, Utc};
use labelcast_functions::model::{ImageId, Label, UploadId, UploadState};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Service;
use super::address::below;
use super::oauth::OauthError;

/// The longest a call may take. A picture takes as long as it moves.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The form to post a picture with.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct BegunUpload {
    pub(in crate::cli) upload_id: UploadId,
    url: String,
    fields: BTreeMap<String, String>,
}

/// How far an upload has come.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct UploadView {
    pub(in crate::cli) state: UploadState,
    pub(in crate::cli) image_id: Option<ImageId>,
    pub(in crate::cli) reason: Option<String>,
}

/// A page of a search; the images stay as they came, so that `--json` shows all there is.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct ImagesPage {
    pub(in crate::cli) images: Vec<serde_json::Value>,
    pub(in crate::cli) next: Option<String>,
}

/// The part of an image that is printed for people.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct ImageLine {
    pub(in crate::cli) image_id: ImageId,
    pub(in crate::cli) labels: Vec<Label>,
    pub(in crate::cli) uploaded_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct BeginUpload<'a> {
    name: &'a str,
    content_type: &'a str,
    size: u64,
}

/// Why a call did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ApiError {
    /// The server refused.
    #[error("{message}")]
    Refused { status: StatusCode, message: String },
    /// The request did not reach the server, or the response did not come back.
    #[error("cannot reach the server ({0})")]
    Unreachable(String),
    /// The response is not what the API sends.
    #[error("the server sent an invalid response: {0}")]
    Unreadable(String),
    /// The server named an address that must not be used.
    #[error("the server named an unsafe address: {0}")]
    Address(String),
    /// There is no token to show.
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

/// The REST API as a user.
#[derive(Clone)]
pub(in crate::cli) struct Api(Service);

impl Api {
    pub(in crate::cli) fn new(service: Service) -> Self {
        Self(service)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.0.client.request(method, below(&self.0.api, path))
    }

    /// Makes a call with a token; once more with another one where the server does not accept the first: its clock decides,
    /// and what looked good here may have ended there.
    async fn call<T: DeserializeOwned>(&self, request: impl Fn() -> RequestBuilder) -> Result<T, ApiError> {
        let token = self.0.credentials.token().await?;
        let first = read(request().bearer_auth(token.as_str())).await;
        if !matches!(first, Err(ApiError::Refused { status: StatusCode::UNAUTHORIZED, .. })) {
            return first;
        }
        match self.0.credentials.instead_of(&token).await? {
            Some(other) => read(request().bearer_auth(other.as_str())).await,
            None => first,
        }
    }

    /// `POST /uploads`
    pub(in crate::cli) async fn begin(
        &self,
        name: &str,
        content_type: &str,
        size: u64,
    ) -> Result<BegunUpload, ApiError> {
        self.call(|| self.request(Method::POST, "uploads").json(&BeginUpload { name, content_type, size })).await
    }

    /// Posts the picture with its form; the file comes last, as S3 wants it.
    pub(in crate::cli) async fn post(&self, begun: &BegunUpload, file: Part) -> Result<(), ApiError> {
        let url = self.0.privacy.http(&begun.url).map_err(ApiError::Address)?;
        let form = begun.fields.iter().fold(Form::new(), |form, (name, value)| form.text(name.clone(), value.clone()));
        // The form is signed; it goes without our token, which the object store has no business to see.
        response(self.0.client.post(url).multipart(form.part("file", file))).await.map(drop)
    }

    /// `GET /uploads/{upload_id}`
    pub(in crate::cli) async fn upload(&self, id: &UploadId) -> Result<UploadView, ApiError> {
        self.call(|| self.request(Method::GET, &format!("uploads/{id}"))).await
    }

    /// `GET /images/{image_id}`; `None` if this user may not see it.
    pub(in crate::cli) async fn image(&self, id: &ImageId) -> Result<Option<serde_json::Value>, ApiError> {
        match self.call(|| self.request(Method::GET, &format!("images/{id}"))).await {
            Err(ApiError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// `GET /images`
    pub(in crate::cli) async fn search(&self, query: &[(&str, String)]) -> Result<ImagesPage, ApiError> {
        let mut url = below(&self.0.api, "images");
        url.query_pairs_mut().extend_pairs(query);
        self.call(|| self.0.client.get(url.clone())).await
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

async fn response(request: RequestBuilder) -> Result<Response, ApiError> {
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

/// Why a request failed, for people: `connection refused`. The innermost cause says it best.
pub(in crate::cli) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(cause) = innermost.source() {
        if let Some(error) = cause.downcast_ref::<io::Error>()
            && error.kind() == ErrorKind::ConnectionRefused
        {
            return "connection refused".to_owned();
        }
        innermost = cause;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_an_error_is_found_in_json_and_in_xml() {
        let ours = r#"{"error":{"code":"too_large","message":"too much"}}"#;
        assert_eq!(message(StatusCode::PAYLOAD_TOO_LARGE, ours), "too much");
        let of_s3 = "<Error><Code>EntityTooLarge</Code><Message>too much</Message></Error>";
        assert_eq!(message(StatusCode::BAD_REQUEST, of_s3), "too much");
        assert_eq!(message(StatusCode::BAD_GATEWAY, "<html>"), "Bad Gateway (502)");
    }
}
