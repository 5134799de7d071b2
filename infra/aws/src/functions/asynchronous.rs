//! The asynchronous functions.

use std::time::Duration;

use labelcast_events::{
    EventError, read_analysis_jobs, read_deliveries, read_event, read_failures, read_index_request, read_new_objects,
    read_schedule,
};
use labelcast_functions::images::{Analyze, Failed, Index, Ingest};
use labelcast_functions::live::{Deliver, Notify, Sweep};
use labelcast_functions::model::{JobRequest, NewObject};
use labelcast_functions::ports::PortResult;
use labelcast_functions::wiring::{FromProvider, Provider};
use lambda_runtime::Error;
use serde_json::Value;

use super::take;
use crate::backend::Backend;
use crate::telemetry::Metrics;

/// Of the 60 s that `deliver` has: pushing ends before, and so there is time to close those who were not served.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(52);

pub(super) async fn ingest(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let ingest = Ingest::from_provider(backend)?;
    take(metrics, move |payload: Value| {
        let ingest = ingest.clone();
        async move {
            match ours(read_new_objects(payload), "labelcast_ingest_ignored_total")? {
                Some(objects) => ingest_all(&ingest, objects).await.map_err(Error::from),
                None => Ok(()),
            }
        }
    })
    .await
}

/// Every object is gone through, also after one that failed; the first failure is returned, so that the event is tried
/// again.
async fn ingest_all(ingest: &Ingest, objects: Vec<NewObject>) -> PortResult<()> {
    let mut outcome = Ok(());
    for object in objects {
        let done = ingest.handle(object).await;
        outcome = outcome.and(done);
    }
    outcome
}

/// What was read, or `None` for an event of somebody else, which is passed over and counted.
fn ours<T>(read: Result<T, EventError>, ignored: &'static str) -> Result<Option<T>, EventError> {
    match read {
        Ok(request) => Ok(Some(request)),
        Err(error @ EventError::Foreign(_)) => {
            tracing::warn!(%error, "an event was passed over");
            metrics::counter!(ignored).increment(1);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn analyze(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let analyze = Analyze::from_provider(backend)?;
    take(metrics, move |payload: Value| {
        let analyze = analyze.clone();
        async move {
            let each = async |job, attempt| analyze.handle(&job, attempt).await;
            Ok(read_analysis_jobs(payload)?.handle_each("labelcast_analysis_failures_total", each).await)
        }
    })
    .await
}

pub(super) async fn index(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let index = Index::from_provider(backend)?;
    take(metrics, move |payload: Value| {
        let index = index.clone();
        async move {
            match ours(read_index_request(payload), "labelcast_index_ignored_total")? {
                Some(request) => index.handle(request).await.map_err(Error::from),
                None => Ok(()),
            }
        }
    })
    .await
}

pub(super) async fn notify(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let notify = Notify::from_provider(backend)?;
    take(metrics, move |payload: Value| {
        let notify = notify.clone();
        async move {
            match ours(read_event(payload), "labelcast_notify_ignored_total")? {
                Some(event) => notify.handle(event).await.map_err(Error::from),
                None => Ok(()),
            }
        }
    })
    .await
}

pub(super) async fn deliver(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let deliver = Deliver {
        notify: Notify::unpartitioned(backend)?,
        deliveries: backend.deliveries()?,
        max_attempts: backend.settings()?.max_attempts,
        timeout: DELIVERY_TIMEOUT,
    };
    take(metrics, move |payload: Value| {
        let deliver = deliver.clone();
        async move {
            let each = async |delivery, attempt| deliver.handle(delivery, attempt).await;
            Ok(read_deliveries(payload)?.handle_each("labelcast_delivery_failures_total", each).await)
        }
    })
    .await
}

pub(super) async fn sweep(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let sweep = Sweep::from_provider(backend)?;
    take(metrics, move |payload: Value| {
        let sweep = sweep.clone();
        async move {
            read_schedule(payload)?;
            sweep.handle().await.map(drop).map_err(Error::from)
        }
    })
    .await
}

/// The records come by way of a queue.
pub(super) async fn failed(backend: &Backend, metrics: &'static Metrics) -> Result<(), Error> {
    let failed = Failed::from_provider(backend)?;
    take(metrics, move |payload: Value| {
        let failed = failed.clone();
        async move {
            let each = async |exhausted, _| report_all(&failed, exhausted).await;
            Ok(read_failures(payload)?.handle_each("labelcast_exhausted_failures_total", each).await)
        }
    })
    .await
}

async fn report_all(failed: &Failed, exhausted: Vec<JobRequest>) -> PortResult<()> {
    for request in exhausted {
        failed.handle(request).await?;
    }
    Ok(())
}
