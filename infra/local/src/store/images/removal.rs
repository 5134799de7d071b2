use chrono::{DateTime, Utc};
use labelcast_functions::model::{Image, ImageFiles, UserId};
use labelcast_functions::ports::Removal;
use rusqlite::Transaction;

use super::{index, rows};

pub(super) fn remove(
    group: &Transaction<'_>,
    files: &ImageFiles,
    uploaded_at: DateTime<Utc>,
    only_uploader: Option<&UserId>,
) -> rusqlite::Result<Removal> {
    let id = &files.image_id;
    let wanted = |image: &Image| image.files() == *files && image.uploaded_at == uploaded_at;
    let Some((key, image)) = rows::by_id(group, id)?.filter(|(_, image)| wanted(image)) else {
        return Ok(Removal::NotFound);
    };
    if only_uploader.is_some_and(|user| !image.is_only_uploaded_by(user)) {
        return Ok(Removal::SharedWithOthers);
    }
    index::remove_all(group, &image)?;
    // An upload stays as what became of it, without an image to show.
    group.prepare_cached("UPDATE uploads SET image = NULL, detached = 1 WHERE image = ?1")?.execute([id.digest()])?;
    // With it goes what refers to it: its result and who brought it.
    group.prepare_cached("DELETE FROM images WHERE key = ?1")?.execute([key])?;
    Ok(Removal::Removed(Box::new(image)))
}
