//! A client's socket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// What should come comes within this, or the test fails.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An open socket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens one, with the token as browsers send it.
    pub async fn open(address: &str, token: &str) -> Result<Self, Error> {
        let mut request = format!("ws://{address}/live").into_client_request()?;
        let offered = format!("labelcast.v1, bearer.{token}").parse().expect("a token fits into a header");
        request.headers_mut().insert("sec-websocket-protocol", offered);
        let (stream, response) = connect_async(request).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "labelcast.v1");
        Ok(Self(stream))
    }

    /// Opens one at any URL, with the token as programs send it.
    pub async fn open_with_bearer(url: &str, token: &str) -> Result<Self, Error> {
        let mut request = url.into_client_request()?;
        let bearer = format!("Bearer {token}").parse().expect("a token fits into a header");
        request.headers_mut().insert("authorization", bearer);
        connect_async(request).await.map(|(stream, _)| Self(stream))
    }

    /// Sends a text as it is.
    pub async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.expect("the socket is open");
    }

    /// Sends any message.
    pub async fn send_message(&mut self, message: Message) {
        self.0.send(message).await.expect("the socket is open");
    }

    /// The next message, whatever it is.
    pub async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(TIMEOUT, self.0.next()).await.expect("something should have come");
        next.and_then(Result::ok)
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Value {
        loop {
            match self.next().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).expect("JSON"),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("a frame should have come, not {other:?}"),
            }
        }
    }

    /// Whether it ends next, rather than saying more.
    pub async fn ends(&mut self) -> bool {
        matches!(self.next().await, None | Some(Message::Close(_)))
    }

    /// Sends a request and answers the frame that answers it, with the notifications that came before.
    pub async fn ask(&mut self, request: Value) -> (Vec<Value>, Value) {
        self.send(request.to_string()).await;
        let mut before = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame["type"] != "notification" {
                return (before, frame);
            }
            before.push(frame);
        }
    }

    /// Subscribes without a past.
    pub async fn subscribe(&mut self, topics: &[&str]) -> Value {
        let (_, response) = self.ask(json!({"action": "subscribe", "topics": topics, "ref": "s"})).await;
        assert_eq!(response["type"], "subscribed", "{response}");
        response
    }

    /// The next notification of an event; others are passed over.
    pub async fn notification(&mut self, event: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["event"] == event {
                return frame;
            }
        }
    }
}
