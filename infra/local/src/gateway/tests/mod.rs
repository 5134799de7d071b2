//! The gateway with real sockets, in one process, in front of routes that are made for these tests.

mod closing;
mod delivery;
mod handshake;
#[cfg(target_os = "linux")]
mod kernel;
mod liveness;
mod management;
mod messages;
mod routes;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::routing::get;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use labelcast_functions::model::ConnectionId;
use labelcast_functions::ports::{Clock, Random};
use rand::Rng;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tower::ServiceExt;

use super::{Ended, Gateway, SignatureCheck};
use routes::{Happened, TestRoutes};

/// A clock that stands still until it is set: the wall clock and the monotonic one, each by itself.
struct TestClock(Mutex<(DateTime<Utc>, Duration)>);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.lock().unwrap().0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

fn clock() -> Arc<TestClock> {
    let now = DateTime::from_timestamp_millis(1_795_168_800_000).unwrap();
    Arc::new(TestClock(Mutex::new((now, Duration::ZERO))))
}

/// A gateway that no server leads to.
pub(super) fn gateway() -> Gateway {
    Gateway::new(clock(), Arc::new(SystemRandom))
}

/// A gateway behind a server.
struct House {
    gateway: Gateway,
    routes: Arc<TestRoutes>,
    happened: UnboundedReceiver<Happened>,
    clock: Arc<TestClock>,
    address: SocketAddr,
}

/// An open client.
struct Client {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    id: ConnectionId,
}

/// Nothing here waits for long; what does is a failure and not a test that hangs.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), what).await.expect("it happens soon")
}

impl House {
    async fn open() -> Self {
        let clock = clock();
        let gateway = Gateway::new(clock.clone(), Arc::new(SystemRandom));
        let (happening, happened) = tokio::sync::mpsc::unbounded_channel();
        let routes = Arc::new(TestRoutes::new(gateway.clone(), happening));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router(&gateway, &routes)));
        Self { gateway, routes, happened, clock, address }
    }

    /// Lets a client in.
    async fn client(&mut self) -> Client {
        self.client_with(&[]).await.unwrap()
    }

    async fn client_with(&mut self, headers: &[(&'static str, &'static str)]) -> Result<Client, Error> {
        let (stream, _) = soon(Box::pin(tokio_tungstenite::connect_async(self.request(headers)))).await?;
        loop {
            if let Happened::Connected(connection) = self.next().await {
                return Ok(Client { stream, id: connection.id });
            }
        }
    }

    fn request(&self, headers: &[(&'static str, &'static str)]) -> tungstenite::handshake::client::Request {
        let mut request = format!("ws://{}/live", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        request
    }

    /// The status that a handshake is refused with.
    async fn refusal(&mut self, headers: &[(&'static str, &'static str)]) -> u16 {
        match soon(Box::pin(tokio_tungstenite::connect_async(self.request(headers)))).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            Ok(_) => panic!("it was let in"),
            Err(error) => panic!("it was not answered: {error}"),
        }
    }

    async fn next(&mut self) -> Happened {
        soon(self.happened.recv()).await.expect("the routes live as long as the house")
    }

    /// Code and reason of the next `$disconnect`.
    async fn disconnected(&mut self) -> (u16, String) {
        loop {
            if let Happened::Disconnected(Ended { code, reason }) = self.next().await {
                return (code, reason);
            }
        }
    }

    fn pass(&self, time: TimeDelta) {
        {
            let (wall, monotonic) = &mut *self.clock.0.lock().unwrap();
            *wall += time;
            *monotonic += time.to_std().unwrap();
        }
        self.gateway.reap();
    }

    /// Somebody sets the clock on the wall.
    fn step(&self, step: TimeDelta) {
        self.clock.0.lock().unwrap().0 += step;
        self.gateway.reap();
    }
}

fn router(gateway: &Gateway, routes: &Arc<TestRoutes>) -> Router {
    let check: SignatureCheck = Arc::new(|parts, _| parts.headers.contains_key("x-signed"));
    let management = super::management_router(gateway.clone(), check);
    let (gateway, routes) = (gateway.clone(), routes.clone());
    let upgrade = move |request: Request| super::upgrade(gateway.clone(), routes.clone(), request);
    Router::new().route("/live", get(upgrade)).nest("/live", management)
}

async fn serve(listener: TcpListener, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        let service = hyper::service::service_fn(move |request| app.clone().oneshot(request));
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

impl Client {
    async fn send(&mut self, message: impl Into<Message>) {
        soon(self.stream.send(message.into())).await.unwrap();
    }

    /// The next text, as JSON.
    async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    async fn text(&mut self) -> String {
        loop {
            match soon(self.stream.next()).await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("a text was expected, not {other:?}"),
            }
        }
    }

    /// What comes before the close frame, and the close frame's code and reason.
    async fn closed(&mut self) -> (Vec<String>, u16, String) {
        let mut before = Vec::new();
        loop {
            match soon(self.stream.next()).await {
                Some(Ok(Message::Text(text))) => before.push(text.to_string()),
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(Message::Close(Some(close)))) => return (before, close.code.into(), close.reason.to_string()),
                other => panic!("a close was expected, not {other:?}"),
            }
        }
    }
}
