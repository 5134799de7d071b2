//! Attaches uploads to images.

use labelcast_functions::model::{Confidence, Image, UploadId, UploadState};
use labelcast_functions::ports::NewImage;
use rusqlite::{Transaction, params};

use super::super::uploads;
use super::rows;
use super::terms::{self, Term};

pub(super) fn attach(group: &Transaction<'_>, image: &NewImage, upload: &UploadId) -> rusqlite::Result<Option<Image>> {
    let Some(row) = uploads::get(group, upload)? else { return Ok(None) };
    if row.state != UploadState::Pending {
        return if row.image_id == Some(image.id) { rows::by_id(group, &image.id) } else { Ok(None) };
    }
    insert_image(group, image)?;
    group
        .prepare_cached(
            "INSERT INTO attached (image, place, upload, user)
             SELECT key, (SELECT COUNT(*) FROM attached WHERE image = key), ?, ? FROM images WHERE id = ?",
        )?
        .execute(params![upload.as_str(), row.user.as_str(), image.id.digest().as_slice()])?;
    let attached = rows::by_id(group, &image.id)?;
    let result = attached.as_ref().and_then(|attached| attached.result.as_ref());
    if let Some(result) = result {
        let hidden = !result.status.is_public();
        terms::file(group, Term::Uploader(&row.user), rows::number(result.position), Confidence::FULL, hidden)?;
    }
    let state = if result.is_some() { UploadState::Labelled } else { UploadState::Received };
    group.prepare_cached("UPDATE uploads SET state = ?, image = ? WHERE id = ?")?.execute(params![
        state.as_str(),
        image.id.digest().as_slice(),
        upload.as_str()
    ])?;
    Ok(attached)
}

fn insert_image(group: &Transaction<'_>, image: &NewImage) -> rusqlite::Result<()> {
    group
        .prepare_cached(
            "INSERT INTO images (id, content_type, size, width, height, uploaded_at) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            image.id.digest().as_slice(),
            image.content_type.media_type(),
            image.size,
            image.width,
            image.height,
            image.uploaded_at.timestamp_millis(),
        ])
        .map(drop)
}
