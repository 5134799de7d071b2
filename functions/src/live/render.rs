//! Renders a notification for a receiver, by current permissions and the image's current state.
//! See `docs/guarantees.md#offensive-pictures`, `docs/guarantees.md#rights-are-those-of-today`, `docs/guarantees.md#signed-links`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::model::{Audience, Image, ImageId, Notification, Subject, Topic, TopicKey};
use crate::ports::{Images, Objects, PortResult, TopicPosition};
use crate::protocol::event::{
    ImageLabelled, ImageOffensive, ImageRemoved, LabelledImage, PendingImage, UploadEnded, UploadReceived,
};
use crate::protocol::{ImageView, NotificationFrame, NotificationTopic, ServerFrame};

/// The images that notifications refer to, read once.
pub(super) struct Shown(HashMap<ImageId, Image>);

impl Shown {
    /// Reads the images of these notifications. Deleted ones are missing from the result.
    pub(super) async fn of(notifications: &[&Notification], images: &dyn Images) -> PortResult<Self> {
        let mut ids: Vec<ImageId> =
            notifications.iter().filter_map(|notification| notification.subject.filtered_image().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut shown = HashMap::with_capacity(ids.len());
        // `get_many` takes up to 1,000.
        for some in ids.chunks(1_000) {
            shown.extend(images.get_many(some).await?.into_iter().map(|image| (image.id, image)));
        }
        Ok(Self(shown))
    }

    /// The image that a notification refers to, if it still exists.
    pub(super) fn image(&self, notification: &Notification) -> Option<&Image> {
        notification.subject.filtered_image().and_then(|id| self.0.get(id))
    }
}

/// Whether a notification may still be shown on this topic: its image may have been redacted, hidden or deleted since.
pub(super) fn may_be_seen(notification: &Notification, topic: &TopicKey, image: Option<&Image>) -> bool {
    match (&notification.subject, topic) {
        // An uploader is notified of a picture they may not see, but not of its content.
        (Subject::ImageLabelled { .. }, TopicKey::Uploads(_)) => image.is_some_and(|image| image.result.is_some()),
        (Subject::ImageLabelled { .. } | Subject::ImageOffensive { .. }, topic) => {
            image.is_some_and(|image| Audience::reading(topic).sees(image))
        }
        _ => true,
    }
}

/// The frame for a receiver subscribed on these topics; `None` if there is nothing to show.
pub(super) fn frame(
    notification: &Notification,
    topics: &[&TopicPosition],
    image: Option<&Image>,
    objects: &dyn Objects,
) -> Option<ServerFrame> {
    let data = data(notification, topics, image, objects)?;
    let topics = topics
        .iter()
        .map(|positions| NotificationTopic {
            topic: positions.topic.topic(),
            seq: positions.seq,
            cursor: positions.cursor.clone(),
        })
        .collect();
    Some(ServerFrame::Notification(NotificationFrame {
        id: notification.id.to_string(),
        event: notification.subject.event().to_owned(),
        at: notification.at,
        topics,
        data,
    }))
}

fn data(
    notification: &Notification,
    topics: &[&TopicPosition],
    image: Option<&Image>,
    objects: &dyn Objects,
) -> Option<Value> {
    // Who has it on `moderation`, or on their own `uploads`, is told more than the public.
    let audiences = topics.iter().map(|positions| Audience::reading(&positions.topic));
    let audience = audiences.max_by_key(|audience| (audience.is_moderator(), audience.user().is_some()));
    let view = |image: &Image| ImageView::of(image, audience.unwrap_or(Audience::EVERYONE), objects);
    Some(match &notification.subject {
        Subject::UploadReceived { upload_id } => json!(UploadReceived { upload_id }),
        Subject::UploadRejected { upload_id, reason } | Subject::UploadFailed { upload_id, reason } => {
            json!(UploadEnded { upload_id, reason })
        }
        Subject::ImageLabelled { upload_id, .. } => {
            let image = image?;
            let shown = match image.is_public() {
                true => LabelledImage::Public(Box::new(view(image)?)),
                false => LabelledImage::Pending(PendingImage::new(image.id)),
            };
            // The upload's id stands only in its uploader's frame (`docs/guarantees.md#one-event-per-upload`).
            let own = topics.iter().any(|positions| positions.topic.topic() == Topic::Uploads);
            json!(ImageLabelled { upload_id: own.then_some(upload_id), image: shown })
        }
        Subject::ImageOffensive { .. } => {
            let image = image?;
            json!(ImageOffensive { image: view(image)?, moderation: &image.result.as_ref()?.analysis.moderation })
        }
        Subject::ImageRemoved { image_id } => json!(ImageRemoved { image_id }),
        Subject::Published { data, .. } => data.clone(),
    })
}
