//! `connect`: stores a connection.

use std::sync::Arc;

use crate::model::Connection;
use crate::ports::{Accounts, Added, Connections, PortResult};
use crate::settings::Settings;

/// Stores authorized connections.
#[derive(Clone)]
pub struct Connect {
    /// Where connections are kept.
    pub connections: Arc<dyn Connections>,
    /// Says whether the caller's account is still the one the token was issued for.
    pub accounts: Arc<dyn Accounts>,
    /// Limits connections per user.
    pub settings: Arc<Settings>,
}

/// The outcome of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connected {
    /// The connection is stored; from now on its row identifies the caller.
    Accepted,
    /// The user has reached the limit of connections.
    TooMany,
    /// The token was revoked since it was verified.
    Revoked,
}

impl Connect {
    /// Stores a connection of the caller that [`Authorize`](super::Authorize) verified.
    pub async fn handle(&self, connection: &Connection) -> PortResult<Connected> {
        if self.connections.add(connection, self.settings.connections_per_user).await? == Added::TooMany {
            let (user, limit) = (&connection.caller.user, self.settings.connections_per_user);
            tracing::info!(%user, limit, "refused a connection: the user has too many");
            metrics::counter!("labelcast_connections_over_limit_total").increment(1);
            return Ok(Connected::TooMany);
        }
        // After it was stored: a change that is not seen here finds the connection among those to close.
        if !self.accounts.is_current(&connection.caller).await? {
            self.connections.remove(connection).await?;
            return Ok(Connected::Revoked);
        }
        Ok(Connected::Accepted)
    }
}
