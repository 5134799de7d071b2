//! Whether an upload's job may still wait in the queue before `analyze`. SQS says how much waits, not what: so an upload is
//! stalled only once the queue was seen empty after its job must have been sent, or no longer keeps what was sent then.
//! Why: `docs/decisions/0025-stalled-uploads.md`.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::QueueAttributeName;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::model::{Upload, UploadId, UploadState};
use labelcast_functions::ports::{Clock, PortError, PortResult, UploadJobs};

/// From the form to the queue: the form is good for 15 minutes, Lambda keeps the event for `ingest` as long, which takes 2.
const SENT_WITHIN: TimeDelta = TimeDelta::minutes(32);
/// From the queue to the result: the bus's event for `index` is kept for 15 minutes, which takes 1.
const STORED_WITHIN: TimeDelta = TimeDelta::minutes(16);
/// Within this time it is looked once.
const LOOKED_EVERY: TimeDelta = TimeDelta::seconds(30);

const SIZES: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
];

/// What is known of one queue.
pub struct QueuedUploads {
    client: Client,
    url: String,
    clock: Arc<dyn Clock>,
    /// How long the queue keeps messages.
    kept: TimeDelta,
    /// When this process saw it empty: what lies less than [`STORED_WITHIN`] back, and the last before. A new process knows
    /// of none, and waits for longer.
    seen_empty: Mutex<VecDeque<DateTime<Utc>>>,
}

impl QueuedUploads {
    /// The queue at this URL, which keeps messages for so long.
    pub fn new(client: Client, url: impl Into<String>, clock: Arc<dyn Clock>, kept: TimeDelta) -> Self {
        Self { client, url: url.into(), clock, kept, seen_empty: Mutex::default() }
    }

    async fn is_empty(&self) -> PortResult<bool> {
        let request = self.client.get_queue_attributes().queue_url(&self.url).set_attribute_names(Some(SIZES.to_vec()));
        let failed = |why: String| PortError::Unavailable { what: "the queue for analysis", why };
        let response = request.send().await.map_err(|error| failed(DisplayErrorContext(&error).to_string()))?;
        let sizes = response.attributes().ok_or_else(|| failed("it did not say how much waits".to_owned()))?;
        Ok(SIZES.iter().all(|size| sizes.get(size).is_some_and(|waiting| waiting == "0")))
    }

    /// Takes note of an empty queue; returns the last time of those that lie far enough back.
    fn emptied(&self, now: DateTime<Utc>, empty: bool) -> Option<DateTime<Utc>> {
        let mut seen = self.seen_empty.lock().unwrap_or_else(PoisonError::into_inner);
        if empty && seen.back().is_none_or(|last| now - *last >= LOOKED_EVERY) {
            seen.push_back(now);
        }
        while seen.get(1).is_some_and(|second| now - *second >= STORED_WITHIN) {
            seen.pop_front();
        }
        seen.front().copied().filter(|first| now - *first >= STORED_WITHIN)
    }
}

#[async_trait]
impl UploadJobs for QueuedUploads {
    async fn unfinished(&self, uploads: &[Upload]) -> PortResult<HashSet<UploadId>> {
        // Before it is received it is no message of the queue; Lambda gives the event up, and says so, within 17 minutes.
        let received: Vec<&Upload> = uploads.iter().filter(|upload| upload.state == UploadState::Received).collect();
        if received.is_empty() {
            return Ok(HashSet::new());
        }
        let empty = self.is_empty().await?;
        let now = self.clock.now();
        let emptied = self.emptied(now, empty);
        let unfinished = received.into_iter().filter(|upload| {
            let sent = upload.created_at + SENT_WITHIN;
            now < sent + self.kept + STORED_WITHIN && emptied.is_none_or(|at| at < sent)
        });
        Ok(unfinished.map(|upload| upload.id.clone()).collect())
    }
}
