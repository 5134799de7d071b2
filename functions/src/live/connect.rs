//! `connect`: stores a connection.

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use axum::http::HeaderValue;

use super::event::{SUBPROTOCOL, answer, caller_of, connected_at, connection_id};
use crate::model::Connection;
use crate::ports::{Accounts, Added, Connections, PortResult};
use crate::settings::Settings;

/// The function's parts.
#[derive(Clone)]
pub struct Connect {
    /// Where connections are kept.
    pub connections: Arc<dyn Connections>,
    /// Who may still come in.
    pub accounts: Arc<dyn Accounts>,
    /// How many a user may have.
    pub settings: Arc<Settings>,
}

impl Connect {
    /// Takes `$connect`. The answer's status is the handshake's: 200, 429 over the user's limit, 403 without a
    /// caller, 401 if the token was revoked since it was verified.
    pub async fn handle(&self, event: ApiGatewayWebsocketProxyRequest) -> PortResult<ApiGatewayProxyResponse> {
        let context = &event.request_context;
        let caller = caller_of(&context.authorizer.fields);
        let (Some(id), Some(connected_at), Some(caller)) = (connection_id(context), connected_at(context), caller)
        else {
            tracing::error!("`$connect` came without a connection id or an authorizer's context");
            return Ok(answer(403, None));
        };
        let user = caller.user.clone();
        let connection = Connection { id, caller, connected_at };
        if self.connections.add(&connection, self.settings.connections_per_user).await? == Added::TooMany {
            tracing::info!(%user, limit = self.settings.connections_per_user, "refused a connection: the user has too many");
            metrics::counter!("labelcast_connections_over_limit_total").increment(1);
            return Ok(answer(429, None));
        }
        // After it was stored: a change that is not seen here finds the connection among those to close.
        if !self.accounts.is_current(&connection.caller).await? {
            self.connections.remove(&connection).await?;
            return Ok(answer(401, None));
        }
        let mut accepted = answer(200, None);
        // A browser that offered subprotocols wants exactly one of them back.
        if offers_ours(&event) {
            accepted.headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        }
        Ok(accepted)
    }
}

fn offers_ours(event: &ApiGatewayWebsocketProxyRequest) -> bool {
    let offered = event.headers.get_all("sec-websocket-protocol");
    offered
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|one| one.trim() == SUBPROTOCOL)
}
