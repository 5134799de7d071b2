//! Routes that do what the test's headers and messages say.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use aws_lambda_events::encodings::Body;
use axum::http::{HeaderValue, header};
use chrono::{DateTime, TimeDelta};
use labelcast_functions::live::{AuthorizeError, AuthorizerAnswer, AuthorizerEvent};
use labelcast_functions::model::{
    Caller, Connection, ConnectionId, Cursor, Epoch, Seq, Subscription, SubscriptionState, TopicKey,
};
use labelcast_functions::ports::{Connections, Frame, PortError, PortResult, Pusher, Replacing};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use crate::gateway::{Gateway, Routes};

/// What the routes were asked, in order.
#[derive(Debug)]
pub(super) enum Happened {
    /// The authorizer.
    Authorized(AuthorizerEvent),
    /// `$connect`, before it does anything.
    Connected(Box<ApiGatewayWebsocketProxyRequest>),
    Message(Box<ApiGatewayWebsocketProxyRequest>),
    /// `$disconnect`, after the row is gone.
    Disconnected(Box<ApiGatewayWebsocketProxyRequest>),
}

pub(super) struct TestRoutes {
    gateway: Gateway,
    happening: UnboundedSender<Happened>,
    /// `$connect` and messages that wait go on.
    pub(super) go_on: Notify,
}

pub(super) fn topic() -> TopicKey {
    TopicKey::Shared("app:test".parse().unwrap())
}

fn id_of(event: &ApiGatewayWebsocketProxyRequest) -> ConnectionId {
    event.request_context.connection_id.as_ref().unwrap().parse().unwrap()
}

impl TestRoutes {
    pub(super) fn new(gateway: Gateway, happening: UnboundedSender<Happened>) -> Self {
        Self { gateway, happening, go_on: Notify::new() }
    }

    fn happen(&self, what: Happened) {
        // A test that does not look any more is over.
        let _ = self.happening.send(what);
    }

    async fn add(&self, event: &ApiGatewayWebsocketProxyRequest) -> PortResult<()> {
        let connected_at = DateTime::from_timestamp_millis(event.request_context.connected_at).unwrap();
        let caller = Caller {
            user: "somebody".parse().unwrap(),
            username: "somebody".to_owned(),
            groups: [].into(),
            expires_at: connected_at + TimeDelta::hours(24),
            account_version: 0,
        };
        self.gateway.add(&Connection { id: id_of(event), caller, connected_at }, 100_000).await.map(|_| ())
    }

    /// Subscribes, without a filter and without a replay.
    async fn subscribe(&self, id: &ConnectionId) {
        let caller: Arc<Caller> = Arc::new(self.gateway.get(id).await.unwrap().unwrap().caller);
        let state = SubscriptionState::Replaying;
        let subscription = Subscription { connection: id.clone(), topic: topic(), filter: None, state, caller };
        self.gateway.subscribe(id, &[subscription], Replacing::Same, 10).await.unwrap();
    }

    async fn go_live(&self, id: &ConnectionId) {
        let position = Cursor { epoch: Epoch::from_random([7; 8]), seq: Seq(0) };
        let answer = Frame::encode(&json!({"type": "subscribed"})).unwrap();
        self.gateway.go_live(id, &[(topic(), position)], answer).await.unwrap();
    }
}

fn answer(status_code: i64, body: Option<&str>) -> ApiGatewayProxyResponse {
    let mut answer = ApiGatewayProxyResponse::default();
    answer.status_code = status_code;
    answer.body = body.map(|body| Body::Text(body.to_owned()));
    answer
}

#[async_trait]
impl Routes for TestRoutes {
    async fn authorize(&self, event: AuthorizerEvent) -> Result<AuthorizerAnswer, AuthorizeError> {
        let refused = event.headers.contains_key("x-unauthorized");
        let unavailable = event.headers.contains_key("x-unavailable");
        let resource = event.method_arn.clone();
        self.happen(Happened::Authorized(event));
        if refused {
            return Err(AuthorizeError::Unauthorized);
        }
        if unavailable {
            return Err(AuthorizeError::Unavailable);
        }
        let statement = json!([{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": resource}]);
        let policy = json!({"Version": "2012-10-17", "Statement": statement});
        let answer = json!({"principalId": "somebody", "policyDocument": policy, "context": {"level": "7"}});
        Ok(serde_json::from_value(answer).unwrap())
    }

    async fn connect(&self, event: ApiGatewayWebsocketProxyRequest) -> PortResult<ApiGatewayProxyResponse> {
        let behaviour =
            event.headers.get("x-connect").and_then(|value| value.to_str().ok()).unwrap_or("let in").to_owned();
        self.happen(Happened::Connected(Box::new(event.clone())));
        match behaviour.as_str() {
            "refuse" => return Ok(answer(403, None)),
            "fail" => return Err(PortError::Failed { what: "the test", why: "it was told to".to_owned() }),
            "panic" => panic!("told to panic"),
            "wait" => self.go_on.notified().await,
            _ => {}
        }
        self.add(&event).await?;
        let mut answer = answer(200, None);
        if let Some(offered) = event.headers.get(header::SEC_WEBSOCKET_PROTOCOL) {
            let first = offered.to_str().unwrap().split(',').next().unwrap();
            answer.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(first).unwrap());
        }
        answer.headers.insert("x-other", HeaderValue::from_static("not for the client"));
        Ok(answer)
    }

    async fn message(&self, event: ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
        let id = id_of(&event);
        let body: Value = serde_json::from_str(event.body.as_deref().unwrap_or_default()).unwrap_or_default();
        self.happen(Happened::Message(Box::new(event)));
        match body["do"].as_str().unwrap_or_default() {
            "say" => return answer(200, body["text"].as_str()),
            "panic" => panic!("told to panic"),
            "hang" => std::future::pending().await,
            "wait" => self.go_on.notified().await,
            "subscribe" => {
                self.subscribe(&id).await;
                self.go_live(&id).await;
            }
            "begin a replay and forget it" => self.subscribe(&id).await,
            "replay and go live" => {
                self.subscribe(&id).await;
                for number in 0..body["count"].as_u64().unwrap() {
                    let frame = Frame::encode(&json!({"number": number, "filler": "x".repeat(10_000)})).unwrap();
                    if self.gateway.post(&id, frame).await.is_err() || self.gateway.written(&id).await.is_err() {
                        return answer(200, None);
                    }
                }
                self.go_live(&id).await;
            }
            "replay" => {
                for number in 0..body["count"].as_u64().unwrap() {
                    let frame = Frame::encode(&json!({"number": number, "filler": "x".repeat(10_000)})).unwrap();
                    self.gateway.post(&id, frame).await.unwrap();
                }
                return answer(200, Some("replayed"));
            }
            _ => {}
        }
        answer(200, None)
    }

    async fn disconnect(&self, event: ApiGatewayWebsocketProxyRequest) -> PortResult<()> {
        if let Some(connection) = self.gateway.get(&id_of(&event)).await? {
            self.gateway.remove(&connection).await?;
        }
        self.happen(Happened::Disconnected(Box::new(event)));
        Ok(())
    }
}

/// Whether a connection is known at this moment.
pub(super) async fn is_known(gateway: &Gateway, id: &ConnectionId) -> bool {
    gateway.get(id).await.unwrap().is_some()
}
