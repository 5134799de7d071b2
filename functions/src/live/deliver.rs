//! `deliver`: pushes a notification to one shard of its receivers (`docs/guarantees.md#shards`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::render::Shown;
use super::{Notify, unserved};
use crate::model::ConnectionId;
use crate::ports::{Deliveries, Delivery, PortError, PortResult, Pushed};

/// Pushes one shard of a notification that `notify` partitioned.
#[derive(Clone)]
pub struct Deliver {
    /// Finds receivers and pushes to them.
    pub notify: Notify,
    /// The queue that deliveries come from. Receivers that were not served in time are put back into it on their own.
    pub deliveries: Arc<dyn Deliveries>,
    /// Attempts at a shard before it becomes a dead letter; the last one closes the receivers it could not serve.
    pub max_attempts: u32,
    /// How long one attempt may take. It is shorter than the function's timeout, so that the last attempt can still close
    /// the receivers it did not reach. Pushing itself ends earlier and names who is left.
    pub timeout: Duration,
}

impl Deliver {
    /// Handles a delivery. `attempt` is the number of this attempt at the message, from 1; 0 where the queue does not say.
    pub async fn handle(&self, delivery: Delivery, attempt: u32) -> PortResult<()> {
        let outcome = self.take(delivery, attempt).await;
        if outcome.is_err() {
            metrics::counter!("labelcast_delivery_failures_total").increment(1);
        }
        outcome
    }

    async fn take(&self, delivery: Delivery, attempt: u32) -> PortResult<()> {
        let is_last = attempt >= self.max_attempts.saturating_sub(delivery.attempts);
        let outcome = tokio::time::timeout(self.timeout, self.push(&delivery)).await.unwrap_or_else(|_| {
            let why = format!("timed out after {} s", self.timeout.as_secs());
            Err(PortError::Unavailable { what: "a shard of receivers", why })
        });
        match outcome {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) if is_last => self.close(&delivery, left).await,
            Ok(left) => self.put_back(delivery, left, attempt).await,
            Err(error) => {
                if is_last {
                    // The message becomes a dead letter all the same.
                    self.exhaust(&delivery).await?;
                }
                Err(error)
            }
        }
    }

    /// Pushes; returns the receivers that were not served in time.
    async fn push(&self, delivery: &Delivery) -> PortResult<Vec<ConnectionId>> {
        let Delivery { notification, positions, shard, only, .. } = delivery;
        let notify = &self.notify;
        let mut unreached = Vec::new();
        if only.as_ref().is_none_or(|only| !only.is_empty()) {
            let shown = Shown::of(&[notification], &*notify.images).await?;
            let image = shown.image(notification);
            let frames = notify.frames(notification, positions, image, *shard..shard + 1, notify.clock.now()).await?;
            unreached = notify.pusher.push(some_of(frames, only.as_deref())).await;
        }
        let left: Vec<ConnectionId> = unserved(&unreached);
        if left.is_empty() {
            notify.history.mark_partition_delivered(positions, *shard).await?;
        }
        notify.clean_up(unreached).await;
        Ok(left)
    }

    /// Dispatches the remaining receivers to another run, which then completes the partition.
    async fn put_back(&self, delivery: Delivery, left: Vec<ConnectionId>, attempt: u32) -> PortResult<()> {
        let count = left.len();
        let attempts = delivery.attempts + attempt;
        tracing::warn!(id = %delivery.notification.id, shard = delivery.shard, count, "some receivers are left for another run");
        metrics::counter!("labelcast_receivers_put_back_total").increment(count as u64);
        self.deliveries.send(&[Delivery { attempts, ..delivery.for_rest(left) }]).await
    }

    /// Closes the receivers that the last attempt did not serve, so that they resume from history, and only then completes
    /// the partition.
    async fn close(
        &self,
        Delivery { notification, positions, shard, .. }: &Delivery,
        left: Vec<ConnectionId>,
    ) -> PortResult<()> {
        let closed = left.len();
        self.notify.close_all(left).await?;
        self.notify.history.mark_partition_delivered(positions, *shard).await?;
        tracing::error!(id = %notification.id, shard, closed, "closed receivers that could not be served in time");
        metrics::counter!("labelcast_shards_exhausted_total").increment(1);
        Ok(())
    }

    /// Closes all receivers of the shard, so that they resume from history, and only then completes the partition. If even
    /// that fails, the watermark stays below until history stops waiting for notifications in flight.
    async fn exhaust(&self, Delivery { notification, positions, shard, .. }: &Delivery) -> PortResult<()> {
        let notify = &self.notify;
        let shown = Shown::of(&[notification], &*notify.images).await?;
        let closed =
            notify.close_receivers(notification, positions, shown.image(notification), *shard..shard + 1).await?;
        notify.history.mark_partition_delivered(positions, *shard).await?;
        tracing::error!(id = %notification.id, shard, closed, "attempts exhausted; closed the receivers of a shard");
        metrics::counter!("labelcast_shards_exhausted_total").increment(1);
        Ok(())
    }
}

/// The frames, restricted to some of their receivers.
fn some_of(frames: Vec<Pushed>, only: Option<&[ConnectionId]>) -> Vec<Pushed> {
    let Some(only) = only else { return frames };
    let only: HashSet<&ConnectionId> = only.iter().collect();
    let some = frames
        .into_iter()
        .map(|Pushed { frame, to }| Pushed { frame, to: to.into_iter().filter(|id| only.contains(id)).collect() });
    some.collect()
}
