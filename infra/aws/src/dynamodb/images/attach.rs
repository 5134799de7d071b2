use labelcast_functions::model::{AttachedUpload, Image, Upload, UploadId, UploadState};
use labelcast_functions::ports::{NewImage, PortResult};

use super::posting::Posting;
use super::row::ImageRow;
use super::term::Term;
use crate::dynamodb::Table;
use crate::dynamodb::change::If;
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::uploads::UploadRow;

pub(super) async fn attach(table: &Table, new: &NewImage, id: &UploadId) -> PortResult<Option<Image>> {
    let mut backoff = Backoff::new(table.what);
    loop {
        let Some(upload) = UploadRow::read(table, id).await? else { return Ok(None) };
        match upload.upload.image_id {
            Some(image) if image == new.id => return attached(table, &upload.upload, new).await,
            _ if upload.upload.may_attach() => {}
            _ => return Ok(None),
        }
        match attach_first_time(table, new, &upload).await? {
            Some(image) => return Ok(Some(image)),
            None => backoff.wait().await?,
        }
    }
}

/// An image that was removed meanwhile is not there, or it has come again without this upload.
async fn attached(table: &Table, upload: &Upload, new: &NewImage) -> PortResult<Option<Image>> {
    let image = ImageRow::read(table, &new.id).await?.map(|row| row.image);
    Ok(image.filter(|image| image.uploads.iter().any(|attached| attached.upload_id == upload.id)))
}

/// None if somebody else wrote at the same moment.
async fn attach_first_time(table: &Table, new: &NewImage, upload: &UploadRow) -> PortResult<Option<Image>> {
    let row = ImageRow::read(table, &new.id).await?.unwrap_or_else(|| ImageRow::new(new, &upload.upload.id));
    let mut image = row.image.clone();
    let Upload { id, user, .. } = &upload.upload;
    image.uploads.push(AttachedUpload { upload_id: id.clone(), user: user.clone() });
    let state = if image.result.is_some() { UploadState::Labelled } else { UploadState::Received };
    let received = Upload { state, image_id: Some(image.id), reason: None, ..upload.upload.clone() };

    let mut actions = row.changed(table, &image)?;
    actions.extend(upload.changed(table, received)?);
    // Who brought it before has the same already.
    if let Some(posting) = Posting::of(&image, &Term::Uploader(user)) {
        actions.push(table.transact_put(&posting, If::Always)?);
    }
    Ok(table.transact(actions).await?.is_ok().then_some(image))
}
