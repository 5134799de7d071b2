//! Timeouts of clients.

use std::time::Duration;

/// How long clients may take for each part of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// For TLS to begin, and for the head of a request, the next one too.
    pub(super) head: Duration,
    /// For the next piece of a body, in either direction.
    pub(super) piece: Duration,
    /// For a whole body: as long as an upload's form is good.
    pub(super) body: Duration,
    /// For the body of a request that is not known to be allowed yet.
    pub(super) unauthenticated: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            piece: Duration::from_secs(30),
            body: Duration::from_mins(15),
            // More than the fields of a form have, whose end is told in S3's words.
            unauthenticated: Duration::from_secs(12),
        }
    }
}
