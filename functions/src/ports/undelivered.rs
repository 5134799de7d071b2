//! Notifications that could not be pushed with all attempts.

use async_trait::async_trait;

use super::PortResult;
use crate::model::Event;

/// Who sees to the receivers of an event whose attempts are exhausted.
#[async_trait]
pub trait Undelivered: Send + Sync {
    /// Takes such an event. Once it returns, later notifications may be pushed.
    async fn take(&self, event: Event) -> PortResult<()>;
}
