//! Stores results.

use labelcast_functions::model::{Analysis, Confidence, Image, ImageId};
use rusqlite::{OptionalExtension, Transaction, params};

use super::super::columns::to_json;
use super::rows;
use super::terms::{self, Term};

pub(super) fn store(group: &Transaction<'_>, id: &ImageId, analysis: &Analysis) -> rusqlite::Result<Option<Image>> {
    let digest = id.digest().as_slice();
    let key: Option<i64> = group
        .prepare_cached("SELECT key FROM images WHERE id = ?")?
        .query_row([digest], |row| row.get(0))
        .optional()?;
    let Some(key) = key else { return Ok(None) };
    let status = analysis.first_status();
    let inserted = group
        .prepare_cached(
            "INSERT INTO results (image, status, version, analysis) VALUES (?, ?, 1, ?) ON CONFLICT (image) DO NOTHING",
        )?
        .execute(params![key, status.as_str(), to_json(analysis)])?;
    if inserted > 0 {
        let number = group.last_insert_rowid();
        let hidden = !status.is_public();
        for (term, confidence) in terms::of(analysis) {
            terms::file(group, term, number, confidence, hidden)?;
        }
        if let Some(image) = rows::by_id(group, id)? {
            for upload in &image.uploads {
                terms::file(group, Term::Uploader(&upload.user), number, Confidence::FULL, hidden)?;
            }
        }
    }
    // A late success replaces `failed` (rule 4).
    group
        .prepare_cached(
            "UPDATE uploads SET state = 'labelled', reason = NULL WHERE image = ? AND state IN ('received', 'failed')",
        )?
        .execute([digest])?;
    rows::by_id(group, id)
}
