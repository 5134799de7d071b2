//! Connections.

use chrono::{DateTime, Utc};

use super::{Caller, ConnectionId};
use crate::limits::TOKEN_GRACE;

/// An open socket. After `$connect` this row rules, not the authorizer's context, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// As the gateway named it.
    pub id: ConnectionId,
    /// Who, with which groups, until when.
    pub caller: Caller,
    /// With the id, what a clean-up compares before it deletes (`docs/guarantees.md#a-late-clean-up-ends-no-new-session`).
    pub connected_at: DateTime<Utc>,
}

impl Connection {
    /// Whether it may still be served.
    pub fn is_served(&self, now: DateTime<Utc>) -> bool {
        now <= self.caller.expires_at + TOKEN_GRACE
    }
}
