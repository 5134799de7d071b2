//! The socket's messages: bounds and examples.

use serde_json::{Value, json};

use super::{examples, fields};

/// Completes a message, or a schema that messages refer to, as it was derived from the types.
pub(crate) fn message(name: &str, mut message: Value) -> Value {
    fields::refine(name, &mut message);
    without_siblings(&mut message);
    if let (Some(example), Some(_)) = (examples::message(name), message.get("payload")) {
        message["examples"] = json!([{"payload": example}]);
    }
    message
}

/// In the JSON Schema of AsyncAPI nothing counts that stands beside a `$ref`.
fn without_siblings(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_siblings),
        Value::Object(object) => {
            if object.get("$ref").is_some_and(Value::is_string) {
                object.retain(|name, _| name == "$ref");
            }
            object.values_mut().for_each(without_siblings);
        }
        _ => {}
    }
}
