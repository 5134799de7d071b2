//! What connections are subscribed to.

use std::sync::Arc;

use crate::model::{Caller, ConnectionId, TopicKey};
use crate::query::Query;

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
