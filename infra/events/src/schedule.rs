//! Events of a schedule (EventBridge user guide, "Scheduled events").

use aws_lambda_events::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::error::{EventError, Result};

/// Reads when a schedule was due; `None` where it does not say. `sweep` needs to know no more than that it was.
///
/// # Errors
/// It is no event of EventBridge.
pub fn read_schedule(payload: Value) -> Result<Option<DateTime<Utc>>> {
    let event: EventBridgeEvent<Value> =
        serde_json::from_value(payload).map_err(EventError::unreadable("an event of a schedule"))?;
    Ok(event.time)
}
