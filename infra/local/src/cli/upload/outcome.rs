//! The outcome of an upload.

use serde_json::Value;

/// The outcome of a file.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// The image; only its id and status if it awaits moderation.
    Labelled(Value),
    Rejected(String),
    Failed(String),
}
