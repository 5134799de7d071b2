//! Uploads by their state and age.

use aws_sdk_dynamodb::types::TransactWriteItem;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{Upload, UploadId, UploadState};
use labelcast_functions::ports::PortResult;
use serde::{Deserialize, Serialize};

use crate::dynamodb::change::If;
use crate::dynamodb::shards::{shard_of, sharded};
use crate::dynamodb::{Order, Range, Table};

/// Every upload has one such row, which moves with its state.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listed {
    pk: String,
    sk: String,
    pub(super) id: UploadId,
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
pub(super) async fn listed(
    table: &Table,
    state: UploadState,
    before: DateTime<Utc>,
    limit: usize,
) -> PortResult<Vec<Listed>> {
    // Ids follow the moment after a `#`, so that the bare moment sorts before all that were created in it.
    let before = moment(before);
    let range = Range::Between("0", &before);
    let found = table.query_shards::<Listed>(&list(state), range, Order::Ascending, limit).await?;
    let mut found: Vec<Listed> = found.into_iter().flatten().collect();
    found.sort_by(|one, other| one.sk.cmp(&other.sk));
    Ok(found)
}
