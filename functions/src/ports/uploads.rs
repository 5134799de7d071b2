use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::PortResult;
use crate::model::{Upload, UploadId, UploadState, UserId};

/// How many uploads one user may begin within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The most that is allowed.
    pub per_hour: u32,
    /// Uploads created after this moment count.
    pub since: DateTime<Utc>,
}

/// What became of a new upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The row is stored, durably.
    Stored,
    /// The user has begun too many; nothing was stored.
    OverQuota,
}

/// The rows of uploads. Reads are strong.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Stores a `pending` upload, unless its user is over the quota.
    async fn create(&self, upload: &Upload, quota: Quota) -> PortResult<Created>;

    /// An upload by its id.
    async fn get(&self, id: &UploadId) -> PortResult<Option<Upload>>;

    /// Moves `pending` to `rejected`. False if it was not `pending`: nothing changed.
    async fn reject(&self, id: &UploadId, reason: &str) -> PortResult<bool>;

    /// Moves `pending` or `received` to `failed`. False if it was neither: nothing changed.
    async fn fail(&self, id: &UploadId, reason: &str) -> PortResult<bool>;

    /// Uploads in this state that were created before then, oldest first, at most `limit`.
    async fn stale(&self, state: UploadState, before: DateTime<Utc>, limit: usize) -> PortResult<Vec<Upload>>;

    /// Forgets `pending` uploads whose form ran out and whose object never came, and what has ended, created before then.
    /// Answers how many.
    async fn forget(&self, before: DateTime<Utc>) -> PortResult<u64>;

    /// How many uploads a user began since then; what [`Quota`] counts. For tests and the user's own eyes.
    async fn count_since(&self, user: &UserId, since: DateTime<Utc>) -> PortResult<u64>;
}
