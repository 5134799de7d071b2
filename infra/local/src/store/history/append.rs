use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::{DateTime, Utc};
use labelcast_functions::model::{Cursor, Epoch, Seq, TopicKey};
use labelcast_functions::ports::{Appended, NewEntry, TopicPosition};
use rusqlite::{CachedStatement, Transaction, params};

use super::read;
use crate::store::columns::{json, to_json};

/// What is written of an entry, prepared before the writer is called.
pub(super) struct EncodedEntry {
    id: String,
    body: String,
    topics: Vec<(TopicKey, String)>,
    epoch: Epoch,
}

pub(super) fn encode(entries: &[NewEntry], epoch: &Epoch) -> Vec<EncodedEntry> {
    let named = |topic: &TopicKey| (topic.clone(), topic.to_string());
    entries
        .iter()
        .map(|entry| EncodedEntry {
            id: entry.notification.id.as_str().to_owned(),
            body: to_json(&entry.notification),
            topics: entry.topics.iter().map(named).collect(),
            epoch: epoch.clone(),
        })
        .collect()
}

/// For all entries in one change (`docs/guarantees.md#no-holes-no-doubles`).
pub(super) fn append(
    group: &Transaction<'_>,
    entries: Vec<EncodedEntry>,
    now: DateTime<Utc>,
) -> rusqlite::Result<Vec<Appended>> {
    let mut heads = Heads::default();
    let mut insert = Insert::prepare(group)?;
    let mut responses = Vec::with_capacity(entries.len());
    for entry in entries {
        responses.push(insert.entry(group, &mut heads, &entry, now)?);
    }
    heads.write(group, now)?;
    Ok(responses)
}

/// The statements that every entry needs.
struct Insert<'a> {
    notification: CachedStatement<'a>,
    entry: CachedStatement<'a>,
}

impl<'a> Insert<'a> {
    fn prepare(group: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            notification: group.prepare_cached(concat!(
                "INSERT INTO notifications (id, body, placed, entries) VALUES (?1, ?2, ?3, ?4) ",
                "ON CONFLICT (id) DO NOTHING"
            ))?,
            entry: group
                .prepare_cached("INSERT INTO entries (topic, seq, notification, written_at) VALUES (?1, ?2, ?3, ?4)")?,
        })
    }

    fn entry(
        &mut self,
        group: &Transaction<'_>,
        heads: &mut Heads,
        entry: &EncodedEntry,
        now: DateTime<Utc>,
    ) -> rusqlite::Result<Appended> {
        let positions =
            entry.topics.iter().map(|(topic, name)| Ok((topic.clone(), heads.get(group, name)?.newest.next())));
        let positions: Vec<(TopicKey, Seq)> = positions.collect::<rusqlite::Result<_>>()?;
        let stored =
            self.notification.execute(params![entry.id, entry.body, to_json(&positions), entry.topics.len()])?;
        if stored == 0 {
            return Ok(appended(known(group, &entry.id)?, &entry.epoch, true));
        }
        let number = group.last_insert_rowid();
        for ((_, name), (_, seq)) in entry.topics.iter().zip(&positions) {
            let head = heads.get(group, name)?;
            head.newest = *seq;
            self.entry.execute(params![head.id, seq.0, number, now.timestamp_millis()])?;
        }
        Ok(appended(positions, &entry.epoch, false))
    }
}

/// Where a notification was placed when it came first.
fn known(group: &Transaction<'_>, id: &str) -> rusqlite::Result<Vec<(TopicKey, Seq)>> {
    group.prepare_cached("SELECT placed FROM notifications WHERE id = ?1")?.query_row([id], |row| json(row, 0))
}

fn appended(positions: Vec<(TopicKey, Seq)>, epoch: &Epoch, repeated: bool) -> Appended {
    let positions = positions.into_iter().map(|(topic, seq)| {
        let cursor = Cursor { epoch: epoch.clone(), seq };
        TopicPosition { topic, seq, cursor }
    });
    Appended { positions: positions.collect(), repeated }
}

/// The topics of this change: each is read once and written once.
#[derive(Default)]
struct Heads(HashMap<String, TopicHead>);

struct TopicHead {
    id: i64,
    newest: Seq,
}

impl Heads {
    fn get(&mut self, group: &Transaction<'_>, topic: &str) -> rusqlite::Result<&mut TopicHead> {
        Ok(match self.0.entry(topic.to_owned()) {
            Entry::Occupied(head) => head.into_mut(),
            Entry::Vacant(place) => place.insert(find_or_make(group, topic)?),
        })
    }

    fn write(self, group: &Transaction<'_>, now: DateTime<Utc>) -> rusqlite::Result<()> {
        let mut update =
            group.prepare_cached("UPDATE topics SET newest = ?2, used_at = ?3 WHERE id = ?1 AND newest <> ?2")?;
        let now = now.timestamp_millis();
        self.0.into_values().try_for_each(|head| update.execute(params![head.id, head.newest.0, now]).map(drop))
    }
}

fn find_or_make(group: &Transaction<'_>, topic: &str) -> rusqlite::Result<TopicHead> {
    if let Some((id, newest)) = read::topic(group, topic)? {
        return Ok(TopicHead { id, newest });
    }
    let newest = read::forgotten(group)?;
    group.prepare_cached("INSERT INTO topics (key, newest) VALUES (?1, ?2)")?.execute(params![topic, newest.0])?;
    Ok(TopicHead { id: group.last_insert_rowid(), newest })
}
