//! The port `Pusher`: fan-out.
//!
//! A write to a socket costs a system call, about 5 µs, whatever is in it; everything else here is small beside that. So
//! a frame is encoded once and shared, and what waits for one socket is written together, by the [`Flusher`]: waking a task
//! a socket would cost more. Frames that follow each other to the same receivers (most do: everybody who watches a topic)
//! are handed to each receiver at once, while what is known of it is still in the processor's cache.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::{Frame, PortResult, Pushed, Pusher, Unreached};

use super::outbound::Queued;
use super::socket::{Room, Socket};
use super::{Gateway, frame, limits};

/// Frames that go to the same connections.
struct Run {
    frames: Vec<Bytes>,
    to: Vec<ConnectionId>,
}

/// Puts frames together that follow each other to the same connections. Each connection still gets all in order.
fn runs(pushed: Vec<Pushed>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for Pushed { frame, to } in pushed {
        let frame = frame::text(frame.bytes());
        match runs.last_mut() {
            Some(run) if run.to == to => run.frames.push(frame),
            _ => runs.push(Run { frames: vec![frame], to }),
        }
    }
    runs
}

/// What one push came to.
#[derive(Default)]
struct FanOut {
    to_flush: Vec<Arc<Socket>>,
    unreached: Vec<(ConnectionId, Unreached)>,
    deliveries: usize,
    bytes: usize,
}

impl FanOut {
    fn queue(&mut self, gateway: &Gateway, frames: &[Bytes], to: &[ConnectionId]) {
        let sockets = gateway.shared.sockets.read().unwrap_or_else(PoisonError::into_inner);
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        for id in to {
            let Some(socket) = sockets.get(id) else {
                self.unreached.push((id.clone(), Unreached::Gone));
                continue;
            };
            match socket.queue_all(frames) {
                Queued::First => self.to_flush.push(socket.clone()),
                Queued::Behind => {}
                Queued::Full => {
                    socket.cut_off();
                    self.unreached.push((id.clone(), Unreached::Slow));
                    continue;
                }
                Queued::Closing => {
                    self.unreached.push((id.clone(), Unreached::Gone));
                    continue;
                }
            }
            self.deliveries += frames.len();
            self.bytes += bytes;
        }
    }
}

impl Gateway {
    /// Waits until no more than that waits for a reader. One that takes nothing at all for long is cut off.
    async fn wait_for(&self, socket: &Socket, room: Room) -> Result<(), Unreached> {
        if socket.room(room).await {
            return Ok(());
        }
        socket.cut_off();
        Err(Unreached::Slow)
    }
}

#[async_trait]
impl Pusher for Gateway {
    async fn push(&self, frames: Vec<Pushed>) -> Vec<(ConnectionId, Unreached)> {
        let mut fan_out = FanOut::default();
        let flusher = &self.shared.flusher;
        let mut place = 0;
        for run in runs(frames) {
            for some in run.to.chunks(limits::QUEUE_BATCH) {
                fan_out.queue(self, &run.frames, some);
                // Whoever queued dispatches before anything else happens: nobody else would.
                place = flusher.dispatch(std::mem::take(&mut fan_out.to_flush));
                self.shared.progress.made();
                tokio::task::yield_now().await;
            }
        }
        metrics::counter!("labelcast_deliveries_total").increment(fan_out.deliveries as u64);
        metrics::counter!("labelcast_delivered_bytes_total").increment(fan_out.bytes as u64);
        // This one may still be written while the next is prepared; the one before is done with. So no more than two wait
        // for a reader that keeps up, however slow the server itself is.
        flusher.reached(self.shared.pushed_until.swap(place, Ordering::Relaxed)).await;
        fan_out.unreached
    }

    async fn post(&self, to: &ConnectionId, frame: Frame) -> Result<(), Unreached> {
        let socket = self.socket(to).ok_or(Unreached::Gone)?;
        let encoded = frame::text(frame.bytes());
        // Waits for room, so a replay never counts as a slow reader while it makes progress.
        self.wait_for(&socket, Room::ForMore).await?;
        let queued = socket.queue(encoded);
        if socket.after_queueing(queued) { Ok(()) } else { Err(Unreached::Gone) }
    }

    async fn written(&self, to: &ConnectionId) -> Result<(), Unreached> {
        let socket = self.socket(to).ok_or(Unreached::Gone)?;
        self.wait_for(&socket, Room::Written).await
    }

    async fn close(&self, connection: &ConnectionId) -> PortResult<()> {
        if let Some(socket) = self.socket(connection) {
            socket.close(None, 1000, "Connection Closed Normally");
        }
        Ok(())
    }
}
