use async_trait::async_trait;
use bytes::Bytes;

use super::PortResult;
use crate::limits::FRAME_BYTES;
use crate::model::ConnectionId;

/// A text frame's payload, encoded once and shared by all its receivers. At most [`FRAME_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// Encodes a message. `None` if it is larger than a frame may be.
    pub fn encode(message: &impl serde::Serialize) -> Option<Self> {
        let text = serde_json::to_vec(message).expect("messages are plain data, which JSON can hold");
        (text.len() <= FRAME_BYTES).then(|| Self(text.into()))
    }

    /// The frame's text, which is JSON.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

/// One frame and whom it goes to.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// The frame that all of them get.
    pub frame: Frame,
    /// The receivers, without duplicates.
    pub to: Vec<ConnectionId>,
}

/// Why a frame did not reach a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// There is no such connection any more.
    #[error("the connection is gone")]
    Gone,
    /// A slow consumer; it was notified and closed.
    #[error("the connection is not reading")]
    Slow,
    /// Nobody knows why; the connection was closed, so that it resumes.
    #[error("the connection could not be reached")]
    Failed,
    /// There was no time left to post to it, or it could be neither reached nor closed. It is open: either somebody posts to it
    /// later, or it has to be closed, before a cursor may pass what it was not sent.
    #[error("the connection was not served in time")]
    Unserved,
}

/// Sends frames to open sockets, and closes them.
#[async_trait]
pub trait Pusher: Send + Sync {
    /// Pushes frames, in order for each connection, and never waits for a slow reader. Returns the connections that some
    /// frame did not reach; none of them holds up the others. The backend closes those that are `Slow` or `Failed`; those that
    /// are `Unserved` are for the caller.
    async fn push(&self, frames: Vec<Pushed>) -> Vec<(ConnectionId, Unreached)>;

    /// Sends one frame to one connection after all that was sent to it before, and waits until it has room.
    async fn post(&self, to: &ConnectionId, frame: Frame) -> Result<(), Unreached>;

    /// Waits until hardly anything that was posted to a connection is held in this process any more. Where posts are calls
    /// to somebody else there is nothing to wait for.
    async fn written(&self, _to: &ConnectionId) -> Result<(), Unreached> {
        Ok(())
    }

    /// Closes a connection after what was sent to it. One that is gone is fine.
    async fn close(&self, connection: &ConnectionId) -> PortResult<()>;
}
