use async_trait::async_trait;

use super::PortResult;
use crate::model::BusEvent;

/// The bus did not take one entry of several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event bus refused an event: {code}: {message}")]
pub struct EntryRefused {
    /// The entry's error code, as `PutEvents` names it.
    pub code: String,
    /// Why the entry was not taken, for the log.
    pub message: String,
}

/// The bus. Delivery is at least once, in no promised order.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes events; the result holds each one's own outcome, in order: a whole that succeeded can hold refused
    /// entries. What was taken is durable.
    async fn publish(&self, events: &[BusEvent]) -> PortResult<Vec<Result<(), EntryRefused>>>;
}

impl dyn Bus + '_ {
    /// Publishes events of which every one matters: an entry that was refused is an error, so that the caller's job is
    /// tried again as a whole (events are idempotent).
    pub async fn publish_all(&self, events: &[BusEvent]) -> PortResult<()> {
        match self.publish(events).await?.into_iter().find_map(Result::err) {
            Some(refused) => Err(super::PortError::Unavailable { what: "the bus", why: refused.to_string() }),
            None => Ok(()),
        }
    }
}
