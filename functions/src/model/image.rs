//! Images: the bytes, known by their SHA-256.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::{Analysis, ImageId, Status, UploadId, UserId};

/// The accepted picture formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(ascii_case_insensitive, parse_err_ty = ImageTypeError, parse_err_fn = ImageTypeError::new)]
pub enum ImageType {
    /// `image/jpeg`
    #[serde(rename = "image/jpeg")]
    #[strum(serialize = "image/jpeg")]
    Jpeg,
    /// `image/png`
    #[serde(rename = "image/png")]
    #[strum(serialize = "image/png")]
    Png,
    /// `image/webp`
    #[serde(rename = "image/webp")]
    #[strum(serialize = "image/webp")]
    WebP,
}

impl ImageType {
    /// The type as `Content-Type` names it, for example `image/jpeg`.
    pub fn media_type(self) -> &'static str {
        self.into()
    }
}

/// The media type is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not supported: send image/jpeg, image/png or image/webp")]
pub struct ImageTypeError(String);

impl ImageTypeError {
    fn new(text: &str) -> Self {
        Self(text.chars().take(80).collect())
    }
}

/// Where an image stands among the others: a higher place is a newer image. Each backend makes its own; it compares, and
/// it is written as 32 hex digits, so that text sorts as numbers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u128);

impl Position {
    /// Before every image: where a listing of the newest begins.
    pub const NEWEST: Self = Self(u128::MAX);
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The text is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid cursor: send back exactly the `next` of the previous page, or start again without one")]
pub struct PositionError;

impl FromStr for Position {
    type Err = PositionError;
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let valid = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !valid {
            return Err(PositionError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| PositionError)
    }
}

/// One upload of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedUpload {
    /// The upload that sent these bytes.
    pub upload_id: UploadId,
    /// The `sub` of its uploader, who is notified on `uploads`.
    pub user: UserId,
}

/// Names the files of one image in the bucket. The same bytes may be deleted and uploaded again; each time has its own
/// generation, so that deleting the files of one never touches those of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageFiles {
    /// The image that the files belong to.
    pub image_id: ImageId,
    /// The upload that wrote the files; `None` for images that were stored before files had generations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<UploadId>,
}

/// What is known of an image: its bytes, who sent them, and the result once there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// SHA-256 of the bytes as they were uploaded.
    pub id: ImageId,
    /// The type of the uploaded bytes, as their content says.
    pub content_type: ImageType,
    /// The size of the uploaded bytes.
    pub size: u64,
    /// Width in pixels, after applying the orientation.
    pub width: u32,
    /// Height in pixels, after applying the orientation.
    pub height: u32,
    /// When the first upload of these bytes was accepted.
    pub uploaded_at: DateTime<Utc>,
    /// The upload that made this row and wrote its files. See [`ImageFiles::generation`].
    pub generation: Option<UploadId>,
    /// Its uploads, in order; the first created the image.
    pub uploads: Vec<AttachedUpload>,
    /// The result; `None` until `index` has stored it.
    pub result: Option<StoredResult>,
}

/// The part of an image that exists once it is indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResult {
    /// Labels, colours and whether it is offensive.
    pub analysis: Analysis,
    /// Who may see the image.
    pub status: Status,
    /// Moves with every change that a reviewer must know of; 1 at first.
    pub version: u64,
    /// Where it stands among the others.
    pub position: Position,
}

impl Image {
    /// The keys under which the bucket has its files.
    pub fn files(&self) -> ImageFiles {
        ImageFiles { image_id: self.id, generation: self.generation.clone() }
    }

    /// Whether this user uploaded the image.
    pub fn is_uploaded_by(&self, user: &UserId) -> bool {
        self.uploads.iter().any(|upload| upload.user == *user)
    }

    /// Whether nobody else uploaded it.
    pub fn is_only_uploaded_by(&self, user: &UserId) -> bool {
        !self.uploads.is_empty() && self.uploads.iter().all(|upload| upload.user == *user)
    }
}
