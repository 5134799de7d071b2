//! The `data` of notifications, by event.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder};

use super::ImageView;
use crate::model::{ImageId, ModerationLabel, Status, UploadId};

/// `data` of `upload.received`
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadReceived<'a> {
    /// The upload whose picture was accepted and is being analyzed.
    #[schema(value_type = String)]
    pub upload_id: &'a UploadId,
}

/// `data` of `upload.rejected` and `upload.failed`
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadEnded<'a> {
    /// The upload that ended without a result.
    #[schema(value_type = String)]
    pub upload_id: &'a UploadId,
    /// Why, for the uploader.
    pub reason: &'a str,
}

/// `data` of `image.labelled`
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageLabelled<'a> {
    /// The upload that this is the result of; on `uploads` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub upload_id: Option<&'a UploadId>,
    /// The image with what was found in it.
    pub image: LabelledImage,
}

/// The image of `image.labelled`, as far as its receiver may know of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum LabelledImage {
    /// The image is fit to be seen.
    Public(Box<ImageView>),
    /// Offensive, as its uploader sees it.
    Pending(PendingImage),
}

/// All that the uploader of an offensive picture is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingImage {
    /// SHA-256 of the uploaded bytes, in hex.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image_id: ImageId,
    /// Always `pending`: the decision isn't included.
    #[schema(schema_with = pending)]
    status: Status,
}

impl PendingImage {
    /// What the uploader of this offensive image is shown.
    pub const fn new(image_id: ImageId) -> Self {
        Self { image_id, status: Status::Pending }
    }
}

fn pending() -> Object {
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .enum_values(Some([Status::Pending.as_str()]))
        .description(Some("Always `pending`: the decision isn't included."))
        .build()
}

/// `data` of `image.offensive`
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageOffensive<'a> {
    /// The image with what was found in it.
    pub image: ImageView,
    /// The labels for which the image is offensive.
    pub moderation: &'a [ModerationLabel],
}

/// `data` of `image.removed`
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageRemoved<'a> {
    /// The removed image: no longer shown, found or available.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image_id: &'a ImageId,
}
