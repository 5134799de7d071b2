//! What became of an upload.

use serde_json::Value;

/// What became of a file.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// The image; of one that waits for a moderator no more than its id and status.
    Labelled(Value),
    Rejected(String),
    Failed(String),
}
