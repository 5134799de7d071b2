//! The WebSocket gateway: behaves as API Gateway does, and pushes in process.
//!
//! A connection is a [`socket`] with an [`outbound`] queue, and a task of its own, its [`session`]; what it is subscribed
//! to stands in [`rows`] and is found by way of [`interest`]. The [`pusher`] queues, the [`flusher`] writes. [`endpoint`] lets connections in, [`management`] is the `@connections` API.

mod accept;
mod cleanup;
mod connections;
mod flusher;
mod frame;
mod handshake;
mod interest;
mod limits;
mod liveness;
mod management;
mod message;
mod outbound;
mod peer;
mod protocol;
mod pusher;
mod rows;
mod session;
#[cfg(test)]
mod simulation;
mod socket;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod uptime;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use labelcast_functions::live::{Admission, AuthorizeError, Connected};
use labelcast_functions::model::{Caller, Connection, ConnectionId};
use labelcast_functions::ports::{Clock, PortResult, Random};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use accept::{refuse, upgrade};
use flusher::Flusher;
pub use management::{SignatureCheck, router as management_router, without_stage};
use rows::Rows;
pub use socket::Ended;
use socket::Socket;
use uptime::{Moment, Now};

use crate::progress::Progress;

/// The functions behind the routes.
#[async_trait]
pub trait Routes: Send + Sync {
    /// Verifies the token of a handshake and returns its caller.
    async fn authorize(&self, token: Option<&str>) -> Result<Caller, AuthorizeError>;
    /// Stores a connection that was authorized; the client is let in only then.
    async fn connect(&self, connection: &Connection) -> PortResult<Connected>;
    /// Counts a message of a connection, before anything is made of it.
    async fn admit(&self, id: &ConnectionId) -> Admission;
    /// Takes the text of a message that was admitted; the response is the text of a frame, if any.
    async fn message(&self, connection: &Connection, text: &str) -> Option<String>;
    /// Cleans up after a connection that ended in this way.
    async fn disconnect(&self, id: &ConnectionId, connected_at: DateTime<Utc>, ended: &Ended) -> PortResult<()>;
}

/// The gateway. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

struct Shared {
    sockets: RwLock<HashMap<ConnectionId, Arc<Socket>>>,
    rows: Mutex<Rows>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    now: Now,
    ping_every: Duration,
    flusher: Arc<Flusher>,
    /// The place of the last push among what is flushed.
    pushed_until: AtomicU64,
    progress: Progress,
    handshakes: Semaphore,
    draining: AtomicBool,
    /// From each handshake to its `$disconnect`.
    connections: TaskTracker,
}

impl Gateway {
    /// A gateway without connections.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self::pinging(clock, random, limits::PING_EVERY)
    }

    /// One that pings each connection as often as that.
    pub fn pinging(clock: Arc<dyn Clock>, random: Arc<dyn Random>, ping_every: Duration) -> Self {
        let progress = Progress::default();
        let now = Now::new(Moment::of(&*clock));
        Self {
            shared: Arc::new(Shared {
                sockets: RwLock::default(),
                rows: Mutex::default(),
                clock,
                random,
                now,
                ping_every,
                flusher: Arc::new(Flusher::new(progress.clone())),
                progress,
                pushed_until: AtomicU64::new(0),
                handshakes: Semaphore::new(limits::HANDSHAKES),
                draining: AtomicBool::new(false),
                connections: TaskTracker::new(),
            }),
        }
    }

    /// Moves with every look for receivers and everything that is queued or written to them.
    pub fn progress(&self) -> Progress {
        self.shared.progress.clone()
    }

    fn socket(&self, id: &ConnectionId) -> Option<Arc<Socket>> {
        self.shared.sockets.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn sockets(&self) -> Vec<Arc<Socket>> {
        self.shared.sockets.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.shared.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
