//! Notifications whose receivers are too many for one run, or that `notify` gave up: `deliver` serves them, a shard of
//! connections at a time (`docs/guarantees.md#shards`).

use std::sync::Arc;

use async_trait::async_trait;

use super::entry;
use crate::model::{ConnectionId, Event, Notification};
use crate::ports::{Connections, Deliveries, Delivery, History, Images, PortResult, TopicPosition, Undelivered};

/// When `notify` partitions, and to whom.
#[derive(Clone)]
pub struct PartitionedFanOut {
    /// The queue before `deliver`.
    pub deliveries: Arc<dyn Deliveries>,
    /// Receivers that one run serves itself.
    pub receivers_at_once: usize,
}

/// Puts a notification into the queue before `deliver`, once a shard. A repeat does so again, under the same numbers.
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

/// Hands on those whom `notify` did not serve in its time, a shard at a time.
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

/// What becomes of events that `notify` gave up: they are partitioned, whoever is concerned. `deliver` has attempts of its own,
/// and its last one closes whom it could not reach; so nobody's cursor passes what they were never sent.
#[derive(Clone)]
pub struct Undispatched {
    /// What notifications are about.
    pub images: Arc<dyn Images>,
    /// Where `notify` wrote them, or came no further than to.
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
