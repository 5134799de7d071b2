//! The WebSocket's routes after `$connect`: `subscribe`, `unsubscribe`, `set_notify_list`, `refresh`, `ping` and
//! `$default`. One function, because all of them begin and end alike.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::replay::Replayer;
use super::replay_budget::ReplayBudget;
use super::subscribe::{Outcome, Request, Subscriber};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::FRAME_BYTES;
use crate::model::{Connection, ConnectionId, Topic, TopicKey};
use crate::ports::{Clock, Connections, Frame, History, Images, MessageAllowed, Objects, Pusher};
use crate::protocol::{self, ClientFrame, ClosingCode, ErrorCode, Refresh, ServerFrame, Unsubscribe};
use crate::settings::Settings;
use crate::token::Verifier;

/// Handles a client's messages.
#[derive(Clone)]
pub struct Route {
    clock: Arc<dyn Clock>,
    connections: Arc<dyn Connections>,
    pusher: Arc<dyn Pusher>,
    verifier: Arc<Verifier>,
    settings: Arc<Settings>,
    subscriber: Subscriber,
}

/// The response: a frame, or `None` if it has already been queued or the connection is gone.
type Reply = Option<ServerFrame>;

/// Whether a message is within the connection's rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may be handled, on behalf of this connection.
    Admitted(Connection),
    /// It is dropped, with this response, if any.
    Refused(Option<String>),
}

impl Route {
    /// Constructs the function from its ports.
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

    /// Handles the text of one frame; returns the text of the response, if there is one.
    pub async fn handle(&self, id: &ConnectionId, text: &str) -> Option<String> {
        match self.admit(id).await {
            Admission::Admitted(connection) => self.handle_admitted(&connection, text).await,
            Admission::Refused(response) => response,
        }
    }

    /// Counts a message before it is parsed, so that messages beyond the rate cost no more than this.
    pub async fn admit(&self, id: &ConnectionId) -> Admission {
        let row = self.connections.on_message(id, self.settings.messages_per_second, self.clock.now()).await;
        let (connection, allowed) = match row {
            Ok(Some(row)) => row,
            // The row is gone, so nothing may be derived from it: the socket is on its way out.
            Ok(None) => return Admission::Refused(encode(self.close(id).await, None)),
            Err(error) => return Admission::Refused(encode(Err(error.into()), None)),
        };
        if allowed == MessageAllowed::Yes {
            return Admission::Admitted(connection);
        }
        metrics::counter!("labelcast_messages_rate_limited_total").increment(1);
        let outcome = match allowed {
            MessageAllowed::Yes | MessageAllowed::Ignored => Ok(None),
            MessageAllowed::RateLimited => Err(Error::new(ErrorKind::TooMany, self.too_many("slow down"))),
            MessageAllowed::Flooding => self.end_flood(id).await,
        };
        Admission::Refused(encode(outcome, None))
    }

    /// Handles an admitted message.
    pub async fn handle_admitted(&self, connection: &Connection, text: &str) -> Option<String> {
        let (reference, outcome) = self.message(connection, text).await;
        encode(outcome, reference)
    }

    fn too_many(&self, advice: &str) -> String {
        format!("too many messages (limit {} per second); {advice}", self.settings.messages_per_second)
    }

    async fn end_flood(&self, id: &ConnectionId) -> Result<Reply> {
        metrics::counter!("labelcast_floods_closed_total").increment(1);
        tracing::info!(connection = %id, "closed a connection that kept exceeding its message rate");
        if let Some(frame) = Frame::encode(&ClosingCode::Limit.saying(&self.too_many("reconnect and slow down"))) {
            // Whether it arrives does not matter any more.
            let _ = self.pusher.post(id, frame).await;
        }
        self.close(id).await
    }

    async fn close(&self, id: &ConnectionId) -> Result<Reply> {
        self.pusher.close(id).await?;
        Ok(None)
    }

    async fn message(&self, connection: &Connection, text: &str) -> (Option<String>, Result<Reply>) {
        let now = self.clock.now();
        if !connection.is_served(now) {
            return (None, self.expire(connection).await);
        }
        let frame = match protocol::read(text) {
            Ok(frame) => frame,
            Err(error) => {
                let (code, message, reference) = (error.code, shortened(error.message), error.reference);
                return (None, Ok(Some(ServerFrame::Error { reference, code, message })));
            }
        };
        let reference = reference_of(&frame).cloned();
        let outcome = self.frame(connection, frame, now).await;
        (reference, outcome)
    }

    async fn frame(&self, connection: &Connection, frame: ClientFrame, now: DateTime<Utc>) -> Result<Reply> {
        match frame {
            ClientFrame::Subscribe(request) => {
                self.subscribe(connection, Request::subscribe(&request, connection, &self.settings)?, request.reference)
                    .await
            }
            ClientFrame::SetNotifyList(request) if request.topics.is_empty() => {
                let all = self.connections.subscriptions(&connection.id).await?;
                let all: Vec<TopicKey> = all.into_iter().map(|subscription| subscription.topic).collect();
                self.connections.unsubscribe(&connection.id, &all).await?;
                Ok(Some(ServerFrame::NotifyList { reference: request.reference, topics: Vec::new() }))
            }
            ClientFrame::SetNotifyList(request) => {
                let wanted =
                    Request::notify_list(&request.topics, request.reference.clone(), connection, &self.settings)?;
                self.subscribe(connection, wanted, request.reference).await
            }
            ClientFrame::Unsubscribe(request) => self.unsubscribe(connection, request).await,
            ClientFrame::Refresh(request) => self.refresh(connection, request, now).await,
            ClientFrame::Ping { reference } => {
                Ok(Some(ServerFrame::Pong { reference, connection_id: connection.id.clone() }))
            }
        }
    }

    async fn subscribe(&self, connection: &Connection, wanted: Request, reference: Option<String>) -> Result<Reply> {
        Ok(match self.subscriber.run(connection, wanted).await? {
            Outcome::Responded | Outcome::Gone => None,
            Outcome::TooMany => Some(ServerFrame::Error {
                reference,
                code: ErrorCode::TooManySubscriptions,
                message: format!(
                    "too many topics (limit {} per connection); nothing was changed",
                    self.settings.topics_per_connection
                ),
            }),
        })
    }

    async fn unsubscribe(&self, connection: &Connection, request: Unsubscribe) -> Result<Reply> {
        // Each once, and no more than a connection can have: so the response fits into a frame.
        let most = self.settings.topics_per_connection;
        let mut topics: Vec<Topic> = Vec::new();
        for text in &request.topics {
            let topic = text.parse().map_err(|error| Error::bad_request(format!("{error}")))?;
            if !topics.contains(&topic) {
                topics.push(topic);
            }
            if topics.len() > most {
                return Err(Error::bad_request(format!("too many `topics` (limit {most}); nothing was changed")));
            }
        }
        let keys: Vec<TopicKey> = topics.iter().map(|topic| topic.clone().key(&connection.caller.user)).collect();
        self.connections.unsubscribe(&connection.id, &keys).await?;
        Ok(Some(ServerFrame::Unsubscribed { reference: request.reference, topics }))
    }

    /// Replaces the connection's token by a new one of the same user.
    async fn refresh(&self, connection: &Connection, request: Refresh, now: DateTime<Utc>) -> Result<Reply> {
        let caller = self.verifier.verify(&request.token, now).await?;
        if caller.user != connection.caller.user {
            return Err(Error::forbidden("the token belongs to another user; open a new connection for them"));
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
        Ok(Some(ServerFrame::Refreshed { reference: request.reference, expires_at, dropped }))
    }

    async fn expire(&self, connection: &Connection) -> Result<Reply> {
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
        ClientFrame::Subscribe(request) => request.reference.as_ref(),
        ClientFrame::Unsubscribe(request) => request.reference.as_ref(),
        ClientFrame::SetNotifyList(request) => request.reference.as_ref(),
        ClientFrame::Refresh(request) => request.reference.as_ref(),
        ClientFrame::Ping { reference } => reference.as_ref(),
    }
}

/// Truncates an error message so that it fits into a frame: some quote what was sent.
fn shortened(mut message: String) -> String {
    const MAX: usize = 1_000;
    if message.len() > MAX {
        message.truncate(message.floor_char_boundary(MAX));
        message.push('…');
    }
    message
}

/// Encodes a response as text that fits into a frame.
fn encode(outcome: Result<Reply>, reference: Option<String>) -> Option<String> {
    let frame = outcome.unwrap_or_else(|error| Some(refusal(error, reference)))?;
    let text = serde_json::to_string(&frame).expect("frames are plain data, which JSON can hold");
    if text.len() <= FRAME_BYTES {
        return Some(text);
    }
    // Every response is bounded, so this is a bug.
    tracing::error!(bytes = text.len(), "a response was too large for a frame and was replaced by an error");
    let message = "the response is too large for a frame; request less at once".to_owned();
    let frame = ServerFrame::Error { reference: None, code: ErrorCode::Internal, message };
    Some(serde_json::to_string(&frame).expect("frames are plain data, which JSON can hold"))
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
    ServerFrame::Error { reference, code, message: shortened(error.message) }
}
