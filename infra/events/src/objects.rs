//! Created objects, in the two formats in which S3 reports them.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::s3::{S3Event, S3EventRecord};
use labelcast_functions::model::NewObject;
use labelcast_functions::ports::ObjectKey;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::error::{EventError, Result};

const WHAT: &str = "an event of created objects";
/// The `detail-type` of the event that a bucket publishes on EventBridge.
pub(crate) const OBJECT_CREATED: &str = "Object Created";

/// Reads the objects under `new/` that were created: from a notification of the bucket (S3 user guide, "Event message
/// structure") or from the event that the bucket publishes on EventBridge ("EventBridge event message structure"). Records
/// about anything else are left out, with a line in the log.
///
/// # Errors
/// [`EventError::Foreign`] if nothing is left, as with the test event by which S3 says once that it can reach us.
pub fn read_new_objects(payload: Value) -> Result<Vec<NewObject>> {
    if payload.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Err(EventError::Foreign("the bucket's test event".to_owned()));
    }
    if payload.get("detail-type").is_some() {
        return from_bus(payload).map(|object| vec![object]);
    }
    let event: S3Event = serde_json::from_value(payload).map_err(EventError::unreadable(WHAT))?;
    let mut objects = Vec::with_capacity(event.records.len());
    let mut foreign = None;
    for record in &event.records {
        match from_record(record) {
            Ok(object) => objects.push(object),
            Err(error) => {
                if let Some(error) = foreign.replace(error) {
                    tracing::warn!(%error, "a record of an object event was passed over");
                }
            }
        }
    }
    match (objects.is_empty(), foreign) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(EventError::Foreign("it has no records".to_owned())),
        (false, Some(error)) => {
            tracing::warn!(%error, "a record of an object event was passed over");
            Ok(objects)
        }
        (false, None) => Ok(objects),
    }
}

fn from_record(record: &S3EventRecord) -> Result<NewObject> {
    let name = record.event_name.as_deref().unwrap_or_default();
    let key = record.s3.object.key.as_deref().map(decoded).unwrap_or_default();
    let created = name.starts_with("ObjectCreated:");
    match ObjectKey::upload_id(&key).filter(|_| created) {
        Some(upload_id) => Ok(NewObject { upload_id, created_at: record.event_time }),
        None => Err(not_an_upload(name, &key)),
    }
}

/// Keys are not encoded there.
fn from_bus(payload: Value) -> Result<NewObject> {
    let EventBridgeEvent { detail_type, detail, time, .. } =
        serde_json::from_value::<EventBridgeEvent<Value>>(payload).map_err(EventError::unreadable(WHAT))?;
    let key = detail["object"]["key"].as_str().unwrap_or_default();
    match (ObjectKey::upload_id(key).filter(|_| detail_type == OBJECT_CREATED), time) {
        (Some(upload_id), Some(created_at)) => Ok(NewObject { upload_id, created_at }),
        (Some(_), None) => Err(EventError::Unreadable { what: WHAT, why: "it has no `time`".to_owned() }),
        (None, _) => Err(not_an_upload(&detail_type, key)),
    }
}

fn not_an_upload(name: &str, key: &str) -> EventError {
    EventError::Foreign(format!("`{name}` of `{key}` is not about an upload"))
}

/// Keys in notifications are form-encoded: `+` is a blank, then come the percents.
fn decoded(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn keys_are_decoded_as_s3_encodes_them() {
        assert_eq!(decoded("new/my+holiday+%C3%A9t%C3%A9.jpg"), "new/my holiday été.jpg");
        assert_eq!(decoded("new/a%2Bb"), "new/a+b");
    }
}
