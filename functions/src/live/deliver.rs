//! `deliver`: pushes a notification to one range of its receivers (rule 14).

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};

use super::Notify;
use super::render::Shown;
use crate::ports::{Delivery, PortError, PortResult};

/// The function's parts: those of `notify`, whose receivers it serves.
#[derive(Clone)]
pub struct Deliver {
    /// What finds receivers and pushes to them.
    pub notify: Notify,
}

impl Deliver {
    /// Takes a batch of deliveries; answers those that are to be tried again.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in &event.records {
            if let Err(error) = self.message(message).await {
                tracing::warn!(%error, message_id = message.message_id, "a delivery failed");
                metrics::counter!("labelcast_delivery_failures_total").increment(1);
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message.message_id.clone().unwrap_or_default();
                response.batch_item_failures.push(failure);
            }
        }
        response
    }

    async fn message(&self, message: &SqsMessage) -> PortResult<()> {
        let delivery: Delivery = serde_json::from_str(message.body.as_deref().unwrap_or_default())
            .map_err(|error| PortError::Failed { what: "a delivery", why: error.to_string() })?;
        let Delivery { notification, placed, range } = delivery;
        let notify = &self.notify;
        let shown = Shown::of(&[&notification], &*notify.images).await?;
        let image = shown.image(&notification);
        let frames = notify.frames(&notification, &placed, image, range..range + 1, notify.clock.now()).await?;
        notify.push(frames).await?;
        notify.history.settle_part(&placed, range).await
    }
}
