use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::PortResult;
use crate::model::{
    Analysis, Audience, Image, ImageFiles, ImageId, ImageType, LabelName, Position, Status, UploadId, UserId,
};
use crate::query::{Candidates, Conjunction};

/// A picture that `ingest` accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    /// SHA-256 of the uploaded bytes.
    pub id: ImageId,
    /// The type of the uploaded bytes, as their content says.
    pub content_type: ImageType,
    /// The number of uploaded bytes.
    pub size: u64,
    /// Width in pixels, after applying the orientation.
    pub width: u32,
    /// Height in pixels, after applying the orientation.
    pub height: u32,
    /// When the object was created.
    pub uploaded_at: DateTime<Utc>,
}

/// A label and how many images of the audience's have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelCount {
    /// The label's full name.
    pub name: LabelName,
    /// How many images that the audience may see have it; at least 1.
    pub count: u64,
}

/// A page of the moderation queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePage {
    /// The images that wait, oldest first.
    pub images: Vec<Image>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<Position>,
}

/// Who may have an image deleted, checked in the same transaction as the deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// It is gone, and this is what it was.
    Removed(Box<Image>),
    /// There is no such image; nothing was changed.
    NotFound,
    /// Somebody else brought it too.
    SharedWithOthers,
}

/// Images, their labels, and the index over them. Reads are strong.
#[async_trait]
pub trait Images: Send + Sync {
    /// In one transaction: makes the image's row if there is none, of the generation of this upload, attaches the upload (once), and moves the upload from
    /// `pending` to `received`, or to `labelled` if the image has a result. Returns the image as it is then, or `None` if
    /// the upload had left `pending` for another image or was rejected: then nothing changed. An upload that is
    /// attached to this image already is treated as if it were attached now, so that a retry goes on. An upload that may
    /// attach no more ([`Upload::may_attach`](crate::model::Upload::may_attach)) never makes a row again: so the files of a
    /// generation that was removed can go.
    ///
    /// Whoever calls has written the files of this image and upload before.
    async fn attach(&self, image: &NewImage, upload: &UploadId) -> PortResult<Option<Image>>;

    /// In one transaction: stores the result unless the image has one (the first stays), and counts its labels. Before it
    /// returns, also if the image had one, it moves all attached uploads to `labelled`. Returns the image as it is then,
    /// with every upload attached by now; `None` if there is no such image (it was deleted meanwhile).
    async fn store_result(&self, id: &ImageId, analysis: &Analysis) -> PortResult<Option<Image>>;

    /// An image by its id.
    async fn get(&self, id: &ImageId) -> PortResult<Option<Image>>;

    /// Several at once, in any order; those that do not exist are left out. At most 1,000.
    async fn get_many(&self, ids: &[ImageId]) -> PortResult<Vec<Image>>;

    /// Images below `before`, newest first, that match the conjunction for this audience: at least every match down to
    /// `looked_until`; some that do not match may be among them. About `limit` images; the work is bounded by the backend,
    /// so that there may be fewer although there are more.
    async fn candidates(
        &self,
        conjunction: &Conjunction,
        audience: Audience<'_>,
        before: Position,
        limit: usize,
    ) -> PortResult<Candidates<Image>>;

    /// Labels that begin with the prefix, most frequent first, then by name; at most `limit`.
    async fn labels(&self, prefix: &str, audience: Audience<'_>, limit: usize) -> PortResult<Vec<LabelCount>>;

    /// Images of a status, oldest first, above `after`.
    async fn with_status(&self, status: Status, after: Option<Position>, limit: usize) -> PortResult<QueuePage>;

    /// Removes the image of this generation that came at this moment with all by which it is found, counts included, in one
    /// transaction, and detaches its uploads before it returns. With `only_uploader`, only if nobody but this user brought
    /// it.
    async fn remove(
        &self,
        image: &ImageFiles,
        uploaded_at: DateTime<Utc>,
        only_uploader: Option<&UserId>,
    ) -> PortResult<Removal>;
}
