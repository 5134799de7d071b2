use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::{PortError, PortResult};
use crate::model::{ImageFiles, ImageType, UploadId};
use crate::signing::PresignedPost;

/// A key in the bucket. `new/` is where forms post to; the other places are ours alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// What keys begin with that forms post to.
    pub const NEW: &'static str = "new/";
    /// What keys of rejected uploads begin with.
    pub const REJECTED: &'static str = "rejected/";
    /// Where the files of images are.
    pub const FILES: [&'static str; 3] = ["original", "thumbnail", "processed"];

    /// Where an upload's form posts to.
    pub fn new_upload(upload: &UploadId) -> Self {
        Self(format!("new/{upload}"))
    }

    /// The bytes of an image as they were uploaded: for the detector, never served.
    pub fn processed(image: &ImageFiles) -> Self {
        Self::of_image("processed", image)
    }

    /// The picture that others can fetch: the same pixels, no private metadata.
    pub fn original(image: &ImageFiles) -> Self {
        Self::of_image("original", image)
    }

    /// The small picture for lists: a JPEG of at most 320 pixels a side.
    pub fn thumbnail(image: &ImageFiles) -> Self {
        Self::of_image("thumbnail", image)
    }

    /// Where the bytes of a rejected upload are kept for a while.
    pub fn rejected(upload: &UploadId) -> Self {
        Self(format!("rejected/{upload}"))
    }

    /// All files of one image.
    pub fn all_of(image: &ImageFiles) -> [Self; 3] {
        [Self::original(image), Self::thumbnail(image), Self::processed(image)]
    }

    /// `PLACE/up/UPLOAD-SHA256`, or `PLACE/ab/SHA256` without a generation. Two characters spread the images over folders
    /// and S3 prefixes; what one upload wrote stands together, so that it is found by [`Self::written_by`].
    fn of_image(place: &str, image: &ImageFiles) -> Self {
        let id = image.image_id.to_string();
        match &image.generation {
            Some(upload) => Self(format!("{place}/{}/{upload}-{id}", shard_of(upload))),
            None => Self(format!("{place}/{}/{id}", &id[..2])),
        }
    }

    /// What the keys of all files begin with that an upload wrote. Keys of other uploads may begin so too.
    pub fn written_by(upload: &UploadId) -> [String; 3] {
        Self::FILES.map(|place| format!("{place}/{}/{upload}-", shard_of(upload)))
    }

    /// Which image's file an object is; `None` for a key that is not of that form.
    pub fn files_of(key: &str) -> Option<ImageFiles> {
        let (place, rest) = key.split_once('/')?;
        let name = rest.split_once('/')?.1;
        let files = match name.len().checked_sub(SHA256_DIGITS)? {
            0 => ImageFiles { image_id: name.parse().ok()?, generation: None },
            dash => {
                let upload = name.get(..dash)?.strip_suffix('-')?;
                ImageFiles { image_id: name.get(dash..)?.parse().ok()?, generation: Some(upload.parse().ok()?) }
            }
        };
        // Only the key that we would make of it.
        let place = Self::FILES.into_iter().find(|known| *known == place)?;
        (Self::of_image(place, &files).0 == key).then_some(files)
    }

    /// A key that a listing showed.
    pub fn listed(object: &ListedObject) -> Self {
        Self(object.key.clone())
    }

    /// The upload that an object under `new/` belongs to; `None` for a key that is not of that form.
    pub fn upload_id(key: &str) -> Option<UploadId> {
        key.strip_prefix("new/")?.parse().ok()
    }

    /// The key as the bucket has it, for example `new/UPLOAD`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An image's id in a key.
const SHA256_DIGITS: usize = 64;

/// Ids of uploads are random, so that their first two characters spread them.
fn shard_of(upload: &UploadId) -> &str {
    match upload.as_str().get(..2) {
        Some(two) if two.bytes().all(|b| b.is_ascii_alphanumeric()) => two,
        _ => "--",
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
    /// The object's size in bytes.
    pub size: u64,
    /// The object's ETag without quotation marks; it changes with every write.
    pub etag: String,
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Its key, which need not be one that we make.
    pub key: String,
    /// When it was written last.
    pub modified: DateTime<Utc>,
}

/// Objects that one call lists at most (S3's own bound).
pub const MAX_LISTED: usize = 1_000;

/// An object that is being read, part by part.
pub struct ObjectRead {
    /// Size and ETag of what is being read.
    pub info: ObjectInfo,
    /// The object's bytes; an error ends them.
    pub bytes: BoxStream<'static, PortResult<Bytes>>,
}

impl ObjectRead {
    /// All of its bytes in one piece.
    ///
    /// # Errors
    /// There are more than `most`, or they end in an error.
    pub async fn whole(self, most: usize) -> PortResult<(ObjectInfo, Bytes)> {
        let Self { info, mut bytes } = self;
        let expected = usize::try_from(info.size).unwrap_or(usize::MAX).min(most);
        let mut whole = BytesMut::with_capacity(expected);
        while let Some(part) = bytes.try_next().await? {
            if whole.len() + part.len() > most {
                let why = format!("larger than the {most} bytes that are taken");
                return Err(PortError::Failed { what: "an object", why });
            }
            whole.extend_from_slice(&part);
        }
        Ok((info, whole.freeze()))
    }
}

/// What a form shall allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadForm {
    /// The one object that it makes.
    pub key: ObjectKey,
    /// What the object claims to be; the bytes are looked at later.
    pub content_type: ImageType,
    /// The least and the largest size of the file, in bytes.
    pub size: RangeInclusive<u64>,
    /// When the form is no longer taken.
    pub expires_at: DateTime<Utc>,
}

/// The bucket, where uploads and the files of images are kept. Keys say what is what.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Reads an object; `None` if there is none.
    async fn read(&self, key: &ObjectKey) -> PortResult<Option<ObjectRead>>;

    /// What is there; `None` if nothing.
    async fn head(&self, key: &ObjectKey) -> PortResult<Option<ObjectInfo>>;

    /// Copies an object whose ETag still is this one. False if it is not, or the object is gone. Durable on return.
    async fn copy_if_unchanged(&self, from: &ObjectKey, etag: &str, to: &ObjectKey) -> PortResult<bool>;

    /// Writes an object. Durable on return.
    async fn write(&self, key: &ObjectKey, content_type: &str, bytes: Bytes) -> PortResult<()>;

    /// Deletes an object; one that is not there is fine.
    async fn delete(&self, key: &ObjectKey) -> PortResult<()>;

    /// Up to [`MAX_LISTED`] objects of keys that begin with `prefix`, which names at least a place (`new/`, `original/ab/`),
    /// in the order of their keys, after `after`. Fewer only at the end. Strong: an object that was written before is listed.
    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ListedObject>>;

    /// Signs a form for a POST to the bucket.
    async fn sign_post(&self, form: &UploadForm) -> PortResult<PresignedPost>;

    /// Signs a URL to fetch an object; the response carries this content type. It is good for `valid`, at most seven days,
    /// and on AWS no longer than the credentials of the function that signed it.
    fn sign_get(&self, key: &ObjectKey, content_type: &str, valid: Duration) -> String;
}

/// Every object of keys that begin with `prefix`, a listing of [`Objects::list`] at a time.
pub fn list_all<'a>(objects: &'a dyn Objects, prefix: &'a str) -> BoxStream<'a, PortResult<Vec<ListedObject>>> {
    let listings = stream::try_unfold(Some(None::<String>), move |after| async move {
        let Some(after) = after else { return Ok(None) };
        let listed = objects.list(prefix, after.as_deref()).await?;
        let last = listed.last().filter(|_| listed.len() == MAX_LISTED);
        let next = last.map(|last| Some(last.key.clone()));
        Ok(Some((listed, next)))
    });
    listings.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ImageId;

    fn files(upload: Option<&str>) -> ImageFiles {
        let generation = upload.map(|upload| upload.parse().unwrap());
        ImageFiles { image_id: ImageId::from_digest([0xab; 32]), generation }
    }

    #[test]
    fn an_object_key_names_its_file_and_generation() {
        for upload in [None, Some("0f3c"), Some("a"), Some("..a"), Some("a-b"), Some(&*"f".repeat(64))] {
            for key in ObjectKey::all_of(&files(upload)) {
                assert_eq!(ObjectKey::files_of(key.as_str()), Some(files(upload)), "{key}");
                assert!(!key.as_str().contains("/../"), "{key}");
            }
        }
        for foreign in ["new/u1", "original/ab/cat.jpg", "original/abcd", "rejected/u1", "original/ab/--", ""] {
            assert_eq!(ObjectKey::files_of(foreign), None, "{foreign}");
        }
        let elsewhere = ObjectKey::original(&files(None)).as_str().replace("/ab/", "/cd/");
        assert_eq!(ObjectKey::files_of(&elsewhere), None, "nobody would look for it there");
    }

    #[test]
    fn files_written_by_an_upload_are_found_by_its_id() {
        let upload: UploadId = "0f3c".parse().unwrap();
        for prefix in ObjectKey::written_by(&upload) {
            assert!(ObjectKey::all_of(&files(Some("0f3c"))).iter().any(|key| key.as_str().starts_with(&prefix)));
            assert!(!ObjectKey::all_of(&files(Some("0f3"))).iter().any(|key| key.as_str().starts_with(&prefix)));
        }
    }
}
