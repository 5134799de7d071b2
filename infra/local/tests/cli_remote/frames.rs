//! What the server says.

use serde_json::{Value, json};

pub fn image(id: &str) -> Value {
    json!({"image_id": id, "uploaded_at": "2026-11-21T03:18:25Z",
        "labels": [{"name": "dog", "confidence": 98.2}, {"name": "grass", "confidence": 91}]})
}

pub fn cursor(seq: u64) -> String {
    format!("00000000000000aa-{seq}")
}

pub fn response(topic: &str, recovered: bool, seq: u64) -> Value {
    json!({"type": "subscribed", "topics": [{"topic": topic, "recovered": recovered, "cursor": cursor(seq)}]})
}

pub fn notification(id: &str, topic: &str, seq: u64, event: &str, data: &Value) -> Value {
    json!({"type": "notification", "id": id, "event": event, "at": "2026-11-21T03:18:25Z", "data": data,
        "topics": [{"topic": topic, "seq": seq, "cursor": cursor(seq)}]})
}
