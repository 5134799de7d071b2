//! Frames that clients send.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::server::ErrorCode;

/// A frame from a client. `ref`, if given, comes back in the response: at most 128 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Adds or replaces subscriptions.
    Subscribe(Subscribe),
    /// Ends subscriptions.
    Unsubscribe(Unsubscribe),
    /// Replaces the whole list of subscriptions.
    SetNotifyList(SetNotifyList),
    /// Presents a new token, so that the connection can stay open.
    Refresh(Refresh),
    /// Keeps an idle connection open; the response is `pong`.
    Ping {
        /// Comes back in the response.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
}

/// `subscribe`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subscribe {
    /// The topics to subscribe to, at least one.
    pub topics: Vec<String>,
    /// A query in the search language; only for topics about images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The last cursor seen of each topic: what came after it is replayed first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub since: BTreeMap<String, String>,
    /// Comes back in the response.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// `unsubscribe`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unsubscribe {
    /// Topics to unsubscribe from; those not subscribed to are ignored.
    pub topics: Vec<String>,
    /// Comes back in the response.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// `set_notify_list`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetNotifyList {
    /// All topics from now on; an empty list ends every subscription.
    pub topics: Vec<String>,
    /// Comes back in the response.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// `refresh`
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refresh {
    /// A new ID token for the same user.
    pub token: String,
    /// Comes back in the response.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl std::fmt::Debug for Refresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refresh").field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// Why a frame was refused, with a message for its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// Either `bad_request` or `unknown_action`.
    pub code: ErrorCode,
    /// What is wrong and what is expected.
    pub message: String,
    /// The `ref`, if it could be read.
    pub reference: Option<String>,
}

const ACTIONS: [&str; 5] = ["subscribe", "unsubscribe", "set_notify_list", "refresh", "ping"];

/// The longest `ref`, in characters, as schemas count.
pub const MAX_REFERENCE: usize = 128;

/// Reads a frame, and says what is wrong in words for its sender.
pub fn read(text: &str) -> Result<ClientFrame, FrameError> {
    let bad = |message: String, reference| FrameError { code: ErrorCode::BadRequest, message, reference };
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| bad(format!("the frame isn't JSON: {error}; send one JSON object per frame"), None))?;
    let Some(object) = value.as_object() else {
        return Err(bad("the frame isn't a JSON object; send one such as {\"action\":\"ping\"}".to_owned(), None));
    };
    let reference = match object.get("ref") {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(text)) if text.chars().count() <= MAX_REFERENCE => Some(text.clone()),
        Some(_) => return Err(bad(format!("`ref` must be a text of at most {MAX_REFERENCE} characters"), None)),
    };
    let action = object.get("action").and_then(serde_json::Value::as_str);
    match action {
        Some(known) if ACTIONS.contains(&known) => {}
        _ => {
            return Err(FrameError {
                code: ErrorCode::UnknownAction,
                message: format!("`action` must be one of {}", ACTIONS.join(", ")),
                reference,
            });
        }
    }
    serde_json::from_value(value).map_err(|error| bad(format!("invalid frame: {error}"), reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_a_json_object_is_a_bad_request() {
        for text in ["", "{", "[]", "7", "\"ping\"", "null"] {
            assert_eq!(read(text).unwrap_err().code, ErrorCode::BadRequest, "{text}");
        }
    }

    #[test]
    fn a_frame_without_a_known_action_is_an_unknown_action_and_keeps_its_ref() {
        for text in [r#"{"ref":"a"}"#, r#"{"action":"shout","ref":"a"}"#, r#"{"action":7,"ref":"a"}"#] {
            let error = read(text).unwrap_err();
            assert_eq!((error.code, error.reference.as_deref()), (ErrorCode::UnknownAction, Some("a")), "{text}");
        }
    }

    #[test]
    fn a_known_action_with_invalid_fields_is_a_bad_request_and_keeps_its_ref() {
        for text in [r#"{"action":"subscribe","ref":"a"}"#, r#"{"action":"refresh","token":1,"ref":"a"}"#] {
            let error = read(text).unwrap_err();
            assert_eq!((error.code, error.reference.as_deref()), (ErrorCode::BadRequest, Some("a")), "{text}");
        }
    }

    #[test]
    fn debug_output_hides_the_token() {
        let frame = read(r#"{"action":"refresh","token":"secret"}"#).unwrap();
        assert!(!format!("{frame:?}").contains("secret"));
    }
}
