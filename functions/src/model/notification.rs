//! Notifications: one message on a topic, as it is kept in history.

use std::fmt;

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ImageId, UploadId};

/// Identifies a notification for good: derived from the event and the upload, so that a repeat has the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NotificationId(SmolStr);

impl NotificationId {
    /// From what makes the event unique, for example `["image.labelled", IMAGE, UPLOAD]`.
    pub fn derive(parts: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Self(hex::encode(&context.finish().as_ref()[..16]).into())
    }

    /// One that is unique already: what a publisher was given.
    pub fn given(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as it stands in frames and rows: 32 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a notification is about. Images are named, not copied: what is shown is what may be seen when it is shown,
/// with signed URLs made then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Subject {
    /// An uploaded picture is good and is being analyzed: [`super::BusEvent::UploadReceived`].
    #[serde(rename = "upload.received")]
    UploadReceived {
        /// The upload.
        upload_id: UploadId,
    },
    /// An image is stored and can be found: [`super::BusEvent::ImageLabelled`].
    #[serde(rename = "image.labelled")]
    ImageLabelled {
        /// The image.
        image_id: ImageId,
        /// Shown in its uploader's frame only.
        upload_id: UploadId,
    },
    /// An upload is no picture that is taken: [`super::BusEvent::UploadRejected`].
    #[serde(rename = "upload.rejected")]
    UploadRejected {
        /// The upload.
        upload_id: UploadId,
        /// In words.
        reason: String,
    },
    /// An upload got no result: [`super::BusEvent::UploadFailed`].
    #[serde(rename = "upload.failed")]
    UploadFailed {
        /// The upload.
        upload_id: UploadId,
        /// In words.
        reason: String,
    },
    /// An offensive image is stored: [`super::BusEvent::ImageOffensive`].
    #[serde(rename = "image.offensive")]
    ImageOffensive {
        /// The image.
        image_id: ImageId,
    },
    /// An image is gone: [`super::BusEvent::ImageRemoved`].
    #[serde(rename = "image.removed")]
    ImageRemoved {
        /// What it was.
        image_id: ImageId,
    },
    /// A program published something: [`super::BusEvent::TopicPublished`].
    #[serde(rename = "topic.published")]
    Published {
        /// The publisher's name for it, shown as `event`.
        name: String,
        /// What the program sent, at most 24 KiB of JSON.
        data: serde_json::Value,
    },
}

impl Subject {
    /// The image that a filter looks at; `None` where filters do not hold back.
    pub fn filtered_image(&self) -> Option<&ImageId> {
        match self {
            Self::ImageLabelled { image_id, .. } | Self::ImageOffensive { image_id } => Some(image_id),
            _ => None,
        }
    }

    /// The `event` that a client reads.
    pub fn event(&self) -> &str {
        match self {
            Self::UploadReceived { .. } => "upload.received",
            Self::ImageLabelled { .. } => "image.labelled",
            Self::UploadRejected { .. } => "upload.rejected",
            Self::UploadFailed { .. } => "upload.failed",
            Self::ImageOffensive { .. } => "image.offensive",
            Self::ImageRemoved { .. } => "image.removed",
            Self::Published { name, .. } => name,
        }
    }
}

/// What is written to history, the same on all of its topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Repeats carry the same one.
    pub id: NotificationId,
    /// When the event happened, by the clock of whoever published it.
    pub at: DateTime<Utc>,
    /// What the notification is about, without anything that depends on its reader.
    pub subject: Subject,
}
