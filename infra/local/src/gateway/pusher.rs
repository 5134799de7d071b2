//! The port `Pusher`: fan-out.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::{Frame, PortResult, Pushed, Pusher, Unreached};

use super::outbound::Queued;
use super::socket::Socket;
use super::{Gateway, frame, limits};

/// One push: frames go into all queues first, so that what goes to one socket is written together.
struct FanOut<'a> {
    gateway: &'a Gateway,
    to_flush: Vec<Arc<Socket>>,
    unreached: Vec<(ConnectionId, Unreached)>,
    deliveries: u64,
    bytes: u64,
}

impl FanOut<'_> {
    fn queue(&mut self, frame: &Bytes, to: &[ConnectionId]) {
        let sockets = self.gateway.shared.sockets.read().unwrap_or_else(PoisonError::into_inner);
        let before = self.unreached.len();
        for id in to {
            let Some(socket) = sockets.get(id) else {
                self.unreached.push((id.clone(), Unreached::Gone));
                continue;
            };
            match socket.queue(frame.clone()) {
                Queued::First => self.to_flush.push(socket.clone()),
                Queued::Behind => {}
                Queued::Full => {
                    socket.cut_off();
                    self.unreached.push((id.clone(), Unreached::Slow));
                }
                Queued::Closing => self.unreached.push((id.clone(), Unreached::Gone)),
            }
        }
        let reached = (to.len() - (self.unreached.len() - before)) as u64;
        self.deliveries += reached;
        self.bytes += reached * frame.len() as u64;
    }

    fn flush(&mut self, most: usize) {
        let rest = self.to_flush.len().saturating_sub(most);
        for socket in self.to_flush.drain(rest..) {
            socket.flush();
        }
    }
}

impl Drop for FanOut<'_> {
    /// Whoever queued flushes, even if the push is given up half-way: nobody else would.
    fn drop(&mut self) {
        self.flush(usize::MAX);
        metrics::counter!("labelcast_deliveries_total").increment(self.deliveries);
        metrics::counter!("labelcast_delivered_bytes_total").increment(self.bytes);
    }
}

#[async_trait]
impl Pusher for Gateway {
    async fn push(&self, frames: Vec<Pushed>) -> Vec<(ConnectionId, Unreached)> {
        let mut fan_out =
            FanOut { gateway: self, to_flush: Vec::new(), unreached: Vec::new(), deliveries: 0, bytes: 0 };
        for Pushed { frame, to } in frames {
            let frame = frame::text(frame.bytes());
            for some in to.chunks(limits::QUEUED_AT_ONCE) {
                fan_out.queue(&frame, some);
                tokio::task::yield_now().await;
            }
        }
        while !fan_out.to_flush.is_empty() {
            fan_out.flush(limits::FLUSHED_AT_ONCE);
            tokio::task::yield_now().await;
        }
        std::mem::take(&mut fan_out.unreached)
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
