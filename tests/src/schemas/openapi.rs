//! The REST contract, and which of its responses were seen.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::document::{Document, escaped};

/// An OpenAPI document that remembers what was checked against it.
pub struct OpenApi {
    document: Document,
    seen: Mutex<BTreeSet<String>>,
}

impl OpenApi {
    /// Of a document as it is served.
    pub fn new(document: &Value) -> Self {
        Self { document: Document::new(document), seen: Mutex::default() }
    }

    /// The document itself.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Checks an answer to `method` on the path with this template; returns its body. Panics where they differ.
    pub async fn check(&self, method: &str, template: &str, response: Response) -> Value {
        let status = response.status().as_u16();
        let kind =
            response.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().expect("a content type is text").to_owned());
        let headers = response.headers().clone();
        let body = response.bytes().await.expect("the whole answer comes");
        let what = format!("{} {template} {status}", method.to_uppercase());
        let place = format!("/paths/{}/{method}/responses/{status}", escaped(template));
        let described = self.document.at(&place).unwrap_or_else(|| panic!("{what} is not in the document"));
        for name in described["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            assert!(headers.contains_key(name), "{what} comes without `{name}`");
        }
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(what.clone());
        if described.get("content").is_none() {
            assert!(body.is_empty(), "{what} has a body that the document does not list");
            return Value::Null;
        }
        let kind = kind.unwrap_or_else(|| panic!("{what} has no content type"));
        let schema = format!("{place}/content/{}/schema", escaped(&kind));
        assert!(self.document.at(&schema).is_some(), "{what}: {kind} is not in the document");
        let body = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{what} is no JSON: {error}"));
        let differences = self.document.differences(&schema, &body);
        assert!(differences.is_empty(), "{what} differs from the document: {differences:?}\n{body:#}");
        body
    }

    /// Checks the body of a request that is meant to be good.
    pub fn check_request(&self, method: &str, template: &str, body: &Value) {
        let place = format!("/paths/{}/{method}/requestBody/content/application~1json/schema", escaped(template));
        assert!(self.document.at(&place).is_some(), "{method} {template} takes no JSON");
        let differences = self.document.differences(&place, body);
        assert!(differences.is_empty(), "{method} {template}: {differences:?}\n{body:#}");
    }

    /// The results that the document lists and nobody saw, for example `GET /images 200`.
    pub fn unseen(&self) -> BTreeSet<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.responses().difference(&seen).cloned().collect()
    }

    fn responses(&self) -> BTreeSet<String> {
        let paths = self.document.at("/paths").and_then(Value::as_object).expect("the document has paths");
        let operations = paths.iter().flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("a path has operations");
            operations.iter().map(move |(method, operation)| (path, method, operation))
        });
        operations
            .flat_map(|(path, method, operation)| {
                let responses = operation["responses"].as_object().expect("an operation has answers");
                responses.keys().map(move |status| format!("{} {path} {status}", method.to_uppercase()))
            })
            .collect()
    }
}
