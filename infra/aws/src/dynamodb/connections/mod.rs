//! Connections and subscriptions, and the switch from replay to live.
//!
//! How a replay becomes live: a subscription is stored as replaying, and only then history is read. A notifier
//! writes history and then visits; one that finds a replaying subscription writes its number into it, or, where that went
//! live in the same moment, pushes to it. Going live is a write under the condition that no number beyond the position was
//! passed over. So whatever was passed over is replayed before anything is pushed, and no cursor that is pushed reaches
//! beyond what was replayed.

mod expired;
mod live;
mod messages;
mod refresh;
mod rows;
mod sessions;
mod shards;
mod subscribe;
mod visit;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::model::{Caller, Connection, ConnectionId, Cursor, Seq, Topic, TopicKey};
use labelcast_functions::ports::{
    Added, Clock, Connections, Frame, GoLive, MessageAllowed, PortResult, Pusher, Replacing, Subscribed, Subscription,
    Which,
};

use self::rows::{CONNECTION, ConnectionRow, SUBSCRIPTION, SubscriptionRow};
pub use self::shards::{Shards, ShardsError};
use super::{Order, Range, Table};

/// Connections and subscriptions, in a table of their own.
#[derive(Clone)]
pub struct DynamoConnections {
    table: Table,
    pusher: Arc<dyn Pusher>,
    clock: Arc<dyn Clock>,
    shards: Shards,
    /// Whose messages were beyond the rate when this process last saw one.
    flooding: Arc<Mutex<Option<ConnectionId>>>,
}

impl DynamoConnections {
    /// In this table. The pusher sends the responses after replays, and closes connections whose replays never ended.
    pub fn new(table: Table, pusher: Arc<dyn Pusher>, clock: Arc<dyn Clock>, shards: Shards) -> Self {
        Self { table, pusher, clock, shards, flooding: Arc::default() }
    }

    async fn row(&self, id: &ConnectionId) -> PortResult<Option<ConnectionRow>> {
        self.table.get(&rows::connection(id), CONNECTION).await
    }

    /// The subscriptions of a connection.
    async fn subscription_rows(&self, id: &ConnectionId) -> PortResult<Vec<SubscriptionRow>> {
        let shard = Range::Begins(SUBSCRIPTION);
        self.table.query(&rows::connection(id), shard, Order::Ascending, usize::MAX).await
    }

    /// Those on these topics.
    async fn subscription_rows_on(&self, id: &ConnectionId, topics: &[&TopicKey]) -> PortResult<Vec<SubscriptionRow>> {
        let topics: BTreeSet<&TopicKey> = topics.iter().copied().collect();
        let keys: Vec<(String, String)> =
            topics.into_iter().map(|topic| (rows::connection(id), rows::subscription(topic))).collect();
        self.table.get_many(&keys).await
    }
}

#[async_trait]
impl Connections for DynamoConnections {
    async fn add(&self, connection: &Connection, per_user: usize) -> PortResult<Added> {
        self.begin_session(connection, per_user).await
    }

    async fn get(&self, id: &ConnectionId) -> PortResult<Option<Connection>> {
        Ok(self.row(id).await?.map(ConnectionRow::connection))
    }

    async fn on_message(
        &self,
        id: &ConnectionId,
        per_second: u32,
        now: DateTime<Utc>,
    ) -> PortResult<Option<(Connection, MessageAllowed)>> {
        self.count_message(id, per_second, now).await
    }

    async fn subscriptions(&self, id: &ConnectionId) -> PortResult<Vec<Subscription>> {
        Ok(self.subscription_rows(id).await?.into_iter().map(SubscriptionRow::subscription).collect())
    }

    async fn subscribe(
        &self,
        id: &ConnectionId,
        subscriptions: &[Subscription],
        replacing: Replacing,
        limit: usize,
    ) -> PortResult<Subscribed> {
        self.store(id, subscriptions, replacing, limit).await
    }

    async fn go_live(
        &self,
        id: &ConnectionId,
        positions: &[(TopicKey, Cursor)],
        response: Frame,
    ) -> PortResult<GoLive> {
        self.end_replay(id, positions, response).await
    }

    async fn unsubscribe(&self, id: &ConnectionId, topics: &[TopicKey]) -> PortResult<()> {
        let topics: Vec<&TopicKey> = topics.iter().collect();
        self.end(self.subscription_rows_on(id, &topics).await?).await
    }

    async fn refresh(&self, id: &ConnectionId, caller: &Caller, dropped: &[Topic]) -> PortResult<bool> {
        self.rewrite_caller(id, caller, dropped).await
    }

    async fn remove(&self, read: &Connection) -> PortResult<bool> {
        self.end_session(read).await
    }

    async fn expired(&self, now: DateTime<Utc>, limit: usize) -> PortResult<Vec<Connection>> {
        self.find_expired(now, limit).await
    }

    async fn visit(
        &self,
        topic: &TopicKey,
        seq: Seq,
        which: Which<'_>,
        visitor: &mut (dyn for<'s> FnMut(&'s Subscription) + Send),
    ) -> PortResult<()> {
        self.visit_some(topic, seq, which, 0..self.shards.count(), visitor).await
    }

    fn shards(&self) -> u32 {
        self.shards.count()
    }

    fn shard_of(&self, connection: &ConnectionId) -> u32 {
        self.shards.of(connection)
    }

    async fn visit_shards(
        &self,
        topic: &TopicKey,
        seq: Seq,
        which: Which<'_>,
        shards: std::ops::Range<u32>,
        visitor: &mut (dyn for<'s> FnMut(&'s Subscription) + Send),
    ) -> PortResult<()> {
        self.visit_some(topic, seq, which, shards, visitor).await
    }
}
