//! `notify`: writes history, then pushes (promise 2).

use std::ops::Range;
use std::sync::Arc;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::receivers::{self, TopicSet};
use super::render::{self, Shown};
use crate::model::{
    BusEvent, ConnectionId, Image, Notification, NotificationId, RemovedImage, Status, Subject, Topic, TopicKey,
};
use crate::ports::{
    Clock, Connections, Deliveries, Delivery, Frame, History, Images, NewEntry, Objects, Placed, PortResult, Pushed,
    Pusher, Unreached,
};

/// The function's parts.
#[derive(Clone)]
pub struct Notify {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What notifications are about.
    pub images: Arc<dyn Images>,
    /// What signs URLs.
    pub objects: Arc<dyn Objects>,
    /// Written first.
    pub history: Arc<dyn History>,
    /// Who listens.
    pub connections: Arc<dyn Connections>,
    /// What reaches them.
    pub pusher: Arc<dyn Pusher>,
    /// Who serves receivers that are too many for one run; `None` where one process serves all.
    pub deliveries: Option<Arc<dyn Deliveries>>,
}

/// Receivers that one run serves. A post of AWS takes some 10 ms and dozens run at once, so this is a second or two.
const RECEIVERS_AT_ONCE: usize = 5_000;

impl Notify {
    /// Takes an event of the bus.
    pub async fn handle(&self, event: EventBridgeEvent<Value>) -> PortResult<()> {
        self.handle_all(vec![event]).await
    }

    /// Takes several events, in order: one transaction writes them to history, and what goes to one socket is written
    /// together. All or none; a repeat pushes again, under the same ids (rule 6).
    pub async fn handle_all(&self, events: Vec<EventBridgeEvent<Value>>) -> PortResult<()> {
        let now = self.clock.now();
        let mut entries = Vec::with_capacity(events.len());
        for event in &events {
            match BusEvent::from_parts(&event.detail_type, &event.detail) {
                Some(ours) => entries.extend(self.entry(ours, event.time.unwrap_or(now)).await?),
                None => {
                    tracing::warn!(
                        detail_type = event.detail_type,
                        "an event that is not for `notify` was passed over"
                    );
                    metrics::counter!("labelcast_notify_ignored_total").increment(1);
                }
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        let appended = self.history.append(&entries).await?;
        let all: Vec<&Notification> = entries.iter().map(|entry| &entry.notification).collect();
        let shown = Shown::of(&all, &*self.images).await?;
        let (mut frames, mut settled) = (Vec::with_capacity(entries.len()), Vec::new());
        for (entry, appended) in entries.iter().zip(appended) {
            let notification = &entry.notification;
            let image = shown.image(notification);
            if let Some(few) = self.frames_unless_divided(notification, &appended.placed, image, now).await? {
                frames.extend(few);
                settled.extend(appended.placed);
            }
            if let (Some(image), Subject::ImageLabelled { .. }, false) =
                (image, &notification.subject, appended.repeated)
            {
                let seconds = (now - image.uploaded_at).as_seconds_f64();
                metrics::histogram!("labelcast_upload_to_push_seconds").record(seconds.max(0.0));
            }
        }
        self.push(frames).await?;
        self.history.settle(&settled).await
    }

    /// The frames of all receivers, or `None` if they are so many that `deliver` serves them, a range at a time. Ranges are
    /// alike, so the first tells how many there are.
    async fn frames_unless_divided(
        &self,
        notification: &Notification,
        placed: &[Placed],
        image: Option<&Image>,
        now: DateTime<Utc>,
    ) -> PortResult<Option<Vec<Pushed>>> {
        let ranges = self.connections.ranges();
        let Some(deliveries) = self.deliveries.as_ref().filter(|_| ranges > 1) else {
            return self.frames(notification, placed, image, 0..ranges, now).await.map(Some);
        };
        let mut frames = self.frames(notification, placed, image, 0..1, now).await?;
        let receivers: usize = frames.iter().map(|pushed| pushed.to.len()).sum();
        if receivers.saturating_mul(ranges as usize) <= RECEIVERS_AT_ONCE {
            frames.extend(self.frames(notification, placed, image, 1..ranges, now).await?);
            return Ok(Some(frames));
        }
        let all: Vec<Delivery> = (0..ranges)
            .map(|range| Delivery { notification: notification.clone(), placed: placed.to_vec(), range })
            .collect();
        // In flight by parts before the first part can end.
        self.history.divide(placed, ranges).await?;
        deliveries.send(&all).await?;
        metrics::counter!("labelcast_notifications_divided_total").increment(1);
        Ok(None)
    }

    /// One frame a group of receivers whose frames are alike.
    pub(super) async fn frames(
        &self,
        notification: &Notification,
        placed: &[Placed],
        image: Option<&Image>,
        ranges: Range<u32>,
        now: DateTime<Utc>,
    ) -> PortResult<Vec<Pushed>> {
        let groups = receivers::find(notification, placed, image, &*self.connections, ranges, now).await?;
        let mut frames = Vec::with_capacity(groups.len());
        for (topics, to) in groups {
            let Some(message) = render::frame(notification, &of(topics, placed), image, &*self.objects) else {
                continue;
            };
            match Frame::encode(&message) {
                Some(frame) => frames.push(Pushed { frame, to }),
                None => {
                    // Doors bound what comes in, so this is a fault of ours; history still has it.
                    tracing::error!(id = %notification.id, "a notification is too large for a frame and was not pushed");
                    metrics::counter!("labelcast_notifications_too_large_total").increment(1);
                }
            }
        }
        Ok(frames)
    }

    /// Pushes, and removes the connections that are gone.
    pub(super) async fn push(&self, frames: Vec<Pushed>) -> PortResult<()> {
        let unreached = self.pusher.push(frames).await;
        self.clean_up(unreached).await
    }

    /// Removes connections that are gone; they stop nobody's delivery.
    async fn clean_up(&self, unreached: Vec<(ConnectionId, Unreached)>) -> PortResult<()> {
        for (id, why) in unreached {
            metrics::counter!("labelcast_unreached_total", "why" => reason(why)).increment(1);
            if let Some(connection) = self.connections.get(&id).await? {
                self.connections.remove(&connection).await?;
            }
        }
        Ok(())
    }

    /// What an event becomes: a notification and its topics, the one that most people have first.
    async fn entry(&self, event: BusEvent, at: DateTime<Utc>) -> PortResult<Option<NewEntry>> {
        let (id, topics, subject) = match event {
            BusEvent::ImageLabelled { image_id, upload, first } => {
                let id = NotificationId::derive(&["image.labelled", &image_id.to_string(), upload.upload_id.as_str()]);
                let mine = TopicKey::Uploads(upload.user);
                let public = match first {
                    true => {
                        self.images.get(&image_id).await?.and_then(|image| image.result).map(|stored| stored.status)
                    }
                    false => None,
                };
                let topics = match public.is_some_and(Status::is_public) {
                    true => vec![TopicKey::Shared(Topic::Labels), mine],
                    false => vec![mine],
                };
                (id, topics, Subject::ImageLabelled { image_id, upload_id: upload.upload_id })
            }
            BusEvent::ImageOffensive { image_id } => {
                let id = NotificationId::derive(&["image.offensive", &image_id.to_string()]);
                (id, vec![TopicKey::Shared(Topic::Moderation)], Subject::ImageOffensive { image_id })
            }
            BusEvent::ImageRemoved(RemovedImage { image_id, uploaded_at, uploaders, was_public }) => {
                let came = uploaded_at.timestamp_millis().to_string();
                let id = NotificationId::derive(&["image.removed", &image_id.to_string(), &came]);
                let mut topics = vec![TopicKey::Shared(if was_public { Topic::Labels } else { Topic::Moderation })];
                for user in uploaders {
                    let mine = TopicKey::Uploads(user);
                    // A set of topics has 32 places; who uploads what 30 others did hears of it by reloading.
                    if !topics.contains(&mine) && topics.len() < 32 {
                        topics.push(mine);
                    }
                }
                (id, topics, Subject::ImageRemoved { image_id })
            }
            BusEvent::UploadReceived { upload } => {
                let id = NotificationId::derive(&["upload.received", upload.upload_id.as_str()]);
                (id, vec![TopicKey::Uploads(upload.user)], Subject::UploadReceived { upload_id: upload.upload_id })
            }
            BusEvent::UploadRejected { upload, reason } => {
                let id = NotificationId::derive(&["upload.rejected", upload.upload_id.as_str()]);
                let subject = Subject::UploadRejected { upload_id: upload.upload_id, reason };
                (id, vec![TopicKey::Uploads(upload.user)], subject)
            }
            BusEvent::UploadFailed { upload, reason } => {
                let id = NotificationId::derive(&["upload.failed", upload.upload_id.as_str()]);
                let subject = Subject::UploadFailed { upload_id: upload.upload_id, reason };
                (id, vec![TopicKey::Uploads(upload.user)], subject)
            }
            BusEvent::TopicPublished { id, topic: Topic::Uploads, .. } => {
                tracing::warn!(id, "nobody publishes to a user's `uploads`; the event was passed over");
                metrics::counter!("labelcast_notify_ignored_total").increment(1);
                return Ok(None);
            }
            BusEvent::TopicPublished { id, topic, event, data } => {
                (NotificationId::given(&id), vec![TopicKey::Shared(topic)], Subject::Published { name: event, data })
            }
            // `index` tells of it again once it is stored.
            BusEvent::ImageAnalyzed { .. } | BusEvent::ImageUnwanted { .. } => return Ok(None),
        };
        Ok(Some(NewEntry { notification: Notification { id, at, subject }, topics }))
    }
}

fn of(topics: TopicSet, placed: &[Placed]) -> Vec<&Placed> {
    placed.iter().enumerate().filter(|(index, _)| topics & (1 << index) != 0).map(|(_, placed)| placed).collect()
}

const fn reason(why: Unreached) -> &'static str {
    match why {
        Unreached::Gone => "gone",
        Unreached::Slow => "slow",
        Unreached::Failed => "failed",
    }
}
