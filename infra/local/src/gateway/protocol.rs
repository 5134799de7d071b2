//! The WebSocket protocol as a reader of bytes: what was read goes in, messages and responses (pongs, closes) come out.

use std::io::{self, Read, Write};

use bytes::Bytes;
use labelcast_functions::limits::{FRAME_BYTES, MESSAGE_BYTES};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

/// A message or control frame that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A text message.
    Text(String),
    /// A ping; its response is in [`Reader::responses`].
    Ping,
    /// A pong.
    Pong,
    /// The peer closes, with this code and reason; its response is in [`Reader::responses`].
    Close(Option<(u16, String)>),
    /// The peer may not do that: close with this code. Nothing is read any more.
    Violation {
        /// As RFC 6455, 7.4.1, and API Gateway have it.
        code: u16,
        /// The reason in the close frame.
        reason: &'static str,
    },
}

/// The protocol, fed with what was read.
pub(super) struct Reader {
    context: WebSocketContext,
    stream: Fed,
    failed: bool,
}

impl Reader {
    /// With what came behind the handshake already.
    pub(super) fn new(input: &[u8]) -> Self {
        // Small buffers: they are there for every idle connection.
        let config = WebSocketConfig::default()
            .read_buffer_size(256)
            .write_buffer_size(0)
            .max_frame_size(Some(FRAME_BYTES))
            .max_message_size(Some(MESSAGE_BYTES));
        let context = WebSocketContext::new(Role::Server, Some(config));
        Self { context, stream: Fed { input: input.to_vec(), read: 0, output: Vec::new() }, failed: false }
    }

    /// Takes what was read from the socket. After a violation it is thrown away.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if !self.failed {
            self.stream.input.extend_from_slice(bytes);
        }
    }

    /// Frames to send, in the order of what they respond to.
    pub(super) fn responses(&mut self) -> Option<Bytes> {
        let responses = std::mem::take(&mut self.stream.output);
        (!responses.is_empty()).then(|| responses.into())
    }

    /// The next of what was fed. `None` if more has to be read.
    pub(super) fn next(&mut self) -> Option<Incoming> {
        if self.failed {
            return None;
        }
        let message = self.context.read(&mut self.stream);
        // Pongs are queued within; the stream takes everything, so an error only says that a close was responded to.
        let _ = self.context.flush(&mut self.stream);
        let incoming = match message {
            Ok(Message::Text(text)) => Incoming::Text(text.as_str().to_owned()),
            Ok(Message::Close(close)) => {
                self.failed = true;
                return Some(Incoming::Close(close.map(|close| (close.code.into(), close.reason.as_str().to_owned()))));
            }
            Ok(Message::Binary(_)) => violation(1003, "binary frames are not supported"),
            Ok(Message::Ping(_)) => Incoming::Ping,
            Ok(_) => Incoming::Pong,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(Error::Capacity(_)) => {
                violation(1009, "message too large (limit 32 KiB per frame, 128 KiB per message)")
            }
            Err(Error::Utf8(_)) => violation(1007, "text frames must be UTF-8"),
            Err(_) => violation(1002, "WebSocket protocol error"),
        };
        if matches!(incoming, Incoming::Violation { .. }) {
            self.failed = true;
            self.stream.input = Vec::new();
        }
        Some(incoming)
    }
}

fn violation(code: u16, reason: &'static str) -> Incoming {
    Incoming::Violation { code, reason }
}

/// What was read, and what is to be written, as a stream.
struct Fed {
    input: Vec<u8>,
    /// How much of the input is used up.
    read: usize,
    output: Vec<u8>,
}

impl Read for Fed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.input[self.read..];
        if left.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = buffer.len().min(left.len());
        buffer[..read].copy_from_slice(&left[..read]);
        self.read += read;
        if self.read == self.input.len() {
            // Given back: between messages a connection holds nothing.
            self.input = Vec::new();
            self.read = 0;
        }
        Ok(read)
    }
}

impl Write for Fed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A client's frame, masked with zeros.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match u16::try_from(payload.len()) {
            Ok(short) if short < 126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            Ok(medium) => {
                frame.push(0xfe);
                frame.extend(medium.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 | 127);
                frame.extend((payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    }

    fn read(bytes: &[u8]) -> (Vec<Incoming>, Reader) {
        let mut reader = Reader::new(&[]);
        reader.feed(bytes);
        let all = std::iter::from_fn(|| reader.next()).collect();
        (all, reader)
    }

    fn code(bytes: &[u8]) -> Option<u16> {
        match read(bytes).0.pop() {
            Some(Incoming::Violation { code, .. }) => Some(code),
            _ => None,
        }
    }

    #[test]
    fn all_frames_of_one_read_are_parsed() {
        let bytes = [frame(0x89, b"you?"), frame(0x81, b"one"), frame(0x8a, b""), frame(0x81, b"two")].concat();
        let (all, mut reader) = read(&bytes);
        let text = |text: &str| Incoming::Text(text.to_owned());
        assert_eq!(all, [Incoming::Ping, text("one"), Incoming::Pong, text("two")]);
        assert_eq!(reader.responses().as_deref(), Some(&b"\x8a\x04you?"[..]), "the ping was answered");
    }

    #[test]
    fn a_ping_may_arrive_between_fragments_of_a_message() {
        let bytes = [frame(0x01, b"he"), frame(0x89, b""), frame(0x80, b"llo")].concat();
        assert_eq!(read(&bytes).0, [Incoming::Ping, Incoming::Text("hello".to_owned())]);
    }

    #[test]
    fn a_violation_closes_with_the_code_from_the_rfc() {
        assert_eq!(code(&frame(0x82, b"binary")), Some(1003));
        assert_eq!(code(&frame(0x81, &vec![b'x'; FRAME_BYTES + 1])), Some(1009));
        assert_eq!(code(&frame(0x81, b"\xff")), Some(1007));
        assert_eq!(code(&frame(0x83, b"reserved")), Some(1002));
        assert_eq!(code(&frame(0xc1, b"rsv")), Some(1002));
        assert_eq!(code(b"\x81\x02hi"), Some(1002), "not masked");
        assert_eq!(code(&frame(0x80, b"continues nothing")), Some(1002));
    }

    #[test]
    fn a_message_may_have_128_kib_in_frames_of_32_kib() {
        let part = vec![b'x'; FRAME_BYTES];
        let all = |last: &[u8]| {
            let parts = [frame(0x01, &part), frame(0x00, &part), frame(0x00, &part), frame(0x00, &part)];
            [parts.concat(), frame(0x80, last)].concat()
        };
        assert!(matches!(&read(&all(b"")).0[..], [Incoming::Text(text)] if text.len() == MESSAGE_BYTES));
        assert_eq!(code(&all(b"x")), Some(1009));
    }

    #[test]
    fn a_close_is_echoed_with_its_code_and_nothing_after_it_is_read() {
        let (all, mut reader) = read(&[frame(0x88, b"\x0f\xa0bye"), frame(0x81, b"late")].concat());
        assert_eq!(all, [Incoming::Close(Some((4000, "bye".to_owned())))]);
        assert_eq!(reader.responses().as_deref(), Some(&b"\x88\x05\x0f\xa0bye"[..]));
        assert_eq!(read(&frame(0x88, b"")).0, [Incoming::Close(None)]);
    }

    proptest! {
        #[test]
        fn no_input_causes_a_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut reader = Reader::new(&[]);
            for piece in pieces {
                reader.feed(&piece);
                while reader.next().is_some() {}
                reader.responses();
            }
        }

        #[test]
        fn messages_do_not_depend_on_how_their_bytes_are_split(
            texts in prop::collection::vec("\\PC{0,300}", 1..8),
            cut in 1..600_usize,
        ) {
            let bytes: Vec<u8> = texts.iter().flat_map(|text| frame(0x81, text.as_bytes())).collect();
            let mut reader = Reader::new(&[]);
            let mut all = Vec::new();
            for piece in bytes.chunks(cut) {
                reader.feed(piece);
                all.extend(std::iter::from_fn(|| reader.next()));
            }
            let expected: Vec<Incoming> = texts.into_iter().map(Incoming::Text).collect();
            prop_assert_eq!(all, expected);
        }
    }
}
