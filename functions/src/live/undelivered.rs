//! Notifications whose attempts are exhausted. No receiver's cursor may pass them, so their receivers have to be closed;
//! each backend decides how.

use std::sync::Arc;

use async_trait::async_trait;

use super::entry;
use crate::model::{ConnectionId, Event};
use crate::ports::{Connections, History, Images, PortResult, Pusher, Undelivered, Which};

/// Closes everyone subscribed to a topic of the notification, so that they resume from history. For the local backend,
/// where nothing later is pushed before this is done. It ignores filters and images: they may be why the push failed.
#[derive(Clone)]
pub struct CloseSubscribers {
    /// The images that notifications refer to.
    pub images: Arc<dyn Images>,
    /// Where `notify` appended it, or should have.
    pub history: Arc<dyn History>,
    /// Finds the subscribers.
    pub connections: Arc<dyn Connections>,
    /// Closes them.
    pub pusher: Arc<dyn Pusher>,
}

#[async_trait]
impl Undelivered for CloseSubscribers {
    async fn take(&self, event: Event) -> PortResult<()> {
        let entries = entry::all(vec![event], &*self.images).await?;
        let appended = self.history.append(&entries).await?;
        for (entry, appended) in entries.iter().zip(&appended) {
            let mut subscribed: Vec<ConnectionId> = Vec::new();
            for positions in &appended.positions {
                let mut gather =
                    |subscription: &crate::ports::Subscription| subscribed.push(subscription.connection.clone());
                self.connections.visit(&positions.topic, positions.seq, Which::All, &mut gather).await?;
            }
            for connection in &subscribed {
                self.pusher.close(connection).await?;
            }
            let (id, closed) = (&entry.notification.id, subscribed.len());
            tracing::error!(%id, closed, "a notification could not be pushed; closed its subscribers so that they resume");
            metrics::counter!("labelcast_notifications_exhausted_total").increment(1);
            self.history.mark_delivered(&appended.positions).await?;
        }
        Ok(())
    }
}
