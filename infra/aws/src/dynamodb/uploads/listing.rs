//! Uploads by their state and age.

use aws_sdk_dynamodb::types::TransactWriteItem;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::model::{Upload, UploadId, UploadState};
use labelcast_functions::ports::PortResult;
use serde::{Deserialize, Serialize};

use super::UploadRow;
use crate::dynamodb::change::If;
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::shards::{shard_of, sharded};
use crate::dynamodb::{Order, Range, Table};

/// What may be forgotten: pictures that came are still being analyzed while `received`.
const FORGOTTEN: [UploadState; 4] =
    [UploadState::Pending, UploadState::Rejected, UploadState::Labelled, UploadState::Failed];
/// Uploads of one state and partition that one call forgets. There is a call each minute.
const AT_ONCE: usize = 1_000;
/// Transactions at the same time.
const PARALLEL: usize = 16;

/// Every upload has one such row, which moves with its state.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listed {
    pk: String,
    sk: String,
    id: UploadId,
}

pub(super) fn row(upload: &Upload) -> Listed {
    let shard = shard_of(upload.id.as_str().as_bytes());
    let sk = format!("{}#{}", moment(upload.created_at), upload.id);
    Listed { pk: sharded(&list(upload.state), shard), sk, id: upload.id.clone() }
}

pub(super) fn unlisted(table: &Table, upload: &Upload) -> PortResult<TransactWriteItem> {
    let row = row(upload);
    table.transact_delete(&row.pk, &row.sk, If::Always)
}

fn list(state: UploadState) -> String {
    format!("uploads#{}", state.as_str())
}

/// A time as text that sorts as times do, from 1970 to beyond the year 30000.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    format!("{:015}", at.timestamp_millis().max(0))
}

/// The oldest of this state that were created before then, of each partition so many.
async fn listed(table: &Table, state: UploadState, before: DateTime<Utc>, limit: usize) -> PortResult<Vec<Listed>> {
    // Ids follow the moment after a `#`, so that the bare moment sorts before all that were created in it.
    let before = moment(before);
    let range = Range::Between("0", &before);
    let found = table.query_shards::<Listed>(&list(state), range, Order::Ascending, limit).await?;
    let mut found: Vec<Listed> = found.into_iter().flatten().collect();
    found.sort_by(|one, other| one.sk.cmp(&other.sk));
    Ok(found)
}

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
        let listed = listed(table, state, before, AT_ONCE).await?;
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
