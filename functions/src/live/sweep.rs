//! `sweep`: tidies up on a schedule, each minute: what ended, what hangs, what is too old to keep.

use std::sync::Arc;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::model::{BusEvent, Upload, UploadRef, UploadState};
use crate::ports::{
    Bus, Clock, Connections, Expiry, Frame, History, Idempotency, ObjectKey, Objects, PortResult, Pusher, Uploads,
};
use crate::protocol::ClosingCode;
use crate::settings::Settings;

/// The function's parts.
#[derive(Clone)]
pub struct Sweep {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Sockets whose token ended.
    pub connections: Arc<dyn Connections>,
    /// What closes them.
    pub pusher: Arc<dyn Pusher>,
    /// Uploads that hang.
    pub uploads: Arc<dyn Uploads>,
    /// What they left behind.
    pub objects: Arc<dyn Objects>,
    /// Tells their uploaders.
    pub bus: Arc<dyn Bus>,
    /// Too old to keep.
    pub history: Arc<dyn History>,
    /// Too old to keep.
    pub idempotency: Arc<dyn Idempotency>,
    /// How old is too old.
    pub settings: Arc<Settings>,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Connections closed because their token ended.
    pub connections: usize,
    /// Uploads that were told to have failed.
    pub failed: usize,
    /// Rows of uploads forgotten.
    pub uploads: u64,
    /// Notifications forgotten.
    pub notifications: u64,
    /// Idempotency keys forgotten.
    pub idempotency_keys: u64,
}

/// Rows looked at in one sweep of one kind; the next sweep is a minute away.
const BATCH: usize = 500;

const REASON: &str = "the picture was not analyzed in time; please upload it again";

impl Sweep {
    /// Takes the schedule's event.
    pub async fn handle(&self, _event: EventBridgeEvent<Value>) -> PortResult<Swept> {
        let now = self.clock.now();
        let settings = &self.settings;
        let swept = Swept {
            connections: self.close_expired(now).await?,
            failed: self.fail_stale(now).await?,
            uploads: self.uploads.forget(now - settings.uploads_kept).await?,
            notifications: self
                .history
                .expire(Expiry { before: now - settings.history_age, keep: settings.history_entries })
                .await?,
            idempotency_keys: self.idempotency.expire(now).await?,
        };
        if swept != Swept::default() {
            tracing::info!(?swept, "swept");
        }
        Ok(swept)
    }

    async fn close_expired(&self, now: DateTime<Utc>) -> PortResult<usize> {
        let expired = self.connections.expired(now, BATCH).await?;
        for connection in &expired {
            if let Some(frame) = Frame::encode(&ClosingCode::TokenExpired.frame()) {
                // Whether the word arrives does not matter: the connection is closed all the same.
                let _ = self.pusher.post(&connection.id, frame).await;
            }
            self.pusher.close(&connection.id).await?;
            self.connections.remove(connection).await?;
        }
        Ok(expired.len())
    }

    /// Uploads that should long have had a result are told to have failed (rule 4).
    async fn fail_stale(&self, now: DateTime<Utc>) -> PortResult<usize> {
        let before = now - self.settings.upload_patience;
        let mut failed = 0;
        for upload in self.uploads.stale(UploadState::Received, before, BATCH).await? {
            failed += usize::from(self.fail(upload).await?);
        }
        // A form that was never used hangs nobody; one whose object lies there does.
        let before = before - self.settings.form_valid;
        for upload in self.uploads.stale(UploadState::Pending, before, BATCH).await? {
            if self.objects.head(&ObjectKey::new_upload(&upload.id)).await?.is_some() {
                failed += usize::from(self.fail(upload).await?);
            }
        }
        Ok(failed)
    }

    async fn fail(&self, upload: Upload) -> PortResult<bool> {
        let concerned = UploadRef { upload_id: upload.id.clone(), user: upload.user };
        // Told first: if we are cut off in between, the next sweep finds it still hanging and tells it under the same id.
        self.bus.publish_all(&[BusEvent::UploadFailed { upload: concerned, reason: REASON.to_owned() }]).await?;
        let failed = self.uploads.fail(&upload.id, REASON).await?;
        if failed {
            metrics::counter!("labelcast_uploads_failed_total").increment(1);
        }
        Ok(failed)
    }
}
