//! A document with schemas in it.

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// A document whose schemas are closed: a field that a schema does not name is a difference like any other.
pub struct Document(Value);

impl Document {
    /// Closes the schemas of a document.
    pub fn new(document: &Value) -> Self {
        Self(closed(document, document))
    }

    /// What stands at a JSON pointer.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// A validator of the schema at a JSON pointer.
    pub fn validator(&self, pointer: &str) -> Validator {
        // Beside the rest of the document, so that references lead there.
        let mut root = self.0.clone();
        root["allOf"] = json!([self.at(pointer).unwrap_or_else(|| panic!("there is nothing at {pointer}"))]);
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        options.build(&root).unwrap_or_else(|error| panic!("{pointer} is no schema: {error}"))
    }

    /// Everything that differs from the schema at a JSON pointer, in words.
    pub fn differences(&self, pointer: &str, value: &Value) -> Vec<String> {
        let validator = self.validator(pointer);
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

/// As a part of a JSON pointer (RFC 6901).
pub(super) fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// Every object schema refuses what it does not name. The parts of an `allOf` are one schema: the whole is closed, and
/// what it refers to is put in its place, since that is closed where it stands.
fn closed(value: &Value, document: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| closed(item, document)).collect(),
        Value::Object(object) => match object.get("allOf").and_then(Value::as_array) {
            Some(parts) => {
                let parts: Vec<Value> = parts.iter().map(|part| inlined(part, document)).collect();
                json!({"allOf": parts, "unevaluatedProperties": false})
            }
            None => {
                let mut object = inner(object, document);
                let is_schema = object.get("properties").is_some_and(Value::is_object);
                if is_schema && !object.contains_key("additionalProperties") {
                    object.insert("additionalProperties".to_owned(), json!(false));
                }
                Value::Object(object)
            }
        },
        other => other.clone(),
    }
}

fn inner(object: &Map<String, Value>, document: &Value) -> Map<String, Value> {
    object.iter().map(|(name, value)| (name.clone(), closed(value, document))).collect()
}

/// What a part of an `allOf` refers to, open at its top; a part that refers to nothing stays as it is.
fn inlined(part: &Value, document: &Value) -> Value {
    let target = part.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    match target.and_then(|target| document.pointer(target)).and_then(Value::as_object) {
        Some(target) => Value::Object(inner(target, document)),
        None => part.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_missing_from_a_schema_are_reported() {
        let document = Document::new(&json!({"schemas": {
            "base": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
            "more": {"allOf": [{"$ref": "#/schemas/base"}, {"type": "object", "properties": {"b": {}}}]},
            "list": {"type": "array", "items": {"$ref": "#/schemas/base"}},
        }}));
        for (schema, good) in
            [("base", json!({"a": 1})), ("more", json!({"a": 1, "b": 2})), ("list", json!([{"a": 1}]))]
        {
            assert_eq!(document.differences(&format!("/schemas/{schema}"), &good), Vec::<String>::new());
        }
        let bad = [
            ("base", json!({"a": 1, "b": 2})),
            ("base", json!({"a": "1"})),
            ("more", json!({"a": 1, "c": 2})),
            ("list", json!([{"a": 1, "b": 2}])),
        ];
        for (schema, bad) in bad {
            assert_ne!(
                document.differences(&format!("/schemas/{schema}"), &bad),
                Vec::<String>::new(),
                "{schema} {bad}"
            );
        }
    }
}
