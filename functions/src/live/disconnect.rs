//! `disconnect`: cleans up after a connection. It may come late or never, so nothing relies on it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::ConnectionId;
use crate::ports::{Connections, PortResult};

/// Deletes the rows of closed connections.
#[derive(Clone)]
pub struct Disconnect {
    /// Where connections are kept.
    pub connections: Arc<dyn Connections>,
}

impl Disconnect {
    /// Deletes the connection if it is the one opened at `connected_at`: ids may be reused.
    pub async fn handle(&self, id: &ConnectionId, connected_at: DateTime<Utc>) -> PortResult<()> {
        match self.connections.get(id).await? {
            Some(connection) if connection.connected_at == connected_at => {
                self.connections.remove(&connection).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
