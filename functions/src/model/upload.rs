//! Uploads: one act of sending a picture.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use super::{ImageId, UploadId, UserId};

/// How far an upload has come. It leaves `pending` once; `failed` may still become `labelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumString, IntoStaticStr, ToSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum UploadState {
    /// The form was handed out; no picture was accepted yet.
    Pending,
    /// The picture is good and is being analyzed.
    Received,
    /// The image has its result, and is found by search.
    Labelled,
    /// No picture that we take; the reason says why.
    Rejected,
    /// The picture is good, but it could not be analyzed.
    Failed,
}

impl UploadState {
    /// As it stands in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What is known of one upload. The row is made when the form is given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Made when the form was handed out.
    pub id: UploadId,
    /// The `sub` of whoever asked for the form: only they see the upload.
    pub user: UserId,
    /// The file name that the uploader gave, for their eyes only.
    pub name: String,
    /// How far it has come.
    pub state: UploadState,
    /// The image, from `received` on.
    pub image_id: Option<ImageId>,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
    /// When the form was handed out.
    pub created_at: DateTime<Utc>,
    /// Whether its image was removed. Nothing is attached to it any more.
    #[serde(default)]
    pub detached: bool,
}

impl Upload {
    /// Whether an image may still be attached. Once this is false it stays false, so that files which this upload wrote
    /// and which its image does not use can be deleted.
    pub const fn may_attach(&self) -> bool {
        // A late success replaces a failure from before there was an image.
        matches!(self.state, UploadState::Pending | UploadState::Failed) && self.image_id.is_none() && !self.detached
    }
}
