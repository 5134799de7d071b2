//! `disconnect`: cleans up after a connection. It may come late or never, so nothing relies on it.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;

use super::event::{connected_at, connection_id};
use crate::ports::{Connections, PortResult};

/// The function's parts.
#[derive(Clone)]
pub struct Disconnect {
    /// Where connections are kept.
    pub connections: Arc<dyn Connections>,
}

impl Disconnect {
    /// Takes `$disconnect`. Deletes the connection only if it is the one that the event speaks of.
    pub async fn handle(&self, event: ApiGatewayWebsocketProxyRequest) -> PortResult<()> {
        let context = &event.request_context;
        let (Some(id), Some(connected_at)) = (connection_id(context), connected_at(context)) else {
            tracing::warn!("`$disconnect` came without a connection id");
            return Ok(());
        };
        match self.connections.get(&id).await? {
            Some(connection) if connection.connected_at == connected_at => {
                self.connections.remove(&connection).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
