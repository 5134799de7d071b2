use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{PortResult, TopicPosition};
use crate::model::{ConnectionId, Notification};

/// A notification for the receivers of one shard of connections: the body of the messages to `deliver`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The notification to push.
    pub notification: Notification,
    /// Where it stands in history.
    #[serde(rename = "placed")]
    pub positions: Vec<TopicPosition>,
    /// Which shard of connections to push to, from 0.
    #[serde(rename = "range")]
    pub shard: u32,
    /// Those of the shard who are still to be served, where others have been; `None` is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<ConnectionId>>,
    /// Attempts at it before this message, which came to an end of their own accord.
    #[serde(default)]
    pub attempts: u32,
}

impl Delivery {
    /// Connections that a message names at most: 20 bytes each, of the 256 KB that a message may have.
    pub const MAX_NAMED: usize = 8_000;

    /// All receivers of a shard, for the first time.
    pub fn of_shard(notification: Notification, positions: Vec<TopicPosition>, shard: u32) -> Self {
        Self { notification, positions, shard, only: None, attempts: 0 }
    }

    /// With those alone who are still to be served; with all of them where they are too many to name.
    #[must_use]
    pub fn for_rest(self, rest: Vec<ConnectionId>) -> Self {
        Self { only: (rest.len() <= Self::MAX_NAMED).then_some(rest), ..self }
    }
}

/// The queue before `deliver`, of backends where one function cannot serve all receivers in its time.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Queues deliveries. All of them are durable on return; delivered at least once.
    async fn send(&self, deliveries: &[Delivery]) -> PortResult<()>;
}
