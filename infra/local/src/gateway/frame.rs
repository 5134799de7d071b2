//! Frames as they go over the wire, from the server: never masked (RFC 6455, 5.1).

use bytes::{BufMut, Bytes, BytesMut};

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// A ping without a payload.
pub(super) const fn ping() -> Bytes {
    Bytes::from_static(&[PING, 0])
}

/// Encodes a text frame.
pub(super) fn text(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(TEXT);
    match payload.len() {
        short @ 0..=125 => frame.put_u8(u8::try_from(short).unwrap_or(125)),
        medium @ 126..=65_535 => {
            frame.put_u8(126);
            frame.put_u16(u16::try_from(medium).unwrap_or(u16::MAX));
        }
        long => {
            frame.put_u8(127);
            frame.put_u64(long as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}

/// A close frame. The reason is ours and short: a control frame holds 125 bytes.
pub(super) fn close(code: u16, reason: &str) -> Bytes {
    let reason = &reason.as_bytes()[..reason.len().min(123)];
    let mut frame = BytesMut::with_capacity(reason.len() + 4);
    frame.put_u8(CLOSE);
    frame.put_u8(u8::try_from(reason.len() + 2).unwrap_or(125));
    frame.put_u16(code);
    frame.put_slice(reason);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_encoded_as_rfc_6455_specifies() {
        assert_eq!(&text(b"hi")[..], [0x81, 2, b'h', b'i']);
        assert_eq!(text(&[b'x'; 126])[..4], [0x81, 126, 0, 126]);
        assert_eq!(text(&vec![b'x'; 65_536])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
