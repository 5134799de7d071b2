//! `deliver`: pushes a notification to one range of its receivers (rule 14).

use std::time::Duration;

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
    /// Attempts at a range before it becomes a dead letter; the last one closes whom it concerns.
    pub max_attempts: u32,
    /// How long a range may take; then the attempt has failed. Shorter than the function's own time, so that the last attempt
    /// can close those whom it did not reach.
    pub patience: Duration,
}

impl Deliver {
    /// Takes a batch of deliveries; answers those that are to be tried again.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        batch::each(&event, "labelcast_delivery_failures_total", |message| self.message(message)).await
    }

    async fn message(&self, message: &SqsMessage) -> PortResult<()> {
        let delivery: Delivery = serde_json::from_str(message.body.as_deref().unwrap_or_default())
            .map_err(|error| PortError::Failed { what: "a delivery", why: error.to_string() })?;
        let outcome = tokio::time::timeout(self.patience, self.push(&delivery)).await.unwrap_or_else(|_| {
            let why = format!("it took longer than {} s", self.patience.as_secs());
            Err(PortError::Unavailable { what: "a range of receivers", why })
        });
        if outcome.is_err() && batch::is_last_attempt(message, self.max_attempts) {
            // The message becomes a dead letter all the same.
            self.give_up(&delivery).await?;
        }
        outcome
    }

    async fn push(&self, Delivery { notification, placed, range }: &Delivery) -> PortResult<()> {
        let notify = &self.notify;
        let shown = Shown::of(&[notification], &*notify.images).await?;
        let image = shown.image(notification);
        let frames = notify.frames(notification, placed, image, *range..range + 1, notify.clock.now()).await?;
        notify.push(frames).await?;
        notify.history.settle_part(placed, *range).await
    }

    /// Closes the receivers of the range, who resume from history, and only then lets the mark pass (rule 7). Where even that
    /// fails, the mark stays below for as long as history waits for what is in flight.
    async fn give_up(&self, Delivery { notification, placed, range }: &Delivery) -> PortResult<()> {
        let notify = &self.notify;
        let shown = Shown::of(&[notification], &*notify.images).await?;
        let closed = notify.close_receivers(notification, placed, shown.image(notification), *range..range + 1).await?;
        notify.history.settle_part(placed, *range).await?;
        tracing::error!(id = %notification.id, range, closed, "a range of receivers was given up and closed");
        metrics::counter!("labelcast_ranges_given_up_total").increment(1);
        Ok(())
    }
}
