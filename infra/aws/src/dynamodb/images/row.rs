use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::TransactWriteItem;
use chrono::DateTime;
use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::model::{Analysis, AttachedUpload, Image, ImageId, ImageType, Status, StoredResult, UploadId};
use labelcast_functions::ports::{NewImage, PortError, PortResult};
use serde::{Deserialize, Serialize};

use super::PARALLEL;
use crate::dynamodb::change::If;
use crate::dynamodb::{Order, Range, Table};

/// The sort key of an image's row.
const IMAGE: &str = "image";
/// So many uploads stand in the image's row, the later ones in rows of their own: a row is written as a whole, is
/// charged by its size, and has at most 400 KB.
const INLINE: usize = 50;

/// An image as it was read, to be changed if it is still so.
#[derive(Debug, Clone)]
pub(super) struct ImageRow {
    pub(super) image: Image,
    /// Names the time from when the image came to when it is removed, so that its rows are distinguished from those of the
    /// same bytes before and after.
    incarnation: String,
    version: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    pk: String,
    sk: String,
    id: ImageId,
    content_type: ImageType,
    size: u64,
    width: u32,
    height: u32,
    /// When the first upload was accepted, in milliseconds since 1970.
    uploaded_at: i64,
    /// Which upload wrote its files; missing in rows from before files had generations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<UploadId>,
    /// The first of them.
    uploads: Vec<AttachedUpload>,
    /// How many there are.
    brought: usize,
    result: Option<StoredOutcome>,
    #[serde(rename = "life")]
    incarnation: String,
    version: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredOutcome {
    /// The result as JSON.
    analysis: String,
    status: Status,
    version: u64,
    position: String,
}

/// An upload that the image's row has no place for.
#[derive(Debug, Serialize, Deserialize)]
struct LaterUpload {
    pk: String,
    sk: String,
    #[serde(flatten)]
    upload: AttachedUpload,
}

impl ImageRow {
    /// What a first upload makes.
    pub(super) fn new(new: &NewImage, upload: &UploadId) -> Self {
        let image = Image {
            id: new.id,
            content_type: new.content_type,
            size: new.size,
            width: new.width,
            height: new.height,
            uploaded_at: new.uploaded_at,
            generation: Some(upload.clone()),
            uploads: Vec::new(),
            result: None,
        };
        Self { image, incarnation: format!("{:016x}", rand::random::<u64>()), version: 0 }
    }

    pub(super) async fn read(table: &Table, id: &ImageId) -> PortResult<Option<Self>> {
        match table.get(&partition(id), IMAGE).await? {
            Some(stored) => Self::of(table, stored).await.map(Some),
            None => Ok(None),
        }
    }

    async fn of(table: &Table, stored: Stored) -> PortResult<Self> {
        let mut uploads = stored.uploads;
        if let Some(later) = stored.brought.checked_sub(uploads.len()).filter(|later| *later > 0) {
            // No more than there were when the row was read: all of it is of one moment.
            let begin = later_upload(&stored.incarnation, None);
            let later = table.query(&stored.pk, Range::Begins(&begin), Order::Ascending, later).await?;
            uploads.extend(later.into_iter().map(|later: LaterUpload| later.upload));
        }
        let broken =
            |why: &dyn std::fmt::Display| PortError::Failed { what: table.what, why: format!("{}: {why}", stored.id) };
        let uploaded_at = DateTime::from_timestamp_millis(stored.uploaded_at);
        let image = Image {
            id: stored.id,
            content_type: stored.content_type,
            size: stored.size,
            width: stored.width,
            height: stored.height,
            uploaded_at: uploaded_at.ok_or_else(|| broken(&"invalid upload time"))?,
            generation: stored.generation,
            uploads,
            result: match stored.result {
                None => None,
                Some(outcome) => Some(StoredResult {
                    analysis: serde_json::from_str::<Analysis>(&outcome.analysis).map_err(|error| broken(&error))?,
                    status: outcome.status,
                    version: outcome.version,
                    position: outcome.position.parse().map_err(|error| broken(&error))?,
                }),
            },
        };
        Ok(Self { image, incarnation: stored.incarnation, version: stored.version })
    }

    /// The actions that change it to this, or store it if it is new; it may have one upload more. The first fails if it
    /// is not any more as it was read.
    pub(super) fn changed(&self, table: &Table, image: &Image) -> PortResult<Vec<TransactWriteItem>> {
        let when = if self.version == 0 { If::Absent } else { If::Version(self.version) };
        let mut actions = vec![table.transact_put(&self.stored(table, image)?, when)?];
        let place = image.uploads.len().saturating_sub(1);
        if image.uploads.len() > self.image.uploads.len() && place >= INLINE {
            let upload = image.uploads[place].clone();
            let (pk, sk) = (partition(&image.id), later_upload(&self.incarnation, Some(place)));
            actions.push(table.transact_put(&LaterUpload { pk, sk, upload }, If::Always)?);
        }
        Ok(actions)
    }

    /// The action that deletes it, which fails if it is not any more as it was read. [`Self::later_uploads`] are left.
    pub(super) fn deleted(&self, table: &Table) -> PortResult<TransactWriteItem> {
        table.transact_delete(&partition(&self.image.id), IMAGE, If::Version(self.version))
    }

    /// The keys of the uploads that have rows of their own.
    pub(super) fn later_uploads(&self) -> impl Iterator<Item = (String, String)> {
        let places = INLINE..self.image.uploads.len().max(INLINE);
        places.map(|place| (partition(&self.image.id), later_upload(&self.incarnation, Some(place))))
    }

    fn stored(&self, table: &Table, image: &Image) -> PortResult<Stored> {
        let outcome = |result: &StoredResult| {
            Ok(StoredOutcome {
                analysis: serde_json::to_string(&result.analysis).map_err(|error| table.broken(&error))?,
                status: result.status,
                version: result.version,
                position: result.position.to_string(),
            })
        };
        Ok(Stored {
            pk: partition(&image.id),
            sk: IMAGE.to_owned(),
            id: image.id,
            content_type: image.content_type,
            size: image.size,
            width: image.width,
            height: image.height,
            uploaded_at: image.uploaded_at.timestamp_millis(),
            generation: image.generation.clone(),
            uploads: image.uploads.iter().take(INLINE).cloned().collect(),
            brought: image.uploads.len(),
            result: image.result.as_ref().map(outcome).transpose()?,
            incarnation: self.incarnation.clone(),
            version: self.version + 1,
        })
    }
}

/// Several images at once, in any order; those that do not exist are left out.
pub(super) async fn read_many(table: &Table, ids: &[ImageId]) -> PortResult<Vec<Image>> {
    // A batch must not name a row twice.
    let ids: BTreeSet<&ImageId> = ids.iter().collect();
    let keys: Vec<_> = ids.into_iter().map(|id| (partition(id), IMAGE.to_owned())).collect();
    let stored: Vec<Stored> = table.get_many(&keys).await?;
    let rows = stream::iter(stored.into_iter().map(|stored| ImageRow::of(table, stored)));
    let rows: Vec<ImageRow> = rows.buffer_unordered(PARALLEL).try_collect().await?;
    Ok(rows.into_iter().map(|row| row.image).collect())
}

fn partition(id: &ImageId) -> String {
    format!("image#{id}")
}

fn later_upload(incarnation: &str, place: Option<usize>) -> String {
    let place = place.map_or_else(String::new, |place| format!("{place:010}"));
    format!("upload#{incarnation}#{place}")
}
