//! The events of the routes, brought to their functions.

use aws_lambda_events::apigw::{
    ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext,
};
use axum::http::{HeaderValue, StatusCode, header};
use chrono::{DateTime, TimeZone, Utc};
use labelcast_functions::live::{Connect, Connected, Disconnect, Route};
use labelcast_functions::model::{Connection, ConnectionId};
use labelcast_functions::ports::PortResult;
use labelcast_functions::protocol::{ErrorCode, ServerFrame, choose_subprotocol};

use super::context;

/// Brings `$connect` to `connect`. The response's status is the handshake's.
pub async fn connect(
    function: &Connect,
    event: ApiGatewayWebsocketProxyRequest,
) -> PortResult<ApiGatewayProxyResponse> {
    let Some(connection) = connection(&event.request_context) else {
        tracing::error!("`$connect` came without a connection id or an authorizer's context");
        return Ok(response(StatusCode::FORBIDDEN, None));
    };
    Ok(match function.handle(&connection).await? {
        Connected::TooMany => response(StatusCode::TOO_MANY_REQUESTS, None),
        Connected::Revoked => response(StatusCode::UNAUTHORIZED, None),
        Connected::Accepted => {
            let mut accepted = response(StatusCode::OK, None);
            let offered = event.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
            if let Some(ours) = choose_subprotocol(offered.iter().filter_map(|value| value.to_str().ok())) {
                accepted.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(ours));
            }
            accepted
        }
    })
}

/// Brings a message, of whichever route, to `route`. The response's body is the frame to respond with.
pub async fn message(function: &Route, event: ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
    let body = match connection_id(&event.request_context) {
        Some(id) => function.handle(&id, event.body.as_deref().unwrap_or_default()).await,
        None => Some(unnamed()),
    };
    response(StatusCode::OK, body)
}

/// Brings `$disconnect` to `disconnect`.
pub async fn disconnect(function: &Disconnect, event: ApiGatewayWebsocketProxyRequest) -> PortResult<()> {
    let context = &event.request_context;
    let (Some(id), Some(connected_at)) = (connection_id(context), connected_at(context)) else {
        tracing::warn!("`$disconnect` came without a connection id");
        return Ok(());
    };
    function.handle(&id, connected_at).await
}

fn connection(context: &ApiGatewayWebsocketProxyRequestContext) -> Option<Connection> {
    let caller = context::caller(&context.authorizer.fields)?;
    Some(Connection { id: connection_id(context)?, caller, connected_at: connected_at(context)? })
}

fn connection_id(context: &ApiGatewayWebsocketProxyRequestContext) -> Option<ConnectionId> {
    context.connection_id.as_deref()?.parse().ok()
}

/// To the millisecond.
fn connected_at(context: &ApiGatewayWebsocketProxyRequestContext) -> Option<DateTime<Utc>> {
    Utc.timestamp_millis_opt(context.connected_at).single()
}

fn unnamed() -> String {
    let message = "the event names no connection".to_owned();
    let frame = ServerFrame::Error { reference: None, code: ErrorCode::BadRequest, message };
    serde_json::to_string(&frame).expect("frames are plain data, which JSON can hold")
}

fn response(status: StatusCode, body: Option<String>) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = i64::from(status.as_u16());
    response.body = body.map(Into::into);
    response
}
