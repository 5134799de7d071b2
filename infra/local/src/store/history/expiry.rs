use labelcast_functions::ports::{Expiry, PortResult};
use rusqlite::{Connection, Transaction, params};

use super::heads::Heads;
use super::read;
use crate::database::Database;
use crate::store::batches::{BATCH, until_done};

/// Forgets from the oldest number upwards, topic by topic, so that what is kept has no holes.
pub(super) async fn expire(database: &Database, heads: &Heads, expiry: Expiry) -> PortResult<u64> {
    let mut forgotten = 0;
    for topic in database.search(move |connection| due_topics(connection, expiry)).await? {
        forgotten += until_done(database, move |group| forget_oldest(group, topic, expiry)).await?;
    }
    // All on them is older than their last use.
    let all = Expiry { before: expiry.unused, keep: 0, ..expiry };
    for topic in database.search(move |connection| unused_topics(connection, expiry)).await? {
        forgotten += until_done(database, move |group| match is_unused(group, topic, expiry)? {
            true => forget_oldest(group, topic, all),
            false => Ok(0),
        })
        .await?;
    }
    // Mostly there is none, and a look keeps nobody from writing.
    if database.read(newest_unused).await?.is_some() {
        let heads = heads.clone();
        // Before the next append: a topic that comes back goes on from another number than before.
        database.write_then(forget_topics, move |()| heads.clear()).await?;
    }
    Ok(forgotten)
}

/// Forgets topics of which nothing is kept: everything on them was older than history is kept. The highest of their numbers
/// stays: a topic that comes back goes on beyond it.
fn forget_topics(group: &Transaction<'_>) -> rusqlite::Result<()> {
    let Some(newest) = newest_unused(group)? else { return Ok(()) };
    if newest > read::forgotten(group)?.0 {
        let note = "INSERT OR REPLACE INTO settings (name, value) VALUES ('forgotten_seq', ?1)";
        group.execute(note, [newest.to_string()])?;
    }
    let delete = "DELETE FROM topics WHERE NOT EXISTS (SELECT 1 FROM entries WHERE topic = topics.id)";
    let topics = group.execute(delete, [])?;
    tracing::info!(topics, "removed unused topics");
    Ok(())
}

/// The highest number of all topics of which nothing is kept; `None` if there is no such topic.
fn newest_unused(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached(
            "SELECT max(newest) FROM topics WHERE NOT EXISTS (SELECT 1 FROM entries WHERE topic = topics.id)",
        )?
        .query_row([], |row| row.get(0))
}

/// Topics whose oldest entry may be forgotten.
fn due_topics(connection: &Connection, expiry: Expiry) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT id FROM topics WHERE EXISTS (SELECT 1 FROM entries WHERE topic = id ",
        "AND seq = (SELECT min(seq) FROM entries WHERE topic = id) AND seq <= newest - ?1 AND written_at < ?2)"
    ))?;
    statement.query_map(params![kept(expiry), expiry.before.timestamp_millis()], |row| row.get(0))?.collect()
}

/// Topics that nobody has used for long and that have something.
fn unused_topics(connection: &Connection, expiry: Expiry) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM topics WHERE used_at < ?1 AND EXISTS (SELECT 1 FROM entries WHERE topic = topics.id)",
    )?;
    statement.query_map([expiry.unused.timestamp_millis()], |row| row.get(0))?.collect()
}

/// Whether that still is so.
fn is_unused(connection: &Connection, topic: i64, expiry: Expiry) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM topics WHERE id = ?1 AND used_at < ?2)")?
        .query_row(params![topic, expiry.unused.timestamp_millis()], |row| row.get(0))
}

/// One batch of one topic.
fn forget_oldest(group: &Transaction<'_>, topic: i64, expiry: Expiry) -> rusqlite::Result<u64> {
    let oldest: Vec<(i64, i64, i64)> = group
        .prepare_cached(concat!(
            "SELECT seq, notification, written_at FROM entries WHERE topic = ?1 ",
            "AND seq <= (SELECT newest FROM topics WHERE id = ?1) - ?2 ORDER BY seq LIMIT ?3"
        ))?
        .query_map(params![topic, kept(expiry), BATCH], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut forget = group.prepare_cached("DELETE FROM entries WHERE topic = ?1 AND seq = ?2")?;
    let mut release = group.prepare_cached("UPDATE notifications SET entries = entries - 1 WHERE number = ?1")?;
    let mut drop_last = group.prepare_cached("DELETE FROM notifications WHERE number = ?1 AND entries = 0")?;
    let mut forgotten = 0;
    // A clock that was set back can leave an older moment at a higher number: that one waits for those before it.
    let before = expiry.before.timestamp_millis();
    for (seq, notification, _) in oldest.into_iter().take_while(|(_, _, written_at)| *written_at < before) {
        forget.execute(params![topic, seq])?;
        release.execute([notification])?;
        drop_last.execute([notification])?;
        forgotten += 1;
    }
    Ok(forgotten)
}

/// As many as SQLite can count is all.
fn kept(expiry: Expiry) -> i64 {
    i64::try_from(expiry.keep).unwrap_or(i64::MAX)
}
