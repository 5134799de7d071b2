//! The rows of the table of connections.
//!
//! | partition | sort key | holds |
//! | --- | --- | --- |
//! | `connection#ID` | `connection` | [`ConnectionRow`] |
//! | `connection#ID` | `subscription#TOPIC` | [`SubscriptionRow`]: all of a subscription |
//! | `topic#TOPIC#RANGES.RANGE` | `FILING#ID` | [`BucketRow`]: what a notification needs to know of it, once a filing |
//! | `user#USER` | `count` | how many connections a user has open |
//! | `expiry#MINUTE#PART` | `ID` | [`ExpiryRow`]: connections by the minute in which their tokens end |
//! | `expiry` | `reached` | [`ReachedRow`]: how far these were emptied |
//!
//! DynamoDB forgets by itself what a clean-up that was cut off left behind, long after the token's end.

use labelcast_functions::ports::{Subscription, SubscriptionState};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::live::Excess;
use labelcast_functions::model::{Caller, Connection, ConnectionId, Seq, TopicKey, UserId};
use labelcast_functions::query::{Bucket, Query};
use serde::{Deserialize, Serialize};

use super::shards::{Shards, shard_of};

pub(super) const CONNECTION: &str = "connection";
pub(super) const SUBSCRIPTION: &str = "subscription#";
pub(super) const COUNT: &str = "count";
pub(super) const EXPIRY: &str = "expiry";
pub(super) const REACHED: &str = "reached";

/// Rows are forgotten this long after the token's end, if nobody cleaned up: connections themselves live two hours.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(6);
/// Parts of each minute of expiry: 500 sockets a second may open, and each writes two units to the minute of its end.
pub(super) const EXPIRY_SHARDS: u32 = 4;
/// How long a replay may take. API Gateway's longest integration takes 29 s.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Where filters are indexed that can match nothing: they still do not hold back what no filter holds back.
const NOWHERE: &str = "-";

/// A connection. It rules: what hangs on it and disagrees is about to be rewritten or deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ConnectionRow {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) id: ConnectionId,
    pub(super) caller: Caller,
    pub(super) connected_at: DateTime<Utc>,
    /// Counts changes of the caller and of the subscriptions, which are made under the condition that it did not move.
    pub(super) version: u64,
    /// When its messages so far would be through at exactly the rate, in microseconds.
    pub(super) messages_until: i64,
    /// When it was said last that they are too many, in microseconds; 0 if never.
    #[serde(default)]
    pub(super) warned_at: i64,
    /// How often it was said.
    #[serde(default)]
    pub(super) warnings: u32,
    /// Messages beyond the rate that were dropped without a response.
    #[serde(default)]
    pub(super) ignored: u32,
    /// The partition of its [`ExpiryRow`].
    pub(super) expiry: String,
    pub(super) ttl: i64,
}

/// A subscription, under its connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SubscriptionRow {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) connection: ConnectionId,
    pub(super) topic: TopicKey,
    pub(super) caller: Caller,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<Query>,
    /// Names this one among all that were ever there.
    pub(super) began: String,
    /// The partition of its [`BucketRow`]s.
    pub(super) partition: String,
    #[serde(rename = "filings")]
    pub(super) buckets: Vec<String>,
    /// Replayed up to here; without it, it is replaying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) live_from: Option<u64>,
    /// The highest number that passed it over while it was replaying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) passed: Option<u64>,
    /// The end of its replay at the latest, in milliseconds.
    pub(super) lease_until: i64,
    pub(super) ttl: i64,
}

/// A subscription, under its topic: what visitors see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BucketRow {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) connection: ConnectionId,
    pub(super) caller: Caller,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<Query>,
    pub(super) began: String,
    #[serde(rename = "filing")]
    pub(super) bucket: String,
    /// How many rows like this one the subscription has.
    #[serde(rename = "filings")]
    pub(super) buckets: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) live_from: Option<u64>,
    pub(super) ttl: i64,
}

/// A connection, under the minute in which its token ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ExpiryRow {
    pub(super) pk: String,
    pub(super) sk: ConnectionId,
    pub(super) user: UserId,
}

/// How far connections were looked for whose tokens ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ReachedRow {
    /// There is none before this minute.
    pub(super) minute: i64,
}

pub(super) fn connection(id: &ConnectionId) -> String {
    format!("connection#{id}")
}

pub(super) fn subscription(topic: &TopicKey) -> String {
    format!("{SUBSCRIPTION}{topic}")
}

pub(super) fn user(user: &UserId) -> String {
    format!("user#{user}")
}

/// What a bucket's rows begin with.
pub(super) fn in_bucket(bucket: &Bucket) -> String {
    format!("{bucket}#")
}

pub(super) fn by_bucket(bucket: &str, id: &ConnectionId) -> String {
    format!("{bucket}#{id}")
}

pub(super) fn minute(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

pub(super) fn expiry(minute: i64, part: u32) -> String {
    format!("{EXPIRY}#{minute}#{part}")
}

/// Where a connection is put that ends then; never into a minute that was emptied already.
pub(super) fn expiry_of(id: &ConnectionId, caller: &Caller, now: DateTime<Utc>) -> String {
    expiry(minute(caller.expires_at.max(now)), shard_of(id, EXPIRY_SHARDS))
}

pub(super) fn ttl(caller: &Caller) -> i64 {
    (caller.expires_at + FORGOTTEN_AFTER).timestamp()
}

impl ConnectionRow {
    pub(super) fn new(connected: &Connection, now: DateTime<Utc>) -> Self {
        let Connection { id, caller, connected_at } = connected.clone();
        Self {
            pk: connection(&id),
            sk: CONNECTION.to_owned(),
            version: 0,
            messages_until: 0,
            warned_at: 0,
            warnings: 0,
            ignored: 0,
            expiry: expiry_of(&id, &caller, now),
            ttl: ttl(&caller),
            id,
            caller,
            connected_at,
        }
    }

    pub(super) fn excess(&self) -> Option<Excess> {
        let warned_at = u64::try_from(self.warned_at).ok().filter(|at| *at > 0).map(Duration::from_micros)?;
        Some(Excess { warned_at, warnings: self.warnings, ignored: self.ignored })
    }

    pub(super) fn connection(self) -> Connection {
        Connection { id: self.id, caller: self.caller, connected_at: self.connected_at }
    }

    pub(super) fn expiry_row(&self) -> ExpiryRow {
        ExpiryRow { pk: self.expiry.clone(), sk: self.id.clone(), user: self.caller.user.clone() }
    }
}

impl SubscriptionRow {
    /// One that begins with the connection's next version. Who the connection is stands in its row, whatever was read when
    /// the request came.
    pub(super) fn begin(of: &ConnectionRow, request: &Subscription, shards: Shards, now: DateTime<Utc>) -> Self {
        let buckets = match &request.filter {
            None => BTreeSet::from([Bucket::Everything]),
            Some(filter) => filter.buckets(),
        };
        let buckets: Vec<String> = buckets.iter().map(Bucket::to_string).collect();
        Self {
            pk: of.pk.clone(),
            sk: subscription(&request.topic),
            connection: of.id.clone(),
            topic: request.topic.clone(),
            caller: of.caller.clone(),
            filter: request.filter.as_deref().cloned(),
            began: format!("{}.{}", of.connected_at.timestamp_micros(), of.version + 1),
            partition: shards.partition(&request.topic, &of.id),
            buckets: if buckets.is_empty() { vec![NOWHERE.to_owned()] } else { buckets },
            live_from: None,
            passed: None,
            lease_until: (now + LEASE).timestamp_millis(),
            ttl: of.ttl,
        }
    }

    /// The keys of its rows under the topic.
    pub(super) fn places(&self) -> impl Iterator<Item = (String, String)> {
        self.buckets.iter().map(|bucket| (self.partition.clone(), by_bucket(bucket, &self.connection)))
    }

    /// Its rows under the topic.
    pub(super) fn by_bucket(&self) -> impl Iterator<Item = BucketRow> {
        self.buckets.iter().map(|bucket| BucketRow {
            pk: self.partition.clone(),
            sk: by_bucket(bucket, &self.connection),
            connection: self.connection.clone(),
            caller: self.caller.clone(),
            filter: self.filter.clone(),
            began: self.began.clone(),
            bucket: bucket.clone(),
            buckets: self.buckets.len(),
            live_from: self.live_from,
            ttl: self.ttl,
        })
    }

    pub(super) fn subscription(self) -> Subscription {
        Subscription {
            connection: self.connection,
            topic: self.topic,
            filter: self.filter.map(Arc::new),
            state: if self.live_from.is_some() { SubscriptionState::Live } else { SubscriptionState::Replaying },
            caller: Arc::new(self.caller),
        }
    }
}

impl BucketRow {
    pub(super) fn subscription(self, topic: &TopicKey) -> Subscription {
        Subscription {
            connection: self.connection,
            topic: topic.clone(),
            filter: self.filter.map(Arc::new),
            state: SubscriptionState::Live,
            caller: Arc::new(self.caller),
        }
    }

    /// Whether one that is live is due this number; `None` while it is replaying.
    pub(super) fn is_due(&self, seq: Seq) -> Option<bool> {
        self.live_from.map(|from| from < seq.0)
    }
}
