//! `index`: stores a result, or removes an image, and only then says so (rule 1).

use std::sync::Arc;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde_json::Value;

use crate::model::{Analysis, BusEvent, Image, ImageId, RemovedImage, UploadRef, UserId};
use crate::ports::{Bus, Images, ObjectKey, Objects, PortResult};

/// The function's parts.
#[derive(Clone)]
pub struct Index {
    /// Where results are stored.
    pub images: Arc<dyn Images>,
    /// Files that go with an image.
    pub objects: Arc<dyn Objects>,
    /// To `notify`.
    pub bus: Arc<dyn Bus>,
}

impl Index {
    /// Takes an event of the bus.
    pub async fn handle(&self, event: EventBridgeEvent<Value>) -> PortResult<()> {
        match BusEvent::from_parts(&event.detail_type, &event.detail) {
            Some(BusEvent::ImageAnalyzed { image_id, analysis }) => self.store(&image_id, &analysis).await,
            Some(BusEvent::ImageUnwanted { image, only_uploader }) => self.remove(image, only_uploader.as_ref()).await,
            _ => {
                tracing::warn!(detail_type = event.detail_type, "an event that is not for `index` was passed over");
                metrics::counter!("labelcast_index_ignored_total").increment(1);
                Ok(())
            }
        }
    }

    async fn store(&self, image_id: &ImageId, analysis: &Analysis) -> PortResult<()> {
        match self.images.store_result(image_id, analysis).await? {
            // On every run, repeats included: whoever hears of it twice hears the same ids.
            Some(image) => self.bus.publish_all(&told(&image)).await,
            None => {
                tracing::info!(%image_id, "an image was deleted before its result came");
                Ok(())
            }
        }
    }

    /// Whoever asked has mostly removed the row already; what is left to do is the same.
    async fn remove(&self, image: RemovedImage, only_uploader: Option<&UserId>) -> PortResult<()> {
        let id = image.image_id;
        self.images.remove(&id, image.uploaded_at, only_uploader).await?;
        if self.images.get(&id).await?.is_some() {
            // Others brought it as well, or it has come again.
            return Ok(());
        }
        self.bus.publish_all(&[BusEvent::ImageRemoved(image)]).await?;
        for key in [ObjectKey::original(&id), ObjectKey::thumbnail(&id), ObjectKey::processed(&id)] {
            self.objects.delete(&key).await?;
        }
        Ok(())
    }
}

/// What is told of a stored image: one event an upload, and the alert of an offensive one (rules 2, 5).
fn told(image: &Image) -> Vec<BusEvent> {
    let labelled = image.uploads.iter().enumerate().map(|(number, upload)| BusEvent::ImageLabelled {
        image_id: image.id,
        upload: UploadRef { upload_id: upload.upload_id.clone(), user: upload.user.clone() },
        first: number == 0,
    });
    let offensive = image.result.as_ref().is_some_and(|stored| stored.analysis.is_offensive());
    let alert = offensive.then_some(BusEvent::ImageOffensive { image_id: image.id });
    alert.into_iter().chain(labelled).collect()
}
