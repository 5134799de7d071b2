//! What images are found by: their labels, their uploaders, and that they are offensive.

use labelcast_functions::model::{Analysis, Confidence, UserId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// A term by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Term<'a> {
    Label(&'a str),
    Uploader(&'a UserId),
    Offensive,
}

impl Term<'_> {
    fn kind_and_name(&self) -> (&'static str, &str) {
        match self {
            Self::Label(name) => ("label", name),
            Self::Uploader(user) => ("uploader", user.as_str()),
            Self::Offensive => ("property", "offensive"),
        }
    }
}

/// A term in the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) visible: i64,
    pub(super) total: i64,
}

pub(super) fn look_up(connection: &Connection, term: Term<'_>) -> rusqlite::Result<Option<Known>> {
    let (kind, name) = term.kind_and_name();
    connection
        .prepare_cached("SELECT id, visible, total FROM terms WHERE kind = ? AND name = ?")?
        .query_row([kind, name], |row| Ok(Known { id: row.get(0)?, visible: row.get(1)?, total: row.get(2)? }))
        .optional()
}

/// The terms of a result, with what stands in their postings.
pub(super) fn of(analysis: &Analysis) -> impl Iterator<Item = (Term<'_>, Confidence)> {
    let labels = analysis.labels.iter().map(|label| (Term::Label(label.name.as_str()), label.confidence));
    labels.chain(analysis.is_offensive().then_some((Term::Offensive, Confidence::FULL)))
}

/// Files an image under a term and counts it, once.
pub(super) fn file(
    group: &Transaction<'_>,
    term: Term<'_>,
    number: i64,
    confidence: Confidence,
    hidden: bool,
) -> rusqlite::Result<()> {
    let (kind, name) = term.kind_and_name();
    group
        .prepare_cached("INSERT INTO terms (kind, name, visible, total) VALUES (?, ?, 0, 0) ON CONFLICT DO NOTHING")?
        .execute([kind, name])?;
    let Some(known) = look_up(group, term)? else { return Err(rusqlite::Error::QueryReturnedNoRows) };
    let filed = group
        .prepare_cached(
            "INSERT INTO postings (term, number, confidence, hidden) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute(params![known.id, number, confidence.hundredths(), hidden])?;
    if filed > 0 {
        count(group, known.id, 1, hidden)?;
    }
    Ok(())
}

/// Undoes [`file`].
pub(super) fn unfile(group: &Transaction<'_>, term: Term<'_>, number: i64, hidden: bool) -> rusqlite::Result<()> {
    let Some(known) = look_up(group, term)? else { return Ok(()) };
    let unfiled =
        group.prepare_cached("DELETE FROM postings WHERE term = ? AND number = ?")?.execute([known.id, number])?;
    if unfiled > 0 {
        count(group, known.id, -1, hidden)?;
        group.prepare_cached("DELETE FROM terms WHERE id = ? AND total = 0")?.execute([known.id])?;
    }
    Ok(())
}

fn count(group: &Transaction<'_>, term: i64, step: i64, hidden: bool) -> rusqlite::Result<()> {
    let visible = if hidden { 0 } else { step };
    group
        .prepare_cached("UPDATE terms SET total = total + ?, visible = visible + ? WHERE id = ?")?
        .execute([step, visible, term])?;
    Ok(())
}
