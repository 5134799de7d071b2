//! `sweep`: tidies up on a schedule, each minute: what ended, what hangs, what is too old to keep.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::images::ObjectExpiry;
use crate::model::{BusEvent, Connection, Upload, UploadRef, UploadState};
use crate::ports::{
    Bus, Clock, Connections, Expiry, Frame, History, Idempotency, ObjectKey, Objects, PortError, PortResult, Pusher,
    UploadJobs, Uploads, list_all,
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
    /// What is still to be done about them.
    pub upload_jobs: Arc<dyn UploadJobs>,
    /// What they left behind.
    pub objects: Arc<dyn Objects>,
    /// Tells their uploaders.
    pub bus: Arc<dyn Bus>,
    /// Too old to keep.
    pub history: Arc<dyn History>,
    /// Too old to keep.
    pub idempotency: Arc<dyn Idempotency>,
    /// Expires objects; `None` where the bucket does so itself (S3's lifecycle rules).
    pub expiry: Option<ObjectExpiry>,
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
    /// Objects deleted because they expired or because nothing uses them.
    pub objects: u64,
}

/// Rows looked at in one sweep of one kind; the next sweep is a minute away.
const BATCH: usize = 500;
/// Rows worked on at the same time, of one kind.
const CONCURRENCY: usize = 16;
/// Tries to close so many connections in one sweep that cannot be closed.
const MAX_UNCLOSED: usize = 2_000;
/// The time that one connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

const REASON: &str = "the picture was not analyzed in time; please upload it again";

impl Sweep {
    /// Sweeps once. Every task runs whatever becomes of the others; the first failure is answered when all
    /// have ended.
    pub async fn handle(&self) -> PortResult<Swept> {
        let now = self.clock.now();
        let settings = &self.settings;
        let (before, unused) =
            (now - settings.history_age, now - settings.unused_topics_kept.max(settings.history_age));
        let expiry = Expiry { before, keep: settings.history_entries, unused };
        let (connections, hanging, stored, uploads, notifications, idempotency_keys, objects) = tokio::join!(
            reported("connections", self.close_expired(now)),
            reported("hanging_uploads", self.fail_hanging(now)),
            reported("stored_uploads", self.fail_stored(now)),
            reported("upload_rows", self.uploads.forget(now - settings.uploads_kept)),
            reported("history", self.history.expire(expiry)),
            reported("idempotency_keys", self.idempotency.expire(now)),
            reported("objects", self.expire_objects(now)),
        );
        let swept = Swept {
            connections: *connections.as_ref().unwrap_or(&0),
            failed: hanging.as_ref().unwrap_or(&0) + stored.as_ref().unwrap_or(&0),
            uploads: *uploads.as_ref().unwrap_or(&0),
            notifications: *notifications.as_ref().unwrap_or(&0),
            idempotency_keys: *idempotency_keys.as_ref().unwrap_or(&0),
            objects: *objects.as_ref().unwrap_or(&0),
        };
        if swept != Swept::default() {
            tracing::info!(?swept, "swept");
        }
        let failures = [
            connections.err(),
            hanging.err(),
            stored.err(),
            uploads.err(),
            notifications.err(),
            idempotency_keys.err(),
            objects.err(),
        ];
        match failures.into_iter().flatten().next() {
            Some(first) => Err(first),
            None => Ok(swept),
        }
    }

    /// Closes those whose time is over. One that cannot be closed keeps its row, so that the next sweep tries again, and
    /// holds up nobody.
    async fn close_expired(&self, now: DateTime<Utc>) -> PortResult<usize> {
        let (mut tried, mut unclosed) = (HashSet::new(), 0);
        let mut first_failure = None;
        loop {
            let limit = BATCH + unclosed;
            let expired = self.connections.expired(now, limit).await?;
            let last_page = expired.len() < limit;
            let mut fresh = expired;
            fresh.retain(|connection| tried.insert(connection.id.clone()));
            let nothing_new = fresh.is_empty();
            let closing = stream::iter(fresh).map(|connection| self.close(connection));
            let outcomes: Vec<PortResult<()>> = closing.buffer_unordered(CONCURRENCY).collect().await;
            for failure in outcomes.into_iter().filter_map(Result::err) {
                tracing::warn!(%failure, "could not close a connection whose token has expired; will retry");
                metrics::counter!("labelcast_connections_unclosed_total").increment(1);
                unclosed += 1;
                first_failure.get_or_insert(failure);
            }
            if last_page || nothing_new || unclosed >= MAX_UNCLOSED || unclosed == 0 {
                break;
            }
        }
        match first_failure {
            Some(failure) => Err(failure),
            None => Ok(tried.len()),
        }
    }

    async fn close(&self, connection: Connection) -> PortResult<()> {
        let close = async {
            if let Some(frame) = Frame::encode(&ClosingCode::TokenExpired.frame()) {
                // Whether the word arrives does not matter: the connection is closed all the same.
                let _ = self.pusher.post(&connection.id, frame).await;
            }
            self.pusher.close(&connection.id).await?;
            self.connections.remove(&connection).await.map(drop)
        };
        tokio::time::timeout(CLOSE_TIMEOUT, close).await.unwrap_or_else(|_| {
            let why = format!("closing {} timed out after {} s", connection.id, CLOSE_TIMEOUT.as_secs());
            Err(PortError::Unavailable { what: "the gateway", why })
        })
    }

    /// Uploads that should long have had a result and that nothing is done about any more are told to have failed.
    /// Jobs are taken oldest first, so uploads that only wait do not hide those that hang for long.
    async fn fail_hanging(&self, now: DateTime<Utc>) -> PortResult<usize> {
        let before = now - self.settings.upload_timeout;
        let hanging = self.uploads.stale(UploadState::Received, before, BATCH).await?;
        self.fail_all(hanging).await
    }

    /// So are those whose object lies there and was not taken in all that time. They are found by their objects: forms that
    /// were never used hang nobody, however many there are.
    async fn fail_stored(&self, now: DateTime<Utc>) -> PortResult<usize> {
        let before = now - self.settings.upload_timeout - self.settings.form_valid;
        let mut failed = 0;
        let mut listings = list_all(&*self.objects, ObjectKey::NEW);
        while let Some(listed) = listings.try_next().await? {
            let old = listed.iter().filter(|object| object.modified < before);
            let ids: Vec<_> = old.filter_map(|object| ObjectKey::upload_id(&object.key)).collect();
            let rows = stream::iter(ids).map(async |id| self.uploads.get(&id).await).buffer_unordered(CONCURRENCY);
            let rows: Vec<PortResult<Option<Upload>>> = rows.collect().await;
            let rows: PortResult<Vec<Option<Upload>>> = rows.into_iter().collect();
            let pending = rows?.into_iter().flatten().filter(|upload| upload.state == UploadState::Pending).collect();
            failed += self.fail_all(pending).await?;
        }
        Ok(failed)
    }

    async fn fail_all(&self, mut uploads: Vec<Upload>) -> PortResult<usize> {
        if uploads.is_empty() {
            return Ok(0);
        }
        let unfinished = self.upload_jobs.unfinished(&uploads).await?;
        uploads.retain(|upload| !unfinished.contains(&upload.id));
        let failed: Vec<PortResult<bool>> =
            stream::iter(uploads).map(|upload| self.fail(upload)).buffer_unordered(CONCURRENCY).collect().await;
        let failed: PortResult<Vec<bool>> = failed.into_iter().collect();
        Ok(failed?.into_iter().filter(|failed| *failed).count())
    }

    async fn fail(&self, listed: Upload) -> PortResult<bool> {
        // Its job may have ended well after it was listed and before jobs were looked at.
        let Some(upload) = self.uploads.get(&listed.id).await?.filter(|upload| upload.state == listed.state) else {
            return Ok(false);
        };
        let affected = UploadRef { upload_id: upload.id.clone(), user: upload.user };
        // Told first: if we are cut off in between, the next sweep finds it still hanging and tells it under the same id.
        self.bus.publish_all(&[BusEvent::UploadFailed { upload: affected, reason: REASON.to_owned() }]).await?;
        let failed = self.uploads.fail(&upload.id, REASON).await?;
        if failed {
            metrics::counter!("labelcast_uploads_failed_total").increment(1);
        }
        Ok(failed)
    }

    async fn expire_objects(&self, now: DateTime<Utc>) -> PortResult<u64> {
        match &self.expiry {
            Some(expiry) => expiry.run(now).await,
            None => Ok(0),
        }
    }
}

/// Runs one task, and says at once if it failed.
async fn reported<T>(task: &'static str, work: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    let outcome = work.await;
    if let Err(error) = &outcome {
        tracing::warn!(task, %error, "a task of the sweep failed; the next sweep will retry");
        metrics::counter!("labelcast_sweep_failures_total", "task" => task).increment(1);
    }
    outcome
}
