//! The port `Pusher`: fan-out.

use std::sync::Arc;

use async_trait::async_trait;
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::{Frame, PortResult, Pushed, Pusher, Unreached};
use std::sync::PoisonError;

use super::outbound::Queued;
use super::socket::Socket;
use super::{Gateway, frame, limits};

impl Gateway {
    /// Puts frames into all queues first; so what goes to one socket in this push is written together.
    fn queue_all(&self, frames: Vec<Pushed>) -> (Vec<Arc<Socket>>, Vec<(ConnectionId, Unreached)>) {
        let mut to_flush = Vec::new();
        let mut unreached = Vec::new();
        let mut deliveries = 0_u64;
        let sockets = self.shared.sockets.read().unwrap_or_else(PoisonError::into_inner);
        for Pushed { frame, to } in frames {
            let encoded = frame::text(frame.bytes());
            deliveries += to.len() as u64;
            for id in to {
                let Some(socket) = sockets.get(&id) else {
                    unreached.push((id, Unreached::Gone));
                    continue;
                };
                match socket.queue(encoded.clone()) {
                    Queued::First => to_flush.push(socket.clone()),
                    Queued::Behind => {}
                    Queued::Full => {
                        socket.cut_off();
                        unreached.push((id, Unreached::Slow));
                    }
                    Queued::Closing => unreached.push((id, Unreached::Gone)),
                }
            }
        }
        metrics::counter!("labelcast_deliveries_total").increment(deliveries - unreached.len() as u64);
        (to_flush, unreached)
    }
}

#[async_trait]
impl Pusher for Gateway {
    async fn push(&self, frames: Vec<Pushed>) -> Vec<(ConnectionId, Unreached)> {
        let (to_flush, unreached) = self.queue_all(frames);
        for some in to_flush.chunks(limits::FLUSHED_AT_ONCE) {
            for socket in some {
                socket.flush();
            }
            tokio::task::yield_now().await;
        }
        unreached
    }

    async fn post(&self, to: &ConnectionId, frame: Frame) -> Result<(), Unreached> {
        let socket = self.socket(to).ok_or(Unreached::Gone)?;
        let encoded = frame::text(frame.bytes());
        // Waits for room, so a replay never counts as a slow reader (rule 8).
        tokio::time::timeout(limits::ROOM_TIME, socket.room()).await.map_err(|_| Unreached::Slow)?;
        let queued = socket.queue(encoded);
        if socket.settle(queued) { Ok(()) } else { Err(Unreached::Gone) }
    }

    async fn close(&self, connection: &ConnectionId) -> PortResult<()> {
        if let Some(socket) = self.socket(connection) {
            socket.close(None, 1000, "Connection Closed Normally");
        }
        Ok(())
    }
}
