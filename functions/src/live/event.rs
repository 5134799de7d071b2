//! What the WebSocket functions read from API Gateway's events.

use std::collections::BTreeSet;
use std::collections::HashMap;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequestContext};
use chrono::{DateTime, TimeZone, Utc};
use serde_json::Value;

use crate::model::{Caller, ConnectionId};

/// The one subprotocol. It is offered together with `bearer.TOKEN`, because browsers cannot set headers.
pub const SUBPROTOCOL: &str = "labelcast.v1";

/// The connection's id; `None` if the event has none that is one.
pub(super) fn connection_id(context: &ApiGatewayWebsocketProxyRequestContext) -> Option<ConnectionId> {
    context.connection_id.as_deref()?.parse().ok()
}

/// When the connection was opened, to the millisecond.
pub(super) fn connected_at(context: &ApiGatewayWebsocketProxyRequestContext) -> Option<DateTime<Utc>> {
    Utc.timestamp_millis_opt(context.connected_at).single()
}

/// A caller as the authorizer's context carries it: texts only, since values may not be objects (authorizer output,
/// API Gateway developer guide).
pub(super) fn context_of(caller: &Caller) -> HashMap<String, String> {
    let groups = serde_json::to_string(&caller.groups).expect("texts are plain data, which JSON can hold");
    HashMap::from([
        ("user".to_owned(), caller.user.to_string()),
        ("username".to_owned(), caller.username.clone()),
        ("groups".to_owned(), groups),
        ("expires_at".to_owned(), caller.expires_at.timestamp().to_string()),
        ("account_version".to_owned(), caller.account_version.to_string()),
    ])
}

/// The way back.
pub(super) fn caller_of(context: &HashMap<String, Value>) -> Option<Caller> {
    let text = |name: &str| context.get(name).and_then(Value::as_str);
    let groups: BTreeSet<String> = serde_json::from_str(text("groups")?).ok()?;
    Some(Caller {
        user: text("user")?.parse().ok()?,
        username: text("username")?.to_owned(),
        groups,
        expires_at: Utc.timestamp_opt(text("expires_at")?.parse().ok()?, 0).single()?,
        account_version: text("account_version").map_or(Some(0), |version| version.parse().ok())?,
    })
}

/// A Lambda proxy answer.
pub(super) fn answer(status: u16, body: Option<String>) -> ApiGatewayProxyResponse {
    let mut answer = ApiGatewayProxyResponse::default();
    answer.status_code = i64::from(status);
    answer.body = body.map(Into::into);
    answer
}
