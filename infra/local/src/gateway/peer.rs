//! The other end of a socket, as the gateway knows it.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use labelcast_functions::model::ConnectionId;

/// A connection as its handshake introduced it.
pub(super) struct Peer {
    pub(super) id: ConnectionId,
    pub(super) connected_at: DateTime<Utc>,
    /// The client's address; `None` if no proxy reports it.
    pub(super) source_ip: Option<IpAddr>,
    pub(super) user_agent: Option<Box<str>>,
}
