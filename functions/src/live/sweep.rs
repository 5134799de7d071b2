//! `sweep`: every minute, closes expired connections, fails stalled uploads, and deletes what is too old to keep.

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

/// The scheduled cleanup.
#[derive(Clone)]
pub struct Sweep {
    /// Decides what has expired.
    pub clock: Arc<dyn Clock>,
    /// Finds connections whose tokens have expired.
    pub connections: Arc<dyn Connections>,
    /// Closes them.
    pub pusher: Arc<dyn Pusher>,
    /// Finds stalled uploads.
    pub uploads: Arc<dyn Uploads>,
    /// Says which uploads still have a job.
    pub upload_jobs: Arc<dyn UploadJobs>,
    /// Finds uploaded objects without a result.
    pub objects: Arc<dyn Objects>,
    /// Notifies the uploaders of failed uploads.
    pub bus: Arc<dyn Bus>,
    /// Deletes old notifications and unused topics.
    pub history: Arc<dyn History>,
    /// Deletes idempotency keys older than 24 hours.
    pub idempotency: Arc<dyn Idempotency>,
    /// Expires objects; `None` where the bucket does so itself (S3's lifecycle rules).
    pub expiry: Option<ObjectExpiry>,
    /// How long everything is kept.
    pub settings: Arc<Settings>,
}

/// The result of one sweep, in numbers of things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Connections closed because their tokens had expired.
    pub connections: usize,
    /// Stalled uploads reported as failed.
    pub failed: usize,
    /// Upload rows deleted.
    pub uploads: u64,
    /// Notifications deleted.
    pub notifications: u64,
    /// Idempotency keys deleted.
    pub idempotency_keys: u64,
    /// Objects deleted, expired or orphaned.
    pub objects: u64,
}

/// Maximum number of rows of one kind per sweep; the next sweep is a minute away.
const BATCH: usize = 500;
/// Rows of one kind handled concurrently.
const CONCURRENCY: usize = 16;
/// Number of connections that cannot be closed after which a sweep stops trying.
const MAX_UNCLOSED: usize = 2_000;
/// Timeout for closing one connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

const REASON: &str = "the picture was not analyzed in time; please upload it again";

impl Sweep {
    /// Runs one sweep. Every task runs whatever happens to the others; the first failure is returned when all have ended.
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

    /// Closes expired connections. One that cannot be closed keeps its row for the next sweep and does not block the
    /// others.
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

    /// Reports overdue uploads without a job as failed. Jobs are taken oldest first, so waiting uploads do not hide stalled
    /// ones for long.
    async fn fail_hanging(&self, now: DateTime<Utc>) -> PortResult<usize> {
        let before = now - self.settings.upload_timeout;
        let hanging = self.uploads.stale(UploadState::Received, before, BATCH).await?;
        self.fail_all(hanging).await
    }

    /// Does the same for uploads whose object was never ingested. They are found by their objects, so any number of unused
    /// forms does no harm.
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
        // Notified first: if we are interrupted in between, the next sweep finds it still stalled and notifies again under
        // the same id.
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

/// Runs one task, and logs a failure immediately.
async fn reported<T>(task: &'static str, work: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    let outcome = work.await;
    if let Err(error) = &outcome {
        tracing::warn!(task, %error, "a task of the sweep failed; the next sweep will retry");
        metrics::counter!("labelcast_sweep_failures_total", "task" => task).increment(1);
    }
    outcome
}
