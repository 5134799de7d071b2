//! The port `Connections`, in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::limits::TOKEN_GRACE;
use labelcast_functions::model::{Caller, Connection, ConnectionId, Cursor, Seq, Topic, TopicKey};
use labelcast_functions::ports::{
    Added, Connections, Frame, GoLive, MessageAllowed, PortResult, Replacing, Subscribed, Subscription, Which,
};

use super::{Gateway, frame};

#[async_trait]
impl Connections for Gateway {
    async fn add(&self, connection: &Connection, per_user: usize) -> PortResult<Added> {
        Ok(if self.rows().add(connection, per_user) { Added::Stored } else { Added::TooMany })
    }

    async fn get(&self, id: &ConnectionId) -> PortResult<Option<Connection>> {
        Ok(self.rows().get(id).cloned())
    }

    async fn on_message(
        &self,
        id: &ConnectionId,
        per_second: u32,
        _now: DateTime<Utc>,
    ) -> PortResult<Option<(Connection, MessageAllowed)>> {
        // By the clock that never steps: rows here do not outlive the process.
        let now = self.shared.clock.monotonic();
        Ok(self.rows().on_message(id, per_second, now))
    }

    async fn subscriptions(&self, id: &ConnectionId) -> PortResult<Vec<Subscription>> {
        Ok(self.rows().subscriptions(id))
    }

    async fn subscribe(
        &self,
        id: &ConnectionId,
        subscriptions: &[Subscription],
        replacing: Replacing,
        limit: usize,
    ) -> PortResult<Subscribed> {
        Ok(self.rows().subscribe(id, subscriptions, replacing, limit))
    }

    async fn go_live(
        &self,
        id: &ConnectionId,
        positions: &[(TopicKey, Cursor)],
        response: Frame,
    ) -> PortResult<GoLive> {
        let Some(socket) = self.socket(id) else { return Ok(GoLive::Gone) };
        let queued = {
            let mut rows = self.rows();
            if rows.get(id).is_none() {
                return Ok(GoLive::Gone);
            }
            if !rows.go_live(id, positions) {
                return Ok(GoLive::Behind);
            }
            // Under the same lock: whoever visits next pushes behind the response.
            socket.queue(frame::text(response.bytes()))
        };
        Ok(if socket.after_queueing(queued) { GoLive::Live } else { GoLive::Gone })
    }

    async fn unsubscribe(&self, id: &ConnectionId, topics: &[TopicKey]) -> PortResult<()> {
        self.rows().unsubscribe(id, topics);
        Ok(())
    }

    async fn refresh(&self, id: &ConnectionId, caller: &Caller, dropped: &[Topic]) -> PortResult<bool> {
        let mut rows = self.rows();
        let dropped: Vec<TopicKey> = dropped.iter().map(|topic| topic.clone().key(&caller.user)).collect();
        rows.unsubscribe(id, &dropped);
        Ok(rows.refresh(id, caller))
    }

    async fn remove(&self, read: &Connection) -> PortResult<bool> {
        Ok(self.rows().remove(read))
    }

    async fn expired(&self, now: DateTime<Utc>, limit: usize) -> PortResult<Vec<Connection>> {
        Ok(self.rows().expired(now - TOKEN_GRACE, limit))
    }

    async fn visit(
        &self,
        topic: &TopicKey,
        seq: Seq,
        which: Which<'_>,
        visitor: &mut (dyn for<'s> FnMut(&'s Subscription) + Send),
    ) -> PortResult<()> {
        self.rows().visit(topic, seq, which, visitor);
        self.shared.progress.made();
        Ok(())
    }
}
