//! The WebSocket's contract, AsyncAPI 3.0, generated from the frames' types.

mod messages;

use serde_json::{Map, Value, json};

use self::messages::Messages;
use crate::contract;
use crate::protocol::SUBPROTOCOL;

/// The document, for a socket at this URL.
pub fn document(live: &str) -> Value {
    let (scheme, rest) = live.split_once("://").unwrap_or(("ws", live));
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let Messages { client, server, schemas } = Messages::all();
    let (requests, sent) = (references_to("/channels/live", &client), references_to("/channels/live", &server));
    let messages: Map<String, Value> = client
        .into_iter()
        .chain(server)
        .map(|(name, described)| (name.clone(), contract::message(&name, described)))
        .collect();
    let schemas: Map<String, Value> =
        schemas.into_iter().map(|(name, schema)| (name.clone(), contract::message(&name, schema))).collect();
    let listed: Map<String, Value> =
        messages.keys().map(|name| (name.clone(), reference("/components", name))).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Labelcast live",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT", "url": "https://spdx.org/licenses/MIT.html"},
            "description": "Subscribe to topics and receive notifications. Text frames with one JSON object each; limits: 32 KiB per \
                frame, 128 KiB per message. A notification may arrive twice, with the same id; keep the highest cursor of a \
                topic and send it as `since` to resume."
        },
        "defaultContentType": "application/json",
        "servers": {"live": {
            "host": host, "pathname": format!("/{path}"), "protocol": scheme,
            "security": [{"$ref": "#/components/securitySchemes/subprotocol"}, {"$ref": "#/components/securitySchemes/token"}]
        }},
        "channels": {"live": {
            "address": "/",
            "messages": listed
        }},
        "operations": {
            "request": {"action": "receive", "channel": {"$ref": "#/channels/live"},
                "messages": requests,
                "summary": "What a client sends; each request gets a response with the same `ref`."},
            "notify": {"action": "send", "channel": {"$ref": "#/channels/live"},
                "messages": sent,
                "summary": "Responses, notifications, and why the connection is closing."}
        },
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": {
                "subprotocol": {"type": "httpApiKey", "in": "header", "name": "Sec-WebSocket-Protocol",
                    "description": format!("`{SUBPROTOCOL}, bearer.ID_TOKEN`: for browsers, which cannot set headers. The server responds with `{SUBPROTOCOL}`.")},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            }
        }
    })
}

fn reference(place: &str, message: &str) -> Value {
    json!({"$ref": format!("#{place}/messages/{message}")})
}

fn references_to(place: &str, messages: &Map<String, Value>) -> Vec<Value> {
    messages.keys().map(|name| reference(place, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reference of the document leads somewhere in it.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(target)) = object.get("$ref") {
                    found.push(target.clone());
                }
                object.values().for_each(|inner| references(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_resolves() {
        let document = document("ws://127.0.0.1:8080/live");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
        }
    }
}
