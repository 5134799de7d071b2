//! A server that does what a test says.

use std::collections::HashMap;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::{Semaphore, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::frames::image;

pub const TOKEN: &str = "s3cret";

pub type Socket = WebSocketStream<TcpStream>;

pub struct Server {
    pub url: String,
    pub script: Arc<Script>,
    live: TcpListener,
}

/// What the server says, and what happened to it.
pub struct Script {
    pub settings: Mutex<Value>,
    pub form_url: Mutex<String>,
    /// Bodies of forms that were posted.
    posted: watch::Sender<Vec<Bytes>>,
    /// Forms that are being posted: now, and the most at once.
    posting: watch::Sender<(usize, usize)>,
    /// A posted form is answered when it gets through here.
    pub gate: Semaphore,
}

impl Server {
    /// Starts one that lets every form through.
    pub async fn start() -> Self {
        Self::with_gate(Semaphore::MAX_PERMITS).await
    }

    /// Starts one that lets no more than so many forms through at once.
    pub async fn with_gate(open: usize) -> Self {
        let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let live_url = format!("ws://{}/live", live.local_addr().unwrap());
        let script = Arc::new(Script {
            settings: Mutex::new(json!({"api": format!("{url}/api"), "live": live_url})),
            form_url: Mutex::new(format!("{url}/objects")),
            posted: watch::Sender::default(),
            posting: watch::Sender::default(),
            gate: Semaphore::new(open),
        });
        let elsewhere = || async { Redirect::temporary("http://127.0.0.1:1/api/images?q=dog") };
        let router = Router::new()
            .route(
                "/web/settings.json",
                get(async |State(script): State<Arc<Script>>| Json(script.settings.lock().unwrap().clone())),
            )
            .route("/api/uploads", post(begin))
            .route("/api/uploads/{id}", get(state))
            .route("/api/images", get(search))
            .route("/api/images/{id}", get(async |Path(id): Path<String>| Json(image(&id))))
            .route("/moved/images", get(elsewhere))
            .route("/objects", post(take))
            .with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script, live }
    }

    pub async fn stream(&self) -> TcpStream {
        self.live.accept().await.unwrap().0
    }

    /// Accepts a connection, sends frames and the answer to its subscription, and returns what was asked for.
    pub async fn subscribed(&self, before: &[Value], response: Value) -> (Socket, Value) {
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let check = |request: &server::Request, response: server::Response| {
            assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
            Ok(response)
        };
        let mut socket = accept_hdr_async(self.stream().await, check).await.unwrap();
        let request = socket.next().await.unwrap().unwrap().into_text().unwrap();
        for frame in before.iter().chain([&response]) {
            send(&mut socket, frame).await;
        }
        (socket, serde_json::from_str(&request).unwrap())
    }

    /// Waits until so many forms were posted; returns them.
    pub async fn posted(&self, count: usize) -> Vec<Bytes> {
        self.script.posted.subscribe().wait_for(|posted| posted.len() >= count).await.unwrap().clone()
    }

    /// Waits until so many forms are being posted.
    pub async fn posting(&self, count: usize) {
        self.script.posting.subscribe().wait_for(|(now, _)| *now >= count).await.unwrap();
    }

    /// The most forms that were posted at once.
    pub fn max_concurrency(&self) -> usize {
        self.script.posting.borrow().1
    }

    pub fn labelcast(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labelcast"));
        command.args(arguments).args(["--url", &self.url]).env("LABELCAST_TOKEN", TOKEN);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a command while the test goes on.
    pub fn run(&self, arguments: &[&str]) -> tokio::task::JoinHandle<Output> {
        let mut command = self.labelcast(arguments);
        tokio::spawn(async move { command.output().await.unwrap() })
    }
}

async fn begin(State(script): State<Arc<Script>>, headers: HeaderMap, Json(request): Json<Value>) -> Response {
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    let name = request["name"].as_str().unwrap();
    if name == "refused.jpg" {
        let error = json!({"error": {"code": "too_large", "message": "it is too large"}});
        return (StatusCode::PAYLOAD_TOO_LARGE, Json(error)).into_response();
    }
    let url = script.form_url.lock().unwrap().clone();
    let fields = json!({"key": "new/1", "policy": "p"});
    let begun = json!({"upload_id": name.replace(".jpg", ""), "url": url, "fields": fields});
    (StatusCode::CREATED, Json(begun)).into_response()
}

async fn take(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert!(!headers.contains_key("authorization"));
    script.posting.send_modify(|(now, most)| {
        *now += 1;
        *most = (*most).max(*now);
    });
    drop(script.gate.acquire().await.unwrap());
    script.posting.send_modify(|(now, _)| *now -= 1);
    script.posted.send_modify(|posted| posted.push(body));
    StatusCode::NO_CONTENT
}

async fn state(Path(id): Path<String>) -> Json<Value> {
    Json(json!({"upload_id": id, "state": "labelled", "image_id": "ab".repeat(32)}))
}

/// Endless pages of three images, however many were asked for.
async fn search(Query(request): Query<HashMap<String, String>>) -> Json<Value> {
    let page: usize = request.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let images: Vec<Value> = (0..3).map(|n| image(&format!("{:064x}", page * 3 + n))).collect();
    Json(json!({"images": images, "next": (page + 1).to_string()}))
}

pub async fn send(socket: &mut Socket, frame: &Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}
