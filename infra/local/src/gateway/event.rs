//! Events in the form API Gateway sends them (`aws_lambda_events` reads them).

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use labelcast_functions::live::AuthorizerAnswer;
use labelcast_functions::model::ConnectionId;
use serde_json::{Map, Value, json};

use super::socket::Ended;

/// What every event of a connection carries.
pub(super) struct Origin {
    pub(super) id: ConnectionId,
    pub(super) connected_at: DateTime<Utc>,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
    pub(super) host: String,
    pub(super) authorizer: Map<String, Value>,
}

impl Origin {
    /// Keeps what the authorizer said; it reaches every later event.
    pub(super) fn authorized(&mut self, answer: AuthorizerAnswer) {
        self.authorizer = answer.context.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        self.authorizer.insert("principalId".to_owned(), Value::String(answer.principal_id));
    }

    fn context(&self, route: &str, kind: &str, request: &str, now: DateTime<Utc>) -> Value {
        json!({
            "routeKey": route,
            "eventType": kind,
            "extendedRequestId": request,
            "requestTime": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "messageDirection": "IN",
            "stage": "live",
            "connectedAt": self.connected_at.timestamp_millis(),
            "requestTimeEpoch": now.timestamp_millis(),
            "identity": {"sourceIp": self.source_ip, "userAgent": self.user_agent},
            "requestId": request,
            "domainName": self.host,
            "connectionId": self.id,
            "apiId": "labelcast",
            "authorizer": self.authorizer,
        })
    }

    /// `$connect`; the authorizer sees the same headers.
    pub(super) fn connect(&self, headers: &HeaderMap, request: &str) -> ApiGatewayWebsocketProxyRequest {
        read(json!({
            "headers": single(headers),
            "multiValueHeaders": multiple(headers),
            "requestContext": self.context("$connect", "CONNECT", request, self.connected_at),
            "isBase64Encoded": false,
        }))
    }

    /// A message; the body is the frame's text, verbatim.
    pub(super) fn message(
        &self,
        route: &str,
        body: &str,
        request: &str,
        now: DateTime<Utc>,
    ) -> ApiGatewayWebsocketProxyRequest {
        let mut context = self.context(route, "MESSAGE", request, now);
        context["messageId"] = json!(request);
        read(json!({"requestContext": context, "body": body, "isBase64Encoded": false}))
    }

    /// `$disconnect`
    pub(super) fn disconnect(
        &self,
        ended: &Ended,
        request: &str,
        now: DateTime<Utc>,
    ) -> ApiGatewayWebsocketProxyRequest {
        let mut context = self.context("$disconnect", "DISCONNECT", request, now);
        context["disconnectStatusCode"] = json!(ended.code);
        context["disconnectReason"] = json!(ended.reason);
        read(json!({"headers": {"Host": self.host}, "requestContext": context, "isBase64Encoded": false}))
    }
}

fn read(event: Value) -> ApiGatewayWebsocketProxyRequest {
    serde_json::from_value(event).expect("this is the form of the events, with every field that is required")
}

/// Headers by name; of several, the last, as API Gateway has it.
pub(super) fn single(headers: &HeaderMap) -> Map<String, Value> {
    headers.iter().filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?)))).collect()
}

fn multiple(headers: &HeaderMap) -> Map<String, Value> {
    let values = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
    headers.keys().map(|name| (name.to_string(), json!(values(name)))).collect()
}
