use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::model::{Cursor, Epoch, Notification, NotificationId, Seq, TopicKey};

/// A notification and the topics it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The same on all topics.
    pub notification: Notification,
    /// At least one, each once.
    pub topics: Vec<TopicKey>,
}

/// Where a notification stands on one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPosition {
    /// The topic that the notification is on.
    pub topic: TopicKey,
    /// The notification's number on the topic.
    pub seq: Seq,
    /// What a pushed frame shows: the delivered watermark, never ahead of what is still being pushed.
    pub cursor: Cursor,
}

/// Where an entry came to stand in history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// One per topic, in the order requested.
    pub positions: Vec<TopicPosition>,
    /// Whether the id was there before; it keeps its numbers and is pushed again (`docs/guarantees.md#no-holes-no-doubles`).
    pub repeated: bool,
}

/// A topic's history as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The life of the topic's history that numbers belong to.
    pub epoch: Epoch,
    /// The number of the newest entry; 0 for an empty topic.
    pub newest: Seq,
    /// The delivered watermark: everything up to it was pushed or exhausted. On one machine: `newest`.
    pub watermark: Seq,
}

/// One entry of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The entry's number on its topic.
    pub seq: Seq,
    /// The notification as it was written.
    pub notification: Notification,
}

/// Part of a topic's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// As of the same moment as the entries.
    pub head: Head,
    /// The number of the oldest entry that is still kept; `newest + 1` if none is.
    pub oldest: Seq,
    /// Entries in ascending order, without holes.
    pub entries: Vec<HistoryEntry>,
}

impl HistoryPage {
    /// Whether everything after this place is still kept.
    pub fn reaches_back_to(&self, after: Seq) -> bool {
        self.oldest <= after.next()
    }
}

/// How much of a history is read at once: as far as both bounds allow, but one entry whatever its size, so that whoever goes
/// on from the last one gets somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit {
    /// Entries at most. With 0 the page says where the history begins and ends, and nothing is read of it.
    pub entries: usize,
    /// Bytes at most, of notifications as they are stored.
    pub bytes: usize,
}

impl PageLimit {
    /// So many entries, however large they are.
    pub const fn entries(entries: usize) -> Self {
        Self { entries, bytes: usize::MAX }
    }
}

/// What may be forgotten: entries that are both older than `before` and not among the newest `keep` of their topic, and
/// topics that nobody has used since `unused`, with all that is on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// Entries written before this moment.
    pub before: DateTime<Utc>,
    /// Entries kept whatever their age.
    pub keep: u64,
    /// Topics go that were neither published to nor read since this moment: a cursor of one that comes back is not recovered,
    /// unless nothing came after it. Backends note a use within a day.
    pub unused: DateTime<Utc>,
}

/// The history of topics. Reads are strong. Epochs survive restarts; an empty topic has a head.
#[async_trait]
pub trait History: Send + Sync {
    /// Appends entries in order, each in one transaction for all of its topics: no holes, no doubles. The results
    /// are in order. What was returned survives the end of the process. A backend may lose it with the machine only if its
    /// topics have another epoch afterwards, and the caller's job runs again.
    async fn append(&self, entries: &[NewEntry]) -> PortResult<Vec<Appended>>;

    /// Records that a pushed notification reached everyone it could: the watermark advances.
    async fn mark_delivered(&self, positions: &[TopicPosition]) -> PortResult<()>;

    /// Partitions the fan-out of a notification. Each partition reports its own completion; until the last one does, the
    /// watermark stays below it. Only backends that deliver in parts are called.
    async fn partition(&self, _positions: &[TopicPosition], _partitions: u32) -> PortResult<()> {
        Ok(())
    }

    /// [`History::mark_delivered`], for one of the parts.
    async fn mark_partition_delivered(&self, positions: &[TopicPosition], _partition: u32) -> PortResult<()> {
        self.mark_delivered(positions).await
    }

    /// The head of a topic.
    async fn head(&self, topic: &TopicKey) -> PortResult<Head>;

    /// Entries after this number, as far as the limit allows.
    async fn read(&self, topic: &TopicKey, after: Seq, limit: PageLimit) -> PortResult<HistoryPage>;

    /// The ids of up to `limit` entries after this number, in order: what is needed to bring the histories of several
    /// topics into one order. By default all is read for it, in parts, and dropped again.
    async fn ids(&self, topic: &TopicKey, after: Seq, limit: usize) -> PortResult<Vec<NotificationId>> {
        let mut ids = Vec::new();
        let mut reached = after;
        while ids.len() < limit {
            let entries =
                self.read(topic, reached, PageLimit { entries: limit - ids.len(), bytes: 256 * 1024 }).await?.entries;
            let Some(last) = entries.last() else { break };
            reached = last.seq;
            ids.extend(entries.into_iter().map(|entry| entry.notification.id));
        }
        Ok(ids)
    }

    /// Forgets what may be forgotten; returns how many entries.
    async fn expire(&self, expiry: Expiry) -> PortResult<u64>;
}
