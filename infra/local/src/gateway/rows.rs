//! Connections and what they are subscribed to: the rows that the functions see. Plain state behind one lock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use labelcast_functions::live::MessageRate;
use labelcast_functions::model::{Caller, Connection, ConnectionId, Cursor, Seq, TopicKey, UserId};
use labelcast_functions::ports::{MessageAllowed, Replacing, Subscribed, Subscription, Which};

use super::interest::Interest;

/// The rows of all connections.
#[derive(Default)]
pub(super) struct Rows {
    connections: HashMap<ConnectionId, Row>,
    users: HashMap<UserId, usize>,
    topics: HashMap<TopicKey, Interest>,
}

struct Row {
    connection: Connection,
    topics: HashSet<TopicKey>,
    rate: MessageRate,
}

impl Rows {
    /// False if the user has that many already.
    pub(super) fn add(&mut self, connection: &Connection, per_user: usize) -> bool {
        let open = self.users.entry(connection.caller.user.clone()).or_default();
        if *open >= per_user {
            return false;
        }
        *open += 1;
        let row = Row { connection: connection.clone(), topics: HashSet::new(), rate: MessageRate::default() };
        self.connections.insert(connection.id.clone(), row);
        true
    }

    pub(super) fn get(&self, id: &ConnectionId) -> Option<&Connection> {
        self.connections.get(id).map(|row| &row.connection)
    }

    pub(super) fn on_message(
        &mut self,
        id: &ConnectionId,
        per_second: u32,
        now: Duration,
    ) -> Option<(Connection, MessageAllowed)> {
        let row = self.connections.get_mut(id)?;
        let allowed = row.rate.count(per_second, now);
        Some((row.connection.clone(), allowed))
    }

    pub(super) fn subscriptions(&self, id: &ConnectionId) -> Vec<Subscription> {
        let Some(row) = self.connections.get(id) else { return Vec::new() };
        let entries = row.topics.iter().filter_map(|topic| self.topics.get(topic)?.get(id));
        entries.map(|entry| entry.subscription.clone()).collect()
    }

    /// Whether a replay has begun and did not end.
    pub(super) fn is_replaying(&self, id: &ConnectionId) -> bool {
        let entry = |topic| self.topics.get(topic).and_then(|interest| interest.get(id));
        let topics = self.connections.get(id).into_iter().flat_map(|row| &row.topics);
        topics.filter_map(entry).any(|entry| entry.live_from.is_none())
    }

    pub(super) fn subscribe(
        &mut self,
        id: &ConnectionId,
        subscriptions: &[Subscription],
        replacing: Replacing,
        limit: usize,
    ) -> Subscribed {
        let Some(row) = self.connections.get(id) else { return Subscribed::Gone };
        let request: HashSet<&TopicKey> = subscriptions.iter().map(|subscription| &subscription.topic).collect();
        let kept = match replacing {
            Replacing::All => 0,
            Replacing::Same => row.topics.iter().filter(|topic| !request.contains(topic)).count(),
        };
        if kept + request.len() > limit {
            return Subscribed::TooMany;
        }
        if replacing == Replacing::All {
            let ended: Vec<TopicKey> = row.topics.iter().filter(|topic| !request.contains(topic)).cloned().collect();
            self.unsubscribe(id, &ended);
        }
        for subscription in subscriptions {
            self.topics.entry(subscription.topic.clone()).or_default().insert(subscription);
        }
        if let Some(row) = self.connections.get_mut(id) {
            row.topics.extend(request.into_iter().cloned());
        }
        Subscribed::Stored
    }

    pub(super) fn unsubscribe(&mut self, id: &ConnectionId, topics: &[TopicKey]) {
        for topic in topics {
            if let Some(row) = self.connections.get_mut(id) {
                row.topics.remove(topic);
            }
            if let Some(interest) = self.topics.get_mut(topic) {
                interest.remove(id);
                if interest.is_empty() {
                    self.topics.remove(topic);
                }
            }
        }
    }

    /// Whether every one of these was replayed as far as was visited for; then they are live from there.
    pub(super) fn go_live(&mut self, id: &ConnectionId, positions: &[(TopicKey, Cursor)]) -> bool {
        let behind = positions
            .iter()
            .any(|(topic, position)| self.topics.get(topic).is_some_and(|interest| position.seq < interest.visited()));
        if behind {
            return false;
        }
        for (topic, position) in positions {
            if let Some(interest) = self.topics.get_mut(topic) {
                interest.go_live(id, position.seq);
            }
        }
        true
    }

    pub(super) fn refresh(&mut self, id: &ConnectionId, caller: &Caller) -> bool {
        let Some(row) = self.connections.get_mut(id) else { return false };
        row.connection.caller = caller.clone();
        let caller = Arc::new(caller.clone());
        for topic in &row.topics {
            if let Some(interest) = self.topics.get_mut(topic) {
                interest.refresh(id, &caller);
            }
        }
        true
    }

    /// Deletes a connection that still is the one that was read.
    pub(super) fn remove(&mut self, read: &Connection) -> bool {
        let same = self.get(&read.id).is_some_and(|connection| connection.connected_at == read.connected_at);
        if !same {
            return false;
        }
        let topics: Vec<TopicKey> =
            self.connections.get(&read.id).into_iter().flat_map(|row| row.topics.iter().cloned()).collect();
        self.unsubscribe(&read.id, &topics);
        if let Some(row) = self.connections.remove(&read.id) {
            let user = row.connection.caller.user;
            if let Some(open) = self.users.get_mut(&user) {
                *open -= 1;
                if *open == 0 {
                    self.users.remove(&user);
                }
            }
        }
        true
    }

    /// Connections whose token ended before this moment.
    pub(super) fn expired(&self, before: DateTime<Utc>, limit: usize) -> Vec<Connection> {
        let rows = self.connections.values().filter(|row| row.connection.caller.expires_at < before);
        rows.take(limit).map(|row| row.connection.clone()).collect()
    }

    /// Connections of callers like these.
    pub(super) fn of_callers(&self, like: impl Fn(&Caller) -> bool) -> Vec<ConnectionId> {
        let rows = self.connections.values().filter(|row| like(&row.connection.caller));
        rows.map(|row| row.connection.id.clone()).collect()
    }

    pub(super) fn visit(
        &mut self,
        topic: &TopicKey,
        seq: Seq,
        which: Which<'_>,
        visitor: &mut dyn FnMut(&Subscription),
    ) {
        if let Some(interest) = self.topics.get_mut(topic) {
            interest.visit(seq, which, visitor);
        }
    }
}
