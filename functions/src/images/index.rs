//! `index`: stores a result, and only then says that it is there (rule 1).

use std::sync::Arc;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde_json::Value;

use crate::model::{BusEvent, Image, UploadRef};
use crate::ports::{Bus, Images, PortResult};

/// The function's parts.
#[derive(Clone)]
pub struct Index {
    /// Where results are stored.
    pub images: Arc<dyn Images>,
    /// To `notify`.
    pub bus: Arc<dyn Bus>,
}

impl Index {
    /// Takes an event of the bus.
    pub async fn handle(&self, event: EventBridgeEvent<Value>) -> PortResult<()> {
        let Some(BusEvent::ImageAnalyzed { image_id, analysis }) =
            BusEvent::from_parts(&event.detail_type, &event.detail)
        else {
            tracing::warn!(detail_type = event.detail_type, "an event that is not for `index` was passed over");
            metrics::counter!("labelcast_index_ignored_total").increment(1);
            return Ok(());
        };
        match self.images.store_result(&image_id, &analysis).await? {
            // On every run, repeats included: whoever hears of it twice hears the same ids.
            Some(image) => self.bus.publish_all(&told(&image)).await,
            None => {
                tracing::info!(%image_id, "an image was deleted before its result came");
                Ok(())
            }
        }
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
