use std::collections::BTreeSet;
use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Frame, PortResult, Subscription};
use crate::model::{Caller, Connection, ConnectionId, Cursor, Seq, Topic, TopicKey};
use crate::query::Bucket;

/// What became of a new connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The connection is stored.
    Stored,
    /// Its user has too many open; nothing was stored.
    TooMany,
}

/// Whether a message may be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageAllowed {
    /// The message is within the rate.
    Yes,
    /// Over it, which is to be said: once a second.
    RateLimited,
    /// Over it, and it was said within this second: dropped without a response.
    Ignored,
    /// Over it for so long, or by so much, that the connection is to be closed.
    Flooding,
}

/// What subscribing does to what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacing {
    /// Subscriptions to the same topics; others stay.
    Same,
    /// Everything: topics that are not named end.
    All,
}

/// The outcome of storing subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// They are stored, all of them `Replaying`.
    Stored,
    /// There would be too many on this connection; nothing changed.
    TooMany,
    /// The connection is gone; nothing changed.
    Gone,
}

/// What came of ending a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoLive {
    /// The subscriptions are live and the response was sent, before any live notification where the backend can order that.
    Live,
    /// Notifications beyond the positions were passed over: replay them and ask again.
    Behind,
    /// The connection is gone, or the lease of its replay ran out and it was closed.
    Gone,
}

/// Which subscriptions to a topic are requested.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Every subscription, whatever its filter.
    All,
    /// Those indexed under one of these. Those without a filter are indexed under [`Bucket::Everything`].
    InBuckets(&'a BTreeSet<Bucket>),
}

/// Connections and subscriptions. Reads are strong; a subscription is stored before history is read, history is written
/// before subscriptions are read: so every notification reaches a subscriber live or on replay.
#[async_trait]
pub trait Connections: Send + Sync {
    /// Stores a connection, unless its user has `per_user` of them.
    async fn add(&self, connection: &Connection, per_user: usize) -> PortResult<Added>;

    /// Reads a connection; `None` if there is none, or none any more.
    async fn get(&self, id: &ConnectionId) -> PortResult<Option<Connection>>;

    /// Reads a connection's row and counts a message against its rate (a token bucket of `per_second`, twice that at
    /// once), in one round trip.
    async fn on_message(
        &self,
        id: &ConnectionId,
        per_second: u32,
        now: DateTime<Utc>,
    ) -> PortResult<Option<(Connection, MessageAllowed)>>;

    /// What a connection is subscribed to.
    async fn subscriptions(&self, id: &ConnectionId) -> PortResult<Vec<Subscription>>;

    /// Stores subscriptions, all of one connection, in one transaction that checks that the connection exists.
    /// They replace those on the same topics, and become `Replaying` under a lease.
    async fn subscribe(
        &self,
        id: &ConnectionId,
        subscriptions: &[Subscription],
        replacing: Replacing,
        limit: usize,
    ) -> PortResult<Subscribed>;

    /// Ends the replay of these subscriptions, each replayed up to its position, and sends the response.
    async fn go_live(&self, id: &ConnectionId, positions: &[(TopicKey, Cursor)], response: Frame)
    -> PortResult<GoLive>;

    /// Ends subscriptions; those that are not there are fine.
    async fn unsubscribe(&self, id: &ConnectionId, topics: &[TopicKey]) -> PortResult<()>;

    /// Rewrites who a connection is and until when, in its row and its subscriptions, and ends those on `dropped` topics.
    /// False if the connection is gone.
    async fn refresh(&self, id: &ConnectionId, caller: &Caller, dropped: &[Topic]) -> PortResult<bool>;

    /// Deletes a connection that still is the one that was read, then what hangs on it. False if it was not.
    async fn remove(&self, read: &Connection) -> PortResult<bool>;

    /// Connections whose grace is over at this moment, at most `limit`.
    async fn expired(&self, now: DateTime<Utc>, limit: usize) -> PortResult<Vec<Connection>>;

    /// Shows the `Live` subscriptions to a topic that are due its notification of this number, each once, in no order: one
    /// that went live at or beyond the number was replayed it already. The visitor only looks: whether a filter matches
    /// is for the caller.
    async fn visit(
        &self,
        topic: &TopicKey,
        seq: Seq,
        which: Which<'_>,
        visitor: &mut (dyn for<'s> FnMut(&'s Subscription) + Send),
    ) -> PortResult<()>;

    /// Into how many shards connections are partitioned, by chance and evenly. One, where nobody delivers in parts.
    fn shards(&self) -> u32 {
        1
    }

    /// The shard that a connection is in.
    fn shard_of(&self, _connection: &ConnectionId) -> u32 {
        0
    }

    /// [`Connections::visit`], for the connections of some shards alone.
    async fn visit_shards(
        &self,
        topic: &TopicKey,
        seq: Seq,
        which: Which<'_>,
        shards: Range<u32>,
        visitor: &mut (dyn for<'s> FnMut(&'s Subscription) + Send),
    ) -> PortResult<()> {
        match shards.contains(&0) {
            true => self.visit(topic, seq, which, visitor).await,
            false => Ok(()),
        }
    }
}
