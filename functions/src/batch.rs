//! Batches of a queue's messages.

use std::fmt::Display;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;

/// Handles every message of a batch, and answers those that are to be tried again: one that fails holds up none of the
/// others. `failures` is the metric that counts them.
pub(crate) async fn each<'a, E, F>(
    event: &'a SqsEvent,
    failures: &'static str,
    handle: impl Fn(&'a SqsMessage) -> F,
) -> SqsBatchResponse
where
    E: Display,
    F: Future<Output = Result<(), E>>,
{
    let outcomes = join_all(event.records.iter().map(handle)).await;
    let mut response = SqsBatchResponse::default();
    for (message, outcome) in event.records.iter().zip(outcomes) {
        if let Err(error) = outcome {
            tracing::warn!(%error, message_id = message.message_id, "a message of a queue failed");
            metrics::counter!(failures).increment(1);
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.clone().unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    response
}

/// Whether a message becomes a dead letter if it fails this time too.
pub(crate) fn is_last_attempt(message: &SqsMessage, max_attempts: u32) -> bool {
    attempts(message) >= max_attempts
}

/// Attempts at a message, this one included; 0 where the queue does not say.
pub(crate) fn attempts(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(0)
}
