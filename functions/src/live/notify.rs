//! `notify`: writes history, then pushes (`docs/guarantees.md#at-least-once`).

use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};

use super::entry;
use super::partition::{self, PartitionedFanOut};
use super::receivers::{self, TopicSet};
use super::render::{self, Shown};
use crate::model::{ConnectionId, Event, Image, Notification, Subject};
use crate::ports::{
    Clock, Connections, Frame, History, Images, Objects, PortResult, Pushed, Pusher, TopicPosition, Unreached,
};

/// Appends notifications to history and pushes them to their receivers.
#[derive(Clone)]
pub struct Notify {
    /// Dates notifications and decides which tokens have ended.
    pub clock: Arc<dyn Clock>,
    /// The images that notifications refer to.
    pub images: Arc<dyn Images>,
    /// Signs links to pictures.
    pub objects: Arc<dyn Objects>,
    /// Appended to before anything is pushed.
    pub history: Arc<dyn History>,
    /// Finds the receivers.
    pub connections: Arc<dyn Connections>,
    /// Sends frames to them.
    pub pusher: Arc<dyn Pusher>,
    /// Partitions the fan-out when there are too many receivers for one run; `None` where one process serves all.
    pub partitioning: Option<PartitionedFanOut>,
}

/// Connections closed, or whose rows are removed, at the same time.
const MAX_CONCURRENCY: usize = 64;

impl Notify {
    /// Handles one event of the bus.
    pub async fn handle(&self, event: Event) -> PortResult<()> {
        self.handle_all(vec![event]).await
    }

    /// Handles several events in order: one transaction appends them to history, and frames for one socket are written
    /// together. All succeed or none; a repeat pushes again under the same ids (`docs/guarantees.md#no-holes-no-doubles`).
    pub async fn handle_all(&self, events: Vec<Event>) -> PortResult<()> {
        let now = self.clock.now();
        let entries = entry::all(events, &*self.images).await?;
        if entries.is_empty() {
            return Ok(());
        }
        let appended = self.history.append(&entries).await?;
        let all: Vec<&Notification> = entries.iter().map(|entry| &entry.notification).collect();
        let shown = Shown::of(&all, &*self.images).await?;
        let (mut frames, mut pushed) = (Vec::with_capacity(entries.len()), Vec::new());
        for (entry, appended) in entries.iter().zip(appended) {
            let notification = &entry.notification;
            let image = shown.image(notification);
            if let Some(few) = self.frames_unless_partitioned(notification, &appended.positions, image, now).await? {
                frames.extend(few);
                pushed.push((notification, appended.positions));
            }
            if let (Some(image), Subject::ImageLabelled { .. }, false) =
                (image, &notification.subject, appended.repeated)
            {
                let seconds = (now - image.uploaded_at).as_seconds_f64();
                metrics::histogram!("labelcast_upload_to_push_seconds").record(seconds.max(0.0));
            }
        }
        let unreached = self.pusher.push(frames).await;
        self.mark_delivered(&pushed, unserved(&unreached)).await?;
        self.clean_up(unreached).await;
        Ok(())
    }

    /// Lets the watermark pass what was pushed, unless somebody was not served in time: `deliver` goes on with them.
    async fn mark_delivered(
        &self,
        pushed: &[(&Notification, Vec<TopicPosition>)],
        left: Vec<ConnectionId>,
    ) -> PortResult<()> {
        match &self.partitioning {
            Some(partitioning) if !left.is_empty() => {
                for (notification, positions) in pushed {
                    let (history, deliveries) = (&*self.history, &*partitioning.deliveries);
                    let what = (*notification, positions.as_slice());
                    partition::dispatch_rest(history, deliveries, what, &left, &*self.connections).await?;
                }
                metrics::counter!("labelcast_receivers_put_back_total").increment(left.len() as u64);
                return Ok(());
            }
            _ => self.close_all(left).await?,
        }
        let watermark: Vec<TopicPosition> = pushed.iter().flat_map(|(_, positions)| positions.clone()).collect();
        self.history.mark_delivered(&watermark).await
    }

    /// The frames of all receivers, or `None` if they are so many that `deliver` serves them, a shard at a time. Ranges are
    /// alike, so the first shows how many there are.
    async fn frames_unless_partitioned(
        &self,
        notification: &Notification,
        positions: &[TopicPosition],
        image: Option<&Image>,
        now: DateTime<Utc>,
    ) -> PortResult<Option<Vec<Pushed>>> {
        let shards = self.connections.shards();
        let Some(partitioning) = self.partitioning.as_ref().filter(|_| shards > 1) else {
            return self.frames(notification, positions, image, 0..shards, now).await.map(Some);
        };
        let mut frames = self.frames(notification, positions, image, 0..1, now).await?;
        let receivers: usize = frames.iter().map(|pushed| pushed.to.len()).sum();
        if receivers.saturating_mul(shards as usize) <= partitioning.receivers_at_once {
            frames.extend(self.frames(notification, positions, image, 1..shards, now).await?);
            return Ok(Some(frames));
        }
        partition::dispatch(&*self.history, &*partitioning.deliveries, notification, positions, shards).await?;
        Ok(None)
    }

    /// One frame a group of receivers whose frames are alike.
    pub(super) async fn frames(
        &self,
        notification: &Notification,
        positions: &[TopicPosition],
        image: Option<&Image>,
        shards: Range<u32>,
        now: DateTime<Utc>,
    ) -> PortResult<Vec<Pushed>> {
        let groups = receivers::find(notification, positions, image, &*self.connections, shards, now).await?;
        let mut frames = Vec::with_capacity(groups.len());
        for (topics, to) in groups {
            let Some(message) = render::frame(notification, &of(topics, positions), image, &*self.objects) else {
                continue;
            };
            match Frame::encode(&message) {
                Some(frame) => frames.push(Pushed { frame, to }),
                None => {
                    // What we make fits, so this was put onto the bus by others. History has it; whoever comes back for it is
                    // told that not everything was replayed, and reloads.
                    let (id, closed) = (&notification.id, to.len());
                    tracing::error!(%id, closed, "a notification is too large for a frame; its receivers were closed, so that they resume");
                    metrics::counter!("labelcast_notifications_too_large_total").increment(1);
                    self.close_all(to).await?;
                }
            }
        }
        Ok(frames)
    }

    /// Closes the receivers of a notification that cannot be pushed, so that they resume from history. Returns how many.
    pub(super) async fn close_receivers(
        &self,
        notification: &Notification,
        positions: &[TopicPosition],
        image: Option<&Image>,
        shards: Range<u32>,
    ) -> PortResult<usize> {
        let now = self.clock.now();
        let groups = receivers::find(notification, positions, image, &*self.connections, shards, now).await?;
        let all: Vec<ConnectionId> = groups.into_values().flatten().collect();
        let count = all.len();
        self.close_all(all).await?;
        Ok(count)
    }

    /// Closes connections, so that they resume from history. One that cannot be closed holds up none of the others; it is an
    /// error in the end, because it would never hear of what it missed.
    pub(super) async fn close_all(&self, all: Vec<ConnectionId>) -> PortResult<()> {
        let closing = all.into_iter().map(async |id| (self.pusher.close(&id).await, id));
        let closed: Vec<_> = stream::iter(closing).buffer_unordered(MAX_CONCURRENCY).collect().await;
        let (mut gone, mut failed) = (Vec::with_capacity(closed.len()), None);
        for (outcome, id) in closed {
            match outcome {
                Ok(()) => gone.push((id, Unreached::Failed)),
                Err(error) => failed = Some(error),
            }
        }
        self.clean_up(gone).await;
        failed.map_or(Ok(()), Err)
    }

    /// Removes the rows of receivers that a push did not reach: they are gone, or were closed for it. If that fails, the next
    /// push finds the row again; on AWS it ends by itself, too.
    pub(super) async fn clean_up(&self, unreached: Vec<(ConnectionId, Unreached)>) {
        let cleaning = unreached.into_iter().map(async |(id, why)| {
            metrics::counter!("labelcast_unreached_total", "why" => reason(why)).increment(1);
            if why == Unreached::Unserved {
                return;
            }
            if let Err(error) = self.remove(&id).await {
                metrics::counter!("labelcast_cleanup_failures_total").increment(1);
                tracing::warn!(connection = %id, %error, "could not remove the row of a closed connection");
            }
        });
        stream::iter(cleaning).buffer_unordered(MAX_CONCURRENCY).collect::<()>().await;
    }

    async fn remove(&self, id: &ConnectionId) -> PortResult<()> {
        if let Some(connection) = self.connections.get(id).await? {
            self.connections.remove(&connection).await?;
        }
        Ok(())
    }
}

/// Those who are open and were not sent everything.
pub(super) fn unserved(unreached: &[(ConnectionId, Unreached)]) -> Vec<ConnectionId> {
    unreached.iter().filter(|(_, why)| *why == Unreached::Unserved).map(|(id, _)| id.clone()).collect()
}

fn of(topics: TopicSet, positions: &[TopicPosition]) -> Vec<&TopicPosition> {
    positions
        .iter()
        .enumerate()
        .filter(|(index, _)| topics & (1 << index) != 0)
        .map(|(_, positions)| positions)
        .collect()
}

const fn reason(why: Unreached) -> &'static str {
    match why {
        Unreached::Gone => "gone",
        Unreached::Slow => "slow",
        Unreached::Failed => "failed",
        Unreached::Unserved => "unserved",
    }
}
