//! Frames that the server sends.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use utoipa::ToSchema;

use crate::model::{ConnectionId, Cursor, Seq, Topic};

/// A frame to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// Response to `subscribe`, sent after the replay.
    Subscribed {
        /// The `ref` of the request that this responds to.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// One entry per topic of the request.
        topics: Vec<SubscribedTopic>,
    },
    /// Response to `unsubscribe`, when the subscriptions have ended.
    Unsubscribed {
        /// The `ref` of the request that this responds to.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The topics that are no longer subscribed to.
        #[schema(value_type = Vec<String>)]
        topics: Vec<Topic>,
    },
    /// Response to `set_notify_list`, with all subscriptions of the connection.
    NotifyList {
        /// The `ref` of the request that this responds to.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// Every topic that is subscribed to now.
        topics: Vec<SubscribedTopic>,
    },
    /// Response to `refresh`, when the new token counts.
    Refreshed {
        /// The `ref` of the request that this responds to.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// When the token expires, and the connection with it.
        expires_at: DateTime<Utc>,
        /// Topics that the new token no longer allows.
        #[schema(value_type = Vec<String>)]
        dropped: Vec<Topic>,
    },
    /// Response to `ping`: the connection and the server are alive.
    Pong {
        /// The `ref` of the request that this responds to.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// The connection's id in the `@connections` API.
        #[schema(value_type = String)]
        connection_id: ConnectionId,
    },
    /// Something happened on a topic that is subscribed to.
    Notification(NotificationFrame),
    /// A request was refused; the connection stays.
    Error {
        /// The `ref` of the request that this responds to.
        #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// Why it was refused, for programs.
        code: ErrorCode,
        /// For people: what happened and what to do.
        message: String,
    },
    /// The connection closes after this.
    Closing {
        /// Why the connection ends, for programs.
        code: ClosingCode,
        /// What happened and what to do, for people.
        message: String,
        /// Whether to reconnect and resume by cursor.
        retry: bool,
    },
}

/// A topic in `subscribed` and `notify_list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubscribedTopic {
    /// As requested.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// True if everything since the cursor was replayed. False without `since`.
    pub recovered: bool,
    /// The position reached; live notifications come after it.
    #[schema(value_type = String)]
    pub cursor: Cursor,
}

/// `notification`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationFrame {
    /// Repeats carry the same id.
    pub id: String,
    /// What happened, for example `image.labelled`.
    pub event: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The connection's topics that it belongs to; at least one.
    pub topics: Vec<NotificationTopic>,
    /// What happened; its form depends on the event.
    pub data: serde_json::Value,
}

/// A topic of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationTopic {
    /// The topic that the notification is on.
    #[schema(value_type = String)]
    pub topic: Topic,
    /// The notification's sequence number on the topic.
    #[schema(value_type = u64)]
    pub seq: Seq,
    /// Send it as `since` to resume; keep the highest.
    #[schema(value_type = String)]
    pub cursor: Cursor,
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The user may not do or read this.
    Forbidden,
    /// The request is invalid.
    BadRequest,
    /// `action` is missing or unknown.
    UnknownAction,
    /// More topics than a connection may have.
    TooManySubscriptions,
    /// More messages per second than a connection may send.
    RateLimited,
    /// A fault of the server; try again.
    Internal,
}

/// Why the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ClosingCode {
    /// The client reads too slowly; resume by cursor.
    SlowConsumer,
    /// The token expired and was not refreshed.
    TokenExpired,
    /// The server is restarting.
    ServerShutdown,
    /// A limit of the connection was reached (idle for 10 minutes, open for 2 hours).
    Limit,
}

impl ClosingCode {
    /// As in JSON, for metrics and logs.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The whole frame, with another message for people.
    pub fn saying(self, message: &str) -> ServerFrame {
        ServerFrame::Closing { code: self, message: message.to_owned(), retry: true }
    }

    /// The whole frame: the message for people, and whether to reconnect.
    pub fn frame(self) -> ServerFrame {
        let (message, retry) = match self {
            Self::SlowConsumer => ("you are reading too slowly; reconnect and resume with your cursors", true),
            Self::TokenExpired => ("your token has expired; reconnect with a new one, or send `refresh` in time", true),
            Self::ServerShutdown => ("the server is restarting; reconnect and resume with your cursors", true),
            Self::Limit => ("the connection was idle or open for too long; reconnect and resume", true),
        };
        ServerFrame::Closing { code: self, message: message.to_owned(), retry }
    }
}
