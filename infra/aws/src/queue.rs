//! The queues before `analyze` and `deliver`, on SQS.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use labelcast_functions::ports::{AnalysisJob, Deliveries, Delivery, PortError, PortResult, Queue};

/// Messages of one batch, and bytes of all of them together (SQS API reference, `SendMessageBatch`; the older and smaller
/// figure).
const BATCH: usize = 10;
const BATCH_BYTES: usize = 256 * 1024;

/// A queue of SQS, by its URL.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, job: &AnalysisJob) -> PortResult<()> {
        let body = serde_json::to_string(job).expect("jobs are plain data, which JSON can hold");
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(drop).map_err(|error| PortError::Unavailable {
            what: "the queue for analysis",
            why: DisplayErrorContext(&error).to_string(),
        })
    }
}

#[async_trait]
impl Deliveries for SqsQueue {
    async fn send(&self, deliveries: &[Delivery]) -> PortResult<()> {
        let unavailable = |why: String| PortError::Unavailable { what: "the queue for deliveries", why };
        let bodies: Vec<String> = deliveries
            .iter()
            .map(|one| permitted(serde_json::to_string(one).expect("deliveries are plain data, which JSON can hold")))
            .collect();
        // They differ in little more than the range.
        let longest = bodies.iter().map(String::len).max().unwrap_or(1);
        for some in bodies.chunks((BATCH_BYTES / longest).clamp(1, BATCH)) {
            let mut call = self.client.send_message_batch().queue_url(&self.url);
            for (number, body) in some.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body).build();
                call = call.entries(entry.map_err(|error| unavailable(error.to_string()))?);
            }
            let sent = call.send().await.map_err(|error| unavailable(DisplayErrorContext(&error).to_string()))?;
            // The caller tries all of them again, which every receiver can bear.
            if let Some(refused) = sent.failed().first() {
                return Err(unavailable(format!("{}: {}", refused.code(), refused.message().unwrap_or_default())));
            }
        }
        Ok(())
    }
}

/// SQS refuses messages with two characters that texts of JSON may have (API reference, `SendMessage`); escaped it takes them.
fn permitted(json: String) -> String {
    match json.contains(['\u{fffe}', '\u{ffff}']) {
        true => json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"),
        false => json,
    }
}
