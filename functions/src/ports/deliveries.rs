use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Placed, PortResult};
use crate::model::Notification;

/// A notification for the receivers of one range of connections: the body of the messages to `deliver`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What happened.
    pub notification: Notification,
    /// Where it stands in history.
    pub placed: Vec<Placed>,
    /// The range, from 0.
    pub range: u32,
}

/// The queue before `deliver`, of homes where one function cannot serve all receivers in its time.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Queues deliveries. All of them are durable when answered; delivered at least once.
    async fn send(&self, deliveries: &[Delivery]) -> PortResult<()>;
}
