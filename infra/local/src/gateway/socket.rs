//! One open socket, as those who write to it see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use labelcast_functions::limits::{CONNECTION_TTL, IDLE_TIMEOUT, MESSAGE_TIMEOUT};
use labelcast_functions::protocol::{ClosingCode, ServerFrame};
use tokio::sync::Notify;

use super::frame;
use super::limits;
use super::liveness::{Check, Liveness};
use super::outbound::{Flushed, Outbound, Queued};
use super::peer::Peer;
use super::transport::Transport;
use super::uptime::{AtomicMoment, Moment, Now};

const UNANSWERED_PING: &str = "a ping was not answered in time; connect again and resume with your cursors";

/// An open socket with its queue and its liveness.
pub(super) struct Socket {
    pub(super) peer: Arc<Peer>,
    pub(super) transport: Transport,
    outbound: Mutex<Outbound>,
    /// How it ends, once that is known: what comes first counts.
    ended: Mutex<Option<Ended>>,
    /// For the socket's task: look again.
    pub(super) attention: Notify,
    /// For replays: there is room again, or more than there was.
    room: Notify,
    broken: AtomicBool,
    opened_at: Moment,
    /// When a message was last read or written.
    active_at: AtomicMoment,
    closing_since: AtomicMoment,
    liveness: Liveness,
    now: Now,
}

/// What a replay waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// So little waits that more may be queued.
    ForMore,
    /// Hardly anything waits any more.
    Written,
}

/// Why a socket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The code of the close frame, or 1005 or 1006 where there was none (RFC 6455, 7.4.1).
    pub code: u16,
    /// In words; what a client says is taken as it is.
    pub reason: String,
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
    pub(super) fn new(peer: Arc<Peer>, transport: Transport, now: Now, ping_every: Duration) -> Self {
        let opened_at = now.get();
        let liveness = Liveness::new(&peer.id, opened_at, ping_every);
        Self {
            peer,
            transport,
            outbound: Mutex::default(),
            ended: Mutex::default(),
            attention: Notify::new(),
            room: Notify::new(),
            broken: AtomicBool::new(false),
            opened_at,
            active_at: AtomicMoment::at(opened_at),
            closing_since: AtomicMoment::never(),
            liveness,
            now,
        }
    }

    pub(super) fn outbound(&self) -> MutexGuard<'_, Outbound> {
        self.outbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame; a caller that gets [`Queued::First`] flushes. A queue that is full only because nobody has flushed
    /// it yet is flushed first: a burst does not make a reader slow.
    pub(super) fn queue(&self, frame: Bytes) -> Queued {
        let queued = self.outbound().push(frame.clone());
        if queued != Queued::Full {
            return queued;
        }
        self.flush();
        self.outbound().push(frame)
    }

    /// Queues several frames, as far as they are taken: the result is [`Queued::First`] if it is for any, and why not if
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
    pub(super) fn after_queueing(&self, queued: Queued) -> bool {
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
        self.mark_active();
        self.write_waiting();
    }

    /// Pings: no activity in the sense of idle times.
    fn ping(&self) {
        let queued = self.outbound().push(frame::ping());
        match queued {
            Queued::First => self.write_waiting(),
            Queued::Behind => {}
            // Nothing was sent, so no response is possible.
            Queued::Full | Queued::Closing => return self.liveness.heard(),
        }
        metrics::counter!("labelcast_pings_total").increment(1);
    }

    fn write_waiting(&self) {
        let mut outbound = self.outbound();
        let (had_room, was_blocked, waited) = (outbound.has_room(), outbound.is_blocked(), outbound.bytes());
        let flushed = outbound.flush(|slices| self.transport.try_write(slices));
        let has_room = outbound.has_room();
        let is_last = outbound.is_empty() && outbound.is_closing();
        let took = outbound.bytes() < waited;
        let drained = if was_blocked { took } else { outbound.is_blocked() };
        drop(outbound);
        if drained {
            self.liveness.drained(self.now.get());
        }
        if took || (has_room && !had_room) {
            self.room.notify_waiters();
        }
        match flushed {
            Ok(Flushed::Blocked) => self.attention.notify_one(),
            Ok(Flushed::All) if is_last || !had_room => self.attention.notify_one(),
            Ok(Flushed::All) => {}
            Err(_) => self.kill(),
        }
    }

    /// Waits for room, or the end. False if the stream took nothing at all for [`MESSAGE_TIMEOUT`].
    pub(super) async fn room(&self, room: Room) -> bool {
        loop {
            let moved = self.room.notified();
            tokio::pin!(moved);
            // Registered before looking, so that no notice falls in between.
            moved.as_mut().enable();
            {
                let outbound = self.outbound();
                let there_is = match room {
                    Room::ForMore => outbound.has_room(),
                    Room::Written => outbound.is_as_good_as_empty(),
                };
                if there_is || outbound.is_closing() || self.is_broken() {
                    return true;
                }
            }
            if tokio::time::timeout(MESSAGE_TIMEOUT, moved).await.is_err() {
                return false;
            }
        }
    }

    /// Ends the connection after what waits: tells why in-band, if there is a word, since API Gateway cannot send close
    /// codes; then closes. The first close counts.
    pub(super) fn close(&self, word: Option<ClosingCode>, code: u16, reason: &str) {
        self.close_with(word.map(|word| (word, word.frame())), code, reason);
    }

    /// The same, with other words for people than the code has by itself.
    pub(super) fn close_saying(&self, word: ClosingCode, words: &str, code: u16, reason: &str) {
        self.close_with(Some((word, word.saying(words))), code, reason);
    }

    fn close_with(&self, last: Option<(ClosingCode, ServerFrame)>, code: u16, reason: &str) {
        let word = last.as_ref().map(|(word, _)| *word);
        let said = last.map(|(_, last)| {
            let text = serde_json::to_vec(&last).expect("frames are plain data, which JSON can hold");
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
        self.closing_since.set(self.now.get());
        self.room.notify_waiters();
        self.flush();
        true
    }

    /// How it ended. Without a close frame from either side: abnormally.
    pub(super) fn ended(&self) -> Ended {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(Ended::abnormally)
    }

    /// Closes a slow consumer: unread frames are dropped, and it is told to reconnect.
    pub(super) fn cut_off(&self) {
        metrics::counter!("labelcast_slow_consumers_total").increment(1);
        tracing::info!(connection = %self.peer.id, "dropped a connection that does not read");
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

    /// A message was read or written.
    pub(super) fn mark_active(&self) {
        self.active_at.set(self.now.get());
    }

    /// Something was read, whatever it is: the other end is there.
    pub(super) fn mark_heard(&self) {
        self.liveness.heard();
    }

    /// When a message was last read or written, by the wall clock of its opening: a clock that was set meanwhile changes
    /// nothing, and it is never before the opening.
    pub(super) fn last_active(&self) -> DateTime<Utc> {
        let active = self.active_at.get().map_or(Duration::ZERO, |active| active.since(self.opened_at));
        self.peer.connected_at + active
    }

    /// Whether no ping waits for its pong.
    #[cfg(test)]
    pub(super) fn is_answered(&self) -> bool {
        self.liveness.is_answered()
    }

    /// Whether it is being closed.
    pub(super) fn is_closing(&self) -> bool {
        self.closing_since.get().is_some()
    }

    /// Does what is due: called about each second.
    pub(super) fn check(&self, now: Moment, ping_every: Duration) {
        if let Some(since) = self.closing_since.get() {
            if now.since(since) > limits::CLOSING {
                self.transport.reset_on_drop();
                self.kill();
            }
            return;
        }
        let idle = self.active_at.get().is_some_and(|active| now.since(active) >= IDLE_TIMEOUT);
        if idle || now.since(self.opened_at) >= CONNECTION_TTL {
            return self.close(Some(ClosingCode::Limit), 1001, "Going away");
        }
        let blocked = self.outbound().is_blocked();
        match self.liveness.check(now, ping_every, blocked) {
            Check::Nothing => {}
            Check::Ping => self.ping(),
            Check::Dead if blocked => self.cut_off(),
            Check::Dead => {
                metrics::counter!("labelcast_ping_timeouts_total").increment(1);
                tracing::info!(connection = %self.peer.id, "a ping was not answered; the connection is closed");
                self.close_saying(ClosingCode::Limit, UNANSWERED_PING, 1001, "ping timeout");
            }
        }
    }
}
