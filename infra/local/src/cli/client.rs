//! What the commands that talk to a server share.

use std::time::Duration;

use clap::Args;
use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Which server, and as whom.
#[derive(Args)]
pub(super) struct Target {
    /// The server: one machine's address, or a stage's URL on AWS
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// An ID token; `labelcast token USER` prints one for a local user
    #[arg(long, env = "LABELCAST_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
}

impl std::fmt::Debug for Target {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Where a server has what.
#[derive(Debug, Clone, Deserialize)]
struct Addresses {
    api: String,
    live: String,
}

/// A server to talk to.
#[derive(Clone)]
pub(super) struct Server {
    http: Client,
    addresses: Addresses,
    token: String,
}

impl Target {
    /// Looks up the server's addresses.
    pub(super) async fn server(self) -> Result<Server, Failure> {
        let token = self.token.ok_or("no token: give --token, or set LABELCAST_TOKEN=$(labelcast token USER)")?;
        let http = Client::builder().connect_timeout(Duration::from_secs(10)).build()?;
        let url = format!("{}/web/settings.json", self.url.trim_end_matches('/'));
        let answer = http.get(&url).timeout(Duration::from_secs(10)).send().await;
        let answer = answer.map_err(|error| format!("{} does not answer: {}", self.url, cause(&error)))?;
        let addresses = answer.error_for_status()?.json().await;
        let addresses = addresses.map_err(|_| format!("{} answers, but is no Labelcast", self.url))?;
        Ok(Server { http, addresses, token })
    }
}

/// The innermost reason, which says most.
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}

impl Server {
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.addresses.api)).bearer_auth(&self.token)
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.addresses.api)).bearer_auth(&self.token)
    }

    /// Another address, without the token: a form says itself what it allows.
    pub(super) fn post_form(&self, url: &str) -> RequestBuilder {
        self.http.post(url)
    }

    /// Opens a socket. The token goes in a header, never in the URL.
    pub(super) async fn connect(&self) -> Result<Live, ConnectError> {
        let later = |error: &dyn std::fmt::Display| ConnectError::Later(error.to_string());
        let mut request = self.addresses.live.as_str().into_client_request().map_err(|error| later(&error))?;
        let bearer = format!("Bearer {}", self.token).parse();
        request
            .headers_mut()
            .insert("authorization", bearer.map_err(|_| ConnectError::Refused("the token is none".to_owned()))?);
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Live(stream)),
            Err(Error::Http(answer)) if matches!(answer.status().as_u16(), 401 | 403) => {
                Err(ConnectError::Refused("the token is not accepted: it may have expired".to_owned()))
            }
            Err(error) => Err(later(&error)),
        }
    }
}

/// Why a socket did not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Later(String),
}

/// An open socket.
pub(super) struct Live(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Live {
    pub(super) async fn send(&mut self, frame: &Value) -> Result<(), Failure> {
        Ok(self.0.send(Message::text(frame.to_string())).await?)
    }

    /// The next frame; `None` when the socket ended.
    pub(super) async fn frame(&mut self) -> Option<Value> {
        while let Some(Ok(message)) = self.0.next().await {
            if let Message::Text(text) = message
                && let Ok(frame) = serde_json::from_str(&text)
            {
                return Some(frame);
            }
        }
        None
    }
}

/// Reads an answer; an error of the server becomes its own words.
pub(super) async fn answered<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
    let answer = request.timeout(Duration::from_mins(1)).send().await.map_err(|error| cause(&error))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.json().await?);
    }
    let body: Value = answer.json().await.unwrap_or(Value::Null);
    let words = body["error"]["message"].as_str().or_else(|| body["message"].as_str());
    Err(match (words, status) {
        (Some(words), _) => words.to_owned(),
        (None, StatusCode::UNAUTHORIZED) => "the token is not accepted".to_owned(),
        (None, status) => format!("the server answered {status}"),
    }
    .into())
}

/// `dog 98.2, grass 91`
pub(super) fn labels(image: &Value) -> String {
    let labels = image["labels"].as_array().map(Vec::as_slice).unwrap_or_default();
    let label = |label: &Value| format!("{} {}", label["name"].as_str().unwrap_or_default(), label["confidence"]);
    labels.iter().map(label).collect::<Vec<_>>().join(", ").replace(".0,", ",").trim_end_matches(".0").to_owned()
}
