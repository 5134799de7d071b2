//! `upload`: issues the form that a picture is posted with, and shows the state of an upload.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{ImageId, ImageType, Upload, UploadId, UploadState};
use crate::ports::{Clock, Created, ObjectKey, Objects, Quota, Random, UploadForm, Uploads};
use crate::rest::{AppState, ErrorBody, Json, Path, RestFunction, SignedIn, whole_field};
use crate::settings::Settings;
use crate::size::readable_size;

/// The endpoints of uploads with the ports that they use.
#[derive(Clone)]
pub struct UploadApi {
    /// Says when an upload began, and until when its form is good.
    pub clock: Arc<dyn Clock>,
    /// Keeps the rows of uploads and counts them by user and hour.
    pub uploads: Arc<dyn Uploads>,
    /// Signs forms.
    pub objects: Arc<dyn Objects>,
    /// Makes upload ids.
    pub random: Arc<dyn Random>,
    /// Says how large a picture and how many uploads an hour may be.
    pub settings: Arc<Settings>,
}

impl RestFunction for UploadApi {
    fn routes() -> OpenApiRouter<AppState<Self>> {
        OpenApiRouter::new().routes(routes!(begin)).routes(routes!(show))
    }
}

/// A picture to upload.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BeginUpload {
    /// The file's name, 1 to 255 characters, shown only to the uploader.
    #[schema(example = "cat.jpg", min_length = 1, max_length = 255)]
    name: String,
    /// `image/jpeg`, `image/png` or `image/webp`.
    #[schema(example = "image/jpeg")]
    content_type: String,
    /// In bytes, 1 to 15 MiB (a setting).
    #[schema(example = 12345, minimum = 1)]
    #[serde(deserialize_with = "whole_field")]
    size: u64,
}

/// A form to post the picture with, as S3 expects it: all fields, then `file`.
#[derive(Debug, Serialize, ToSchema)]
pub struct BegunUpload {
    /// Identifies the upload in notifications.
    #[schema(value_type = String)]
    upload_id: UploadId,
    /// The address that the form has to be posted to.
    url: String,
    /// Fields of the form, before `file`.
    fields: BTreeMap<String, String>,
    /// When the form expires.
    expires_at: DateTime<Utc>,
}

/// The state of an upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadView {
    /// The id from the upload form.
    #[schema(value_type = String)]
    upload_id: UploadId,
    /// How far the upload has come.
    state: UploadState,
    /// The image that it became; from `received` on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    image_id: Option<ImageId>,
    /// Why it was rejected or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reason: Option<String>,
}

impl From<Upload> for UploadView {
    fn from(upload: Upload) -> Self {
        Self { upload_id: upload.id, state: upload.state, image_id: upload.image_id, reason: upload.reason }
    }
}

/// Begin an upload: returns the form to post the picture with.
#[utoipa::path(post, operation_id = "begin_upload", path = "/uploads", tag = "uploads", request_body = BeginUpload, security(("token" = [])), responses(
    (status = 201, body = BegunUpload, description = "the form"),
    (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 413, body = ErrorBody, description = "the file is too large"),
    (status = 415, body = ErrorBody, description = "the file isn't a JPEG, PNG or WebP picture"),
    (status = 429, body = ErrorBody, description = "too many uploads within an hour"),
    (status = 507, body = ErrorBody, description = "the server has run out of storage"),
))]
async fn begin(
    State(AppState { function: api, .. }): State<AppState<UploadApi>>,
    SignedIn(caller): SignedIn,
    Json(request): Json<BeginUpload>,
) -> Result<(StatusCode, Json<BegunUpload>)> {
    let content_type = check(&request, api.settings.max_upload_bytes)?;
    let now = api.clock.now();
    let id: UploadId = api.random.id().parse().expect("32 hex digits are an upload id");
    let upload = Upload {
        id: id.clone(),
        user: caller.user,
        name: request.name,
        state: UploadState::Pending,
        image_id: None,
        reason: None,
        created_at: now,
        detached: false,
    };
    let quota = Quota { per_hour: api.settings.uploads_per_hour, since: now - Duration::hours(1) };
    if api.uploads.create(&upload, quota).await? == Created::OverQuota {
        let message = format!("too many uploads: {} within the last hour; try again later", quota.per_hour);
        return Err(Error::new(ErrorKind::TooMany, message));
    }
    let form = UploadForm {
        key: ObjectKey::new_upload(&id),
        content_type,
        // S3's `content-length-range`: what was promised is the most that is taken.
        size: 1..=request.size,
        expires_at: now + api.settings.form_valid,
    };
    let signed = api.objects.sign_post(&form).await?;
    metrics::counter!("labelcast_uploads_begun_total").increment(1);
    let begun = BegunUpload { upload_id: id, url: signed.url, fields: signed.fields, expires_at: signed.expires_at };
    Ok((StatusCode::CREATED, Json(begun)))
}

fn check(request: &BeginUpload, max_bytes: u64) -> Result<ImageType> {
    if !(1..=255).contains(&request.name.chars().count()) {
        return Err(Error::bad_request("`name` must have 1 to 255 characters"));
    }
    if request.size == 0 {
        return Err(Error::bad_request("the file is empty: `size` must be at least 1"));
    }
    if request.size > max_bytes {
        let message = format!("too large: {} (limit {})", readable_size(request.size), readable_size(max_bytes));
        return Err(Error::new(ErrorKind::TooLarge, message));
    }
    request.content_type.parse::<ImageType>().map_err(|error| Error::new(ErrorKind::UnsupportedType, error.to_string()))
}

/// Show the state of an upload of the caller.
#[utoipa::path(get, operation_id = "show_upload", path = "/uploads/{upload_id}", tag = "uploads", security(("token" = [])),
    params(("upload_id" = String, Path)), responses(
    (status = 200, body = UploadView, description = "the state of the upload"), (status = 401, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "the caller has no upload with this id"),
))]
async fn show(
    State(AppState { function: api, .. }): State<AppState<UploadApi>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<UploadView>> {
    // Somebody else's upload and none at all look the same: ids are not to be probed.
    let none = || Error::not_found("no upload of yours has this id");
    let id: UploadId = id.parse().map_err(|_| none())?;
    match api.uploads.get(&id).await? {
        Some(upload) if upload.user == caller.user => Ok(Json(upload.into())),
        _ => Err(none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_rejected_naming_both_sizes() {
        let request = BeginUpload { name: "a.jpg".to_owned(), content_type: "image/jpeg".to_owned(), size: 75_039_174 };
        let refused = check(&request, 15 << 20).unwrap_err();
        assert_eq!((refused.kind, refused.message.as_str()), (ErrorKind::TooLarge, "too large: 71.6 MB (limit 15 MB)"));
    }
}
