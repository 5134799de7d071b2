//! One message per kind of frame: actions, responses, events.

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::protocol::event::{
    ImageLabelled, ImageOffensive, ImageRemoved, LabelledImage, PendingImage, UploadEnded, UploadReceived,
};
use crate::protocol::{ClientFrame, NotificationFrame, ServerFrame};

/// Each event of ours, what it means, and the schema of its `data`.
const EVENTS: [(&str, &str, &str); 6] = [
    ("upload.received", "The picture was accepted and is being analyzed. Sent to its uploader.", "UploadReceived"),
    ("upload.rejected", "The file was rejected. Sent to its uploader.", "UploadEnded"),
    ("upload.failed", "The picture could not be analyzed. Sent to its uploader.", "UploadEnded"),
    ("image.labelled", "An image was labelled, and search finds it.", "ImageLabelled"),
    ("image.offensive", "An offensive image awaits review. Sent to moderators.", "ImageOffensive"),
    ("image.removed", "An image was removed.", "ImageRemoved"),
];

/// The messages of both directions and the schemas that they refer to.
pub(super) struct Messages {
    pub(super) client: Map<String, Value>,
    pub(super) server: Map<String, Value>,
    pub(super) schemas: Map<String, Value>,
}

impl Messages {
    pub(super) fn all() -> Self {
        let mut server = variants(&ServerFrame::schema(), "type");
        // A notification is one message an event, for its `data` depends on it.
        server.remove("notification");
        server.extend(
            EVENTS.into_iter().map(|(event, summary, data)| (event.to_owned(), of_event(event, summary, data))),
        );
        server.insert("app".to_owned(), of_a_program());
        Self { client: variants(&ClientFrame::schema(), "action"), server, schemas: schemas() }
    }
}

/// The variants of a frame's enum, by the value of the field that distinguishes them.
fn variants(frame: &RefOr<Schema>, tag: &str) -> Map<String, Value> {
    let frame = value(frame);
    let variants = frame["oneOf"].as_array().cloned().unwrap_or_default();
    let named = variants.into_iter().filter_map(|payload| {
        let direct = payload.pointer(&format!("/properties/{tag}/enum/0"));
        let name = direct.or_else(|| payload.pointer(&format!("/allOf/1/properties/{tag}/enum/0")))?;
        let name = name.as_str()?.to_owned();
        let summary = payload["description"].clone();
        Some((name.clone(), json!({"name": name, "summary": summary, "payload": payload})))
    });
    named.collect()
}

fn of_event(event: &str, summary: &str, data: &str) -> Value {
    let data = json!({"$ref": format!("#/components/schemas/{data}")});
    notification(event, summary, &json!({"event": {"const": event}, "data": data}))
}

fn of_a_program() -> Value {
    let topic = json!({"type": "object", "properties": {"topic": {"type": "string", "pattern": "^app:"}}});
    let properties = json!({"topics": {"type": "array", "items": topic}});
    notification("app", "A program published to an `app:` topic; `event` and `data` are its own.", &properties)
}

fn notification(name: &str, summary: &str, properties: &Value) -> Value {
    let mut properties = properties.clone();
    properties["type"] = json!({"const": "notification"});
    json!({"name": name, "summary": summary, "payload": {"allOf": [
        {"$ref": "#/components/schemas/NotificationFrame"},
        {"type": "object", "required": ["type"], "properties": properties}
    ]}})
}

fn schemas() -> Map<String, Value> {
    let mut all: Vec<(String, RefOr<Schema>)> = Vec::new();
    named::<NotificationFrame>(&mut all);
    named::<UploadReceived>(&mut all);
    named::<UploadEnded>(&mut all);
    named::<ImageLabelled>(&mut all);
    named::<LabelledImage>(&mut all);
    named::<PendingImage>(&mut all);
    named::<ImageOffensive>(&mut all);
    named::<ImageRemoved>(&mut all);
    ClientFrame::schemas(&mut all);
    ServerFrame::schemas(&mut all);
    all.into_iter().map(|(name, schema)| (name, value(&schema))).collect()
}

fn named<T: ToSchema>(all: &mut Vec<(String, RefOr<Schema>)>) {
    all.push((T::name().into_owned(), T::schema()));
    T::schemas(all);
}

fn value(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).expect("a schema is plain data, which JSON can hold")
}
