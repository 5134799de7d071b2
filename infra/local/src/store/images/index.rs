//! Terms, their counts and their postings.

use labelcast_functions::model::{Confidence, Image};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::rows;
use super::term::{Term, terms_of};

/// A term that some image has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub id: i64,
    /// How many images of the audience's have it.
    pub count: u64,
}

/// Looks a term up for an audience; `None` if no image of theirs has it.
pub(super) fn find(connection: &Connection, term: Term<'_>, sees_hidden: bool) -> rusqlite::Result<Option<Known>> {
    let known = connection
        .prepare_cached("SELECT id, iif(?3, total, visible) FROM terms WHERE kind = ?1 AND name = ?2")?
        .query_row(params![term.kind(), term.name(), sees_hidden], |row| {
            Ok(Known { id: row.get(0)?, count: row.get(1)? })
        })
        .optional()?;
    Ok(known.filter(|known| known.count > 0))
}

/// Makes an image found by all of its terms.
pub(super) fn add_all(group: &Transaction<'_>, image: &Image) -> rusqlite::Result<()> {
    terms_of(image).into_iter().try_for_each(|(term, confidence)| add(group, image, term, confidence))
}

/// Makes an image found by one more term. It must not have it yet.
pub(super) fn add(
    group: &Transaction<'_>,
    image: &Image,
    term: Term<'_>,
    confidence: Confidence,
) -> rusqlite::Result<()> {
    let Some((number, hidden)) = place(image) else { return Ok(()) };
    let id: i64 = group
        .prepare_cached(concat!(
            "INSERT INTO terms (kind, name, visible, total) VALUES (?1, ?2, ?3, 1) ",
            "ON CONFLICT (kind, name) DO UPDATE SET visible = visible + excluded.visible, total = total + 1 ",
            "RETURNING id"
        ))?
        .query_row(params![term.kind(), term.name(), u8::from(!hidden)], |row| row.get(0))?;
    group
        .prepare_cached("INSERT INTO postings (term, number, confidence, hidden) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, number, confidence.hundredths(), hidden])
        .map(drop)
}

/// Undoes [`add_all`] and [`add`].
pub(super) fn remove_all(group: &Transaction<'_>, image: &Image) -> rusqlite::Result<()> {
    let Some((number, hidden)) = place(image) else { return Ok(()) };
    let mut count = group.prepare_cached(concat!(
        "UPDATE terms SET visible = visible - ?3, total = total - 1 WHERE kind = ?1 AND name = ?2 ",
        "RETURNING id, total"
    ))?;
    let mut remove = group.prepare_cached("DELETE FROM postings WHERE term = ?1 AND number = ?2")?;
    let mut forget = group.prepare_cached("DELETE FROM terms WHERE id = ?1")?;
    for term in terms_of(image).into_keys() {
        let counted = params![term.kind(), term.name(), u8::from(!hidden)];
        let (id, total): (i64, u64) = count.query_row(counted, |row| Ok((row.get(0)?, row.get(1)?)))?;
        remove.execute([id, number])?;
        if total == 0 {
            forget.execute([id])?;
        }
    }
    Ok(())
}

/// An image's number, and whether it is for moderators only; `None` before it has a result.
fn place(image: &Image) -> Option<(i64, bool)> {
    let result = image.result.as_ref()?;
    Some((rows::number(result.position), !image.is_public()))
}
