//! Closes expired connections, and all of them on shutdown.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use labelcast_functions::limits::TOKEN_GRACE_UNTIL_CLOSED;
use labelcast_functions::model::Caller;
use labelcast_functions::protocol::ClosingCode;

use super::Gateway;
use super::uptime::Moment;

/// Whose token still is good by its own time.
const REVOKED: &str =
    "your account was changed, which ends tokens from before; sign in again and connect with a new one";

impl Gateway {
    /// Looks at every connection; done each second.
    pub fn reap(&self) {
        let now = Moment::of(&*self.shared.clock);
        self.shared.now.set(now);
        // When a token ends is a matter of the wall clock; everything else here is a duration.
        let ended = self.shared.clock.now() - TOKEN_GRACE_UNTIL_CLOSED;
        let expired = self.rows().expired(ended, usize::MAX);
        for connection in expired {
            if let Some(socket) = self.socket(&connection.id) {
                socket.close(Some(ClosingCode::TokenExpired), 1008, "token expired");
            }
        }
        // Nothing below takes this lock: closing and pinging a socket affect its own queue only.
        for socket in self.shared.sockets.read().unwrap_or_else(PoisonError::into_inner).values() {
            socket.check(now, self.shared.ping_every);
        }
    }

    /// Closes the connections of callers who are not what they were when they came: who changed the password closes
    /// their other sockets, who was put out of a group hears no more of what it hears.
    pub fn close_revoked(&self, is_current: impl Fn(&Caller) -> bool) {
        let revoked = self.rows().of_callers(|caller| !is_current(caller));
        for id in revoked {
            if let Some(socket) = self.socket(&id) {
                metrics::counter!("labelcast_connections_revoked_total").increment(1);
                socket.close_saying(ClosingCode::TokenExpired, REVOKED, 1008, "token revoked");
            }
        }
    }

    /// Stops accepting connections, tells all clients to reconnect, and waits until they have left and their `$disconnect`
    /// is done, up to a bound.
    pub async fn drain(&self, most: Duration) {
        self.shared.draining.store(true, Ordering::Release);
        for socket in self.sockets() {
            socket.close(Some(ClosingCode::ServerShutdown), 1001, "Going away");
        }
        self.shared.connections.close();
        if tokio::time::timeout(most, self.shared.connections.wait()).await.is_err() {
            tracing::warn!(left = self.shared.connections.len(), "some connections did not close in time");
        }
    }
}
