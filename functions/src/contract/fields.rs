//! Constraints of a field by its name, wherever it occurs.

use serde_json::{Map, Value, json};

use crate::model::LabelName;
use crate::protocol::MAX_REFERENCE;
use crate::query::{self, Query};
use crate::rest::CODES;

/// Pattern of a [`Name`](crate::model::Name).
pub(super) const NAME: &str = "^[A-Za-z0-9._-]{1,64}$";
/// Pattern of an [`ImageId`](crate::model::ImageId).
pub(super) const IMAGE_ID: &str = "^[0-9a-f]{64}$";
/// Pattern of a [`Topic`](crate::model::Topic).
pub(super) const TOPIC: &str = "^(labels|uploads|moderation|runs|(device|app):[A-Za-z0-9._-]{1,64})$";
/// A topic that programs publish to.
pub(super) const APP_TOPIC: &str = "^app:[A-Za-z0-9._-]{1,64}$";
/// A [`Cursor`](crate::model::Cursor) of a topic's history.
pub(super) const CURSOR: &str = "^[0-9a-f]{16}-(0|[1-9][0-9]{0,18})$";
/// The `next` of a page, in either backend.
pub(super) const PAGE_CURSOR: &str = "^[A-Za-z0-9_-]{32,43}$";

/// A [`Source`](crate::model::Source).
const SOURCE: &str = r"^[A-Za-z0-9._:\[\]-]{1,100}$";

/// A query in the search language.
pub(super) fn query() -> Value {
    json!({"type": "string", "maxLength": Query::MAX_CHARS, "pattern": query::pattern()})
}

/// Fills in what is known of the fields of a schema of this name, its parts included.
pub(super) fn refine(name: &str, schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| refine(name, item)),
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                for (field, schema) in properties {
                    if let (Some(Value::Object(rule)), Value::Object(schema)) = (rule(name, field), schema) {
                        merge(schema, rule);
                    }
                }
            }
            object.values_mut().for_each(|inner| refine(name, inner));
        }
        _ => {}
    }
}

/// Adds fields to a schema; what both have as objects is merged, else the added one stays.
pub(super) fn merge(into: &mut Map<String, Value>, added: Map<String, Value>) {
    for (name, value) in added {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => merge(known, more),
            (_, value) => drop(into.insert(name, value)),
        }
    }
}

fn rule(schema: &str, field: &str) -> Option<Value> {
    let text = |least: usize| json!({"minLength": least});
    Some(match (schema, field) {
        (_, "image_id") => json!({"pattern": IMAGE_ID}),
        ("SubscribedTopic" | "NotificationTopic", "topic") => json!({"pattern": TOPIC}),
        (_, "cursor") => json!({"pattern": CURSOR}),
        (_, "next") => json!({"pattern": PAGE_CURSOR}),
        ("Subscribe", "topics") => json!({"minItems": 1, "items": {"pattern": TOPIC}}),
        ("Unsubscribe" | "SetNotifyList" | "unsubscribed", "topics") | (_, "dropped") => {
            json!({"items": {"pattern": TOPIC}})
        }
        ("NotificationFrame", "topics") => json!({"minItems": 1}),
        ("Subscribe", "since") => json!({"additionalProperties": {"pattern": CURSOR}}),
        // Of whatever type it is: it may be `null`.
        ("Subscribe", "filter") => json!({"maxLength": Query::MAX_CHARS, "pattern": query::pattern()}),
        (_, "ref") => json!({"maxLength": MAX_REFERENCE}),
        (_, "connection_id") => json!({"pattern": "^[A-Za-z0-9_=-]{1,128}$"}),
        ("Label" | "ModerationLabel", "source") | ("FailedDetector", "name") => json!({"pattern": SOURCE}),
        ("Label", "parents") => json!({"items": {"minLength": 1, "maxLength": LabelName::MAX_CHARS}}),
        ("Label" | "CountedLabel", "name") => json!({"minLength": 1, "maxLength": LabelName::MAX_CHARS}),
        ("ModerationLabel" | "Color", "name") | (_, "message" | "reason" | "expected" | "token" | "id") => text(1),
        (_, "upload_id") | ("NotificationFrame", "event") => json!({"pattern": NAME}),
        ("Color", "hex") => json!({"pattern": "^#[0-9a-f]{6}$"}),
        ("ErrorDetail", "code") => json!({"enum": CODES}),
        ("BeginUpload" | "ImageView", "content_type") => json!({"enum": ["image/jpeg", "image/png", "image/webp"]}),
        (_, "width" | "height" | "size" | "version" | "count" | "seq") => json!({"minimum": 1}),
        (_, "url" | "thumbnail" | "original") => json!({"format": "uri"}),
        _ => return None,
    })
}
