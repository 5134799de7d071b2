//! Batches of a queue's messages, and the response that names those which failed (Lambda developer guide, "Reporting batch
//! item failures").

use std::fmt::Display;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures_util::future::join_all;
use labelcast_functions::model::{AnalysisJob, JobRequest};
use labelcast_functions::ports::Delivery;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{EventError, Result};
use crate::failures::read_exhausted;

/// A batch of messages, each read by itself: one that cannot be read holds up none of the others.
#[derive(Debug)]
pub struct Batch<T> {
    messages: Vec<Message<T>>,
}

#[derive(Debug)]
struct Message<T> {
    id: String,
    /// The number of this attempt, from 1; 0 where the queue does not say.
    attempt: u32,
    request: Result<T>,
}

/// Reads the jobs that `analyze` takes.
///
/// # Errors
/// It is no batch of a queue's messages.
pub fn read_analysis_jobs(payload: Value) -> Result<Batch<AnalysisJob>> {
    Batch::read(payload, |body| json(body, "a job of `analyze`"))
}

/// Reads the deliveries that `deliver` takes.
///
/// # Errors
/// It is no batch of a queue's messages.
pub fn read_deliveries(payload: Value) -> Result<Batch<Delivery>> {
    Batch::read(payload, |body| json(body, "a delivery"))
}

/// Reads the records of invocations that failed to the end (Lambda developer guide, "Retaining records of asynchronous
/// invocations"), each with the requests that are exhausted by it: what `failed` takes. One without a recipient, such as an
/// event of another program, has none, and is passed over with a line in the log.
///
/// # Errors
/// It is no batch of a queue's messages.
pub fn read_failures(payload: Value) -> Result<Batch<Vec<JobRequest>>> {
    Batch::read(payload, |body| match read_exhausted(json(body, "the record of a function that failed")?) {
        Err(EventError::Foreign(why)) => {
            tracing::warn!(why, "what a function could not do concerns nobody, and was passed over");
            metrics::counter!("labelcast_given_up_ignored_total").increment(1);
            Ok(Vec::new())
        }
        read => read,
    })
}

fn json<T: DeserializeOwned>(body: &str, what: &'static str) -> Result<T> {
    serde_json::from_str(body).map_err(EventError::unreadable(what))
}

impl<T> Batch<T> {
    fn read(payload: Value, read: impl Fn(&str) -> Result<T>) -> Result<Self> {
        let event: SqsEvent =
            serde_json::from_value(payload).map_err(EventError::unreadable("a batch of a queue's messages"))?;
        let message = |message: aws_lambda_events::sqs::SqsMessage| Message {
            attempt: message.attributes.get("ApproximateReceiveCount").and_then(|n| n.parse().ok()).unwrap_or(0),
            request: read(message.body.as_deref().unwrap_or_default()),
            id: message.message_id.unwrap_or_default(),
        };
        Ok(Self { messages: event.records.into_iter().map(message).collect() })
    }

    /// What was read, in order, each with the number of its attempt.
    pub fn requests(&self) -> impl Iterator<Item = (std::result::Result<&T, &EventError>, u32)> {
        self.messages.iter().map(|message| (message.request.as_ref(), message.attempt))
    }

    /// Has every message handled, with the number of its attempt, and returns those that are to be tried again. `failures`
    /// is the metric of the function's failures: those that never come to it, because they cannot be read, are counted
    /// here.
    pub async fn handle_each<E, F>(self, failures: &'static str, handle: impl Fn(T, u32) -> F) -> SqsBatchResponse
    where
        E: Display,
        F: Future<Output = std::result::Result<(), E>>,
    {
        let outcomes = self.messages.into_iter().map(|Message { id, attempt, request }| {
            let handled = request.map(|request| handle(request, attempt));
            async move {
                let error = match handled {
                    Ok(outcome) => outcome.await.err().map(|error| error.to_string()),
                    Err(unreadable) => {
                        metrics::counter!(failures).increment(1);
                        Some(unreadable.to_string())
                    }
                };
                error.map(|error| (id, error))
            }
        });
        let mut response = SqsBatchResponse::default();
        for (message_id, error) in join_all(outcomes).await.into_iter().flatten() {
            tracing::warn!(error, message_id, "a message of a queue failed");
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message_id;
            response.batch_item_failures.push(failure);
        }
        response
    }
}
