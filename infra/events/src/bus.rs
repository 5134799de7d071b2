//! Events of the bus (EventBridge user guide, "Event structure").

use aws_lambda_events::eventbridge::EventBridgeEvent;
use labelcast_functions::model::{BusEvent, Event, IndexRequest, JobRequest};
use serde_json::Value;

use crate::error::{EventError, Result};

const WHAT: &str = "an event of the bus";

/// Reads an event of ours: what `notify` takes.
///
/// # Errors
/// [`EventError::Foreign`] for an event of another program, and for one whose detail is none that we publish.
pub fn read_event(payload: Value) -> Result<Event> {
    let EventBridgeEvent { detail_type, detail, time, source, .. } =
        serde_json::from_value::<EventBridgeEvent<Value>>(payload).map_err(EventError::unreadable(WHAT))?;
    let Some(body) = BusEvent::from_parts(&detail_type, &detail) else {
        return Err(EventError::Foreign(format!("`{detail_type}` of `{source}` is no event that we publish")));
    };
    let at = time.ok_or_else(|| EventError::Unreadable { what: WHAT, why: "it has no `time`".to_owned() })?;
    Ok(Event { at, body })
}

/// Reads an event that `index` listens to.
///
/// # Errors
/// [`EventError::Foreign`] as for [`read_event`], and for our events that are for others.
pub fn read_index_request(payload: Value) -> Result<IndexRequest> {
    match JobRequest::from(read_event(payload)?) {
        JobRequest::Index(request) => Ok(request),
        _ => Err(EventError::Foreign("`index` takes results and removals alone".to_owned())),
    }
}
