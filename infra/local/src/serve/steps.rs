//! The functions behind the table of steps: each gets the event that AWS would send it.

use async_trait::async_trait;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::sqs::SqsEvent;
use labelcast_functions::images::{Analyze, Failed, FailureRecord, Index, Ingest};
use labelcast_functions::live::Notify;
use labelcast_functions::ports::{PortError, PortResult};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::objects::ObjectCreated;
use crate::work::{Cause, Dispatcher, Failure, Job, Kind, Outcome, Reservation, Steps, Target};

pub(super) struct FunctionSteps {
    pub(super) ingest: Ingest,
    pub(super) analyze: Analyze,
    pub(super) index: Index,
    pub(super) notify: Notify,
    pub(super) failed: Failed,
}

fn read<T: DeserializeOwned>(job: &Job) -> Result<T, String> {
    serde_json::from_str(&job.payload).map_err(|error| format!("the event cannot be read: {error}"))
}

/// What a failure of a port says of the job: on one machine, what does not answer now does not answer for any job.
fn failure(error: &PortError) -> Failure {
    let cause = match error {
        PortError::Full { .. } | PortError::Unavailable { .. } | PortError::Overloaded { .. } => Cause::Outage,
        PortError::Failed { .. } => Cause::Job,
    };
    Failure { message: error.to_string(), cause }
}

impl FunctionSteps {
    async fn one(&self, target: Target, job: &Job) -> Outcome {
        match target {
            Target::Ingest => self.ingest.handle(read(job)?).await.map_err(|error| failure(&error)),
            Target::Index => self.index.handle(read(job)?).await.map_err(|error| failure(&error)),
            Target::Notify => self.notify.handle(read(job)?).await.map_err(|error| failure(&error)),
            Target::Analyze => {
                let response = self.analyze.handle(queue_event(job)?).await;
                match response.batch_item_failures.is_empty() {
                    true => Ok(()),
                    false => Err("the analysis failed; the log has the reason".to_owned().into()),
                }
            }
        }
    }
}

/// A message as the queue hands it over.
fn queue_event(job: &Job) -> Result<SqsEvent, String> {
    let event = json!({"Records": [{
        "messageId": job.id.to_string(),
        "receiptHandle": job.id.to_string(),
        "body": job.payload,
        "attributes": {
            "ApproximateReceiveCount": job.attempt.to_string(),
            "SentTimestamp": job.created_at.timestamp_millis().to_string(),
            "SenderId": "labelcast",
            "ApproximateFirstReceiveTimestamp": job.created_at.timestamp_millis().to_string(),
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:local:000000000000:analyze",
        "awsRegion": "local",
    }]});
    serde_json::from_value(event).map_err(|error| error.to_string())
}

#[async_trait]
impl Steps for FunctionSteps {
    async fn run(&self, target: Target, jobs: &[Job]) -> Vec<Outcome> {
        if let [job] = jobs {
            return vec![self.one(target, job).await];
        }
        // Only notifications come several at once: they are written and pushed together.
        let events: Result<Vec<EventBridgeEvent<Value>>, String> = jobs.iter().map(read).collect();
        let outcome = match events {
            Ok(events) => self.notify.handle_all(events).await.map_err(|error| failure(&error)),
            Err(error) => Err(error.into()),
        };
        vec![outcome; jobs.len()]
    }

    async fn gave_up(&self, job: &Job) -> Outcome {
        let request_payload = read(job).unwrap_or(Value::Null);
        self.failed.handle(FailureRecord { request_payload }).await.map_err(|error| failure(&error))
    }
}

/// A created object is a job for `ingest`.
pub(super) struct CreatedSteps(pub(super) Dispatcher);

#[async_trait]
impl ObjectCreated for CreatedSteps {
    fn reserve(&self) -> PortResult<Reservation> {
        self.0.admit(Kind::Pictures, 1)
    }

    async fn created(&self, admitted: Reservation, event: Value) -> PortResult<()> {
        self.0.accept_admitted(vec![admitted], vec![(Target::Ingest, event.to_string())]).await
    }
}
