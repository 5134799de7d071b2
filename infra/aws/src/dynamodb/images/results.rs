use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::model::{Analysis, Image, ImageId, StoredResult, Upload, UploadId, UploadState};
use labelcast_functions::ports::PortResult;

use super::position::Positions;
use super::posting::Posting;
use super::row::ImageRow;
use super::{PARALLEL, counts};
use crate::dynamodb::Table;
use crate::dynamodb::change::If;
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::transaction::ACTIONS;
use crate::dynamodb::uploads;

/// The result, its counts and what the image is found by in one transaction; then its uploads, each in one of its own.
/// Whoever was cut off in between begins again and does what is left.
pub(super) async fn store(
    table: &Table,
    positions: &Positions,
    id: &ImageId,
    analysis: &Analysis,
) -> PortResult<Option<Image>> {
    let mut backoff = Backoff::new(table.what);
    let image = loop {
        let Some(row) = ImageRow::read(table, id).await? else { return Ok(None) };
        if row.image.result.is_some() {
            break row.image;
        }
        let status = analysis.first_status();
        let result = StoredResult { analysis: analysis.clone(), status, version: 1, position: positions.next(id) };
        let image = Image { result: Some(result), ..row.image.clone() };
        if insert(table, &row, &image).await? {
            break image;
        }
        backoff.wait().await?;
    };
    move_to_labelled(table, &image).await?;
    Ok(Some(image))
}

/// False if somebody else wrote at the same moment.
async fn insert(table: &Table, row: &ImageRow, image: &Image) -> PortResult<bool> {
    let mut actions = row.changed(table, image)?;
    actions.extend(counts::counted(table, image, 1)?);
    let mut postings = Posting::all_of(image);
    // An image of very many labels or uploaders: what there is no room for is written before, and leads nowhere yet.
    let early = postings.split_off(postings.len().min(ACTIONS.saturating_sub(actions.len())));
    let early = early.into_iter().map(|posting| async move { table.put(&posting).await });
    let () = stream::iter(early).buffer_unordered(PARALLEL).try_collect().await?;
    for posting in &postings {
        actions.push(table.transact_put(posting, If::Always)?);
    }
    Ok(table.transact(actions).await?.is_ok())
}

async fn move_to_labelled(table: &Table, image: &Image) -> PortResult<()> {
    let id = image.id;
    let labelled = move |upload: &Upload| {
        let waits = upload.image_id == Some(id) && upload.state != UploadState::Labelled;
        waits.then(|| Upload { state: UploadState::Labelled, reason: None, ..upload.clone() })
    };
    let ids: Vec<UploadId> = image.uploads.iter().map(|upload| upload.upload_id.clone()).collect();
    let moved = ids.into_iter().map(|id| async move { uploads::change(table, &id, labelled).await.map(drop) });
    stream::iter(moved).buffer_unordered(PARALLEL).try_collect().await
}
