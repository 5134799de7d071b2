//! Exhausted events, as Lambda sends them to an on-failure destination.

use labelcast_functions::model::JobRequest;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{EventError, Result};
use crate::objects::OBJECT_CREATED;
use crate::{read_event, read_new_objects};

/// The record, as far as it is read here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// The event that the function was given.
    request_payload: Value,
}

/// Reads the requests that are exhausted from the record of an invocation that failed to the end. Its payload is recognised
/// by its form: objects have `Records`, events of the bus a `detail-type`, jobs of `analyze` an `image_id`.
///
/// # Errors
/// [`EventError::Foreign`] for a payload that none of the functions takes, or nobody waits for.
pub fn read_exhausted(record: Value) -> Result<Vec<JobRequest>> {
    let Record { request_payload: payload } =
        serde_json::from_value(record).map_err(EventError::unreadable("the record of a function that failed"))?;
    let detail_type = payload.get("detail-type").and_then(Value::as_str);
    let read = if payload.get("Records").is_some() || detail_type == Some(OBJECT_CREATED) {
        read_new_objects(payload).map(|objects| objects.into_iter().map(JobRequest::Ingest).collect())
    } else if detail_type.is_some() {
        read_event(payload).map(|event| vec![event.into()])
    } else if payload.get("image_id").is_some() {
        let job = serde_json::from_value(payload).map_err(EventError::unreadable("a job of `analyze`"));
        job.map(|job| vec![JobRequest::Analyze(job)])
    } else {
        Err(EventError::Foreign("its payload is none that a function takes".to_owned()))
    };
    // It is exhausted because it cannot be read: nobody can be notified, and retrying changes nothing.
    read.map_err(|error| EventError::Foreign(error.to_string()))
}
