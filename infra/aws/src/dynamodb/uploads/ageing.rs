//! Stalled uploads, and those that are too old to keep.

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::model::{Upload, UploadId, UploadState};
use labelcast_functions::ports::PortResult;

use super::UploadRow;
use super::listing::listed;
use crate::dynamodb::Table;
use crate::dynamodb::contention::Backoff;

/// What may be forgotten: pictures that came are still being analyzed while `received`.
const FORGOTTEN: [UploadState; 4] =
    [UploadState::Pending, UploadState::Rejected, UploadState::Labelled, UploadState::Failed];
/// Uploads of one state and partition that one call forgets. There is a call each minute.
const MAX_CONCURRENCY: usize = 1_000;
/// Transactions at the same time.
const PARALLEL: usize = 16;

pub(super) async fn stale(
    table: &Table,
    state: UploadState,
    before: DateTime<Utc>,
    limit: usize,
) -> PortResult<Vec<Upload>> {
    let mut listed = listed(table, state, before, limit).await?;
    listed.truncate(limit);
    let ids: Vec<UploadId> = listed.into_iter().map(|listed| listed.id).collect();
    let rows = UploadRow::read_many(table, &ids).await?;
    // It may have gone on since it was listed.
    let mut uploads: Vec<Upload> =
        rows.into_iter().map(|row| row.upload).filter(|upload| upload.state == state).collect();
    uploads.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    Ok(uploads)
}

pub(super) async fn forget(table: &Table, before: DateTime<Utc>) -> PortResult<u64> {
    let mut forgotten = 0;
    for state in FORGOTTEN {
        let listed = listed(table, state, before, MAX_CONCURRENCY).await?;
        let gone = stream::iter(listed.into_iter().map(|listed| forget_one(table, state, listed.id)));
        let gone: Vec<bool> = gone.buffer_unordered(PARALLEL).try_collect().await?;
        forgotten += gone.into_iter().map(u64::from).sum::<u64>();
    }
    Ok(forgotten)
}

/// False if it has gone on since it was listed.
async fn forget_one(table: &Table, state: UploadState, id: UploadId) -> PortResult<bool> {
    let mut backoff = Backoff::new(table.what);
    loop {
        let Some(row) = UploadRow::read(table, &id).await? else { return Ok(false) };
        if row.upload.state != state {
            return Ok(false);
        }
        match table.transact(row.deleted(table)?).await? {
            Ok(()) => return Ok(true),
            Err(_) => backoff.wait().await?,
        }
    }
}
