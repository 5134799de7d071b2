//! Events of the bus.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Analysis, ImageFiles, ImageId, Topic, UploadId, UserId};

/// An upload as an event names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRef {
    /// The upload that something happened to.
    pub upload_id: UploadId,
    /// The `sub` of its uploader.
    pub user: UserId,
}

/// An image to be removed, as it was when its removal was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedImage {
    /// The SHA-256 of its bytes.
    pub image_id: ImageId,
    /// The generation of its files: if the same bytes are uploaded again, that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<UploadId>,
    /// When its first upload was accepted, which distinguishes it from the same bytes uploaded again later.
    pub uploaded_at: DateTime<Utc>,
    /// The `sub` of everybody who had uploaded it.
    pub uploaders: Vec<UserId>,
    /// Whether anybody but moderators could see it.
    pub was_public: bool,
    /// Uploads that were waiting for its result, which will not come any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<UploadRef>,
}

impl RemovedImage {
    /// The keys under which the bucket had its files.
    pub fn files(&self) -> ImageFiles {
        ImageFiles { image_id: self.image_id, generation: self.generation.clone() }
    }
}

/// What `analyze` found in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageAnalyzed {
    /// The image that was analyzed.
    pub image_id: ImageId,
    /// The part of the detector's result that is kept.
    pub analysis: Analysis,
}

/// A request to remove an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalRequest {
    /// Whom to notify of it afterwards.
    pub image: RemovedImage,
    /// The uploader who requested it: if somebody else has uploaded the image too, it stays. `None` for a moderator, who
    /// may always remove it.
    pub only_uploader: Option<UserId>,
}

/// An event of ours: `detail-type` is the variant's name on the bus, `detail` its fields, `source` [`BusEvent::SOURCE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "detail-type", content = "detail")]
pub enum BusEvent {
    /// `analyze` has a result; `index` stores it.
    #[serde(rename = "image.analyzed")]
    ImageAnalyzed(ImageAnalyzed),
    /// An image is stored and searchable. One event per upload.
    #[serde(rename = "image.labelled")]
    ImageLabelled {
        /// The image's id.
        image_id: ImageId,
        /// The upload that this is the result of.
        upload: UploadRef,
        /// Whether this upload completed the image: then everyone is notified of it, not only the uploader.
        first: bool,
    },
    /// An offensive image is stored.
    #[serde(rename = "image.offensive")]
    ImageOffensive {
        /// The image's id.
        image_id: ImageId,
        /// See [`ImageFiles::generation`]: bytes that were deleted and uploaded again raise another alert.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<UploadId>,
    },
    /// An image's removal was requested; `index` carries it out if that has not happened yet.
    #[serde(rename = "image.unwanted")]
    ImageRemovalRequested(RemovalRequest),
    /// An image was removed, with its files and index entries.
    #[serde(rename = "image.removed")]
    ImageRemoved(RemovedImage),
    /// An upload is a valid picture and was accepted.
    #[serde(rename = "upload.received")]
    UploadReceived {
        /// The upload and its uploader.
        upload: UploadRef,
    },
    /// An upload is not an acceptable picture and was rejected.
    #[serde(rename = "upload.rejected")]
    UploadRejected {
        /// The upload and its uploader.
        upload: UploadRef,
        /// The reason, in words for the uploader.
        reason: String,
    },
    /// A valid picture could not be analyzed.
    #[serde(rename = "upload.failed")]
    UploadFailed {
        /// The upload and its uploader.
        upload: UploadRef,
        /// The reason, in words for the uploader.
        reason: String,
    },
    /// A program published to a topic.
    #[serde(rename = "topic.published")]
    TopicPublished {
        /// The id that the publisher was given; the notification's id.
        id: String,
        /// The topic to publish on, an `app:` topic.
        topic: Topic,
        /// The publisher's own name for what happened.
        event: String,
        /// What the program sent, at most 24 KiB of JSON.
        data: serde_json::Value,
    },
}

impl BusEvent {
    /// The `source` of every event of ours.
    pub const SOURCE: &'static str = "labelcast";

    /// The `detail-type` by which rules of the bus choose.
    pub const fn detail_type(&self) -> &'static str {
        match self {
            Self::ImageAnalyzed(_) => "image.analyzed",
            Self::ImageLabelled { .. } => "image.labelled",
            Self::ImageOffensive { .. } => "image.offensive",
            Self::ImageRemovalRequested(_) => "image.unwanted",
            Self::ImageRemoved(_) => "image.removed",
            Self::UploadReceived { .. } => "upload.received",
            Self::UploadRejected { .. } => "upload.rejected",
            Self::UploadFailed { .. } => "upload.failed",
            Self::TopicPublished { .. } => "topic.published",
        }
    }

    /// The `detail-type`s that `index` listens to.
    pub const FOR_INDEX: &'static [&'static str] = &["image.analyzed", "image.unwanted"];

    /// The `detail-type`s that `notify` listens to: what is stored already.
    pub const FOR_NOTIFY: &'static [&'static str] = &[
        "image.labelled",
        "image.offensive",
        "image.removed",
        "upload.received",
        "upload.rejected",
        "upload.failed",
        "topic.published",
    ];

    /// Reads an event by its parts; `None` for a detail type or detail that is not ours.
    pub fn from_parts(detail_type: &str, detail: &serde_json::Value) -> Option<Self> {
        serde_json::from_value(serde_json::json!({"detail-type": detail_type, "detail": detail})).ok()
    }

    /// The `detail`: all that the event says, as JSON.
    pub fn detail(&self) -> serde_json::Value {
        let mut whole = serde_json::to_value(self).expect("events are plain data, which JSON can hold");
        whole["detail"].take()
    }
}
