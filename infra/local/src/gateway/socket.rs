//! One open socket: its queue, and the task that reads it.

use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use labelcast_functions::model::ConnectionId;
use labelcast_functions::protocol::ClosingCode;
use tokio::io::Interest;
use tokio::sync::Notify;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use super::event::Origin;
use super::outbound::{Flushed, Outbound, Queued};
use super::transport::Transport;
use super::{frame, limits};

/// An open socket.
pub(super) struct Socket {
    pub(super) id: ConnectionId,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
    transport: Transport,
    outbound: Mutex<Outbound>,
    /// For the socket's task: there is something to write that would block, or it has to end.
    attention: Notify,
    /// For replays: there is room again.
    room: Notify,
    blocked: AtomicBool,
    broken: AtomicBool,
    pub(super) opened_at: i64,
    pub(super) active_at: AtomicI64,
    /// When its close was begun, in milliseconds; 0 before.
    pub(super) closing_since: AtomicI64,
    /// The clock of the gateway, shared so that marking activity is free.
    now: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// How a socket ended, as `$disconnect` tells it.
pub(super) struct Ended {
    pub(super) code: u16,
    pub(super) reason: String,
}

impl Socket {
    pub(super) fn new(origin: &Origin, transport: Transport, now: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        let opened_at = origin.connected_at.timestamp_millis();
        Self {
            id: origin.id.clone(),
            source_ip: origin.source_ip.clone(),
            user_agent: origin.user_agent.clone(),
            transport,
            outbound: Mutex::default(),
            attention: Notify::new(),
            room: Notify::new(),
            blocked: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            opened_at,
            active_at: AtomicI64::new(opened_at),
            closing_since: AtomicI64::new(0),
            now,
        }
    }

    fn outbound(&self) -> MutexGuard<'_, Outbound> {
        self.outbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a frame; whoever is told [`Queued::First`] flushes.
    pub(super) fn queue(&self, frame: Bytes) -> Queued {
        self.outbound().push(frame)
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
        let flushed = outbound.flush(|slices| self.transport.try_write(slices));
        if outbound.has_room() {
            self.room.notify_waiters();
        }
        let ended = outbound.is_empty() && outbound.is_closing();
        drop(outbound);
        self.active_at.store((self.now)(), Ordering::Relaxed);
        match flushed {
            Ok(Flushed::All) => {
                self.blocked.store(false, Ordering::Release);
                if ended {
                    self.attention.notify_one();
                }
            }
            Ok(Flushed::Blocked) => {
                self.blocked.store(true, Ordering::Release);
                self.attention.notify_one();
            }
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
                if outbound.has_room() || outbound.is_closing() {
                    return;
                }
            }
            room.await;
        }
    }

    /// Ends the connection after what waits: tells why in-band, if there is a word, since API Gateway cannot send close
    /// codes; then closes.
    pub(super) fn close(&self, word: Option<ClosingCode>, code: u16, reason: &str) {
        let word = word.map(|word| {
            metrics::counter!("labelcast_closed_total", "code" => word.as_str()).increment(1);
            let text = serde_json::to_vec(&word.frame()).expect("frames are plain data, which JSON can hold");
            frame::text(&text)
        });
        if self.outbound().close_with(word.into_iter().chain([frame::close(code, reason)])) {
            self.closing_since.store((self.now)(), Ordering::Relaxed);
            self.flush();
        }
    }

    /// Cuts off a slow reader: what it did not read is dropped, and it is told to come back (promise 5).
    pub(super) fn cut_off(&self) {
        metrics::counter!("labelcast_slow_consumers_total").increment(1);
        tracing::info!(connection = %self.id, "cut off a connection that does not read");
        self.outbound().drop_waiting();
        self.close(Some(ClosingCode::SlowConsumer), 1008, "slow consumer");
    }

    /// Ends it without further words.
    pub(super) fn kill(&self) {
        self.broken.store(true, Ordering::Release);
        self.room.notify_waiters();
        self.attention.notify_one();
    }

    /// Reads and writes until the socket ends. Messages are handled one after the other; writing goes on meanwhile.
    pub(super) async fn run<F>(&self, sent_already: Vec<u8>, handle: impl Fn(String) -> F) -> Ended
    where
        F: Future<Output = Option<Bytes>> + Send,
    {
        let mut reader = Reader::new(sent_already);
        let mut handling: Option<Pin<Box<F>>> = None;
        loop {
            if handling.is_none() {
                match self.next(&mut reader) {
                    Step::Message(text) => handling = Some(Box::pin(handle(text))),
                    Step::Nothing => {}
                    Step::Ended(ended) => return ended,
                }
            }
            if self.broken.load(Ordering::Acquire) {
                return Ended { code: 1006, reason: "Connection Closed Abnormally".to_owned() };
            }
            let blocked = self.blocked.load(Ordering::Acquire);
            // While a message is handled nothing is read: who sends faster than that waits.
            let interest = match (handling.is_none(), blocked) {
                (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
                (true, false) => Some(Interest::READABLE),
                (false, true) => Some(Interest::WRITABLE),
                (false, false) => None,
            };
            tokio::select! {
                answer = async { handling.as_mut().expect("polled only while handling").await }, if handling.is_some() => {
                    handling = None;
                    if let Some(answer) = answer {
                        let queued = self.queue(answer);
                        self.settle(queued);
                    }
                }
                ready = async { self.transport.ready(interest.expect("polled only with an interest")).await }, if interest.is_some() => {
                    match ready {
                        Ok(ready) => {
                            if ready.is_writable() && blocked {
                                self.flush();
                            }
                            if ready.is_readable() && handling.is_none() && let Err(ended) = self.fill(&mut reader) {
                                return ended;
                            }
                        }
                        Err(_) => self.kill(),
                    }
                }
                () = self.attention.notified() => {}
            }
        }
    }

    /// Reads what the stream has.
    fn fill(&self, reader: &mut Reader) -> Result<(), Ended> {
        let mut buffer = [0; 4096];
        match self.transport.try_read(&mut buffer) {
            Ok(0) => Err(Ended { code: 1006, reason: "Connection Closed Abnormally".to_owned() }),
            Ok(read) => {
                self.active_at.store((self.now)(), Ordering::Relaxed);
                reader.input.extend_from_slice(&buffer[..read]);
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(Ended { code: 1006, reason: "Connection Closed Abnormally".to_owned() }),
        }
    }

    /// The next message of what was read.
    fn next(&self, reader: &mut Reader) -> Step {
        let outcome = reader.next();
        // Pongs, and the answer to a close.
        let answers = std::mem::take(&mut reader.output);
        if !answers.is_empty() {
            let queued = self.queue(answers.into());
            self.settle(queued);
        }
        match outcome {
            Ok(Some(Message::Text(text))) => Step::Message(text.as_str().to_owned()),
            Ok(Some(Message::Binary(_))) => {
                self.close(None, 1003, "binary frames are not taken");
                Step::Nothing
            }
            Ok(Some(Message::Close(close))) => {
                let ours = self.closing_since.load(Ordering::Relaxed) != 0;
                self.outbound().close_with([]);
                Step::Ended(match close {
                    // Whoever began the close gave the code (RFC 6455, 7.1.5).
                    _ if ours => Ended { code: 1000, reason: "Connection Closed Normally".to_owned() },
                    Some(close) => Ended { code: close.code.into(), reason: close.reason.as_str().to_owned() },
                    None => Ended { code: 1005, reason: "Client-side close frame status not set".to_owned() },
                })
            }
            Ok(_) => Step::Nothing,
            Err(Error::Capacity(_)) => {
                self.close(None, 1009, "a frame may have 32 KiB, a message 128 KiB");
                Step::Nothing
            }
            Err(Error::Utf8(_)) => {
                self.close(None, 1007, "text frames must be UTF-8");
                Step::Nothing
            }
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                Step::Ended(Ended { code: 1006, reason: "Connection Closed Abnormally".to_owned() })
            }
            Err(_) => {
                self.close(None, 1002, "this is not the WebSocket protocol");
                Step::Nothing
            }
        }
    }
}

enum Step {
    Message(String),
    Nothing,
    Ended(Ended),
}

/// The protocol, fed with what was read.
struct Reader {
    context: WebSocketContext,
    input: Vec<u8>,
    output: Vec<u8>,
    failed: bool,
}

impl Reader {
    fn new(input: Vec<u8>) -> Self {
        // Small buffers: they are there for every idle connection.
        let config = WebSocketConfig::default()
            .read_buffer_size(256)
            .write_buffer_size(0)
            .max_frame_size(Some(limits::MAX_FRAME))
            .max_message_size(Some(limits::MAX_MESSAGE));
        Self { context: WebSocketContext::new(Role::Server, Some(config)), input, output: Vec::new(), failed: false }
    }

    /// `None` if more has to be read. After an error nothing is read any more: the close is on its way.
    fn next(&mut self) -> Result<Option<Message>, Error> {
        if self.failed {
            self.input.clear();
            return Ok(None);
        }
        let mut stream = Fed { input: &mut self.input, output: &mut self.output };
        match self.context.read(&mut stream) {
            Ok(message) => {
                // Queued pongs are written by a flush; the stream takes everything.
                let _ = self.context.flush(&mut stream);
                Ok(Some(message))
            }
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }
}

/// What was read, and what is to be written, as a stream.
struct Fed<'a> {
    input: &'a mut Vec<u8>,
    output: &'a mut Vec<u8>,
}

impl Read for Fed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.input.is_empty() {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        let read = buffer.len().min(self.input.len());
        buffer[..read].copy_from_slice(&self.input[..read]);
        self.input.drain(..read);
        if self.input.is_empty() {
            *self.input = Vec::new();
        }
        Ok(read)
    }
}

impl Write for Fed<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
