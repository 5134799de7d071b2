//! The client's WebSocket: pings, token renewal, and errors.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use labelcast_functions::protocol::{ClientFrame, Refresh, ServerFrame};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Service;
use super::credentials::Credentials;
use super::oauth::OauthError;
use crate::cli::arguments::Token;
use crate::cli::output;

/// Ping interval: well within API Gateway's idle timeout of ten minutes, and short enough to notice a dead connection.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Number of pings without any response after which the connection counts as dead.
const MAX_UNANSWERED: u32 = 2;
/// Delay before a failed renewal is retried, and the minimum between renewals.
const RENEWAL_RETRY: Duration = Duration::from_secs(5);
/// Timeout for connecting and for sending.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum length shown of an unknown error or close reason, in characters.
const MAX_MESSAGE_LEN: usize = 1_000;

/// Why there is no connection.
#[derive(Debug)]
pub(in crate::cli) enum ConnectError {
    /// A permanent failure: retrying is useless.
    Refused(String),
    /// A temporary failure.
    Unreachable(String),
}

/// A parsed frame, with its original text.
#[derive(Debug)]
pub(in crate::cli) struct Incoming {
    pub(in crate::cli) frame: ServerFrame,
    pub(in crate::cli) text: String,
}

/// An open connection.
pub(in crate::cli) struct Socket<S = MaybeTlsStream<TcpStream>> {
    stream: WebSocketStream<S>,
    pings: Interval,
    unanswered: u32,
    renewal: Option<Renewal>,
}

/// When an open connection gets a new token, and from where.
struct Renewal {
    credentials: Credentials,
    at: Instant,
}

impl Renewal {
    /// `None` for a token that cannot be renewed: then the connection ends with it.
    async fn of(credentials: &Credentials) -> Option<Self> {
        let wait = credentials.renew_in().await?.max(RENEWAL_RETRY);
        Some(Self { credentials: credentials.clone(), at: Instant::now() + wait })
    }
}

impl From<OauthError> for ConnectError {
    fn from(error: OauthError) -> Self {
        match error {
            OauthError::Ended(why) => Self::Refused(why),
            OauthError::Unavailable(why) => Self::Unreachable(why),
        }
    }
}

impl Socket {
    /// Connects as a user, retrying with another token if the server refuses the first.
    pub(in crate::cli) async fn connect(service: &Service) -> Result<Self, ConnectError> {
        let token = service.credentials.token().await?;
        let stream = match Self::handshake(service, &token).await {
            Err(Handshake::Unauthorized) => match service.credentials.instead_of(&token).await? {
                Some(other) => Self::handshake(service, &other).await,
                None => Err(Handshake::Unauthorized),
            },
            other => other,
        };
        let mut socket = Self::over(stream.map_err(ConnectError::from)?);
        socket.renewal = Renewal::of(&service.credentials).await;
        Ok(socket)
    }

    async fn handshake(
        service: &Service,
        token: &Token,
    ) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Handshake> {
        // Whoever was first in this process has installed the same.
        let _ = aws_lc_rs::default_provider().install_default();
        let refused = |error: tungstenite::Error| Handshake::Failed(ConnectError::Refused(error.to_string()));
        let mut request = service.live.as_str().into_client_request().map_err(refused)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.as_str())).map_err(|_| {
            Handshake::Failed(ConnectError::Refused("the token contains invalid characters".to_owned()))
        })?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        let unreachable = |why: String| {
            Handshake::Failed(ConnectError::Unreachable(format!("Cannot connect to {} ({why})", service.live)))
        };
        match timeout(TIMEOUT, connect_async(request)).await {
            Err(_) => Err(unreachable("timed out".to_owned())),
            Ok(Err(tungstenite::Error::Http(response))) => Err(refusal(response.status())),
            Ok(Err(error)) => Err(unreachable(error.to_string())),
            Ok(Ok((stream, _))) => Ok(stream),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    fn over(stream: WebSocketStream<S>) -> Self {
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { stream, pings, unanswered: 0, renewal: None }
    }

    /// Sends a frame; the error explains how the connection was lost.
    pub(in crate::cli) async fn send(&mut self, frame: &ClientFrame) -> Result<(), String> {
        let text = serde_json::to_string(frame).expect("a frame is plain data, which JSON can hold");
        match timeout(TIMEOUT, self.stream.send(Message::text(text))).await {
            Ok(sent) => sent.map_err(|error| format!("the connection was lost: {error}")),
            Err(_) => Err("the connection was lost: the server stopped receiving".to_owned()),
        }
    }

    /// Renews the token and sends it. A temporary failure is retried; after a permanent one the connection ends with its
    /// current token.
    async fn show_new_token(&mut self) -> Result<(), String> {
        let Some(renewal) = self.renewal.take() else { return Ok(()) };
        match renewal.credentials.token().await {
            Ok(token) => {
                self.renewal = Renewal::of(&renewal.credentials).await;
                let refresh = Refresh { token: token.as_str().to_owned(), reference: None };
                self.send(&ClientFrame::Refresh(refresh)).await
            }
            Err(OauthError::Unavailable(why)) => {
                output::message(&format!("the token could not be renewed: {why}; retrying"));
                self.renewal = Some(Renewal { at: Instant::now() + RENEWAL_RETRY, ..renewal });
                Ok(())
            }
            Err(OauthError::Ended(why)) => {
                output::message(&why);
                Ok(())
            }
        }
    }

    /// The next frame; the error explains how the connection was lost.
    pub(in crate::cli) async fn next(&mut self) -> Result<Incoming, String> {
        loop {
            let renew_at = self.renewal.as_ref().map(|renewal| renewal.at);
            tokio::select! {
                message = self.stream.next() => {
                    self.unanswered = 0;
                    match message {
                        Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                            Ok(frame) => return Ok(Incoming { frame, text: text.to_string() }),
                            Err(error) => unreadable(&text, &error)?,
                        },
                        Some(Ok(Message::Close(Some(close)))) if !close.reason.is_empty() => {
                            return Err(format!("the server closed the connection: {}", close.reason));
                        }
                        Some(Ok(Message::Close(_))) | None => return Err("the server closed the connection".to_owned()),
                        // Answered by the library.
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return Err(format!("the connection was lost: {error}")),
                    }
                }
                _ = self.pings.tick() => {
                    if self.unanswered == MAX_UNANSWERED {
                        return Err("the connection was lost: the server went silent".to_owned());
                    }
                    self.unanswered += 1;
                    self.send(&ClientFrame::Ping { reference: None }).await?;
                }
                () = sleep_until(renew_at.unwrap_or_else(Instant::now)), if renew_at.is_some() => {
                    self.show_new_token().await?;
                }
            }
        }
    }
}

/// Reports a frame from a newer server. An unknown error response closes the connection, because waiting for anything else
/// would take forever.
fn unreadable(text: &str, error: &serde_json::Error) -> Result<(), String> {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    if matches!(frame["type"].as_str(), Some("error" | "closing")) {
        let message = frame["message"].as_str().unwrap_or("the server gave no reason");
        return Err(message.chars().take(MAX_MESSAGE_LEN).collect());
    }
    output::message(&format!("ignored a message that this version does not understand: {error}"));
    Ok(())
}

/// Why a handshake failed.
enum Handshake {
    /// The token was not accepted.
    Unauthorized,
    /// Anything else.
    Failed(ConnectError),
}

impl From<Handshake> for ConnectError {
    fn from(handshake: Handshake) -> Self {
        match handshake {
            Handshake::Unauthorized => Self::Refused(
                "the token was not accepted (401); it may have expired. Sign in with `labelcast login`, or pass a new one \
                 with --token"
                    .to_owned(),
            ),
            Handshake::Failed(error) => error,
        }
    }
}

/// Interprets a response other than a switch to WebSocket.
fn refusal(status: StatusCode) -> Handshake {
    let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    match status {
        StatusCode::UNAUTHORIZED => Handshake::Unauthorized,
        _ if passing => Handshake::Failed(ConnectError::Unreachable(format!(
            "the server is not accepting connections right now ({status})"
        ))),
        _ => Handshake::Failed(ConnectError::Refused(format!("the server refused the connection ({status})"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{DuplexStream, duplex};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    /// Both ends of a connection in memory, so that time can be set forward while nothing happens on it.
    async fn connected() -> (Socket<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (ours, theirs) = duplex(64 << 10);
        let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        (Socket::over(WebSocketStream::from_raw_socket(ours, Role::Client, None).await), server)
    }

    #[test]
    fn permanent_errors_are_not_retried() {
        for (status, mends) in [(401, false), (403, false), (404, false), (429, true), (500, true), (503, true)] {
            let error = ConnectError::from(refusal(StatusCode::from_u16(status).unwrap()));
            assert_eq!(matches!(error, ConnectError::Unreachable(_)), mends, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_lost_after_two_pings() {
        let (mut socket, mut server) = connected().await;
        let begun = Instant::now();
        let lost = socket.next().await.unwrap_err();
        assert!(lost.contains("silent"), "{lost}");
        assert_eq!(begun.elapsed(), PING_EVERY * (MAX_UNANSWERED + 1));
        for _ in 0..MAX_UNANSWERED {
            let ping = server.next().await.unwrap().unwrap().into_text().unwrap();
            assert_eq!(serde_json::from_str::<Value>(&ping).unwrap(), json!({"action": "ping"}));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_that_answers_pings_stays_open() {
        let (mut socket, mut server) = connected().await;
        let pong = json!({"type": "pong", "connection_id": "c"}).to_string();
        tokio::spawn(async move {
            for _ in 0..100 {
                server.next().await.unwrap().unwrap();
                server.send(Message::text(pong.clone())).await.unwrap();
            }
        });
        for _ in 0..100 {
            assert!(matches!(socket.next().await.unwrap().frame, ServerFrame::Pong { .. }));
        }
    }

    #[tokio::test]
    async fn an_unknown_error_closes_the_connection_with_its_message_and_other_unknown_frames_do_not() {
        let (mut socket, mut server) = connected().await;
        for frame in [json!({"type": "news"}), json!({"type": "error", "code": "new", "message": "not today"})] {
            server.send(Message::text(frame.to_string())).await.unwrap();
        }
        assert_eq!(socket.next().await.unwrap_err(), "not today");
    }
}
