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
            let closing_since = socket.closing_since.load(Ordering::Relaxed);
            if closing_since != 0 {
                if millis - closing_since > limits::CLOSING {
                    socket.kill();
                }
            } else if millis - socket.opened_at >= limits::AGE
                || millis - socket.active_at.load(Ordering::Relaxed) >= limits::IDLE
            {
                socket.close(Some(ClosingCode::Limit), 1001, "Going away");
            }
        }
    }

    /// Lets nobody in any more, tells everybody to come back, and waits for them to leave, up to a bound.
    pub async fn drain(&self, most: Duration) {
        self.shared.draining.store(true, Ordering::Release);
        for socket in self.sockets() {
            socket.close(Some(ClosingCode::ServerShutdown), 1001, "Going away");
        }
        let gone = async {
            while !self.sockets().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(most, gone).await.is_err() {
            tracing::warn!(left = self.sockets().len(), "some connections did not leave in time");
        }
    }
}
