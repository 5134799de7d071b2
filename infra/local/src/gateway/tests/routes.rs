//! Routes that do what the test's tokens and messages say.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::live::{Admission, AuthorizeError, Connected};
use labelcast_functions::model::{Caller, Connection, ConnectionId, Cursor, Epoch, Seq, TopicKey};
use labelcast_functions::ports::{
    Connections, Frame, PortError, PortResult, Pusher, Replacing, Subscription, SubscriptionState,
};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use crate::gateway::{Ended, Gateway, Routes};

/// The calls of the routes, in order.
#[derive(Debug)]
pub(super) enum Happened {
    /// The authorizer, with the token that was shown.
    Authorized(Option<String>),
    /// `$connect`, before it does anything.
    Connected(Connection),
    /// A message, with its connection.
    Message(ConnectionId, String),
    /// `$disconnect`, after the row is gone.
    Disconnected(Ended),
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

impl TestRoutes {
    pub(super) fn new(gateway: Gateway, happening: UnboundedSender<Happened>) -> Self {
        Self { gateway, happening, go_on: Notify::new() }
    }

    fn happen(&self, what: Happened) {
        // A test that does not look any more is over.
        let _ = self.happening.send(what);
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
        let response = Frame::encode(&json!({"type": "subscribed"})).unwrap();
        self.gateway.go_live(id, &[(topic(), position)], response).await.unwrap();
    }
}

#[async_trait]
impl Routes for TestRoutes {
    async fn authorize(&self, token: Option<&str>) -> Result<Caller, AuthorizeError> {
        self.happen(Happened::Authorized(token.map(str::to_owned)));
        match token {
            Some("unauthorized") => Err(AuthorizeError::Unauthorized),
            Some("unavailable") => Err(AuthorizeError::Unavailable),
            reported => Ok(Caller {
                user: "somebody".parse().unwrap(),
                // Told on to `$connect`.
                username: reported.unwrap_or("let in").to_owned(),
                groups: [].into(),
                expires_at: self.gateway.shared.clock.now() + TimeDelta::hours(24),
                account_version: 0,
            }),
        }
    }

    async fn connect(&self, connection: &Connection) -> PortResult<Connected> {
        self.happen(Happened::Connected(connection.clone()));
        match connection.caller.username.as_str() {
            "too-many" => return Ok(Connected::TooMany),
            "revoked" => return Ok(Connected::Revoked),
            "fail" => return Err(PortError::Failed { what: "the test", why: "it was told to".to_owned() }),
            "panic" => panic!("told to panic"),
            "wait" => self.go_on.notified().await,
            _ => {}
        }
        self.gateway.add(connection, 100_000).await?;
        Ok(Connected::Accepted)
    }

    async fn admit(&self, id: &ConnectionId) -> Admission {
        Admission::Admitted(self.gateway.get(id).await.unwrap().expect("who sends is known"))
    }

    async fn message(&self, Connection { id, .. }: &Connection, text: &str) -> Option<String> {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        self.happen(Happened::Message(id.clone(), text.to_owned()));
        match body["do"].as_str().unwrap_or_default() {
            "say" => return body["text"].as_str().map(str::to_owned),
            "panic" => panic!("told to panic"),
            "hang" => std::future::pending().await,
            "wait" => self.go_on.notified().await,
            "subscribe" => {
                self.subscribe(id).await;
                self.go_live(id).await;
            }
            "begin a replay and forget it" => self.subscribe(id).await,
            "replay and go live" => {
                self.subscribe(id).await;
                for number in 0..body["count"].as_u64().unwrap() {
                    let frame = Frame::encode(&json!({"number": number, "filler": "x".repeat(10_000)})).unwrap();
                    if self.gateway.post(id, frame).await.is_err() || self.gateway.written(id).await.is_err() {
                        return None;
                    }
                }
                self.go_live(id).await;
            }
            "replay" => {
                for number in 0..body["count"].as_u64().unwrap() {
                    let frame = Frame::encode(&json!({"number": number, "filler": "x".repeat(10_000)})).unwrap();
                    self.gateway.post(id, frame).await.unwrap();
                }
                return Some("replayed".to_owned());
            }
            _ => {}
        }
        None
    }

    async fn disconnect(&self, id: &ConnectionId, _connected_at: DateTime<Utc>, ended: &Ended) -> PortResult<()> {
        if let Some(connection) = self.gateway.get(id).await? {
            self.gateway.remove(&connection).await?;
        }
        self.happen(Happened::Disconnected(ended.clone()));
        Ok(())
    }
}

/// Whether a connection is known at this moment.
pub(super) async fn is_known(gateway: &Gateway, id: &ConnectionId) -> bool {
    gateway.get(id).await.unwrap().is_some()
}
