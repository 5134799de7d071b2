//! The WebSocket's routes after `$connect`: `subscribe`, `unsubscribe`, `set_notify_list`, `refresh`, `ping` and
//! `$default`. One function, because all of them begin and end alike.

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use chrono::{DateTime, Utc};

use super::event::{answer, connection_id};
use super::replay::Replayer;
use super::replay_budget::ReplayBudget;
use super::subscribe::{Outcome, Request, Subscriber};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Connection, Topic, TopicKey};
use crate::ports::{Clock, Connections, Frame, History, Images, MessageAllowed, Objects, Pusher};
use crate::protocol::{self, ClientFrame, ClosingCode, ErrorCode, Refresh, ServerFrame, Unsubscribe};
use crate::settings::Settings;
use crate::token::Verifier;

/// The function's parts.
#[derive(Clone)]
pub struct Route {
    clock: Arc<dyn Clock>,
    connections: Arc<dyn Connections>,
    pusher: Arc<dyn Pusher>,
    verifier: Arc<Verifier>,
    settings: Arc<Settings>,
    subscriber: Subscriber,
}

/// What is answered: a frame, or nothing more because the answer is on its way already or nobody is left to hear it.
type Answer = Option<ServerFrame>;

impl Route {
    /// From the ports that it needs.
    #[expect(clippy::too_many_arguments, reason = "one a port")]
    pub fn new(
        clock: Arc<dyn Clock>,
        connections: Arc<dyn Connections>,
        pusher: Arc<dyn Pusher>,
        history: Arc<dyn History>,
        images: Arc<dyn Images>,
        objects: Arc<dyn Objects>,
        verifier: Arc<Verifier>,
        settings: Arc<Settings>,
        budget: ReplayBudget,
    ) -> Self {
        let limit = settings.replay_limit;
        let replayer = Replayer { history, images, objects, pusher: pusher.clone(), budget, limit };
        let subscriber = Subscriber { connections: connections.clone(), replayer, settings: settings.clone() };
        Self { clock, connections, pusher, verifier, settings, subscriber }
    }

    /// Takes a message. What is answered goes back over the route's response.
    pub async fn handle(&self, event: ApiGatewayWebsocketProxyRequest) -> ApiGatewayProxyResponse {
        let text = event.body.as_deref().unwrap_or_default();
        let (reference, outcome) = match connection_id(&event.request_context) {
            None => (None, Err(Error::bad_request("the event names no connection"))),
            Some(id) => self.message(&id, text).await,
        };
        let frame = outcome.unwrap_or_else(|error| Some(refusal(error, reference)));
        answer(
            200,
            frame.map(|frame| serde_json::to_string(&frame).expect("frames are plain data, which JSON can hold")),
        )
    }

    async fn message(&self, id: &crate::model::ConnectionId, text: &str) -> (Option<String>, Result<Answer>) {
        let now = self.clock.now();
        let row = self.connections.on_message(id, self.settings.messages_per_second, now).await;
        let (connection, allowed) = match row {
            Ok(Some(row)) => row,
            // The row is gone, so nothing may be answered from it: the socket is on its way out.
            Ok(None) => return (None, self.pusher.close(id).await.map(|()| None).map_err(Error::from)),
            Err(error) => return (None, Err(error.into())),
        };
        if !connection.is_served(now) {
            return (None, self.expire(&connection).await);
        }
        let frame = match protocol::read(text) {
            Ok(frame) => frame,
            Err(error) => {
                let (code, message, reference) = (error.code, error.message, error.reference);
                return (None, Ok(Some(ServerFrame::Error { reference, code, message })));
            }
        };
        let reference = reference_of(&frame).cloned();
        if allowed == MessageAllowed::RateLimited {
            metrics::counter!("labelcast_messages_rate_limited_total").increment(1);
            let message =
                format!("you send more than {} messages a second; slow down", self.settings.messages_per_second);
            return (reference, Err(Error::new(ErrorKind::TooMany, message)));
        }
        let outcome = self.frame(&connection, frame, now).await;
        (reference, outcome)
    }

    async fn frame(&self, connection: &Connection, frame: ClientFrame, now: DateTime<Utc>) -> Result<Answer> {
        match frame {
            ClientFrame::Subscribe(asked) => {
                self.subscribe(connection, Request::subscribe(&asked, connection, &self.settings)?, asked.reference)
                    .await
            }
            ClientFrame::SetNotifyList(asked) if asked.topics.is_empty() => {
                let all = self.connections.subscriptions(&connection.id).await?;
                let all: Vec<TopicKey> = all.into_iter().map(|subscription| subscription.topic).collect();
                self.connections.unsubscribe(&connection.id, &all).await?;
                Ok(Some(ServerFrame::NotifyList { reference: asked.reference, topics: Vec::new() }))
            }
            ClientFrame::SetNotifyList(asked) => {
                let request = Request::notify_list(&asked.topics, asked.reference.clone(), connection, &self.settings)?;
                self.subscribe(connection, request, asked.reference).await
            }
            ClientFrame::Unsubscribe(asked) => self.unsubscribe(connection, asked).await,
            ClientFrame::Refresh(asked) => self.refresh(connection, asked, now).await,
            ClientFrame::Ping { reference } => {
                Ok(Some(ServerFrame::Pong { reference, connection_id: connection.id.clone() }))
            }
        }
    }

    async fn subscribe(&self, connection: &Connection, request: Request, reference: Option<String>) -> Result<Answer> {
        Ok(match self.subscriber.run(connection, request).await? {
            Outcome::Answered | Outcome::Gone => None,
            Outcome::TooMany => Some(ServerFrame::Error {
                reference,
                code: ErrorCode::TooManySubscriptions,
                message: format!(
                    "a connection may be subscribed to {} topics; nothing was changed",
                    self.settings.topics_per_connection
                ),
            }),
        })
    }

    async fn unsubscribe(&self, connection: &Connection, asked: Unsubscribe) -> Result<Answer> {
        let mut topics: Vec<Topic> = Vec::with_capacity(asked.topics.len());
        for text in &asked.topics {
            topics.push(text.parse().map_err(|error| Error::bad_request(format!("{error}")))?);
        }
        let keys: Vec<TopicKey> = topics.iter().map(|topic| topic.clone().key(&connection.caller.user)).collect();
        self.connections.unsubscribe(&connection.id, &keys).await?;
        Ok(Some(ServerFrame::Unsubscribed { reference: asked.reference, topics }))
    }

    /// A new token, of the same user (rule 16).
    async fn refresh(&self, connection: &Connection, asked: Refresh, now: DateTime<Utc>) -> Result<Answer> {
        let caller = self.verifier.verify(&asked.token, now).await?;
        if caller.user != connection.caller.user {
            return Err(Error::forbidden("this token is another user's; open another connection for them"));
        }
        let subscribed = self.connections.subscriptions(&connection.id).await?;
        let mut dropped: Vec<Topic> = subscribed.iter().map(|subscription| subscription.topic.topic()).collect();
        dropped.retain(|topic| !self.settings.readers.allow(&caller, topic));
        let expires_at = caller.expires_at;
        if !self.connections.refresh(&connection.id, &caller, &dropped).await? {
            return Ok(None);
        }
        // After it was stored: a change that is not seen here finds the connection among those to close.
        if let Err(revoked) = self.verifier.check_account(&caller).await {
            self.pusher.close(&connection.id).await?;
            return Err(revoked.into());
        }
        Ok(Some(ServerFrame::Refreshed { reference: asked.reference, expires_at, dropped }))
    }

    async fn expire(&self, connection: &Connection) -> Result<Answer> {
        metrics::counter!("labelcast_messages_after_expiry_total").increment(1);
        // Told in-band, because API Gateway cannot send close codes; whether it arrives does not matter any more.
        if let Some(frame) = Frame::encode(&ClosingCode::TokenExpired.frame()) {
            let _ = self.pusher.post(&connection.id, frame).await;
        }
        self.pusher.close(&connection.id).await?;
        Ok(None)
    }
}

fn reference_of(frame: &ClientFrame) -> Option<&String> {
    match frame {
        ClientFrame::Subscribe(asked) => asked.reference.as_ref(),
        ClientFrame::Unsubscribe(asked) => asked.reference.as_ref(),
        ClientFrame::SetNotifyList(asked) => asked.reference.as_ref(),
        ClientFrame::Refresh(asked) => asked.reference.as_ref(),
        ClientFrame::Ping { reference } => reference.as_ref(),
    }
}

/// The one place that turns errors into frames.
fn refusal(error: Error, reference: Option<String>) -> ServerFrame {
    let code = match error.kind {
        ErrorKind::Forbidden | ErrorKind::Unauthorized | ErrorKind::NotFound => ErrorCode::Forbidden,
        ErrorKind::TooMany => ErrorCode::RateLimited,
        ErrorKind::BadRequest
        | ErrorKind::BadQuery { .. }
        | ErrorKind::Conflict
        | ErrorKind::TooLarge
        | ErrorKind::UnsupportedType => ErrorCode::BadRequest,
        ErrorKind::Full | ErrorKind::Unavailable | ErrorKind::Overloaded { .. } | ErrorKind::Internal => {
            ErrorCode::Internal
        }
    };
    ServerFrame::Error { reference, code, message: error.message }
}
