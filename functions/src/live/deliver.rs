//! `deliver`: pushes a notification to one range of its receivers (rule 14).

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};

use super::Notify;
use super::render::Shown;
use crate::batch;
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
        batch::each(&event, "labelcast_delivery_failures_total", |message| self.message(message)).await
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
