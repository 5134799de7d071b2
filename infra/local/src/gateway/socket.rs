//! One open socket, as those who write to it see it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use labelcast_functions::protocol::ClosingCode;
use tokio::sync::Notify;

use super::event::Origin;
use super::frame;
use super::outbound::{Flushed, Outbound, Queued};
use super::transport::Transport;

/// An open socket.
pub(super) struct Socket {
    pub(super) origin: Arc<Origin>,
    pub(super) transport: Transport,
    outbound: Mutex<Outbound>,
    /// How it ends, once that is known: what comes first counts.
    ended: Mutex<Option<Ended>>,
    /// For the socket's task: look again.
    pub(super) attention: Notify,
    /// For replays: there is room again.
    room: Notify,
    broken: AtomicBool,
    active_at: AtomicI64,
    /// When its close was begun, in milliseconds; 0 before.
    closing_since: AtomicI64,
    /// The clock of the gateway, shared so that marking activity is free.
    now: Arc<AtomicI64>,
}

/// How a socket ended, as `$disconnect` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Ended {
    pub(super) fn new(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned() }
    }

    /// Without a close frame (RFC 6455, 7.1.5).
    pub(super) fn abnormally() -> Self {
        Self::new(1006, "Connection Closed Abnormally")
    }
}

impl Socket {
    pub(super) fn new(origin: Arc<Origin>, transport: Transport, now: Arc<AtomicI64>) -> Self {
        let active_at = AtomicI64::new(origin.connected_at.timestamp_millis());
        Self {
            origin,
            transport,
            outbound: Mutex::default(),
            ended: Mutex::default(),
            attention: Notify::new(),
            room: Notify::new(),
            broken: AtomicBool::new(false),
            active_at,
            closing_since: AtomicI64::new(0),
            now,
        }
    }

    pub(super) fn outbound(&self) -> MutexGuard<'_, Outbound> {
        self.outbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame; whoever is told [`Queued::First`] flushes. A queue that is full only because nobody has flushed
    /// it yet is flushed first: a burst does not make a reader slow.
    pub(super) fn queue(&self, frame: Bytes) -> Queued {
        let queued = self.outbound().push(frame.clone());
        if queued != Queued::Full {
            return queued;
        }
        self.flush();
        self.outbound().push(frame)
    }

    /// Queues several frames, as far as they are taken: the answer is [`Queued::First`] if it is for any, and why not if
    /// some are not taken.
    pub(super) fn queue_all(&self, frames: &[Bytes]) -> Queued {
        let mut all = Queued::Behind;
        let mut outbound = self.outbound();
        for frame in frames {
            let mut queued = outbound.push(frame.clone());
            if queued == Queued::Full {
                drop(outbound);
                queued = self.queue(frame.clone());
                outbound = self.outbound();
            }
            match queued {
                Queued::First => all = Queued::First,
                Queued::Behind => {}
                Queued::Full | Queued::Closing => return queued,
            }
        }
        all
    }

    /// Does what follows from queueing one frame. False if it will not arrive.
    pub(super) fn settle(&self, queued: Queued) -> bool {
        match queued {
            Queued::First => self.flush(),
            Queued::Behind => {}
            Queued::Full => {
                self.cut_off();
                return false;
            }
            Queued::Closing => return false,
        }
        true
    }

    /// Writes what waits as far as the stream takes it; the rest is left to the socket's task.
    pub(super) fn flush(&self) {
        let mut outbound = self.outbound();
        let had_room = outbound.has_room();
        let flushed = outbound.flush(|slices| self.transport.try_write(slices));
        let has_room = outbound.has_room();
        let is_last = outbound.is_empty() && outbound.is_closing();
        drop(outbound);
        self.mark_active();
        if has_room && !had_room {
            self.room.notify_waiters();
        }
        match flushed {
            Ok(Flushed::Blocked) => self.attention.notify_one(),
            Ok(Flushed::All) if is_last || !had_room => self.attention.notify_one(),
            Ok(Flushed::All) => {}
            Err(_) => self.kill(),
        }
    }

    /// Waits until less waits than a replay needs.
    pub(super) async fn room(&self) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // Registered before looking, so that no notice falls in between.
            room.as_mut().enable();
            {
                let outbound = self.outbound();
                if outbound.has_room() || outbound.is_closing() || self.is_broken() {
                    return;
                }
            }
            room.await;
        }
    }

    /// Ends the connection after what waits: tells why in-band, if there is a word, since API Gateway cannot send close
    /// codes; then closes. The first close counts.
    pub(super) fn close(&self, word: Option<ClosingCode>, code: u16, reason: &str) {
        let said = word.map(|word| {
            let text = serde_json::to_vec(&word.frame()).expect("frames are plain data, which JSON can hold");
            frame::text(&text)
        });
        if self.end(Ended::new(code, reason), said.into_iter().chain([frame::close(code, reason)])) {
            let word = word.map_or("none", ClosingCode::as_str);
            metrics::counter!("labelcast_closed_total", "code" => word).increment(1);
        }
    }

    /// Takes no more frames but these last ones. False if it was ending already.
    pub(super) fn end(&self, ended: Ended, last: impl IntoIterator<Item = Bytes>) -> bool {
        if !self.outbound().close_with(last) {
            return false;
        }
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        self.closing_since.store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
        self.room.notify_waiters();
        self.flush();
        true
    }

    /// How it ended. Without a close frame from either side: abnormally.
    pub(super) fn ended(&self) -> Ended {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(Ended::abnormally)
    }

    /// Cuts off a slow reader: what it did not read is dropped, and it is told to come back (promise 5).
    pub(super) fn cut_off(&self) {
        metrics::counter!("labelcast_slow_consumers_total").increment(1);
        tracing::info!(connection = %self.origin.id, "cut off a connection that does not read");
        self.outbound().drop_waiting();
        self.close(Some(ClosingCode::SlowConsumer), 1008, "slow consumer");
    }

    /// Ends it without further words.
    pub(super) fn kill(&self) {
        self.broken.store(true, Ordering::Release);
        self.room.notify_waiters();
        self.attention.notify_one();
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Something was read or written, as of the gateway's clock.
    pub(super) fn mark_active(&self) {
        self.active_at.store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// When something was last read or written, in milliseconds.
    pub(super) fn active_at(&self) -> i64 {
        self.active_at.load(Ordering::Relaxed)
    }

    /// When its close was begun, in milliseconds.
    pub(super) fn closing_since(&self) -> Option<i64> {
        Some(self.closing_since.load(Ordering::Relaxed)).filter(|since| *since != 0)
    }
}
