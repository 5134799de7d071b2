//! Partitioned fan-out: notifications with too many receivers for one run, or that exhausted `notify`, are served by
//! `deliver`, one shard of connections at a time (`docs/guarantees.md#shards`).

use std::sync::Arc;

use async_trait::async_trait;

use super::entry;
use crate::model::{ConnectionId, Event, Notification};
use crate::ports::{Connections, Deliveries, Delivery, History, Images, PortResult, TopicPosition, Undelivered};

/// When `notify` partitions a notification, and where it dispatches the shards.
#[derive(Clone)]
pub struct PartitionedFanOut {
    /// The queue before `deliver`.
    pub deliveries: Arc<dyn Deliveries>,
    /// Maximum number of receivers that one run of `notify` serves itself.
    pub receivers_at_once: usize,
}

/// Enqueues one delivery per shard. A repeat does so again, under the same numbers.
pub(super) async fn dispatch(
    history: &dyn History,
    deliveries: &dyn Deliveries,
    notification: &Notification,
    positions: &[TopicPosition],
    shards: u32,
) -> PortResult<()> {
    let all: Vec<Delivery> =
        (0..shards).map(|shard| Delivery::of_shard(notification.clone(), positions.to_vec(), shard)).collect();
    // In flight by parts before the first part can end.
    history.partition(positions, shards).await?;
    deliveries.send(&all).await?;
    metrics::counter!("labelcast_notifications_partitioned_total").increment(1);
    Ok(())
}

/// Dispatches the receivers that `notify` did not serve in time, one delivery per shard.
pub(super) async fn dispatch_rest(
    history: &dyn History,
    deliveries: &dyn Deliveries,
    (notification, positions): (&Notification, &[TopicPosition]),
    rest: &[ConnectionId],
    connections: &dyn Connections,
) -> PortResult<()> {
    let shards = connections.shards();
    let mut by_shard = vec![Vec::new(); shards as usize];
    for id in rest {
        if let Some(some) = by_shard.get_mut(connections.shard_of(id) as usize) {
            some.push(id.clone());
        }
    }
    let all: Vec<Delivery> = (0..shards)
        .zip(by_shard)
        .map(|(shard, some)| Delivery::of_shard(notification.clone(), positions.to_vec(), shard).for_rest(some))
        .collect();
    history.partition(positions, shards).await?;
    deliveries.send(&all).await
}

/// Handles events that exhausted `notify`: they are partitioned whatever their audience. `deliver` has attempts of its own,
/// and the last closes the receivers it could not reach, so no cursor passes a notification that was never sent.
#[derive(Clone)]
pub struct Undispatched {
    /// The images that notifications refer to.
    pub images: Arc<dyn Images>,
    /// Where `notify` appended them, or should have.
    pub history: Arc<dyn History>,
    /// The queue before `deliver`.
    pub deliveries: Arc<dyn Deliveries>,
    /// Into how many shards connections are partitioned.
    pub shards: u32,
}

#[async_trait]
impl Undelivered for Undispatched {
    async fn take(&self, event: Event) -> PortResult<()> {
        let entries = entry::all(vec![event], &*self.images).await?;
        let appended = self.history.append(&entries).await?;
        for (entry, appended) in entries.iter().zip(appended) {
            let notification = &entry.notification;
            tracing::error!(id = %notification.id, "`notify` exhausted its attempts at a notification; `deliver` continues");
            dispatch(&*self.history, &*self.deliveries, notification, &appended.positions, self.shards).await?;
            metrics::counter!("labelcast_notifications_exhausted_total").increment(1);
        }
        Ok(())
    }
}
