//! A stream under hyper. What hyper cannot read as HTTP it responds to itself, with a bare status (400, 414, 431): this
//! puts our kind of body to it.

use std::fmt::Write as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use labelcast_functions::rest::{ErrorBody, add_safe_headers};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::stall::Stall;

/// What a refused client still sends is read for this long, and as far as this: closing at once would reset the connection,
/// and the response would be lost.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 512 << 10;
/// Longer than any bare response of hyper.
const MAX_BARE: usize = 256;

/// A stream that explains what hyper refuses.
pub struct Explained<T> {
    stream: T,
    is_https: bool,
    /// What is written in place of what hyper has written.
    replacement: Option<Replacement>,
    lingering: Option<Lingering>,
    stall: Stall,
}

struct Replacement {
    bytes: Vec<u8>,
    sent: usize,
    stands_for: usize,
}

struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

impl<T> Explained<T> {
    /// Writes that get nowhere for so long fail.
    pub(super) fn new(stream: T, is_https: bool, timeout: Duration) -> Self {
        Self { stream, is_https, replacement: None, lingering: None, stall: Stall::after(timeout) }
    }

    /// Unwraps the stream.
    pub fn into_inner(self) -> T {
        self.stream
    }
}

/// A complete response, for where there is no router: it closes the connection.
pub(super) fn response(
    status: StatusCode,
    code: &'static str,
    message: &str,
    retry_after: Option<u32>,
    is_https: bool,
) -> Vec<u8> {
    let body = serde_json::to_vec(&ErrorBody::new(code, message)).unwrap_or_default();
    let mut headers = HeaderMap::new();
    add_safe_headers(&mut headers, is_https);
    let mut head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in &headers {
        // A String takes what is written.
        let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    if let Some(seconds) = retry_after {
        let _ = write!(head, "retry-after: {seconds}\r\n");
    }
    head.push_str("\r\n");
    [head.into_bytes(), body].concat()
}

/// Our response in place of a bare one of hyper's; every response of ours has a header that hyper's have not.
fn explained(written: &[u8], is_https: bool) -> Option<Vec<u8>> {
    if written.len() > MAX_BARE || !written.starts_with(b"HTTP/1.") || !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let text = std::str::from_utf8(written).ok()?;
    if !text.contains("\r\ncontent-length: 0\r\n") || text.contains("x-content-type-options") {
        return None;
    }
    let (status, code, message) = match text.get(9..12)? {
        "400" => (StatusCode::BAD_REQUEST, "bad_request", "not a valid HTTP/1.1 request"),
        "414" => (StatusCode::URI_TOO_LONG, "uri_too_long", "URL too long"),
        "431" => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "URL and headers too large"),
        _ => return None,
    };
    Some(response(status, code, message, None, is_https))
}

impl<T: AsyncRead + Unpin> AsyncRead for Explained<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Explained<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.replacement.is_none()
            && let Some(bytes) = explained(buffer, this.is_https)
        {
            this.replacement = Some(Replacement { bytes, sent: 0, stands_for: buffer.len() });
        }
        let Some(replacement) = &mut this.replacement else {
            let written = Pin::new(&mut this.stream).poll_write(context, buffer);
            return this.stall.check(context, written);
        };
        while replacement.sent < replacement.bytes.len() {
            let rest = &replacement.bytes[replacement.sent..];
            match ready!(Pin::new(&mut this.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => replacement.sent += sent,
            }
        }
        let stands_for = replacement.stands_for;
        this.replacement = None;
        this.lingering = Some(Lingering { until: Box::pin(sleep(LINGER)), left: LINGER_BYTES });
        Poll::Ready(Ok(stands_for))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = buffers.iter().filter(|buffer| !buffer.is_empty());
        match (filled.next(), filled.next()) {
            (Some(one), None) => self.poll_write(context, one),
            _ => {
                let this = self.get_mut();
                let written = Pin::new(&mut this.stream).poll_write_vectored(context, buffers);
                this.stall.check(context, written)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        let Some(lingering) = &mut this.lingering else { return Poll::Ready(Ok(())) };
        let mut scratch = [0; 8 << 10];
        while lingering.left > 0 && lingering.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            lingering.left = lingering.left.saturating_sub(buffer.filled().len());
        }
        this.lingering = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_unread_response_is_dropped_and_a_slow_reader_gets_all_of_it() {
        let timeout = Duration::from_secs(30);
        let (ours, mut theirs) = tokio::io::duplex(1_000);
        let mut stream = Explained::new(ours, false, timeout);
        let writing = tokio::spawn(async move { stream.write_all(&[b'x'; 5_000]).await.map(|()| stream) });
        let mut read = [0; 1_000];
        for _ in 0..4 {
            tokio::time::sleep(timeout.mul_f64(0.9)).await;
            theirs.read_exact(&mut read).await.unwrap();
        }
        let mut stream = writing.await.unwrap().unwrap();
        let begun = tokio::time::Instant::now();
        let error = stream.write_all(&[b'x'; 5_000]).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed().as_secs()), (io::ErrorKind::TimedOut, 30));
    }

    #[test]
    fn only_hypers_bare_responses_are_replaced() {
        let bare =
            "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let replaced = String::from_utf8(explained(bare.as_bytes(), true).unwrap()).unwrap();
        assert!(replaced.starts_with("HTTP/1.1 431 ") && replaced.contains("nosniff") && replaced.contains("max-age"));
        assert!(replaced.ends_with("}}") && replaced.contains("\"code\":\"headers_too_large\""), "{replaced}");
        for other in [
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-content-type-options: nosniff\r\n\r\n",
            "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 1\r\n\r\nx",
        ] {
            assert!(explained(other.as_bytes(), false).is_none(), "{other}");
        }
    }
}
