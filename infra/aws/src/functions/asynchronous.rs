//! The functions that nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::s3::S3Event;
use aws_lambda_events::sqs::SqsEvent;
use labelcast_functions::images::{Analyze, Failed, Index, Ingest};
use labelcast_functions::live::{Abandoned, Deliver, Notify, Sweep};
use lambda_runtime::Error;
use serde_json::Value;

use super::take;
use crate::environment;
use crate::home::Home;
use crate::telemetry::Metrics;

/// Of the 60 s that `deliver` has: pushing ends before, and so there is time to close those who were not served.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(52);

pub(super) async fn ingest(home: &Home, metrics: &'static Metrics) -> Result<(), Error> {
    let ingest = Ingest {
        clock: home.clock(),
        objects: home.objects()?,
        uploads: home.uploads()?,
        images: home.images()?,
        queue: home.queue()?,
        bus: home.bus()?,
        decoding: home.decoding()?,
        // Rekognition looks at the stored object itself.
        detector: None,
        settings: home.settings()?,
    };
    take(metrics, move |event: Value| {
        let ingest = ingest.clone();
        async move {
            match object_event(event)? {
                Some(event) => ingest.handle(event).await.map_err(Error::from),
                None => Ok(()),
            }
        }
    })
    .await
}

/// S3 says once that it can reach us, without records (S3 user guide, event notifications): that is `None`.
fn object_event(event: Value) -> serde_json::Result<Option<S3Event>> {
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        tracing::info!("the bucket's test event came");
        return Ok(None);
    }
    serde_json::from_value(event).map(Some)
}

pub(super) async fn analyze(home: &Home, metrics: &'static Metrics) -> Result<(), Error> {
    let analyze = Analyze {
        clock: home.clock(),
        detector: home.detector()?,
        images: home.images()?,
        uploads: home.uploads()?,
        bus: home.bus()?,
        settings: home.settings()?,
    };
    take(metrics, move |event: SqsEvent| {
        let analyze = analyze.clone();
        async move { Ok(analyze.handle(event).await) }
    })
    .await
}

pub(super) async fn index(home: &Home, metrics: &'static Metrics) -> Result<(), Error> {
    let index = Index { images: home.images()?, objects: home.objects()?, uploads: home.uploads()?, bus: home.bus()? };
    take(metrics, move |event: EventBridgeEvent<Value>| {
        let index = index.clone();
        async move { index.handle(event).await.map_err(Error::from) }
    })
    .await
}

pub(super) async fn notify(home: &Home, metrics: &'static Metrics) -> Result<(), Error> {
    let notify = Notify { division: Some(home.division()?), ..pushing(home)? };
    take(metrics, move |event: EventBridgeEvent<Value>| {
        let notify = notify.clone();
        async move { notify.handle(event).await.map_err(Error::from) }
    })
    .await
}

/// What serves all receivers that it is given.
fn pushing(home: &Home) -> environment::Result<Notify> {
    Ok(Notify {
        clock: home.clock(),
        images: home.images()?,
        objects: home.objects()?,
        history: home.history()?,
        connections: home.connections()?,
        pusher: home.pusher()?,
        division: None,
    })
}

pub(super) async fn deliver(home: &Home, metrics: &'static Metrics) -> Result<(), Error> {
    let deliver = Deliver {
        notify: pushing(home)?,
        deliveries: home.deliveries()?,
        max_attempts: home.settings()?.max_attempts,
        patience: DELIVERY_PATIENCE,
    };
    take(metrics, move |event: SqsEvent| {
        let deliver = deliver.clone();
        async move { Ok(deliver.handle(event).await) }
    })
    .await
}

pub(super) async fn sweep(home: &Home, metrics: &'static Metrics) -> Result<(), Error> {
    let sweep = Sweep {
        clock: home.clock(),
        connections: home.connections()?,
        pusher: home.pusher()?,
        uploads: home.uploads()?,
        objects: home.objects()?,
        bus: home.bus()?,
        history: home.history()?,
        idempotency: home.idempotency()?,
        // The bucket's lifecycle rules do.
        expiry: None,
        settings: home.settings()?,
    };
    take(metrics, move |event: EventBridgeEvent<Value>| {
        let sweep = sweep.clone();
        async move { sweep.handle(event).await.map(drop).map_err(Error::from) }
    })
    .await
}

/// The records come by way of a queue.
pub(super) async fn failed(home: &Home, metrics: &'static Metrics) -> Result<(), Error> {
    let abandoned = Abandoned {
        clock: home.clock(),
        images: home.images()?,
        history: home.history()?,
        deliveries: home.deliveries()?,
        ranges: home.ranges()?.count(),
    };
    let failed =
        Failed { images: home.images()?, uploads: home.uploads()?, bus: home.bus()?, undelivered: Arc::new(abandoned) };
    take(metrics, move |event: SqsEvent| {
        let failed = failed.clone();
        async move { Ok(failed.handle_batch(event).await) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::object_event;

    #[test]
    fn the_buckets_test_event_is_none_of_an_object() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-20T18:43:48.000Z",
            "Bucket": "labelcast", "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"});
        assert!(object_event(test).unwrap().is_none());
        assert!(object_event(json!({"Records": []})).unwrap().is_some_and(|event| event.records.is_empty()));
        assert!(
            object_event(json!({"Service": "something else"})).is_err(),
            "it is tried again, and becomes a dead letter"
        );
    }
}
