//! Connections and subscriptions.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Caller, ConnectionId, TopicKey};
use crate::limits::TOKEN_GRACE;
use crate::query::Query;

/// An open socket. After `$connect` this row rules, not the authorizer's context, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// As the gateway named it.
    pub id: ConnectionId,
    /// Who, with which groups, until when.
    pub caller: Caller,
    /// With the id, what a clean-up compares before it deletes (`docs/guarantees.md#a-late-clean-up-ends-no-new-session`).
    pub connected_at: DateTime<Utc>,
}

impl Connection {
    /// Whether it may still be served.
    pub fn is_served(&self, now: DateTime<Utc>) -> bool {
        now <= self.caller.expires_at + TOKEN_GRACE
    }
}

/// Whether notifications are pushed to a subscription, or wait for its replay (`docs/guarantees.md#live-waits-for-replay`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    /// `notify` passes it over until `subscribe` has replayed history.
    Replaying,
    /// `notify` pushes to the subscription.
    Live,
}

/// A connection's interest in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The connection that subscribed.
    pub connection: ConnectionId,
    /// What it is subscribed to.
    pub topic: TopicKey,
    /// A search left running; `None` for everything.
    pub filter: Option<Arc<Query>>,
    /// Whether it is pushed to, or still being replayed.
    pub state: SubscriptionState,
    /// A copy of the connection's: what `notify` needs to know without reading it.
    pub caller: Arc<Caller>,
}
