//! Connections.

use chrono::{DateTime, Utc};

use super::{Caller, ConnectionId};
use crate::limits::TOKEN_GRACE;

/// An open socket. After `$connect` this row is authoritative, not the authorizer's context, which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The id that the gateway gave it.
    pub id: ConnectionId,
    /// The caller, with groups and expiry.
    pub caller: Caller,
    /// Compared together with the id before a cleanup deletes the row
    /// (`docs/guarantees.md#a-late-clean-up-ends-no-new-session`).
    pub connected_at: DateTime<Utc>,
}

impl Connection {
    /// Whether it may still be served.
    pub fn is_served(&self, now: DateTime<Utc>) -> bool {
        now <= self.caller.expires_at + TOKEN_GRACE
    }
}
