//! The rows of the table of history.
//!
//! | partition | sort key | holds |
//! | --- | --- | --- |
//! | `topic#KEY` | `head` | [`HeadRow`] |
//! | `topic#KEY` | `entry#NUMBER`, with 20 digits | [`EntryRow`] |
//! | `topic#KEY` | `parts#NUMBER` | [`PartitionsRow`], of the first of a notification's topics |
//! | `id#NOTIFICATION` | `id` | [`IdRow`], as long as an entry of it is kept |
//! | `topics#shared`, `topics#users` | `KEY` | [`TopicRow`]: every topic that has a head, so that sweeps find it |
//! | `sweep` | either of these | [`PlaceRow`]: how far the last sweep came |

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use labelcast_functions::model::{Epoch, NotificationId, Seq, TopicKey};
use serde::{Deserialize, Serialize};

pub(super) const HEAD: &str = "head";
pub(super) const ID: &str = "id";
pub(super) const SHARED_TOPICS: &str = "topics#shared";
pub(super) const USERS_TOPICS: &str = "topics#users";
pub(super) const SWEEP: &str = "sweep";

/// A topic's history as a whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct HeadRow {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) epoch: Epoch,
    pub(super) newest: u64,
    /// Entries before this one are forgotten, whether or not their rows are gone yet.
    pub(super) oldest: u64,
    /// When it was last published to, or read, in milliseconds, to about a day; 0 if that is not known.
    #[serde(default)]
    pub(super) used_at: i64,
    /// Numbers that are appended and not delivered, with the moment of it in milliseconds.
    pub(super) in_flight: BTreeMap<String, i64>,
}

/// One entry of one topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EntryRow {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) seq: u64,
    pub(super) id: NotificationId,
    /// The notification as JSON.
    pub(super) notification: String,
    /// When it was appended, in milliseconds.
    pub(super) at: i64,
}

/// Which parts of a notification are still to be pushed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PartitionsRow {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) epoch: Epoch,
    /// Missing once all have ended.
    #[serde(with = "serde_dynamo::number_set")]
    pub(super) left: BTreeSet<u32>,
    pub(super) ttl: i64,
}

/// Where a notification stands, by its id: so that a repeat keeps its numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IdRow {
    pub(super) pk: String,
    pub(super) sk: String,
    #[serde(rename = "placed")]
    pub(super) positions: Vec<(TopicKey, Seq)>,
    /// The topics that still keep it.
    #[serde(with = "serde_dynamo::string_set")]
    pub(super) kept: BTreeSet<String>,
}

/// A topic that has a head.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TopicRow {
    pub(super) pk: String,
    pub(super) sk: String,
}

/// How far the last sweep came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PlaceRow {
    pub(super) pk: String,
    pub(super) sk: String,
    /// The key of a topic.
    pub(super) after: String,
}

/// The partition of a topic's head and entries.
pub(super) fn topic(key: &str) -> String {
    format!("topic#{key}")
}

/// The partition of a notification's [`IdRow`].
pub(super) fn id(id: &NotificationId) -> String {
    format!("id#{id}")
}

/// The list that a topic stands in.
pub(super) const fn list(topic: &TopicKey) -> &'static str {
    match topic {
        TopicKey::Shared(_) => SHARED_TOPICS,
        TopicKey::Uploads(_) => USERS_TOPICS,
    }
}

/// The sort key of a number's parts.
pub(super) fn partitions(seq: u64) -> String {
    format!("parts#{seq:020}")
}

/// An entry's sort key, in the order of the numbers.
pub(super) fn entry(seq: u64) -> String {
    format!("entry#{seq:020}")
}

impl HeadRow {
    /// Of a topic that nothing was appended to.
    pub(super) fn empty(key: &str, epoch: Epoch, now: DateTime<Utc>) -> Self {
        let (in_flight, used_at) = (BTreeMap::new(), now.timestamp_millis());
        Self { pk: topic(key), sk: HEAD.to_owned(), epoch, newest: 0, oldest: 1, used_at, in_flight }
    }

    /// What is being pushed, in no order: what was appended since a moment and is not delivered. What is in flight for longer counts
    /// as exhausted: its notifier died, and every other attempt at it has ended.
    pub(super) fn pushing(&self, since: DateTime<Utc>) -> impl Iterator<Item = u64> {
        let since = since.timestamp_millis();
        self.in_flight.iter().filter(move |(_, at)| **at >= since).filter_map(|(seq, _)| seq.parse().ok())
    }

    /// Exhausted numbers that are still listed.
    pub(super) fn exhausted(&self, since: DateTime<Utc>) -> impl Iterator<Item = &String> {
        let since = since.timestamp_millis();
        self.in_flight.iter().filter(move |(_, at)| **at < since).map(|(seq, _)| seq)
    }

    /// The delivered watermark: everything up to it was pushed or exhausted.
    pub(super) fn watermark(&self, since: DateTime<Utc>) -> Seq {
        Seq(self.pushing(since).min().map_or(self.newest, |first| first - 1))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_watermark_stays_below_a_push_in_flight_until_it_times_out() {
        let now = Utc::now();
        let mut head = HeadRow::empty("labels", Epoch::from_random([0; 8]), now);
        let exhausted_after = TimeDelta::minutes(15);
        let watermark = |head: &HeadRow, at: DateTime<Utc>| head.watermark(at - exhausted_after);
        assert_eq!(watermark(&head, now), Seq(0));
        head.newest = 12;
        for (seq, minutes) in [(9, 15), (10, 3), (12, 0)] {
            head.in_flight.insert(seq.to_string(), (now - TimeDelta::minutes(minutes)).timestamp_millis());
        }
        assert_eq!(watermark(&head, now), Seq(8));
        assert_eq!(watermark(&head, now + TimeDelta::seconds(1)), Seq(9));
        assert_eq!(watermark(&head, now + TimeDelta::minutes(14)), Seq(11));
        assert_eq!(watermark(&head, now + TimeDelta::minutes(16)), Seq(12));
    }
}
