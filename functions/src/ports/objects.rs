use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;

use super::PortResult;
use crate::model::{ImageId, ImageType, UploadId};
use crate::signing::PresignedPost;

/// A key in the bucket. `new/` is where forms post to; the other places are ours alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Where an upload's form posts to.
    pub fn new_upload(upload: &UploadId) -> Self {
        Self(format!("new/{upload}"))
    }

    /// The bytes of an image as they were uploaded: for the detector, never served.
    pub fn processed(image: &ImageId) -> Self {
        Self::of_image("processed", image)
    }

    /// The picture that others can fetch: the same pixels, no private metadata (rule 20).
    pub fn original(image: &ImageId) -> Self {
        Self::of_image("original", image)
    }

    /// The thumbnail, a JPEG.
    pub fn thumbnail(image: &ImageId) -> Self {
        Self::of_image("thumbnail", image)
    }

    /// Where the bytes of a rejected upload are kept for a while.
    pub fn rejected(upload: &UploadId) -> Self {
        Self(format!("rejected/{upload}"))
    }

    /// `PLACE/ab/abcd…`: two digits spread the images over folders and S3 prefixes.
    fn of_image(place: &str, image: &ImageId) -> Self {
        let id = image.to_string();
        Self(format!("{place}/{}/{id}", &id[..2]))
    }

    /// The upload that an object under `new/` belongs to; `None` for a key that is not of that form.
    pub fn upload_id(key: &str) -> Option<UploadId> {
        key.strip_prefix("new/")?.parse().ok()
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// In bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
}

/// An object being read.
pub struct ObjectRead {
    /// What is being read.
    pub info: ObjectInfo,
    /// Its bytes.
    pub bytes: BoxStream<'static, PortResult<Bytes>>,
}

/// What a form shall allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadForm {
    /// The one object that it makes.
    pub key: ObjectKey,
    /// What the object claims to be; the bytes are looked at later.
    pub content_type: ImageType,
    /// Bytes of the file.
    pub size: RangeInclusive<u64>,
    /// When the form ends.
    pub expires_at: DateTime<Utc>,
}

/// The bucket.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Reads an object; `None` if there is none.
    async fn read(&self, key: &ObjectKey) -> PortResult<Option<ObjectRead>>;

    /// What is there; `None` if nothing.
    async fn head(&self, key: &ObjectKey) -> PortResult<Option<ObjectInfo>>;

    /// Copies an object whose ETag still is this one (rule 3). False if it is not, or the object is gone. Durable when answered.
    async fn copy_if_unchanged(&self, from: &ObjectKey, etag: &str, to: &ObjectKey) -> PortResult<bool>;

    /// Writes an object. Durable when answered.
    async fn write(&self, key: &ObjectKey, content_type: &str, bytes: Bytes) -> PortResult<()>;

    /// Deletes an object; one that is not there is fine.
    async fn delete(&self, key: &ObjectKey) -> PortResult<()>;

    /// Signs a form for a POST to the bucket.
    async fn sign_post(&self, form: &UploadForm) -> PortResult<PresignedPost>;

    /// Signs a URL to fetch an object, valid for this long; the answer carries this content type.
    fn sign_get(&self, key: &ObjectKey, content_type: &str, valid: Duration) -> String;
}
