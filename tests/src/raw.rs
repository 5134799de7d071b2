//! Requests byte for byte, as no client library would send them.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// 0 if the connection was closed without a word.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As far as it came.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The code of an error in our shape, if it is one.
    pub fn code(&self) -> Option<String> {
        let json = self.json();
        let error = json.get("error")?;
        let message = error.get("message")?.as_str()?;
        (!message.is_empty()).then(|| error.get("code")?.as_str().map(str::to_owned))?
    }

    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let header =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        Self { status: status.unwrap_or_default(), headers: lines.filter_map(header).collect(), body }
    }
}

/// Sends these bytes on a connection of their own, and reads one answer: to the end of its body, or of the connection.
pub async fn send(address: &str, bytes: &[u8]) -> Response {
    send_on(TcpStream::connect(address).await.expect("the server listens"), bytes).await
}

/// The same, on a connection that is open, an encrypted one for instance.
pub async fn send_on(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Response {
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut received = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(read) = stream.read(&mut buffer).await {
            received.extend_from_slice(&buffer[..read]);
            let response = Response::read(&received);
            let length = response.header("content-length").and_then(|length| length.parse().ok());
            let bodiless = bytes.starts_with(b"HEAD") || matches!(response.status, 101 | 204 | 304);
            let whole = received.windows(4).any(|four| four == b"\r\n\r\n")
                && (bodiless || length.is_some_and(|length: usize| response.body.len() >= length));
            if read == 0 || whole {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), read).await.expect("an answer, or the end");
    Response::read(&received)
}

/// A `GET` with these further header lines, each with its line end.
pub async fn get(address: &str, target: &str, headers: &str) -> Response {
    send(address, format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n").as_bytes()).await
}
