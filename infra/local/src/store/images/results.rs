use labelcast_functions::model::{Analysis, Image, ImageId, StoredResult};
use rusqlite::{Transaction, params};

use super::{index, rows};
use crate::store::columns::to_json;

pub(super) fn store(group: &Transaction<'_>, id: &ImageId, analysis: Analysis) -> rusqlite::Result<Option<Image>> {
    let Some((key, mut image)) = rows::by_id(group, id)? else { return Ok(None) };
    if image.result.is_none() {
        image.result = Some(insert(group, key, analysis)?);
        index::add_all(group, &image)?;
    }
    group
        .prepare_cached(
            "UPDATE uploads SET state = 'labelled', reason = NULL WHERE image = ?1 AND state <> 'labelled'",
        )?
        .execute([id.digest()])?;
    Ok(Some(image))
}

fn insert(group: &Transaction<'_>, key: i64, analysis: Analysis) -> rusqlite::Result<StoredResult> {
    let (status, version) = (analysis.first_status(), 1);
    group
        .prepare_cached("INSERT INTO results (image, status, version, analysis) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key, status.as_str(), version, to_json(&analysis)])?;
    Ok(StoredResult { analysis, status, version, position: rows::position(group.last_insert_rowid()) })
}
