use labelcast_functions::model::{Epoch, NotificationId, Seq};
use labelcast_functions::ports::{Head, HistoryEntry, HistoryPage, PageLimit};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::columns::{json, limit};

/// A topic's id in this database and its newest number; `None` if nothing was ever appended.
pub(super) fn topic(connection: &Connection, topic: &str) -> rusqlite::Result<Option<(i64, Seq)>> {
    connection
        .prepare_cached("SELECT id, newest FROM topics WHERE key = ?1")?
        .query_row([topic], |row| Ok((row.get(0)?, Seq(row.get(1)?))))
        .optional()
}

/// The newest number of a topic. One that is not there begins beyond all numbers of those that were forgotten, so that a
/// cursor of its earlier time is never taken for one of what came since.
pub(super) fn newest(connection: &Connection, topic_name: &str) -> rusqlite::Result<Seq> {
    match topic(connection, topic_name)? {
        Some((_, newest)) => Ok(newest),
        None => forgotten(connection),
    }
}

/// The highest number of all topics that were forgotten; see `expiry`.
pub(super) fn forgotten(connection: &Connection) -> rusqlite::Result<Seq> {
    let number: Option<u64> = connection
        .prepare_cached("SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'forgotten_seq'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(Seq(number.unwrap_or(0)))
}

pub(super) fn page(
    connection: &Connection,
    name: &str,
    epoch: Epoch,
    after: Seq,
    bound: PageLimit,
) -> rusqlite::Result<HistoryPage> {
    let Some((id, newest)) = topic(connection, name)? else {
        let newest = forgotten(connection)?;
        let head = Head { epoch, newest, watermark: newest };
        return Ok(HistoryPage { head, oldest: newest.next(), entries: Vec::new() });
    };
    let oldest: Option<u64> = connection
        .prepare_cached("SELECT min(seq) FROM entries WHERE topic = ?1")?
        .query_row([id], |row| row.get(0))?;
    let entries = match bound.entries {
        0 => Vec::new(),
        _ => entries(connection, id, after, bound)?,
    };
    let oldest = oldest.map_or(newest.next(), Seq);
    Ok(HistoryPage { head: Head { epoch, newest, watermark: newest }, oldest, entries })
}

fn entries(connection: &Connection, topic: i64, after: Seq, bound: PageLimit) -> rusqlite::Result<Vec<HistoryEntry>> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT seq, body FROM entries JOIN notifications ON number = notification ",
        "WHERE topic = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    ))?;
    let mut rows = statement.query(params![topic, storable(after), limit(bound.entries)])?;
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        bytes = bytes.saturating_add(row.get_ref(1)?.as_bytes()?.len());
        if bytes > bound.bytes && !entries.is_empty() {
            break;
        }
        entries.push(HistoryEntry { seq: Seq(row.get(0)?), notification: json(row, 1)? });
    }
    Ok(entries)
}

/// The ids of entries, in order.
pub(super) fn ids(
    connection: &Connection,
    name: &str,
    after: Seq,
    at_most: usize,
) -> rusqlite::Result<Vec<NotificationId>> {
    let Some((topic, _)) = topic(connection, name)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(concat!(
        "SELECT id FROM entries JOIN notifications ON number = notification ",
        "WHERE topic = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
    ))?;
    let ids = statement.query_map(params![topic, storable(after), limit(at_most)], |row| {
        Ok(NotificationId::given(row.get_ref(0)?.as_str()?))
    })?;
    ids.collect()
}

/// A number that SQLite cannot hold is after everything.
fn storable(after: Seq) -> i64 {
    i64::try_from(after.0).unwrap_or(i64::MAX)
}
