//! What travels on the bus.

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

/// An image that goes, as it was when that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedImage {
    /// The SHA-256 of its bytes.
    pub image_id: ImageId,
    /// Which files it has: if the same bytes come again, that is another generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<UploadId>,
    /// When its first upload was accepted, which distinguishes it from the same bytes uploaded again later.
    pub uploaded_at: DateTime<Utc>,
    /// The `sub` of everybody who had uploaded it.
    pub uploaders: Vec<UserId>,
    /// Whether those who are no moderators had seen it.
    pub was_public: bool,
    /// Uploads that waited for its result, which does not come any more.
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
    /// Whose bytes.
    pub image_id: ImageId,
    /// What the detector found, as far as it is kept.
    pub analysis: Analysis,
}

/// An image is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalRequest {
    /// Whom to notify of it afterwards.
    pub image: RemovedImage,
    /// Whoever asked; if somebody else brought it too, it stays. `None`: a moderator, who is asked no more.
    pub only_uploader: Option<UserId>,
}

/// An event of ours: `detail-type` is the variant's name on the bus, `detail` its fields, `source` [`BusEvent::SOURCE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "detail-type", content = "detail")]
pub enum BusEvent {
    /// `analyze` has a result; `index` stores it.
    #[serde(rename = "image.analyzed")]
    ImageAnalyzed(ImageAnalyzed),
    /// An image is stored and found by search. One event an upload.
    #[serde(rename = "image.labelled")]
    ImageLabelled {
        /// The image.
        image_id: ImageId,
        /// Whose upload it answers.
        upload: UploadRef,
        /// Whether this upload completed the image: then everyone is notified of it, not only the uploader.
        first: bool,
    },
    /// An offensive image is stored.
    #[serde(rename = "image.offensive")]
    ImageOffensive {
        /// The image.
        image_id: ImageId,
        /// See [`ImageFiles::generation`]: bytes that were deleted and come again alert again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<UploadId>,
    },
    /// An image is to go, for good reason; `index` removes it, if that did not happen yet.
    #[serde(rename = "image.unwanted")]
    ImageRemovalRequested(RemovalRequest),
    /// An image is gone, with its files and index entries.
    #[serde(rename = "image.removed")]
    ImageRemoved(RemovedImage),
    /// The bytes are a good picture.
    #[serde(rename = "upload.received")]
    UploadReceived {
        /// The upload.
        upload: UploadRef,
    },
    /// The bytes are none that we take.
    #[serde(rename = "upload.rejected")]
    UploadRejected {
        /// The upload.
        upload: UploadRef,
        /// In words for the uploader.
        reason: String,
    },
    /// A good picture could not be analyzed.
    #[serde(rename = "upload.failed")]
    UploadFailed {
        /// The upload.
        upload: UploadRef,
        /// In words for the uploader.
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
