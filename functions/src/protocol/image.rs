//! An image as clients see it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Audience, Color, FailedDetector, Image, ImageId, ImageType, Label, Status};
use crate::ports::{ObjectKey, Objects};

/// An image, with URLs that are valid for five minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageView {
    /// SHA-256 of the uploaded bytes, in hex.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub image_id: ImageId,
    /// What it shows, most important first.
    pub labels: Vec<Label>,
    /// Whether it has a moderation label.
    pub offensive: bool,
    /// Who may see the image.
    pub status: Status,
    /// Width in pixels, as it is seen: after orientation.
    pub width: u32,
    /// Height in pixels, as it is seen: after orientation.
    pub height: u32,
    /// Media type of the uploaded bytes.
    #[schema(value_type = String, example = "image/jpeg")]
    pub content_type: ImageType,
    /// Size of the uploaded bytes.
    pub size: u64,
    /// When its first upload was accepted.
    pub uploaded_at: DateTime<Utc>,
    /// When the detector returned its result.
    pub labelled_at: DateTime<Utc>,
    /// A signed URL of a JPEG of at most 320 pixels per side.
    pub thumbnail: String,
    /// A signed URL of the picture without private metadata.
    pub original: String,
    /// Dominant colours, most frequent first.
    pub colors: Vec<Color>,
    /// Increases with every change that matters to a reviewer.
    pub version: u64,
    /// Detectors that gave no answer about the picture, so that labels may be missing. For moderators and its uploaders only;
    /// missing where all answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub failed_detectors: Vec<FailedDetector>,
}

impl ImageView {
    /// How long its URLs are valid.
    pub const URL_VALID: Duration = Duration::from_mins(5);

    /// Shows an image to an audience that [sees](Audience::sees) it; `None` until it has a result.
    pub fn of(image: &Image, audience: Audience<'_>, objects: &dyn Objects) -> Option<Self> {
        let stored = image.result.as_ref()?;
        let concerned = audience.is_moderator() || audience.user().is_some_and(|user| image.is_uploaded_by(user));
        let files = image.files();
        let url = |key: &ObjectKey, kind: ImageType| objects.sign_get(key, kind.media_type(), Self::URL_VALID);
        Some(Self {
            image_id: image.id,
            labels: stored.analysis.labels.clone(),
            offensive: stored.analysis.is_offensive(),
            status: stored.status,
            width: image.width,
            height: image.height,
            content_type: image.content_type,
            size: image.size,
            uploaded_at: image.uploaded_at,
            labelled_at: stored.analysis.labelled_at,
            thumbnail: url(&ObjectKey::thumbnail(&files), ImageType::Jpeg),
            original: url(&ObjectKey::original(&files), image.content_type),
            colors: stored.analysis.colors.clone(),
            version: stored.version,
            failed_detectors: if concerned { stored.analysis.failed.clone() } else { Vec::new() },
        })
    }
}
