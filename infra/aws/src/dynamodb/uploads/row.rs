use aws_sdk_dynamodb::types::TransactWriteItem;
use chrono::DateTime;
use labelcast_functions::model::{ImageId, Upload, UploadId, UploadState, UserId};
use labelcast_functions::ports::{PortError, PortResult};
use serde::{Deserialize, Serialize};

use super::listing;
use crate::dynamodb::Table;
use crate::dynamodb::change::If;

/// The sort key of an upload's row.
const UPLOAD: &str = "upload";

/// An upload as it was read, to be changed if it is still so.
#[derive(Debug, Clone)]
pub(crate) struct UploadRow {
    pub(crate) upload: Upload,
    version: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    pk: String,
    sk: String,
    id: UploadId,
    user: UserId,
    name: String,
    state: UploadState,
    image_id: Option<ImageId>,
    reason: Option<String>,
    /// When the form was given out, in milliseconds since 1970.
    created_at: i64,
    #[serde(default)]
    detached: bool,
    version: u64,
}

impl UploadRow {
    pub(super) const fn new(upload: Upload) -> Self {
        Self { upload, version: 1 }
    }

    pub(crate) async fn read(table: &Table, id: &UploadId) -> PortResult<Option<Self>> {
        let stored = table.get(&partition(id), UPLOAD).await?;
        stored.map(|stored| Self::of(table, stored)).transpose()
    }

    /// Several at once, in any order.
    pub(crate) async fn read_many(table: &Table, ids: &[UploadId]) -> PortResult<Vec<Self>> {
        let keys: Vec<_> = ids.iter().map(|id| (partition(id), UPLOAD.to_owned())).collect();
        let stored = table.get_many(&keys).await?;
        stored.into_iter().map(|stored| Self::of(table, stored)).collect()
    }

    fn of(table: &Table, stored: Stored) -> PortResult<Self> {
        let created_at = DateTime::from_timestamp_millis(stored.created_at).ok_or_else(|| {
            let why = format!("upload {} has an invalid creation time: {}", stored.id, stored.created_at);
            PortError::Failed { what: table.what, why }
        })?;
        let upload = Upload {
            id: stored.id,
            user: stored.user,
            name: stored.name,
            state: stored.state,
            image_id: stored.image_id,
            reason: stored.reason,
            created_at,
            detached: stored.detached,
        };
        Ok(Self { upload, version: stored.version })
    }

    fn stored(&self, version: u64) -> Stored {
        let upload = self.upload.clone();
        Stored {
            pk: partition(&upload.id),
            sk: UPLOAD.to_owned(),
            user: upload.user,
            name: upload.name,
            state: upload.state,
            image_id: upload.image_id,
            reason: upload.reason,
            created_at: upload.created_at.timestamp_millis(),
            detached: upload.detached,
            id: upload.id,
            version,
        }
    }

    /// The actions that store a new upload. The first fails if there is one of that id.
    pub(super) fn created(&self, table: &Table) -> PortResult<Vec<TransactWriteItem>> {
        Ok(vec![
            table.transact_put(&self.stored(self.version), If::Absent)?,
            table.transact_put(&listing::row(&self.upload), If::Always)?,
        ])
    }

    /// The actions that change it to this. The first fails if it is not any more as it was read.
    pub(crate) fn changed(&self, table: &Table, upload: Upload) -> PortResult<Vec<TransactWriteItem>> {
        let changed = Self { upload, version: self.version };
        let mut actions = vec![table.transact_put(&changed.stored(self.version + 1), If::Version(self.version))?];
        if changed.upload.state != self.upload.state {
            actions.push(listing::unlisted(table, &self.upload)?);
            actions.push(table.transact_put(&listing::row(&changed.upload), If::Always)?);
        }
        Ok(actions)
    }

    /// The actions that delete it. The first fails if it is not any more as it was read.
    pub(super) fn deleted(&self, table: &Table) -> PortResult<Vec<TransactWriteItem>> {
        Ok(vec![
            table.transact_delete(&partition(&self.upload.id), UPLOAD, If::Version(self.version))?,
            listing::unlisted(table, &self.upload)?,
        ])
    }
}

fn partition(id: &UploadId) -> String {
    format!("upload#{id}")
}
