//! `failed`: a job was given up; tells the uploaders concerned (`docs/guarantees.md#the-last-attempt-reports`).

use std::sync::Arc;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::s3::S3Event;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use serde::Deserialize;
use serde_json::Value;

use crate::batch;
use crate::live::Undelivered;
use crate::model::{BusEvent, ImageId, UploadId, UploadRef, UploadState};
use crate::ports::{AnalysisJob, Bus, Images, ObjectKey, PortError, PortResult, Uploads};

/// The function's parts.
#[derive(Clone)]
pub struct Failed {
    /// Whose uploads are to be told.
    pub images: Arc<dyn Images>,
    /// Their rows.
    pub uploads: Arc<dyn Uploads>,
    /// To `notify`.
    pub bus: Arc<dyn Bus>,
    /// Who sees to the receivers of a notification that could not be pushed.
    pub undelivered: Arc<dyn Undelivered>,
}

/// What Lambda sends to an on-failure destination, as far as it is read here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureRecord {
    /// The event that was given up.
    pub request_payload: Value,
}

/// Whom a given up event concerns.
enum Concerned {
    Uploads(Vec<UploadId>),
    Image(ImageId),
    /// Who is subscribed.
    Receivers(Box<EventBridgeEvent<Value>>),
    Nobody,
}

const REASON: &str = "the picture could not be processed; please upload it again later";

impl Failed {
    /// Takes a batch of such records from a queue; answers those that are to be tried again. One that cannot be read becomes
    /// a dead letter, where somebody looks at it.
    pub async fn handle_batch(&self, event: SqsEvent) -> SqsBatchResponse {
        batch::each(&event, "labelcast_given_up_failures_total", |message| self.message(message)).await
    }

    async fn message(&self, message: &SqsMessage) -> PortResult<()> {
        let record: FailureRecord =
            serde_json::from_str(message.body.as_deref().unwrap_or_default()).map_err(|error| PortError::Failed {
                what: "the record of a function that gave up",
                why: error.to_string(),
            })?;
        self.handle(record).await
    }

    /// Takes the record of a function that gave up.
    pub async fn handle(&self, record: FailureRecord) -> PortResult<()> {
        metrics::counter!("labelcast_given_up_total").increment(1);
        match concerned(record.request_payload) {
            Concerned::Uploads(ids) => {
                for id in ids {
                    self.tell(&id).await?;
                }
                Ok(())
            }
            Concerned::Image(id) => tell_uploaders(&*self.images, &*self.uploads, &*self.bus, &id, REASON).await,
            Concerned::Receivers(event) => self.undelivered.take(*event).await,
            Concerned::Nobody => Ok(()),
        }
    }

    async fn tell(&self, id: &UploadId) -> PortResult<()> {
        match fail(&*self.uploads, id, REASON).await? {
            Some(failed) => self.bus.publish_all(&[failed]).await,
            None => Ok(()),
        }
    }
}

/// Reads whom an event concerns: an S3 event its uploads, `image.analyzed` its image, what `notify` listens to its receivers.
fn concerned(payload: Value) -> Concerned {
    if let Ok(event) = serde_json::from_value::<EventBridgeEvent<Value>>(payload.clone()) {
        return match BusEvent::from_parts(&event.detail_type, &event.detail) {
            Some(BusEvent::ImageAnalyzed { image_id, .. }) => Concerned::Image(image_id),
            Some(_) if BusEvent::FOR_NOTIFY.contains(&event.detail_type.as_str()) => {
                Concerned::Receivers(Box::new(event))
            }
            _ => Concerned::Nobody,
        };
    }
    if let Ok(job) = serde_json::from_value::<AnalysisJob>(payload.clone()) {
        return Concerned::Image(job.image_id);
    }
    let Ok(event) = serde_json::from_value::<S3Event>(payload) else { return Concerned::Nobody };
    let keys = event.records.into_iter().filter_map(|record| record.s3.object.key);
    Concerned::Uploads(keys.filter_map(|key| ObjectKey::upload_id(&key)).collect())
}

/// Moves an upload to `failed`. Answers what its user is told; again too, in case an earlier run came no further.
async fn fail(uploads: &dyn Uploads, id: &UploadId, reason: &str) -> PortResult<Option<BusEvent>> {
    if uploads.fail(id, reason).await? {
        metrics::counter!("labelcast_uploads_failed_total").increment(1);
    }
    let failed = uploads.get(id).await?.filter(|upload| upload.state == UploadState::Failed);
    Ok(failed.map(|upload| BusEvent::UploadFailed {
        upload: UploadRef { upload_id: upload.id, user: upload.user },
        reason: upload.reason.unwrap_or_else(|| reason.to_owned()),
    }))
}

/// Moves the uploads of an image that waits for its result to `failed` and tells those who wait.
pub(super) async fn tell_uploaders(
    images: &dyn Images,
    uploads: &dyn Uploads,
    bus: &dyn Bus,
    image_id: &ImageId,
    reason: &str,
) -> PortResult<()> {
    let Some(image) = images.get(image_id).await? else { return Ok(()) };
    let mut events = Vec::new();
    for attached in image.uploads {
        events.extend(fail(uploads, &attached.upload_id, reason).await?);
    }
    if events.is_empty() { Ok(()) } else { bus.publish_all(&events).await }
}
