//! The queue before `analyze`, on SQS.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use labelcast_functions::ports::{AnalysisJob, PortError, PortResult, Queue};

/// One queue.
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
