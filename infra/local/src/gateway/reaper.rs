//! Ends connections whose time is over, and all of them at the end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use labelcast_functions::protocol::ClosingCode;

use super::{Gateway, limits};

impl Gateway {
    /// Looks at every connection; done each second. Takes the time, so that tests set it.
    pub fn reap(&self, now: DateTime<Utc>) {
        let millis = now.timestamp_millis();
        self.shared.now.store(millis, Ordering::Relaxed);
        let expired = self.rows().expired(now - chrono::Duration::seconds(limits::EXPIRY_GRACE_SECONDS), usize::MAX);
        for connection in expired {
            if let Some(socket) = self.socket(&connection.id) {
                socket.close(Some(ClosingCode::TokenExpired), 1008, "token expired");
            }
        }
        for socket in self.sockets() {
            let opened_at = socket.origin.connected_at.timestamp_millis();
            if let Some(since) = socket.closing_since() {
                if millis - since > limits::CLOSING {
                    socket.kill();
                }
            } else if millis - opened_at >= limits::AGE || millis - socket.active_at() >= limits::IDLE {
                socket.close(Some(ClosingCode::Limit), 1001, "Going away");
            }
        }
    }

    /// Lets nobody in any more, tells everybody to come back, and waits until they have left and their `$disconnect` is
    /// done, up to a bound.
    pub async fn drain(&self, most: Duration) {
        self.shared.draining.store(true, Ordering::Release);
        for socket in self.sockets() {
            socket.close(Some(ClosingCode::ServerShutdown), 1001, "Going away");
        }
        self.shared.connections.close();
        if tokio::time::timeout(most, self.shared.connections.wait()).await.is_err() {
            tracing::warn!(left = self.shared.connections.len(), "some connections did not leave in time");
        }
    }
}
