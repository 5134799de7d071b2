//! The REST contract's parameters, bounds and examples.

use serde_json::{Map, Value, json};

use super::fields::{self, APP_TOPIC, CURSOR, IMAGE_ID, NAME, PAGE_CURSOR, TOPIC};
use super::{Deployment, examples};
use crate::model::LabelName;

/// Completes a document as it was derived from the types.
pub(crate) fn complete(document: &mut Value, deployment: &Deployment) {
    document["info"]["license"] = json!({"name": "MIT", "identifier": "MIT"});
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        schemas.iter_mut().for_each(|(name, schema)| fields::refine(name, schema));
    }
    if let Some(size) = document.pointer_mut("/components/schemas/BeginUpload/properties/size") {
        size["maximum"] = json!(deployment.max_upload_bytes);
    }
    if let Some(Value::Object(paths)) = document.pointer_mut("/paths") {
        let operations = paths.values_mut().filter_map(Value::as_object_mut);
        for operation in operations.flat_map(Map::values_mut) {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            let given = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for given in given.into_iter().flatten().filter_map(Value::as_object_mut) {
                let name = given["name"].as_str().unwrap_or_default().to_owned();
                if let Value::Object(more) = parameter(&id, &name, deployment) {
                    fields::merge(given, more);
                }
            }
            show(operation, &id);
        }
    }
}

/// Puts examples beside the bodies.
fn show(operation: &mut Value, id: &str) {
    if let (Some(body), Some(example)) =
        (operation.pointer_mut("/requestBody/content/application~1json"), examples::request(id))
    {
        body["example"] = example;
    }
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten() {
        let example = examples::error(status).or_else(|| examples::response(id));
        if let (Some(body), Some(example)) = (response.pointer_mut("/content/application~1json"), example) {
            body["example"] = example;
        }
    }
}

/// What is known of a parameter beyond its type.
fn parameter(operation: &str, name: &str, deployment: &Deployment) -> Value {
    match (operation, name) {
        (_, "image_id") => json!({
            "description": "SHA-256 of the uploaded bytes, in lower-case hex.",
            "example": examples::IMAGE, "schema": {"pattern": IMAGE_ID}
        }),
        (_, "upload_id") => json!({
            "description": "The `upload_id` that came with the form.",
            "example": examples::UPLOAD, "schema": {"pattern": NAME}
        }),
        ("publish", "topic") => json!({
            "description": "`app:NAME`, with a name of 1 to 64 letters, digits, `.`, `_`, `-` that the key allows.",
            "example": "app:builds", "schema": {"pattern": APP_TOPIC}
        }),
        (_, "topic") => json!({
            "description": "A topic that the caller may read: `labels`, `uploads`, `moderation`, `runs`, `device:ID`, `app:NAME`.",
            "example": "labels", "schema": {"pattern": TOPIC}
        }),
        ("publish", "Idempotency-Key") => json!({
            "description": "1 to 255 printable ASCII characters; a repeat within 24 hours returns the same id and publishes nothing.",
            "example": "build-7431",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"}
        }),
        (_, "q" | "label") => json!({"example": "dog -person", "schema": fields::query()}),
        (_, "prefix") => json!({"example": "do", "schema": {"maxLength": LabelName::MAX_CHARS}}),
        (_, "min_confidence") => json!({"example": 85}),
        (_, "language") => json!({"example": "en", "schema": {"enum": languages(deployment)}}),
        (_, "status") => json!({
            "example": "pending", "schema": {"enum": ["pending", "approved", "removed"], "default": "pending"}
        }),
        ("read_history", "since") => json!({"example": examples::CURSOR, "schema": {"pattern": or_nothing(CURSOR)}}),
        // No example: a cursor that was not handed out is refused.
        (_, "cursor") => json!({"schema": {"pattern": or_nothing(PAGE_CURSOR)}}),
        ("read_history", "limit") => json!({"example": 100, "schema": {"default": 100}}),
        ("complete_label", "limit") => json!({"example": 20, "schema": {"default": 20}}),
        (_, "limit") => json!({"example": 50, "schema": {"default": 50}}),
        _ => json!({}),
    }
}

fn languages(deployment: &Deployment) -> Vec<&str> {
    let mut languages: Vec<&str> = deployment.languages.iter().map(String::as_str).collect();
    if !languages.contains(&"en") {
        languages.insert(0, "en");
    }
    languages
}

/// A pattern that an empty text fits too: where a listing begins.
fn or_nothing(pattern: &str) -> String {
    format!("^({})?$", pattern.trim_start_matches('^').trim_end_matches('$'))
}
