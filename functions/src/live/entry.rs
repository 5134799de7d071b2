//! Turns events into notifications and their topics.

use chrono::{DateTime, Utc};

use crate::model::{BusEvent, Event, Notification, NotificationId, RemovedImage, Subject, Topic, TopicKey};
use crate::ports::{Images, NewEntry, PortResult};

/// The entries for these events, in order; events that notify nobody are skipped.
pub(super) async fn all(events: Vec<Event>, images: &dyn Images) -> PortResult<Vec<NewEntry>> {
    let mut entries = Vec::with_capacity(events.len());
    for Event { at, body } in events {
        entries.extend(of(body, at, images).await?);
    }
    Ok(entries)
}

/// Maximum length of a reason, in characters: even with every character escaped it fits into a frame.
const MAX_REASON: usize = 1_000;

/// Truncates a reason, which may quote another program's error.
fn shortened(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

/// The entry for one event: a notification and its topics, the most widely read first.
async fn of(event: BusEvent, at: DateTime<Utc>, images: &dyn Images) -> PortResult<Option<NewEntry>> {
    let (id, topics, subject) = match event {
        BusEvent::ImageLabelled { image_id, upload, first } => {
            let id = NotificationId::derive(&["image.labelled", &image_id.to_string(), upload.upload_id.as_str()]);
            let mine = TopicKey::Uploads(upload.user);
            let shown = match first {
                true => images.get(&image_id).await?,
                false => None,
            };
            let topics = match shown.is_some_and(|image| image.is_public()) {
                true => vec![TopicKey::Shared(Topic::Labels), mine],
                false => vec![mine],
            };
            (id, topics, Subject::ImageLabelled { image_id, upload_id: upload.upload_id })
        }
        BusEvent::ImageOffensive { image_id, generation } => {
            let image = image_id.to_string();
            let id = match &generation {
                Some(generation) => NotificationId::derive(&["image.offensive", &image, generation.as_str()]),
                None => NotificationId::derive(&["image.offensive", &image]),
            };
            (id, vec![TopicKey::Shared(Topic::Moderation)], Subject::ImageOffensive { image_id })
        }
        BusEvent::ImageRemoved(RemovedImage { image_id, generation, uploaded_at, uploaders, was_public, .. }) => {
            let (image, came) = (image_id.to_string(), uploaded_at.timestamp_millis().to_string());
            let id = match &generation {
                Some(generation) => NotificationId::derive(&["image.removed", &image, &came, generation.as_str()]),
                None => NotificationId::derive(&["image.removed", &image, &came]),
            };
            let mut topics = vec![TopicKey::Shared(if was_public { Topic::Labels } else { Topic::Moderation })];
            for user in uploaders {
                let mine = TopicKey::Uploads(user);
                // A set of topics has 32 places; an uploader of what 30 others uploaded sees it on reloading.
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
            let subject = Subject::UploadRejected { upload_id: upload.upload_id, reason: shortened(reason) };
            (id, vec![TopicKey::Uploads(upload.user)], subject)
        }
        BusEvent::UploadFailed { upload, reason } => {
            let id = NotificationId::derive(&["upload.failed", upload.upload_id.as_str()]);
            let subject = Subject::UploadFailed { upload_id: upload.upload_id, reason: shortened(reason) };
            (id, vec![TopicKey::Uploads(upload.user)], subject)
        }
        BusEvent::TopicPublished { id, topic: Topic::Uploads, .. } => {
            tracing::warn!(id, "ignored an event published to a user's `uploads`, to which nobody may publish");
            metrics::counter!("labelcast_notify_ignored_total").increment(1);
            return Ok(None);
        }
        BusEvent::TopicPublished { id, topic, event, data } => {
            (NotificationId::given(&id), vec![TopicKey::Shared(topic)], Subject::Published { name: event, data })
        }
        // `index` notifies again once it is stored.
        BusEvent::ImageAnalyzed(_) | BusEvent::ImageRemovalRequested(_) => return Ok(None),
    };
    Ok(Some(NewEntry { notification: Notification { id, at, subject }, topics }))
}
