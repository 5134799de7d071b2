//! `failed`: reports an exhausted job to its uploaders (`docs/guarantees.md#the-last-attempt-reports`).

use std::sync::Arc;

use crate::model::{BusEvent, ImageId, IndexRequest, JobRequest, UploadId, UploadRef, UploadState};
use crate::ports::{Bus, Images, PortResult, Undelivered, Uploads};

/// Reports exhausted jobs to the uploaders.
#[derive(Clone)]
pub struct Failed {
    /// Finds the uploads to report to.
    pub images: Arc<dyn Images>,
    /// The rows of uploads.
    pub uploads: Arc<dyn Uploads>,
    /// Carries the events to `notify`.
    pub bus: Arc<dyn Bus>,
    /// Who sees to the receivers of a notification that could not be pushed.
    pub undelivered: Arc<dyn Undelivered>,
}

const REASON: &str = "the picture could not be processed; please upload it again later";

impl Failed {
    /// Takes a job whose attempts are exhausted: a picture's uploaders hear that it failed, a notification's receivers are
    /// seen to.
    pub async fn handle(&self, exhausted: JobRequest) -> PortResult<()> {
        metrics::counter!("labelcast_exhausted_total").increment(1);
        let outcome = match exhausted {
            JobRequest::Ingest(object) => self.report(&object.upload_id).await,
            JobRequest::Analyze(job) => self.notify_all(&job.image_id).await,
            JobRequest::Index(IndexRequest::Store(analyzed)) => self.notify_all(&analyzed.image_id).await,
            // Whoever asked was answered; the sweep and a redrive see to the files.
            JobRequest::Index(IndexRequest::Remove(_)) => Ok(()),
            JobRequest::Notify(event) => self.undelivered.take(event).await,
        };
        if outcome.is_err() {
            metrics::counter!("labelcast_exhausted_failures_total").increment(1);
        }
        outcome
    }

    async fn notify_all(&self, image: &ImageId) -> PortResult<()> {
        notify_uploaders(&*self.images, &*self.uploads, &*self.bus, image, REASON).await
    }

    async fn report(&self, id: &UploadId) -> PortResult<()> {
        match fail(&*self.uploads, id, REASON).await? {
            Some(failed) => self.bus.publish_all(&[failed]).await,
            None => Ok(()),
        }
    }
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
pub(super) async fn notify_uploaders(
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
