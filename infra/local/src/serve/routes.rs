//! The functions behind the gateway's routes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::live::{Admission, Authorize, AuthorizeError, Connect, Connected, Disconnect, Route};
use labelcast_functions::model::{Caller, Connection, ConnectionId};
use labelcast_functions::ports::PortResult;

use crate::gateway::{Ended, Routes};

pub(super) struct LiveRoutes {
    pub(super) authorize: Authorize,
    pub(super) connect: Connect,
    pub(super) route: Route,
    pub(super) disconnect: Disconnect,
}

#[async_trait]
impl Routes for LiveRoutes {
    async fn authorize(&self, token: Option<&str>) -> Result<Caller, AuthorizeError> {
        self.authorize.handle(token).await
    }

    async fn connect(&self, connection: &Connection) -> PortResult<Connected> {
        self.connect.handle(connection).await
    }

    async fn admit(&self, id: &ConnectionId) -> Admission {
        self.route.admit(id).await
    }

    async fn message(&self, connection: &Connection, text: &str) -> Option<String> {
        self.route.handle_admitted(connection, text).await
    }

    async fn disconnect(&self, id: &ConnectionId, connected_at: DateTime<Utc>, ended: &Ended) -> PortResult<()> {
        tracing::debug!(connection = %id, code = ended.code, reason = ended.reason, "a connection ended");
        self.disconnect.handle(id, connected_at).await
    }
}
