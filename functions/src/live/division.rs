//! Notifications whose receivers are too many for one run, or that `notify` gave up: `deliver` serves them, a range of
//! connections at a time (`docs/guarantees.md#shards`).

use std::sync::Arc;

use async_trait::async_trait;

use super::entry;
use crate::model::{ConnectionId, Event, Notification};
use crate::ports::{Connections, Deliveries, Delivery, History, Images, Placed, PortResult, Undelivered};

/// When `notify` divides, and to whom.
#[derive(Clone)]
pub struct Division {
    /// The queue before `deliver`.
    pub deliveries: Arc<dyn Deliveries>,
    /// Receivers that one run serves itself.
    pub receivers_at_once: usize,
}

/// Puts a notification into the queue before `deliver`, once a range. A repeat does so again, under the same numbers.
pub(super) async fn hand_over(
    history: &dyn History,
    deliveries: &dyn Deliveries,
    notification: &Notification,
    placed: &[Placed],
    ranges: u32,
) -> PortResult<()> {
    let all: Vec<Delivery> =
        (0..ranges).map(|range| Delivery::of_range(notification.clone(), placed.to_vec(), range)).collect();
    // In flight by parts before the first part can end.
    history.divide(placed, ranges).await?;
    deliveries.send(&all).await?;
    metrics::counter!("labelcast_notifications_divided_total").increment(1);
    Ok(())
}

/// Hands on those whom `notify` did not serve in its time, a range at a time.
pub(super) async fn hand_over_rest(
    history: &dyn History,
    deliveries: &dyn Deliveries,
    (notification, placed): (&Notification, &[Placed]),
    rest: &[ConnectionId],
    connections: &dyn Connections,
) -> PortResult<()> {
    let ranges = connections.ranges();
    let mut by_range = vec![Vec::new(); ranges as usize];
    for id in rest {
        if let Some(some) = by_range.get_mut(connections.range_of(id) as usize) {
            some.push(id.clone());
        }
    }
    let all: Vec<Delivery> = (0..ranges)
        .zip(by_range)
        .map(|(range, some)| Delivery::of_range(notification.clone(), placed.to_vec(), range).for_rest(some))
        .collect();
    history.divide(placed, ranges).await?;
    deliveries.send(&all).await
}

/// What becomes of events that `notify` gave up: they are divided, whoever is concerned. `deliver` has attempts of its own,
/// and its last one closes whom it could not reach; so nobody's cursor passes what they were never sent.
#[derive(Clone)]
pub struct Abandoned {
    /// What notifications are about.
    pub images: Arc<dyn Images>,
    /// Where `notify` wrote them, or came no further than to.
    pub history: Arc<dyn History>,
    /// The queue before `deliver`.
    pub deliveries: Arc<dyn Deliveries>,
    /// Into how many ranges connections are divided.
    pub ranges: u32,
}

#[async_trait]
impl Undelivered for Abandoned {
    async fn take(&self, event: Event) -> PortResult<()> {
        let entries = entry::all(vec![event], &*self.images).await?;
        let appended = self.history.append(&entries).await?;
        for (entry, appended) in entries.iter().zip(appended) {
            let notification = &entry.notification;
            tracing::error!(id = %notification.id, "`notify` exhausted its attempts at a notification; `deliver` continues");
            hand_over(&*self.history, &*self.deliveries, notification, &appended.placed, self.ranges).await?;
            metrics::counter!("labelcast_notifications_given_up_total").increment(1);
        }
        Ok(())
    }
}
