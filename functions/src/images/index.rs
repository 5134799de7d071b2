//! `index`: stores a result, or removes an image, and only then says so (`docs/guarantees.md#stored-before-notified`).

use std::sync::Arc;

use crate::model::{
    Analysis, BusEvent, Image, ImageAnalyzed, ImageId, IndexRequest, RemovalRequest, RemovedImage, UploadRef,
    UploadState, UserId,
};
use crate::ports::{Bus, Images, ObjectKey, Objects, PortResult, Uploads};

/// The function `index` with the ports that it uses.
#[derive(Clone)]
pub struct Index {
    /// Stores results and index entries, and removes them.
    pub images: Arc<dyn Images>,
    /// Files that go with an image.
    pub objects: Arc<dyn Objects>,
    /// Uploads that wait for a result which does not come.
    pub uploads: Arc<dyn Uploads>,
    /// Brings to `notify` what was stored.
    pub bus: Arc<dyn Bus>,
}

impl Index {
    /// Stores or removes. Both can be repeated.
    pub async fn handle(&self, request: IndexRequest) -> PortResult<()> {
        match request {
            IndexRequest::Store(ImageAnalyzed { image_id, analysis }) => self.store(&image_id, &analysis).await,
            IndexRequest::Remove(RemovalRequest { image, only_uploader }) => {
                self.remove(image, only_uploader.as_ref()).await
            }
        }
    }

    async fn store(&self, image_id: &ImageId, analysis: &Analysis) -> PortResult<()> {
        match self.images.store_result(image_id, analysis).await? {
            // On every run, repeats included: a repeated notification has the same id.
            Some(image) => self.bus.publish_all(&reported(&image)).await,
            None => {
                tracing::info!(%image_id, "an image was deleted before its result arrived");
                Ok(())
            }
        }
    }

    /// Whoever asked has mostly removed the row already; what is left to do is the same.
    async fn remove(&self, image: RemovedImage, only_uploader: Option<&UserId>) -> PortResult<()> {
        let files = image.files();
        self.images.remove(&files, image.uploaded_at, only_uploader).await?;
        let now = self.images.get(&image.image_id).await?;
        if now.as_ref().is_some_and(|now| now.files() == files) {
            // Others brought it as well.
            return Ok(());
        }
        self.end_waiting(&image.waiting).await?;
        if now.is_none() {
            // If it has come again, viewers must not hear that it is gone.
            self.bus.publish_all(&[BusEvent::ImageRemoved(image)]).await?;
        }
        // No row of this generation is ever made again, whatever comes meanwhile.
        for key in ObjectKey::all_of(&files) {
            self.objects.delete(&key).await?;
        }
        Ok(())
    }

    /// Their image is gone before it had a result.
    async fn end_waiting(&self, waiting: &[UploadRef]) -> PortResult<()> {
        let mut events = Vec::new();
        for upload in waiting {
            self.uploads.fail(&upload.upload_id, DELETED).await?;
            let row = self.uploads.get(&upload.upload_id).await?;
            if row.is_some_and(|row| row.state == UploadState::Failed) {
                // Again on a repeat, under the same id.
                events.push(BusEvent::UploadFailed { upload: upload.clone(), reason: DELETED.to_owned() });
            }
        }
        if events.is_empty() { Ok(()) } else { self.bus.publish_all(&events).await }
    }
}

const DELETED: &str = "the picture was deleted before it was labelled";

/// The events about a stored image: one per upload, and an alert if it is offensive.
fn reported(image: &Image) -> Vec<BusEvent> {
    let labelled = image.uploads.iter().enumerate().map(|(number, upload)| BusEvent::ImageLabelled {
        image_id: image.id,
        upload: UploadRef { upload_id: upload.upload_id.clone(), user: upload.user.clone() },
        first: number == 0,
    });
    let alerts = image.result.as_ref().is_some_and(|stored| stored.analysis.alerts());
    let alert = alerts.then(|| BusEvent::ImageOffensive { image_id: image.id, generation: image.generation.clone() });
    alert.into_iter().chain(labelled).collect()
}
