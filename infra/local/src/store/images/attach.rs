use labelcast_functions::model::{AttachedUpload, Confidence, Image, Upload, UploadId, UploadState};
use labelcast_functions::ports::NewImage;
use rusqlite::{Transaction, params};

use super::term::Term;
use super::{index, rows};
use crate::store::uploads;

pub(super) fn attach(group: &Transaction<'_>, new: &NewImage, upload: &UploadId) -> rusqlite::Result<Option<Image>> {
    let Some(upload) = uploads::get(group, upload)? else { return Ok(None) };
    match upload.image_id {
        Some(image) if image == new.id => rows::by_id(group, &new.id).map(rows::without_key),
        _ if upload.may_attach() => attach_first_time(group, new, &upload).map(Some),
        _ => Ok(None),
    }
}

fn attach_first_time(group: &Transaction<'_>, new: &NewImage, upload: &Upload) -> rusqlite::Result<Image> {
    insert_unless_there(group, new, &upload.id)?;
    let (key, mut image) = rows::by_id(group, &new.id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    if !image.is_uploaded_by(&upload.user) {
        index::add(group, &image, Term::Uploader(&upload.user), Confidence::FULL)?;
    }
    group
        .prepare_cached("INSERT INTO attached (image, place, upload, user) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key, image.uploads.len(), upload.id.as_str(), upload.user.as_str()])?;
    image.uploads.push(AttachedUpload { upload_id: upload.id.clone(), user: upload.user.clone() });

    let state = if image.result.is_some() { UploadState::Labelled } else { UploadState::Received };
    group
        .prepare_cached("UPDATE uploads SET state = ?2, image = ?3, reason = NULL WHERE id = ?1")?
        .execute(params![upload.id.as_str(), state.as_str(), new.id.digest()])?;
    Ok(image)
}

fn insert_unless_there(group: &Transaction<'_>, new: &NewImage, generation: &UploadId) -> rusqlite::Result<()> {
    group
        .prepare_cached(concat!(
            "INSERT INTO images (id, content_type, size, width, height, uploaded_at, generation) ",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING"
        ))?
        .execute(params![
            new.id.digest(),
            new.content_type.media_type(),
            new.size,
            new.width,
            new.height,
            new.uploaded_at.timestamp_millis(),
            generation.as_str(),
        ])
        .map(drop)
}
