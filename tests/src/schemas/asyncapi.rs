//! The WebSocket contract, and which of its messages were seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::Value;

use super::document::{Document, escaped};

/// An AsyncAPI document that remembers what was checked against it.
pub struct AsyncApi {
    requests: BTreeMap<String, Validator>,
    sent: BTreeMap<String, Validator>,
    seen: Mutex<BTreeSet<String>>,
}

impl AsyncApi {
    /// Of a document as it is served.
    pub fn new(document: &Value) -> Self {
        let document = Document::new(document);
        Self {
            requests: validators(&document, "request"),
            sent: validators(&document, "notify"),
            seen: Mutex::default(),
        }
    }

    /// Checks a frame that a client sends.
    pub fn check_sent(&self, frame: &Value) {
        self.check(&self.requests, frame);
    }

    /// Checks a frame that the server sent.
    pub fn check_received(&self, frame: &Value) {
        self.check(&self.sent, frame);
    }

    /// The messages of the document that nobody saw.
    pub fn unseen(&self) -> Vec<&str> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.requests.keys().chain(self.sent.keys());
        all.filter(|name| !seen.contains(*name)).map(String::as_str).collect()
    }

    /// A frame is one message, and leaves no doubt which.
    fn check(&self, messages: &BTreeMap<String, Validator>, frame: &Value) {
        let fitting: Vec<&String> =
            messages.iter().filter(|(_, validator)| validator.is_valid(frame)).map(|(name, _)| name).collect();
        match fitting[..] {
            [name] => {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
            }
            [] => panic!("no message of the document is like this: {:?}\n{frame:#}", why(messages, frame)),
            _ => panic!("this could be any of {fitting:?}: {frame:#}"),
        }
    }
}

/// What keeps the frame from being the message whose name it bears.
fn why(messages: &BTreeMap<String, Validator>, frame: &Value) -> Vec<String> {
    let mut names = ["event", "type", "action"].into_iter().filter_map(|field| frame[field].as_str());
    let message = names.find_map(|name| messages.get(name));
    let errors = message.into_iter().flat_map(|validator| validator.iter_errors(frame));
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// One for each message of an operation, by the message's name.
fn validators(document: &Document, operation: &str) -> BTreeMap<String, Validator> {
    let messages = document.at(&format!("/operations/{operation}/messages")).and_then(Value::as_array);
    let target = |reference: &Value| {
        let pointer = reference["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        document.at(pointer.expect("messages are named by reference")).expect("the reference leads somewhere")
    };
    let messages = messages.expect("the operation has messages").iter().map(target);
    messages
        .map(|message| {
            let place = message["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
            let place = place.expect("the channel names the document's messages");
            let name = place.rsplit('/').next().expect("a pointer has parts").to_owned();
            assert_eq!(place, format!("/components/messages/{}", escaped(&name)));
            (name, document.validator(&format!("{place}/payload")))
        })
        .collect()
}
