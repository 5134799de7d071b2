//! The rows of uploads, in the table of images.

mod ageing;
mod listing;
mod quota;
mod row;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{Upload, UploadId, UploadState, UserId};
use labelcast_functions::ports::{Created, PortResult, Quota, Uploads};
pub(super) use row::UploadRow;

use super::Table;
use super::contention::Backoff;

/// The rows of uploads. An upload whose row changes is looked for under its state in [`listing`], which changes in the
/// same transaction.
#[derive(Debug, Clone)]
pub struct DynamoUploads {
    table: Table,
}

impl DynamoUploads {
    /// In this table, which must be the one of the images: they change together.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Ends an upload that is in one of these states.
    async fn end(&self, id: &UploadId, from: &[UploadState], to: UploadState, reason: &str) -> PortResult<bool> {
        change(&self.table, id, |upload| {
            from.contains(&upload.state).then(|| Upload {
                state: to,
                reason: Some(reason.to_owned()),
                ..upload.clone()
            })
        })
        .await
    }
}

/// Changes an upload, tried again until nobody else does so at the same moment. False if there is none or nothing is to
/// be changed.
pub(super) async fn change(
    table: &Table,
    id: &UploadId,
    to: impl Fn(&Upload) -> Option<Upload> + Send,
) -> PortResult<bool> {
    let mut backoff = Backoff::new(table.what);
    loop {
        let Some(row) = UploadRow::read(table, id).await? else { return Ok(false) };
        let Some(changed) = to(&row.upload) else { return Ok(false) };
        match table.transact(row.changed(table, changed)?).await? {
            Ok(()) => return Ok(true),
            Err(_) => backoff.wait().await?,
        }
    }
}

#[async_trait]
impl Uploads for DynamoUploads {
    async fn create(&self, upload: &Upload, quota: Quota) -> PortResult<Created> {
        quota::create(&self.table, upload, quota).await
    }

    async fn get(&self, id: &UploadId) -> PortResult<Option<Upload>> {
        Ok(UploadRow::read(&self.table, id).await?.map(|row| row.upload))
    }

    async fn reject(&self, id: &UploadId, reason: &str) -> PortResult<bool> {
        self.end(id, &[UploadState::Pending], UploadState::Rejected, reason).await
    }

    async fn fail(&self, id: &UploadId, reason: &str) -> PortResult<bool> {
        self.end(id, &[UploadState::Pending, UploadState::Received], UploadState::Failed, reason).await
    }

    async fn stale(&self, state: UploadState, before: DateTime<Utc>, limit: usize) -> PortResult<Vec<Upload>> {
        ageing::stale(&self.table, state, before, limit).await
    }

    async fn forget(&self, before: DateTime<Utc>) -> PortResult<u64> {
        ageing::forget(&self.table, before).await
    }

    async fn count_since(&self, user: &UserId, since: DateTime<Utc>) -> PortResult<u64> {
        quota::count(&self.table, user, since).await
    }
}
