//! Removes images.

use labelcast_functions::model::{ImageId, UserId};
use labelcast_functions::ports::Removal;
use rusqlite::Transaction;

use super::rows;
use super::terms::{self, Term};

pub(super) fn remove(
    group: &Transaction<'_>,
    id: &ImageId,
    only_uploader: Option<&UserId>,
) -> rusqlite::Result<Removal> {
    let Some(image) = rows::by_id(group, id)? else { return Ok(Removal::NotFound) };
    if only_uploader.is_some_and(|user| !image.is_only_uploaded_by(user)) {
        return Ok(Removal::SharedWithOthers);
    }
    if let Some(result) = &image.result {
        let (number, hidden) = (rows::number(result.position), !result.status.is_public());
        for (term, _) in terms::of(&result.analysis) {
            terms::unfile(group, term, number, hidden)?;
        }
        for upload in &image.uploads {
            terms::unfile(group, Term::Uploader(&upload.user), number, hidden)?;
        }
    }
    let digest = id.digest().as_slice();
    group.prepare_cached("UPDATE uploads SET image = NULL WHERE image = ?")?.execute([digest])?;
    // What was attached, and the result, go with it.
    group.prepare_cached("DELETE FROM images WHERE id = ?")?.execute([digest])?;
    Ok(Removal::Removed(Box::new(image)))
}
