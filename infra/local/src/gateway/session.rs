//! The task of one socket: reads, has messages handled one after the other, and writes what a pusher could not.

use std::pin::Pin;

use bytes::Bytes;
use tokio::io::Interest;

use super::protocol::{Incoming, Reader};
use super::socket::{Ended, Socket};

/// Reads and writes until the socket ends. While a message is handled, pings are responded to, and at most one message more
/// is read: who sends faster than that waits. Nothing is read either while too much waits to be written: who does not
/// read is not responded to without end.
pub(super) async fn run<F>(socket: &Socket, sent_already: Bytes, handle: impl Fn(String) -> F) -> Ended
where
    F: Future<Output = Option<Bytes>> + Send,
{
    let reader = Reader::new(&sent_already);
    let mut session = Session { socket, reader, waiting: None, left: false, violated: false, shut: false };
    let mut handling: Option<Pin<Box<F>>> = None;
    loop {
        session.read_messages();
        if handling.is_none()
            && let Some(text) = session.waiting.take()
        {
            handling = Some(Box::pin(handle(text)));
            continue;
        }
        if socket.is_broken() || session.is_over() {
            return socket.ended();
        }
        let interest = session.interest();
        tokio::select! {
            response = async { handling.as_mut().expect("polled only while handling").await }, if handling.is_some() => {
                handling = None;
                if let Some(response) = response {
                    let queued = socket.queue(response);
                    socket.after_queueing(queued);
                }
            }
            ready = async { socket.transport.ready(interest.expect("polled only with an interest")).await }, if interest.is_some() => {
                match ready {
                    Ok(ready) => {
                        if ready.is_writable() && socket.outbound().is_blocked() {
                            socket.flush();
                        }
                        if ready.is_readable() {
                            session.fill();
                        }
                    }
                    Err(_) => socket.kill(),
                }
            }
            () = socket.attention.notified() => {}
        }
    }
}

struct Session<'a> {
    socket: &'a Socket,
    reader: Reader,
    /// A message that was read and is not handled yet.
    waiting: Option<String>,
    /// The peer closed: there is nothing more to read.
    left: bool,
    /// The peer did what it may not: what it sends is not understood any more.
    violated: bool,
    /// Our side of the stream is closed, so that the peer sees its end.
    shut: bool,
}

impl Session<'_> {
    /// Takes what was read apart, up to the next message.
    fn read_messages(&mut self) {
        while self.waiting.is_none() && self.may_read() {
            let incoming = self.reader.next();
            if let Some(responses) = self.reader.responses() {
                let queued = self.socket.queue(responses);
                self.socket.after_queueing(queued);
            }
            match incoming {
                None => return,
                Some(Incoming::Pong) => {}
                Some(Incoming::Ping) => self.socket.mark_active(),
                // Who is being sent away is not listened to any more.
                Some(Incoming::Text(_)) if self.socket.is_closing() => {}
                Some(Incoming::Text(text)) => {
                    self.socket.mark_active();
                    self.waiting = Some(text);
                }
                Some(Incoming::Close(close)) => {
                    self.left = true;
                    let ended = match close {
                        Some((code, reason)) => Ended { code, reason },
                        None => Ended::new(1005, "Client-side close frame status not set"),
                    };
                    self.socket.end(ended, []);
                }
                Some(Incoming::Violation { code, reason }) => {
                    self.violated = true;
                    self.socket.close(None, code, reason);
                }
            }
        }
    }

    fn may_read(&self) -> bool {
        let outbound = self.socket.outbound();
        outbound.has_room() || outbound.is_closing()
    }

    /// Whether both sides have said goodbye and nothing waits.
    fn is_over(&mut self) -> bool {
        let said_goodbye = {
            let outbound = self.socket.outbound();
            outbound.is_closing() && outbound.is_empty()
        };
        if said_goodbye && self.violated && !self.shut {
            // Its response cannot be distinguished from the rest. And what it still sends must not reset the stream before
            // it has read our close: so it is read until the peer ends, which it does when it sees our end.
            self.shut = true;
            self.socket.transport.shut_down();
        }
        said_goodbye && self.left
    }

    fn interest(&self) -> Option<Interest> {
        let reads = self.waiting.is_none() && !self.left && self.may_read();
        match (reads, self.socket.outbound().is_blocked()) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }

    /// Reads what the stream has.
    fn fill(&mut self) {
        let mut buffer = [0; 4096];
        match self.socket.transport.try_read(&mut buffer) {
            Ok(0) => {
                self.left = true;
                self.socket.kill();
            }
            Ok(read) => {
                self.socket.mark_heard();
                self.reader.feed(&buffer[..read]);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => self.socket.kill(),
        }
    }
}
