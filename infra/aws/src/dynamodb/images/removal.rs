use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::model::{ImageFiles, ImageId, Upload, UploadId, UserId};
use labelcast_functions::ports::{PortResult, Removal};

use super::posting::Posting;
use super::row::ImageRow;
use super::{PARALLEL, counts};
use crate::dynamodb::Table;
use crate::dynamodb::change::If;
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::transaction::ACTIONS;
use crate::dynamodb::uploads::{self, UploadRow};

/// Uploads that are changed in the same transaction. Most images have one or two.
const MAX_CONCURRENCY: usize = 10;

/// What a transaction had no room for, to be done after it. Left behind, it leads nowhere: postings to an image that is
/// not there or stands elsewhere, an upload to an image that knows nothing of it.
struct Rest {
    rows: Vec<(String, String)>,
    uploads: Vec<UploadId>,
}

pub(super) async fn remove(
    table: &Table,
    files: &ImageFiles,
    uploaded_at: DateTime<Utc>,
    only_uploader: Option<&UserId>,
) -> PortResult<Removal> {
    let mut backoff = Backoff::new(table.what);
    loop {
        let row = ImageRow::read(table, &files.image_id).await?;
        let wanted = |row: &ImageRow| row.image.files() == *files && row.image.uploaded_at == uploaded_at;
        let Some(row) = row.filter(wanted) else { return Ok(Removal::NotFound) };
        if only_uploader.is_some_and(|user| !row.image.is_only_uploaded_by(user)) {
            return Ok(Removal::SharedWithOthers);
        }
        if let Some(rest) = delete(table, &row).await? {
            rest.delete(table, files.image_id).await?;
            return Ok(Removal::Removed(Box::new(row.image)));
        }
        backoff.wait().await?;
    }
}

/// None if somebody else wrote at the same moment.
async fn delete(table: &Table, row: &ImageRow) -> PortResult<Option<Rest>> {
    let image = &row.image;
    let mut actions = vec![row.deleted(table)?];
    actions.extend(counts::counted(table, image, -1)?);
    let mut max_concurrency: Vec<UploadId> = image.uploads.iter().map(|upload| upload.upload_id.clone()).collect();
    let uploads = max_concurrency.split_off(max_concurrency.len().min(MAX_CONCURRENCY));
    for upload in UploadRow::read_many(table, &max_concurrency).await? {
        if let Some(changed) = without_image(&upload.upload, &image.id) {
            actions.extend(upload.changed(table, changed)?);
        }
    }
    let mut postings = Posting::all_of(image);
    let later = postings.split_off(postings.len().min(ACTIONS.saturating_sub(actions.len())));
    for posting in &postings {
        actions.push(table.transact_delete(&posting.pk, &posting.sk, If::Always)?);
    }
    let rows = later.into_iter().map(|posting| (posting.pk, posting.sk)).chain(row.later_uploads()).collect();
    Ok(table.transact(actions).await?.is_ok().then_some(Rest { rows, uploads }))
}

impl Rest {
    async fn delete(self, table: &Table, id: ImageId) -> PortResult<()> {
        let uploads = self.uploads.into_iter().map(|upload| async move {
            uploads::change(table, &upload, |upload| without_image(upload, &id)).await.map(drop)
        });
        let () = stream::iter(uploads).buffer_unordered(PARALLEL).try_collect().await?;
        let rows = self.rows.into_iter().map(|(pk, sk)| async move { table.delete(&pk, &sk).await });
        stream::iter(rows).buffer_unordered(PARALLEL).try_collect().await
    }
}

/// An upload stays as what became of it, without an image to show.
fn without_image(upload: &Upload, id: &ImageId) -> Option<Upload> {
    (upload.image_id == Some(*id)).then(|| Upload { image_id: None, detached: true, ..upload.clone() })
}
