//! The REST API's calls.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use labelcast_functions::model::{ImageId, Label, UploadId, UploadState};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Service;
use super::address::below;
use super::call::{ApiError, read, response};

/// The form to post a picture with.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct BegunUpload {
    pub(in crate::cli) upload_id: UploadId,
    url: String,
    fields: BTreeMap<String, String>,
}

/// The state of an upload.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct UploadView {
    pub(in crate::cli) state: UploadState,
    pub(in crate::cli) image_id: Option<ImageId>,
    pub(in crate::cli) reason: Option<String>,
}

/// A page of search results; images are kept verbatim, so that `--json` prints everything.
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

    /// Makes a call with a token, and repeats it once with another if the server refuses the first: by the server's clock
    /// it may already have expired.
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

    /// Posts the picture with its form; the file comes last, as S3 requires.
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
